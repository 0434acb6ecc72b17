//! One direction of a connection: sequence numbers, order, what was acknowledged.

use super::duplicate::Recent;
use super::hops::Hops;
use super::tail::Tail;
use super::waiting::Waiting;
use super::{HalfSummary, Limits};
use crate::decode::{Segment, TcpFlags, TcpOption};
use crate::steps::step;

/// Packets of the connection, and nanoseconds, after which bytes that were acknowledged but not seen count as
/// not captured: captures put packets out of order by a few places.
const HOLE_PACKETS: u64 = 16;
const HOLE_TIME: i64 = 500_000_000;
/// The largest window that is not scaled (RFC 9293 3.1), in bytes.
const LEAST_WINDOW: i64 = 1 << 16;

/// One direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Half {
    /// Sequence number of offset 0: the first byte after the SYN, or the first byte seen.
    base: Option<u32>,
    /// Sequence number of the first packet.
    first_seq: Option<u32>,
    /// Initial sequence number of its SYN.
    pub(super) isn: Option<u32>,
    /// Everything below was delivered, or is known to be lost.
    pub(super) next: u64,
    /// End of what was sent; a FIN counts one.
    pub(super) highest: u64,
    /// End of the data that was seen of it.
    seen: u64,
    /// End of what the other side acknowledged.
    pub(super) acked: Option<u64>,
    /// The other side's last acknowledgment number, while nothing of this direction was seen.
    early_ack: Option<u32>,
    /// Window that it last advertised, unscaled.
    pub(super) window: u16,
    /// Shift of its window, from its SYN.
    pub(super) scale: u8,
    pub(super) fin_at: Option<u64>,
    /// Smallest acknowledgment number that came with its FIN: one sent again may acknowledge more.
    fin_ack: Option<u32>,
    pub(super) fin_delivered: bool,
    pub(super) reset_sent: bool,
    /// It sent payload after the other side had closed or reset.
    pub(super) late_data: bool,
    /// Bytes that came before their turn.
    pub(super) waiting: Waiting,
    /// What was acknowledged and not seen, while there is hope for it.
    hole: Option<Hole>,
    /// Offset and number of repeats of the segment that is sent again and again.
    repeated: Option<(i64, u32)>,
    pub(super) keep_alives: u32,
    pub(super) zero_window: bool,
    /// Largest segment not acknowledged yet: end and length.
    largest_pending: Option<(u64, u32)>,
    pub(super) summary: HalfSummary,
    pub(super) recent: Recent,
    /// What the packet acknowledges that first brought the last of its data by their numbers.
    seen_ack: Option<u32>,
    /// TTLs of its packets.
    pub(super) hops: Hops,
    /// What was told last.
    pub(super) tail: Tail,
    /// Sequence and acknowledgment number of its last packet, when that was far from everything expected.
    stray: Option<(u32, u32)>,
}

/// Bytes below `acked` were acknowledged and had not been seen at `time`, the connection's packet `packets`.
#[derive(Debug, Clone, Copy)]
struct Hole {
    acked: u64,
    time: i64,
    packets: u64,
}

impl Half {
    /// Notes the SYN: its sequence number and options.
    pub(super) fn syn(&mut self, segment: &Segment<'_>) {
        if self.isn.is_none() {
            let first = segment.tcp.seq.wrapping_add(1);
            if self.base.is_some_and(|base| base != first) {
                // What was seen so far belongs to an earlier connection on the same tuple.
                let (recent, hops) = (std::mem::take(&mut self.recent), std::mem::take(&mut self.hops));
                *self = Self { summary: self.summary, recent, hops, ..Self::default() };
            }
            self.isn = Some(segment.tcp.seq);
            self.summary.syn_checksum_ok = segment.quality.checksum_ok;
            self.begin(first);
        }
        for option in segment.tcp.options() {
            step(1);
            match option {
                TcpOption::MaximumSegmentSize(size) => self.summary.mss = Some(size),
                TcpOption::WindowScale(shift) => self.scale = shift,
                _ => {}
            }
        }
    }

    /// A number that depends on what stands in each of its cache lines, to look at them.
    #[inline]
    pub(super) fn fetch(&self) -> u64 {
        self.next
            ^ u64::from(self.window)
            ^ self.summary.packets
            ^ self.summary.missing
            ^ u64::from(self.summary.last_data_len)
            ^ u64::from(self.summary.largest_segment)
            ^ self.seen
            ^ self.hops.fetch()
            ^ self.recent.fetch()
    }

    /// Whether data was told of that cannot follow a SYN of this number.
    pub(super) fn is_beyond(&self, isn: u32) -> bool {
        self.isn.is_none() && self.next > 0 && self.base.is_some_and(|base| base != isn.wrapping_add(1))
    }

    /// Whether what was seen so far may begin with this number: with that of the first packet or, where only the other
    /// side was seen, at most a `window` below what that acknowledges.
    pub(super) fn may_begin_at(&self, first: u32, window: i64) -> bool {
        match (self.first_seq, self.early_ack) {
            (Some(seq), _) => seq == first,
            (None, Some(ack)) => (0..=window).contains(&i64::from(ack.wrapping_sub(first).cast_signed())),
            (None, None) => false,
        }
    }

    /// The other side's SYN-ACK tells the initial sequence number of a SYN that was not seen, or not yet.
    pub(super) fn expect_syn(&mut self, ack: u32) {
        if self.base.is_none_or(|base| base == ack) {
            self.isn = Some(ack.wrapping_sub(1));
        }
        if self.base.is_none() {
            self.begin(ack);
        }
    }

    /// Offset 0 has this sequence number.
    pub(super) fn begin(&mut self, seq: u32) {
        self.base = Some(seq);
        // Of what its SYN begins nobody can have acknowledged more than the first window.
        let fits = |ack: &u32| {
            self.isn.is_none() || i64::from(ack.wrapping_sub(seq).cast_signed()).abs() <= LEAST_WINDOW
        };
        if let Some(ack) = self.early_ack.take().filter(fits) {
            self.acknowledge(ack);
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
            self.begin(seq);
        }
        self.offset(seq).unwrap_or_default()
    }

    /// Remembers the number of the first packet.
    pub(super) fn note_first(&mut self, segment: &Segment<'_>) {
        self.first_seq.get_or_insert(segment.tcp.seq);
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

    /// Takes an acknowledgment of the other side.
    pub(super) fn acknowledge(&mut self, ack: u32) {
        if self.base.is_none() {
            self.early_ack = Some(ack);
        }
        let Some(offset) = self.offset(ack).and_then(|offset| u64::try_from(offset).ok()) else { return };
        if self.acked.is_none_or(|acked| offset > acked) {
            self.acked = Some(offset);
            self.repeated = None;
        }
        if let Some((_, len)) = self.largest_pending.filter(|(end, _)| *end <= offset) {
            self.summary.largest_acknowledged = self.summary.largest_acknowledged.max(len);
            self.largest_pending = None;
        }
    }

    /// Bytes of its receive window, at least those of one that is not scaled: what is on its way may answer an earlier one.
    pub(super) fn window_bytes(&self) -> i64 {
        (i64::from(self.window) << self.scale.min(14)).max(LEAST_WINDOW)
    }

    /// Whether the numbers of a segment lie further than a window from all that was seen.
    #[inline]
    pub(super) fn is_far(&self, other: &Self, segment: &Segment<'_>) -> bool {
        let acknowledges = segment.tcp.flags.has(TcpFlags::ACK);
        let distance = self.distance(segment.tcp.seq);
        let acknowledged = if acknowledges { other.distance(segment.tcp.ack) } else { 0 };
        // No window is smaller.
        distance.max(acknowledged) > LEAST_WINDOW && self.is_beyond_windows(other, distance, acknowledged)
    }

    #[cold]
    fn is_beyond_windows(&self, other: &Self, distance: i64, acknowledged: i64) -> bool {
        // Else the scale of the windows is not known.
        let known = self.isn.is_some() && (other.isn.is_some() || other.summary.packets == 0);
        known && (distance > other.window_bytes() || acknowledged > self.window_bytes())
    }

    /// How far a number lies from the end of what was told or acknowledged, whichever is further on; 0 when nothing of this
    /// direction was seen.
    #[inline]
    fn distance(&self, number: u32) -> i64 {
        let Some(base) = self.base else { return 0 };
        let end = self.acked.map_or(self.next, |acked| acked.max(self.next));
        let expected = base.wrapping_add(self.next as u32);
        // Of all numbers that are equal modulo 2^32 that nearest to what is due.
        let from_next = i64::from(number.wrapping_sub(expected).cast_signed());
        (from_next - (end - self.next).cast_signed()).abs()
    }

    /// Whether a segment lies so far from all that was seen that its receiver cannot have taken it: it begins beyond the
    /// window, or acknowledges what cannot have been sent (RFC 9293 3.4, RFC 5961 5.2). Where the capture has lost so much, the next packet
    /// shows it: two that agree are believed.
    #[inline]
    pub(super) fn is_stray(&mut self, other: &Self, segment: &Segment<'_>) -> bool {
        if !self.is_far(other, segment) {
            self.stray = None;
            return false;
        }
        let (seq, ack) = (segment.tcp.seq, segment.tcp.ack);
        let near =
            |one: u32, other: u32| i64::from(one.wrapping_sub(other).cast_signed()).abs() <= LEAST_WINDOW;
        let last = self.stray.replace((seq, ack));
        !last.is_some_and(|(last_seq, last_ack)| near(last_seq, seq) && near(last_ack, ack))
    }

    /// Whether it sent a segment of this number, as far as is known. The capture may lack the last ones.
    pub(super) fn has_sent(&self, seq: u32) -> bool {
        let last = self.highest.saturating_add(LEAST_WINDOW.cast_unsigned()).cast_signed();
        let last = if self.highest == 0 { 0 } else { last };
        self.isn.is_none() || self.offset(seq).is_none_or(|offset| (-1..=last).contains(&offset))
    }

    /// The offset of the first byte that was seen of it and that its host knows nothing of, when this packet, which has no
    /// payload, shows that: it acknowledges more than the one with the last of those bytes, so that the host sent it later, in
    /// whatever order the two, and those between them, were recorded.
    pub(super) fn disowns(&self, other: &Self, segment: &Segment<'_>) -> Option<u64> {
        let offset = u64::try_from(self.offset(segment.tcp.seq)?).ok()?;
        let later = other.offset(segment.tcp.ack)? > other.offset(self.seen_ack?)?;
        // One below is a probe's number; where something was lost the host may begin again.
        let below = offset.saturating_add(1) < self.highest.min(self.seen) && self.repeated.is_none();
        (later && below && self.fin_at.is_none() && self.isn.is_some()).then_some(offset)
    }

    /// Its host sends nothing behind its FIN, or its RST: what waits there is not the host's, or was never taken. Whether data were
    /// told that lie there; where only a gap was, that is the FIN's own place.
    pub(super) fn forget_beyond(&mut self, end: u64) -> bool {
        self.waiting.forget_from(end);
        self.highest = self.highest.min(end.max(self.next));
        self.next > end && self.seen > end
    }

    /// The other side's RST acknowledges no more than was told: what waits behind a hole it never took.
    pub(super) fn forget_untaken(&mut self, reset: &Segment<'_>) {
        let acknowledges = reset.tcp.flags.has(TcpFlags::ACK) && self.isn.is_some();
        if acknowledges && self.offset(reset.tcp.ack) == i64::try_from(self.next).ok() {
            self.forget_beyond(self.next);
        }
    }

    /// Where its stream ends by the number of this RST, when that is one that its host would send: of what is due, or of what was
    /// acknowledged last.
    pub(super) fn end_by(&self, reset: &Segment<'_>) -> Option<u64> {
        let end = u64::try_from(self.offset(reset.tcp.seq)?).ok()?;
        let open = self.isn.is_some() && self.fin_at.is_none() && !self.reset_sent;
        (open && (end == self.next || Some(end) == self.acked)).then_some(end)
    }

    /// Notes what its FIN acknowledges.
    pub(super) fn note_fin(&mut self, segment: &Segment<'_>) {
        if segment.tcp.flags.has(TcpFlags::ACK) {
            let ack = segment.tcp.ack;
            let less = |known: u32| ack.wrapping_sub(known).cast_signed() < 0;
            self.fin_ack = self.fin_ack.filter(|known| !less(*known)).or(Some(ack));
        }
    }

    /// End of what was told of it, for what answers it. One byte more may be a FIN that is not in the capture.
    pub(super) fn heard(&self) -> u64 {
        self.next + 1
    }

    /// Whether the other side has acknowledged what was not told yet, of a side that is recorded at all.
    pub(super) fn has_unseen(&self) -> bool {
        self.acked > Some(self.heard()) && self.summary.packets > 0
    }

    /// End of what a segment of the other side acknowledges.
    pub(super) fn end_acknowledged_by(&self, segment: &Segment<'_>) -> u64 {
        let acknowledges = segment.tcp.flags.has(TcpFlags::ACK);
        let offset = self.offset(segment.tcp.ack).filter(|_| acknowledges);
        offset.and_then(|offset| u64::try_from(offset).ok()).unwrap_or_default()
    }

    /// End of what its FIN acknowledges, when that has to be seen before.
    pub(super) fn fin_after(&self, other: &Self) -> u64 {
        let offset = self.fin_ack.filter(|_| other.has_unseen()).and_then(|ack| other.offset(ack));
        offset.and_then(|offset| u64::try_from(offset).ok()).unwrap_or_default()
    }

    /// Its FIN was told, and acknowledged, and it sent no RST.
    pub(super) fn is_closed(&self) -> bool {
        self.fin_delivered && self.acked >= Some(self.highest) && !self.reset_sent
    }

    /// Nothing of it waits.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && (self.fin_delivered || self.fin_at.is_none())
    }

    /// Whether its FIN acknowledges more than all data that was seen of the other side: the other's FIN, which may have
    /// been lost.
    pub(super) fn answers_fin(&self, other: &Self) -> bool {
        let acknowledged = self.fin_ack.and_then(|ack| other.offset(ack));
        let data_end = other.fin_at.unwrap_or(other.seen);
        acknowledged.is_some_and(|offset| offset > data_end.cast_signed())
    }

    /// Whether a segment with this number, of no byte or one, probes whether the other side is still there: it
    /// lies just below what is to be sent next, and nothing is outstanding (RFC 9293 3.8.4). Behind a FIN that is the FIN's place,
    /// where a byte is garbage; without one it may be an earlier packet, recorded late.
    pub(super) fn is_probe(&self, segment: &Segment<'_>) -> bool {
        let below = segment.tcp.seq.wrapping_add(1);
        match self.offset(below) {
            Some(offset) => {
                let settled = self.acked.is_none_or(|acked| acked >= self.highest);
                match self.fin_at {
                    Some(fin) => offset == (fin + 1).cast_signed() && segment.payload_len == 1,
                    None => offset == self.highest.cast_signed() && settled,
                }
            }
            // The capture begins in the middle. The other side may have told what it expects; else only the
            // one byte of garbage that some stacks send tells a probe: what an application sends is pushed.
            None => {
                self.early_ack == Some(below)
                    || (segment.payload_len == 1 && !segment.tcp.flags.has(TcpFlags::PSH))
            }
        }
    }

    /// Notes that a segment with payload was sent up to `end`.
    pub(super) fn sent(&mut self, end: u64, segment: &Segment<'_>) {
        let len = segment.payload_len;
        if end > self.seen {
            self.seen = end;
            self.seen_ack = segment.tcp.flags.has(TcpFlags::ACK).then_some(segment.tcp.ack);
        }
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

    /// Whether what waits is more than may be held.
    pub(super) fn over(&self, limits: &Limits) -> bool {
        self.waiting.bytes() > limits.out_of_order_bytes || self.waiting.len() > limits.out_of_order_segments
    }

    /// Whether something was acknowledged and not delivered, or was so lately.
    #[inline]
    pub(super) fn may_have_hole(&self) -> bool {
        self.acked > Some(self.next) || self.hole.is_some()
    }

    /// End of what was acknowledged so long ago that what was not seen of it was not captured.
    pub(super) fn overdue(&mut self, time: i64, packets: u64) -> Option<u64> {
        let acked = self.acked_data();
        if !self.is_known() || acked <= self.next {
            self.hole = None;
            return None;
        }
        match self.hole.filter(|hole| hole.acked > self.next) {
            Some(hole) => {
                let late =
                    time.saturating_sub(hole.time) >= HOLE_TIME || packets - hole.packets >= HOLE_PACKETS;
                self.hole = self.hole.filter(|_| !late);
                late.then_some(hole.acked.min(acked))
            }
            None => {
                self.hole = Some(Hole { acked, time, packets });
                None
            }
        }
    }

    /// Lets go of everything that waits: payload is no more wanted.
    pub(super) fn forget(&mut self) {
        self.waiting = Waiting::default();
        self.tail = Tail::default();
        self.next = self.next.max(self.fin_at.unwrap_or(self.highest));
    }

    /// End of the data, without the FIN's place, that the other side acknowledged.
    pub(super) fn acked_data(&self) -> u64 {
        let acked = self.acked.unwrap_or_default();
        match self.fin_at {
            Some(fin) => acked.min(fin),
            // The last number may be that of a FIN that was not captured.
            None => acked.saturating_sub(u64::from(acked == self.next + 1 && self.waiting.is_empty())),
        }
    }
}
