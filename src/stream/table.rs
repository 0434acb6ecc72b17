//! The table of connections.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};

use super::connection::Connection;
use super::entry::{Entry, What, is_syn_of, later, tuple};
use super::slots::Slots;
use super::{Closed, Dir, Handler, Interest, Key, Limits, Previous, TableCounts};
use crate::decode::{At, Icmp, Segment, TcpFlags};
use crate::steps::step;

/// Segments, and nanoseconds, after which connections whose time has come are let go, many at once: the code that a
/// connection runs through at its end is then fetched once for all of them.
const LOOK_SEGMENTS: u32 = 64;
const LOOK_TIME: i64 = 100_000_000;
/// Of the tuples that are known, one in so many may be of a connection that is over: more than a busy client has ports.
const OVER_SHARE: usize = 4;
/// IP protocol number of TCP.
const TCP: u8 = 6;

/// Every connection that is open, or ended a short while ago. The index is keyed anew in every process, since
/// a capture's author may be hostile; nothing is ever read from it in its order.
#[derive(Debug, Clone)]
pub struct Table<H> {
    pub(super) limits: Limits,
    /// What is known of each tuple.
    index: HashTable<Entry>,
    hasher: DefaultHashBuilder,
    pub(super) slots: Slots<H>,
    /// The connection of the last segment: the hash of its tuple, and its place.
    latest: Option<(u64, u32)>,
    /// Ended connections, by the capture time at which to look at them again.
    pub(super) ended: Queue,
    /// Connections, the longest unseen first; an entry that is out of date is put right when it comes up.
    idle: Queue,
    /// Tombstones of what is not ours in the order in which they were last looked at.
    buried: VecDeque<u64>,
    /// Tombstones of what is over, by the capture time at which to forget them, nearly in its order.
    over: VecDeque<(i64, u64)>,
    /// Bytes of payload held.
    held: usize,
    /// Bytes of memory that connections take.
    state: usize,
    counts: TableCounts,
    pub(super) now: i64,
    /// Segments since ended connections were looked at.
    unlooked: u32,
    /// Connections that have ended and still linger, to be shown as they stand, when somebody asks for that.
    pub(super) lingering: Option<Vec<(u32, u64)>>,
}

/// Time, number of the connection, its place: the smallest comes first.
type Queue = BinaryHeap<Reverse<(i64, u64, u32)>>;

impl<H: Handler> Table<H> {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            slots: Slots::new(),
            latest: None,
            ended: Queue::new(),
            idle: Queue::new(),
            buried: VecDeque::new(),
            over: VecDeque::new(),
            held: 0,
            state: 0,
            counts: TableCounts::default(),
            now: i64::MIN,
            unlooked: 0,
            lingering: None,
        }
    }

    /// Takes a segment. A connection that it begins gets `number`, which has to be larger than that of every segment
    /// before it; `make` builds its handler from that and its endpoints. `closed` receives connections that are over, in
    /// the order in which the table lets them go. Says how much its connection's handler still wants to hear.
    pub fn segment(
        &mut self,
        number: u64,
        segment: &Segment<'_>,
        make: &mut dyn FnMut(u64, &Key) -> H,
        closed: &mut dyn FnMut(Closed<H>),
    ) -> Interest {
        self.look(segment.at.time, closed);
        let src = SocketAddr::new(segment.ip.src, segment.tcp.src_port);
        let dst = SocketAddr::new(segment.ip.dst, segment.tcp.dst_port);
        let (hash, dir) = tuple(&self.hasher, src, dst);
        let syn = segment.tcp.flags.has(TcpFlags::SYN);
        // Most packets follow another of their connection: no need to look that up again.
        if let Some((latest, place)) = self.latest
            && latest == hash
            && !syn
        {
            return self.feed(place, dir, segment, closed);
        }
        let linger = self.limits.linger;
        let found = self.index.find_mut(hash, |entry| entry.hash == hash);
        let (place, previous) = match found.map(|entry| &mut entry.what) {
            Some(What::Foreign { time, place, seen }) => {
                let last = At { time: *time, place: *place };
                if !syn || segment.tcp.flags.has(TcpFlags::ACK) {
                    (*time, *place) = later(last, segment.at);
                    *seen = true;
                    return Interest::Nothing;
                }
                self.forget(hash);
                (None, Some(Previous { last, ended: true, foreign: true }))
            }
            Some(What::Over { time, place, isn, known }) => {
                let last = At { time: *time, place: *place };
                let late = segment.at.time.saturating_sub(last.time) <= linger;
                let other_syn = syn && !(*known && is_syn_of(*isn, segment));
                if late && !other_syn {
                    (*time, *place) = later(last, segment.at);
                    return Interest::Nothing;
                }
                self.forget(hash);
                (None, syn.then_some(Previous { last, ended: true, foreign: false }))
            }
            Some(What::Live(place)) => {
                let place = *place;
                match if syn { self.reused(place, dir, segment) } else { None } {
                    Some(previous) => {
                        self.close(place, false, closed);
                        (None, Some(previous))
                    }
                    None => (Some(place), None),
                }
            }
            None => (None, None),
        };
        let place = match place {
            Some(place) => place,
            None => {
                let key = if dir == Dir::A { Key { a: src, b: dst } } else { Key { a: dst, b: src } };
                let connection = Connection::new(number, key, make(number, &key), segment.at, previous);
                self.open(hash, connection, closed)
            }
        };
        self.latest = Some((hash, place));
        self.feed(place, dir, segment, closed)
    }

    /// Takes an ICMP error; `false` when it quotes no connection that is known.
    pub fn icmp(&mut self, icmp: &Icmp) -> bool {
        if icmp.protocol != TCP {
            return false;
        }
        let (src, dst) = (SocketAddr::new(icmp.src, icmp.src_port), SocketAddr::new(icmp.dst, icmp.dst_port));
        let (hash, dir) = tuple(&self.hasher, src, dst);
        let found = self.index.find(hash, |entry| entry.hash == hash);
        let Some(What::Live(place)) = found.map(|entry| entry.what) else { return false };
        match self.slots.get_mut(place) {
            Some(connection) => {
                connection.icmp(dir, icmp);
                true
            }
            None => false,
        }
    }

    /// Numbers of the connections that are listened to, in no order.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().map(|(_, connection)| connection.number)
    }

    /// Tuples known: connections and tombstones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no tuple is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> TableCounts {
        self.counts
    }

    /// Hands out what is left, in the order of first packets.
    pub fn finish(mut self, closed: &mut dyn FnMut(Closed<H>)) {
        let numbered = self.slots.iter().map(|(place, connection)| (connection.number, place));
        let mut live: Vec<(u64, u32)> = numbered.collect();
        live.sort_unstable();
        for (_, place) in live {
            step(1);
            self.close(place, false, closed);
        }
    }

    /// Tuples known, and entries of the longest queue.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.slots.len(), self.idle.len().max(self.ended.len()).max(self.buried.len()).max(self.over.len()))
    }

    /// What the slot held, when this SYN begins another connection on its tuple.
    fn reused(&self, place: u32, dir: Dir, segment: &Segment<'_>) -> Option<Previous> {
        let connection = self.slots.get(place)?;
        connection.is_other_syn(dir, segment).then_some(Previous {
            last: connection.last,
            ended: connection.ended,
            foreign: false,
        })
    }

    fn open(&mut self, hash: u64, connection: Connection<H>, closed: &mut dyn FnMut(Closed<H>)) -> u32 {
        if self.index.len() >= self.limits.connections {
            self.make_room(closed);
        }
        self.counts.connections += 1;
        let (number, time) = (connection.number, connection.first.time);
        self.state += connection.state;
        let place = self.slots.insert(connection);
        self.index.insert_unique(hash, Entry { hash, what: What::Live(place) }, |entry| entry.hash);
        self.idle.push(Reverse((time, number, place)));
        self.tidy();
        place
    }

    /// Entries of connections that are gone leave the queues before these outgrow the slots.
    fn tidy(&mut self) {
        let Self { slots, idle, ended, .. } = self;
        for queue in [idle, ended] {
            if queue.len() > 2 * slots.len() + 64 {
                queue.retain(|Reverse((_, number, place))| slots.holds(*place, *number));
            }
        }
    }

    fn feed(
        &mut self,
        place: u32,
        dir: Dir,
        segment: &Segment<'_>,
        closed: &mut dyn FnMut(Closed<H>),
    ) -> Interest {
        let Some(connection) = self.slots.get_mut(place) else { return Interest::Nothing };
        let (held, state, ended) = (connection.held, connection.state, connection.ended);
        let (duplicates, hits) = (connection.duplicates, connection.limit_hits);
        connection.segment(dir, segment, &self.limits, &self.hasher);
        self.held = self.held + connection.held - held;
        self.state = self.state + connection.state - state;
        self.counts.duplicates += connection.duplicates - duplicates;
        self.counts.reassembly_limit += connection.limit_hits - hits;
        let interest = connection.interest;
        if interest == Interest::Nothing {
            self.bury(place);
            return interest;
        }
        if connection.ended && !ended {
            let due = segment.at.time.saturating_add(self.limits.linger_closed);
            self.ended.push(Reverse((due, connection.number, place)));
        }
        if self.held > self.limits.total_bytes {
            self.relieve(place, segment.at, closed);
        }
        while self.state > self.limits.state_bytes && self.evict_idle(closed) {}
        interest
    }

    /// Nobody listens any more: what is left is a tombstone.
    fn bury(&mut self, place: u32) {
        let Some(connection) = self.slots.get(place) else { return };
        self.held -= connection.held;
        self.state -= connection.state;
        let (hash, At { time, place: frame }) = (self.hash_of(connection), connection.last);
        self.slots.remove(place);
        self.latest = self.latest.filter(|(_, latest)| *latest != place);
        if let Some(entry) = self.index.find_mut(hash, |entry| entry.hash == hash) {
            entry.what = What::Foreign { time, place: frame, seen: false };
            self.buried.push_back(hash);
        }
        // Tombstones whose tuples were used anew leave entries behind.
        let Self { index, buried, .. } = self;
        if buried.len() > 2 * index.len() + 64 {
            let mut kept = HashSet::new();
            buried.retain(|hash| {
                let found = index.find(*hash, |entry| entry.hash == *hash);
                matches!(found, Some(Entry { what: What::Foreign { .. }, .. })) && kept.insert(*hash)
            });
        }
    }

    /// A tombstone takes the place of a connection that is over.
    fn entomb(&mut self, hash: u64, last: At, isn: Option<u32>) {
        let Some(entry) = self.index.find_mut(hash, |entry| entry.hash == hash) else { return };
        let At { time, place } = last;
        entry.what = What::Over { time, place, isn: isn.unwrap_or_default(), known: isn.is_some() };
        if self.over.len() >= self.limits.connections / OVER_SHARE {
            self.forget_over();
        }
        self.over.push_back((time.saturating_add(self.limits.linger), hash));
    }

    /// Forgets the oldest tombstone of what is over; whether there was one.
    fn forget_over(&mut self) -> bool {
        while let Some((_, hash)) = self.over.pop_front() {
            step(1);
            if self.over_since(hash).is_some() {
                self.forget(hash);
                return true;
            }
        }
        false
    }

    /// Forgets what is over, and was not heard of for so long that what comes now is no more of it.
    fn forget_overdue(&mut self) {
        while let Some((due, hash)) = self.over.front().copied() {
            step(1);
            if due >= self.now {
                return;
            }
            self.over.pop_front();
            let Some(time) = self.over_since(hash) else { continue };
            let quiet_until = time.saturating_add(self.limits.linger);
            if quiet_until >= self.now {
                self.over.push_back((quiet_until, hash));
            } else {
                self.forget(hash);
            }
        }
    }

    /// When a connection that is over was last seen; `None` when its tuple was used anew.
    fn over_since(&self, hash: u64) -> Option<i64> {
        match self.index.find(hash, |entry| entry.hash == hash)?.what {
            What::Over { time, .. } => Some(time),
            _ => None,
        }
    }

    fn hash_of(&self, connection: &Connection<H>) -> u64 {
        tuple(&self.hasher, connection.key.a, connection.key.b).0
    }

    fn forget(&mut self, hash: u64) {
        if let Ok(entry) = self.index.find_entry(hash, |entry| entry.hash == hash) {
            entry.remove();
        }
    }

    /// Too much is held. The stream that made it too much gives up its holes; when that is not enough, the
    /// handlers' buffers are what is full, and connections go, the longest silent first, until half is free.
    fn relieve(&mut self, place: u32, at: At, closed: &mut dyn FnMut(Closed<H>)) {
        self.counts.reassembly_limit += 1;
        if let Some(connection) = self.slots.get_mut(place) {
            let (held, state) = (connection.held, connection.state);
            connection.give_up_all_holes(at);
            self.held = self.held + connection.held - held;
            self.state = self.state + connection.state - state;
        }
        if self.held <= self.limits.total_bytes {
            return;
        }
        let mut holders: Vec<(i64, u64, u32)> = self
            .slots
            .iter()
            .filter(|(_, connection)| connection.held > 0)
            .map(|(place, connection)| (connection.last.time, connection.number, place))
            .collect();
        holders.sort_unstable();
        for (_, _, place) in holders {
            step(1);
            if self.held <= self.limits.total_bytes / 2 {
                return;
            }
            self.counts.evicted += 1;
            self.close(place, true, closed);
        }
    }

    /// Moves the clock when no segment does: lets go of what is over by then.
    pub fn pass(&mut self, time: i64, closed: &mut dyn FnMut(Closed<H>)) {
        if time >= self.now {
            self.now = time;
            self.unlooked = 0;
            self.expire(closed);
            self.forget_overdue();
        }
    }

    /// Moves the clock, and looks at ended connections when it is time. A capture's clock may step back: what is dated
    /// by an earlier one is not late.
    fn look(&mut self, time: i64, closed: &mut dyn FnMut(Closed<H>)) {
        self.unlooked = self.unlooked.saturating_add(1);
        if time < self.now {
            return;
        }
        self.now = time;
        let overdue = time.saturating_sub(LOOK_TIME);
        let due = self.ended.peek().is_some_and(|Reverse((due, ..))| *due <= overdue);
        if due || self.unlooked >= LOOK_SEGMENTS {
            self.unlooked = 0;
            self.expire(closed);
            self.forget_overdue();
        }
    }

    /// Lets go of ended connections whose time has come.
    fn expire(&mut self, closed: &mut dyn FnMut(Closed<H>)) {
        while let Some(Reverse((due, number, place))) = self.ended.peek().copied() {
            step(1);
            if due > self.now {
                return;
            }
            self.ended.pop();
            if !self.slots.holds(place, number) {
                continue;
            }
            let Some(connection) = self.slots.get(place) else { continue };
            let (last, isn) = (connection.last, connection.isn());
            let quiet_until = last.time.saturating_add(connection.linger(&self.limits));
            if quiet_until > self.now {
                self.ended.push(Reverse((quiet_until, number, place)));
                if let Some(lingering) = &mut self.lingering {
                    lingering.push((place, number));
                }
            } else {
                let hash = self.let_go(place, false, closed);
                self.entomb(hash, last, isn);
            }
        }
    }

    /// Makes room: of what is not ours, else of all connections, the one that was silent longest goes.
    fn make_room(&mut self, closed: &mut dyn FnMut(Closed<H>)) {
        self.dig_up();
        if self.index.len() >= self.limits.connections {
            self.evict_idle(closed);
        }
    }

    /// Forgets the tombstone that was silent longest, as far as the order in which they were looked at tells.
    fn dig_up(&mut self) {
        if self.forget_over() {
            return; // it was handed out whole
        }
        while let Some(hash) = self.buried.pop_front() {
            step(1);
            let found = self.index.find_mut(hash, |entry| entry.hash == hash);
            match found.map(|entry| &mut entry.what) {
                Some(What::Foreign { seen: seen @ true, .. }) => {
                    *seen = false;
                    self.buried.push_back(hash);
                }
                Some(What::Foreign { .. }) => {
                    self.counts.evicted += 1;
                    self.forget(hash);
                    return;
                }
                // Its tuple was used anew.
                Some(What::Over { .. } | What::Live(_)) | None => {}
            }
        }
    }

    /// Lets go of the connection that was silent longest; whether there was one.
    fn evict_idle(&mut self, closed: &mut dyn FnMut(Closed<H>)) -> bool {
        while let Some(Reverse((seen, number, place))) = self.idle.pop() {
            step(1);
            let slot = self.slots.get(place);
            match slot.filter(|connection| connection.number == number).map(|connection| connection.last.time)
            {
                Some(last) if last > seen => self.idle.push(Reverse((last, number, place))),
                Some(_) => {
                    self.counts.evicted += 1;
                    self.close(place, true, closed);
                    return true;
                }
                None => {}
            }
        }
        false
    }

    fn close(&mut self, place: u32, evicted: bool, closed: &mut dyn FnMut(Closed<H>)) {
        let hash = self.let_go(place, evicted, closed);
        self.forget(hash);
    }

    /// Hands a connection out; the hash of its tuple, which the index still has.
    fn let_go(&mut self, place: u32, evicted: bool, closed: &mut dyn FnMut(Closed<H>)) -> u64 {
        let Some(connection) = self.slots.get_mut(place) else { return 0 };
        self.held -= connection.held;
        self.state -= connection.state;
        let (hash, _) = tuple(&self.hasher, connection.key.a, connection.key.b);
        if let Some(over) = connection.conclude(evicted) {
            closed(over);
        }
        self.slots.remove(place);
        self.latest = self.latest.filter(|(_, latest)| *latest != place);
        hash
    }
}
