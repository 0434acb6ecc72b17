//! What is said of a batch of captures.

use super::{Times, confidence, count, grouped};
use crate::batch::{CaptureSummary, Cause, FoldedCause, Triage};
use crate::facts::Time;
use crate::rules::Severity;

/// `40 logins (52 connections) at 3 servers in 12 captures of 2 cases`.
pub(in crate::report) fn spread(triage: &Triage, cause: &FoldedCause) -> String {
    let mut parts: Vec<String> = affected_by(cause.severity, cause.count, cause.logins).into_iter().collect();
    if cause.servers_count > 0 {
        parts.push(format!("at {}", count(cause.servers_count, "server")));
    }
    parts.push(format!("in {}", count(cause.captures, "capture")));
    let mut text = parts.join(" ");
    if triage.cases().len() > 1 {
        text.push_str(&format!(" of {}", count(cause.cases, "case")));
    }
    text
}

/// `44 logins`, or with the connections where drivers tried more than once for one; nothing where it did not come to a
/// connection.
fn affected_by(severity: Severity, connections: u64, logins: u64) -> Option<String> {
    let text = match severity {
        _ if connections == 0 => return None,
        Severity::Error if logins == connections => count(logins, "login"),
        Severity::Error => format!("{} ({})", count(logins, "login"), count(connections, "connection")),
        _ => count(connections, "connection"),
    };
    Some(text)
}

/// `since 2026-03-01 02:14:07 UTC`.
pub(in crate::report) fn since(times: &Times, time: Time) -> String {
    format!("since {}", times.date(time.timestamp()))
}

/// `10.1.0.10:1433, 10.1.0.11:1433 and 7 more`.
pub(in crate::report) fn servers_of(servers: &[String], all: u64, most: usize) -> String {
    let named = servers.get(..most.min(servers.len())).unwrap_or_default();
    let more = all.saturating_sub(named.len() as u64);
    let text = named.join(", ");
    if more > 0 { format!("{text} and {} more", grouped(more)) } else { text }
}

/// `285 captures, 12 cases, 41,208 packets`.
pub(in crate::report) fn extent(triage: &Triage) -> String {
    let mut parts = vec![count(triage.captures.len() as u64, "capture")];
    let cases = triage.cases().len() as u64;
    if cases > 1 {
        parts.push(count(cases, "case"));
    }
    parts.push(count(triage.captures.iter().map(|capture| capture.packets).sum(), "packet"));
    parts.join(", ")
}

/// `318 logins: 306 succeeded, 12 failed`.
pub(in crate::report) fn all_logins(triage: &Triage) -> String {
    let sum = |of: fn(&CaptureSummary) -> u64| triage.captures.iter().map(of).sum::<u64>();
    format!(
        "{}: {} succeeded, {} failed",
        count(sum(|capture| capture.logins), "login"),
        grouped(sum(|capture| capture.succeeded)),
        grouped(sum(|capture| capture.failed))
    )
}

/// `TLS..., 12 logins, certain, 10.1.0.10:1433`.
pub(in crate::report) fn cause_line(cause: &Cause) -> String {
    let mut text = vec![cause.title.clone()];
    text.extend(affected_by(cause.severity, cause.count, cause.logins));
    if cause.severity == Severity::Error {
        text.push(confidence(cause.confidence).to_owned());
    }
    text.extend(cause.server.clone());
    text.join(", ")
}

/// `3 captures with failures, 2 causes; 1 capture could not be read; stopped: 40 captures were not looked at`.
pub(in crate::report) fn triage_verdict(triage: &Triage) -> String {
    let failed = triage.captures.iter().filter(|capture| capture.has_failed()).count() as u64;
    let unreadable = triage.captures.iter().filter(|capture| capture.unreadable).count() as u64;
    let causes = triage.causes.iter().filter(|cause| cause.severity == Severity::Error).count() as u64;
    let mut text = match failed {
        0 if unreadable == triage.captures.len() as u64 && (unreadable > 0 || triage.not_looked_at == 0) => {
            "no capture was read".to_owned()
        }
        0 => "nothing failed".to_owned(),
        _ => format!("{} with failures, {}", count(failed, "capture"), count(causes, "cause")),
    };
    if unreadable > 0 {
        text.push_str(&format!("; {} could not be read", count(unreadable, "capture")));
    }
    if triage.not_looked_at > 0 {
        let verb = if triage.not_looked_at == 1 { "was" } else { "were" };
        text.push_str(&format!("; stopped: {} {verb} not looked at", count(triage.not_looked_at, "capture")));
    }
    text
}

/// `3 other files are no captures by their names and first bytes`; empty when there are none.
pub(in crate::report) fn other_files(triage: &Triage) -> String {
    match triage.others {
        0 => String::new(),
        1 => "1 other file is no capture by its name and first bytes".to_owned(),
        others => format!("{} other files are no captures by their names and first bytes", grouped(others)),
    }
}
