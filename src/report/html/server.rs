//! What each server is, accepts and had to bear.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::finding::{facts_of, some};
use super::table::profile;
use super::windows::Windows;
use super::writer::Html;
use super::{Report, latencies, outcomes};
use crate::facts::{LoadWindow, Seen, ServerFacts};
use crate::report::document::SERVERS;
use crate::report::words::{self, Times};
use crate::rules::{Severity, duration};

/// Names of a kind listed.
const NAMES: usize = 12;

/// Writes the servers, those at which most fails first.
pub(super) fn servers(html: &mut Html, report: &Report<'_>) {
    if report.analysis.servers.is_empty() || report.style.least > Severity::Info {
        return;
    }
    html.element("section", &[("id", "servers"), ("aria-labelledby", "servers-name")], |html| {
        html.words("h2", &[("id", "servers-name")], "Servers");
        let order = words::by_need(report.analysis);
        for (index, server) in order.iter().take(SERVERS).enumerate() {
            describe(html, report, server, index + 1);
        }
        if let Some(more) = order.len().checked_sub(SERVERS).filter(|more| *more > 0) {
            let more = words::count(more as u64, "more server");
            html.words("p", &[("class", "dim")], &format!("and {more} (--format json has all)"));
        }
    });
}

fn describe(html: &mut Html, report: &Report<'_>, server: &ServerFacts, number: usize) {
    let endpoint = server.endpoint.to_string();
    html.words("h3", &[], &endpoint);
    profile(html, &format!("What was seen of {endpoint}"), &seen(server, &report.times));
    if let Some(leaf) = server.certificate.as_ref().and_then(|certificate| certificate.chain.first()) {
        profile(html, &format!("Certificate of {endpoint}"), &facts_of(leaf));
    }
    let Some(sum) = LoadWindow::sum(&server.load) else { return };
    html.words("p", &[], &load(&sum, &report.times));
    let windows = Windows::of(&server.load);
    if windows.are_enough() {
        let id = format!("server-{number}");
        outcomes::draw(html, report, &windows, &endpoint, &id);
        latencies::draw(html, report, &windows, &endpoint, &id);
        windows.table(html, report, &endpoint);
    }
}

fn seen(server: &ServerFacts, times: &Times) -> Vec<(&'static str, String)> {
    let mut rows = vec![("product", words::what(server))];
    rows.extend(server.announced.as_ref().map(|(_, instance)| ("instance", instance.clone())));
    rows.push(("logins", words::logged_in(server)));
    rows.extend(words::flood(server).map(|flood| ("called", flood)));
    let (accepts, refuses) = (&server.accepts, &server.refuses);
    for (name, list) in [
        ("accepts versions", listed(&accepts.versions, times)),
        ("accepts suites", listed(&accepts.suites, times)),
        ("uses groups", listed(&accepts.groups, times)),
        ("signs with", listed(&accepts.signatures, times)),
        ("refuses versions", listed(&refuses.versions, times)),
        ("refuses suites", listed(&refuses.suites, times)),
    ] {
        rows.extend(list.map(|list| (name, list)));
    }
    rows.extend(refuses.hellos.as_ref().map(|seen| ("closed after ClientHello", of(seen, times))));
    let probes: u64 = server.probes.values().sum();
    if probes > 0 {
        let text = format!(
            "{} of {}, opened and closed without a byte",
            words::count(probes, "connection"),
            words::count(server.probes.len() as u64, "source")
        );
        rows.push(("health checks", text));
    }
    rows
}

/// `TLS 1.2 (306, first #89), …`; `None` when nothing was seen.
fn listed<K: Display>(seen: &BTreeMap<K, Seen>, times: &Times) -> Option<String> {
    let names: Vec<String> =
        seen.iter().map(|(name, seen)| format!("{name} ({})", of(seen, times))).collect();
    (!names.is_empty()).then(|| some(&names, NAMES))
}

fn of(seen: &Seen, times: &Times) -> String {
    format!("{}, first {}", words::times(seen.count), times.frame(seen.first.at))
}

/// What it had to bear over the whole capture, in a sentence.
fn load(sum: &LoadWindow, times: &Times) -> String {
    let mut parts = vec![words::count(sum.syns, "SYN"), format!("{} accepted", words::grouped(sum.accepted))];
    for (count, what) in [
        (sum.late, "of them late"),
        (sum.refused, "refused"),
        (sum.unanswered, "never answered"),
        (sum.retried, "sent again"),
        (sum.stalled, "stalled for 2 s or more after PRELOGIN or in the handshake"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", words::grouped(count)));
        }
    }
    let mut text = parts.join(", ");
    for (name, latency) in [("PRELOGIN", &sum.prelogin), ("ClientHello", &sum.handshake)] {
        let (Some(half), Some((longest, at))) = (latency.quantile(500), latency.slowest) else { continue };
        text.push_str(&format!(
            ". {name} answered within {} (median), at most {} ({})",
            duration(half),
            duration(longest),
            times.frame(at.at)
        ));
    }
    format!("{text}.")
}
