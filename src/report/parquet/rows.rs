//! The columns of the tables, and what they take of a row.

use super::table::{Column, Value};
use crate::analysis::{Analysis, client_hint};
use crate::batch::{CaptureSummary, Cause};
use crate::facts::ConnectionFacts;
use crate::report::json::word;
use crate::rules::Ruling;

const CASE: &str = "The case that the capture belongs to";
const CAPTURE: &str = "The capture: its file, or the first of its files; joins the tables";

/// A finding of a capture.
pub(super) struct Found<'a> {
    capture: &'a CaptureSummary,
    cause: &'a Cause,
}

impl<'a> Found<'a> {
    pub(super) fn all(capture: &'a CaptureSummary) -> impl Iterator<Item = Self> {
        capture.findings.iter().map(move |cause| Self { capture, cause })
    }
}

/// A connection of a capture, and the verdict on it.
pub(super) struct Judged<'a> {
    capture: &'a CaptureSummary,
    facts: &'a ConnectionFacts,
    verdict: Option<&'a Ruling>,
}

impl<'a> Judged<'a> {
    pub(super) fn all(capture: &'a CaptureSummary, analysis: &'a Analysis) -> impl Iterator<Item = Self> {
        analysis.connections.iter().map(move |judged| Self {
            capture,
            facts: &judged.facts,
            verdict: judged.verdict.as_ref(),
        })
    }
}

fn text<T>(name: &'static str, about: &'static str, of: fn(&T) -> Option<String>) -> Column<T> {
    Column { name, about, value: Value::Text(of) }
}

fn number<T>(name: &'static str, about: &'static str, of: fn(&T) -> Option<u64>) -> Column<T> {
    Column { name, about, value: Value::Number(of) }
}

fn time<T>(name: &'static str, about: &'static str, of: fn(&T) -> Option<crate::facts::Time>) -> Column<T> {
    Column { name, about, value: Value::Time(of) }
}

fn flag<T>(name: &'static str, about: &'static str, of: fn(&T) -> bool) -> Column<T> {
    Column { name, about, value: Value::Flag(of) }
}

pub(super) fn captures<'a>() -> Vec<Column<&'a CaptureSummary>> {
    vec![
        text("case_name", CASE, |row| Some(row.case.clone())),
        text("capture", CAPTURE, |row| Some(row.name.clone())),
        number("files", "Files that it is made of", |row| Some(row.files.len() as u64)),
        number("bytes", "Bytes read", |row| Some(row.bytes)),
        number("packets", "Packet records", |row| Some(row.packets)),
        time("first", "Time of the earliest packet", |row| row.first),
        time("last", "Time of the latest packet", |row| row.last),
        number("logins", "Logins that were tried", |row| Some(row.logins)),
        number("succeeded", "Logins that were accepted", |row| Some(row.succeeded)),
        number("failed", "Logins that failed, and connections that failed before one", |row| {
            Some(row.failed)
        }),
        number("findings", "Findings; the table of them has the worst 64", |row| {
            Some(row.findings.len() as u64 + row.findings_omitted)
        }),
        text("worst", "Code of the worst finding", |row| row.worst().map(|cause| cause.code.clone())),
        text("problems", "What is wrong with its files", |row| {
            (!row.problems.is_empty()).then(|| row.problems.join("; "))
        }),
        flag("unreadable", "Nothing of it could be read", |row| row.unreadable),
    ]
}

pub(super) fn findings<'a>() -> Vec<Column<Found<'a>>> {
    vec![
        text("case_name", CASE, |row| Some(row.capture.case.clone())),
        text("capture", CAPTURE, |row| Some(row.capture.name.clone())),
        text("code", "Code of the rule, such as `R1`", |row| Some(row.cause.code.clone())),
        text("slug", "Slug of the rule", |row| Some(row.cause.slug.clone())),
        text("title", "The rule's name for it", |row| Some(row.cause.title.clone())),
        text("severity", "`error` where logins failed for it, `warning` or `info`", |row| {
            Some(word(&row.cause.severity))
        }),
        text("confidence", "`certain`, `likely` or `possible`", |row| Some(word(&row.cause.confidence))),
        text("server", "The listener, as `address:port`; missing when it is about several or none", |row| {
            row.cause.server.clone()
        }),
        number("connections", "Connections", |row| Some(row.cause.count)),
        number("logins", "Logins that a person tried, estimated", |row| Some(row.cause.logins)),
        number("clients", "Clients", |row| Some(row.cause.clients)),
        time("first", "The first of them", |row| Some(row.cause.first)),
        time("last", "The last of them", |row| Some(row.cause.last)),
        text("detail", "One or two sentences that name both sides", |row| Some(row.cause.detail.clone())),
    ]
}

pub(super) fn connections<'a>() -> Vec<Column<Judged<'a>>> {
    let mut columns = ends();
    columns.extend(said());
    columns
}

/// Who, when, and what became of it.
fn ends<'a>() -> Vec<Column<Judged<'a>>> {
    vec![
        text("case_name", CASE, |row| Some(row.capture.case.clone())),
        text("capture", CAPTURE, |row| Some(row.capture.name.clone())),
        number("id", "Its number in the capture, as in JSON and for `extract --connection`", |row| {
            Some(row.facts.id)
        }),
        text("client", "Address of the end that calls", |row| Some(row.facts.client.ip.to_string())),
        number("client_port", "Its port", |row| Some(row.facts.client.port.into())),
        text("server", "The listener, as `address:port`", |row| Some(row.facts.server.to_string())),
        time("start", "Time of the first packet", |row| Some(row.facts.first.time)),
        time("end", "Time of the last packet", |row| Some(row.facts.last.time)),
        number("first_frame", "Frame number of the first packet in its file, from 1", |row| {
            Some(row.facts.first.at.frame())
        }),
        text("phase", "How far it got, as in JSON", |row| Some(word(&row.facts.phase))),
        text("ended_by", "`client`, `server`, `network` or `nobody`", |row| Some(word(&row.facts.ended.by))),
        text("ended_how", "`fin`, `reset`, `alert`, `icmp`, `silence` ..., as in JSON", |row| {
            Some(word(&row.facts.ended.how))
        }),
        text("code", "Code of the rule that explains why it failed; missing when it did not", |row| {
            row.verdict.map(|ruling| ruling.rule.code.to_owned())
        }),
        text("slug", "Slug of that rule", |row| row.verdict.map(|ruling| ruling.rule.slug.to_owned())),
        text("confidence", "How sure that is: `certain`, `likely` or `possible`", |row| {
            row.verdict.map(|ruling| word(&ruling.confidence))
        }),
        text("story", "Its packets in the notation of SQL Server support", |row| {
            Some(row.facts.story.clone())
        }),
    ]
}

/// What the two sides said.
fn said<'a>() -> Vec<Column<Judged<'a>>> {
    vec![
        text("client_hint", "Who the client says it is, or looks like: a hint", |row| client_hint(row.facts)),
        text("encryption", "What PRELOGIN agreed on, as in JSON", |row| {
            row.facts.tds.encryption.as_ref().map(word)
        }),
        flag("strict", "TLS came first: TDS 8.0", |row| row.facts.tds.strict),
        text("tls_version", "The version that ServerHello chose", |row| {
            row.facts.tls.server.as_ref().map(|hello| hello.version.to_string())
        }),
        text("cipher_suite", "The cipher suite that ServerHello chose", |row| {
            row.facts.tls.server.as_ref().map(|hello| hello.cipher_suite.to_string())
        }),
        text(
            "server_name",
            "`server_name` of ClientHello, or the server's name in a readable login",
            |row| {
                let asked = row
                    .facts
                    .tls
                    .client
                    .as_ref()
                    .and_then(|hello| hello.server_name.as_deref().map(str::to_owned));
                asked.or_else(|| row.facts.tds.login.as_ref()?.server_name.clone())
            },
        ),
        text("host_name", "The client's host name in a readable login", |row| {
            row.facts.tds.login.as_ref()?.host_name.clone()
        }),
        text("user_name", "The user in a readable login", |row| {
            row.facts.tds.login.as_ref()?.user_name.clone()
        }),
        text("app_name", "The application in a readable login", |row| {
            row.facts.tds.login.as_ref()?.app_name.clone()
        }),
        text("database", "The database in a readable login", |row| {
            row.facts.tds.login.as_ref()?.database.clone()
        }),
        number("error", "Number of the first readable error of the server, such as 18456", |row| {
            row.facts.tds.errors.first().map(|error| error.number.into())
        }),
        text("client_connection_id", "The ClientConnectionId that drivers print in their errors", |row| {
            row.facts.tds.prelogin.as_ref()?.client_connection_id.map(|id| id.to_string())
        }),
    ]
}
