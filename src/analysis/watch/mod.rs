//! A wire that is watched: the same line as for files, but the rules are asked as soon as a connection ends or stalls.
//!
//! [`Watch`] takes packets as they come and is told the time now and then. What it says at once ([`News`]) rests on what
//! is known by then; when a later connection teaches more, what was said is put right. Its summaries are those that
//! the analysis of a file with the same packets gives.
//!
//! Nothing grows with time: what a file of any size is held to bounds a period too, and when a period is closed
//! ([`Watch::close_period`]) all that remains of it is what servers heard in it taught (`period`).

mod counts;
mod desk;
mod news;
mod period;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::collector::{Collector, Gone, Held};
use super::dealer::Dealer;
use super::judge;
use super::opinion::Sort;
use super::quality::{Qualities, captures};
use super::shard::Shard;
use super::{Analysis, Settings};
use crate::capture::Packet;
use crate::decode::Flow;
use crate::facts::{Phase, Time};
use crate::session::KnownPorts;
use crate::steps::step;
use crate::stream::{Interest, TableCounts};

pub use counts::{Counts, ServerCounts};
use desk::{Desk, Lessons};
use news::Told;
pub use news::{News, Reference};
pub use period::Device;
use period::Seen;

/// Silence, in nanoseconds, after which a connection that has not ended is looked at: the time after which an answer that
/// is owed counts as missing.
const STALLED: i64 = 4_000_000_000;
/// Time between two searches for connections that stalled, in nanoseconds: each looks at every connection.
const SEARCH: i64 = 1_000_000_000;
/// Time between two looks at everything that is held, in nanoseconds, to see whether what was learnt since changes it.
const REVISE: i64 = 5_000_000_000;
/// A clock that is so far behind the latest packet, in nanoseconds, was set back: packets are read within seconds.
const SET_BACK: i64 = 10_000_000_000;

/// Watches a wire.
#[derive(Debug)]
pub struct Watch {
    settings: Settings,
    known: Arc<KnownPorts>,
    dealer: Dealer,
    /// All connections are in one: what one teaches is at hand for every other at once.
    shard: Shard,
    /// What of the collector's held connections was looked at: failing ones, and those in which nothing was said.
    looked: (usize, usize),
    told: Told,
    /// What connections that still stand teach, and when that was looked at: a session of a pool may stand for days.
    lessons: Lessons,
    learnt: Time,
    /// Findings below error that were told, by what they are folded by.
    noticed: BTreeSet<Sort>,
    /// When it looked last for what stalled, and at everything.
    searched: Time,
    revised: Time,
    /// The latest time that it knows of.
    now: Time,
    /// The time of the packet that came last.
    latest: Option<Time>,
    seen: Vec<Seen>,
    counts: counts::Ledger,
    /// What the table had counted when the period began.
    before: TableCounts,
}

/// What a packet was to the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heed {
    /// The flow that it belongs to.
    pub flow: Flow,
    /// How much is still wanted of its connection: everything, what its headers say, or nothing.
    pub interest: Interest,
}

impl Watch {
    /// A watch that has seen nothing. `threads` of the settings does not matter: one thread does it all.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let known = Arc::new(KnownPorts { ports: settings.filter.ports.clone() });
        let mut shard = Shard::whole(&settings, &known);
        shard.collector.gone = Some(Gone::default());
        Self {
            settings,
            known,
            dealer: Dealer::default(),
            shard,
            looked: (0, 0),
            told: Told::default(),
            lessons: Lessons::default(),
            learnt: Time(i64::MIN),
            noticed: BTreeSet::new(),
            searched: Time(i64::MIN),
            revised: Time(i64::MIN),
            now: Time(i64::MIN),
            latest: None,
            seen: Vec::new(),
            counts: counts::Ledger::default(),
            before: TableCounts::default(),
        }
    }

    /// Takes the next packet; `None` when it belongs to no TCP connection. `packet.file` is the device that it came from.
    #[inline]
    pub fn take(&mut self, packet: &Packet<'_>) -> Option<Heed> {
        Seen::of(&mut self.seen, packet.file).note(packet);
        self.latest = Some(Time(packet.time));
        if let Some(flow) = self.dealer.deal(packet) {
            let interest = self.shard.take(self.dealer.ordinal, packet);
            return Some(Heed { flow, interest });
        }
        self.join()
    }

    /// Takes what became whole with the last fragment.
    fn join(&mut self) -> Option<Heed> {
        let mut heed = None;
        while let Some((stored, flow)) = self.dealer.joined() {
            step(1);
            let interest = flow.map(|flow| (flow, self.shard.take(self.dealer.ordinal, &stored.packet())));
            heed = interest.map(|(flow, interest)| Heed { flow, interest }).or(heed);
        }
        heed
    }

    /// Packets were dropped at some time between these two, before they could be taken: what rests on packets that are
    /// missing is no longer certain of connections that went on then.
    pub fn dropped(&mut self, from: Time, until: Time) {
        self.shard.collector.losses.note(from, until);
    }

    /// The latest time of a packet.
    #[must_use]
    pub fn last(&self) -> Option<Time> {
        (self.dealer.ordinal > 0).then_some(self.dealer.now)
    }

    /// Says what is new. `now` is the time by the clock that packets are dated by: it moves the watch on where no packet does.
    pub fn tick(&mut self, now: Time, tell: &mut dyn FnMut(News<'_>)) {
        let now = self.pass(now);
        let search = now.since(self.searched) >= SEARCH;
        if search {
            self.searched = now;
            judge::announce(&mut self.shard.collector, &self.dealer.browser);
        }
        let standing = self.shard.glimpse(search.then_some(STALLED));
        self.look_at(&standing, false, tell);
        if search {
            self.notice(tell);
        }
        if now.since(self.revised) >= REVISE {
            self.revise(tell);
        }
    }

    /// Says what is still to be said when nothing more will come: connections that have not ended are judged as they stand.
    pub fn conclude(&mut self, now: Time, tell: &mut dyn FnMut(News<'_>)) {
        self.dealer.give_up_fragments();
        self.join();
        self.pass(now);
        judge::announce(&mut self.shard.collector, &self.dealer.browser);
        self.learnt = Time(i64::MIN);
        let standing = self.shard.glimpse_all();
        self.look_at(&standing, true, tell);
        self.notice(tell);
        self.revise(tell);
    }

    /// What the analysis of a file with the packets of this period would say. Takes some time and as much memory again.
    #[must_use]
    pub fn interim(&self, devices: &[Device]) -> Analysis {
        let shard = self.shard.clone();
        let counts = self.period_counts();
        let (collector, qualities, _) = shard.finish(self.now.max(self.dealer.now));
        self.analysis(collector, qualities, counts, devices)
    }

    fn analysis(
        &self,
        mut collector: Collector,
        mut qualities: Qualities,
        counts: TableCounts,
        devices: &[Device],
    ) -> Analysis {
        qualities.merge(&self.dealer.qualities);
        collector.browser = self.dealer.browser.clone();
        let summaries = period::summaries(&self.seen, devices);
        judge::judge(collector, captures(summaries, &qualities, None), counts, 1)
    }

    fn period_counts(&self) -> TableCounts {
        let (now, before) = (self.shard.counts(), &self.before);
        TableCounts {
            connections: now.connections - before.connections,
            evicted: now.evicted - before.evicted,
            duplicates: now.duplicates - before.duplicates,
            reassembly_limit: now.reassembly_limit - before.reassembly_limit,
        }
    }

    /// Moves the clock; the time it is. A clock that was set back is followed when packets follow it too.
    fn pass(&mut self, now: Time) -> Time {
        let behind = |time: Time| self.now.since(time) > SET_BACK;
        if behind(now) && self.latest.is_none_or(behind) {
            self.shard.set_back(now);
            self.dealer.now = now;
            (self.now, self.searched, self.revised, self.learnt) = (now, now, now, Time(i64::MIN));
        }
        self.shard.pass(now);
        self.now = self.now.max(self.dealer.now).max(now);
        self.now
    }

    /// Looks at connections that stand, and at what ended since the last time; `last` when nothing more will come.
    fn look_at(&mut self, standing: &[Held], last: bool, tell: &mut dyn FnMut(News<'_>)) {
        let gone = self.shard.collector.gone.as_mut().map(std::mem::take).unwrap_or_default();
        let (pending, silent) = self.looked;
        let held = (self.shard.collector.pending.len(), self.shard.collector.silent.len());
        if !standing.is_empty() || !gone.early.is_empty() || held != self.looked {
            self.learn();
            standing.iter().for_each(|connection| self.lessons.note_silent(connection));
            self.looked = held;
            let collector = &self.shard.collector;
            let over = collector.pending.iter().skip(pending).chain(collector.silent.iter().skip(silent));
            let over = over.chain(&gone.early).map(|connection| (connection, true));
            let mut desk = Desk::new(&self.settings, collector, standing, &self.lessons);
            for (connection, over) in standing.iter().map(|connection| (connection, false)).chain(over) {
                step(1);
                // A query may take its time.
                if over || last || connection.phase < Phase::LoggedIn || !desk::stands(connection) {
                    desk.ask(connection, over, &mut self.told, &mut self.counts, tell);
                }
            }
        }
        for connection in &gone.early {
            step(1);
            self.told.forget(connection.id);
        }
        for id in gone.well {
            step(1);
            self.told.withdraw(id, &mut self.counts, tell);
        }
    }

    /// Learns from the connections that stand, unless that was done a short while ago.
    fn learn(&mut self) {
        if self.now.since(self.learnt) >= REVISE {
            self.learnt = self.now;
            self.lessons = Lessons::of(&self.shard);
        }
    }

    /// Asks once more about everything that is held, and of which something was told.
    fn revise(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.revised = self.now;
        let told = self.told.standing();
        let standing = if told.is_empty() { Vec::new() } else { self.shard.glimpse_again(&told) };
        let collector = &self.shard.collector;
        if standing.is_empty()
            && collector.pending.is_empty()
            && collector.silent.is_empty()
            && told.is_empty()
        {
            return;
        }
        self.learnt = Time(i64::MIN);
        self.learn();
        let collector = &self.shard.collector;
        let mut desk = Desk::new(&self.settings, collector, &standing, &self.lessons);
        let over = collector.pending.iter().chain(&collector.silent).map(|connection| (connection, true));
        for (connection, over) in standing.iter().map(|connection| (connection, false)).chain(over) {
            step(1);
            desk.ask(connection, over, &mut self.told, &mut self.counts, tell);
        }
        // What stands no more, and was not handed over, turned out to be nothing of ours.
        let seen: BTreeSet<u64> = standing.iter().map(|connection| connection.id).collect();
        for id in told.difference(&seen) {
            step(1);
            if self.told.is_standing(*id) {
                self.told.withdraw(*id, &mut self.counts, tell);
            }
        }
    }

    /// Tells what is below error, the first time.
    fn notice(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        for finding in self.shard.collector.folded.softer(&mut self.noticed) {
            if self.settings.rules.wants(finding.code) {
                tell(News::Noticed { finding: &finding });
            }
        }
    }
}
