//! A batch of captures for people: the causes first, then the captures that show them.

use std::io::{self, Write};

use super::Style;
use super::finding::confidence;
use super::page::{INDENT, Page, Paint};
use super::quantity::{count, grouped};
use crate::batch::{CaptureSummary, Cause, FoldedCause, Triage};
use crate::facts::Time;
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
    heading(&mut page, triage);
    let causes = triage.causes.iter().filter(|cause| cause.severity >= style.least);
    causes.for_each(|cause| folded(&mut page, triage, cause));
    captures(&mut page, triage);
    problems(&mut page, triage);
    footer(&mut page, triage);
    out.write_all(page.into_text().as_bytes())
}

fn heading(page: &mut Page<'_>, triage: &Triage) {
    let sum = |of: fn(&CaptureSummary) -> u64| triage.captures.iter().map(of).sum::<u64>();
    let mut read = vec![count(sum(|capture| capture.packets), "packet")];
    let cases = triage.cases().len() as u64;
    if cases > 1 {
        read.insert(0, count(cases, "case"));
    }
    let title = count(triage.captures.len() as u64, "capture");
    page.headline(&title, Paint::Bold, &[(read.join(", "), Paint::Plain)]);
    let logins = format!(
        "{}: {} succeeded, {} failed",
        count(sum(|capture| capture.logins), "login"),
        grouped(sum(|capture| capture.succeeded)),
        grouped(sum(|capture| capture.failed))
    );
    page.paragraph(0, &logins, Paint::Plain);
}

/// `R2  No cipher suite in common  likely  40 logins at 3 servers in 12 captures of 2 cases  since ...`.
fn folded(page: &mut Page<'_>, triage: &Triage, cause: &FoldedCause) {
    let paint = Paint::from(cause.severity);
    page.gap();
    let mut how_many = vec![affected(cause.severity, cause.count, cause.logins)];
    if cause.servers_count > 0 {
        how_many.push(format!("at {}", count(cause.servers_count, "server")));
    }
    how_many.push(format!("in {}", count(cause.captures, "capture")));
    if triage.cases().len() > 1 {
        how_many.push(format!("of {}", count(cause.cases, "case")));
    }
    let mut pieces = vec![
        (cause.code.clone(), paint),
        (cause.title.clone(), Paint::Bold),
        (how_many.join(" "), Paint::Plain),
    ];
    if cause.severity == Severity::Error {
        pieces.push((confidence(cause.confidence).to_owned(), Paint::Plain));
    }
    pieces.push((format!("since {}", page.date(Time(cause.first).timestamp())), Paint::Dim));
    page.headline(symbol(cause.severity), paint, &pieces);
    if !cause.servers.is_empty() {
        let mut named: Vec<&str> = cause.servers.iter().take(SERVERS).map(String::as_str).collect();
        let more = format!("and {} more", cause.servers_count.saturating_sub(named.len() as u64));
        if cause.servers_count > named.len() as u64 {
            named.push(&more);
        }
        page.row("servers", &named.join(", "), Paint::Plain);
    }
}

fn captures(page: &mut Page<'_>, triage: &Triage) {
    let all = page.style.all_connections;
    let least = page.style.least;
    let tells = |capture: &&CaptureSummary| {
        all || capture.unreadable
            || capture.findings.iter().any(|cause| cause.severity > Severity::Info && cause.severity >= least)
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
        let more = count((told.len() - CAPTURES) as u64, "capture");
        page.paragraph(INDENT, &format!("and {more} more: --format csv or json has all"), Paint::Dim);
    }
}

fn capture(page: &mut Page<'_>, capture: &CaptureSummary, several: bool) {
    let worst = capture.worst().map(|cause| cause.severity);
    let (sign, paint) = match worst {
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
        let mut text = vec![cause.title.clone(), affected(cause.severity, cause.count, cause.logins)];
        if cause.severity == Severity::Error {
            text.push(confidence(cause.confidence).to_owned());
        }
        text.extend(cause.server.clone());
        page.row(&cause.code, &text.join(", "), Paint::Plain);
    }
    let more = causes.len().saturating_sub(CAUSES) as u64 + capture.findings_omitted;
    if more > 0 {
        page.row("", &format!("and {} more", count(more, "finding")), Paint::Dim);
    }
    for problem in capture.problems.iter().take(WRONG) {
        page.row("file", problem, Paint::Warning);
    }
}

fn problems(page: &mut Page<'_>, triage: &Triage) {
    if triage.problems.is_empty() && triage.others == 0 {
        return;
    }
    page.gap();
    if !triage.problems.is_empty() {
        page.headline("not looked at", Paint::Bold, &[]);
    }
    for (name, why) in triage.problems.iter().take(PROBLEMS) {
        page.paragraph(INDENT, &format!("{name}: {why}"), Paint::Warning);
    }
    if triage.problems.len() > PROBLEMS {
        let more = (triage.problems.len() - PROBLEMS) as u64;
        page.paragraph(INDENT, &format!("and {} more", grouped(more)), Paint::Dim);
    }
    if triage.others > 0 {
        let others = format!("{} no captures by their names and first bytes", are(triage.others));
        page.paragraph(INDENT, &others, Paint::Dim);
    }
}

fn footer(page: &mut Page<'_>, triage: &Triage) {
    let failed = triage.captures.iter().filter(|capture| capture.has_failed()).count() as u64;
    let unreadable = triage.captures.iter().filter(|capture| capture.unreadable).count() as u64;
    let causes = triage.causes.iter().filter(|cause| cause.severity == Severity::Error).count() as u64;
    page.gap();
    let mut text = match failed {
        0 => "nothing failed".to_owned(),
        _ => format!("{} with failures, {}", count(failed, "capture"), count(causes, "cause")),
    };
    if unreadable > 0 {
        text.push_str(&format!("; {} could not be read", count(unreadable, "capture")));
    }
    page.paragraph(0, &text, if failed > 0 { Paint::Error } else { Paint::Good });
}

fn are(number: u64) -> String {
    format!("{} {}", count(number, "other file"), if number == 1 { "is" } else { "are" })
}

fn affected(severity: Severity, connections: u64, logins: u64) -> String {
    match severity {
        Severity::Error if logins == connections => count(logins, "login"),
        Severity::Error => format!("{} ({})", count(logins, "login"), count(connections, "connection")),
        _ => count(connections, "connection"),
    }
}

fn symbol(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "✖",
        Severity::Warning => "⚠",
        Severity::Info => "·",
    }
}
