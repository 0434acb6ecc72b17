//! One direction of a connection: sequence numbers, order, what was acknowledged.

use std::collections::BTreeMap;

use super::duplicate::Recent;
use super::{HalfSummary, Limits};
use crate::decode::{Segment, TcpFlags, TcpOption};

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Sequence number of offset 0: the first byte after the SYN, or the first byte seen.
    base: Option<u32>,
    /// Initial sequence number of its SYN.
    pub(super) isn: Option<u32>,
    /// Everything below was delivered, or is known to be lost.
    pub(super) next: u64,
    /// End of what was sent; a FIN counts one.
    pub(super) highest: u64,
    /// End of what the other side acknowledged.
    pub(super) acked: Option<u64>,
    /// Window that it last advertised, unscaled.
    pub(super) window: u16,
    /// Shift of its window, from its SYN.
    pub(super) scale: u8,
    pub(super) fin_at: Option<u64>,
    pub(super) fin_delivered: bool,
    pub(super) reset_sent: bool,
    /// It sent payload after the other side had closed or reset.
    pub(super) late_data: bool,
    /// Out-of-order bytes, by offset; they do not overlap.
    pub(super) waiting: BTreeMap<u64, Vec<u8>>,
    pub(super) waiting_bytes: usize,
    /// When the hole below the waiting bytes was first seen: time, and packets of the connection by then.
    pub(super) hole: Option<(i64, u64)>,
    /// Offset and number of repeats of the segment that is sent again and again.
    repeated: Option<(i64, u32)>,
    pub(super) keep_alives: u32,
    pub(super) zero_window: bool,
    /// Largest segment not acknowledged yet: end and length.
    largest_pending: Option<(u64, u32)>,
    pub(super) summary: HalfSummary,
    pub(super) recent: Recent,
}

impl Half {
    /// Notes the SYN: its sequence number and options.
    pub(super) fn syn(&mut self, segment: &Segment<'_>) {
        if self.isn.is_none() {
            self.isn = Some(segment.tcp.seq);
            self.base = Some(segment.tcp.seq.wrapping_add(1));
        }
        for option in segment.tcp.options() {
            match option {
                TcpOption::MaximumSegmentSize(size) => self.summary.mss = Some(size),
                TcpOption::WindowScale(shift) => self.scale = shift,
                _ => {}
            }
        }
    }

    /// Offset of a sequence number, near what is expected next; negative before the first byte. `None` when
    /// nothing of this direction was seen.
    pub(super) fn offset(&self, seq: u32) -> Option<i64> {
        let expected = self.base?.wrapping_add(self.next as u32);
        // The nearest of all numbers that are equal modulo 2^32.
        let distance = i64::from(seq.wrapping_sub(expected).cast_signed());
        i64::try_from(self.next).ok().map(|next| next.saturating_add(distance))
    }

    /// Offset of a segment's first byte; the first one seen defines it when the SYN was not.
    pub(super) fn start_of(&mut self, segment: &Segment<'_>) -> i64 {
        let shift = u32::from(segment.tcp.flags.has(TcpFlags::SYN));
        let seq = segment.tcp.seq.wrapping_add(shift);
        if self.base.is_none() {
            self.base = Some(seq);
        }
        self.offset(seq).unwrap_or_default()
    }

    /// Remembers the segment as the last one with payload.
    pub(super) fn note_last(&mut self, segment: &Segment<'_>) {
        self.summary.last_data = Some(segment.at);
        self.summary.last_data_len = segment.payload_len;
        self.summary.last_data_head = segment.payload.first_chunk().copied().unwrap_or_default();
    }

    /// Whether its numbers are known.
    pub(super) fn is_known(&self) -> bool {
        self.base.is_some()
    }

    /// Takes an acknowledgment of the other side; `true` when it says something new.
    pub(super) fn acknowledge(&mut self, ack: u32) -> bool {
        let Some(offset) = self.offset(ack).and_then(|offset| u64::try_from(offset).ok()) else { return false };
        let news = self.acked.is_none_or(|acked| offset > acked);
        if news {
            self.acked = Some(offset);
            self.repeated = None;
        }
        if let Some((end, len)) = self.largest_pending.filter(|(end, _)| *end <= offset) {
            self.summary.largest_acknowledged = self.summary.largest_acknowledged.max(len);
            if end <= offset {
                self.largest_pending = None;
            }
        }
        news
    }

    /// Notes that a segment was sent up to `end`.
    pub(super) fn sent(&mut self, end: u64, len: u32) {
        self.highest = self.highest.max(end);
        self.summary.largest_segment = self.summary.largest_segment.max(len);
        if self.largest_pending.is_none_or(|(_, largest)| len > largest) {
            self.largest_pending = Some((end, len));
        }
    }

    /// Counts a repeat of the segment at `offset`.
    pub(super) fn repeat(&mut self, offset: i64) -> u32 {
        let times = match self.repeated {
            Some((at, times)) if at == offset => times.saturating_add(1),
            _ => 1,
        };
        self.repeated = Some((offset, times));
        self.summary.retransmissions += 1;
        self.summary.max_repeats = self.summary.max_repeats.max(times);
        times
    }

    /// Holds bytes that came before their turn; gives the offset of a byte that came twice with other content.
    pub(super) fn hold(&mut self, mut offset: u64, mut bytes: &[u8]) -> Option<u64> {
        let mut conflict = None;
        if let Some((start, held)) = self.waiting.range(..=offset).next_back() {
            let overlap = (start + held.len() as u64).saturating_sub(offset).min(bytes.len() as u64);
            if overlap > 0 {
                // Both fit in memory, so they fit usize.
                let (known, rest) = bytes.split_at_checked(overlap as usize).unwrap_or((bytes, &[]));
                let at = (offset - start) as usize;
                let same = held.get(at..).is_some_and(|held| held.starts_with(known));
                conflict = (!same).then_some(offset);
                offset += overlap;
                bytes = rest;
            }
        }
        while !bytes.is_empty() {
            let next = self.waiting.range(offset..).next().map(|(start, held)| (*start, held.len()));
            let room = next.map_or(bytes.len() as u64, |(start, _)| start - offset).min(bytes.len() as u64);
            let (fresh, rest) = bytes.split_at_checked(room as usize).unwrap_or((bytes, &[]));
            if !fresh.is_empty() {
                self.waiting_bytes += fresh.len();
                self.waiting.insert(offset, fresh.to_vec());
            }
            offset += room;
            let Some((start, len)) = next.filter(|(start, _)| *start == offset) else { break };
            let (known, rest) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            let same = self.waiting.get(&start).is_some_and(|held| held.starts_with(known));
            if !same && !known.is_empty() {
                conflict.get_or_insert(start);
            }
            offset += known.len() as u64;
            bytes = rest;
        }
        conflict
    }

    /// The waiting bytes that come next, when their turn has come.
    pub(super) fn release(&mut self) -> Option<Vec<u8>> {
        loop {
            let start = *self.waiting.first_key_value()?.0;
            if start > self.next {
                return None;
            }
            let mut bytes = self.waiting.remove(&start)?;
            self.waiting_bytes -= bytes.len();
            let known = (self.next - start).min(bytes.len() as u64) as usize;
            bytes.drain(..known);
            if !bytes.is_empty() {
                return Some(bytes);
            }
        }
    }

    /// Whether what waits is more than may be held.
    pub(super) fn over(&self, limits: &Limits) -> bool {
        self.waiting_bytes > limits.out_of_order_bytes || self.waiting.len() > limits.out_of_order_segments
    }

    /// Lets go of everything that waits.
    pub(super) fn forget(&mut self) -> usize {
        self.waiting.clear();
        self.hole = None;
        std::mem::take(&mut self.waiting_bytes)
    }

    /// End of the data, without the FIN's place, that the other side acknowledged.
    pub(super) fn acked_data(&self) -> u64 {
        let acked = self.acked.unwrap_or_default();
        match self.fin_at {
            Some(fin) => acked.min(fin),
            // The last number may be that of a FIN that was not captured.
            None => acked.saturating_sub(u64::from(acked == self.next + 1)),
        }
    }
}
