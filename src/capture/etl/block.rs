//! Packets that are ready, copied together: they were scattered over the buffers of all processors.

use std::sync::Arc;

use crate::capture::{Chunk, LinkType};
use crate::unshown::Unshown;

/// Bytes that are copied together: what stays in the second-level cache.
const SIZE: usize = 256 << 10;
/// Packets that are: some have no bytes.
const PACKETS: usize = 8 << 10;

/// Packets in the order of time, and their bytes.
#[derive(Debug, Default)]
pub(super) struct Block {
    chunk: Chunk,
    packets: Vec<Ready>,
    /// The packet that is looked at, from 1; 0 before the first.
    at: usize,
    /// Chunks that were handed out: each is used anew once nobody else has it.
    out: Vec<Chunk>,
    /// Bytes of the block that is being filled.
    filling: Unshown<Vec<u8>>,
}

/// A packet in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) time: i64,
    pub(super) frame: u64,
    pub(super) link: LinkType,
    pub(super) interface: u32,
    pub(super) original: u32,
    pub(super) start: usize,
    pub(super) length: usize,
}

impl Block {
    /// Moves to the next packet, if there is one left.
    pub(super) fn advance(&mut self) -> bool {
        self.at += 1;
        self.at <= self.packets.len()
    }

    /// The packet that is looked at, and the chunk that it stands in.
    pub(super) fn current(&self) -> Option<(&Ready, &Chunk)> {
        Some((self.packets.get(self.at.checked_sub(1)?)?, &self.chunk))
    }

    /// Begins anew, with no packet.
    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.at = 0;
        let unused = self.out.iter_mut().position(|chunk| Arc::get_mut(chunk).is_some());
        let mut next = unused.map_or_else(Chunk::default, |index| self.out.swap_remove(index));
        self.filling = Unshown(Arc::get_mut(&mut next).map(std::mem::take).unwrap_or_default());
        self.filling.clear();
        self.out.push(std::mem::take(&mut self.chunk));
    }

    /// Whether another packet can be added.
    pub(super) fn has_room(&self) -> bool {
        self.filling.len() < SIZE && self.packets.len() < PACKETS
    }

    /// Adds a packet; where it begins is set here.
    pub(super) fn add(&mut self, packet: Ready, bytes: &[u8]) {
        let start = self.filling.len();
        self.filling.extend_from_slice(bytes);
        self.packets.push(Ready { start, length: bytes.len(), ..packet });
    }

    /// Changes a byte of the packet that was added last.
    pub(super) fn last_mut(&mut self, at: usize) -> Option<&mut u8> {
        let start = self.packets.last()?.start;
        self.filling.get_mut(start + at)
    }

    /// No packet is added any more.
    pub(super) fn seal(&mut self) {
        self.chunk = Arc::new(std::mem::take(&mut self.filling));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_without_bytes_fill_a_block_too() {
        let ready = Ready {
            time: 0,
            frame: 1,
            link: LinkType::ETHERNET,
            interface: 0,
            original: 0,
            start: 0,
            length: 0,
        };
        let mut block = Block::default();
        for _ in 0..PACKETS {
            assert!(block.has_room());
            block.add(ready, &[]);
        }
        assert!(!block.has_room());
        block.clear();
        block.add(ready, &[7; SIZE]);
        assert!(!block.has_room());
    }
}
