//! One connection: what a segment means for it.

use super::half::Half;
use super::{
    Dir, Event, GapReason, HalfSummary, Handler, Interest, Key, Limits, Previous, ResetShape, Signal,
};
use crate::decode::{At, Icmp, Segment, TcpFlags};

/// Packets of the connection, and nanoseconds, after which a hole that was acknowledged counts as not captured:
/// captures put packets out of order by a few places.
const HOLE_PACKETS: u64 = 16;
const HOLE_TIME: i64 = 500_000_000;

/// A connection that somebody listens to.
#[derive(Debug)]
pub(super) struct Connection<H> {
    pub(super) number: u64,
    pub(super) key: Key,
    pub(super) handler: H,
    pub(super) interest: Interest,
    halves: [Half; 2],
    pub(super) initiator: Option<Dir>,
    syns: u32,
    syn_acks: u32,
    established: bool,
    pub(super) first: At,
    pub(super) last: At,
    pub(super) previous: Option<Previous>,
    pub(super) ended: bool,
    packets: u64,
    /// Bytes held out of order, to be settled with the table's total.
    pub(super) held: usize,
    pub(super) duplicates: u64,
    pub(super) limit_hits: u64,
}

impl<H: Handler> Connection<H> {
    pub(super) fn new(number: u64, key: Key, handler: H, at: At, previous: Option<Previous>) -> Self {
        Self {
            number,
            key,
            handler,
            interest: Interest::Payload,
            halves: [Half::default(), Half::default()],
            initiator: None,
            syns: 0,
            syn_acks: 0,
            established: false,
            first: at,
            last: at,
            previous,
            ended: false,
            packets: 0,
            held: 0,
            duplicates: 0,
            limit_hits: 0,
        }
    }

    /// Whether a SYN opens another connection on the same tuple.
    pub(super) fn is_other_syn(&self, dir: Dir, segment: &Segment<'_>) -> bool {
        match (self.initiator, self.half(dir).isn) {
            // The same SYN again, or a SYN of the other side while it opens (simultaneous open).
            (Some(initiator), Some(isn)) if initiator == dir => isn != segment.tcp.seq,
            (Some(initiator), None) if initiator != dir => self.syn_acks > 0 || self.ended,
            (None, _) => self.packets > 0,
            _ => true,
        }
    }

    fn half(&self, dir: Dir) -> &Half {
        let [a, b] = &self.halves;
        match dir {
            Dir::A => a,
            Dir::B => b,
        }
    }

    fn pair(&mut self, dir: Dir) -> (&mut Half, &mut Half) {
        let [a, b] = &mut self.halves;
        match dir {
            Dir::A => (a, b),
            Dir::B => (b, a),
        }
    }

    fn tell(&mut self, dir: Dir, at: At, signal: Signal<'_>) {
        tell(&mut self.handler, &mut self.interest, dir, at, signal);
    }

    /// Takes a segment.
    pub(super) fn segment(&mut self, dir: Dir, segment: &Segment<'_>, limits: &Limits) {
        let flags = segment.tcp.flags;
        let reset = flags.has(TcpFlags::RST);
        let (half, _) = self.pair(dir);
        let duplicate = half.recent.is_duplicate(segment);
        if !reset {
            let ttl = segment.ip.ttl;
            let (low, high) = half.summary.ttl.unwrap_or((ttl, ttl));
            half.summary.ttl = Some((low.min(ttl), high.max(ttl)));
        }
        if duplicate {
            half.summary.duplicates += 1;
            self.duplicates += 1;
            return;
        }
        half.summary.packets += 1;
        half.summary.first.get_or_insert(segment.at);
        half.summary.last = Some(segment.at);
        self.packets += 1;
        self.last = self.last.max(segment.at);

        if flags.has(TcpFlags::SYN) {
            self.syn(dir, segment);
        }
        if reset {
            self.reset(dir, segment);
            return;
        }
        if flags.has(TcpFlags::ACK) {
            self.acknowledgment(dir, segment);
        }
        if !self.keep_alive(dir, segment) {
            if segment.payload_len > 0 {
                self.payload(dir, segment, limits);
            }
            if flags.has(TcpFlags::FIN) {
                self.fin(dir, segment);
            }
        }
        self.check_holes(segment.at);
    }

    fn syn(&mut self, dir: Dir, segment: &Segment<'_>) {
        let answer = segment.tcp.flags.has(TcpFlags::ACK);
        let (half, _) = self.pair(dir);
        half.syn(segment);
        half.highest = half.highest.max(half.next);
        if answer {
            self.initiator.get_or_insert(dir.other());
            self.syn_acks += 1;
            let attempt = self.syn_acks;
            self.tell(dir, segment.at, Signal::SynAck { attempt });
        } else {
            self.initiator.get_or_insert(dir);
            self.syns += 1;
            let attempt = self.syns;
            self.tell(dir, segment.at, Signal::Syn { attempt });
        }
    }

    fn acknowledgment(&mut self, dir: Dir, segment: &Segment<'_>) {
        let opening = self.previous.is_some_and(|previous| !previous.ended) && self.syn_acks == 0;
        let challenged = self.initiator == Some(dir.other()) && opening && !segment.tcp.flags.has(TcpFlags::SYN);
        let isn = self.half(dir.other()).isn;
        if challenged && isn.is_some_and(|isn| isn.wrapping_add(1) != segment.tcp.ack) {
            self.tell(dir, segment.at, Signal::ChallengeAck);
            return;
        }
        let (half, other) = self.pair(dir);
        let closed_window = segment.tcp.window == 0 && !segment.quality.header_cut;
        let closes = closed_window && !half.zero_window && !segment.tcp.flags.has(TcpFlags::SYN);
        half.zero_window = closed_window;
        half.summary.zero_windows += u64::from(closes);
        half.window = segment.tcp.window;
        other.acknowledge(segment.tcp.ack);
        let answered = other.keep_alives > 0;
        other.keep_alives = 0;
        if closes {
            self.tell(dir, segment.at, Signal::ZeroWindow);
        }
        if answered {
            self.tell(dir, segment.at, Signal::KeepAliveAnswered);
        }
        if !self.established && self.initiator == Some(dir) && self.syn_acks > 0 {
            self.established = true;
            self.tell(dir, segment.at, Signal::HandshakeDone);
        }
    }

    /// A probe: no byte or one, just below what is to be sent next, with nothing outstanding (RFC 9293 3.8.4).
    fn keep_alive(&mut self, dir: Dir, segment: &Segment<'_>) -> bool {
        let control = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;
        if segment.payload_len > 1 || segment.tcp.flags.0 & control != 0 {
            return false;
        }
        let (half, _) = self.pair(dir);
        let Some(offset) = half.offset(segment.tcp.seq) else { return false };
        let below = half.highest > 0 && offset + 1 == half.highest.cast_signed();
        let settled = half.acked.is_none_or(|acked| acked >= half.highest);
        if !below || !settled || half.fin_at.is_some() {
            return false;
        }
        half.keep_alives = half.keep_alives.saturating_add(1);
        half.summary.keep_alives += 1;
        let times = half.keep_alives;
        self.tell(dir, segment.at, Signal::KeepAlive { times });
        true
    }

    fn payload(&mut self, dir: Dir, segment: &Segment<'_>, limits: &Limits) {
        let interest = self.interest;
        let (half, other) = self.pair(dir);
        half.note_last(segment);
        half.late_data |= other.fin_at.is_some() || other.reset_sent;
        let start = half.start_of(segment);
        let len = i64::from(segment.payload_len);
        // Data from before the capture's first byte, or all of it seen before.
        let Ok(end) = u64::try_from(start + len) else { return };
        let known_end = if interest == Interest::Payload { half.next } else { half.highest };
        let repeated = end <= known_end || (start >= 0 && half.waiting.get(&start.cast_unsigned()).is_some_and(|held| held.len() as i64 >= len));
        if repeated {
            let times = half.repeat(start);
            let offset = u64::try_from(start).ok();
            self.tell(dir, segment.at, Signal::Retransmit { offset, len: segment.payload_len, times });
            return;
        }
        let before = half.highest;
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
        let missing = end.saturating_sub(at + fresh.len() as u64);
        if at > half.next {
            let conflict = half.hold(at, fresh);
            half.hole.get_or_insert((segment.at.time, 0));
            if half.hole.is_some_and(|(_, packets)| packets == 0) {
                let packets = self.packets;
                let (half, _) = self.pair(dir);
                half.hole = Some((segment.at.time, packets));
            }
            self.settle_held();
            if let Some(offset) = conflict {
                self.tell(dir, segment.at, Signal::OverlapConflict { offset });
            }
            let (half, _) = self.pair(dir);
            if half.over(limits) {
                self.limit_hits += 1;
                self.give_up_hole(dir, segment.at, GapReason::BufferFull);
            }
            return;
        }
        self.deliver(dir, segment.at, fresh);
        if missing > 0 {
            self.gap(dir, segment.at, missing, GapReason::SnapLength);
        }
        self.drain(dir, segment.at);
    }

    fn deliver(&mut self, dir: Dir, at: At, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (half, _) = self.pair(dir);
        let offset = half.next;
        half.next += bytes.len() as u64;
        half.summary.bytes += bytes.len() as u64;
        if self.interest == Interest::Payload {
            self.tell(dir, at, Signal::Data { offset, bytes });
        }
        if self.interest != Interest::Payload {
            self.drop_waiting();
        }
    }

    fn gap(&mut self, dir: Dir, at: At, len: u64, reason: GapReason) {
        let (half, _) = self.pair(dir);
        let offset = half.next;
        half.next += len;
        half.summary.missing += len;
        if self.interest == Interest::Payload {
            self.tell(dir, at, Signal::Gap { offset, len, reason });
        }
    }

    /// Delivers what waited for its turn, then the FIN.
    fn drain(&mut self, dir: Dir, at: At) {
        while let Some(bytes) = self.pair(dir).0.release() {
            self.deliver(dir, at, &bytes);
        }
        let (half, _) = self.pair(dir);
        if half.waiting.is_empty() {
            half.hole = None;
        }
        self.settle_held();
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

    fn fin(&mut self, dir: Dir, segment: &Segment<'_>) {
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
        if half.next < end && half.hole.is_none() {
            let packets = self.packets;
            self.pair(dir).0.hole = Some((segment.at.time, packets));
        }
        self.deliver_fin(dir, segment.at);
    }

    fn reset(&mut self, dir: Dir, segment: &Segment<'_>) {
        let shape = self.reset_shape(dir, segment);
        // What the two sides had still in the buffers was said before.
        self.flush_side(dir, segment.at);
        self.pair(dir).0.reset_sent = true;
        self.ended = true;
        self.tell(dir, segment.at, Signal::Reset(shape));
    }

    fn reset_shape(&mut self, dir: Dir, segment: &Segment<'_>) -> ResetShape {
        let initiator = self.initiator;
        let accepted = self.syn_acks > 0;
        let (half, other) = self.pair(dir);
        let ack = segment.tcp.flags.has(TcpFlags::ACK);
        let seq_offset = half.offset(segment.tcp.seq).map(|offset| {
            let at = u64::try_from(offset).ok();
            let fits = at.is_some_and(|at| at == half.next || at == half.highest || Some(at) == half.acked);
            if fits { 0 } else { offset - half.next.cast_signed() }
        });
        let refuses_syn = ack
            && !accepted
            && initiator == Some(dir.other())
            && other.isn.is_some_and(|isn| isn.wrapping_add(1) == segment.tcp.ack);
        let ack_implausible = ack
            && other.offset(segment.tcp.ack).is_some_and(|offset| {
                let below = other.acked.is_some_and(|acked| offset < acked.cast_signed());
                offset > other.highest.cast_signed() || below
            });
        let own_fin = half.fin_at.is_some();
        let peer_fin = other.fin_at.is_some();
        ResetShape {
            ack,
            ttl: segment.ip.ttl,
            host_ttl: half.summary.ttl,
            ip_id: segment.ip.id,
            seq_offset,
            receiver_window: u32::from(other.window) << other.scale.min(14),
            refuses_syn,
            ack_implausible,
            after_both_fins: own_fin && peer_fin,
            after_own_fin: own_fin,
            after_peer_fin: peer_fin,
            answers_late_data: (own_fin || half.reset_sent) && other.late_data,
            repeated: half.reset_sent || other.reset_sent,
        }
    }

    /// An ICMP error about a packet that `dir` sent.
    pub(super) fn icmp(&mut self, dir: Dir, icmp: &Icmp) {
        self.last = self.last.max(icmp.at);
        self.tell(dir, icmp.at, Signal::Icmp { from: icmp.from, reason: icmp.reason });
    }

    /// A hole that the other side acknowledged was sent and received: the capture has lost it.
    fn check_holes(&mut self, at: At) {
        for dir in [Dir::A, Dir::B] {
            let packets = self.packets;
            let half = self.half(dir);
            let acked = half.acked_data();
            if self.interest != Interest::Payload || !half.is_known() || acked <= half.next {
                continue;
            }
            match half.hole {
                None => self.pair(dir).0.hole = Some((at.time, packets)),
                Some((since, then)) => {
                    let late = at.time.saturating_sub(since) >= HOLE_TIME || packets - then >= HOLE_PACKETS;
                    if late {
                        self.give_up_hole(dir, at, GapReason::NotCaptured);
                    }
                }
            }
        }
    }

    /// Declares the hole below the waiting bytes (or below what was acknowledged) lost, and goes on.
    fn give_up_hole(&mut self, dir: Dir, at: At, reason: GapReason) {
        let half = self.half(dir);
        let next = half.next;
        let target = half.waiting.first_key_value().map_or_else(|| half.acked_data(), |(start, _)| *start);
        self.pair(dir).0.hole = None;
        if target > next {
            self.gap(dir, at, target - next, reason);
        }
        self.drain(dir, at);
        let packets = self.packets;
        let (half, _) = self.pair(dir);
        if !half.waiting.is_empty() {
            half.hole = Some((at.time, packets));
        }
    }

    /// Everything of one side that still waits: what is missing is named, the rest is delivered.
    fn flush_side(&mut self, dir: Dir, at: At) {
        loop {
            let half = self.half(dir);
            let (next, acked) = (half.next, half.acked_data());
            let target = match half.waiting.first_key_value() {
                Some((start, _)) => *start,
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

    /// The numbers of both directions.
    pub(super) fn summaries(&self) -> [HalfSummary; 2] {
        let of = |dir: Dir| {
            let (half, other) = (self.half(dir), self.half(dir.other()));
            let seen = other.summary.packets > 0;
            let acked = half.acked.unwrap_or_default();
            HalfSummary {
                unacknowledged: if seen { half.highest.saturating_sub(acked) } else { 0 },
                ..half.summary
            }
        };
        [of(Dir::A), of(Dir::B)]
    }

    fn drop_waiting(&mut self) {
        for half in &mut self.halves {
            half.forget();
        }
        self.settle_held();
    }

    fn settle_held(&mut self) {
        self.held = self.halves.iter().map(|half| half.waiting_bytes).sum();
    }
}

/// Tells the handler; its interest never rises again.
fn tell<H: Handler>(handler: &mut H, interest: &mut Interest, dir: Dir, at: At, signal: Signal<'_>) {
    if *interest != Interest::Nothing {
        *interest = (*interest).min(handler.on_event(&Event { at, dir, signal }));
    }
}
