//! What captures are: `tdscope info`, for people and as JSON (schema `tdscope-info/1`).

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::json::schema_of;
use super::text::{Style, inspections};
use crate::analysis::Inspection;
use crate::facts::{CaptureFacts, Endpoint, LoginCounts};
use crate::sanitize::JsonText;

/// The schema that the report follows; the number changes when a field goes or changes its meaning.
pub const SCHEMA: &str = "tdscope-info/1";

/// The report.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "tdscope-info/1")]
struct Report<'a> {
    /// Always `tdscope-info/1`.
    schema: &'static str,
    /// The version of tdscope that wrote it.
    version: &'static str,
    /// The files, in argument order.
    files: Vec<File<'a>>,
}

/// One file.
#[derive(Debug, Serialize, JsonSchema)]
struct File<'a> {
    #[serde(flatten)]
    capture: &'a CaptureFacts,
    /// Link types, in order of appearance.
    links: &'a [String],
    /// The most that was recorded of a packet that was cut, in bytes; `null` when none was.
    cut_at: Option<u32>,
    /// Packets that the file itself calls copies of others: pktmon logs a packet at every component. They are among the
    /// `duplicates`.
    copies: u64,
    /// TCP connections of any kind.
    connections: u64,
    /// What of it is SQL Server's.
    sql_server: SqlServer<'a>,
}

/// What of a file is SQL Server's.
#[derive(Debug, Serialize, JsonSchema)]
struct SqlServer<'a> {
    /// Connections.
    connections: u64,
    /// Their packets, each once.
    packets: u64,
    /// Lookups of a SQL Browser.
    lookups: u64,
    /// Listeners, the first 64 by address.
    servers: Vec<Server<'a>>,
    /// Listeners beyond those.
    servers_omitted: u64,
}

/// A listener.
#[derive(Debug, Serialize, JsonSchema)]
struct Server<'a> {
    #[serde(flatten)]
    endpoint: Endpoint,
    logins: &'a LoginCounts,
}

/// Writes it as JSON.
///
/// # Errors
/// When `out` cannot be written to.
pub fn json(files: &[Inspection], out: &mut dyn Write) -> io::Result<()> {
    let files = files.iter().map(file).collect();
    let report = Report { schema: SCHEMA, version: env!("CARGO_PKG_VERSION"), files };
    serde_json::to_writer_pretty(JsonText(&mut *out), &report)?;
    out.write_all(b"\n")
}

/// Writes it for people.
///
/// # Errors
/// When `out` cannot be written to.
pub fn text(files: &[Inspection], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    inspections(files, style, out)
}

/// The JSON Schema of the report.
#[must_use]
pub fn schema() -> String {
    schema_of::<Report<'_>>()
}

fn file(file: &Inspection) -> File<'_> {
    File {
        capture: &file.capture,
        links: &file.links,
        cut_at: file.cut_at,
        copies: file.copies,
        connections: file.totals.connections,
        sql_server: SqlServer {
            connections: file.totals.tds,
            packets: file.totals.tds_packets,
            lookups: file.lookups,
            servers: file
                .servers
                .iter()
                .map(|(endpoint, logins)| Server { endpoint: *endpoint, logins })
                .collect(),
            servers_omitted: file.servers_omitted,
        },
    }
}
