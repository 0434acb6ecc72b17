//! IP fragments until their datagram is whole.

use std::collections::{BTreeMap, VecDeque};

use crate::capture::{LinkType, Packet};
use crate::decode::{DatagramKey, FragmentOf};
use crate::steps::step;
use crate::unshown::Unshown;

/// Datagrams that wait for fragments, at most; then the oldest is given up.
const DATAGRAMS: usize = 512;
/// Bytes in all of them.
const BYTES: usize = 4 << 20;
/// Fragments of one: 65,535 bytes in the smallest packets that IPv4 must carry (RFC 791 3.2: 68 bytes) would be more, and
/// nobody sends these.
const PIECES: usize = 256;
/// A datagram that is not whole after so long never will be, in nanoseconds (RFC 8200 4.5).
const PATIENCE: i64 = 60_000_000_000;

/// Datagrams of which fragments came.
#[derive(Debug, Clone, Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<DatagramKey, Datagram>,
    /// By number: in the order in which they began.
    order: BTreeMap<u64, DatagramKey>,
    /// How many began so far.
    begun: u64,
    bytes: usize,
    /// What is to be looked at next: whole datagrams, and first fragments of those that never became whole.
    ready: VecDeque<Stored>,
}

#[derive(Debug, Clone, Default)]
struct Datagram {
    number: u64,
    begun: i64,
    pieces: Vec<(usize, Unshown<Vec<u8>>)>,
    /// Length of the payload, once the last fragment came.
    length: Option<usize>,
    /// The first fragment's packet.
    first: Option<Stored>,
    /// It can never be whole: a fragment was cut, or two contradict each other.
    broken: bool,
    bytes: usize,
}

/// A packet that was kept.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    time: i64,
    file: u32,
    frame: u64,
    link: LinkType,
    interface: u32,
    original_len: u32,
    bytes: Unshown<Vec<u8>>,
}

impl Stored {
    fn of(packet: &Packet<'_>, link: LinkType, bytes: Vec<u8>, original_len: u32) -> Self {
        let Packet { time, file, frame, interface, .. } = *packet;
        Self { time, file, frame, link, interface, original_len, bytes: Unshown(bytes) }
    }

    /// The packet as a source would give it.
    pub(super) fn packet(&self) -> Packet<'_> {
        Packet {
            time: self.time,
            file: self.file,
            frame: self.frame,
            link: self.link,
            interface: self.interface,
            original_len: self.original_len,
            bytes: &self.bytes,
        }
    }
}

impl Fragments {
    /// What is to be looked at next, if anything.
    pub(super) fn ready(&mut self) -> Option<Stored> {
        self.ready.pop_front()
    }

    /// Nothing comes any more: what is not whole is looked at as far as it is there.
    pub(super) fn give_up(&mut self) {
        while let Some((_, key)) = self.order.pop_first() {
            step(1);
            self.forget(key);
        }
    }

    /// Takes a fragment, which `packet` holds.
    pub(super) fn take(&mut self, packet: &Packet<'_>, fragment: &FragmentOf<'_>) {
        self.forget_old(packet.time);
        let key = fragment.key;
        let Self { waiting, order, begun, .. } = self;
        let datagram = waiting.entry(key).or_insert_with(|| {
            *begun += 1;
            order.insert(*begun, key);
            Datagram { number: *begun, begun: packet.time, ..Datagram::default() }
        });
        let before = datagram.bytes;
        datagram.add(packet, fragment);
        self.bytes = self.bytes + datagram.bytes - before;
        if let Some(whole) = datagram.whole(packet, fragment) {
            self.bytes -= datagram.bytes;
            self.order.remove(&datagram.number);
            self.waiting.remove(&key);
            self.ready.push_back(whole);
        }
        while self.waiting.len() > DATAGRAMS || self.bytes > BYTES {
            step(1);
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.forget(oldest);
        }
    }

    fn forget_old(&mut self, now: i64) {
        while let Some(oldest) = self.order.first_entry() {
            step(1);
            let begun = self.waiting.get(oldest.get()).map(|datagram| datagram.begun);
            if begun.is_some_and(|begun| now.saturating_sub(begun) < PATIENCE) {
                return;
            }
            let key = oldest.remove();
            self.forget(key);
        }
    }

    /// Gives up a datagram that is no more in the order.
    fn forget(&mut self, key: DatagramKey) {
        if let Some(datagram) = self.waiting.remove(&key) {
            self.bytes -= datagram.bytes;
            self.ready.extend(datagram.first);
        }
    }
}

impl Datagram {
    fn add(&mut self, packet: &Packet<'_>, fragment: &FragmentOf<'_>) {
        let (begins, ends) = (fragment.offset, fragment.offset + fragment.payload.len());
        if begins == 0 && self.first.is_none() {
            let stored = Stored::of(packet, packet.link, packet.bytes.to_vec(), packet.original_len);
            self.bytes += stored.bytes.len();
            self.first = Some(stored);
        }
        // The same packet again, as captures have it.
        if self.pieces.iter().any(|(at, bytes)| *at == begins && **bytes == fragment.payload) {
            return;
        }
        let overlaps = self.pieces.iter().any(|(at, bytes)| *at < ends && begins < at + bytes.len());
        self.broken |= fragment.cut || overlaps || self.pieces.len() >= PIECES;
        if self.broken {
            return;
        }
        if !fragment.more {
            self.length = Some(ends);
        }
        self.bytes += fragment.payload.len();
        self.pieces.push((begins, Unshown(fragment.payload.to_vec())));
    }

    /// The whole, dated by the fragment that came last: as Wireshark has it.
    fn whole(&mut self, last: &Packet<'_>, fragment: &FragmentOf<'_>) -> Option<Stored> {
        let length = self.length.filter(|_| !self.broken)?;
        let have: usize = self.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        if have != length {
            return None;
        }
        self.pieces.sort_unstable_by_key(|(at, _)| *at);
        let first = self.first.as_ref()?;
        let first = crate::decode::fragment(&first.packet()).filter(|first| first.key == fragment.key)?;
        let mut bytes = first.head_of_whole(length)?;
        for (at, piece) in &self.pieces {
            step(1);
            // Pieces do not overlap and are as long as the whole together: none is missing, unless one lies beyond.
            if bytes.len() != first.header_len() + at {
                return None;
            }
            bytes.extend_from_slice(piece);
        }
        let original = u32::try_from(bytes.len()).ok()?;
        Some(Stored::of(last, LinkType::RAW, bytes, original))
    }
}

#[cfg(test)]
mod tests;
