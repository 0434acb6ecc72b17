//! What was read, what was seen, and how it ends.

use super::page::{INDENT, Page, Paint};
use crate::analysis::Analysis;
use crate::facts::{CaptureFacts, ServerFacts};
use crate::report::words::{self, Outcome, count};
use crate::rules::Severity;

/// Servers described; the JSON report has all.
const SERVERS: usize = 12;

/// The first lines: files, time, packets, logins.
pub(super) fn heading(page: &mut Page<'_>, analysis: &Analysis) {
    let seen = words::seen(analysis, &page.times);
    page.headline(&words::input(analysis), Paint::Bold, &[(seen, Paint::Plain)]);
    if analysis.captures.len() > 1 {
        files(page, analysis);
    }
    page.paragraph(0, &words::logins(analysis), Paint::Plain);
    for line in words::health_checks(analysis) {
        page.paragraph(INDENT, &line, Paint::Dim);
    }
}

fn files(page: &mut Page<'_>, analysis: &Analysis) {
    for (index, capture) in analysis.captures.iter().enumerate() {
        let what = words::read(capture);
        page.paragraph(INDENT, &format!("[{}] {}  {what}", index + 1, capture.path), Paint::Dim);
    }
}

/// The line of a healthy capture.
pub(super) fn nothing_failed(page: &mut Page<'_>, analysis: &Analysis) {
    let Some(outcome) = words::outcome(analysis) else { return };
    page.gap();
    let (symbol, paint, text) = match outcome {
        Outcome::Good(text) => ("✔", Paint::Good, text),
        Outcome::Open(text) => ("·", Paint::Dim, text),
    };
    page.headline(symbol, paint, &[(text.to_owned(), Paint::Bold)]);
}

/// Where the captures were taken, when that is known.
pub(super) fn capture(page: &mut Page<'_>, analysis: &Analysis) {
    let known: Vec<(usize, &CaptureFacts)> =
        analysis.captures.iter().enumerate().filter(|(_, capture)| words::was_taken(capture)).collect();
    if analysis.servers.is_empty() || page.style.least > Severity::Info || known.is_empty() {
        return;
    }
    page.gap();
    let several = analysis.captures.len() > 1;
    for (index, capture) in known {
        let name = if several { format!("[{}] ", index + 1) } else { String::new() };
        let text = format!("{name}{}", words::taken(capture));
        page.headline("·", Paint::Dim, &[("capture".to_owned(), Paint::Bold), (text, Paint::Plain)]);
    }
}

/// What each server is and was seen to accept.
pub(super) fn servers(page: &mut Page<'_>, analysis: &Analysis) {
    if analysis.servers.is_empty() || page.style.least > Severity::Info {
        return;
    }
    page.gap();
    let order = words::by_need(analysis);
    for server in order.iter().take(SERVERS) {
        describe(page, server);
    }
    if let Some(more) = order.len().checked_sub(SERVERS).filter(|more| *more > 0) {
        page.paragraph(
            0,
            &format!("and {} (--format json has all)", count(more as u64, "more server")),
            Paint::Dim,
        );
    }
}

fn describe(page: &mut Page<'_>, server: &ServerFacts) {
    let mut pieces = vec![(server.endpoint.to_string(), Paint::Bold), (words::what(server), Paint::Plain)];
    if let Some((_, instance)) = &server.announced {
        pieces.push((format!("instance {instance}"), Paint::Plain));
    }
    pieces.push((words::logged_in(server), Paint::Plain));
    page.headline("·", Paint::Dim, &pieces);
    if let Some(flood) = words::flood(server) {
        page.row("called", &flood, Paint::Plain);
    }
    let accepted = words::accepted(server);
    if !accepted.is_empty() {
        page.row("accepts", &accepted.join(", "), Paint::Plain);
    }
    if let Some(leaf) = server.certificate.as_ref().and_then(|certificate| certificate.chain.first()) {
        page.row("shows", &words::certificate(leaf), Paint::Plain);
    }
}

/// The last line: how many failed, how many causes, and the exit code.
pub(super) fn footer(page: &mut Page<'_>, analysis: &Analysis) {
    if let Some(text) = words::left_out(analysis) {
        page.gap();
        page.paragraph(0, &text, Paint::Plain);
    }
    if let Some(verdict) = words::verdict(analysis) {
        page.gap();
        page.paragraph(0, &verdict, Paint::Bold);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::facts::LoadWindow;
    use crate::report::text::{Style, write};
    use crate::rules::tests::server::Server;

    /// The report of a server with so many health checks from each source.
    fn checked(counts: &[u64]) -> String {
        let server = Server::unknown().with(|server| {
            let sources = (1..).map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
            server.probes = sources.zip(counts.iter().copied()).collect();
        });
        let capture = CaptureFacts { packets: 1, ..CaptureFacts::default() };
        let analysis =
            Analysis { captures: vec![capture], servers: vec![server.facts], ..Analysis::default() };
        let mut out = Vec::new();
        write(&analysis, &Style { width: Some(140), ..Style::default() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The report of these servers.
    fn told(servers: Vec<ServerFacts>, evicted: u64) -> String {
        let capture = CaptureFacts { packets: 1, ..CaptureFacts::default() };
        let totals = crate::analysis::Totals { evicted, ..Default::default() };
        let analysis = Analysis { captures: vec![capture], servers, totals, ..Analysis::default() };
        let mut out = Vec::new();
        write(&analysis, &Style { width: Some(140), ..Style::default() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn devices_are_not_called_files() {
        let capture = |format: &str| CaptureFacts { format: format.to_owned(), ..CaptureFacts::default() };
        let told = |captures: Vec<CaptureFacts>| {
            let analysis = Analysis { captures, ..Analysis::default() };
            let style = Style::default();
            let mut page = Page::new(&style, &analysis);
            heading(&mut page, &analysis);
            page.into_text()
        };
        let live = capture(CaptureFacts::LIVE);
        assert!(told(vec![live.clone(), live.clone()]).starts_with("2 devices "));
        assert!(told(vec![live, capture("pcap")]).starts_with("2 files "));
    }

    #[test]
    fn a_flood_is_told_and_is_no_health() {
        let called = |syns, accepted| {
            let server = Server::unknown().with(|server| {
                server.load = vec![LoadWindow { syns, accepted, seconds: 1, ..LoadWindow::default() }];
            });
            told(vec![server.facts], 0)
        };
        let text = called(5000, 2500);
        assert!(text.contains("; 5,000 connections never got as far as a byte"), "{text}");
        assert!(text.contains("5,000 SYNs, 2,500 answered by SYN-ACK"), "{text}");
        assert!(text.contains("· nothing is seen to fail"), "{text}");
        assert!(!called(10, 5).contains("SYN"));
    }

    #[test]
    fn what_was_let_go_is_told_and_leaves_health_open() {
        let server = || {
            let logins = crate::facts::LoginCounts { attempted: 9, succeeded: 5, failed: 0 };
            Server::unknown().with(|server| server.logins = logins).facts
        };
        let text = told(vec![server()], 4);
        assert!(
            text.contains("; 4 connections let go to make room, what became of them is not known"),
            "{text}"
        );
        assert!(text.contains("· nothing is seen to fail"), "{text}");
        assert!(told(vec![server()], 0).contains("✔ nothing failed"));
    }

    #[test]
    fn one_source_of_health_checks_stands_in_the_sentence() {
        let text = checked(&[2000]);
        assert!(
            text.contains("2,000 connections of 10.0.0.1 opened and closed without a byte (health checks)\n"),
            "{text}"
        );
        assert!(!text.contains("10.0.0.1 →"), "{text}");
    }

    #[test]
    fn several_sources_have_a_line_each_the_busiest_first() {
        let text = checked(&[5, 40, 1]);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(" → ")).collect();
        assert_eq!(
            lines,
            [
                "  10.0.0.2 → 10.1.0.10:1433: 40 connections without a byte",
                "  10.0.0.1 → 10.1.0.10:1433: 5 connections without a byte",
                "  10.0.0.3 → 10.1.0.10:1433: 1 connection without a byte",
            ]
        );
        assert!(text.contains("46 connections opened and closed"), "{text}");
        assert!(!text.contains("more source"), "{text}");
    }

    #[test]
    fn of_many_sources_the_busiest_are_named_and_the_others_counted() {
        let text = checked(&[9, 8, 7, 6, 5, 4, 3, 2, 2, 1, 1]);
        assert_eq!(text.lines().filter(|line| line.contains(" → ")).count(), 8);
        assert!(text.contains("\n  and 3 more sources with 4 connections\n"), "{text}");
    }
}
