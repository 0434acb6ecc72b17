//! What a batch remembers of a capture: small, whatever its size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::facts::{CaptureFacts, Endpoint, ServerFacts, Time};
use crate::rules::{Confidence, Finding, Severity};

/// Findings of a capture that are remembered, the worst first; a capture with more says how many.
const FINDINGS: usize = 64;
/// Servers of a capture that are remembered.
const SERVERS: usize = 64;

/// A capture, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Capture")]
pub struct CaptureSummary {
    /// The case that it belongs to.
    pub case: String,
    /// Its file, or the first of its files; what stands in an archive has the archive's name before its own.
    pub name: String,
    /// All of its files, in order.
    pub files: Vec<String>,
    /// Bytes read.
    pub bytes: u64,
    /// Packet records.
    pub packets: u64,
    /// Time of the earliest packet.
    pub first: Option<Time>,
    /// Time of the latest packet.
    pub last: Option<Time>,
    /// Logins that were tried.
    pub logins: u64,
    /// Logins that were accepted.
    pub succeeded: u64,
    /// Logins that failed, and connections that failed before one.
    pub failed: u64,
    /// What was found, the worst first, at most 64.
    pub findings: Vec<Cause>,
    /// Findings beyond those.
    pub findings_omitted: u64,
    /// SQL Servers, as `address:port`, at most 64.
    pub servers: Vec<String>,
    /// Servers beyond those.
    pub servers_omitted: u64,
    /// Why it could not be read at all, or no further; what is wrong with it otherwise.
    pub problems: Vec<String>,
    /// Nothing of it could be read.
    pub unreadable: bool,
}

/// A finding of a capture, as far as a table needs it: `tdscope analyze` says all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Found")]
pub struct Cause {
    /// Code of the rule, such as `R1`.
    pub code: String,
    /// Slug of the rule.
    pub slug: String,
    /// The rule's name for it.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One or two sentences that name both sides.
    pub detail: String,
    /// The listener, as `address:port`; `null` when it is about several or none.
    pub server: Option<String>,
    /// Connections.
    pub count: u64,
    /// Logins that a person tried, estimated.
    pub logins: u64,
    /// Clients.
    pub clients: u64,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
}

impl CaptureSummary {
    /// Of an analysis.
    #[must_use]
    pub fn of(analysis: &Analysis) -> Self {
        let captures = &analysis.captures;
        let sum = |of: fn(&ServerFacts) -> u64| analysis.servers.iter().map(of).sum();
        Self {
            files: captures.iter().map(|capture| capture.path.clone()).collect(),
            name: captures.first().map(|capture| capture.path.clone()).unwrap_or_default(),
            bytes: captures.iter().map(|capture| capture.bytes).sum(),
            packets: captures.iter().map(|capture| capture.packets).sum(),
            first: captures.iter().filter_map(|capture| capture.first).min(),
            last: captures.iter().filter_map(|capture| capture.last).max(),
            logins: sum(|server| server.logins.attempted),
            succeeded: sum(|server| server.logins.succeeded),
            failed: sum(|server| server.logins.failed),
            findings: analysis.findings.iter().take(FINDINGS).map(Cause::of).collect(),
            findings_omitted: analysis.findings.len().saturating_sub(FINDINGS) as u64,
            servers: analysis.servers.iter().take(SERVERS).map(|server| named(server.endpoint)).collect(),
            servers_omitted: analysis.servers.len().saturating_sub(SERVERS) as u64,
            problems: captures.iter().flat_map(problems).collect(),
            unreadable: captures.iter().all(|capture| capture.error.is_some() && capture.packets == 0),
            ..Self::default()
        }
    }

    /// Of a capture that could not be looked at.
    #[must_use]
    pub fn unreadable(name: String, why: String) -> Self {
        Self { files: vec![name.clone()], name, problems: vec![why], unreadable: true, ..Self::default() }
    }

    /// The worst that was found.
    #[must_use]
    pub fn worst(&self) -> Option<&Cause> {
        self.findings.first()
    }

    /// Findings that made logins fail.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        self.findings.iter().filter(|cause| cause.severity == Severity::Error)
    }

    /// Whether a cause of failure was found.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.causes().next().is_some()
    }
}

impl Cause {
    fn of(finding: &Finding) -> Self {
        Self {
            code: finding.code.to_owned(),
            slug: finding.slug.to_owned(),
            title: finding.title.to_owned(),
            severity: finding.severity,
            confidence: finding.confidence,
            detail: finding.detail.clone(),
            server: finding.server.map(named),
            count: finding.count,
            logins: finding.logins,
            clients: finding.client.count,
            first: finding.first,
            last: finding.last,
        }
    }
}

fn named(endpoint: Endpoint) -> String {
    endpoint.to_string()
}

fn problems(capture: &CaptureFacts) -> impl Iterator<Item = String> {
    let damage = capture.damage.iter().map(|damage| format!("offset {}: {}", damage.offset, damage.what));
    damage.chain(capture.error.clone())
}
