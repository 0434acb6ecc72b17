//! Packets that the capture recorded twice: on two interfaces, at two layers, on two hops, in two files.
//!
//! A retransmission is a new packet: the host gives it another IP identification, or it comes later.

use std::hash::{BuildHasher, Hasher};

use crate::decode::Segment;

/// Packets of a direction that are remembered.
const REMEMBERED: usize = 8;
/// With an IP identification the same packet may come again this much later, in nanoseconds: files of two
/// machines, slow capture layers.
const BY_ID: i64 = 1_000_000_000;
/// Without one (IPv6, or "don't fragment" with id 0) only this much later: below any retransmission timer.
const BY_TIME: i64 = 10_000_000;

/// The last packets of one direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    ring: [Trace; REMEMBERED],
    next: u8,
}

/// What is left of a packet.
#[derive(Debug, Default, Clone, Copy)]
struct Trace {
    /// Of everything that makes it this packet. Keyed anew in every process, so that no capture can hold two packets
    /// that look like one; 0 where there is no packet.
    signature: u64,
    time: i64,
}

impl Recent {
    /// A number that depends on what stands in each of its cache lines, to look at them.
    #[inline]
    pub(super) fn fetch(&self) -> u64 {
        let [first, .., last] = &self.ring;
        first.signature ^ last.signature ^ u64::from(self.next)
    }

    /// Whether the segment is one of the last packets again; remembers it when it is not.
    pub(super) fn is_duplicate(&mut self, segment: &Segment<'_>, keyed: &impl BuildHasher) -> bool {
        let new = Trace { signature: signature(segment, keyed), time: segment.at.time };
        let window = if segment.ip.id == 0 { BY_TIME } else { BY_ID };
        let same = |old: &Trace| {
            old.signature == new.signature && new.time.saturating_sub(old.time).saturating_abs() <= window
        };
        if self.ring.iter().any(same) {
            return true;
        }
        if let Some(oldest) = self.ring.get_mut(usize::from(self.next)) {
            *oldest = new;
        }
        self.next = (self.next + 1) % REMEMBERED as u8;
        false
    }
}

#[inline]
fn signature(segment: &Segment<'_>, keyed: &impl BuildHasher) -> u64 {
    let tcp = &segment.tcp;
    let timestamps = tcp.timestamps();
    let (value, echo) = timestamps.unwrap_or_default();
    let mut hasher = keyed.build_hasher();
    hasher.write_u64((u64::from(tcp.seq) << 32) | u64::from(tcp.ack));
    hasher.write_u64((u64::from(segment.payload_len) << 32) | u64::from(segment.ip.id));
    let stamped = u64::from(timestamps.is_some());
    hasher.write_u64((stamped << 32) | (u64::from(tcp.window) << 8) | u64::from(tcp.flags.0));
    hasher.write_u64((u64::from(value) << 32) | u64::from(echo));
    hasher.write_u64(head(segment.payload));
    hasher.finish().max(1)
}

/// The first eight bytes; zeros where there are fewer.
#[inline]
fn head(payload: &[u8]) -> u64 {
    let head = payload.first_chunk().copied().unwrap_or_else(|| {
        let mut head = [0; 8];
        head.iter_mut().zip(payload).for_each(|(slot, byte)| *slot = *byte);
        head
    });
    u64::from_le_bytes(head)
}
