//! The result of an analysis: what every report is made of.

use std::collections::BTreeSet;

use crate::facts::{BrowserFacts, CaptureFacts, ConnectionFacts, ServerFacts};
use crate::rules::{Finding, Ruling, Severity};

/// What an analysis found. Everything in it is in a fixed order: the same capture gives the same value.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    /// The files, in argument order.
    pub captures: Vec<CaptureFacts>,
    /// Listeners that are SQL Servers or were called as such, by address and port.
    pub servers: Vec<ServerFacts>,
    /// Findings: errors first, then by count and time.
    pub findings: Vec<Finding>,
    /// Connections with a verdict, up to the limit, and healthy exemplars (or every one when asked for), by id.
    pub connections: Vec<JudgedConnection>,
    /// Connections with a verdict that are not in `connections`.
    pub connections_omitted: u64,
    /// Connections that are not in `connections` and whose names the findings quote, by id: what is to be replaced in their
    /// words is known by these.
    pub quoted: Vec<ConnectionFacts>,
    /// SQL Browser lookups.
    pub browser: Vec<BrowserFacts>,
    /// Counts over the whole capture.
    pub totals: Totals,
    /// A filter restricts what is reported.
    pub restricted: bool,
    /// Causes of failure that are not in `findings` because their rules are not wanted.
    pub left_out: LeftOut,
}

impl Analysis {
    /// Whether a cause of failure was found, by the rules that are wanted.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// What the selection of rules keeps out of the findings. Its connections are still listed with their verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Codes of the rules, in order.
    pub codes: BTreeSet<&'static str>,
    /// Connections that failed for them.
    pub connections: u64,
}

impl LeftOut {
    /// Takes in a finding that is not wanted.
    pub(super) fn add(&mut self, finding: &Finding) {
        if finding.severity == Severity::Error {
            self.codes.insert(finding.code);
            self.connections += finding.count;
        }
    }
}

/// A connection and the verdict on it.
#[derive(Debug, Clone)]
pub struct JudgedConnection {
    /// What it showed. Facts are large, and moved as a pointer.
    pub facts: Box<ConnectionFacts>,
    /// The verdict: a cause of severity error ended or stalled it.
    pub verdict: Option<Ruling>,
}

/// Counts over the whole capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// TCP connections of any kind.
    pub connections: u64,
    /// Connections taken for SQL Server's.
    pub tds: u64,
    /// Packets of these, each once.
    pub tds_packets: u64,
    /// Of these connections, what the filter selects.
    pub selected: u64,
    /// Connections with a verdict.
    pub failed: u64,
    /// Logins accepted.
    pub logged_in: u64,
    /// Connections opened and closed without a byte: health checks.
    pub probes: u64,
    /// Connections of port scans, to listeners that are not taken for SQL Server's or accept others.
    pub scanned: u64,
    /// Connections to SQL Servers that left the table to make room before they were over: what became of them is not
    /// known.
    pub evicted: u64,
    /// Failing connections judged before the end, with what was known then, to keep memory bounded.
    pub judged_early: u64,
    /// Connections to listeners beyond those of which anything is learnt: judged by themselves.
    pub unlearnt: u64,
    /// Times that a bound of reassembly was reached: what waited for a missing segment was read without it.
    pub reassembly: u64,
}

impl Totals {
    /// Takes in the counts of another part of the capture.
    pub(super) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.tds += other.tds;
        self.tds_packets += other.tds_packets;
        self.selected += other.selected;
        self.failed += other.failed;
        self.logged_in += other.logged_in;
        self.probes += other.probes;
        self.scanned += other.scanned;
        self.evicted += other.evicted;
        self.judged_early += other.judged_early;
        self.unlearnt += other.unlearnt;
        self.reassembly += other.reassembly;
    }
}
