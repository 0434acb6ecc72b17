//! Drives the line from packets to findings.
//!
//! [`Analyzer::run`] pulls packets from a source, decodes them, feeds the stream table, and lets the
//! `collector` keep what each finished connection taught. When the source is exhausted the `judge` asks
//! the rules: only then is everything known that other connections teach, so the order of packets between
//! connections does not matter.

mod browser;
mod calls;
mod collector;
mod filter;
mod hint;
mod judge;
mod learning;
mod load;
mod result;
mod scan;
mod successes;
mod taken_at;
#[cfg(test)]
mod tests;

pub use filter::{Filter, TimeBound};
pub use hint::client_hint;
pub use result::{Analysis, JudgedConnection, LeftOut, Totals};

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Packet records read.
    pub packets: u64,
    /// Bytes of the files, as stored, read.
    pub bytes: u64,
}

use std::sync::Arc;

use crate::capture::{Error, Source};
use crate::decode::{Decoded, Undecoded, decode};
use crate::facts::{CaptureFacts, DamageFact, QualityFacts, Time};
use crate::reference::policy::Policies;
use crate::rules::Selection;
use crate::session::{KnownPorts, Session};
use crate::stream::{Closed, Limits, Table};

use collector::Collector;

/// What to look at, and how much to keep.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is reported; everything else still teaches about the servers.
    pub filter: Filter,
    /// The rules whose findings are reported.
    pub rules: Selection,
    /// What the user says is allowed, at every server and every client.
    pub policies: Policies,
    /// Connections with a verdict in the result, at most.
    pub max_connections: usize,
    /// Every connection goes into the result.
    pub all_connections: bool,
    /// Healthy connections of each server that go into the result.
    pub healthy_exemplars: usize,
    /// Failing connections held until the end, at most; more are judged with what is known by then.
    pub max_pending: usize,
    /// Bounds of the stream table.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            rules: Selection::default(),
            policies: Policies::default(),
            max_connections: 10_000,
            all_connections: false,
            healthy_exemplars: 2,
            max_pending: 50_000,
            limits: Limits::default(),
        }
    }
}

/// Reads a capture and says what failed and why.
#[derive(Debug)]
pub struct Analyzer {
    table: Table<Session>,
    known: Arc<KnownPorts>,
    collector: Collector,
    qualities: Vec<QualityFacts>,
    now: Time,
}

impl Analyzer {
    /// An analyzer that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let known = Arc::new(KnownPorts { ports: settings.filter.ports.clone() });
        Self {
            table: Table::new(settings.limits),
            collector: Collector::new(settings, Arc::clone(&known)),
            known,
            qualities: Vec::new(),
            now: Time(i64::MIN),
        }
    }

    /// Reads `source` to its end; `progress` hears now and then how far it is.
    pub fn run(mut self, source: &mut dyn Source, progress: &mut dyn FnMut(Progress)) -> Analysis {
        /// Packets between two calls of `progress`.
        const STEP: u64 = 1 << 16;
        let mut packets = 0_u64;
        let stopped = loop {
            match source.advance() {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) => break Some(error),
            }
            if let Some(packet) = source.packet() {
                self.now = self.now.max(Time(packet.time));
                let decoded = decode(&packet);
                self.take(
                    &decoded,
                    packet.file,
                    (packet.bytes.len() as u64) < u64::from(packet.original_len),
                );
            }
            packets += 1;
            if packets.is_multiple_of(STEP) {
                let bytes = source.summaries().iter().map(|summary| summary.bytes).sum();
                progress(Progress { packets, bytes });
            }
        };
        self.finish(source, stopped.as_ref())
    }

    fn take(&mut self, decoded: &Decoded<'_>, file: u32, snapped: bool) {
        let quality = self.quality(file);
        quality.snapped += u64::from(snapped);
        match decoded {
            Decoded::Tcp(segment) => {
                quality.tcp += 1;
                quality.offloaded += u64::from(segment.ip.zero_length);
                let known = &self.known;
                let now = self.now;
                let collector = &mut self.collector;
                self.table.segment(
                    segment,
                    &mut |number, key| Session::new(number, key, Arc::clone(known)),
                    &mut |closed| close(collector, closed, now),
                );
            }
            Decoded::Udp(datagram) => {
                quality.udp += 1;
                self.collector.browser.datagram(datagram);
            }
            Decoded::Icmp(icmp) => {
                quality.other += 1;
                self.collector.browser.icmp(icmp);
                self.table.icmp(icmp);
            }
            Decoded::Other(reason) => match reason {
                Undecoded::OtherProtocol => quality.other += 1,
                Undecoded::LinkType => quality.unknown_link += 1,
                Undecoded::Truncated => quality.truncated += 1,
                Undecoded::LaterFragment => quality.fragments += 1,
            },
        }
    }

    fn quality(&mut self, file: u32) -> &mut QualityFacts {
        let index = file as usize;
        if self.qualities.len() <= index {
            self.qualities.resize(index + 1, QualityFacts::default());
        }
        // Just made long enough.
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut self.qualities[index]
    }

    fn finish(self, source: &dyn Source, stopped: Option<&Error>) -> Analysis {
        let Self { table, mut collector, mut qualities, now, .. } = self;
        let counts = table.counts();
        table.finish(&mut |closed| close(&mut collector, closed, now));
        let summaries = source.summaries();
        qualities.resize(summaries.len().max(qualities.len()), QualityFacts::default());
        let mut captures: Vec<CaptureFacts> = summaries
            .into_iter()
            .zip(&qualities)
            .map(|(summary, quality)| CaptureFacts {
                quality: QualityFacts { dropped: summary.dropped, ..*quality },
                path: summary.path,
                format: summary.format,
                packets: summary.packets,
                bytes: summary.bytes,
                first: summary.first.map(Time),
                last: summary.last.map(Time),
                damage: summary
                    .damage
                    .into_iter()
                    .map(|damage| DamageFact {
                        offset: damage.offset,
                        frame: damage.frame,
                        what: damage.what,
                    })
                    .collect(),
                error: summary.error.map(|error| error.to_string()),
            })
            .collect();
        if let (Some(error), [only]) = (stopped, captures.as_mut_slice()) {
            only.error.get_or_insert_with(|| error.to_string());
        }
        judge::judge(collector, captures, counts)
    }
}

fn close(collector: &mut Collector, closed: Closed<Session>, now: Time) {
    if let Some(facts) = Session::finish(closed, now) {
        collector.connection(facts);
    }
}
