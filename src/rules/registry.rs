//! How a rule is declared, and what all rules are.

use serde::Serialize;

use super::{Confidence, Severity, Verdict};
use crate::facts::{BrowserFacts, CaptureFacts, ConnectionFacts, Moment, ServerFacts};
use crate::reference::policy::Policies;

/// A rule: its page and its check.
#[derive(Debug)]
pub struct Rule {
    /// Code, such as `R1` or `T301`; never reused.
    pub code: &'static str,
    /// Name in kebab-case; fixed.
    pub slug: &'static str,
    /// Headline of its findings.
    pub title: &'static str,
    /// Version that brought it.
    pub since: &'static str,
    /// Its page: what it means, how it is recognised, what to do (Markdown).
    pub explanation: &'static str,
    /// Severity of its findings, unless the check says otherwise.
    pub severity: Severity,
    /// The check may say otherwise: a warning or a note about a connection that failed for another reason, or did not.
    pub also_warns: bool,
    /// When several rules explain one connection, the lowest wins (RULES: what the path proves; an explicit
    /// alert, token or ICMP; the specific cause; the generic close; the stall).
    pub rank: Rank,
    /// The check.
    pub check: Check,
    /// The file it stands in, from the root of the crate.
    pub source: &'static str,
}

impl Rule {
    /// Whether its findings may be less than errors.
    #[must_use]
    pub fn says_less_than_error(&self) -> bool {
        self.also_warns || self.severity != Severity::Error
    }
}

/// Order of preference between rules that explain the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// What the path proves.
    Path,
    /// What one end says in clear.
    Explicit,
    /// A specific cause.
    Specific,
    /// A generic close.
    Generic,
    /// A stall.
    Stalled,
    /// Never a verdict.
    Note,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// One connection, next to what is known of its server. Asked in brief it says the same, in fewer words or none.
    Connection(fn(&Case<'_>) -> Option<Verdict>),
    /// One server, with all that its connections taught. May say several things.
    Server(fn(&ServerCase<'_>) -> Vec<Note>),
    /// The capture as a whole.
    Capture(fn(&CaptureCase<'_>) -> Vec<Note>),
}

/// What a connection rule sees.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The connection.
    pub connection: &'a ConnectionFacts,
    /// What all connections taught about its server.
    pub server: &'a ServerFacts,
    /// What the user says is allowed.
    pub policies: &'a Policies,
    /// Whether it is enough to hear what the verdict is: severity, confidence, and what it folds by. The words cost many
    /// times more, and are wanted of the first of those that fold alone.
    pub brief: bool,
    /// Whether packets were dropped while the connection went on: what it seems to lack may have been among them.
    pub dropped: bool,
}

impl Case<'_> {
    /// A verdict with its words, where they are wanted.
    #[must_use]
    pub fn tell(&self, gist: Verdict, words: impl FnOnce(Verdict) -> Verdict) -> Verdict {
        if self.brief { gist } else { words(gist) }
    }
}

/// What a server rule sees.
#[derive(Debug, Clone, Copy)]
pub struct ServerCase<'a> {
    /// The server.
    pub server: &'a ServerFacts,
}

/// What a capture rule sees.
#[derive(Debug, Clone, Copy)]
pub struct CaptureCase<'a> {
    /// The files.
    pub captures: &'a [CaptureFacts],
    /// SQL Browser lookups.
    pub browser: &'a [BrowserFacts],
    /// TDS connections seen.
    pub connections: u64,
    /// Connections to SQL Servers that were let go to make room before they were over.
    pub evicted: u64,
}

/// What a server or capture rule says: a verdict about no single connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What it says.
    pub verdict: Verdict,
    /// Severity, where it differs from the rule's.
    pub severity: Severity,
    /// The server it is about; set by the engine for server rules.
    pub server: Option<crate::facts::Endpoint>,
    /// The clients it is about.
    pub clients: Vec<std::net::IpAddr>,
    /// Connections it is about.
    pub count: u64,
    /// The first and last of them.
    pub span: (Moment, Moment),
    /// Connections to look at.
    pub exemplars: Vec<u64>,
}

/// Declares a rule: its doc comment is its page.
///
/// ```ignore
/// declare_rule! {
///     /// ## What it means
///     /// ...
///     /// ## How it is recognised
///     /// ...
///     /// ## What to do
///     /// ...
///     pub(super) static RULE = {
///         code: "R1", slug: "no-common-tls-version", title: "No TLS version in common",
///         since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
///     };
/// }
/// ```
macro_rules! declare_rule {
    ($(#[doc = $doc:literal])* pub(super) static $name:ident = {
        code: $code:literal, slug: $slug:literal, title: $title:literal, since: $since:literal,
        severity: $severity:ident, $(also_warns: $warns:literal,)? rank: $rank:ident,
        check: $kind:ident($check:path) $(,)?
    };) => {
        $(#[doc = $doc])*
        pub(super) static $name: $crate::rules::Rule = $crate::rules::Rule {
            code: $code,
            slug: $slug,
            title: $title,
            since: $since,
            explanation: concat!($($doc, "\n"),*),
            severity: $crate::rules::Severity::$severity,
            also_warns: false $(|| $warns)?,
            rank: $crate::rules::Rank::$rank,
            check: $crate::rules::Check::$kind($check),
            source: file!(),
        };
    };
}
pub(crate) use declare_rule;

/// The verdict on a connection: which rule, how sure.
#[derive(Debug, Clone, Copy)]
pub struct Ruling {
    /// The rule.
    pub rule: &'static Rule,
    /// How sure.
    pub confidence: Confidence,
}
