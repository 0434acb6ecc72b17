//! Packets on their way to the shards, when several threads work on them.
//!
//! Packets are not copied: a slip says where in the chunks that were read its packet stands, and the chunks are shared. Of
//! each shard the slips wait in a pile, in the order of the capture. Whoever has nothing to do takes the highest pile; nobody
//! else works on that shard meanwhile. So every thread is busy while there is work, wherever the traffic is, and what a
//! shard knows of its connections stays in the cache while its pile is worked on.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::shard::Shard;
use super::sheet::{Sheet, Slip};
use super::sights::sights;
use crate::capture::{Chunk, Packet, TOGETHER};
use crate::steps::step;
use crate::stream::TupleHasher;

/// Packets of one batch, at most.
const BATCH_PACKETS: usize = 512;
/// Chunks that a batch refers to, at most: one that fills slowly must not hold what was read long ago.
const BATCH_CHUNKS: usize = 8;
/// Packets of the capture that a batch stretches over, at most: most of them may be of no shard.
const BATCH_SPAN: u64 = 1 << 20;
/// Packets that wait, at most: then the reader helps.
const WAITING: usize = 4 * BATCH_PACKETS;
/// Number of the thread that reads.
const READER: usize = 0;
/// Where the bytes of headers stand that are looked at, to have them all: a cache line has 64 bytes.
const HEADERS: [usize; 2] = [12, 53];
/// Looks at whether there is anything to do, before a thread sleeps: to wake it costs as much as some hundred packets, and more on
/// a virtual machine.
const LOOKS: usize = 100;

/// The piles, and who works on them.
pub(super) struct Piles {
    shards: Vec<Mutex<Shard>>,
    desk: Mutex<Desk>,
    /// For those who wait for a pile: there may be one.
    filled: Condvar,
    /// For the reader, when too much waits: that may be less now.
    lowered: Condvar,
    /// Grows whenever there may be something to do that was not before.
    changes: AtomicUsize,
    /// What the shards hash with.
    hasher: TupleHasher,
}

/// What is known of the piles.
struct Desk {
    piles: Vec<Pile>,
    /// Packets in all of them.
    waiting: usize,
    /// Threads that wait for a pile.
    idle: usize,
    /// The reader waits because too much does.
    held_up: bool,
    /// Nothing will be added any more.
    complete: bool,
    /// Emptied lists, to be filled anew.
    spare: Vec<Vec<Slip>>,
}

/// What waits for a shard.
#[derive(Default)]
struct Pile {
    parts: VecDeque<Part>,
    packets: usize,
    /// Somebody works on the shard.
    taken: bool,
    /// Who worked on it last: what it knows may still be in that thread's cache.
    hand: usize,
}

/// A batch's packets for one shard.
struct Part {
    sheet: Arc<Sheet>,
    slips: Vec<Slip>,
}

impl Piles {
    /// Nothing waits for these shards yet.
    pub(super) fn new(shards: Vec<Shard>, hasher: &TupleHasher) -> Self {
        let desk = Desk {
            piles: shards.iter().map(|_| Pile::default()).collect(),
            waiting: 0,
            idle: 0,
            held_up: false,
            complete: false,
            spare: Vec::new(),
        };
        Self {
            shards: shards.into_iter().map(Mutex::new).collect(),
            desk: Mutex::new(desk),
            filled: Condvar::new(),
            lowered: Condvar::new(),
            changes: AtomicUsize::new(0),
            hasher: hasher.clone(),
        }
    }

    /// Works on piles until there is nothing to do, nor will be; `hand` is the number of the thread, from 1.
    pub(super) fn work(&self, hand: usize) {
        while let Some(turn) = self.next(hand) {
            step(1);
            turn.work();
        }
    }

    /// Nothing will be added any more: works on what is left, as the others do.
    pub(super) fn complete(&self) {
        self.desk().complete = true;
        self.changes.fetch_add(1, Ordering::Release);
        self.filled.notify_all();
        self.work(READER);
    }

    /// The shards, when everybody is done.
    pub(super) fn into_shards(self) -> Vec<Shard> {
        let whole = |shard: Mutex<Shard>| shard.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.shards.into_iter().map(whole).collect()
    }

    /// Adds a batch, which is empty then. When too much waits, the thread that calls helps.
    fn add(&self, batch: &mut Batch<'_>) {
        let sheet = Arc::new(std::mem::take(&mut batch.sheet));
        let mut desk = self.desk();
        let Desk { piles, waiting, spare, .. } = &mut *desk;
        for (pile, slips) in piles.iter_mut().zip(&mut batch.slips) {
            step(1);
            if !slips.is_empty() {
                pile.packets += slips.len();
                *waiting += slips.len();
                let slips = std::mem::replace(slips, spare.pop().unwrap_or_default());
                pile.parts.push_back(Part { sheet: Arc::clone(&sheet), slips });
            }
        }
        batch.packets = 0;
        let wake = desk.idle > 0;
        self.changes.fetch_add(1, Ordering::Release);
        drop(desk);
        if wake {
            self.filled.notify_all();
        }
        while let Some(turn) = self.too_much() {
            step(1);
            turn.work();
        }
    }

    /// A pile for a thread that has nothing else to do, when there is one; `None` when all is done.
    fn next(&self, hand: usize) -> Option<Turn<'_>> {
        let mut desk = self.desk();
        let mut looked = false;
        loop {
            step(1);
            if let Some(turn) = self.take(&mut desk, hand) {
                return Some(turn);
            }
            if desk.complete && desk.waiting == 0 {
                return None;
            }
            if looked {
                desk.idle += 1;
                desk = self.filled.wait(desk).unwrap_or_else(PoisonError::into_inner);
                desk.idle -= 1;
            } else {
                desk = self.look(desk);
            }
            looked = !looked;
        }
    }

    /// Leaves the desk until something has changed, or for a little while.
    fn look<'a>(&'a self, desk: MutexGuard<'a, Desk>) -> MutexGuard<'a, Desk> {
        let before = self.changes.load(Ordering::Acquire);
        drop(desk);
        for _ in 0..LOOKS {
            step(1);
            if self.changes.load(Ordering::Acquire) != before {
                break;
            }
            thread::yield_now();
        }
        self.desk()
    }

    /// A pile for the reader, when too much waits. When others have all of that, the reader waits for them.
    fn too_much(&self) -> Option<Turn<'_>> {
        let mut desk = self.desk();
        let mut looked = false;
        loop {
            step(1);
            if desk.waiting <= WAITING {
                return None;
            }
            if let Some(turn) = self.take(&mut desk, READER) {
                return Some(turn);
            }
            if looked {
                desk.held_up = true;
                desk = self.lowered.wait(desk).unwrap_or_else(PoisonError::into_inner);
                desk.held_up = false;
            } else {
                desk = self.look(desk);
            }
            looked = !looked;
        }
    }

    /// The highest pile of those that nobody works on, if there is one; rather one that this thread had before.
    fn take(&self, desk: &mut Desk, hand: usize) -> Option<Turn<'_>> {
        let free = desk.piles.iter_mut().enumerate().filter(|(_, pile)| !pile.taken && pile.packets > 0);
        let (index, pile) = free.max_by_key(|(_, pile)| (pile.hand == hand, pile.packets))?;
        (pile.taken, pile.hand) = (true, hand);
        let parts = std::mem::take(&mut pile.parts);
        desk.waiting -= std::mem::take(&mut pile.packets);
        self.changes.fetch_add(1, Ordering::Release);
        if desk.held_up && desk.waiting <= WAITING {
            self.lowered.notify_one();
        }
        if desk.complete && desk.waiting == 0 && desk.idle > 0 {
            self.filled.notify_all(); // they can go
        }
        Some(Turn { piles: self, index, parts, used: Vec::new() })
    }

    /// A thread that panicked left what it held as it was; joining it tells.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the headers of packets that are worked on next. What was read stands in another core's cache: fetched one by one,
/// when each is needed, it costs more than all that is done with it; fetched together hardly anything.
#[inline]
fn fetch(packets: &[(u64, Packet<'_>)]) {
    let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or_default();
    let both = |bytes| HEADERS.iter().fold(0, |sum, at| sum ^ byte(bytes, *at));
    black_box(packets.iter().fold(0, |sum, (_, packet)| sum ^ both(packet.bytes)));
}

/// A pile that was taken, to be worked on by nobody else until this is dropped.
struct Turn<'a> {
    piles: &'a Piles,
    index: usize,
    parts: VecDeque<Part>,
    used: Vec<Vec<Slip>>,
}

impl Turn<'_> {
    fn work(mut self) {
        let Some(shard) = self.piles.shards.get(self.index) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Part { sheet, mut slips }) = self.parts.pop_front() {
            step(1);
            let mut packets = Vec::with_capacity(TOGETHER);
            for group in slips.chunks(TOGETHER) {
                step(1);
                packets.clear();
                packets.extend(group.iter().filter_map(|slip| slip.packet(&sheet)));
                fetch(&packets);
                let look = packets.iter().map(|(_, packet)| packet);
                let sights = sights(look, &self.piles.hasher, |_| 0, |_| Some(&*shard));
                for ((ordinal, packet), sight) in packets.iter().zip(&sights) {
                    step(1);
                    match sight {
                        Some(sight) => shard.plain(*ordinal, sight),
                        None => {
                            shard.take(*ordinal, packet);
                        }
                    }
                }
            }
            slips.clear();
            self.used.push(slips);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut desk = self.piles.desk();
        desk.spare.append(&mut self.used);
        let Some(pile) = desk.piles.get_mut(self.index) else { return };
        pile.taken = false;
        self.piles.changes.fetch_add(1, Ordering::Release);
        if pile.packets == 0 {
            return; // nothing that others could take
        }
        if desk.idle > 0 {
            self.piles.filled.notify_one();
        } else if desk.held_up {
            self.piles.lowered.notify_one();
        }
    }
}

/// Where slips are written until there are enough of them.
pub(super) struct Batch<'a> {
    piles: &'a Piles,
    sheet: Sheet,
    slips: Vec<Vec<Slip>>,
    packets: usize,
}

impl<'a> Batch<'a> {
    /// An empty one.
    pub(super) fn new(piles: &'a Piles) -> Self {
        let slips = piles.shards.iter().map(|_| Vec::new()).collect();
        Self { piles, sheet: Sheet::default(), slips, packets: 0 }
    }

    /// Takes the capture's `ordinal`-th packet, for a shard, with the chunk that it stands in and where in it. Ordinals rise.
    #[inline]
    pub(super) fn put(
        &mut self,
        ordinal: u64,
        shard: usize,
        packet: &Packet<'_>,
        chunk: Option<(&Chunk, usize)>,
    ) {
        let slip = self.sheet.slip(ordinal, packet, chunk);
        let Some(slips) = self.slips.get_mut(shard) else { return };
        slips.push(slip);
        self.packets += 1;
        if self.packets >= BATCH_PACKETS || self.sheet.chunks() >= BATCH_CHUNKS || slip.step() >= BATCH_SPAN {
            self.piles.add(self);
        }
    }

    /// Hands over what is left.
    pub(super) fn send(mut self) {
        self.piles.add(&mut self);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::analysis::Settings;
    use crate::analysis::shard::SHARDS;
    use crate::capture::LinkType;
    use crate::session::KnownPorts;
    use crate::stream::TupleHasher;

    /// As many packets for one shard, or for each in turn, as fill its pile many times over.
    fn worked_on(threads: usize, all_for_one: bool) -> u64 {
        const PACKETS: usize = 20 * WAITING;
        let known = Arc::new(KnownPorts::default());
        let settings = Settings::default();
        let hasher = TupleHasher::default();
        let shards = (0..SHARDS).map(|_| Shard::new(&settings, &known, &hasher)).collect();
        let piles = Piles::new(shards, &hasher);
        thread::scope(|scope| {
            for hand in 1..threads {
                let piles = &piles;
                scope.spawn(move || piles.work(hand));
            }
            let mut batch = Batch::new(&piles);
            let chunk: Chunk = Arc::new(vec![0; 64]);
            for ordinal in 1..=PACKETS {
                let shard = if all_for_one { 3 } else { ordinal % SHARDS };
                let packet = Packet {
                    time: 0,
                    file: 0,
                    frame: ordinal as u64,
                    link: LinkType(147), // nothing that is decoded: each is counted
                    interface: 0,
                    original_len: 64,
                    bytes: chunk.as_slice(),
                };
                batch.put(ordinal as u64, shard, &packet, Some((&chunk, 0)));
            }
            batch.send();
            piles.complete();
        });
        let desk = piles.desk();
        assert_eq!((desk.waiting, desk.idle, desk.held_up), (0, 0, false));
        drop(desk);
        piles.into_shards().iter_mut().map(|shard| shard.qualities.of(0).unknown_link).sum()
    }

    #[test]
    fn every_packet_is_worked_on_whoever_waits_for_whom() {
        for threads in [2, 3, 5, 12] {
            for all_for_one in [false, true] {
                for _ in 0..4 {
                    assert_eq!(worked_on(threads, all_for_one), 20 * WAITING as u64);
                }
            }
        }
    }
}
