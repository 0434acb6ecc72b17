//! Drives the line from packets to findings.
//!
//! [`Analyzer::run`] pulls packets from a source and deals them out to `shard`s by flow (`pipeline`), on as many threads
//! as it is given. A shard decodes its packets, feeds its stream table, and lets its `collector` keep what each finished
//! connection taught. When the source is exhausted the collectors are merged and the `judge` asks the rules: only then
//! is everything known that other connections teach, so the order of packets between connections does not matter.

mod browser;
mod calls;
mod collector;
mod dealer;
mod evictions;
mod filter;
mod fold;
mod fragments;
mod hint;
mod inspect;
mod judge;
mod learning;
mod load;
mod losses;
mod opinion;
mod piles;
mod pipeline;
mod quality;
mod result;
mod scan;
mod shard;
mod sheet;
mod sights;
mod successes;
mod taken_at;
#[cfg(test)]
mod tests;
mod watch;

pub use filter::{Filter, TimeBound};
pub use hint::client_hint;
pub use inspect::Inspection;
pub use result::{Analysis, JudgedConnection, LeftOut, Totals};
pub use watch::{Counts, Device, Heed, News, Reference, ServerCounts, Watch};

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Packet records read.
    pub packets: u64,
    /// Bytes of the files, as stored, read.
    pub bytes: u64,
}

use crate::capture::Source;
use crate::reference::policy::Policies;
use crate::rules::Selection;
use crate::stream::Limits;

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
    /// Listeners of which anything is learnt, at most; connections to more are judged by themselves.
    pub max_servers: usize,
    /// Bounds of the stream table.
    pub limits: Limits,
    /// Threads, with the one that reads, eight at most; 0 for as many as there are processors. The result is
    /// the same for any number.
    pub threads: usize,
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
            max_pending: 8_192,
            max_servers: 8_192,
            limits: Limits::default(),
            threads: 0,
        }
    }
}

/// Reads a capture and says what failed and why.
#[derive(Debug)]
pub struct Analyzer {
    settings: Settings,
}

impl Analyzer {
    /// An analyzer with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Reads `source` to its end; `progress` hears now and then how far it is.
    pub fn run(self, source: &mut dyn Source, progress: &mut dyn FnMut(Progress)) -> Analysis {
        pipeline::run(self.settings, source, progress)
    }
}
