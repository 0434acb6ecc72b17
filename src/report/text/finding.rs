//! One finding.

use super::page::{INDENT, Page, Paint};
use super::quantity::{count, grouped};
use crate::analysis::Analysis;
use crate::facts::{Endpoint, ServerFacts};
use crate::reference::product_name;
use crate::rules::{Confidence, Finding, Severity, find};

/// Lines of evidence that a warning or a note shows; an error shows all.
const NOTE_EVIDENCE: usize = 2;
/// Client addresses shown.
const CLIENTS: usize = 4;
/// Instances of the same cause whose connections are named.
const EXEMPLARS: usize = 5;

/// The rule of what nothing decides.
const UNDECIDED: &str = "closed-after-client-hello";

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
    who(page, analysis, finding);
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
    let symbol = if finding.severity == Severity::Error { "✖" } else { "⚠" };
    let mut pieces = vec![
        (finding.code.to_owned(), paint),
        (finding.title.to_owned(), Paint::Bold),
        (affected(finding), Paint::Plain),
    ];
    if finding.severity == Severity::Error {
        pieces.push((confidence(finding.confidence).to_owned(), Paint::Plain));
    }
    if let Some(server) = finding.server {
        pieces.push((server.to_string(), Paint::Plain));
    }
    let since = page.second(finding.first);
    let until = page.second(finding.last);
    let span = if finding.count > 1 && until != since {
        format!("{since} to {until}")
    } else {
        format!("at {since}")
    };
    pieces.push((span, Paint::Dim));
    page.headline(symbol, paint, &pieces);
}

/// How many: logins, and connections where drivers tried more than once for one.
fn affected(finding: &Finding) -> String {
    match (finding.count, finding.logins) {
        (0, _) => count(finding.client.count.max(1), "client"),
        (connections, logins) if logins != connections && finding.severity == Severity::Error => {
            format!("{}, {}", count(logins, "login"), count(connections, "connection"))
        }
        (connections, _) if finding.severity == Severity::Error => count(connections, "login"),
        (connections, _) => count(connections, "connection"),
    }
}

/// How sure, in a word.
pub(super) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Possible => "possible",
        Confidence::Likely => "likely",
        Confidence::Certain => "certain",
    }
}

fn who(page: &mut Page<'_>, analysis: &Analysis, finding: &Finding) {
    let clients = &finding.client;
    if clients.ips.is_empty() {
        return;
    }
    let shown: Vec<String> = clients.ips.iter().take(CLIENTS).map(ToString::to_string).collect();
    let more = clients.count.saturating_sub(shown.len() as u64);
    let mut text = shown.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {} more", grouped(more)));
    }
    if let Some(hint) = &clients.hint {
        text.push_str(&format!(" ({hint})"));
    }
    if let Some(server) = finding.server {
        text.push_str(&format!("  →  {}", server_name(analysis, server)));
    }
    page.row("who", &text, Paint::Plain);
}

/// `10.1.0.10:1433, SQL Server 2017 (14.0.3456)`.
fn server_name(analysis: &Analysis, endpoint: Endpoint) -> String {
    let known = analysis.servers.iter().find(|server| server.endpoint == endpoint);
    match known.and_then(product) {
        Some(product) => format!("{endpoint}, {product}"),
        None => endpoint.to_string(),
    }
}

/// `SQL Server 2017 (14.0.3456)`, from the build in the PRELOGIN answer.
pub(super) fn product(server: &ServerFacts) -> Option<String> {
    let (build, _) = server.build.as_ref()?;
    Some(match product_name(*build) {
        Some(product) => format!("{product} ({build})"),
        None => format!("build {build}"),
    })
}

fn evidence(page: &mut Page<'_>, finding: &Finding) {
    let most = if finding.severity == Severity::Error { usize::MAX } else { NOTE_EVIDENCE };
    let frames: Vec<String> = finding.evidence.iter().map(|line| page.frame(line.moment.at)).collect();
    let widest = frames.iter().map(String::len).max().unwrap_or_default();
    for (index, (line, frame)) in finding.evidence.iter().zip(&frames).take(most).enumerate() {
        let label = if index == 0 { "packets" } else { "" };
        let clock = page.clock(line.moment);
        let text = format!("{frame:<widest$} {clock} {:<6} {}", line.who, line.text);
        page.aligned_row(label, &text, widest + clock.len() + 9);
    }
    if finding.evidence.is_empty() && finding.story.is_empty() {
        return;
    }
    if !finding.story.is_empty() && finding.severity == Severity::Error {
        page.hanging_row("story", &finding.story, 0, Paint::Dim);
    }
    let others: Vec<String> =
        finding.exemplars.iter().skip(1).take(EXEMPLARS).map(ToString::to_string).collect();
    if finding.count > 1 && !others.is_empty() && finding.severity == Severity::Error {
        let more = count(finding.count - 1, "connection");
        let text = format!("{more} more like it: {} (--all-connections lists every one)", others.join(", "));
        page.row("", &text, Paint::Dim);
    }
}

/// Offer and policy under each other.
fn compared(page: &mut Page<'_>, finding: &Finding) {
    let Some(compared) = &finding.compared else { return };
    for (label, lists) in
        [("offered", &compared.offered), ("allowed", &compared.allowed), ("common", &compared.common)]
    {
        let versions = names(lists.versions.as_deref());
        let suites = names(lists.suites.as_deref()).replace("TLS_", "");
        page.hanging_row(label, &format!("versions: {versions}; suites: {suites}"), 2, Paint::Plain);
    }
}

fn names<T: std::fmt::Display>(names: Option<&[T]>) -> String {
    match names {
        None => "not known".to_owned(),
        Some([]) => "none".to_owned(),
        Some(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn considered(page: &mut Page<'_>, finding: &Finding) {
    for (index, excluded) in finding.ruled_out.iter().enumerate() {
        let label = if index == 0 { "ruled out" } else { "" };
        let at = excluded.at.map_or_else(String::new, |at| format!(" ({})", page.frame(at)));
        page.hanging_row(
            label,
            &format!("{}: {}{at}", cause(excluded.slug), excluded.because),
            2,
            Paint::Plain,
        );
    }
    for (index, candidate) in finding.candidates.iter().enumerate() {
        // Where nothing decides, these are all there is.
        let label = match index {
            0 if finding.slug == UNDECIDED => "fits",
            0 => "also fits",
            _ => "",
        };
        page.hanging_row(
            label,
            &format!("{}: {}", cause(candidate.slug), candidate.because),
            2,
            Paint::Plain,
        );
    }
}

/// `R1 no-common-tls-version`, as `tdscope rule` takes it; words where no rule looks for the cause.
fn cause(slug: &str) -> String {
    find(slug).map_or_else(|| slug.replace('-', " "), |rule| format!("{} {slug}", rule.code))
}

fn remedy(page: &mut Page<'_>, analysis: &Analysis, finding: &Finding) {
    if let Some(same) = same_remedy(analysis, finding) {
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

/// The finding before this one about the same server whose remedy has all steps of this one.
fn same_remedy<'a>(analysis: &'a Analysis, finding: &Finding) -> Option<&'a Finding> {
    let before = analysis.findings.iter().take_while(|other| !std::ptr::eq(*other, finding));
    let covers = |other: &&Finding| {
        other.server.is_some()
            && other.server == finding.server
            && other.severity > Severity::Info
            && finding.remedy.iter().all(|step| other.remedy.contains(step))
    };
    before.into_iter().find(covers).filter(|_| !finding.remedy.is_empty())
}
