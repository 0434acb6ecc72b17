//! Packets that pktmon logs at every component of the network stack that they pass.

use std::collections::{HashSet, VecDeque};

use super::event::Piece;

/// Packets that are remembered: one passes all components within moments.
const REMEMBERED: usize = 4096;

/// The last packets.
#[derive(Debug, Default)]
pub(super) struct Seen {
    known: HashSet<Key>,
    order: VecDeque<Key>,
}

/// A packet as pktmon numbers it, and whether it was dropped: that is worth knowing though it was seen before.
type Key = (u64, u16, bool);

impl Seen {
    /// Whether this is the same packet again, at another component.
    pub(super) fn again(&mut self, piece: &Piece) -> bool {
        let Some((group, number)) = piece.copy_of else { return false };
        let key = (group, number, piece.dropped.is_some());
        if !self.known.insert(key) {
            return true;
        }
        if self.order.len() == REMEMBERED {
            self.order.pop_front().map(|oldest| self.known.remove(&oldest));
        }
        self.order.push_back(key);
        false
    }
}
