//! The bytes of a direction, in order: what a segment adds, what is missing, when a FIN's turn has come.
//!
//! Order holds between the two directions as well: what acknowledges bytes that were not seen yet answers them, and waits
//! until they are, or are known to be lost.

use super::connection::Connection;
use super::half::Half;
use super::waiting::Released;
use super::{Dir, GapReason, Handler, Interest, Limits, Signal};
use crate::decode::{At, Segment};
use crate::steps::step;

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
        if let Some(fin) = half.fin_at.filter(|fin| start >= fin.cast_signed()) {
            // Nothing comes behind a FIN; in its very place one of the two is forged.
            let instead = start == fin.cast_signed();
            let signal = if instead { Signal::OverlapConflict { offset: fin } } else { Signal::Stray };
            self.tell(dir, segment.at, signal);
            if !instead {
                return;
            }
        }
        let (half, _) = self.pair(dir);
        let before = half.highest;
        let known_end = if interest == Interest::Payload { half.next } else { before };
        // One byte may be the garbage of a probe (RFC 9293 3.8.4).
        if let Some(offset) = half.tail.conflict(start, segment.payload).filter(|_| segment.payload_len > 1) {
            self.tell(dir, segment.at, Signal::OverlapConflict { offset });
        }
        let (half, other) = self.pair(dir);
        if end <= known_end {
            if !window_probe {
                self.repeated(dir, segment, start);
            }
            return;
        }
        half.sent(end, segment);
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
        let after = if other.has_unseen() { other.end_acknowledged_by(segment) } else { 0 };
        if at == half.next && cut == 0 && half.waiting.is_empty() && after <= other.heard() {
            let settled = half.is_settled() && other.is_settled();
            self.deliver(dir, segment.at, fresh);
            if !settled {
                self.drain(dir, segment.at);
            }
            return;
        }
        self.unsettled = true;
        let (half, _) = self.pair(dir);
        let held = half.waiting.hold(at, fresh, cut, after, segment.at);
        if let Some(offset) = held.conflict.filter(|_| segment.payload_len > 1) {
            self.tell(dir, segment.at, Signal::OverlapConflict { offset });
        }
        if !held.news {
            self.repeated(dir, segment, start);
        }
        self.drain(dir, segment.at);
        while self.half(dir).over(limits) {
            step(1);
            self.totals.limit_hits += 1;
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
            if self.handler.as_ref().is_some_and(Handler::compares) {
                let (half, _) = self.pair(dir);
                half.tail.push(offset, bytes);
            }
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

    /// Delivers what waited for its turn: in this direction, then in the other what answers it, and so on.
    fn drain(&mut self, dir: Dir, at: At) {
        self.drain_side(dir, at);
        let mut side = dir.other();
        while !self.half(side).is_settled() && self.drain_side(side, at) {
            step(1);
            side = side.other();
        }
    }

    /// Delivers what waited for its turn in one direction, then the FIN; whether there was any.
    fn drain_side(&mut self, dir: Dir, at: At) -> bool {
        let mut any = false;
        loop {
            step(1);
            let (half, other) = self.pair(dir);
            match half.waiting.release(half.next, other.heard()) {
                Some(released) => self.released(dir, at, released),
                None => break,
            }
            any = true;
        }
        self.deliver_fin(dir, at) || any
    }

    /// Delivers the first stretch that waits, although what it answers was not seen.
    fn release_unheard(&mut self, dir: Dir, at: At) {
        let (half, _) = self.pair(dir);
        if let Some(released) = half.waiting.release(half.next, u64::MAX) {
            self.released(dir, at, released);
        }
        self.drain(dir, at);
    }

    fn released(&mut self, dir: Dir, at: At, released: Released) {
        match released {
            // It came before the RST, also when it could be told only after it.
            Released::Bytes { bytes, at } if self.half(dir).reset_sent => self.deliver(dir, at, &bytes),
            Released::Bytes { bytes, .. } => self.deliver(dir, at, &bytes),
            Released::Cut(len) => self.gap(dir, at, len, GapReason::SnapLength),
        }
    }

    /// Tells the FIN when everything before it was told; whether it was its turn.
    fn deliver_fin(&mut self, dir: Dir, at: At) -> bool {
        let payload = self.interest == Interest::Payload;
        let (half, other) = self.pair(dir);
        let early = payload && half.fin_after(other) > other.heard();
        if half.fin_delivered || half.fin_at.is_none_or(|fin| half.next < fin) || early {
            return false;
        }
        half.fin_delivered = true;
        self.tell(dir, at, Signal::Fin);
        true
    }

    /// Takes a FIN.
    pub(super) fn fin(&mut self, dir: Dir, segment: &Segment<'_>) {
        let interest = self.interest;
        let (half, _) = self.pair(dir);
        let start = half.start_of(segment);
        let Ok(end) = u64::try_from(start + i64::from(segment.payload_len)) else { return };
        half.note_fin(segment);
        if half.fin_at.is_some() {
            if segment.payload_len == 0 {
                let times = half.repeat(start);
                self.tell(dir, segment.at, Signal::Retransmit { offset: None, len: 0, times });
            }
            return;
        }
        let forged = half.forget_beyond(end);
        half.fin_at = Some(end);
        half.highest = half.highest.max(end + 1);
        if forged {
            self.tell(dir, segment.at, Signal::OverlapConflict { offset: end });
        }
        let (half, _) = self.pair(dir);
        if interest != Interest::Payload {
            half.next = half.next.max(end);
        }
        self.ended |= self.halves.iter().all(|half| half.fin_at.is_some());
        self.deliver_fin(dir, segment.at);
    }

    /// What the other side acknowledged was sent and received: when it does not come, the capture has lost it.
    #[inline]
    pub(super) fn check_holes(&mut self, at: At) {
        if self.interest == Interest::Payload && self.halves.iter().any(Half::may_have_hole) {
            self.close_holes(at);
        }
    }

    fn close_holes(&mut self, at: At) {
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
            step(1);
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
        let half = self.half(dir);
        match half.waiting.first() {
            Some(start) if start <= half.next => self.release_unheard(dir, at),
            Some(start) => self.give_up(dir, at, start, GapReason::BufferFull),
            None => self.pair(dir).0.forget(),
        }
    }

    /// Everything that waits is delivered, so that nothing is held.
    pub(super) fn give_up_all_holes(&mut self, at: At) {
        for dir in [Dir::A, Dir::B] {
            while !self.half(dir).waiting.is_empty() {
                step(1);
                self.give_up_first_hole(dir, at);
            }
        }
        self.settle_held();
    }

    /// Everything of one side that still waits: what is missing is named, the rest is delivered, except for what answers
    /// bytes that were not seen yet.
    pub(super) fn flush_side(&mut self, dir: Dir, at: At) {
        while self.flush_hole(dir, at) {}
        self.drain(dir, at);
    }

    /// Gives up what is missing next, if there is something behind it.
    fn flush_hole(&mut self, dir: Dir, at: At) -> bool {
        let half = self.half(dir);
        let (next, acked) = (half.next, half.acked_data());
        let target = match half.waiting.first() {
            Some(start) => start,
            None if half.is_known() && acked > next => acked,
            None => half.fin_at.unwrap_or(next),
        };
        if target <= next {
            return false;
        }
        let reason = if acked >= target { GapReason::NotCaptured } else { GapReason::Lost };
        self.gap(dir, at, target - next, reason);
        self.drain(dir, at);
        true
    }

    /// The connection is handed out: nothing more will come.
    pub(super) fn flush(&mut self) {
        let at = self.last;
        self.drain(Dir::A, at);
        loop {
            step(1);
            if self.flush_hole(Dir::A, at) || self.flush_hole(Dir::B, at) {
                continue;
            }
            let held = [Dir::A, Dir::B].into_iter().find(|dir| !self.half(*dir).waiting.is_empty());
            let Some(dir) = held else { break };
            self.release_unheard(dir, at);
        }
        self.drain(Dir::A, at);
    }
}
