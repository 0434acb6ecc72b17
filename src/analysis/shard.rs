//! A share of the connections: their table, and what they teach.
//!
//! Flows are dealt out to a fixed number of shards with fixed budgets, so that limits bite alike whoever works on them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Settings;
use super::collector::{Collector, Held};
use super::quality::Qualities;
use super::sights::Sight;
use crate::capture::Packet;
use crate::decode::{Decoded, Flow, Plain, Segment, decode};
use crate::facts::Time;
use crate::session::{KnownPorts, Session};
use crate::stream::{Closed, Head, Interest, Limits, Table, TableCounts, Tuple, TupleHasher};

/// Shares that flows are dealt out to: as many threads can work at once.
pub(super) const SHARDS: usize = 8;

/// One share.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    table: Table<Session>,
    known: Arc<KnownPorts>,
    pub(super) collector: Collector,
    pub(super) qualities: Qualities,
    now: Time,
}

impl Shard {
    /// A share that has seen nothing.
    pub(super) fn new(settings: &Settings, known: &Arc<KnownPorts>, hasher: &TupleHasher) -> Self {
        Self::with(share(settings), known, hasher)
    }

    /// All of the connections, of a wire that is watched.
    pub(super) fn whole(settings: &Settings, known: &Arc<KnownPorts>) -> Self {
        let mut shard = Self::with(settings.clone(), known, &TupleHasher::default());
        shard.table.watch();
        shard
    }

    fn with(settings: Settings, known: &Arc<KnownPorts>, hasher: &TupleHasher) -> Self {
        Self {
            table: Table::with_hasher(settings.limits, hasher),
            collector: Collector::new(settings, Arc::clone(known)),
            known: Arc::clone(known),
            qualities: Qualities::default(),
            now: Time(i64::MIN),
        }
    }

    /// Which share a flow belongs to.
    #[inline]
    pub(super) fn of(flow: Flow) -> usize {
        (flow.0 >> 56) as usize % SHARDS
    }

    /// Looks at what is known of a connection: its place, when it is followed.
    #[inline]
    pub(super) fn fetch(&self, tuple: Tuple) -> Option<u32> {
        self.table.fetch(tuple)
    }

    /// Looks at what a packet needs of the connection at this place.
    #[inline]
    pub(super) fn fetch_connection(&self, place: u32, tuple: Tuple) {
        self.table.fetch_connection(place, tuple);
    }

    /// Takes the capture's `ordinal`-th packet; how much of its connection is still of interest.
    #[inline]
    pub(super) fn take(&mut self, ordinal: u64, packet: &Packet<'_>) -> Interest {
        if let Some(plain) = Plain::of(packet) {
            return self.segment(ordinal, packet, &plain.segment());
        }
        match decode(packet) {
            Decoded::Tcp(segment) => return self.segment(ordinal, packet, &segment),
            Decoded::Icmp(icmp) if self.table.icmp(&icmp) => return Interest::Payload,
            // UDP is what looked like TCP at a glance and is not.
            Decoded::Icmp(_) | Decoded::Udp(_) => {}
            Decoded::Other(reason) => self.qualities.undecoded(packet.file, reason),
        }
        Interest::Nothing
    }

    /// The same of one that was looked at already.
    #[inline]
    pub(super) fn plain(&mut self, ordinal: u64, sight: &Sight<'_, '_>) {
        let Sight { tuple, place, plain, .. } = *sight;
        let at = plain.at();
        self.now = self.now.max(Time(at.time));
        self.qualities.of(plain.file()).tcp += 1;
        let Self { table, known, collector, now, .. } = self;
        table.packet(
            ordinal,
            Head { tuple, place, at, flags: plain.flags() },
            || plain.segment(),
            &mut |number, key| Session::new(number, key, Arc::clone(known)),
            &mut |closed| close(collector, closed, *now),
        );
    }

    #[inline]
    fn segment(&mut self, ordinal: u64, packet: &Packet<'_>, segment: &Segment<'_>) -> Interest {
        self.now = self.now.max(Time(packet.time));
        let quality = self.qualities.of(packet.file);
        quality.tcp += 1;
        quality.offloaded += u64::from(segment.ip.zero_length);
        let Self { table, known, collector, now, .. } = self;
        table.segment(
            ordinal,
            segment,
            &mut |number, key| Session::new(number, key, Arc::clone(known)),
            &mut |closed| close(collector, closed, *now),
        )
    }

    /// Moves the clock when no packet does: connections whose time has come are over.
    pub(super) fn pass(&mut self, now: Time) {
        self.now = self.now.max(now);
        let Self { table, collector, now, .. } = self;
        table.pass(now.0, &mut |closed| close(collector, closed, *now));
    }

    /// What connections showed that have ended and still linger, and with `quiet` those that were silent for so long, in
    /// nanoseconds, though they have not: as if they were over now.
    pub(super) fn glimpse(&mut self, quiet: Option<i64>) -> Vec<Held> {
        let mut seen = Vec::new();
        let now = self.now;
        self.table.glimpse(quiet, &mut |closed| seen.extend(Session::finish(closed, now)));
        seen
    }

    /// What all connections showed that are followed, as if they were over now, but for those that were shown as they stand.
    pub(super) fn glimpse_all(&mut self) -> Vec<Held> {
        let mut seen = Vec::new();
        let now = self.now;
        self.table.glimpse_all(&mut |closed| seen.extend(Session::finish(closed, now)));
        seen
    }

    /// Sets the clock back.
    pub(super) fn set_back(&mut self, now: Time) {
        self.now = now;
        self.table.set_back(now.0);
    }

    /// Shows what connections showed so far, in no order; of those that were not accepted at most `silent`.
    pub(super) fn glimpse_followed(&self, silent: usize, show: &mut dyn FnMut(Held)) {
        let now = self.now;
        self.table.glimpse_followed(silent, &mut |closed| {
            if let Some(facts) = Session::finish(closed, now) {
                show(facts);
            }
        });
    }

    /// The same of the connections of these numbers, as far as they are not over.
    pub(super) fn glimpse_again(&self, numbers: &BTreeSet<u64>) -> Vec<Held> {
        let mut seen = Vec::new();
        self.table.glimpse_again(numbers, &mut |closed| seen.extend(Session::finish(closed, self.now)));
        seen
    }

    /// Numbers of the connections that are open, or linger.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.table.numbers()
    }

    /// Tuples that the table knows.
    pub(super) fn known(&self) -> usize {
        self.table.len()
    }

    /// What the table counted so far.
    pub(super) fn counts(&self) -> TableCounts {
        self.table.counts()
    }

    /// Lets go of what is left; `now` is the time of the capture's last packet.
    pub(super) fn finish(self, now: Time) -> (Collector, Qualities, TableCounts) {
        let Self { table, mut collector, qualities, .. } = self;
        let counts = table.counts();
        table.finish(&mut |closed| close(&mut collector, closed, now));
        (collector, qualities, counts)
    }
}

fn close(collector: &mut Collector, closed: Closed<Session>, now: Time) {
    if let Some((facts, story)) = Session::conclude(closed, now) {
        collector.connection(facts, &story);
    }
}

/// The settings with a share of every budget.
fn share(settings: &Settings) -> Settings {
    let of = |all: usize| all.div_ceil(SHARDS);
    let limits = settings.limits;
    Settings {
        max_pending: of(settings.max_pending),
        max_servers: of(settings.max_servers),
        limits: Limits {
            connections: of(limits.connections),
            state_bytes: of(limits.state_bytes),
            total_bytes: of(limits.total_bytes),
            ..limits
        },
        ..settings.clone()
    }
}
