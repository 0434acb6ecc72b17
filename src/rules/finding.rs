//! What a rule says.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::{At, Endpoint, Moment, Time};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Will make connections fail, or is unsafe.
    Warning,
    /// Made connections fail.
    Error,
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Fits, and so do others.
    Possible,
    /// Inferred from other connections, from defaults or from a shape.
    Likely,
    /// Shown by the wire itself.
    Certain,
}

/// One line of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// The frame.
    #[serde(flatten)]
    pub moment: Moment,
    /// Who sent it: `client`, `server`, or empty when neither.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub who: &'static str,
    /// What it shows, one line.
    pub text: String,
}

/// A cause that the packets exclude.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuledOut {
    /// The cause.
    pub slug: &'static str,
    /// Why it is excluded.
    pub because: String,
    /// The frame that excludes it.
    pub at: Option<At>,
}

/// A cause that fits, when nothing decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Candidate {
    /// The cause.
    pub slug: &'static str,
    /// Why it fits.
    pub because: String,
}

/// What a rule says of one connection, before equal ones are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How sure.
    pub confidence: Confidence,
    /// One or two sentences that name both sides.
    pub detail: String,
    /// What the application logs, when known.
    pub application_sees: Option<String>,
    /// The packets that show it.
    pub evidence: Vec<Evidence>,
    /// What is excluded.
    pub ruled_out: Vec<RuledOut>,
    /// What else fits.
    pub candidates: Vec<Candidate>,
    /// What to do, in steps.
    pub remedy: Vec<String>,
    /// Verdicts of the same rule, server and confidence fold together when this is equal too.
    pub group: String,
}

/// A finding: equal verdicts, folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Code of the rule, such as `R1`.
    pub code: &'static str,
    /// Slug of the rule.
    pub slug: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// The rule's name for it.
    pub title: &'static str,
    /// One or two sentences that name both sides.
    pub detail: String,
    /// What the application logs, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_sees: Option<String>,
    /// The listener; `null` when it is about several or none.
    pub server: Option<Endpoint>,
    /// The clients.
    pub client: Clients,
    /// Connections, exact.
    pub count: u64,
    /// Logins that a person tried, estimated: drivers connect several times for one.
    pub logins: u64,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
    /// The packets that show it, of the first connection.
    pub evidence: Vec<Evidence>,
    /// What is excluded.
    pub ruled_out: Vec<RuledOut>,
    /// What else fits.
    pub candidates: Vec<Candidate>,
    /// What to do, in steps.
    pub remedy: Vec<String>,
    /// A Wireshark display filter that shows the first connection.
    pub display_filter: String,
    /// Story of the first connection, in the notation of SQL Server support.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub story: String,
    /// Ids of the first connections.
    pub exemplars: Vec<u64>,
}

/// The clients of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Clients {
    /// Their addresses in order, the first 16.
    pub ips: Vec<IpAddr>,
    /// How many there are.
    pub count: u64,
    /// Who they say they are (library, application, host), when readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Evidence {
    /// A line of evidence.
    #[must_use]
    pub fn new(moment: Moment, who: &'static str, text: impl Into<String>) -> Self {
        Self { moment, who, text: text.into() }
    }
}
