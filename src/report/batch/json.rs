//! The triage as JSON: schema `tdscope-batch/1`.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::batch::Triage;
use crate::sanitize::JsonText;

/// The schema that the report follows; the number changes when a field goes or changes its meaning.
pub const SCHEMA: &str = "tdscope-batch/1";

/// The report.
#[derive(Debug, Serialize, JsonSchema)]
struct Report<'a> {
    /// Always `tdscope-batch/1`.
    schema: &'static str,
    /// The version of tdscope that wrote it.
    version: &'static str,
    #[serde(flatten)]
    triage: &'a Triage,
}

/// Writes the whole triage.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(triage: &Triage, out: &mut dyn Write) -> io::Result<()> {
    let report = Report { schema: SCHEMA, version: env!("CARGO_PKG_VERSION"), triage };
    serde_json::to_writer_pretty(JsonText(&mut *out), &report)?;
    out.write_all(b"\n")
}

/// Writes a line for each capture, the worst first.
///
/// # Errors
/// When `out` cannot be written to.
pub fn lines(triage: &Triage, out: &mut dyn Write) -> io::Result<()> {
    for capture in &triage.captures {
        serde_json::to_writer(JsonText(&mut *out), capture)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The JSON Schema of the report.
#[must_use]
pub fn schema() -> String {
    crate::report::json::schema_of::<Report<'_>>()
}
