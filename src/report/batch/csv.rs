//! The triage as CSV (RFC 4180): a row for each finding of each capture, and one for each capture without any.

use std::io::{self, Write};

use csv::{QuoteStyle, WriterBuilder};

use crate::batch::{CaptureSummary, Cause, Problem, Triage};
use crate::facts::Time;
use crate::report::json::word;
use crate::sanitize::one_line;

const COLUMNS: [&str; 21] = [
    "case",
    "capture",
    "files",
    "packets",
    "first",
    "last",
    "logins",
    "succeeded",
    "failed",
    "code",
    "title",
    "severity",
    "confidence",
    "server",
    "cause_connections",
    "cause_logins",
    "cause_clients",
    "cause_first",
    "cause_last",
    "detail",
    "problem",
];

/// Writes the triage, the worst capture first. Every text is on one line, and none is taken for a formula.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(triage: &Triage, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Necessary).from_writer(out);
    writer.write_record(COLUMNS)?;
    for capture in &triage.captures {
        if capture.findings.is_empty() {
            writer.write_record(row(capture, None))?;
        }
        for cause in &capture.findings {
            writer.write_record(row(capture, Some(cause)))?;
        }
    }
    for Problem { name, why } in &triage.problems {
        let mut row = vec![String::new(); COLUMNS.len()];
        for (column, text) in [(1, name), (COLUMNS.len() - 1, why)] {
            if let Some(cell) = row.get_mut(column) {
                *cell = harmless(text);
            }
        }
        writer.write_record(row)?;
    }
    writer.flush()
}

fn row(capture: &CaptureSummary, cause: Option<&Cause>) -> Vec<String> {
    let mut row = vec![
        harmless(&capture.case),
        harmless(&capture.name),
        capture.files.len().to_string(),
        capture.packets.to_string(),
        capture.first.map(time).unwrap_or_default(),
        capture.last.map(time).unwrap_or_default(),
        capture.logins.to_string(),
        capture.succeeded.to_string(),
        capture.failed.to_string(),
    ];
    match cause {
        Some(cause) => row.extend([
            cause.code.clone(),
            harmless(&cause.title),
            word(&cause.severity),
            word(&cause.confidence),
            harmless(cause.server.as_deref().unwrap_or_default()),
            cause.count.to_string(),
            cause.logins.to_string(),
            cause.clients.to_string(),
            time(cause.first),
            time(cause.last),
            harmless(&cause.detail),
        ]),
        None => row.extend(std::iter::repeat_n(String::new(), 11)),
    }
    row.push(harmless(&capture.problems.join("; ")));
    row
}

/// Text that a spreadsheet shows and does not calculate (OWASP, CSV injection): what begins as a formula does is put behind
/// an apostrophe.
fn harmless(text: &str) -> String {
    let text = one_line(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '|', '%']);
    if formula { format!("'{text}") } else { text }
}

fn time(time: Time) -> String {
    time.timestamp().to_string()
}
