//! The report as Markdown, for tickets: the same words, in compact form.

mod batch;
#[cfg(test)]
mod tests;
mod writer;

use std::io::{self, Write};

pub use super::document::Style;
use super::document::{FILES, SERVERS, findings, title, verdict};
use super::words::{self, Times};
use crate::analysis::Analysis;
use crate::facts::ServerFacts;
use crate::rules::{Finding, Lists, Severity};
pub use batch::triage;
use writer::Markdown;

/// Lines of evidence shown.
const EVIDENCE: usize = 12;
/// Damages of a file shown.
const DAMAGE: usize = 5;

/// Writes the report.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(analysis: &Analysis, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let report = Report { analysis, style, times: Times::new(analysis, &style.zone) };
    let mut markdown = Markdown::default();
    heading(&mut markdown, &report);
    let (told, more) = findings(analysis, style);
    for finding in told {
        describe(&mut markdown, &report, finding);
    }
    if more > 0 {
        let more = words::count(more, "more finding");
        markdown.paragraph(&format!("and {more} (--format json has all)"));
    }
    servers(&mut markdown, &report);
    captures(&mut markdown, &report);
    if let Some(text) = words::left_out(analysis) {
        markdown.paragraph(&text);
    }
    out.write_all(markdown.into_text().as_bytes())
}

/// What the parts of the document are made from.
struct Report<'a> {
    analysis: &'a Analysis,
    style: &'a Style,
    times: Times,
}

fn heading(markdown: &mut Markdown, report: &Report<'_>) {
    let analysis = report.analysis;
    let (verdict, severity) = verdict(analysis);
    let symbol = match severity {
        Some(Severity::Error) => "✖",
        Some(_) => "✔",
        None => "·",
    };
    let verdict = if report.style.title.is_some() { title(analysis, report.style) } else { verdict };
    markdown.heading(2, &format!("{symbol} {verdict}"));
    markdown.paragraph(&words::logins(analysis));
    markdown.paragraph(&format!("{} {}", words::input(analysis), words::seen(analysis, &report.times)));
    markdown.gap();
    for line in words::health_checks(analysis) {
        markdown.bullet(&line);
    }
}

fn describe(markdown: &mut Markdown, report: &Report<'_>, finding: &Finding) {
    let title = format!("{} {} {}", words::symbol(finding.severity), finding.code, finding.title);
    markdown.heading(3, &title);
    markdown.paragraph(&finding.detail);
    if finding.severity == Severity::Info {
        return;
    }
    if let Some(seen) = &finding.application_sees {
        markdown.labelled("The application sees", seen);
    }
    markdown.gap();
    affected(markdown, report, finding);
    evidence(markdown, report, finding);
    compared(markdown, finding);
    considered(markdown, report, finding);
    remedy(markdown, report, finding);
    if !finding.display_filter.is_empty() {
        markdown.above("Wireshark filter");
        markdown.block(0, &finding.display_filter);
    }
}

fn affected(markdown: &mut Markdown, report: &Report<'_>, finding: &Finding) {
    let mut parts = vec![words::affected(finding)];
    if finding.severity == Severity::Error {
        parts.push(words::confidence(finding.confidence).to_owned());
    }
    parts.push(words::span(finding, &report.times));
    markdown.bullet(&parts.join(", "));
    if let Some(who) = words::who(report.analysis, finding) {
        markdown.bullet(&who);
    }
    let more = words::more_like_it(finding);
    if let Some(more) = more {
        markdown.bullet(&more);
    }
}

fn evidence(markdown: &mut Markdown, report: &Report<'_>, finding: &Finding) {
    let rows: Vec<Vec<String>> = finding
        .evidence
        .iter()
        .take(EVIDENCE)
        .map(|line| {
            let frame = report.times.frame(line.moment.at);
            vec![frame, report.times.clock(line.moment), line.who.to_owned(), line.text.clone()]
        })
        .collect();
    markdown.table(&["frame", "time", "from", "what it shows"], &rows);
    if !finding.story.is_empty() && finding.severity == Severity::Error {
        markdown.labelled_code("Story", &finding.story);
    }
}

fn compared(markdown: &mut Markdown, finding: &Finding) {
    let Some(compared) = &finding.compared else { return };
    let row = |name: &str, lists: &Lists| {
        let versions = words::names(lists.versions.as_deref());
        vec![name.to_owned(), versions, words::short_names(lists.suites.as_deref())]
    };
    let rows = [
        row("offered", &compared.offered),
        row("allowed", &compared.allowed),
        row("common", &compared.common),
    ];
    markdown.table(&["", "versions", "suites"], &rows);
}

fn considered(markdown: &mut Markdown, report: &Report<'_>, finding: &Finding) {
    let excluded: Vec<String> = finding
        .ruled_out
        .iter()
        .map(|excluded| {
            let at = excluded.at.map_or_else(String::new, |at| format!(" ({})", report.times.frame(at)));
            format!("{}: {}{at}", words::cause(excluded.slug), excluded.because)
        })
        .collect();
    list(markdown, "Ruled out", &excluded);
    let fitting: Vec<String> = finding
        .candidates
        .iter()
        .map(|candidate| format!("{}: {}", words::cause(candidate.slug), candidate.because))
        .collect();
    let label = if words::fits(finding) == "fits" { "What fits" } else { "What also fits" };
    list(markdown, label, &fitting);
}

fn list(markdown: &mut Markdown, label: &'static str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    markdown.above(label);
    for line in lines {
        markdown.bullet(line);
    }
}

fn remedy(markdown: &mut Markdown, report: &Report<'_>, finding: &Finding) {
    if finding.remedy.is_empty() {
        return;
    }
    if let Some(same) = words::same_remedy(report.analysis, finding) {
        markdown.labelled("What to do", &format!("as for {} of this server, above", same.code));
        return;
    }
    markdown.above("What to do");
    for (index, step) in finding.remedy.iter().enumerate() {
        markdown.numbered(index + 1, &step.text);
        if let Some(command) = &step.command {
            markdown.block(3, command);
        }
    }
}

fn servers(markdown: &mut Markdown, report: &Report<'_>) {
    if report.analysis.servers.is_empty() || report.style.least > Severity::Info {
        return;
    }
    markdown.heading(3, "Servers");
    let order = words::by_need(report.analysis);
    let rows: Vec<Vec<String>> = order.iter().take(SERVERS).map(|server| profile(server)).collect();
    markdown.table(&["server", "product", "logins", "accepts", "shows"], &rows);
    if let Some(more) = order.len().checked_sub(SERVERS).filter(|more| *more > 0) {
        let more = words::count(more as u64, "more server");
        markdown.paragraph(&format!("and {more} (--format json has all)"));
    }
}

fn profile(server: &ServerFacts) -> Vec<String> {
    let mut logins = words::logged_in(server);
    if let Some(flood) = words::flood(server) {
        logins = format!("{logins}; {flood}");
    }
    let leaf = server.certificate.as_ref().and_then(|certificate| certificate.chain.first());
    vec![
        server.endpoint.to_string(),
        words::what(server),
        logins,
        words::accepted(server).join(", "),
        leaf.map(words::certificate).unwrap_or_default(),
    ]
}

fn captures(markdown: &mut Markdown, report: &Report<'_>) {
    let captures = &report.analysis.captures;
    if captures.is_empty() {
        return;
    }
    markdown.heading(3, "The capture");
    for (index, capture) in captures.iter().take(FILES).enumerate() {
        let number = if captures.len() > 1 { format!("[{}] ", index + 1) } else { String::new() };
        let mut text = format!("{number}{}: {}", capture.path, words::read(capture));
        if words::was_taken(capture) {
            text.push_str(&format!("; {}", words::taken(capture)));
        }
        let flaws = words::flaws(capture);
        if !flaws.is_empty() {
            text.push_str(&format!("; {}", flaws.join(", ")));
        }
        markdown.bullet(&text);
        for damage in capture.damage.iter().take(DAMAGE) {
            markdown.bullet(&format!("damage after frame {}: {}", damage.frame, damage.what));
        }
    }
    if let Some(more) = captures.len().checked_sub(FILES).filter(|more| *more > 0) {
        let more = words::count(more as u64, "more file");
        markdown.bullet(&format!("and {more}"));
    }
}
