//! What was read, what was seen, and how it ends.

use std::net::IpAddr;

use super::finding::product;
use super::page::{INDENT, Page, Paint};
use super::quantity::{count, grouped, stretch};
use crate::analysis::{Analysis, LeftOut};
use crate::facts::{CaptureFacts, Endpoint, QualityFacts, Seen, ServerFacts, TakenAt, TakenAtProof};
use crate::rules::{Finding, Severity};
use crate::tls::CertificateInfo;

/// Servers described; the JSON report has all.
const SERVERS: usize = 12;
/// Sources of health checks named.
const SOURCES: usize = 8;
/// Versions, suites and groups named of a server.
const NAMES: usize = 3;

/// The first lines: files, time, packets, logins.
pub(super) fn heading(page: &mut Page<'_>, analysis: &Analysis) {
    let read: Vec<&CaptureFacts> = analysis.captures.iter().filter(|capture| capture.packets > 0).collect();
    let name = match analysis.captures.as_slice() {
        [only] => only.path.clone(),
        several if several.iter().all(|capture| capture.format == CaptureFacts::LIVE) => {
            count(several.len() as u64, "device")
        }
        several => format!("{} files", several.len()),
    };
    let first = read.iter().filter_map(|capture| capture.first).min();
    let last = read.iter().filter_map(|capture| capture.last).max();
    let packets: u64 = read.iter().map(|capture| capture.packets).sum();
    let mut seen = vec![count(packets, "packet")];
    if let (Some(first), Some(last)) = (first, last) {
        seen.insert(0, stretch(last.since(first)));
        seen.push(format!("from {}", page.date(first.timestamp())));
    }
    page.headline(&name, Paint::Bold, &[(seen.join(", "), Paint::Plain)]);
    if analysis.captures.len() > 1 {
        files(page, analysis);
    }
    page.paragraph(0, &logins(analysis), Paint::Plain);
    health_checks(page, analysis);
}

/// Who opens connections and closes them without a byte, when several do: one line each.
fn health_checks(page: &mut Page<'_>, analysis: &Analysis) {
    let mut sources: Vec<(u64, IpAddr, Endpoint)> = analysis
        .servers
        .iter()
        .flat_map(|server| server.probes.iter().map(|(ip, count)| (*count, *ip, server.endpoint)))
        .collect();
    if sources.len() < 2 {
        return;
    }
    sources.sort_by_key(|(count, ip, server)| (std::cmp::Reverse(*count), *ip, *server));
    for (connections, ip, server) in sources.iter().take(SOURCES) {
        let line = format!("{ip} → {server}: {} without a byte", count(*connections, "connection"));
        page.paragraph(INDENT, &line, Paint::Dim);
    }
    if let Some((_, rest)) = sources.split_at_checked(SOURCES).filter(|(_, rest)| !rest.is_empty()) {
        let more = count(rest.len() as u64, "more source");
        let connections = count(rest.iter().map(|(count, ..)| count).sum(), "connection");
        page.paragraph(INDENT, &format!("and {more} with {connections}"), Paint::Dim);
    }
}

fn files(page: &mut Page<'_>, analysis: &Analysis) {
    for (index, capture) in analysis.captures.iter().enumerate() {
        let what = match &capture.error {
            Some(_) if capture.packets == 0 => "not read".to_owned(),
            Some(_) => format!("{}, then not read any further", count(capture.packets, "packet")),
            None => count(capture.packets, "packet"),
        };
        page.paragraph(INDENT, &format!("[{}] {}  {what}", index + 1, capture.path), Paint::Dim);
    }
}

/// `2 SQL Servers, 318 logins: 306 succeeded, 12 failed`; or why there is nothing to say.
fn logins(analysis: &Analysis) -> String {
    if analysis.servers.is_empty() {
        return nothing_seen(analysis);
    }
    let sum = |of: fn(&ServerFacts) -> u64| analysis.servers.iter().map(of).sum::<u64>();
    let attempted = sum(|server| server.logins.attempted);
    let succeeded = sum(|server| server.logins.succeeded);
    let failed = sum(|server| server.logins.failed);
    let mut text = format!(
        "{}, {}: {} succeeded, {} failed",
        count(analysis.servers.len() as u64, "SQL Server"),
        count(attempted, "login"),
        grouped(succeeded),
        grouped(failed)
    );
    let unknown = attempted.saturating_sub(succeeded + failed);
    if unknown > 0 {
        text.push_str(&format!(", {} of unknown outcome", grouped(unknown)));
    }
    let probes = sum(|server| server.probes.values().sum());
    if probes > 0 {
        let checks = count(probes, "connection");
        let mut sources = analysis.servers.iter().flat_map(|server| server.probes.keys());
        let of = match (sources.next(), sources.next()) {
            (Some(only), None) => format!(" of {only}"),
            _ => String::new(),
        };
        text.push_str(&format!("; {checks}{of} opened and closed without a byte (health checks)"));
    }
    let floods = analysis.servers.iter().filter_map(ServerFacts::flooded);
    let syns: u64 = floods.map(|(syns, _)| syns).sum();
    if syns > 0 {
        text.push_str(&format!("; {} never got as far as a byte", count(syns, "connection")));
    }
    if analysis.totals.evicted > 0 {
        let evicted = count(analysis.totals.evicted, "connection");
        text.push_str(&format!("; {evicted} let go to make room, what became of them is not known"));
    }
    text.push_str(&bitten(analysis));
    if analysis.totals.scanned > 0 {
        let scanned = count(analysis.totals.scanned, "connection");
        text.push_str(&format!("; {scanned} of port scans left out"));
    }
    if analysis.restricted {
        text.push_str(&format!("; the filter selects {}", count(analysis.totals.selected, "connection")));
    }
    text
}

/// What other limits did to the verdicts.
fn bitten(analysis: &Analysis) -> String {
    let totals = &analysis.totals;
    let mut text = String::new();
    if totals.judged_early > 0 {
        let judged = count(totals.judged_early, "connection");
        text.push_str(&format!(
            "; {judged} judged when they ended, by what was known then (--max-held holds more to the end)"
        ));
    }
    if totals.unlearnt > 0 {
        let alone = count(totals.unlearnt, "connection");
        text.push_str(&format!(
            "; {alone} to servers beyond --max-servers judged by themselves, and not counted as logins of theirs"
        ));
    }
    if totals.reassembly > 0 {
        let times = count(totals.reassembly, "time");
        text.push_str(&format!("; {times} too much waited for a missing segment (--max-reassembly)"));
    }
    text
}

fn nothing_seen(analysis: &Analysis) -> String {
    let of = |what: fn(&CaptureFacts) -> u64| analysis.captures.iter().map(what).sum::<u64>();
    let packets = of(|capture| capture.packets);
    let tcp = of(|capture| capture.quality.tcp);
    let unknown = of(|capture| capture.quality.unknown_link);
    if packets == 0 {
        return "There is no packet in it.".to_owned();
    }
    if unknown == packets {
        return "All packets are of a link type that is not read; see README for the ones that are."
            .to_owned();
    }
    if tcp == 0 {
        return "There is no TCP in it, so no SQL Server login.".to_owned();
    }
    let connections = count(analysis.totals.connections, "TCP connection");
    format!(
        "No SQL Server traffic: none of {connections} speaks TDS on any port, and no lookup of a SQL Browser fails. If \
         connections to a SQL Server never got as far as a byte, name its port: --port 51433."
    )
}

/// The line of a healthy capture.
pub(super) fn nothing_failed(page: &mut Page<'_>, analysis: &Analysis) {
    if analysis.failed() || analysis.servers.is_empty() {
        return;
    }
    let whole = analysis.captures.iter().all(|capture| capture.error.is_none());
    let known = analysis.servers.iter().all(|server| {
        let logins = server.logins;
        logins.succeeded > 0 || logins.attempted == 0 && server.flooded().is_none()
    });
    let known = known && analysis.totals.evicted == 0;
    let text = match (analysis.restricted, whole) {
        (false, _) if !known => "nothing is seen to fail, nor every login to succeed",
        (true, _) if analysis.totals.selected == 0 => "the filter selects nothing",
        (true, _) => "nothing failed among what the filter selects",
        (false, true) => "nothing failed",
        (false, false) => "nothing failed in what could be read",
    };
    page.gap();
    if analysis.left_out.codes.is_empty() {
        let (symbol, paint) = if known { ("✔", Paint::Good) } else { ("·", Paint::Dim) };
        page.headline(symbol, paint, &[(text.to_owned(), Paint::Bold)]);
    } else {
        page.headline("·", Paint::Dim, &[("no failure by the rules that are shown".to_owned(), Paint::Bold)]);
    }
}

/// What failed for causes that were not to be shown.
fn left_out(page: &mut Page<'_>, analysis: &Analysis) {
    let LeftOut { codes, connections } = &analysis.left_out;
    if codes.is_empty() {
        return;
    }
    page.gap();
    let causes = count(codes.len() as u64, "cause");
    let codes = codes.iter().copied().collect::<Vec<_>>().join(", ");
    let failed = if *connections == 0 {
        String::new()
    } else {
        format!("{} failed for ", count(*connections, "connection"))
    };
    let text = format!("{failed}{causes} left out of this report (--select, --ignore): {codes}");
    page.paragraph(0, &text, Paint::Plain);
}

/// Where the captures were taken, when that is known.
pub(super) fn capture(page: &mut Page<'_>, analysis: &Analysis) {
    let known = |capture: &&CaptureFacts| capture.quality.taken_at != TakenAt::Unknown;
    if analysis.servers.is_empty()
        || page.style.least > Severity::Info
        || !analysis.captures.iter().any(|c| known(&c))
    {
        return;
    }
    page.gap();
    let several = analysis.captures.len() > 1;
    for (index, capture) in analysis.captures.iter().enumerate().filter(|(_, capture)| known(capture)) {
        let name = if several { format!("[{}] ", index + 1) } else { String::new() };
        let mut text = format!("{name}taken {}", taken_at(&capture.quality));
        if capture.quality.dropped == Some(0) {
            text.push_str("; nothing was dropped");
        }
        if capture.quality.duplicates > 0 {
            text.push_str(&format!(
                "; {} recorded more than once",
                count(capture.quality.duplicates, "packet")
            ));
        }
        page.headline("·", Paint::Dim, &[("capture".to_owned(), Paint::Bold), (text, Paint::Plain)]);
    }
}

/// `at the server (its own checksums are not filled in)`.
fn taken_at(quality: &QualityFacts) -> String {
    let side = match quality.taken_at {
        TakenAt::Client => "client",
        TakenAt::Server => "server",
        TakenAt::Between => {
            return "between client and server (the packets of both have passed a router)".to_owned();
        }
        TakenAt::Unknown => return "nobody knows where".to_owned(),
    };
    match quality.taken_at_shown_by {
        Some(TakenAtProof::Checksums) => format!("at the {side} (its own checksums are not filled in)"),
        Some(TakenAtProof::Ttl) => format!("at the {side} or next to it (its packets have passed no router)"),
        Some(TakenAtProof::Delays) => {
            format!("at the {side} or near it (only the other end takes time to answer)")
        }
        None => format!("at the {side}"),
    }
}

/// What each server is and was seen to accept.
pub(super) fn servers(page: &mut Page<'_>, analysis: &Analysis) {
    if analysis.servers.is_empty() || page.style.least > Severity::Info {
        return;
    }
    page.gap();
    let mut order: Vec<&ServerFacts> = analysis.servers.iter().collect();
    order.sort_by_key(|server| {
        (std::cmp::Reverse(server.logins.failed), std::cmp::Reverse(server.logins.attempted), server.endpoint)
    });
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
    let logins = server.logins;
    let unknown = match (server.spoke_tds, server.unheard) {
        (Some(_), _) => "build unknown",
        (None, 0) => "never said a word",
        (None, _) => "its packets are not in the capture",
    };
    let what = product(server).unwrap_or_else(|| unknown.to_owned());
    let mut pieces = vec![(server.endpoint.to_string(), Paint::Bold), (what, Paint::Plain)];
    if let Some((_, instance)) = &server.announced {
        pieces.push((format!("instance {instance}"), Paint::Plain));
    }
    pieces.push((
        format!("{} of {} succeeded", grouped(logins.succeeded), count(logins.attempted, "login")),
        Paint::Plain,
    ));
    page.headline("·", Paint::Dim, &pieces);
    if let Some((syns, accepted)) = server.flooded() {
        let text = format!(
            "{}, {} answered by SYN-ACK, and no connection gets as far as a byte: a SYN flood, or a scan",
            count(syns, "SYN"),
            grouped(accepted)
        );
        page.row("called", &text, Paint::Plain);
    }
    let accepts = &server.accepts;
    let mut seen = names(accepts.versions.iter());
    seen.extend(
        names(accepts.suites.iter()).into_iter().map(|suite| suite.trim_start_matches("TLS_").to_owned()),
    );
    seen.extend(names(accepts.groups.iter()));
    if !seen.is_empty() {
        page.row("accepts", &seen.join(", "), Paint::Plain);
    }
    if let Some(leaf) = server.certificate.as_ref().and_then(|certificate| certificate.chain.first()) {
        page.row("shows", &certificate(leaf), Paint::Plain);
    }
}

/// The most frequent of what was seen, then the first seen.
fn names<'a, K: std::fmt::Display + 'a>(seen: impl Iterator<Item = (&'a K, &'a Seen)>) -> Vec<String> {
    let mut all: Vec<(&K, &Seen)> = seen.collect();
    all.sort_by_key(|(_, seen)| (std::cmp::Reverse(seen.count), seen.first));
    let more = all.len().saturating_sub(NAMES);
    let mut named: Vec<String> = all.iter().take(NAMES).map(|(name, _)| name.to_string()).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    named
}

/// `certificate CN=sql1 (RSA 2048, SHA-256, valid to 2027-03-01)`.
fn certificate(leaf: &CertificateInfo) -> String {
    let name = leaf.subject_cn.as_deref().unwrap_or(&leaf.subject);
    let until = jiff::Timestamp::from_second(leaf.not_after)
        .map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string());
    format!(
        "certificate CN={name} ({}, signed with {}, valid to {until})",
        leaf.key, leaf.signature_algorithm
    )
}

/// The last line: how many failed, how many causes, and the exit code.
pub(super) fn footer(page: &mut Page<'_>, analysis: &Analysis) {
    left_out(page, analysis);
    let errors: Vec<&Finding> =
        analysis.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if errors.is_empty() {
        return;
    }
    let failed: u64 = errors.iter().map(|finding| finding.count).sum();
    let mut codes: Vec<&str> = errors.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    page.gap();
    let causes = count(codes.len() as u64, "cause");
    if failed == 0 {
        // A SQL Browser lookup is no connection.
        page.paragraph(0, &format!("{causes}: {}", codes.join(", ")), Paint::Bold);
        return;
    }
    page.paragraph(
        0,
        &format!("{} failed, {causes}: {}", count(failed, "connection"), codes.join(", ")),
        Paint::Bold,
    );
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

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
    fn limits_that_bit_are_told() {
        let with = |totals| bitten(&Analysis { totals, ..Analysis::default() });
        let none = crate::analysis::Totals::default();
        assert_eq!(with(none), "");
        let early = with(crate::analysis::Totals { judged_early: 2, ..none });
        assert!(early.starts_with("; 2 connections judged when they ended"), "{early}");
        let alone = with(crate::analysis::Totals { unlearnt: 1, ..none });
        assert!(alone.contains("1 connection to servers beyond --max-servers"), "{alone}");
        let waited = with(crate::analysis::Totals { reassembly: 3, ..none });
        assert_eq!(waited, "; 3 times too much waited for a missing segment (--max-reassembly)");
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
        assert_eq!(text.lines().filter(|line| line.contains(" → ")).count(), SOURCES);
        assert!(text.contains("\n  and 3 more sources with 4 connections\n"), "{text}");
    }
}
