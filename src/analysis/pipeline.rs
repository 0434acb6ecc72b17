//! From the source to the shards: one thread reads and deals out packets, others work on them.
//!
//! The order of packets within a shard is that of the capture whatever the number of threads, and shards are merged in one
//! fixed order, so that the result is the same.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use super::collector::Collector;
use super::dealer::Dealer;
use super::judge;
use super::piles::{Batch, Piles};
use super::quality::{Qualities, captures};
use super::shard::{SHARDS, Shard};
use super::sights::sights;
use super::{Analysis, Progress, Settings};
use crate::capture::{Error, Packet, Shown, Source, Take};
use crate::decode::Flow;
use crate::facts::Time;
use crate::session::KnownPorts;
use crate::steps::step;
use crate::stream::{TableCounts, TupleHasher};

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
    let hasher = TupleHasher::default();
    let shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::new(&settings, &known, &hasher)).collect();
    let mut dealer = Dealer::default();
    let workers = match settings.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
    .min(SHARDS);
    let (shards, stopped) = if workers > 1 {
        together(workers, shards, &hasher, &mut dealer, source, progress)
    } else {
        alone(shards, &hasher, &mut dealer, source, progress)
    };

    let end = end_of(source, dealer.now);
    let (mut collector, qualities, counts) = merged(shards, end, workers)
        .unwrap_or_else(|| (Collector::new(settings.clone(), known), Default::default(), Default::default()));
    collector.settings = settings; // a shard's are of a share
    dealer.qualities.merge(&qualities);
    collector.browser = dealer.browser;
    let captures = captures(source.summaries(), &dealer.qualities, stopped.as_ref());
    judge::judge(collector, captures, counts, workers)
}

/// One thread does it all.
fn alone(
    mut shards: Vec<Shard>,
    hasher: &TupleHasher,
    dealer: &mut Dealer,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Progress),
) -> (Vec<Shard>, Option<Error>) {
    fn take(shards: &mut [Shard], flow: Flow, ordinal: u64, packet: &Packet<'_>) {
        if let Some(shard) = shards.get_mut(Shard::of(flow)) {
            shard.take(ordinal, packet);
        }
    }
    let stopped = read(source, progress, &mut |shown, _| {
        let packets = shown.iter().map(|shown| &shown.packet);
        let sights = sights(packets.clone(), hasher, Shard::of, |place| shards.get(place));
        for (packet, sight) in packets.zip(&sights) {
            if let Some(sight) = sight {
                dealer.count(packet);
                if let Some(shard) = shards.get_mut(sight.shard) {
                    shard.plain(dealer.ordinal, sight);
                }
                continue;
            }
            match dealer.deal(packet) {
                Some(flow) => take(&mut shards, flow, dealer.ordinal, packet),
                None => join(dealer, &mut |flow, ordinal, whole| take(&mut shards, flow, ordinal, whole)),
            }
        }
    });
    let mut work = |flow, ordinal, whole: &Packet<'_>| take(&mut shards, flow, ordinal, whole);
    dealer.give_up_fragments();
    join(dealer, &mut work);
    (shards, stopped)
}

/// This thread reads and deals, the others work on what waits; so does this one when they do not keep up.
fn together(
    threads: usize,
    shards: Vec<Shard>,
    hasher: &TupleHasher,
    dealer: &mut Dealer,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Progress),
) -> (Vec<Shard>, Option<Error>) {
    let piles = Piles::new(shards, hasher);
    let stopped = thread::scope(|scope| {
        for hand in 1..threads {
            let piles = &piles;
            scope.spawn(move || piles.work(hand));
        }
        let mut batch = Batch::new(&piles);
        let stopped = read(source, progress, &mut |shown, chunk| {
            for Shown { packet, start } in shown {
                match dealer.deal(packet) {
                    Some(flow) => {
                        batch.put(
                            dealer.ordinal,
                            Shard::of(flow),
                            packet,
                            chunk.map(|chunk| (chunk, *start)),
                        );
                    }
                    None => join(dealer, &mut |flow, ordinal, whole| {
                        batch.put(ordinal, Shard::of(flow), whole, None);
                    }),
                }
            }
        });
        dealer.give_up_fragments();
        join(dealer, &mut |flow, ordinal, whole| batch.put(ordinal, Shard::of(flow), whole, None));
        batch.send();
        piles.complete();
        stopped
    });
    (piles.into_shards(), stopped)
}

/// Shows the packets that became whole with the last fragment.
#[inline]
fn join(dealer: &mut Dealer, work: &mut dyn FnMut(Flow, u64, &Packet<'_>)) {
    while let Some((stored, flow)) = dealer.joined() {
        step(1);
        if let Some(flow) = flow {
            work(flow, dealer.ordinal, &stored.packet());
        }
    }
}

/// What the shards teach together, as one. They are taken together in pairs, and these again, whatever the number of threads.
fn merged(mut shards: Vec<Shard>, end: Time, threads: usize) -> Option<Finished> {
    if shards.len() < 2 {
        return shards.pop().map(|shard| shard.finish(end));
    }
    let others = shards.split_off(shards.len() / 2);
    let (mine, theirs) = if threads > 1 {
        let half = threads / 2;
        thread::scope(|scope| {
            let hand = scope.spawn(move || merged(others, end, half));
            let mine = merged(shards, end, threads - half);
            (mine, hand.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    } else {
        (merged(shards, end, 1), merged(others, end, 1))
    };
    let (mut mine, theirs) = (mine?, theirs?);
    mine.0.merge(theirs.0);
    mine.1.merge(&theirs.1);
    mine.2.add(&theirs.2);
    Some(mine)
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
        step(1);
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
