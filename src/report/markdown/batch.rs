//! A batch of captures for a ticket.

use std::io::{self, Write};

use super::writer::Markdown;
use crate::batch::{CaptureSummary, Problem, Triage};
use crate::report::document::Style;
use crate::report::words::{
    Times, all_logins, confidence, extent, grouped, other_files, servers_of, spread, symbol, triage_verdict,
};
use crate::rules::Severity;

/// Servers named of a cause.
const SERVERS: usize = 4;
/// Captures listed; JSON and CSV have all.
const CAPTURES: usize = 200;
/// What could not be looked at that is named.
const PROBLEMS: usize = 50;

/// Writes the triage; captures in which nothing failed and nothing is wrong are counted, not listed.
///
/// # Errors
/// When `out` cannot be written to.
pub fn triage(triage: &Triage, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut markdown = Markdown::default();
    markdown.heading(1, style.title.as_deref().unwrap_or(&triage_verdict(triage)));
    markdown.paragraph(&extent(triage));
    markdown.paragraph(&all_logins(triage));
    causes(&mut markdown, triage, style);
    captures(&mut markdown, triage);
    if !triage.problems.is_empty() {
        markdown.heading(2, "Not looked at");
        let told = triage.problems.iter().take(PROBLEMS);
        told.for_each(|Problem { name, why }| markdown.bullet(&format!("{name}: {why}")));
        let more = triage.problems.len().saturating_sub(PROBLEMS) as u64;
        if more > 0 {
            markdown.bullet(&format!("and {} more", grouped(more)));
        }
    }
    if triage.others > 0 {
        markdown.paragraph(&other_files(triage));
    }
    out.write_all(markdown.into_text().as_bytes())
}

fn causes(markdown: &mut Markdown, triage: &Triage, style: &Style) {
    let times = Times::bare(&style.zone);
    let told = triage.causes.iter().filter(|cause| cause.severity >= style.least);
    let rows: Vec<Vec<String>> = told
        .map(|cause| {
            let sure = if cause.severity == Severity::Error { confidence(cause.confidence) } else { "" };
            vec![
                format!("{} {}", symbol(cause.severity), cause.code),
                cause.title.clone(),
                sure.to_owned(),
                spread(triage, cause),
                times.date(cause.first.timestamp()),
                servers_of(&cause.servers, cause.servers_count, SERVERS),
            ]
        })
        .collect();
    if !rows.is_empty() {
        markdown.heading(2, "Causes");
        markdown.table(&["Rule", "What", "How sure", "How much", "Since", "Servers"], &rows);
    }
}

fn captures(markdown: &mut Markdown, triage: &Triage) {
    let told: Vec<&CaptureSummary> = triage
        .captures
        .iter()
        .filter(|capture| !capture.problems.is_empty() || capture.has_failed())
        .collect();
    let rows: Vec<Vec<String>> = told.iter().take(CAPTURES).map(|capture| row(capture)).collect();
    if rows.is_empty() {
        return;
    }
    markdown.heading(2, "Captures, the worst first");
    markdown.table(&["Capture", "Case", "Logins", "Failed", "Found"], &rows);
    let more = told.len().saturating_sub(CAPTURES) as u64;
    if more > 0 {
        markdown.paragraph(&format!("and {} more", grouped(more)));
    }
}

fn row(capture: &CaptureSummary) -> Vec<String> {
    let mut found: Vec<String> =
        capture.causes().map(|cause| format!("{} {}", cause.code, cause.title)).collect();
    found.extend(capture.problems.first().cloned());
    vec![
        capture.name.clone(),
        capture.case.clone(),
        grouped(capture.logins),
        grouped(capture.failed),
        found.join("; "),
    ]
}
