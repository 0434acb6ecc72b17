//! Packets out of events that are in the order of time: fragments are joined, copies left out, packets numbered.

use std::collections::BTreeMap;

use super::block::{Block, Ready};
use super::event::Piece;
use super::order::Part;
use super::seen::Seen;
use crate::capture::source::Meter;
use crate::capture::{Chunk, DropReason, LinkType};
use crate::unshown::Unshown;

/// Interfaces that are told apart.
const INTERFACES: usize = 4096;
/// Packets of which the last fragment is still to come: threads that write one at a time.
const OPEN: usize = 64;
/// Bytes of a packet in fragments, at most.
const MAX_PACKET: usize = 256 << 10;
/// Bit "protected" in the second byte of an 802.11 frame (IEEE 802.11 9.2.4.1): the frame was deciphered before it was
/// recorded, and the bit was left.
const PROTECTED: u8 = 0x40;

/// Packets, as far as they are made.
#[derive(Debug)]
pub(super) struct Packets {
    pub(super) meter: Meter,
    pub(super) block: Block,
    interfaces: BTreeMap<(u32, u32), u32>,
    /// Packets that are not whole, by who writes them.
    open: BTreeMap<u64, Unshown<Vec<u8>>>,
    seen: Seen,
}

impl Default for Packets {
    fn default() -> Self {
        Self {
            meter: Meter::new("etl"),
            block: Block::default(),
            interfaces: BTreeMap::new(),
            open: BTreeMap::new(),
            seen: Seen::default(),
        }
    }
}

impl Packets {
    /// Takes what an event holds of a packet, which stands in `chunk`.
    pub(super) fn take(&mut self, part: &Part, piece: &Piece, chunk: &Chunk, time: i64) {
        let begins = part.at + piece.bytes.start;
        let bytes = chunk.get(begins..begins + piece.bytes.len()).unwrap_or_default();
        let joined;
        let whole = piece.first && piece.last;
        let middle = !piece.first && !piece.last;
        let bytes = if whole || middle && !self.open.contains_key(&part.writer) {
            bytes
        } else {
            let Some(packet) = self.join(part.writer, piece, bytes) else { return };
            joined = packet;
            &joined
        };
        let recorded = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let original = piece.original.unwrap_or_else(|| length_of(piece.link, bytes)).max(recorded);
        self.meter.packet(time, bytes.len(), original);
        self.meter.link(piece.link);
        if self.seen.again(piece) {
            self.meter.copies += 1;
            return;
        }
        let interface = match piece.dropped {
            Some(reason) => DropReason(reason).as_interface(),
            None => self.interface(piece.interface),
        };
        let (link, frame) = (piece.link, self.meter.packets);
        self.block.add(Ready { time, frame, link, interface, original, start: 0, length: 0 }, bytes);
        if link == LinkType::IEEE802_11
            && let Some(flags) = self.block.last_mut(1)
        {
            *flags &= !PROTECTED;
        }
    }

    /// A packet whose last fragment this is.
    fn join(&mut self, writer: u64, piece: &Piece, bytes: &[u8]) -> Option<Vec<u8>> {
        if piece.first {
            if self.open.len() >= OPEN {
                self.open.pop_first();
            }
            self.open.insert(writer, Unshown::default());
        }
        // The beginning of what has none was lost.
        let open = self.open.get_mut(&writer)?;
        if open.len() + bytes.len() <= MAX_PACKET {
            open.extend_from_slice(bytes);
        }
        if piece.last { self.open.remove(&writer).map(|packet| packet.0) } else { None }
    }

    fn interface(&mut self, known_as: (u32, u32)) -> u32 {
        let next = self.interfaces.len();
        if next >= INTERFACES {
            return self.interfaces.get(&known_as).copied().unwrap_or_default();
        }
        *self.interfaces.entry(known_as).or_insert(u32::try_from(next).unwrap_or_default())
    }
}

/// The bytes that a packet had, by its IP header: the trace cuts packets without saying so.
fn length_of(link: LinkType, bytes: &[u8]) -> u32 {
    let two = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two));
    let begins = match link {
        LinkType::RAW => Some(0),
        LinkType::ETHERNET => match two(12) {
            Some(0x0800 | 0x86DD) => Some(14),
            Some(0x8100) if matches!(two(16), Some(0x0800 | 0x86DD)) => Some(18),
            _ => None,
        },
        _ => None,
    };
    let length = begins.and_then(|at| {
        let length = match bytes.get(at)? >> 4 {
            4 => usize::from(two(at + 2)?),
            6 => 40 + usize::from(two(at + 4)?),
            _ => return None,
        };
        u32::try_from(at + length).ok()
    });
    length.unwrap_or_default()
}
