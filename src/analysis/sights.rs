//! A first look at packets that follow each other, some at a time.
//!
//! What is known of a packet's connection is most likely not in the cache when there are many of them. Looked up one by one, each
//! costs the time that memory takes to answer, several times; looked up together, they cost it once.

use super::shard::Shard;
use crate::capture::{Packet, TOGETHER};
use crate::decode::{Flow, Plain};
use crate::stream::{Tuple, TupleHasher};

/// What a first look at a packet told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'p, 'a> {
    /// The place of its shard.
    pub(super) shard: usize,
    pub(super) tuple: Tuple,
    /// Where its connection was found, if it was.
    pub(super) place: Option<u32>,
    pub(super) plain: Plain<'p, 'a>,
}

/// Looks at packets, at most [`TOGETHER`], and at what the shards know of their connections; `None` for those that take a closer
/// look.
#[inline]
pub(super) fn sights<'p, 'a: 'p, 's>(
    packets: impl Iterator<Item = &'p Packet<'a>>,
    hasher: &TupleHasher,
    place_of: impl Fn(Flow) -> usize,
    shard_at: impl Fn(usize) -> Option<&'s Shard>,
) -> [Option<Sight<'p, 'a>>; TOGETHER] {
    let mut sights = [None; TOGETHER];
    for (sight, packet) in sights.iter_mut().zip(packets) {
        let Some(plain) = Plain::of(packet) else { continue };
        let ends = plain.ends();
        let shard = place_of(Flow::from(ends));
        *sight = Some(Sight { shard, tuple: hasher.tuple(ends), place: None, plain });
    }
    // Nothing that one of these steps does depends on what another has found: the processor does not wait in between.
    for sight in sights.iter_mut().flatten() {
        sight.place = shard_at(sight.shard).and_then(|shard| shard.fetch(sight.tuple));
    }
    for sight in sights.iter().flatten() {
        if let (Some(place), Some(shard)) = (sight.place, shard_at(sight.shard)) {
            shard.fetch_connection(place, sight.tuple);
        }
    }
    sights
}
