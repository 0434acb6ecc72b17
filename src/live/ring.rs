//! The latest packets, in memory of a fixed size.

use std::collections::VecDeque;

use crate::capture::{LinkType, Packet};
use crate::decode::Flow;
use crate::facts::At;
use crate::unshown::Unshown;

/// Packets in the order they came, as many of the latest as there is room for. A packet takes its bytes and those of its
/// [`Entry`], one behind the other; both go on at the front where the end of the buffer is reached. Nothing is allocated
/// in steady state. The packets of a flow are found without looking at others: each names the one before it whose flow falls
/// into the same bucket.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: Unshown<Vec<u8>>,
    /// Where the oldest packet's entry begins.
    oldest: usize,
    /// Bytes in use from there on.
    used: usize,
    /// Bytes that left at the oldest end since the beginning: the oldest entry's place in all that ever came.
    gone: u64,
    /// Of each bucket the latest packet, by its place in all that ever came and one more; 0 when there was none.
    latest: Vec<u64>,
    /// Every so many packets, the time and the place of one, to find others near it.
    marks: VecDeque<(i64, u64)>,
    /// Packets since the last mark.
    unmarked: usize,
}

/// Buckets of flows, as a power of two: 512 KiB of memory, and some packets in each when 64 MiB are kept.
const BUCKETS: u32 = 16;
/// Packets from one mark to the next.
const MARK: usize = 256;
/// Packets of several devices come out of order by less than this, in nanoseconds: the tenth of a second for which a kernel
/// collects them, and some more.
const DISORDER: i64 = 250_000_000;

/// What is known of a packet beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The flow that it was put under.
    pub(super) flow: Flow,
    /// `Packet::file`.
    pub(super) file: u32,
    /// `Packet::frame`.
    pub(super) frame: u64,
    /// `Packet::time`.
    pub(super) time: i64,
    /// `Packet::link`.
    pub(super) link: LinkType,
    /// `Packet::original_len`.
    pub(super) original_len: u32,
    /// Bytes of it that are kept.
    pub(super) len: u32,
    /// The packet before it in its bucket, as in [`Ring::latest`].
    earlier: u64,
}

/// A packet in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// What is known of it.
    pub(super) entry: Entry,
    /// Where its bytes begin.
    start: usize,
    /// Its place in all that ever came.
    pub(super) place: u64,
}

impl Ring {
    /// A ring of so many bytes, entries included.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes: Unshown(vec![0; bytes]),
            oldest: 0,
            used: 0,
            gone: 0,
            latest: vec![0; 1 << BUCKETS],
            marks: VecDeque::new(),
            unmarked: MARK,
        }
    }

    /// Puts in at most `most` bytes of a packet, in the place of the oldest; `false` when the ring is too small for it, and
    /// nothing changes.
    pub(super) fn push(&mut self, flow: Flow, packet: &Packet<'_>, most: usize) -> bool {
        let bytes = packet.bytes.get(..most).unwrap_or(packet.bytes);
        let need = Entry::SIZE.saturating_add(bytes.len());
        let Ok(len) = u32::try_from(bytes.len()) else { return false };
        if need > self.bytes.len() {
            return false;
        }
        while self.bytes.len() - self.used < need {
            self.drop_oldest();
        }
        let Packet { file, frame, time, link, original_len, .. } = *packet;
        let place = self.gone + self.used as u64;
        let latest = self.latest.get_mut(bucket(flow));
        let earlier = latest.map_or(0, |latest| std::mem::replace(latest, place + 1));
        self.mark(time, place);
        self.append(&Entry { flow, file, frame, time, link, original_len, len, earlier }.to_bytes());
        self.append(bytes);
        true
    }

    /// The packets, the oldest first.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Kept> + '_ {
        self.since(self.gone)
    }

    /// The packets of a flow, the oldest first.
    pub(super) fn of_flow(&self, flow: Flow) -> Vec<Kept> {
        let mut found = Vec::new();
        let mut next = self.latest.get(bucket(flow)).copied().unwrap_or_default();
        while let Some(kept) = next.checked_sub(1).and_then(|place| self.kept(place)) {
            next = kept.entry.earlier;
            if kept.entry.flow == flow {
                found.push(kept);
            }
        }
        found.reverse();
        found
    }

    /// The packet that is this frame and has this time.
    pub(super) fn find(&self, at: At, time: i64) -> Option<Kept> {
        let (from, until) = (time.saturating_sub(DISORDER), time.saturating_add(DISORDER));
        let mark = self.marks.partition_point(|(marked, _)| *marked < from).checked_sub(1);
        let begin = mark.and_then(|mark| self.marks.get(mark)).map_or(self.gone, |(_, place)| *place);
        let near = self.since(begin.max(self.gone)).take_while(|kept| kept.entry.time <= until);
        near.into_iter().find(|kept| kept.entry.at() == at)
    }

    /// The packets from one on.
    fn since(&self, place: u64) -> impl Iterator<Item = Kept> + '_ {
        let mut next = place;
        std::iter::from_fn(move || {
            let kept = self.kept(next)?;
            next += kept.entry.size() as u64;
            Some(kept)
        })
    }

    /// The packet that has this place in all that ever came; `None` when it is gone, or none came there yet.
    fn kept(&self, place: u64) -> Option<Kept> {
        let behind =
            usize::try_from(place.checked_sub(self.gone)?).ok().filter(|behind| *behind < self.used)?;
        let at = self.place(self.oldest + behind);
        Some(Kept { entry: self.entry(at), start: self.place(at + Entry::SIZE), place })
    }

    fn mark(&mut self, time: i64, place: u64) {
        self.unmarked += 1;
        if self.unmarked < MARK {
            return;
        }
        self.unmarked = 0;
        while self.marks.front().is_some_and(|(_, place)| *place < self.gone) {
            self.marks.pop_front();
        }
        // Times may step back: marks stay in their order, so that one can be found.
        let time = self.marks.back().map_or(time, |(latest, _)| time.max(*latest));
        self.marks.push_back((time, place));
    }

    /// The packet itself, its bytes copied to `room`. Its interface is its file.
    pub(super) fn packet<'r>(&self, kept: &Kept, room: &'r mut Vec<u8>) -> Packet<'r> {
        let Entry { file, frame, time, link, original_len, len, .. } = kept.entry;
        room.resize(len as usize, 0);
        self.copy(kept.start, room);
        Packet { time, file, frame, link, interface: file, original_len, bytes: room }
    }

    fn drop_oldest(&mut self) {
        let size = self.entry(self.oldest).size();
        self.oldest = self.place(self.oldest + size);
        self.used = self.used.saturating_sub(size);
        self.gone += size as u64;
    }

    /// Writes behind the latest; there is room.
    fn append(&mut self, bytes: &[u8]) {
        let at = self.place(self.oldest + self.used);
        let (upper, lower) = bytes.split_at(bytes.len().min(self.bytes.len() - at));
        for (at, part) in [(at, upper), (0, lower)] {
            if let Some(room) = self.bytes.get_mut(at..at + part.len()) {
                room.copy_from_slice(part);
            }
        }
        self.used += bytes.len();
    }

    /// Copies what begins at `at`.
    fn copy(&self, at: usize, into: &mut [u8]) {
        let (upper, lower) = into.split_at_mut(into.len().min(self.bytes.len() - at));
        for (at, part) in [(at, upper), (0, lower)] {
            if let Some(bytes) = self.bytes.get(at..at + part.len()) {
                part.copy_from_slice(bytes);
            }
        }
    }

    fn entry(&self, at: usize) -> Entry {
        let mut bytes = [0; Entry::SIZE];
        self.copy(at, &mut bytes);
        Entry::from_bytes(bytes)
    }

    /// Where an index stands that may lie behind the end; at most once around.
    fn place(&self, index: usize) -> usize {
        if index < self.bytes.len() { index } else { index - self.bytes.len() }
    }
}

impl Entry {
    /// Bytes of an entry in the ring.
    pub(super) const SIZE: usize = 48;

    /// Where it stood.
    pub(super) fn at(&self) -> At {
        At::new(self.file, self.frame)
    }

    /// Bytes that the packet takes in the ring.
    fn size(&self) -> usize {
        Self::SIZE + self.len as usize
    }

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let pair = |high: u32, low: u32| (u64::from(high) << 32) | u64::from(low);
        let words = [
            self.flow.0,
            self.frame,
            self.time.cast_unsigned(),
            pair(self.file, self.len),
            pair(self.link.0, self.original_len),
            self.earlier,
        ];
        let mut bytes = [0; Self::SIZE];
        for (room, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *room = word.to_ne_bytes();
        }
        bytes
    }

    fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let mut words = [0; Self::SIZE / 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        let [flow, frame, time, file_and_len, link_and_original, earlier] = words;
        Self {
            flow: Flow(flow),
            file: (file_and_len >> 32) as u32,
            frame,
            time: time.cast_signed(),
            link: LinkType((link_and_original >> 32) as u32),
            original_len: link_and_original as u32,
            len: file_and_len as u32,
            earlier,
        }
    }
}

fn bucket(flow: Flow) -> usize {
    (flow.0 >> (u64::BITS - BUCKETS)) as usize
}
