//! The bytes of a direction, in order: what a segment adds, what is missing, when a FIN's turn has come.

use super::connection::Connection;
use super::waiting::Released;
use super::{Dir, GapReason, Handler, Interest, Limits, Signal};
use crate::decode::{At, Segment};

impl<H: Handler> Connection<H> {
    /// Takes a segment's payload.
    pub(super) fn payload(&mut self, dir: Dir, segment: &Segment<'_>, limits: &Limits) {
        let interest = self.interest;
        let (half, other) = self.pair(dir);
        half.note_last(segment);
        half.late_data |= other.fin_at.is_some() || other.reset_sent;
        let window_probe = other.zero_window && segment.payload_len == 1;
        let start = half.start_of(segment);
        // Data from before the capture's first byte.
        let Ok(end) = u64::try_from(start + i64::from(segment.payload_len)) else { return };
        let before = half.highest;
        let known_end = if interest == Interest::Payload { half.next } else { before };
        if end <= known_end {
            if !window_probe {
                self.repeated(dir, segment, start);
            }
            return;
        }
        half.sent(end, segment.payload_len);
        if interest != Interest::Payload {
            half.summary.bytes += end.saturating_sub(before);
            half.next = half.next.max(end);
            return;
        }
        // What lies below `next` was delivered; negative offsets lie before the first byte seen.
        let skip = (half.next.cast_signed() - start).max(0);
        let fresh = segment.payload.get(usize::try_from(skip).unwrap_or(usize::MAX)..).unwrap_or_default();
        let at = (start + skip).cast_unsigned();
        let cut = end.saturating_sub(at + fresh.len() as u64);
        if at == half.next && cut == 0 && half.waiting.is_empty() {
            self.deliver(dir, segment.at, fresh);
            self.deliver_fin(dir, segment.at);
            return;
        }
        let held = half.waiting.hold(at, fresh, cut);
        if let Some(offset) = held.conflict {
            self.tell(dir, segment.at, Signal::OverlapConflict { offset });
        }
        if !held.news {
            self.repeated(dir, segment, start);
        }
        self.drain(dir, segment.at);
        while self.half(dir).over(limits) {
            self.limit_hits += 1;
            self.give_up_first_hole(dir, segment.at);
        }
    }

    fn repeated(&mut self, dir: Dir, segment: &Segment<'_>, start: i64) {
        let times = self.pair(dir).0.repeat(start);
        let offset = u64::try_from(start).ok();
        self.tell(dir, segment.at, Signal::Retransmit { offset, len: segment.payload_len, times });
    }

    fn deliver(&mut self, dir: Dir, at: At, bytes: &[u8]) {
        let (half, _) = self.pair(dir);
        let offset = half.next;
        half.next += bytes.len() as u64;
        half.summary.bytes += bytes.len() as u64;
        if self.interest == Interest::Payload {
            self.tell(dir, at, Signal::Data { offset, bytes });
            self.heed_interest();
        }
    }

    fn gap(&mut self, dir: Dir, at: At, len: u64, reason: GapReason) {
        let (half, _) = self.pair(dir);
        let offset = half.next;
        half.next += len;
        half.highest = half.highest.max(half.next);
        half.summary.missing += len;
        if self.interest == Interest::Payload {
            self.tell(dir, at, Signal::Gap { offset, len, reason });
            self.heed_interest();
        }
    }

    /// Payload that is no more wanted is not held.
    fn heed_interest(&mut self) {
        if self.interest != Interest::Payload {
            for half in &mut self.halves {
                half.forget();
            }
        }
    }

    /// Delivers what waited for its turn, then the FIN.
    fn drain(&mut self, dir: Dir, at: At) {
        loop {
            let (half, _) = self.pair(dir);
            match half.waiting.release(half.next) {
                Some(Released::Bytes(bytes)) => self.deliver(dir, at, &bytes),
                Some(Released::Cut(len)) => self.gap(dir, at, len, GapReason::SnapLength),
                None => break,
            }
        }
        self.deliver_fin(dir, at);
    }

    fn deliver_fin(&mut self, dir: Dir, at: At) {
        let (half, _) = self.pair(dir);
        if half.fin_delivered || half.fin_at.is_none_or(|fin| half.next < fin) {
            return;
        }
        half.fin_delivered = true;
        self.tell(dir, at, Signal::Fin);
        self.ended |= self.halves.iter().all(|half| half.fin_at.is_some());
    }

    /// Takes a FIN.
    pub(super) fn fin(&mut self, dir: Dir, segment: &Segment<'_>) {
        let interest = self.interest;
        let (half, _) = self.pair(dir);
        let start = half.start_of(segment);
        let Ok(end) = u64::try_from(start + i64::from(segment.payload_len)) else { return };
        if half.fin_at.is_some() {
            if segment.payload_len == 0 {
                let times = half.repeat(start);
                self.tell(dir, segment.at, Signal::Retransmit { offset: None, len: 0, times });
            }
            return;
        }
        half.fin_at = Some(end);
        half.highest = half.highest.max(end + 1);
        if interest != Interest::Payload {
            half.next = half.next.max(end);
        }
        self.deliver_fin(dir, segment.at);
    }

    /// What the other side acknowledged was sent and received: when it does not come, the capture has lost it.
    pub(super) fn check_holes(&mut self, at: At) {
        if self.interest != Interest::Payload {
            return;
        }
        let packets = self.packets;
        for dir in [Dir::A, Dir::B] {
            if let Some(end) = self.pair(dir).0.overdue(at.time, packets) {
                self.give_up(dir, at, end, GapReason::NotCaptured);
            }
        }
    }

    /// Delivers what waits below `end`; what is missing there is lost.
    fn give_up(&mut self, dir: Dir, at: At, end: u64, reason: GapReason) {
        loop {
            let half = self.half(dir);
            let next = half.next;
            let target = half.waiting.first().map_or(end, |start| start.min(end));
            if target <= next {
                break;
            }
            self.gap(dir, at, target - next, reason);
            self.drain(dir, at);
        }
    }

    /// Too much waits: the first hole is given up for it.
    fn give_up_first_hole(&mut self, dir: Dir, at: At) {
        match self.half(dir).waiting.first() {
            Some(start) => self.give_up(dir, at, start, GapReason::BufferFull),
            None => self.pair(dir).0.forget(),
        }
    }

    /// Everything that waits is delivered, so that nothing is held.
    pub(super) fn give_up_all_holes(&mut self, at: At) {
        for dir in [Dir::A, Dir::B] {
            while !self.half(dir).waiting.is_empty() {
                self.give_up_first_hole(dir, at);
            }
        }
        self.settle_held();
    }

    /// Everything of one side that still waits: what is missing is named, the rest is delivered.
    pub(super) fn flush_side(&mut self, dir: Dir, at: At) {
        loop {
            let half = self.half(dir);
            let (next, acked) = (half.next, half.acked_data());
            let target = match half.waiting.first() {
                Some(start) => start,
                None if half.is_known() && acked > next => acked,
                None => half.fin_at.unwrap_or(next),
            };
            if target <= next {
                break;
            }
            let reason = if acked >= target { GapReason::NotCaptured } else { GapReason::Lost };
            self.gap(dir, at, target - next, reason);
            self.drain(dir, at);
        }
        self.drain(dir, at);
    }

    /// The connection is handed out: nothing more will come.
    pub(super) fn flush(&mut self) {
        let at = self.last;
        self.flush_side(Dir::A, at);
        self.flush_side(Dir::B, at);
    }
}
