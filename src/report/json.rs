//! The JSON report: schema `tdscope/1`. Everything in it is in a fixed order: the same capture, the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::{Analysis, Totals, client_hint};
use crate::facts::{
    At, CaptureFacts, CertificateFacts, ConnectionFacts, Ended, Endpoint, LoadWindow, LoginCounts, Moment,
    Orientation, Owed, Phase, Seen, ServerFacts, TakenAt, TcpFacts, TdsFacts, Time, TlsFacts,
};
use crate::reference::product_name;
use crate::rules::{Confidence, Finding, Ruling, Severity};
use crate::sanitize::JsonText;

/// The name of the schema; a breaking change raises the number.
pub const SCHEMA: &str = "tdscope/1";

/// Bytes that are written at once.
const PIECES: usize = 64 << 10;

/// The report.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "tdscope/1")]
pub struct Report<'a> {
    /// `tdscope/1`.
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// The files, in argument order.
    pub captures: &'a [CaptureFacts],
    /// Listeners that are SQL Servers or were called as such.
    pub servers: Vec<Server<'a>>,
    /// What was found: errors first, then the most frequent.
    pub findings: Vec<&'a Finding>,
    /// Failing connections, and some or all healthy ones, by id.
    pub connections: Vec<Connection<'a>>,
    /// Failing connections that are not in `connections`.
    pub connections_omitted: u64,
    /// Limits of memory that were reached, and what that means; absent when none was.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

/// What limits of memory changed. Each is raised by the option it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    /// Connections to SQL Servers that were let go to make room before they were over (`--max-state`, `--max-tracked`):
    /// what became of them is not known, and no verdict is given for them.
    #[serde(skip_serializing_if = "is_zero")]
    pub evicted: u64,
    /// Failing connections that were judged when they ended, by what was known then (`--max-held`): what the server
    /// showed later could have made their verdicts more certain.
    #[serde(skip_serializing_if = "is_zero")]
    pub judged_early: u64,
    /// Connections to servers of which nothing more was learnt (`--max-servers`): each was judged by itself.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlearnt: u64,
    /// Times that too much waited for a missing segment (`--max-reassembly`): what came after it was read without it.
    #[serde(skip_serializing_if = "is_zero")]
    pub reassembly: u64,
}

impl Limits {
    fn of(totals: &Totals) -> Self {
        Self {
            evicted: totals.evicted,
            judged_early: totals.judged_early,
            unlearnt: totals.unlearnt,
            reassembly: totals.reassembly,
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::of(&Totals::default())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What made the report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `tdscope`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// One listener.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Server<'a> {
    /// Address and port.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Product build from PRELOGIN.
    pub build: Option<String>,
    /// Product that has this build.
    pub product: Option<&'static str>,
    /// Instance name that the SQL Browser announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<&'a str>,
    /// What it was seen to accept.
    pub accepts: Accepts,
    /// What it said that it refuses.
    pub refuses: Refuses,
    /// Its certificate, as seen in clear.
    pub certificate: Option<&'a CertificateFacts>,
    /// Logins.
    pub logins: LoginCounts,
    /// Connections opened and closed without a byte (health checks), by source.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<String, u64>,
    /// SYNs, answers and latencies over time.
    pub load: &'a [LoadWindow],
    /// The same over the whole capture; `open` is the most at the end of any window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_overall: Option<LoadWindow>,
    /// Where its connections were captured.
    pub taken_at: TakenAt,
}

/// What a server was seen to accept.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Accepts {
    /// TLS versions.
    pub versions: Vec<Accepted>,
    /// Cipher suites.
    pub suites: Vec<Accepted>,
    /// Groups.
    pub groups: Vec<Accepted>,
    /// Signature schemes.
    pub signatures: Vec<Accepted>,
    /// ServerHellos of TLS 1.2 and older with the extended master secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_master_secret: Option<Seen>,
}

/// What a server refused, by its own words.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refuses {
    /// TLS versions of offers that it answered with alert 70.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Accepted>,
    /// Cipher suites of offers that it answered with alert 71.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<Accepted>,
    /// ServerHellos without the extended master secret, to clients that have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_master_secret: Option<Seen>,
    /// ClientHellos that it ended the connection after, with an alert or without a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hellos: Option<Seen>,
}

/// One thing that was accepted or refused.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Accepted {
    /// Its IANA name.
    pub name: String,
    /// How often, and where first.
    #[serde(flatten)]
    pub seen: Seen,
}

/// One connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Connection<'a> {
    /// Number in the order of first packets.
    pub id: u64,
    /// The end that calls.
    pub client: Endpoint,
    /// The end that listens.
    pub server: Endpoint,
    /// Who the client says it is (library, application, host), when readable, and which driver its packets look
    /// like: a hint, never a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_hint: Option<String>,
    /// How it is known which is which.
    pub oriented_by: Orientation,
    /// First packet.
    pub first_frame: At,
    /// Last packet.
    pub last_frame: At,
    /// Time of the first packet.
    pub start: Time,
    /// Time of the last packet.
    pub end: Time,
    /// How far it got.
    pub phase: Phase,
    /// Who ended it and how.
    pub ended: Ended,
    /// What was owed when it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owed: Option<Owed>,
    /// Its packets in the notation of SQL Server support.
    pub story: &'a str,
    /// The transport.
    pub tcp: &'a TcpFacts,
    /// TDS.
    pub tds: &'a TdsFacts,
    /// TLS.
    pub tls: &'a TlsFacts,
    /// The cause that ended or stalled it; `null` when nothing failed.
    pub verdict: Option<VerdictReference>,
}

/// Which finding explains a connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerdictReference {
    /// Code of the rule.
    pub code: &'static str,
    /// Slug of the rule.
    pub slug: &'static str,
    /// How sure.
    pub confidence: Confidence,
}

/// Writes the report; findings below `least` are left out.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(analysis: &Analysis, least: Severity, out: &mut dyn Write) -> io::Result<()> {
    // Its small pieces are put together here, where the compiler sees how.
    let mut pieces = io::BufWriter::with_capacity(PIECES, out);
    serde_json::to_writer_pretty(JsonText(&mut pieces), &report(analysis, least))?;
    pieces.write_all(b"\n")?;
    pieces.flush()
}

/// The JSON Schema of the report, as text that ends with a line feed.
#[must_use]
pub fn schema() -> String {
    schema_of::<Report<'_>>()
}

pub(super) fn schema_of<T: JsonSchema>() -> String {
    // As it is written: what may be left out is not required.
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// How a value that is one word is written in JSON, such as `server-hello`.
pub(super) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The report as a value.
#[must_use]
pub fn report(analysis: &Analysis, least: Severity) -> Report<'_> {
    Report {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        captures: &analysis.captures,
        servers: analysis.servers.iter().map(server).collect(),
        findings: analysis.findings.iter().filter(|finding| finding.severity >= least).collect(),
        connections: analysis
            .connections
            .iter()
            .map(|judged| connection(&judged.facts, judged.verdict.as_ref()))
            .collect(),
        connections_omitted: analysis.connections_omitted,
        limits: Limits::of(&analysis.totals),
    }
}

fn server(server: &ServerFacts) -> Server<'_> {
    let build = server.build.as_ref().map(|(build, _)| *build);
    Server {
        endpoint: server.endpoint,
        build: build.map(|build| build.to_string()),
        product: build.and_then(product_name),
        instance: server.announced.as_ref().map(|(_, name)| name.as_str()),
        accepts: Accepts {
            versions: accepted(&server.accepts.versions),
            suites: accepted(&server.accepts.suites),
            groups: accepted(&server.accepts.groups),
            signatures: accepted(&server.accepts.signatures),
            extended_master_secret: server.accepts.extended_master_secret,
        },
        refuses: Refuses {
            versions: accepted(&server.refuses.versions),
            suites: accepted(&server.refuses.suites),
            extended_master_secret: server.refuses.extended_master_secret,
            hellos: server.refuses.hellos,
        },
        certificate: server.certificate.as_ref(),
        logins: server.logins,
        probes: server.probes.iter().map(|(ip, count)| (ip.to_string(), *count)).collect(),
        load: &server.load,
        load_overall: LoadWindow::sum(&server.load),
        taken_at: server.taken_at,
    }
}

fn accepted<K: std::fmt::Display>(seen: &BTreeMap<K, Seen>) -> Vec<Accepted> {
    seen.iter().map(|(name, seen)| Accepted { name: name.to_string(), seen: *seen }).collect()
}

pub(super) fn connection<'a>(facts: &'a ConnectionFacts, ruling: Option<&Ruling>) -> Connection<'a> {
    let Moment { at: first_frame, time: start } = facts.first;
    let Moment { at: last_frame, time: end } = facts.last;
    Connection {
        id: facts.id,
        client: facts.client,
        server: facts.server,
        client_hint: client_hint(facts),
        oriented_by: facts.orientation,
        first_frame,
        last_frame,
        start,
        end,
        phase: facts.phase,
        ended: facts.ended,
        owed: facts.owed,
        story: &facts.story,
        tcp: &facts.tcp,
        tds: &facts.tds,
        tls: &facts.tls,
        verdict: ruling.map(verdict),
    }
}

pub(super) fn verdict(ruling: &Ruling) -> VerdictReference {
    VerdictReference { code: ruling.rule.code, slug: ruling.rule.slug, confidence: ruling.confidence }
}
