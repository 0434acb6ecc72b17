//! Versions and suites side by side: what the client offers, what the server takes, and what is in both.

use std::fmt::Display;

use super::Report;
use super::table::{row, table};
use super::writer::Html;
use crate::facts::{ConnectionFacts, Phase};
use crate::rules::{Finding, Lists};

/// Names compared; no client offers more suites than that in earnest.
const MOST: usize = 80;

/// Three lists of the same kind: offered, taken, in both.
struct Sides<'a, T> {
    offered: Option<&'a [T]>,
    taken: Option<&'a [T]>,
    common: Option<&'a [T]>,
}

/// Offer and policy as the finding has them; else offer and what the server was seen to accept, for a connection that
/// ended before the server chose.
pub(super) fn compared(
    html: &mut Html,
    report: &Report<'_>,
    finding: &Finding,
    connection: &ConnectionFacts,
) {
    if let Some(compared) = &finding.compared {
        html.words("h3", &[], "Offered and allowed");
        let what = "What the client offers, and what the policies that were given allow.";
        html.words("p", &[("class", "dim")], what);
        both(html, "allowed", &compared.offered, &compared.allowed, &compared.common);
        return;
    }
    let Some(hello) = connection.tls.client.as_ref().filter(|_| connection.phase == Phase::ClientHello)
    else {
        return;
    };
    let known = report.analysis.servers.iter().find(|server| server.endpoint == connection.server);
    let Some(accepts) = known.map(|server| &server.accepts).filter(|accepts| !accepts.versions.is_empty())
    else {
        return;
    };
    let offered =
        Lists { versions: Some(hello.offer.all_versions()), suites: Some(hello.offer.cipher_suites.clone()) };
    let taken = Lists {
        versions: Some(accepts.versions.keys().copied().collect()),
        suites: Some(accepts.suites.keys().copied().collect()),
    };
    let common = Lists {
        versions: common(offered.versions.as_deref(), taken.versions.as_deref()),
        suites: common(offered.suites.as_deref(), taken.suites.as_deref()),
    };
    html.words("h3", &[], "Offered and seen accepted");
    let what =
        "What the client offers, and what this server was seen to accept from others: it may accept more.";
    html.words("p", &[("class", "dim")], what);
    both(html, "seen accepted", &offered, &taken, &common);
}

fn common<T: Copy + PartialEq>(offered: Option<&[T]>, taken: Option<&[T]>) -> Option<Vec<T>> {
    let taken = taken?;
    Some(offered?.iter().copied().filter(|name| taken.contains(name)).collect())
}

fn both(html: &mut Html, taken: &str, offered: &Lists, allowed: &Lists, common: &Lists) {
    let versions = Sides {
        offered: offered.versions.as_deref(),
        taken: allowed.versions.as_deref(),
        common: common.versions.as_deref(),
    };
    side_by_side(html, "TLS versions", taken, &versions);
    let suites = Sides {
        offered: offered.suites.as_deref(),
        taken: allowed.suites.as_deref(),
        common: common.suites.as_deref(),
    };
    side_by_side(html, "Cipher suites", taken, &suites);
}

fn side_by_side<T: Display + PartialEq>(html: &mut Html, caption: &str, taken: &str, sides: &Sides<'_, T>) {
    let mut all: Vec<&T> = Vec::new();
    for name in [sides.offered, sides.taken].into_iter().flatten().flatten() {
        if !all.contains(&name) && all.len() < MOST {
            all.push(name);
        }
    }
    if all.is_empty() {
        return;
    }
    let none = if sides.common.is_some_and(<[T]>::is_empty) { ": none in common" } else { "" };
    table(
        html,
        &format!("{caption}{none}"),
        &["name", "client: offered", &format!("server: {taken}"), "common"],
        |html| {
            for name in all {
                let cells = [sides.offered, sides.taken, sides.common].map(|side| has(side, name).to_owned());
                row(html, &name.to_string(), &cells);
            }
        },
    );
}

/// A word, since a mark alone is not read aloud.
fn has<T: PartialEq>(side: Option<&[T]>, name: &T) -> &'static str {
    match side {
        None => "not known",
        Some(names) if names.contains(name) => "yes",
        Some(_) => "–",
    }
}
