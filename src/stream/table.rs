//! The table of connections.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::connection::Connection;
use super::entry::{Entry, Head, Tuple, TupleHasher, What, is_syn_of, later};
use super::slots::Slots;
use super::{Closed, Dir, Handler, Interest, Key, Limits, Previous, TableCounts};
use crate::decode::{At, Icmp, Segment, TcpFlags};
use crate::steps::step;

/// Segments, and nanoseconds, after which connections whose time has come are let go, many at once: the code that a
/// connection runs through at its end is then fetched once for all of them.
const LOOK_SEGMENTS: u32 = 1024;
const LOOK_TIME: i64 = 100_000_000;
/// IP protocol number of TCP.
const TCP: u8 = 6;

/// What is known of a packet's tuple.
enum Known {
    /// The place of its connection.
    Live(u32),
    /// Nobody wants to hear more of it.
    Late,
    /// Nothing that this packet could be of.
    Not,
}

fn ends(segment: &Segment<'_>) -> (SocketAddr, SocketAddr) {
    let src = SocketAddr::new(segment.ip.src, segment.tcp.src_port);
    (src, SocketAddr::new(segment.ip.dst, segment.tcp.dst_port))
}

/// Every connection that is open, or ended a short while ago. The index is keyed anew in every process, since
/// a capture's author may be hostile; nothing is ever read from it in its order.
#[derive(Debug, Clone)]
pub struct Table<H> {
    pub(super) limits: Limits,
    /// What is known of each tuple.
    pub(super) index: HashTable<Entry>,
    hasher: DefaultHashBuilder,
    pub(super) slots: Slots<H>,
    /// The place of the last segment's connection.
    latest: Option<u32>,
    /// Ended connections, by the capture time at which to look at them again.
    pub(super) ended: Queue,
    /// Connections, the longest unseen first; an entry that is out of date is put right when it comes up.
    idle: Queue,
    /// Tombstones of what is not ours in the order in which they were last looked at.
    pub(super) buried: VecDeque<u64>,
    /// Tombstones of what is over, by the capture time at which to forget them, nearly in its order.
    pub(super) over: VecDeque<(i64, u64)>,
    /// Bytes of payload held.
    pub(super) held: usize,
    /// Bytes of memory that connections take.
    pub(super) state: usize,
    pub(super) counts: TableCounts,
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
        Self::with_hasher(limits, &TupleHasher::default())
    }

    /// An empty table that hashes as others do.
    #[must_use]
    pub fn with_hasher(limits: Limits, hasher: &TupleHasher) -> Self {
        Self {
            limits,
            index: HashTable::new(),
            hasher: hasher.0.clone(),
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
        let (src, dst) = ends(segment);
        let tuple = Tuple::new(&self.hasher, src, dst);
        let head = Head { tuple, place: None, at: segment.at, flags: segment.tcp.flags };
        self.packet(number, head, || segment, make, closed)
    }

    /// The same of a segment that is decoded only when somebody wants to hear of it. `head` is of that segment, its tuple of the
    /// hasher that this table has.
    #[inline]
    pub fn packet<'s, S: Borrow<Segment<'s>>>(
        &mut self,
        number: u64,
        head: Head,
        segment: impl FnOnce() -> S,
        make: &mut dyn FnMut(u64, &Key) -> H,
        closed: &mut dyn FnMut(Closed<H>),
    ) -> Interest {
        let Head { tuple: Tuple { hash, dir }, place, at, flags } = head;
        self.look(at.time, closed);
        if !flags.has(TcpFlags::SYN) {
            // Most packets follow another of their connection, or it was found already: no need to look that up again.
            let likely = place.or(self.latest);
            let same = |place: &u32| self.slots.get(*place).is_some_and(|connection| connection.hash == hash);
            match likely.filter(same).map_or_else(|| self.known(hash, at), Known::Live) {
                Known::Live(place) => {
                    self.latest = Some(place);
                    return self.feed(place, dir, segment().borrow(), closed);
                }
                Known::Late => return Interest::Nothing,
                Known::Not => {}
            }
        }
        self.begin(number, head, segment().borrow(), make, closed)
    }

    /// What is known of the tuple of a packet that is no SYN. A tombstone takes note of it.
    #[inline]
    fn known(&mut self, hash: u64, at: At) -> Known {
        let found = self.index.find_mut(hash, |entry| entry.hash == hash);
        match found.map(|entry| &mut entry.what) {
            Some(What::Live(place)) => Known::Live(*place),
            Some(What::Foreign { time, place, seen }) => {
                (*time, *place) = later(At { time: *time, place: *place }, at);
                *seen = true;
                Known::Late
            }
            Some(What::Over { time, place, .. }) if at.time.saturating_sub(*time) <= self.limits.linger => {
                (*time, *place) = later(At { time: *time, place: *place }, at);
                Known::Late
            }
            Some(What::Over { .. }) | None => Known::Not,
        }
    }

    /// Takes a SYN, or another packet of a tuple that is not known or is over for long.
    fn begin(
        &mut self,
        number: u64,
        head: Head,
        segment: &Segment<'_>,
        make: &mut dyn FnMut(u64, &Key) -> H,
        closed: &mut dyn FnMut(Closed<H>),
    ) -> Interest {
        let Head { tuple: Tuple { hash, dir }, at, flags, .. } = head;
        let syn = flags.has(TcpFlags::SYN);
        let linger = self.limits.linger;
        let found = self.index.find_mut(hash, |entry| entry.hash == hash);
        let (place, previous) = match found.map(|entry| &mut entry.what) {
            Some(What::Foreign { time, place, seen }) => {
                let last = At { time: *time, place: *place };
                if flags.has(TcpFlags::ACK) {
                    (*time, *place) = later(last, at);
                    *seen = true;
                    return Interest::Nothing;
                }
                self.forget(hash);
                (None, Some(Previous { last, ended: true, foreign: true }))
            }
            Some(What::Over { time, place, isn, known }) => {
                let last = At { time: *time, place: *place };
                let late = at.time.saturating_sub(last.time) <= linger;
                let other_syn = syn && !(*known && is_syn_of(*isn, segment));
                if late && !other_syn {
                    (*time, *place) = later(last, at);
                    return Interest::Nothing;
                }
                self.forget(hash);
                (None, syn.then_some(Previous { last, ended: true, foreign: false }))
            }
            Some(What::Live(place)) => {
                let place = *place;
                match self.reused(place, dir, segment) {
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
                let (src, dst) = ends(segment);
                let key = if dir == Dir::A { Key { a: src, b: dst } } else { Key { a: dst, b: src } };
                let connection = Connection::new(number, key, hash, make(number, &key), at, previous);
                self.open(hash, connection, closed)
            }
        };
        self.latest = Some(place);
        self.feed(place, dir, segment, closed)
    }

    /// Looks at what is known of a tuple, which fetches it into the cache: the place of its connection, when there is one.
    #[inline]
    pub fn fetch(&self, tuple: Tuple) -> Option<u32> {
        match self.index.find(tuple.hash, |entry| entry.hash == tuple.hash)?.what {
            What::Live(place) => Some(place),
            What::Foreign { .. } | What::Over { .. } => None,
        }
    }

    /// Looks at what a packet needs of its connection, which [`Table::fetch`] found.
    #[inline]
    pub fn fetch_connection(&self, place: u32, tuple: Tuple) {
        if let Some(connection) = self.slots.get(place) {
            connection.fetch(tuple.dir);
        }
    }

    /// Takes an ICMP error; `false` when it quotes no connection that is known.
    pub fn icmp(&mut self, icmp: &Icmp) -> bool {
        if icmp.protocol != TCP {
            return false;
        }
        let (src, dst) = (SocketAddr::new(icmp.src, icmp.src_port), SocketAddr::new(icmp.dst, icmp.dst_port));
        let Tuple { hash, dir } = Tuple::new(&self.hasher, src, dst);
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
        self.state += connection.totals.state;
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
        let ended = connection.ended;
        let before = connection.totals;
        connection.segment(dir, segment, &self.limits, &self.hasher);
        // Few segments change any.
        if connection.totals != before {
            let after = connection.totals;
            self.held = self.held + after.held - before.held;
            self.state = self.state + after.state - before.state;
            self.counts.duplicates += after.duplicates - before.duplicates;
            self.counts.reassembly_limit += after.limit_hits - before.limit_hits;
        }
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

    /// Too much is held. The stream that made it too much gives up its holes; when that is not enough, the
    /// handlers' buffers are what is full, and connections go, the longest silent first, until half is free.
    fn relieve(&mut self, place: u32, at: At, closed: &mut dyn FnMut(Closed<H>)) {
        self.counts.reassembly_limit += 1;
        if let Some(connection) = self.slots.get_mut(place) {
            let before = connection.totals;
            connection.give_up_all_holes(at);
            self.held = self.held + connection.totals.held - before.held;
            self.state = self.state + connection.totals.state - before.state;
        }
        if self.held <= self.limits.total_bytes {
            return;
        }
        let mut holders: Vec<(i64, u64, u32)> = self
            .slots
            .iter()
            .filter(|(_, connection)| connection.totals.held > 0)
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
        self.held -= connection.totals.held;
        self.state -= connection.totals.state;
        let hash = connection.hash;
        if let Some(over) = connection.conclude(evicted) {
            closed(over);
        }
        self.slots.remove(place);
        hash
    }
}
