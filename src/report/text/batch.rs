//! A batch of captures for people: the causes first, then the captures that show them.

use std::io::{self, Write};

use super::Style;
use super::page::{INDENT, Page, Paint};
use crate::batch::{CaptureSummary, Cause, FoldedCause, Problem, Triage};
use crate::report::words::{
    all_logins, cause_line, confidence, count, extent, grouped, other_files, servers_of, since, spread,
    symbol, triage_verdict,
};
use crate::rules::Severity;

/// Servers named of a cause.
const SERVERS: usize = 4;
/// Causes named of a capture.
const CAUSES: usize = 4;
/// Captures listed; JSON and CSV have all.
const CAPTURES: usize = 200;
/// What could not be looked at that is named; JSON has all.
const PROBLEMS: usize = 50;
/// What is wrong with a capture that is told.
const WRONG: usize = 2;

/// Writes the triage of a batch. With [`Style::all_connections`] captures in which nothing failed are listed too.
///
/// # Errors
/// When `out` cannot be written to.
pub fn triage(triage: &Triage, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::bare(style);
    page.paragraph(0, &extent(triage), Paint::Bold);
    page.paragraph(0, &all_logins(triage), Paint::Plain);
    let causes = triage.causes.iter().filter(|cause| cause.severity >= style.least);
    causes.for_each(|cause| folded(&mut page, triage, cause));
    captures(&mut page, triage);
    problems(&mut page, triage);
    page.gap();
    page.paragraph(0, &triage_verdict(triage), if triage.has_failed() { Paint::Error } else { Paint::Good });
    out.write_all(page.into_text().as_bytes())
}

/// `R2  No cipher suite in common  40 logins at 3 servers in 12 captures of 2 cases  likely  since ...`.
fn folded(page: &mut Page<'_>, triage: &Triage, cause: &FoldedCause) {
    let paint = Paint::from(cause.severity);
    page.gap();
    let mut pieces = vec![
        (cause.code.clone(), paint),
        (cause.title.clone(), Paint::Bold),
        (spread(triage, cause), Paint::Plain),
    ];
    if cause.severity == Severity::Error {
        pieces.push((confidence(cause.confidence).to_owned(), Paint::Plain));
    }
    pieces.push((since(&page.times, cause.first), Paint::Dim));
    page.headline(symbol(cause.severity), paint, &pieces);
    if !cause.servers.is_empty() {
        page.row("servers", &servers_of(&cause.servers, cause.servers_count, SERVERS), Paint::Plain);
    }
}

fn captures(page: &mut Page<'_>, triage: &Triage) {
    let (all, least) = (page.style.all_connections, page.style.least.max(Severity::Warning));
    let tells = |capture: &&CaptureSummary| {
        all || !capture.problems.is_empty() || capture.findings.iter().any(|cause| cause.severity >= least)
    };
    let told: Vec<&CaptureSummary> = triage.captures.iter().filter(tells).collect();
    if told.is_empty() {
        return;
    }
    page.gap();
    page.headline("captures", Paint::Bold, &[("the worst first".to_owned(), Paint::Dim)]);
    let several = triage.cases().len() > 1;
    for capture in told.iter().take(CAPTURES) {
        self::capture(page, capture, several);
    }
    if told.len() > CAPTURES {
        let more = count((told.len() - CAPTURES) as u64, "more capture");
        page.paragraph(INDENT, &format!("and {more}: --format csv or json has all"), Paint::Dim);
    }
}

fn capture(page: &mut Page<'_>, capture: &CaptureSummary, several: bool) {
    let (sign, paint) = match capture.worst().map(|cause| cause.severity) {
        _ if capture.unreadable => ("✖", Paint::Error),
        Some(severity) => (symbol(severity), Paint::from(severity)),
        None => ("✔", Paint::Good),
    };
    let mut pieces = vec![(capture.name.clone(), Paint::Bold)];
    if capture.files.len() > 1 {
        pieces.push((format!("and {}", count(capture.files.len() as u64 - 1, "more file")), Paint::Plain));
    }
    if several {
        pieces.push((format!("case {}", capture.case), Paint::Dim));
    }
    if !capture.unreadable {
        let logins = format!("{}, {} failed", count(capture.logins, "login"), grouped(capture.failed));
        pieces.push((logins, Paint::Plain));
    }
    page.headline(sign, paint, &pieces);
    let least = page.style.least.max(Severity::Warning);
    let causes: Vec<&Cause> = capture.findings.iter().filter(|cause| cause.severity >= least).collect();
    for cause in causes.iter().take(CAUSES) {
        page.row(&cause.code, &cause_line(cause), Paint::Plain);
    }
    let more = causes.len().saturating_sub(CAUSES) as u64 + capture.findings_omitted;
    if more > 0 {
        page.row("", &format!("and {}", count(more, "more finding")), Paint::Dim);
    }
    for problem in capture.problems.iter().take(WRONG) {
        page.row("file", problem, Paint::Warning);
    }
}

fn problems(page: &mut Page<'_>, triage: &Triage) {
    page.gap();
    if !triage.problems.is_empty() {
        page.headline("not looked at", Paint::Bold, &[]);
    }
    for Problem { name, why } in triage.problems.iter().take(PROBLEMS) {
        page.paragraph(INDENT, &format!("{name}: {why}"), Paint::Warning);
    }
    if triage.problems.len() > PROBLEMS {
        let more = (triage.problems.len() - PROBLEMS) as u64;
        page.paragraph(INDENT, &format!("and {} more", grouped(more)), Paint::Dim);
    }
    if triage.others > 0 {
        page.paragraph(INDENT, &other_files(triage), Paint::Dim);
    }
}
