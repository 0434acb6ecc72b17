//! What is said of all that was read: how much, what was seen, how it ends.

use std::cmp::Reverse;
use std::net::IpAddr;

use super::quantity::{count, grouped, stretch};
use super::times::Times;
use crate::analysis::{Analysis, LeftOut};
use crate::facts::{CaptureFacts, Endpoint, ServerFacts};
use crate::rules::{Finding, Severity};

/// Sources of health checks named.
const SOURCES: usize = 8;

/// What was read, in short: the file's name, or how many there are.
pub(in crate::report) fn input(analysis: &Analysis) -> String {
    match analysis.captures.as_slice() {
        [only] => only.path.clone(),
        several if several.iter().all(|capture| capture.format == CaptureFacts::LIVE) => {
            count(several.len() as u64, "device")
        }
        several => format!("{} files", several.len()),
    }
}

/// `8 min 12 s, 41,208 packets, from 2026-03-01 02:14:07 UTC`.
pub(in crate::report) fn seen(analysis: &Analysis, times: &Times) -> String {
    let read: Vec<&CaptureFacts> = analysis.captures.iter().filter(|capture| capture.packets > 0).collect();
    let first = read.iter().filter_map(|capture| capture.first).min();
    let last = read.iter().filter_map(|capture| capture.last).max();
    let packets: u64 = read.iter().map(|capture| capture.packets).sum();
    let mut seen = vec![count(packets, "packet")];
    if let (Some(first), Some(last)) = (first, last) {
        seen.insert(0, stretch(last.since(first)));
        seen.push(format!("from {}", times.date(first.timestamp())));
    }
    seen.join(", ")
}

/// How much of a file was read.
pub(in crate::report) fn read(capture: &CaptureFacts) -> String {
    match &capture.error {
        Some(_) if capture.packets == 0 => "not read".to_owned(),
        Some(_) => format!("{}, then not read any further", count(capture.packets, "packet")),
        None => count(capture.packets, "packet"),
    }
}

/// Who opens connections and closes them without a byte, when several do: one line each.
pub(in crate::report) fn health_checks(analysis: &Analysis) -> Vec<String> {
    let mut sources: Vec<(u64, IpAddr, Endpoint)> = analysis
        .servers
        .iter()
        .flat_map(|server| server.probes.iter().map(|(ip, count)| (*count, *ip, server.endpoint)))
        .collect();
    if sources.len() < 2 {
        return Vec::new();
    }
    sources.sort_by_key(|(count, ip, server)| (Reverse(*count), *ip, *server));
    let line = |(connections, ip, server): &(u64, IpAddr, Endpoint)| {
        format!("{ip} → {server}: {} without a byte", count(*connections, "connection"))
    };
    let mut lines: Vec<String> = sources.iter().take(SOURCES).map(line).collect();
    if let Some((_, rest)) = sources.split_at_checked(SOURCES).filter(|(_, rest)| !rest.is_empty()) {
        let more = count(rest.len() as u64, "more source");
        let connections = count(rest.iter().map(|(count, ..)| count).sum(), "connection");
        lines.push(format!("and {more} with {connections}"));
    }
    lines
}

/// `2 SQL Servers, 318 logins: 306 succeeded, 12 failed`; or why there is nothing to say.
pub(in crate::report) fn logins(analysis: &Analysis) -> String {
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

/// How it went when nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Outcome {
    /// All went well, in these words.
    Good(&'static str),
    /// That is not known, in these words.
    Open(&'static str),
}

/// The line of a healthy capture; `None` when something failed, or there is nothing to say.
pub(in crate::report) fn outcome(analysis: &Analysis) -> Option<Outcome> {
    if analysis.failed() || analysis.servers.is_empty() {
        return None;
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
    Some(match (analysis.left_out.codes.is_empty(), known) {
        (true, true) => Outcome::Good(text),
        (true, false) => Outcome::Open(text),
        (false, _) => Outcome::Open("no failure by the rules that are shown"),
    })
}

/// What failed for causes that were not to be shown.
pub(in crate::report) fn left_out(analysis: &Analysis) -> Option<String> {
    let LeftOut { codes, connections } = &analysis.left_out;
    if codes.is_empty() {
        return None;
    }
    let causes = count(codes.len() as u64, "cause");
    let codes = codes.iter().copied().collect::<Vec<_>>().join(", ");
    let failed = if *connections == 0 {
        String::new()
    } else {
        format!("{} failed for ", count(*connections, "connection"))
    };
    Some(format!("{failed}{causes} left out of this report (--select, --ignore): {codes}"))
}

/// How many failed, and for how many causes: `12 connections failed, 1 cause: R1`; `None` when nothing did.
pub(in crate::report) fn verdict(analysis: &Analysis) -> Option<String> {
    let errors: Vec<&Finding> =
        analysis.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if errors.is_empty() {
        return None;
    }
    let failed: u64 = errors.iter().map(|finding| finding.count).sum();
    let mut codes: Vec<&str> = errors.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let causes = format!("{}: {}", count(codes.len() as u64, "cause"), codes.join(", "));
    // A SQL Browser lookup is no connection.
    Some(if failed == 0 { causes } else { format!("{} failed, {causes}", count(failed, "connection")) })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
