//! What the transport of one connection said, before it is known which end is the client.

use super::story::Story;
use super::{Dir, Event, Moment, Signal};
use crate::steps::step;
use crate::stream::{DropReason, GapReason, IcmpReason, ResetShape};

/// RST packets kept.
const RESETS: usize = 8;
/// ICMP errors kept.
const ICMP: usize = 4;
/// Drops kept.
const DROPS: usize = 4;

/// Transport signals in the order of the capture.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    pub(super) syns: u32,
    pub(super) syn: Option<Moment>,
    pub(super) last_syn: Option<Moment>,
    pub(super) syn_acks: u32,
    pub(super) syn_ack: Option<Moment>,
    pub(super) established: Option<Moment>,
    pub(super) fins: [Option<Moment>; 2],
    pub(super) resets: Vec<Reset>,
    pub(super) icmp: Vec<IcmpSignal>,
    /// What the host dropped: whose, when, why.
    pub(super) dropped: Vec<(Dir, Moment, DropReason)>,
    pub(super) challenge_ack: Option<Moment>,
    pub(super) overlap_conflict: Option<Moment>,
    pub(super) first_gap: Option<Moment>,
    /// The last time that each direction lacked bytes, or had some that could not be read for that.
    pub(super) unheard: [Option<Moment>; 2],
    pub(super) last_retransmission: [Option<Moment>; 2],
    /// Keep-alive probes in a row without an answer, by who probes.
    pub(super) probes: [u32; 2],
    pub(super) story: Story,
}

/// A RST as it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reset {
    pub(super) dir: Dir,
    pub(super) at: Moment,
    pub(super) shape: ResetShape,
    /// Directions in which new data came after it.
    pub(super) data_after: [bool; 2],
    /// Its own end sent something after it, later than a capture puts packets out of order.
    pub(super) went_on: Option<Moment>,
}

/// Nanoseconds by which captures put packets of one end out of order at most.
const DISORDER: i64 = 1_000_000;
/// The same for an acknowledgment alone, which waits in other queues than data: some milliseconds were seen.
const BARE_DISORDER: i64 = 20_000_000;

/// An ICMP error as it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct IcmpSignal {
    pub(super) about: Dir,
    pub(super) at: Moment,
    pub(super) from: std::net::IpAddr,
    pub(super) reason: IcmpReason,
}

impl Signals {
    /// New data came: what it says of earlier RSTs.
    pub(super) fn data(&mut self, dir: Dir, at: Moment) {
        for reset in &mut self.resets {
            step(1);
            if reset.at.is_before(at) {
                let [a, b] = &mut reset.data_after;
                *(if dir == Dir::A { a } else { b }) = true;
            }
        }
    }

    /// A host that has sent RST says no more.
    fn went_on(&mut self, dir: Dir, bare: bool, at: Moment) {
        let disorder = if bare { BARE_DISORDER } else { DISORDER };
        for reset in &mut self.resets {
            if reset.dir == dir && at.time.since(reset.at.time) > disorder {
                reset.went_on.get_or_insert(at);
            }
        }
    }

    /// Bytes will not come. Where the snap length cut them, what they belong to is known.
    pub(super) fn gap(&mut self, dir: Dir, reason: GapReason, at: Moment) {
        self.first_gap.get_or_insert(at);
        if reason != GapReason::SnapLength {
            self.leave_unheard(dir, at);
        }
    }

    /// Bytes came; behind a gap they may be `lost` to whoever reads them.
    pub(super) fn heard(&mut self, dir: Dir, lost: bool, at: Moment) {
        if lost && self.first_gap.is_some() {
            self.leave_unheard(dir, at);
        }
    }

    fn leave_unheard(&mut self, dir: Dir, at: Moment) {
        let [a, b] = &mut self.unheard;
        *(if dir == Dir::A { a } else { b }) = Some(at);
    }

    pub(super) fn note(&mut self, event: &Event<'_>, at: Moment) {
        let pick = |pair: &mut [Option<Moment>; 2]| {
            let [a, b] = pair;
            let slot = if event.dir == Dir::A { a } else { b };
            slot.get_or_insert(at);
        };
        match event.signal {
            Signal::Syn { .. } => {
                self.syns += 1;
                self.syn.get_or_insert(at);
                self.last_syn = Some(at);
            }
            Signal::SynAck { .. } => {
                self.syn_acks += 1;
                self.syn_ack.get_or_insert(at);
            }
            Signal::HandshakeDone => {
                self.established.get_or_insert(at);
            }
            Signal::Retransmit { .. } => {
                let [a, b] = &mut self.last_retransmission;
                *(if event.dir == Dir::A { a } else { b }) = Some(at);
            }
            Signal::OverlapConflict { .. } => {
                self.overlap_conflict.get_or_insert(at);
            }
            Signal::KeepAlive { times } => {
                let [a, b] = &mut self.probes;
                *(if event.dir == Dir::A { a } else { b }) = times;
            }
            Signal::KeepAliveAnswered => self.probes = [0, 0],
            Signal::ChallengeAck => {
                self.challenge_ack.get_or_insert(at);
            }
            Signal::Fin => pick(&mut self.fins),
            Signal::WentOn { bare } => self.went_on(event.dir, bare, at),
            Signal::Reset(shape) => self.reset(event.dir, at, shape),
            Signal::Dropped(reason) if self.dropped.len() < DROPS => {
                self.dropped.push((event.dir, at, reason));
            }
            Signal::Icmp { from, reason } if self.icmp.len() < ICMP => {
                self.icmp.push(IcmpSignal { about: event.dir, at, from, reason });
            }
            _ => {}
        }
    }

    fn reset(&mut self, dir: Dir, at: Moment, shape: ResetShape) {
        if self.resets.len() < RESETS {
            self.resets.push(Reset { dir, at, shape, data_after: [false; 2], went_on: None });
        }
    }
}
