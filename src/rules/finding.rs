//! What a rule says.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DheStatistics;
use super::alike::Alike;
use crate::facts::{At, Endpoint, Moment, Time};
use crate::tls::{CipherSuite, ProtocolVersion};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Fits, and so do others.
    Possible,
    /// Inferred from other connections, from defaults or from a shape.
    Likely,
    /// Shown by the wire itself, or said by a policy file.
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

/// One step of a remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// What to do, one or two sentences.
    pub text: String,
    /// What to run for it, to be pasted as it is; several commands stand on a line each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Offer and policy side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Compared {
    /// What the client offers.
    pub offered: Lists,
    /// What the user said the server allows.
    pub allowed: Lists,
    /// What is in both and can be used: a suite with one of the versions, TLS 1.3 in TDS 8.0 alone.
    pub common: Lists,
}

/// Versions and suites; `null` where nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Lists {
    /// TLS versions.
    pub versions: Option<Vec<ProtocolVersion>>,
    /// Cipher suites.
    pub suites: Option<Vec<CipherSuite>>,
}

/// What a rule says of one connection, before equal ones are folded.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How bad, where it differs from the rule's own; below error it is no verdict on the connection.
    pub severity: Option<Severity>,
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
    /// Offer and policy side by side, when the user brought one.
    pub compared: Option<Compared>,
    /// What to do, in steps.
    pub remedy: Vec<Step>,
    /// The numbers behind it, where it rests on numbers.
    pub statistics: Option<DheStatistics>,
    /// Verdicts of the same rule, server and confidence fold together when this is equal too.
    pub group: Alike,
}

/// A finding: equal verdicts, folded.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
    /// Offer and policy side by side, when the user brought one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// What to do, in steps.
    pub remedy: Vec<Step>,
    /// The numbers behind it, where it rests on numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistics: Option<DheStatistics>,
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
    /// Who the first says it is (library, application, host), when readable, and which driver its packets look
    /// like: a hint, never a verdict.
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

impl Step {
    /// A step in words.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None }
    }

    /// With what to run for it: one command, or several on a line each.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }
}

impl From<&str> for Step {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Step {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Verdict {
    /// A verdict with its sentence; the rest is added by the methods below.
    #[must_use]
    pub fn new(confidence: Confidence, detail: impl Into<String>) -> Self {
        Self {
            severity: None,
            confidence,
            detail: detail.into(),
            application_sees: None,
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            candidates: Vec::new(),
            compared: None,
            remedy: Vec::new(),
            statistics: None,
            group: Alike::default(),
        }
    }

    /// A verdict without words yet.
    #[must_use]
    pub fn of(confidence: Confidence) -> Self {
        Self::new(confidence, String::new())
    }

    /// With this sentence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With this severity instead of the rule's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// What the application logs.
    #[must_use]
    pub fn application(mut self, text: impl Into<String>) -> Self {
        self.application_sees = Some(text.into());
        self
    }

    /// One more line of evidence; nothing when there is none.
    #[must_use]
    pub fn evidence(mut self, line: impl Into<Option<Evidence>>) -> Self {
        self.evidence.extend(line.into());
        self
    }

    /// One more cause that the packets exclude.
    #[must_use]
    pub fn rules_out(mut self, slug: &'static str, because: impl Into<String>, at: Option<Moment>) -> Self {
        self.ruled_out.push(RuledOut { slug, because: because.into(), at: at.map(|moment| moment.at) });
        self
    }

    /// One more cause that fits.
    #[must_use]
    pub fn candidate(mut self, slug: &'static str, because: impl Into<String>) -> Self {
        self.candidates.push(Candidate { slug, because: because.into() });
        self
    }

    /// With offer and policy side by side.
    #[must_use]
    pub fn compared(mut self, compared: impl Into<Option<Compared>>) -> Self {
        self.compared = compared.into();
        self
    }

    /// One more step of the remedy.
    #[must_use]
    pub fn step(mut self, step: impl Into<Step>) -> Self {
        self.remedy.push(step.into());
        self
    }

    /// More steps of the remedy.
    #[must_use]
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.remedy.extend(steps);
        self
    }

    /// The numbers behind it.
    #[must_use]
    pub fn statistics(mut self, statistics: DheStatistics) -> Self {
        self.statistics = Some(statistics);
        self
    }

    /// Verdicts fold together when this is equal too.
    #[must_use]
    pub fn group(mut self, group: impl Into<Alike>) -> Self {
        self.group = group.into();
        self
    }
}
