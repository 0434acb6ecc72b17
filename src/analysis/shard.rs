//! A share of the connections: their table, and what they teach.
//!
//! Flows are dealt out to a fixed number of shards with fixed budgets, so that limits bite alike whoever works on them.

use std::sync::Arc;

use super::Settings;
use super::collector::Collector;
use crate::capture::Packet;
use crate::decode::{Decoded, Flow, Segment, Undecoded, decode, plain_segment};
use crate::facts::{QualityFacts, Time};
use crate::session::{KnownPorts, Session};
use crate::stream::{Closed, Limits, Table, TableCounts};

/// Shares that flows are dealt out to: as many threads can work at once.
pub(super) const SHARDS: usize = 16;

/// One share.
#[derive(Debug)]
pub(super) struct Shard {
    table: Table<Session>,
    known: Arc<KnownPorts>,
    collector: Collector,
    qualities: Qualities,
    now: Time,
}

/// What was decoded of each file.
#[derive(Debug, Default)]
pub(super) struct Qualities(pub(super) Vec<QualityFacts>);

impl Shard {
    /// A share that has seen nothing.
    pub(super) fn new(settings: &Settings, known: &Arc<KnownPorts>) -> Self {
        let settings = share(settings);
        Self {
            table: Table::new(settings.limits),
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

    /// Takes the capture's `ordinal`-th packet.
    #[inline]
    pub(super) fn take(&mut self, ordinal: u64, packet: &Packet<'_>) {
        if let Some(segment) = plain_segment(packet) {
            self.segment(ordinal, packet, &segment);
            return;
        }
        match decode(packet) {
            Decoded::Tcp(segment) => self.segment(ordinal, packet, &segment),
            Decoded::Icmp(icmp) => {
                self.table.icmp(&icmp);
            }
            // What looked like TCP at a glance and is not.
            Decoded::Udp(_) => {}
            Decoded::Other(reason) => self.qualities.undecoded(packet.file, reason),
        }
    }

    #[inline]
    fn segment(&mut self, ordinal: u64, packet: &Packet<'_>, segment: &Segment<'_>) {
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
        );
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
    if let Some(facts) = Session::finish(closed, now) {
        collector.connection(facts);
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

impl Qualities {
    pub(super) fn of(&mut self, file: u32) -> &mut QualityFacts {
        let index = file as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, QualityFacts::default());
        }
        // Just made long enough.
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut self.0[index]
    }

    pub(super) fn undecoded(&mut self, file: u32, reason: Undecoded) {
        let quality = self.of(file);
        match reason {
            Undecoded::OtherProtocol => quality.other += 1,
            Undecoded::LinkType => quality.unknown_link += 1,
            Undecoded::Truncated => quality.truncated += 1,
            Undecoded::LaterFragment => quality.fragments += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (file, theirs) in (0..).zip(&other.0) {
            let mine = self.of(file);
            mine.tcp += theirs.tcp;
            mine.udp += theirs.udp;
            mine.other += theirs.other;
            mine.unknown_link += theirs.unknown_link;
            mine.truncated += theirs.truncated;
            mine.snapped += theirs.snapped;
            mine.fragments += theirs.fragments;
            mine.offloaded += theirs.offloaded;
        }
    }
}
