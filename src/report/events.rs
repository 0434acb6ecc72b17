//! What a watch says, for machines: one JSON object a line, of the same types as the report.

use schemars::JsonSchema;
use serde::Serialize;

use super::json::{Connection, Report, SCHEMA, VerdictReference, connection, report, verdict};
use crate::analysis::{Analysis, Counts, News, Reference};
use crate::facts::{At, Endpoint, Time};
use crate::rules::{Finding, Severity};
use crate::sanitize::JsonText;

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "tdscope/1 events")]
pub struct Line<'a> {
    /// `tdscope/1`.
    pub schema: &'static str,
    /// What happened.
    #[serde(flatten)]
    pub event: Event<'a>,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// The watch began.
    Started {
        /// When.
        time: Time,
        /// Version of tdscope.
        version: &'static str,
        /// The devices, in the order of `file` in frames.
        devices: Vec<String>,
    },
    /// A connection failed, or stalled.
    Finding {
        /// What was found, of this connection alone.
        finding: &'a Finding,
        /// The connection, with its verdict.
        connection: Box<Connection<'a>>,
        /// The file that has its packets.
        #[serde(skip_serializing_if = "Option::is_none")]
        recorded: Option<&'a str>,
    },
    /// More is known of a connection that failed: this replaces what was said of the connection with this id.
    Refined {
        /// What was said before.
        was: VerdictReference,
        /// What was found now, of this connection alone.
        finding: &'a Finding,
        /// The connection, with its verdict.
        connection: Box<Connection<'a>>,
        /// The file that has its packets.
        #[serde(skip_serializing_if = "Option::is_none")]
        recorded: Option<&'a str>,
    },
    /// What was said of the connection with this id does not hold: it did not fail.
    Withdrawn {
        /// What was said before.
        was: VerdictReference,
        /// Id of the connection.
        id: u64,
        /// The end that calls.
        client: Endpoint,
        /// The end that listens.
        server: Endpoint,
        /// Its first packet.
        first_frame: At,
        /// When that was.
        start: Time,
    },
    /// Something that is no failure, seen for the first time.
    Noticed {
        /// What was found so far.
        finding: &'a Finding,
    },
    /// A device cannot be read any more, or again.
    Device {
        /// When.
        time: Time,
        /// Its name.
        device: &'a str,
        /// It is read.
        up: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
    },
    /// Packets were dropped before they were seen, or could not be kept.
    Trouble {
        /// When.
        time: Time,
        /// What, in words.
        text: &'a str,
    },
    /// What a period was like.
    Summary {
        /// When it began.
        since: Time,
        /// When it ended, or now when it goes on.
        until: Time,
        /// It goes on.
        interim: bool,
        /// Counts since the watch began.
        totals: Totals,
        /// As `tdscope analyze --format json` gives it.
        report: Box<Report<'a>>,
    },
}

/// Counts since the watch began.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Totals {
    /// TCP connections of any kind.
    pub connections: u64,
    /// Logins accepted.
    pub logged_in: u64,
    /// Connections that failed, as far as is known by now.
    pub failed: u64,
}

impl<'a> Event<'a> {
    /// A piece of news.
    #[must_use]
    pub fn of(news: &News<'a>, recorded: Option<&'a str>) -> Self {
        match *news {
            News::Failed { finding, connection: facts, ruling, .. } => {
                let connection = Box::new(connection(facts, Some(&ruling)));
                Self::Finding { finding, connection, recorded }
            }
            News::Refined { was, finding, connection: facts, ruling, .. } => {
                let connection = Box::new(connection(facts, Some(&ruling)));
                Self::Refined { was: verdict(&was), finding, connection, recorded }
            }
            News::Withdrawn { was, of } => {
                let Reference { id, client, server, first_frame, start } = of;
                Self::Withdrawn { was: verdict(&was), id, client, server, first_frame, start }
            }
            News::Noticed { finding } => Self::Noticed { finding },
        }
    }

    /// What a period was like.
    #[must_use]
    pub fn summary(
        analysis: &'a Analysis,
        (since, until): (Time, Time),
        interim: bool,
        counts: &Counts,
        least: Severity,
    ) -> Self {
        let totals =
            Totals { connections: counts.connections, logged_in: counts.logged_in, failed: counts.failed };
        Self::Summary { since, until, interim, totals, report: Box::new(report(analysis, least)) }
    }

    /// The line, with its line feed.
    #[must_use]
    pub fn line(self) -> String {
        let mut line = Vec::new();
        // Memory can be written to, and what is written is UTF-8.
        let _ = serde_json::to_writer(JsonText(&mut line), &Line { schema: SCHEMA, event: self });
        line.push(b'\n');
        String::from_utf8(line).unwrap_or_default()
    }
}

/// The JSON Schema of a line, as text that ends with a line feed.
#[must_use]
pub fn schema() -> String {
    super::json::schema_of::<Line<'_>>()
}
