//! One connection: what a segment means for it.

use std::hint::black_box;
use std::net::IpAddr;

use hashbrown::DefaultHashBuilder;

use super::half::Half;
use super::{
    Closed, Dir, Event, HalfSummary, Handler, IDLE, Interest, IpIds, Key, Limits, Previous, Signal,
    Tunnelled, Woke,
};
use crate::capture::DropReason;
use crate::decode::{At, Icmp, Segment, TcpFlags};

/// Bytes that a client can have sent at most when it answers a SYN-ACK that was not captured: the largest
/// window that a SYN-ACK can grant, which is not scaled (RFC 7323 2.2).
const FIRST_WINDOW: i64 = 1 << 16;
/// Nanoseconds after a connection's first packet within which its SYN may still be recorded: captures put packets out
/// of order by less.
const LATE_SYN: i64 = 1_000_000_000;

/// A connection that somebody listens to.
#[derive(Debug, Clone)]
pub(super) struct Connection<H> {
    pub(super) number: u64,
    pub(super) key: Key,
    /// The keyed hash of that.
    pub(super) hash: u64,
    /// `None` once it was handed out.
    pub(super) handler: Option<H>,
    pub(super) interest: Interest,
    pub(super) halves: [Half; 2],
    pub(super) initiator: Option<Dir>,
    syns: u32,
    pub(super) syn_acks: u32,
    established: bool,
    pub(super) first: At,
    pub(super) last: At,
    pub(super) previous: Option<Previous>,
    pub(super) woke: Option<Woke>,
    /// Boxed: few connections have one.
    pub(super) tunnelled: Option<Box<Tunnelled>>,
    pub(super) ended: bool,
    pub(super) packets: u64,
    pub(super) totals: Totals,
    /// What is held has to be counted anew.
    pub(super) unsettled: bool,
    /// Its packets when it was last shown as it stood.
    pub(super) shown: u64,
}

/// What a connection adds to the table's totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// Bytes held, out of order and by the handler.
    pub(super) held: usize,
    /// Bytes of memory that it takes without them.
    pub(super) state: usize,
    pub(super) duplicates: u64,
    pub(super) limit_hits: u64,
}

impl<H: Handler> Connection<H> {
    /// Bytes that one takes by itself, with its places in the table's index and queues.
    const OWN: usize = size_of::<Self>() + 192;

    pub(super) fn new(
        number: u64,
        key: Key,
        hash: u64,
        handler: H,
        at: At,
        previous: Option<Previous>,
    ) -> Self {
        Self {
            number,
            key,
            hash,
            handler: Some(handler),
            interest: Interest::Payload,
            halves: [Half::default(), Half::default()],
            initiator: None,
            syns: 0,
            syn_acks: 0,
            established: false,
            first: at,
            last: at,
            previous,
            woke: None,
            tunnelled: None,
            ended: false,
            packets: 0,
            totals: Totals { state: Self::OWN, ..Totals::default() },
            unsettled: false,
            shown: 0,
        }
    }

    /// Whether a SYN (or the SYN-ACK to a SYN that was not captured) opens another connection on the same tuple.
    pub(super) fn is_other_syn(&self, dir: Dir, segment: &Segment<'_>) -> bool {
        let beyond = self.half(dir).is_beyond(segment.tcp.seq);
        if beyond || segment.tcp.flags.has(TcpFlags::ACK) {
            return beyond;
        }
        match (self.initiator, self.half(dir).isn) {
            // The same SYN again, recorded after its answer, or sent by both sides (simultaneous open).
            (Some(_), Some(isn)) => isn != segment.tcp.seq,
            (Some(initiator), None) if initiator != dir => self.syn_acks > 0 || self.ended,
            (None, _) => self.packets > 0 && !self.is_late_syn(dir, segment),
            _ => true,
        }
    }

    /// Whether this SYN opened the connection, some packets of which were recorded before it.
    fn is_late_syn(&self, dir: Dir, segment: &Segment<'_>) -> bool {
        let soon = segment.at.time.saturating_sub(self.first.time) < LATE_SYN;
        soon && self.half(dir).may_begin_at(segment.tcp.seq.wrapping_add(1), FIRST_WINDOW)
    }

    /// Looks at what the next packet needs, in one place after the other: what is not in the cache is then fetched together.
    #[inline]
    pub(super) fn fetch(&self, dir: Dir) {
        let (mine, other) = (self.half(dir), self.half(dir.other()));
        let sum = self.number
            ^ self.hash
            ^ self.packets
            ^ self.last.time.cast_unsigned()
            ^ mine.fetch()
            ^ other.fetch();
        black_box(sum);
    }

    pub(super) fn half(&self, dir: Dir) -> &Half {
        let [a, b] = &self.halves;
        match dir {
            Dir::A => a,
            Dir::B => b,
        }
    }

    pub(super) fn pair(&mut self, dir: Dir) -> (&mut Half, &mut Half) {
        let [a, b] = &mut self.halves;
        match dir {
            Dir::A => (a, b),
            Dir::B => (b, a),
        }
    }

    /// Tells the handler; its interest never rises again.
    pub(super) fn tell(&mut self, dir: Dir, at: At, signal: Signal<'_>) {
        if let Some(handler) = &mut self.handler
            && self.interest != Interest::Nothing
        {
            self.interest = self.interest.min(handler.on_event(&Event { at, dir, signal }));
            self.unsettled = true;
        }
    }

    /// Nanoseconds of silence after which the connection, which has ended, is let go. When both sides have closed, and
    /// have taken that the other has, only copies are still to come; after a RST somebody who does not heed it may go on.
    pub(super) fn linger(&self, limits: &Limits) -> i64 {
        let closed = self.halves.iter().all(Half::is_closed);
        if closed { limits.linger_closed } else { limits.linger_ended }
    }

    /// The client's initial sequence number.
    pub(super) fn isn(&self) -> Option<u32> {
        self.half(self.initiator?).isn
    }

    /// Takes a segment.
    pub(super) fn segment(
        &mut self,
        dir: Dir,
        segment: &Segment<'_>,
        limits: &Limits,
        keyed: &DefaultHashBuilder,
    ) {
        let flags = segment.tcp.flags;
        let reset = flags.has(TcpFlags::RST);
        if let (Some(tunnel), None) = (segment.tunnel, &self.tunnelled) {
            self.tunnelled = Some(Box::new(Tunnelled { at: segment.at, dir, tunnel }));
        }
        let (half, _) = self.pair(dir);
        let duplicate = half.recent.is_duplicate(segment, keyed);
        let stray = !duplicate && self.is_stray(dir, segment);
        let (half, _) = self.pair(dir);
        if !reset && !stray {
            half.hops.note(segment.ip.ttl, segment.at, segment.payload_len > 0);
        }
        if duplicate {
            half.summary.duplicates += 1;
            self.totals.duplicates += 1;
            self.drop_of(dir, segment);
            return;
        }
        if stray {
            self.tell(dir, segment.at, Signal::Stray);
            self.drop_of(dir, segment);
            return;
        }
        half.summary.packets += 1;
        half.note_first(segment);
        half.summary.first.get_or_insert(segment.at);
        half.summary.last = Some(segment.at);
        if let (IpAddr::V4(_), false) = (segment.ip.src, reset) {
            IpIds::note(&mut half.summary.ip_ids, segment.ip.id as u16);
        }
        self.packets += 1;
        let silence = segment.at.time.saturating_sub(self.last.time).max(0);
        if silence >= IDLE && !reset {
            self.woke = Some(Woke { silence, at: segment.at, dir });
        }
        if segment.at.time > self.last.time || segment.at > self.last {
            self.last = segment.at;
        }

        if !reset && !flags.has(TcpFlags::SYN) && self.half(dir).reset_sent {
            let bare = segment.payload_len == 0 && !flags.has(TcpFlags::FIN);
            self.tell(dir, segment.at, Signal::WentOn { bare });
        }
        if flags.has(TcpFlags::SYN) {
            self.syn(dir, segment);
        }
        if reset {
            self.reset(dir, segment, silence);
        } else if !self.is_stale(dir, segment) {
            self.transfer(dir, segment, limits);
        } else if segment.payload_len == 0 && !flags.has(TcpFlags::FIN) {
            self.tell(dir, segment.at, Signal::ChallengeAck);
        }
        self.drop_of(dir, segment);
        if self.unsettled {
            self.settle_held();
        }
    }

    /// Tells that the host which was traced dropped the segment, where it says so.
    fn drop_of(&mut self, dir: Dir, segment: &Segment<'_>) {
        if let Some(reason) = DropReason::of_interface(segment.interface) {
            self.tell(dir, segment.at, Signal::Dropped(reason));
        }
    }

    /// Takes what a segment acknowledges and carries.
    fn transfer(&mut self, dir: Dir, segment: &Segment<'_>, limits: &Limits) {
        let flags = segment.tcp.flags;
        if flags.has(TcpFlags::ACK) {
            self.acknowledgment(dir, segment);
        }
        if !self.probe(dir, segment) {
            if segment.payload_len > 0 {
                self.payload(dir, segment, limits);
            }
            if flags.has(TcpFlags::FIN) {
                self.fin(dir, segment);
            } else if segment.payload_len == 0 {
                self.disowned(dir, segment);
            }
        }
        self.check_holes(segment.at);
    }

    /// Whether its receiver cannot have taken the segment.
    fn is_stray(&mut self, dir: Dir, segment: &Segment<'_>) -> bool {
        let flags = segment.tcp.flags;
        if flags.has(TcpFlags::SYN) || flags.has(TcpFlags::RST) {
            return self.answers_no_syn(dir, segment);
        }
        let (half, other) = self.pair(dir);
        flags.has(TcpFlags::ACK) && half.is_stray(other, segment)
    }

    /// Whether a SYN-ACK answers another SYN than the one that was sent: it acknowledges neither that nor data that came with
    /// it (RFC 9293 3.10.7.3, RFC 7413).
    fn answers_no_syn(&self, dir: Dir, segment: &Segment<'_>) -> bool {
        let (flags, caller) = (segment.tcp.flags, self.half(dir.other()));
        let syn_ack = flags.has(TcpFlags::SYN) && flags.has(TcpFlags::ACK);
        let acknowledged = caller.offset(segment.tcp.ack).filter(|_| syn_ack && caller.isn.is_some());
        acknowledged.is_some_and(|end| !(0..=caller.highest.cast_signed()).contains(&end))
    }

    /// Whether the segment belongs to an earlier connection on the same tuple: its sender was sent a SYN, has
    /// not accepted it, and acknowledges something else.
    fn is_stale(&self, dir: Dir, segment: &Segment<'_>) -> bool {
        let flags = segment.tcp.flags;
        let opening = self.initiator == Some(dir.other()) && self.syn_acks == 0;
        if !opening || !flags.has(TcpFlags::ACK) || flags.has(TcpFlags::SYN) {
            return false;
        }
        match self.half(dir.other()).offset(segment.tcp.ack) {
            Some(0) | None => false,
            // The SYN-ACK may be missing in the capture.
            Some(offset) => {
                let alive = self.previous.is_some_and(|previous| !previous.ended);
                alive || !(0..=FIRST_WINDOW).contains(&offset)
            }
        }
    }

    fn syn(&mut self, dir: Dir, segment: &Segment<'_>) {
        let answer = segment.tcp.flags.has(TcpFlags::ACK);
        let (half, _) = self.pair(dir);
        half.syn(segment);
        if answer {
            self.pair(dir).1.expect_syn(segment.tcp.ack);
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

    /// A packet without payload has the number of what its host sends next: it knows nothing of what was told beyond that.
    fn disowned(&mut self, dir: Dir, segment: &Segment<'_>) {
        let (half, other) = self.pair(dir);
        if let Some(offset) = half.disowns(other, segment) {
            self.tell(dir, segment.at, Signal::OverlapConflict { offset });
        }
    }

    /// A probe of a connection that is idle, or of a window that is closed (RFC 9293 3.8.6.1).
    fn probe(&mut self, dir: Dir, segment: &Segment<'_>) -> bool {
        let control = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0;
        if segment.payload_len > 1 || segment.tcp.flags.0 & control != 0 {
            return false;
        }
        let (half, other) = self.pair(dir);
        if !half.is_probe(segment) {
            return false;
        }
        if !half.is_known() {
            half.begin(segment.tcp.seq.wrapping_add(1));
        }
        if other.zero_window {
            return true;
        }
        half.keep_alives = half.keep_alives.saturating_add(1);
        half.summary.keep_alives += 1;
        let times = half.keep_alives;
        self.tell(dir, segment.at, Signal::KeepAlive { times });
        true
    }

    /// An ICMP error about a packet that `dir` sent; one that quotes what was never sent is forged (RFC 5927 4.1).
    pub(super) fn icmp(&mut self, dir: Dir, icmp: &Icmp) {
        if !self.half(dir).has_sent(icmp.seq) {
            return;
        }
        self.last = self.last.max(icmp.at);
        self.tell(dir, icmp.at, Signal::Icmp { from: icmp.from, reason: icmp.reason });
    }

    /// Ends it: what waited is delivered; what is known of it when somebody listens.
    pub(super) fn conclude(&mut self, evicted: bool) -> Option<Closed<H>> {
        self.flush();
        if self.interest == Interest::Nothing || !self.handler.as_ref().is_some_and(Handler::is_told) {
            return None;
        }
        Some(Closed {
            number: self.number,
            key: self.key,
            initiator: self.initiator,
            first: self.first,
            last: self.last,
            halves: self.summaries(),
            previous: self.previous,
            woke: self.woke,
            tunnelled: self.tunnelled.clone(),
            evicted,
            handler: self.handler.take()?,
        })
    }

    /// The numbers of both directions.
    pub(super) fn summaries(&self) -> [HalfSummary; 2] {
        let of = |dir: Dir| {
            let (half, other) = (self.half(dir), self.half(dir.other()));
            let seen = other.summary.packets > 0;
            let acked = half.acked.unwrap_or_default();
            HalfSummary {
                unacknowledged: if seen { half.highest.saturating_sub(acked) } else { 0 },
                answers_fin: half.answers_fin(other),
                ttl: half.hops.host(),
                foreign_data: half.hops.foreign_data(),
                ..half.summary
            }
        };
        [of(Dir::A), of(Dir::B)]
    }

    /// Counts anew what is held.
    pub(super) fn settle_held(&mut self) {
        self.unsettled = false;
        let waiting: usize = self.halves.iter().map(|half| half.waiting.bytes()).sum();
        let listens = self.handler.as_ref().filter(|_| self.interest != Interest::Nothing);
        let handler = listens.map_or(0, Handler::held_bytes);
        self.totals.held = waiting + handler;
        let told: usize = self.halves.iter().map(|half| half.tail.capacity()).sum();
        self.totals.state = Self::OWN + told + self.handler.as_ref().map_or(0, Handler::state_bytes);
    }
}
