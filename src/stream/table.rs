//! The table of connections.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hashbrown::HashMap;

use super::connection::Connection;
use super::{Closed, Dir, Handler, Interest, Key, Limits, Previous, TableCounts};
use crate::decode::{At, Icmp, Segment, TcpFlags};

/// IP protocol number of TCP.
const TCP: u8 = 6;

/// Every connection that is open, or ended a short while ago. The map's hash is keyed anew in every process,
/// since a capture's author may be hostile; nothing is ever read from it in its order.
#[derive(Debug)]
pub struct Table<H> {
    limits: Limits,
    index: HashMap<Key, u32>,
    slots: Vec<Slot<H>>,
    free: Vec<u32>,
    opened: u64,
    /// Slots of ended connections, to be looked at again at a time of the capture.
    ended: VecDeque<(i64, u32, u64)>,
    /// All slots, the longest unseen first; an entry that is out of date is put back when it comes up.
    idle: VecDeque<(i64, u32, u64)>,
    held: usize,
    counts: TableCounts,
    now: i64,
}

#[derive(Debug)]
struct Slot<H> {
    number: u64,
    last: At,
    state: State<H>,
}

#[derive(Debug)]
enum State<H> {
    Free,
    /// Not ours: only its tuple's next use matters.
    Tombstone { key: Key },
    Live(Box<Connection<H>>),
}

impl<H: Handler> Table<H> {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            index: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            opened: 0,
            ended: VecDeque::new(),
            idle: VecDeque::new(),
            held: 0,
            counts: TableCounts::default(),
            now: i64::MIN,
        }
    }

    /// Takes a segment. `make` builds the handler of a new connection from its number and endpoints; `closed`
    /// receives connections that are over, in the order in which the table lets them go.
    pub fn segment(
        &mut self,
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
        let opens = segment.tcp.flags.has(TcpFlags::SYN) && !segment.tcp.flags.has(TcpFlags::ACK);
        let slot = match self.index.get(&key).copied() {
            None => self.open(key, segment.at, None, make, closed),
            Some(slot) => match self.reused(slot, dir, segment, opens) {
                None => slot,
                Some(previous) => {
                    self.close(slot, false, closed);
                    self.open(key, segment.at, Some(previous), make, closed)
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
        let slot = self.index.get(&key).and_then(|slot| self.slots.get_mut(*slot as usize));
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

    /// What the slot held, when this segment begins another connection on its tuple.
    fn reused(&self, slot: u32, dir: Dir, segment: &Segment<'_>, opens: bool) -> Option<Previous> {
        if !opens {
            return None;
        }
        let slot = self.slots.get(slot as usize)?;
        match &slot.state {
            State::Live(connection) if connection.is_other_syn(dir, segment) => {
                Some(Previous { last: connection.last, ended: connection.ended, foreign: false })
            }
            State::Tombstone { .. } => Some(Previous { last: slot.last, ended: true, foreign: true }),
            _ => None,
        }
    }

    fn open(
        &mut self,
        key: Key,
        at: At,
        previous: Option<Previous>,
        make: &mut dyn FnMut(u64, &Key) -> H,
        closed: &mut dyn FnMut(Closed<H>),
    ) -> u32 {
        if self.index.len() >= self.limits.connections {
            self.evict(closed);
        }
        let number = self.opened;
        self.opened += 1;
        self.counts.connections += 1;
        let connection = Connection::new(number, key, make(number, &key), at, previous);
        let slot = Slot { number, last: at, state: State::Live(Box::new(connection)) };
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
        self.index.insert(key, place);
        self.idle.push_back((at.time, place, number));
        place
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
            slot.state = State::Tombstone { key: connection.key };
            return;
        }
        if connection.ended && !ended {
            let due = segment.at.time.saturating_add(self.limits.linger);
            self.ended.push_back((due, place, connection.number));
        }
        if self.held > self.limits.total_bytes {
            // The stream that made the total too large is the one that is cut.
            self.counts.reassembly_limit += 1;
            let held = connection.held;
            connection.flush();
            self.held = self.held + connection.held - held;
        }
        let _ = closed;
    }

    /// Lets go of ended connections whose time has come.
    fn expire(&mut self, closed: &mut dyn FnMut(Closed<H>)) {
        while let Some((due, place, number)) = self.ended.front().copied() {
            if due > self.now {
                return;
            }
            self.ended.pop_front();
            let Some(slot) = self.slots.get(place as usize).filter(|slot| slot.number == number) else { continue };
            let quiet_until = slot.last.time.saturating_add(self.limits.linger);
            match &slot.state {
                State::Live(_) if quiet_until > self.now => self.ended.push_back((quiet_until, place, number)),
                State::Live(_) => self.close(place, false, closed),
                _ => {}
            }
        }
    }

    /// Makes room: the connection that was silent longest goes.
    fn evict(&mut self, closed: &mut dyn FnMut(Closed<H>)) {
        while let Some((seen, place, number)) = self.idle.pop_front() {
            let Some(slot) = self.slots.get(place as usize).filter(|slot| slot.number == number) else { continue };
            if matches!(slot.state, State::Free) {
                continue;
            }
            if slot.last.time > seen {
                self.idle.push_back((slot.last.time, place, number));
                continue;
            }
            self.counts.evicted += 1;
            self.close(place, true, closed);
            return;
        }
    }

    fn close(&mut self, place: u32, evicted: bool, closed: &mut dyn FnMut(Closed<H>)) {
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        let state = std::mem::replace(&mut slot.state, State::Free);
        self.free.push(place);
        match state {
            State::Free => {}
            State::Tombstone { key } => {
                self.index.remove(&key);
            }
            State::Live(mut connection) => {
                self.index.remove(&connection.key);
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
                    evicted,
                    handler: connection.handler,
                });
            }
        }
    }
}

/// The key of a packet from `src` to `dst`, and which of its directions that is.
#[inline]
fn key_of(src: SocketAddr, dst: SocketAddr) -> (Key, Dir) {
    if src <= dst { (Key { a: src, b: dst }, Dir::A) } else { (Key { a: dst, b: src }, Dir::B) }
}
