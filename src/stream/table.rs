//! The table of connections.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::net::SocketAddr;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::connection::Connection;
use super::{Closed, Dir, Handler, Interest, Key, Limits, Previous, TableCounts};
use crate::decode::{At, Icmp, Segment, TcpFlags};

/// IP protocol number of TCP.
const TCP: u8 = 6;

/// Every connection that is open, or ended a short while ago. The index is keyed anew in every process, since
/// a capture's author may be hostile; nothing is ever read from it in its order.
#[derive(Debug)]
pub struct Table<H> {
    limits: Limits,
    /// Places in `slots`, by the hash of their key.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    slots: Vec<Slot<H>>,
    free: Vec<u32>,
    /// Ended connections, by the capture time at which to look at them again.
    ended: Queue,
    /// Live connections, the longest unseen first; an entry that is out of date is put right when it comes up.
    idle: Queue,
    /// Tombstones, likewise.
    buried: Queue,
    held: usize,
    counts: TableCounts,
    now: i64,
}

/// Time, number of the connection, its place: the smallest comes first.
type Queue = BinaryHeap<Reverse<(i64, u64, u32)>>;

#[derive(Debug)]
struct Slot<H> {
    key: Key,
    number: u64,
    last: At,
    state: State<H>,
}

#[derive(Debug)]
enum State<H> {
    Free,
    /// Not ours: only its tuple's next use matters.
    Tombstone,
    Live(Box<Connection<H>>),
}

impl<H: Handler> Table<H> {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            slots: Vec::new(),
            free: Vec::new(),
            ended: Queue::new(),
            idle: Queue::new(),
            buried: Queue::new(),
            held: 0,
            counts: TableCounts::default(),
            now: i64::MIN,
        }
    }

    /// Takes a segment. A connection that it begins gets `number`, which has to be larger than that of every segment
    /// before it; `make` builds its handler from that and its endpoints. `closed` receives connections that are over, in
    /// the order in which the table lets them go.
    pub fn segment(
        &mut self,
        number: u64,
        segment: &Segment<'_>,
        make: &mut dyn FnMut(u64, &Key) -> H,
        closed: &mut dyn FnMut(Closed<H>),
    ) {
        if segment.at.time > self.now {
            self.now = segment.at.time;
            self.expire(closed);
        }
        let (key, dir) = key_of(
            SocketAddr::new(segment.ip.src, segment.tcp.src_port),
            SocketAddr::new(segment.ip.dst, segment.tcp.dst_port),
        );
        let slot = match self.find(&key) {
            None => self.open(number, key, segment.at, None, make, closed),
            Some(slot) => match self.reused(slot, dir, segment) {
                None => slot,
                Some(previous) => {
                    self.close(slot, false, closed);
                    self.open(number, key, segment.at, Some(previous), make, closed)
                }
            },
        };
        self.feed(slot, dir, segment, closed);
    }

    /// Takes an ICMP error; `false` when it quotes no connection that is known.
    pub fn icmp(&mut self, icmp: &Icmp) -> bool {
        if icmp.protocol != TCP {
            return false;
        }
        let (key, dir) =
            key_of(SocketAddr::new(icmp.src, icmp.src_port), SocketAddr::new(icmp.dst, icmp.dst_port));
        let slot = self.find(&key).and_then(|place| self.slots.get_mut(place as usize));
        match slot.map(|slot| &mut slot.state) {
            Some(State::Live(connection)) => {
                connection.icmp(dir, icmp);
                true
            }
            _ => false,
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> TableCounts {
        self.counts
    }

    /// Hands out what is left, in the order of first packets.
    pub fn finish(mut self, closed: &mut dyn FnMut(Closed<H>)) {
        let mut live: Vec<(u64, u32)> = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            if matches!(slot.state, State::Live(_)) {
                live.push((slot.number, u32::try_from(index).unwrap_or(u32::MAX)));
            }
        }
        live.sort_unstable();
        for (_, slot) in live {
            self.close(slot, false, closed);
        }
    }

    /// Slots, and entries of the longest queue.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.slots.len(), self.idle.len().max(self.ended.len()).max(self.buried.len()))
    }

    fn find(&self, key: &Key) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let is_it = |place: &u32| self.slots.get(*place as usize).is_some_and(|slot| slot.key == *key);
        self.index.find(hash, is_it).copied()
    }

    /// What the slot held, when this segment begins another connection on its tuple.
    fn reused(&self, slot: u32, dir: Dir, segment: &Segment<'_>) -> Option<Previous> {
        if !segment.tcp.flags.has(TcpFlags::SYN) {
            return None;
        }
        let slot = self.slots.get(slot as usize)?;
        match &slot.state {
            State::Live(connection) if connection.is_other_syn(dir, segment) => {
                Some(Previous { last: connection.last, ended: connection.ended, foreign: false })
            }
            State::Tombstone if !segment.tcp.flags.has(TcpFlags::ACK) => {
                Some(Previous { last: slot.last, ended: true, foreign: true })
            }
            _ => None,
        }
    }

    fn open(
        &mut self,
        number: u64,
        key: Key,
        at: At,
        previous: Option<Previous>,
        make: &mut dyn FnMut(u64, &Key) -> H,
        closed: &mut dyn FnMut(Closed<H>),
    ) -> u32 {
        if self.index.len() >= self.limits.connections {
            self.evict(closed);
        }
        self.counts.connections += 1;
        let connection = Connection::new(number, key, make(number, &key), at, previous);
        let slot = Slot { key, number, last: at, state: State::Live(Box::new(connection)) };
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.slots.get_mut(place as usize) {
                    *free = slot;
                }
                place
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let Self { index, hasher, slots, .. } = self;
        index.insert_unique(hasher.hash_one(key), place, |place| {
            slots.get(*place as usize).map_or(0, |slot| hasher.hash_one(slot.key))
        });
        self.idle.push(Reverse((at.time, number, place)));
        self.tidy();
        place
    }

    /// Entries of connections that are gone leave the queues before these outgrow the slots.
    fn tidy(&mut self) {
        let Self { slots, idle, ended, buried, .. } = self;
        for (queue, live) in [(idle, true), (ended, true), (buried, false)] {
            if queue.len() > 2 * slots.len() + 64 {
                queue.retain(|Reverse((_, number, place))| {
                    slots.get(*place as usize).is_some_and(|slot| slot.is(*number, live))
                });
            }
        }
    }

    fn feed(&mut self, place: u32, dir: Dir, segment: &Segment<'_>, closed: &mut dyn FnMut(Closed<H>)) {
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        slot.last = slot.last.max(segment.at);
        let State::Live(connection) = &mut slot.state else { return };
        let (held, ended, duplicates, hits) =
            (connection.held, connection.ended, connection.duplicates, connection.limit_hits);
        connection.segment(dir, segment, &self.limits);
        self.held = self.held + connection.held - held;
        self.counts.duplicates += connection.duplicates - duplicates;
        self.counts.reassembly_limit += connection.limit_hits - hits;
        if connection.interest == Interest::Nothing {
            self.held -= connection.held;
            slot.state = State::Tombstone;
            self.buried.push(Reverse((slot.last.time, slot.number, place)));
            return;
        }
        if connection.ended && !ended {
            let due = segment.at.time.saturating_add(self.limits.linger);
            self.ended.push(Reverse((due, connection.number, place)));
        }
        if self.held > self.limits.total_bytes {
            self.relieve(place, segment.at, closed);
        }
    }

    /// Too much is held. The stream that made it too much gives up its holes; when that is not enough, the
    /// handlers' buffers are what is full, and connections go, the longest silent first, until half is free.
    fn relieve(&mut self, place: u32, at: At, closed: &mut dyn FnMut(Closed<H>)) {
        self.counts.reassembly_limit += 1;
        if let Some(State::Live(connection)) = self.slots.get_mut(place as usize).map(|slot| &mut slot.state)
        {
            let held = connection.held;
            connection.give_up_all_holes(at);
            self.held = self.held + connection.held - held;
        }
        if self.held <= self.limits.total_bytes {
            return;
        }
        let mut holders = Vec::new();
        for (place, slot) in self.slots.iter().enumerate() {
            if matches!(&slot.state, State::Live(connection) if connection.held > 0) {
                holders.push((slot.last.time, slot.number, u32::try_from(place).unwrap_or(u32::MAX)));
            }
        }
        holders.sort_unstable();
        for (_, _, place) in holders {
            if self.held <= self.limits.total_bytes / 2 {
                return;
            }
            self.counts.evicted += 1;
            self.close(place, true, closed);
        }
    }

    /// Lets go of ended connections whose time has come.
    fn expire(&mut self, closed: &mut dyn FnMut(Closed<H>)) {
        while let Some(Reverse((due, number, place))) = self.ended.peek().copied() {
            if due > self.now {
                return;
            }
            self.ended.pop();
            let Some(slot) = self.slots.get(place as usize).filter(|slot| slot.is(number, true)) else {
                continue;
            };
            let quiet_until = slot.last.time.saturating_add(self.limits.linger);
            if quiet_until > self.now {
                self.ended.push(Reverse((quiet_until, number, place)));
            } else {
                self.close(place, false, closed);
            }
        }
    }

    /// Makes room: of what is not ours, else of all connections, the one that was silent longest goes.
    fn evict(&mut self, closed: &mut dyn FnMut(Closed<H>)) {
        let Self { slots, idle, buried, .. } = self;
        let place = longest_silent(buried, slots, false).or_else(|| longest_silent(idle, slots, true));
        if let Some(place) = place {
            self.counts.evicted += 1;
            self.close(place, true, closed);
        }
    }

    fn close(&mut self, place: u32, evicted: bool, closed: &mut dyn FnMut(Closed<H>)) {
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        let state = std::mem::replace(&mut slot.state, State::Free);
        if matches!(state, State::Free) {
            return;
        }
        self.free.push(place);
        let hash = self.hasher.hash_one(slot.key);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        let State::Live(mut connection) = state else { return };
        self.held -= connection.held;
        connection.flush();
        if connection.interest == Interest::Nothing {
            return;
        }
        let halves = connection.summaries();
        closed(Closed {
            number: connection.number,
            key: connection.key,
            initiator: connection.initiator,
            first: connection.first,
            last: connection.last,
            halves,
            previous: connection.previous,
            woke: connection.woke,
            evicted,
            handler: connection.handler,
        });
    }
}

impl<H> Slot<H> {
    /// Whether it still holds this connection, alive or as a tombstone.
    fn is(&self, number: u64, live: bool) -> bool {
        let state = match self.state {
            State::Live(_) => live,
            State::Tombstone => !live,
            State::Free => false,
        };
        state && self.number == number
    }
}

/// Takes the connection that was silent longest from its queue.
fn longest_silent<H>(queue: &mut Queue, slots: &[Slot<H>], live: bool) -> Option<u32> {
    while let Some(Reverse((seen, number, place))) = queue.pop() {
        match slots.get(place as usize).filter(|slot| slot.is(number, live)) {
            Some(slot) if slot.last.time > seen => queue.push(Reverse((slot.last.time, number, place))),
            Some(_) => return Some(place),
            None => {}
        }
    }
    None
}

/// The key of a packet from `src` to `dst`, and which of its directions that is.
#[inline]
fn key_of(src: SocketAddr, dst: SocketAddr) -> (Key, Dir) {
    if src <= dst { (Key { a: src, b: dst }, Dir::A) } else { (Key { a: dst, b: src }, Dir::B) }
}
