//! Where packets stand that wait for a shard: they are not copied.

use std::sync::Arc;

use crate::capture::{Chunk, LinkType, Packet};

/// What some slips refer to.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    chunks: Vec<Chunk>,
    origins: Vec<Origin>,
    /// Ordinal of the first packet.
    first: u64,
}

/// What packets that follow each other have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin {
    file: u32,
    link: LinkType,
    interface: u32,
    /// What is to be added to the ordinal of a packet to have its frame number, modulo 2^64.
    frame: u64,
}

/// Where a packet stands, and what its record says of it: small, since there is one for every packet, and another core reads
/// it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slip {
    time: i64,
    /// Packets between it and the first.
    step: u32,
    original_len: u32,
    start: u32,
    len: u32,
    origin: u16,
    chunk: u16,
}

impl Slip {
    /// The packet, and its ordinal.
    #[inline]
    pub(super) fn packet<'a>(&self, sheet: &'a Sheet) -> Option<(u64, Packet<'a>)> {
        let origin = sheet.origins.get(usize::from(self.origin))?;
        let ordinal = sheet.first + u64::from(self.step);
        let start = self.start as usize;
        let packet = Packet {
            time: self.time,
            file: origin.file,
            frame: origin.frame.wrapping_add(ordinal),
            link: origin.link,
            interface: origin.interface,
            original_len: self.original_len,
            bytes: sheet.chunks.get(usize::from(self.chunk))?.get(start..start + self.len as usize)?,
        };
        Some((ordinal, packet))
    }

    /// Packets of the capture between it and the first.
    #[inline]
    pub(super) fn step(&self) -> u64 {
        u64::from(self.step)
    }
}

impl Sheet {
    /// Writes a slip for the capture's `ordinal`-th packet, with the chunk that it stands in and where in it. Ordinals rise.
    #[inline]
    pub(super) fn slip(&mut self, ordinal: u64, packet: &Packet<'_>, chunk: Option<(&Chunk, usize)>) -> Slip {
        if self.origins.is_empty() {
            self.first = ordinal;
        }
        let (chunk, start) = self.place_of(packet, chunk);
        let origin = self.origin_of(ordinal, packet);
        Slip {
            time: packet.time,
            original_len: packet.original_len,
            // A sheet is handed over long before these are too large; a chunk is as long as a few records.
            step: u32::try_from(ordinal - self.first).unwrap_or(u32::MAX),
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX),
            origin: u16::try_from(origin).unwrap_or(u16::MAX),
            chunk: u16::try_from(chunk).unwrap_or(u16::MAX),
        }
    }

    /// Chunks that it refers to.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The place of the packet's chunk, and where in it the packet stands. Files that are read together take turns.
    #[inline]
    fn place_of(&mut self, packet: &Packet<'_>, chunk: Option<(&Chunk, usize)>) -> (usize, usize) {
        let Some((chunk, start)) = chunk else {
            self.chunks.push(Arc::new(packet.bytes.to_vec()));
            return (self.chunks.len() - 1, 0);
        };
        let place = self.chunks.iter().rposition(|known| Arc::ptr_eq(known, chunk)).unwrap_or_else(|| {
            self.chunks.push(Arc::clone(chunk));
            self.chunks.len() - 1
        });
        (place, start)
    }

    /// The place of what the packet has in common with those before it.
    #[inline]
    fn origin_of(&mut self, ordinal: u64, packet: &Packet<'_>) -> usize {
        let origin = Origin {
            file: packet.file,
            link: packet.link,
            interface: packet.interface,
            frame: packet.frame.wrapping_sub(ordinal),
        };
        if self.origins.last() != Some(&origin) {
            self.origins.push(origin);
        }
        self.origins.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_gives_its_packet_again() {
        let chunks: [Chunk; 2] = [Arc::new((0..100).collect()), Arc::new((100..200).collect())];
        let packet = |file: u32, frame, bytes| Packet {
            time: 7,
            file,
            frame,
            link: LinkType(file + 1),
            interface: file * 3,
            original_len: 1000,
            bytes,
        };
        // Two files that take turns, and a packet that stands in no chunk.
        let packets = [
            (5, packet(0, 4, &chunks[0][10..20]), Some((&chunks[0], 10))),
            (6, packet(1, 1, &chunks[1][30..40]), Some((&chunks[1], 30))),
            (9, packet(0, 7, &chunks[0][20..20]), Some((&chunks[0], 20))),
            (10, packet(1, 2, &[1, 2, 3]), None),
        ];
        let mut sheet = Sheet::default();
        let slips = packets.map(|(ordinal, packet, chunk)| sheet.slip(ordinal, &packet, chunk));
        assert_eq!(sheet.chunks(), 3);
        assert_eq!(slips.map(|slip| slip.step()), [0, 1, 4, 5]);
        for (slip, (ordinal, packet, _)) in slips.iter().zip(&packets) {
            assert_eq!(slip.packet(&sheet), Some((*ordinal, *packet)));
        }
    }
}
