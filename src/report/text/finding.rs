//! One finding.

use super::page::{INDENT, Page, Paint};
use crate::analysis::Analysis;
use crate::report::words;
use crate::rules::{Finding, Severity};

/// Lines of evidence that a warning or a note shows; an error shows all.
const NOTE_EVIDENCE: usize = 2;

/// Writes a finding.
pub(super) fn finding(page: &mut Page<'_>, analysis: &Analysis, finding: &Finding) {
    if finding.severity == Severity::Info {
        let text = format!("{}: {}", finding.code, finding.detail);
        page.gap();
        page.headline("·", Paint::Dim, &[(finding.title.to_owned(), Paint::Bold)]);
        page.paragraph(INDENT, &text, Paint::Plain);
        return;
    }
    page.gap();
    headline(page, finding);
    page.paragraph(INDENT, &finding.detail, Paint::Plain);
    if let Some(seen) = &finding.application_sees {
        page.paragraph(INDENT, &format!("The application sees: {seen}"), Paint::Dim);
    }
    page.gap();
    if let Some(who) = words::who(analysis, finding) {
        page.row("who", &who, Paint::Plain);
    }
    evidence(page, finding);
    compared(page, finding);
    considered(page, finding);
    remedy(page, analysis, finding);
    if !finding.display_filter.is_empty() {
        page.row("filter", &finding.display_filter, Paint::Plain);
    }
    page.row("page", &format!("tdscope rule {}", finding.code), Paint::Dim);
    page.gap();
}

fn headline(page: &mut Page<'_>, finding: &Finding) {
    let paint = Paint::from(finding.severity);
    let mut pieces = vec![
        (finding.code.to_owned(), paint),
        (finding.title.to_owned(), Paint::Bold),
        (words::affected(finding), Paint::Plain),
    ];
    if finding.severity == Severity::Error {
        pieces.push((words::confidence(finding.confidence).to_owned(), Paint::Plain));
    }
    if let Some(server) = finding.server {
        pieces.push((server.to_string(), Paint::Plain));
    }
    pieces.push((words::span(finding, &page.times), Paint::Dim));
    page.headline(words::symbol(finding.severity), paint, &pieces);
}

fn evidence(page: &mut Page<'_>, finding: &Finding) {
    let most = if finding.severity == Severity::Error { usize::MAX } else { NOTE_EVIDENCE };
    let frames: Vec<String> = finding.evidence.iter().map(|line| page.times.frame(line.moment.at)).collect();
    let widest = frames.iter().map(String::len).max().unwrap_or_default();
    for (index, (line, frame)) in finding.evidence.iter().zip(&frames).take(most).enumerate() {
        let label = if index == 0 { "packets" } else { "" };
        let clock = page.times.clock(line.moment);
        let text = format!("{frame:<widest$} {clock} {:<6} {}", line.who, line.text);
        page.aligned_row(label, &text, widest + clock.len() + 9);
    }
    if finding.evidence.is_empty() && finding.story.is_empty() {
        return;
    }
    if !finding.story.is_empty() && finding.severity == Severity::Error {
        page.hanging_row("story", &finding.story, 0, Paint::Dim);
    }
    if let Some(more) = words::more_like_it(finding) {
        page.row("", &format!("{more} (--all-connections lists every one)"), Paint::Dim);
    }
}

/// Offer and policy under each other.
fn compared(page: &mut Page<'_>, finding: &Finding) {
    let Some(compared) = &finding.compared else { return };
    for (label, lists) in
        [("offered", &compared.offered), ("allowed", &compared.allowed), ("common", &compared.common)]
    {
        let versions = words::names(lists.versions.as_deref());
        let suites = words::short_names(lists.suites.as_deref());
        page.hanging_row(label, &format!("versions: {versions}; suites: {suites}"), 2, Paint::Plain);
    }
}

fn considered(page: &mut Page<'_>, finding: &Finding) {
    for (index, excluded) in finding.ruled_out.iter().enumerate() {
        let label = if index == 0 { "ruled out" } else { "" };
        let at = excluded.at.map_or_else(String::new, |at| format!(" ({})", page.times.frame(at)));
        page.hanging_row(
            label,
            &format!("{}: {}{at}", words::cause(excluded.slug), excluded.because),
            2,
            Paint::Plain,
        );
    }
    for (index, candidate) in finding.candidates.iter().enumerate() {
        let label = if index == 0 { words::fits(finding) } else { "" };
        page.hanging_row(
            label,
            &format!("{}: {}", words::cause(candidate.slug), candidate.because),
            2,
            Paint::Plain,
        );
    }
}

fn remedy(page: &mut Page<'_>, analysis: &Analysis, finding: &Finding) {
    if let Some(same) = words::same_remedy(analysis, finding) {
        page.row("do", &format!("as for {} of this server, above", same.code), Paint::Plain);
        return;
    }
    for (index, step) in finding.remedy.iter().enumerate() {
        let label = if index == 0 { "do" } else { "" };
        page.hanging_row(label, &format!("{}. {}", index + 1, step.text), 3, Paint::Plain);
        for line in step.command.iter().flat_map(|command| command.split('\n')) {
            page.command(3, line);
        }
    }
}
