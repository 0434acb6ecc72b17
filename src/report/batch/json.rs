//! The triage as JSON: schema `tdscope-batch/1`.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::batch::{CaptureSummary, Cause, FoldedCause, Triage};
use crate::facts::Time;
use crate::rules::{Confidence, Severity};

/// The schema that the report follows; the number changes when a field goes or changes its meaning.
pub const SCHEMA: &str = "tdscope-batch/1";

/// The report.
#[derive(Debug, Serialize, JsonSchema)]
struct Report<'a> {
    /// Always `tdscope-batch/1`.
    schema: &'static str,
    /// The version of tdscope that wrote it.
    version: &'static str,
    /// What was found, over all captures, the worst first.
    causes: Vec<Folded<'a>>,
    /// The captures, the worst first.
    captures: Vec<Capture<'a>>,
    /// What could not be looked at.
    problems: Vec<Unread<'a>>,
    /// Files in folders and archives that are no captures.
    others: u64,
}

/// What could not be looked at, and why.
#[derive(Debug, Serialize, JsonSchema)]
struct Unread<'a> {
    name: &'a str,
    why: &'a str,
}

/// A finding that captures have in common.
#[derive(Debug, Serialize, JsonSchema)]
struct Folded<'a> {
    /// Code of the rule, such as `R1`.
    code: &'a str,
    /// Slug of the rule.
    slug: &'a str,
    /// The rule's name for it.
    title: &'a str,
    severity: Severity,
    /// How sure, where it is surest.
    confidence: Confidence,
    /// The listeners, the first 256 in order.
    servers: &'a [String],
    /// How many listeners there are.
    servers_count: u64,
    /// Captures that show it.
    captures: u64,
    /// Cases that these belong to.
    cases: u64,
    /// Connections.
    count: u64,
    /// Logins that a person tried, estimated.
    logins: u64,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Time")]
    first: i64,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Time")]
    last: i64,
}

/// A capture, and what was found in it.
#[derive(Debug, Serialize, JsonSchema)]
struct Capture<'a> {
    /// The case that it belongs to.
    case: &'a str,
    /// Its file, or the first of its files; what stands in an archive has the archive's name before its own.
    name: &'a str,
    /// All of its files, in order.
    files: &'a [String],
    /// Bytes read.
    bytes: u64,
    /// Packet records.
    packets: u64,
    #[serde(serialize_with = "time_if_any")]
    #[schemars(with = "Option<Time>")]
    first: Option<i64>,
    #[serde(serialize_with = "time_if_any")]
    #[schemars(with = "Option<Time>")]
    last: Option<i64>,
    /// Logins that were tried.
    logins: u64,
    /// Logins that were accepted.
    succeeded: u64,
    /// Logins that failed.
    failed: u64,
    /// What was found, the worst first, at most 64.
    findings: Vec<Found<'a>>,
    /// Findings beyond those.
    findings_omitted: u64,
    /// SQL Servers, as `address:port`, at most 64.
    servers: &'a [String],
    /// Servers beyond those.
    servers_omitted: u64,
    /// What is wrong with its files.
    problems: &'a [String],
    /// Nothing of it could be read.
    unreadable: bool,
}

/// A finding of a capture, as far as a table needs it: `tdscope analyze` says all.
#[derive(Debug, Serialize, JsonSchema)]
struct Found<'a> {
    /// Code of the rule, such as `R1`.
    code: &'a str,
    /// Slug of the rule.
    slug: &'a str,
    /// The rule's name for it.
    title: &'a str,
    severity: Severity,
    confidence: Confidence,
    /// One or two sentences that name both sides.
    detail: &'a str,
    /// The listener; `null` when it is about several or none.
    server: Option<&'a str>,
    /// Connections.
    count: u64,
    /// Logins that a person tried, estimated.
    logins: u64,
    /// Clients.
    clients: u64,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Time")]
    first: i64,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Time")]
    last: i64,
}

/// Writes the whole triage.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(triage: &Triage, out: &mut dyn Write) -> io::Result<()> {
    let report = Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        causes: triage.causes.iter().map(Folded::of).collect(),
        captures: triage.captures.iter().map(Capture::of).collect(),
        problems: triage.problems.iter().map(|(name, why)| Unread { name, why }).collect(),
        others: triage.others,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

/// Writes a line for each capture, the worst first.
///
/// # Errors
/// When `out` cannot be written to.
pub fn lines(triage: &Triage, out: &mut dyn Write) -> io::Result<()> {
    for capture in &triage.captures {
        serde_json::to_writer(&mut *out, &Capture::of(capture))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The JSON Schema of the report.
#[must_use]
pub fn schema() -> String {
    crate::report::json::schema_of::<Report<'_>>()
}

impl<'a> Folded<'a> {
    fn of(cause: &'a FoldedCause) -> Self {
        Self {
            code: &cause.code,
            slug: &cause.slug,
            title: &cause.title,
            severity: cause.severity,
            confidence: cause.confidence,
            servers: &cause.servers,
            servers_count: cause.servers_count,
            captures: cause.captures,
            cases: cause.cases,
            count: cause.count,
            logins: cause.logins,
            first: cause.first,
            last: cause.last,
        }
    }
}

impl<'a> Capture<'a> {
    fn of(capture: &'a CaptureSummary) -> Self {
        Self {
            case: &capture.case,
            name: &capture.name,
            files: &capture.files,
            bytes: capture.bytes,
            packets: capture.packets,
            first: capture.first,
            last: capture.last,
            logins: capture.logins,
            succeeded: capture.succeeded,
            failed: capture.failed,
            findings: capture.findings.iter().map(Found::of).collect(),
            findings_omitted: capture.findings_omitted,
            servers: &capture.servers,
            servers_omitted: capture.servers_omitted,
            problems: &capture.problems,
            unreadable: capture.unreadable,
        }
    }
}

impl<'a> Found<'a> {
    fn of(cause: &'a Cause) -> Self {
        Self {
            code: &cause.code,
            slug: &cause.slug,
            title: &cause.title,
            severity: cause.severity,
            confidence: cause.confidence,
            detail: &cause.detail,
            server: cause.server.as_deref(),
            count: cause.count,
            logins: cause.logins,
            clients: cause.clients,
            first: cause.first,
            last: cause.last,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn time<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    Time(*time).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "as serde calls it")]
fn time_if_any<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(Time).serialize(serializer)
}
