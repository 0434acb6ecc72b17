//! One finding: what happened, who, the packets that show it, what is ruled out, what to do.

use super::table::{profile, row, table};
use super::writer::Html;
use super::{Report, badge, compared, ladder};
use crate::analysis::JudgedConnection;
use crate::facts::ConnectionFacts;
use crate::report::words;
use crate::rules::{Finding, Severity, Step};
use crate::tls::CertificateInfo;

/// Lines of evidence shown.
const EVIDENCE: usize = 40;
/// Connections of the same cause listed.
const EXEMPLARS: usize = 10;
/// Certificates of a chain shown.
const CHAIN: usize = 4;
/// Names of a certificate shown.
const NAMES: usize = 8;

/// Where the `number`-th finding stands.
pub(super) fn id(number: usize) -> String {
    format!("finding-{number}")
}

/// Writes a finding.
pub(super) fn finding(html: &mut Html, report: &Report<'_>, finding: &Finding, number: usize) {
    let id = id(number);
    let name = format!("{id}-name");
    let severity = crate::report::rules::severity(finding.severity);
    let class = format!("finding {severity}");
    html.element("article", &[("id", &id), ("class", &class), ("aria-labelledby", &name)], |html| {
        html.element("h2", &[("id", &name)], |html| {
            html.text(&format!("{} {} ", finding.code, finding.title));
            badge(html, finding.severity);
        });
        happened(html, report, finding);
        evidence(html, report, finding);
        if let Some(connection) = exemplar(report, finding).filter(|_| finding.severity == Severity::Error) {
            html.words("h3", &[], "How it went");
            ladder::draw(html, report, finding, connection, &id);
            more_like_it(html, report, finding);
            compared::compared(html, report, finding, connection);
            certificates(html, report, connection);
        }
        considered(html, report, finding);
        remedy(html, report, finding);
        look(html, finding);
    });
}

/// The first connection of the finding, when it is kept.
fn exemplar<'a>(report: &Report<'a>, finding: &Finding) -> Option<&'a ConnectionFacts> {
    let first = finding.exemplars.first()?;
    connection(report, *first).map(|judged| judged.facts.as_ref())
}

fn connection<'a>(report: &Report<'a>, id: u64) -> Option<&'a JudgedConnection> {
    let connections = &report.analysis.connections;
    let index = connections.binary_search_by_key(&id, |judged| judged.facts.id).ok()?;
    connections.get(index)
}

fn happened(html: &mut Html, report: &Report<'_>, finding: &Finding) {
    html.words("p", &[("class", "detail")], &finding.detail);
    if let Some(seen) = &finding.application_sees {
        html.words("p", &[("class", "dim")], &format!("The application sees: {seen}"));
    }
    if finding.severity == Severity::Info {
        return;
    }
    let mut rows = vec![("how many", words::affected(finding))];
    if finding.severity == Severity::Error {
        rows.push(("how sure", words::confidence(finding.confidence).to_owned()));
    }
    rows.extend(words::who(report.analysis, finding).map(|who| ("who", who)));
    rows.push(("when", words::span(finding, &report.times)));
    profile(html, "Who and when", &rows);
}

fn evidence(html: &mut Html, report: &Report<'_>, finding: &Finding) {
    if finding.evidence.is_empty() {
        return;
    }
    html.words("h3", &[], "The packets that show it");
    table(html, "Packets", &["frame", "time", "from", "what it shows"], |html| {
        for line in finding.evidence.iter().take(EVIDENCE) {
            let cells = [report.times.clock(line.moment), line.who.to_owned(), line.text.clone()];
            row(html, &report.times.frame(line.moment.at), &cells);
        }
    });
}

/// The first of the other connections, with their stories.
fn more_like_it(html: &mut Html, report: &Report<'_>, finding: &Finding) {
    let others = || finding.exemplars.iter().skip(1).filter_map(|id| connection(report, *id)).take(EXEMPLARS);
    if others().next().is_none() {
        return;
    }
    let more = words::count(finding.count.saturating_sub(1), "connection");
    let caption = format!("{more} more like it, the first of them");
    table(html, &caption, &["frame", "time", "client", "ended by", "story"], |html| {
        for judged in others() {
            let facts = &judged.facts;
            let cells = [
                report.times.clock(facts.first),
                facts.client.to_string(),
                words::ended(facts.ended.by, facts.ended.how),
                facts.story.clone(),
            ];
            row(html, &report.times.frame(facts.first.at), &cells);
        }
    });
}

fn certificates(html: &mut Html, report: &Report<'_>, connection: &ConnectionFacts) {
    let Some(facts) = &connection.tls.certificate else { return };
    if facts.chain.is_empty() {
        return;
    }
    html.words("h3", &[], "The certificate");
    let frame = report.times.frame(facts.moment.at);
    for (index, certificate) in facts.chain.iter().take(CHAIN).enumerate() {
        let caption = match index {
            0 => format!("The server's certificate ({frame})"),
            above => format!("Certificate {} of its chain", above + 1),
        };
        profile(html, &caption, &facts_of(certificate));
    }
}

/// What a certificate says, line by line.
pub(super) fn facts_of(certificate: &CertificateInfo) -> Vec<(&'static str, String)> {
    let valid = format!("{} to {}", words::day(certificate.not_before), words::day(certificate.not_after));
    let issuer = if certificate.self_signed { "itself".to_owned() } else { certificate.issuer.clone() };
    let mut rows = vec![
        ("subject", certificate.subject.clone()),
        ("issued by", issuer),
        ("valid", valid),
        ("key", certificate.key.to_string()),
        ("signed with", certificate.signature_algorithm.clone()),
    ];
    if !certificate.dns_names.is_empty() {
        rows.push(("names", some(&certificate.dns_names, NAMES)));
    }
    if certificate.server_auth == Some(false) {
        rows.push(("use", "not for servers (extended key usage)".to_owned()));
    }
    rows.push(("serial", certificate.serial.clone()));
    rows
}

/// The first of a list, and how many more there are.
pub(super) fn some(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(most).filter(|more| *more > 0) {
        Some(more) => format!("{shown} and {more} more"),
        None => shown,
    }
}

fn considered(html: &mut Html, report: &Report<'_>, finding: &Finding) {
    if !finding.ruled_out.is_empty() {
        html.words("h3", &[], "Ruled out");
        table(html, "What the packets exclude", &["cause", "because", "frame"], |html| {
            for excluded in &finding.ruled_out {
                let frame = excluded.at.map(|at| report.times.frame(at)).unwrap_or_default();
                row(html, &words::cause(excluded.slug), &[excluded.because.clone(), frame]);
            }
        });
    }
    if !finding.candidates.is_empty() {
        html.words("h3", &[], if words::fits(finding) == "fits" { "What fits" } else { "What also fits" });
        table(html, "What fits, most likely first", &["cause", "because"], |html| {
            for candidate in &finding.candidates {
                row(html, &words::cause(candidate.slug), std::slice::from_ref(&candidate.because));
            }
        });
    }
}

fn remedy(html: &mut Html, report: &Report<'_>, finding: &Finding) {
    if finding.remedy.is_empty() {
        return;
    }
    html.words("h3", &[], "What to do");
    if let Some(same) = words::same_remedy(report.analysis, finding) {
        html.words("p", &[], &format!("as for {} of this server, above", same.code));
        return;
    }
    html.element("ol", &[], |html| {
        for step in &finding.remedy {
            html.element("li", &[], |html| instruction(html, step));
        }
    });
}

fn instruction(html: &mut Html, step: &Step) {
    html.text(&step.text);
    if let Some(command) = &step.command {
        code(html, "Command", command);
    }
}

/// How to see it in Wireshark, and where to read more.
fn look(html: &mut Html, finding: &Finding) {
    if finding.severity == Severity::Info {
        return;
    }
    html.words("h3", &[], "To look for yourself");
    if !finding.display_filter.is_empty() {
        html.words("p", &[], "Wireshark display filter:");
        code(html, "Display filter", &finding.display_filter);
    }
    if !finding.story.is_empty() && finding.severity == Severity::Error {
        html.words("p", &[], "Story of the first connection:");
        code(html, "Story", &finding.story);
    }
    html.words("p", &[], "More on this cause:");
    code(html, "Command", &format!("tdscope rule {}", finding.code));
}

/// Something to be copied.
fn code(html: &mut Html, name: &str, text: &str) {
    html.element("pre", &[("tabindex", "0"), ("role", "group"), ("aria-label", name)], |html| {
        html.element("code", &[], |html| html.lines(text));
    });
}
