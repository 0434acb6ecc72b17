//! The bytes of the connections that are extracted, joined in order, so that their frames can be found.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::mask::{Hidden, Letters, Mask};
use crate::decode::{Segment, TcpFlags};

/// Bytes of a direction that are read, from its first. Logins have a few thousand; what comes later is cut.
const EACH: usize = 1 << 20;
/// Bytes of all directions together (each takes some five times that in memory).
const ALL: usize = 32 << 20;

/// Who sends, and to whom.
type Direction = ((IpAddr, u16), (IpAddr, u16));

/// Every direction, collected in one reading and looked up in the next.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    /// Of each direction the streams it had: a port may be used again.
    known: BTreeMap<Direction, Vec<usize>>,
    /// The one that it has now.
    current: BTreeMap<Direction, usize>,
    held: usize,
}

#[derive(Debug)]
struct Stream {
    /// Sequence number of its first byte.
    base: u32,
    mask: Mask,
}

impl Streams {
    /// Takes in a segment.
    pub(super) fn collect(&mut self, segment: &Segment<'_>) {
        let direction = direction(segment);
        let syn = segment.tcp.flags.has(TcpFlags::SYN);
        if self.find(direction, segment).is_none() && (syn || !segment.payload.is_empty()) {
            self.streams.push(Stream { base: first_byte(segment), mask: Mask::default() });
            let index = self.streams.len() - 1;
            self.known.entry(direction).or_default().push(index);
            self.current.insert(direction, index);
        }
        let Some(stream) = self.find(direction, segment).and_then(|index| self.streams.get_mut(index)) else {
            return;
        };
        let Some(at) = place(stream.base, first_byte(segment)) else { return };
        let before = stream.mask.len();
        let grows = (at + segment.payload.len()).saturating_sub(before);
        if self.held + grows <= ALL && at + segment.payload.len() <= EACH {
            stream.mask.fill(at, segment.payload);
            self.held += stream.mask.len() - before;
        }
    }

    /// Finds the frames of all that was taken in, and what of them is hidden; what comes is looked up from the first packet on
    /// again.
    pub(super) fn read(&mut self, hidden: Hidden) {
        let mut letters = Letters::default();
        self.streams.iter_mut().for_each(|stream| stream.mask.read(hidden, &mut letters));
        self.current.clear();
    }

    /// What can be shown of a segment's payload, from its beginning on, and how many bytes of that are blank.
    pub(super) fn shown(&mut self, segment: &Segment<'_>) -> (Vec<u8>, usize) {
        let found = self.find(direction(segment), segment).and_then(|index| self.streams.get(index));
        let Some(stream) = found else { return (Vec::new(), 0) };
        match place(stream.base, first_byte(segment)) {
            Some(at) => stream.mask.shown(at, segment.payload),
            None => (Vec::new(), 0),
        }
    }

    /// The stream that a segment belongs to: the one of its SYN from there on, and before any the first.
    fn find(&mut self, direction: Direction, segment: &Segment<'_>) -> Option<usize> {
        let known = self.known.get(&direction)?;
        if segment.tcp.flags.has(TcpFlags::SYN) {
            let base = first_byte(segment);
            let same = known
                .iter()
                .copied()
                .find(|index| self.streams.get(*index).is_some_and(|stream| stream.base == base));
            if let Some(index) = same {
                self.current.insert(direction, index);
            }
            return same;
        }
        self.current.get(&direction).or(known.first()).copied()
    }
}

fn direction(segment: &Segment<'_>) -> Direction {
    ((segment.ip.src, segment.tcp.src_port), (segment.ip.dst, segment.tcp.dst_port))
}

/// Sequence number of the first byte of payload: SYN takes one itself (RFC 9293 3.4).
fn first_byte(segment: &Segment<'_>) -> u32 {
    segment.tcp.seq.wrapping_add(u32::from(segment.tcp.flags.has(TcpFlags::SYN)))
}

/// How far a byte stands from the first; `None` when that is farther than is held, or before it.
fn place(base: u32, seq: u32) -> Option<usize> {
    Some(seq.wrapping_sub(base) as usize).filter(|at| *at < EACH)
}
