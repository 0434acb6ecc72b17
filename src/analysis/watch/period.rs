//! Periods of a watch: each has a summary of its own, and what is known of servers outlives it.

use std::collections::BTreeSet;

use super::super::collector::{Collector, Gone};
use super::super::quality::Qualities;
use super::desk::Lessons;
use super::{News, Watch};
use crate::analysis::Analysis;
use crate::capture::{Packet, Summary};
use crate::facts::{AcceptSpans, CaptureFacts, Endpoint, LoginCounts, ServerFacts, Time};

/// A device that is watched, for the summary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// What it is called.
    pub name: String,
    /// Packets of the period that the kernel or the device dropped before they were seen.
    pub dropped: u64,
}

/// What came from one device in a period.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    packets: u64,
    bytes: u64,
    times: Option<(i64, i64)>,
    snapped: u64,
}

impl Seen {
    #[inline]
    pub(super) fn of(seen: &mut Vec<Self>, device: u32) -> &mut Self {
        let index = device as usize;
        if seen.len() <= index {
            seen.resize(index + 1, Self::default());
        }
        // Just made long enough.
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut seen[index]
    }

    #[inline]
    pub(super) fn note(&mut self, packet: &Packet<'_>) {
        self.packets += 1;
        self.bytes += packet.bytes.len() as u64;
        self.snapped += u64::from((packet.bytes.len() as u64) < u64::from(packet.original_len));
        let (first, last) = self.times.unwrap_or((packet.time, packet.time));
        self.times = Some((first.min(packet.time), last.max(packet.time)));
    }
}

/// What is to be said of each device.
pub(super) fn summaries(seen: &[Seen], devices: &[Device]) -> Vec<Summary> {
    let none = Seen::default();
    let of = |index: usize| seen.get(index).unwrap_or(&none);
    devices
        .iter()
        .enumerate()
        .map(|(index, device)| Summary {
            path: device.name.clone(),
            format: CaptureFacts::LIVE.to_owned(),
            packets: of(index).packets,
            bytes: of(index).bytes,
            first: of(index).times.map(|(first, _)| first),
            last: of(index).times.map(|(_, last)| last),
            snapped: of(index).snapped,
            dropped: Some(device.dropped),
            ..Summary::default()
        })
        .collect()
}

impl Watch {
    /// Ends a period: its summary. Connections that are still open belong to the next; what servers heard in this period
    /// showed is known in the next, everything else begins anew. What is still to be said of this one is said first.
    pub fn close_period(&mut self, devices: &[Device], tell: &mut dyn FnMut(News<'_>)) -> Analysis {
        let standing = self.shard.glimpse(None);
        self.look_at(&standing, false, tell);
        self.revise(tell);
        self.learnt = Time(i64::MIN);
        self.learn();

        let counts = self.period_counts();
        let servers = self.servers();
        let heard = heard(&self.shard.collector, &self.lessons);
        let next = successor(&self.shard.collector, &heard, self.now);
        let collector = std::mem::replace(&mut self.shard.collector, next);
        let qualities = std::mem::take(&mut self.shard.qualities);
        let analysis = self.analysis(collector, qualities, counts, devices);
        self.counts.close(servers, &analysis, &heard);
        self.before = self.shard.counts();
        self.dealer.browser.forget_lookups(|listener| heard.contains(listener));
        self.dealer.qualities = Qualities::default();
        self.seen.clear();
        self.looked = (0, 0);
        let going_on: BTreeSet<u64> = self.shard.numbers().collect();
        self.told.forget_over(|id| going_on.contains(&id));
        self.noticed.clear();
        analysis
    }
}

/// Listeners that somebody called in the period, or had a session with.
fn heard(collector: &Collector, lessons: &Lessons) -> BTreeSet<Endpoint> {
    let called = collector.servers.values().filter(|server| !server.load.is_empty());
    let silent = collector.silent.iter().map(|connection| connection.server);
    called.map(|server| server.endpoint).chain(silent).chain(lessons.servers.keys().copied()).collect()
}

/// A collector that knows what the servers of this one showed, as far as they were heard and are SQL Servers.
fn successor(collector: &Collector, heard: &BTreeSet<Endpoint>, now: Time) -> Collector {
    let mut next = Collector::new(collector.settings.clone(), collector.known.clone());
    next.gone = Some(Gone::default());
    let ours = |server: &ServerFacts| server.spoke_tds.is_some() || server.announced.is_some();
    let kept = collector.servers.iter().filter(|(endpoint, server)| heard.contains(endpoint) && ours(server));
    next.servers = kept.map(|(endpoint, server)| (*endpoint, carried(server))).collect();
    next.losses = collector.losses.since(now);
    next.clients.clone_from(&collector.clients);
    next.taken_at.1.clone_from(&collector.taken_at.1);
    next.taken_at.1.retain(|server, _| next.servers.contains_key(server));
    next
}

/// What outlives a period: what the server can do, not how often it did.
fn carried(server: &ServerFacts) -> ServerFacts {
    let mut accepted = AcceptSpans::default();
    accepted.spans.extend(server.accepted.spans.last().copied());
    ServerFacts {
        logins: LoginCounts::default(),
        accepted,
        unheard: 0,
        probes: Default::default(),
        load: Vec::new(),
        dhe: Default::default(),
        other_handshakes: Default::default(),
        ..server.clone()
    }
}
