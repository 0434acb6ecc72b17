//! Results of many captures as tables in Apache Parquet, for DuckDB, Spark or pandas.
//!
//! Three tables: [`captures`], [`findings`] and [`connections`], which is written a capture at a time. Their columns are
//! those of [`columns`]; a version of the schema stands in each file's metadata under `tdscope.schema`.

mod rows;
mod table;

use std::io::{self, Write};

use crate::analysis::Analysis;
use crate::batch::{CaptureSummary, Triage};

/// The schema of the tables; the number changes when a column goes or changes its meaning.
pub const SCHEMA: &str = "tdscope-parquet/1";

/// Writes the captures, a row for each, the worst first.
///
/// # Errors
/// When `out` cannot be written to.
pub fn captures(triage: &Triage, out: impl Write + Send) -> io::Result<()> {
    table::write("captures", &rows::captures(), triage.captures.iter(), out)
}

/// Writes the findings, a row for each of each capture, the worst capture first.
///
/// # Errors
/// When `out` cannot be written to.
pub fn findings(triage: &Triage, out: impl Write + Send) -> io::Result<()> {
    table::write("findings", &rows::findings(), triage.captures.iter().flat_map(rows::Found::all), out)
}

/// Writes the connections of a capture that the analysis lists: a row for each, by id.
///
/// # Errors
/// When `out` cannot be written to.
pub fn connections(capture: &CaptureSummary, analysis: &Analysis, out: impl Write + Send) -> io::Result<()> {
    table::write("connections", &rows::connections(), rows::Judged::all(capture, analysis), out)
}

/// The tables and their columns in Markdown: name, type, what it is.
#[must_use]
pub fn columns() -> String {
    let mut text = String::new();
    table::describe("captures", &rows::captures(), &mut text);
    table::describe("findings", &rows::findings(), &mut text);
    table::describe("connections", &rows::connections(), &mut text);
    text
}
