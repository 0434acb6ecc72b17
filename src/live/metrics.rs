//! The figures of a live watch, as plain data, and their text for Prometheus.
//!
//! Counters count from the start of the watch and never go down. Of what came off the wire only the addresses of
//! servers are told, and of these [`Names::MOST`] at the most: the number of time series is bounded.

mod histogram;
mod text;

pub use histogram::Histogram;
pub use text::{Names, render};

use std::collections::BTreeMap;

use crate::facts::{Endpoint, Time};

/// What a live watch has seen and done since it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metrics {
    /// What is listened to. Two of one name are told as one.
    pub interfaces: Vec<InterfaceMetrics>,
    /// TCP connections seen since the start.
    pub connections: u64,
    /// TCP connections that are kept now.
    pub connections_known: u64,
    /// Resident memory in bytes, when the system tells it.
    pub memory: Option<u64>,
    /// Servers seen. Two of one address are told as one.
    pub servers: Vec<ServerMetrics>,
    /// Servers that were forgotten since, in all; their address does not matter.
    pub forgotten: Option<ServerMetrics>,
    /// Connections that were counted as failed and turned out not to have.
    pub withdrawn: u64,
    /// What was recorded.
    pub recorder: RecorderMetrics,
    /// When the watch began.
    pub started: Time,
    /// Capture time of the latest packet.
    pub last_packet: Option<Time>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterfaceMetrics {
    /// As the system calls it.
    pub name: String,
    /// Packets analysed.
    pub packets: u64,
    /// Bytes of these packets, as captured.
    pub bytes: u64,
    /// Packets that the kernel says passed its filter, whether or not they were delivered (`ps_recv`, pcap_stats(3)).
    pub received: u64,
    /// Packets that the kernel dropped because its buffer was full (`ps_drop`, pcap_stats(3)).
    pub dropped_kernel: u64,
    /// Packets that the interface or its driver dropped (`ps_ifdrop`, pcap_stats(3)).
    pub dropped_interface: u64,
    /// Packets that were delivered and dropped here, because the analysis could not keep up.
    pub dropped_own: u64,
}

impl InterfaceMetrics {
    /// Takes in the figures of another of the same name.
    fn absorb(&mut self, other: &Self) {
        add(&mut self.packets, other.packets);
        add(&mut self.bytes, other.bytes);
        add(&mut self.received, other.received);
        add(&mut self.dropped_kernel, other.dropped_kernel);
        add(&mut self.dropped_interface, other.dropped_interface);
        add(&mut self.dropped_own, other.dropped_own);
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMetrics {
    /// Where it listens.
    pub server: Endpoint,
    /// Logins that it accepted.
    pub succeeded: u64,
    /// Logins that failed, by the slug of the rule that found the cause.
    pub failed: BTreeMap<&'static str, u64>,
    /// What became of first SYNs.
    pub syn: SynOutcomes,
    /// From PRELOGIN to the answer to it.
    pub prelogin: Histogram,
    /// From ClientHello to ServerHello.
    pub handshake: Histogram,
}

impl ServerMetrics {
    /// A server of which nothing is known yet.
    #[must_use]
    pub fn new(server: Endpoint) -> Self {
        Self {
            server,
            succeeded: 0,
            failed: BTreeMap::new(),
            syn: SynOutcomes::default(),
            prelogin: Histogram::default(),
            handshake: Histogram::default(),
        }
    }

    /// Logins that failed, for whatever cause.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// Logins that succeeded or failed.
    #[must_use]
    pub fn logins(&self) -> u64 {
        self.succeeded.saturating_add(self.failures())
    }

    /// Takes in the figures of another; `server` stays.
    pub fn absorb(&mut self, other: &Self) {
        add(&mut self.succeeded, other.succeeded);
        for (rule, count) in &other.failed {
            add(self.failed.entry(rule).or_default(), *count);
        }
        self.syn.absorb(other.syn);
        self.prelogin.merge(&other.prelogin);
        self.handshake.merge(&other.handshake);
    }
}

/// What became of SYNs, counted as [`crate::facts::LoadWindow`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SynOutcomes {
    /// First SYNs that were answered by SYN-ACK.
    pub accepted: u64,
    /// Of these, answered only after the SYN was sent again, or more than a second after it.
    pub late: u64,
    /// First SYNs that were answered by RST.
    pub refused: u64,
    /// First SYNs that were never answered.
    pub unanswered: u64,
    /// SYN packets sent again.
    pub retried: u64,
}

impl SynOutcomes {
    fn absorb(&mut self, other: Self) {
        add(&mut self.accepted, other.accepted);
        add(&mut self.late, other.late);
        add(&mut self.refused, other.refused);
        add(&mut self.unanswered, other.unanswered);
        add(&mut self.retried, other.retried);
    }
}

/// What was recorded of failed connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecorderMetrics {
    /// Files written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Recordings left out because a limit was reached.
    pub limited: u64,
    /// Recordings that could not be written.
    pub failed: u64,
}

/// Counters stop at the largest: they never wrap.
fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}
