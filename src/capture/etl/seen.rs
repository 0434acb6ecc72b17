//! Packets that pktmon logs at every component of the network stack that they pass.

use super::event::Piece;

/// Packets that are remembered, a power of two: one passes all components within moments.
const REMEMBERED: usize = 8192;

/// The last packets, each at a place of its number: pktmon counts groups of packets up.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Option<Key>>);

/// A packet as pktmon numbers it, and whether it was dropped: that is worth knowing though it was seen before.
type Key = (u64, u16, bool);

impl Seen {
    /// Whether this is the same packet again, at another component.
    pub(super) fn again(&mut self, piece: &Piece) -> bool {
        let Some((group, number)) = piece.copy_of else { return false };
        let key = (group, number, piece.dropped.is_some());
        if self.0.is_empty() {
            self.0 = vec![None; REMEMBERED];
        }
        let place = group.wrapping_mul(2) ^ u64::from(key.2) ^ (u64::from(number) << 7);
        let Some(slot) = self.0.get_mut(place as usize % REMEMBERED) else { return false };
        slot.replace(key) == Some(key)
    }
}
