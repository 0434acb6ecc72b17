//! Packets that the capture recorded twice: on two interfaces, at two layers, on two hops, in two files.
//!
//! A retransmission is a new packet: the host gives it another IP identification, or it comes later.

use crate::decode::{Segment, TcpOption};

/// Packets of a direction that are remembered.
const REMEMBERED: usize = 8;
/// With an IP identification the same packet may come again this much later, in nanoseconds: files of two
/// machines, slow capture layers.
const BY_ID: i64 = 1_000_000_000;
/// Without one (IPv6, or "don't fragment" with id 0) only this much later: below any retransmission timer.
const BY_TIME: i64 = 10_000_000;

/// The last packets of one direction.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// At most [`REMEMBERED`]; most connections of a scan have one.
    ring: Vec<Signature>,
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature {
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
    payload_len: u32,
    id: u32,
    timestamp: Option<(u32, u32)>,
    /// First bytes of the payload.
    head: [u8; 8],
    time: i64,
}

impl Recent {
    /// Whether the segment is one of the last packets again; remembers it when it is not.
    pub(super) fn is_duplicate(&mut self, segment: &Segment<'_>) -> bool {
        let new = signature(segment);
        if self.ring.iter().any(|old| same_packet(old, &new)) {
            return true;
        }
        match self.ring.get_mut(self.next) {
            Some(oldest) => *oldest = new,
            None => self.ring.push(new),
        }
        self.next = (self.next + 1) % REMEMBERED;
        false
    }
}

fn signature(segment: &Segment<'_>) -> Signature {
    let timestamp = segment.tcp.options().find_map(|option| match option {
        TcpOption::Timestamps(value, echo) => Some((value, echo)),
        _ => None,
    });
    let mut head = [0; 8];
    for (slot, byte) in head.iter_mut().zip(segment.payload) {
        *slot = *byte;
    }
    Signature {
        seq: segment.tcp.seq,
        ack: segment.tcp.ack,
        flags: segment.tcp.flags.0,
        window: segment.tcp.window,
        payload_len: segment.payload_len,
        id: segment.ip.id,
        timestamp,
        head,
        time: segment.at.time,
    }
}

fn same_packet(old: &Signature, new: &Signature) -> bool {
    let apart = new.time.saturating_sub(old.time).saturating_abs();
    let window = if new.id == 0 { BY_TIME } else { BY_ID };
    Signature { time: 0, ..*old } == Signature { time: 0, ..*new } && apart <= window
}
