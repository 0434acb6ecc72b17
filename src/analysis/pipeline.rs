//! From the source to the shards: one thread reads and deals out packets, others work on them.
//!
//! Packets are not copied: a parcel for a worker says where in the chunks that were read its packets stand, and the
//! chunks are shared. The order of packets within a shard is that of the capture whatever the number of workers, and
//! shards are merged in their own order, so that the result is the same.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ScopedJoinHandle};

use super::collector::Collector;
use super::dealer::Dealer;
use super::judge;
use super::quality::{Qualities, captures};
use super::shard::{SHARDS, Shard};
use super::{Analysis, Progress, Settings};
use crate::capture::{Chunk, Error, LinkType, Packet, Source, Take};
use crate::facts::Time;
use crate::session::KnownPorts;
use crate::stream::TableCounts;

/// Packets of one parcel, at most.
const PARCEL_PACKETS: usize = 2048;
/// A parcel that refers to so many chunks is handed over: a parcel that fills slowly must not hold what was read long ago.
const PARCEL_CHUNKS: usize = 5;
/// Parcels that wait for a worker, at most: then the reader waits for it.
const WAITING: usize = 2;
/// Packets between two calls of `progress`.
const STEP: usize = 1 << 16;

/// What a shard has in the end.
type Finished = (Collector, Qualities, TableCounts);

/// Reads the source to its end, and judges.
pub(super) fn run(
    settings: Settings,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Progress),
) -> Analysis {
    let known = Arc::new(KnownPorts { ports: settings.filter.ports.clone() });
    let shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::new(&settings, &known)).collect();
    let mut dealer = Dealer::default();
    let workers = match settings.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
    .min(SHARDS);
    let (finished, stopped) = if workers > 1 {
        together(workers, shards, &mut dealer, source, progress)
    } else {
        alone(shards, &mut dealer, source, progress)
    };

    let mut collector = Collector::new(settings, known);
    let mut counts = TableCounts::default();
    for (part, qualities, part_counts) in finished {
        collector.merge(part);
        dealer.qualities.merge(&qualities);
        counts.add(&part_counts);
    }
    collector.browser = dealer.browser;
    let captures = captures(source.summaries(), &dealer.qualities, stopped.as_ref());
    judge::judge(collector, captures, counts, workers)
}

/// One thread does it all.
fn alone(
    mut shards: Vec<Shard>,
    dealer: &mut Dealer,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Progress),
) -> (Vec<Finished>, Option<Error>) {
    let stopped = read(source, progress, &mut |packet, _| {
        if let Some(shard) = dealer.deal(packet).and_then(|flow| shards.get_mut(Shard::of(flow))) {
            shard.take(dealer.ordinal, packet);
        }
    });
    let end = end_of(source, dealer.now);
    (shards.into_iter().map(|shard| shard.finish(end)).collect(), stopped)
}

/// This thread reads and deals, the workers do the rest.
fn together(
    workers: usize,
    shards: Vec<Shard>,
    dealer: &mut Dealer,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Progress),
) -> (Vec<Finished>, Option<Error>) {
    let end = OnceLock::new();
    thread::scope(|scope| {
        let mut desks: Vec<Desk> = Vec::with_capacity(workers);
        let mut hands: Vec<ScopedJoinHandle<'_, Vec<(usize, Finished)>>> = Vec::with_capacity(workers);
        for shards in dealt_out(shards, workers) {
            let (sender, receiver) = sync_channel(WAITING);
            let (back, used) = channel();
            let end = &end;
            desks.push(Desk { sender, used, parcel: Parcel::default() });
            hands.push(scope.spawn(move || work(shards, &receiver, &back, end)));
        }
        let stopped = read(source, progress, &mut |packet, chunk| {
            let Some(shard) = dealer.deal(packet).map(Shard::of) else { return };
            if let Some(desk) = desks.get_mut(shard % workers) {
                desk.put(dealer.ordinal, shard, packet, chunk);
            }
        });
        // What ends the workers is that nobody can send them anything any more.
        let _ = end.set(end_of(source, dealer.now));
        desks.into_iter().for_each(Desk::send);
        let mut finished: Vec<(usize, Finished)> = Vec::with_capacity(SHARDS);
        for hand in hands {
            match hand.join() {
                Ok(parts) => finished.extend(parts),
                Err(panic) => resume_unwind(panic),
            }
        }
        finished.sort_by_key(|(index, _)| *index);
        (finished.into_iter().map(|(_, part)| part).collect(), stopped)
    })
}

/// The time at which the capture ends: that of its latest packet, unless somebody says that the wire was watched longer.
fn end_of(source: &dyn Source, now: Time) -> Time {
    let watched = source.summaries().iter().filter_map(|summary| summary.until).max();
    watched.map_or(now, |until| now.max(Time(until)))
}

/// Moves through the source; why it stopped before its end, if it did.
fn read(source: &mut dyn Source, progress: &mut dyn FnMut(Progress), take: &mut Take<'_>) -> Option<Error> {
    let mut packets = 0_u64;
    loop {
        match source.run(STEP, take) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(error),
        }
        packets += STEP as u64;
        let bytes = source.summaries().iter().map(|summary| summary.bytes).sum();
        progress(Progress { packets, bytes });
    }
}

/// Where parcels for one worker are made up.
struct Desk {
    sender: SyncSender<Parcel>,
    /// Parcels that the worker is done with, to be filled anew.
    used: Receiver<Parcel>,
    parcel: Parcel,
}

/// Packets for one worker.
#[derive(Debug, Default)]
struct Parcel {
    chunks: Vec<Chunk>,
    packets: Vec<Slip>,
}

/// Where a packet stands, and what its record says of it.
#[derive(Debug, Clone, Copy)]
struct Slip {
    ordinal: u64,
    time: i64,
    frame: u64,
    file: u32,
    link: LinkType,
    interface: u32,
    original_len: u32,
    start: u32,
    len: u32,
    chunk: u8,
    shard: u8,
}

impl Desk {
    #[inline]
    fn put(&mut self, ordinal: u64, shard: usize, packet: &Packet<'_>, chunk: Option<(&Chunk, usize)>) {
        let (chunk, start) = match chunk {
            Some((chunk, start))
                if self.parcel.chunks.last().is_some_and(|last| Arc::ptr_eq(last, chunk)) =>
            {
                (None, start)
            }
            Some((chunk, start)) => (Some(Arc::clone(chunk)), start),
            None => (Some(Arc::new(packet.bytes.to_vec())), 0),
        };
        self.parcel.chunks.extend(chunk);
        self.parcel.packets.push(Slip {
            ordinal,
            time: packet.time,
            frame: packet.frame,
            file: packet.file,
            link: packet.link,
            interface: packet.interface,
            original_len: packet.original_len,
            // A chunk is as long as a few records, and there are few: these fit.
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX),
            chunk: u8::try_from(self.parcel.chunks.len() - 1).unwrap_or(u8::MAX),
            shard: u8::try_from(shard).unwrap_or(u8::MAX),
        });
        if self.parcel.packets.len() >= PARCEL_PACKETS || self.parcel.chunks.len() >= PARCEL_CHUNKS {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let empty = self.used.try_recv().unwrap_or_default();
        let parcel = std::mem::replace(&mut self.parcel, empty);
        // A worker that is gone has panicked, which joining it will tell.
        let _ = self.sender.send(parcel);
    }

    fn send(mut self) {
        self.hand_over();
    }
}

/// The shards of each worker, with their places.
fn dealt_out(shards: Vec<Shard>, workers: usize) -> Vec<Vec<(usize, Shard)>> {
    let mut hands: Vec<Vec<(usize, Shard)>> = (0..workers).map(|_| Vec::new()).collect();
    for (index, shard) in shards.into_iter().enumerate() {
        if let Some(hand) = hands.get_mut(index % workers) {
            hand.push((index, shard));
        }
    }
    hands
}

/// Works on parcels until there are no more.
fn work(
    mut shards: Vec<(usize, Shard)>,
    parcels: &Receiver<Parcel>,
    back: &Sender<Parcel>,
    end: &OnceLock<Time>,
) -> Vec<(usize, Finished)> {
    let mut places = [usize::MAX; SHARDS];
    for (place, (index, _)) in shards.iter().enumerate() {
        if let Some(slot) = places.get_mut(*index) {
            *slot = place;
        }
    }
    for mut parcel in parcels {
        for slip in &parcel.packets {
            let place = places.get(usize::from(slip.shard)).copied().unwrap_or(usize::MAX);
            let Some((_, shard)) = shards.get_mut(place) else { continue };
            let Some(chunk) = parcel.chunks.get(usize::from(slip.chunk)) else { continue };
            let (start, len) = (slip.start as usize, slip.len as usize);
            let packet = Packet {
                time: slip.time,
                file: slip.file,
                frame: slip.frame,
                link: slip.link,
                interface: slip.interface,
                original_len: slip.original_len,
                bytes: chunk.get(start..start + len).unwrap_or_default(),
            };
            shard.take(slip.ordinal, &packet);
        }
        parcel.packets.clear();
        parcel.chunks.clear();
        let _ = back.send(parcel); // nobody reads any more: no harm
    }
    let now = end.get().copied().unwrap_or(Time(i64::MIN));
    shards.into_iter().map(|(index, shard)| (index, shard.finish(now))).collect()
}
