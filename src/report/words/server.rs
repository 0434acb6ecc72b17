//! What is said of a server.

use std::cmp::Reverse;

use super::quantity::{count, grouped};
use crate::analysis::Analysis;
use crate::facts::{Endpoint, Seen, ServerFacts};
use crate::reference::product_name;
use crate::tls::CertificateInfo;

/// Versions, suites and groups named of a server.
const NAMES: usize = 3;

/// `10.1.0.10:1433, SQL Server 2017 (14.0.3456)`.
pub(super) fn named(analysis: &Analysis, endpoint: Endpoint) -> String {
    let known = analysis.servers.iter().find(|server| server.endpoint == endpoint);
    match known.and_then(product) {
        Some(product) => format!("{endpoint}, {product}"),
        None => endpoint.to_string(),
    }
}

/// `SQL Server 2017 (14.0.3456)`, from the build in the PRELOGIN answer.
fn product(server: &ServerFacts) -> Option<String> {
    let (build, _) = server.build.as_ref()?;
    Some(match product_name(*build) {
        Some(product) => format!("{product} ({build})"),
        None => format!("build {build}"),
    })
}

/// Those at which most fails first.
pub(in crate::report) fn by_need(analysis: &Analysis) -> Vec<&ServerFacts> {
    let mut order: Vec<&ServerFacts> = analysis.servers.iter().collect();
    order.sort_by_key(|server| {
        (Reverse(server.logins.failed), Reverse(server.logins.attempted), server.endpoint)
    });
    order
}

/// Its product, or why that is not known.
pub(in crate::report) fn what(server: &ServerFacts) -> String {
    let unknown = match (server.spoke_tds, server.unheard) {
        (Some(_), _) => "build unknown",
        (None, 0) => "never said a word",
        (None, _) => "its packets are not in the capture",
    };
    product(server).unwrap_or_else(|| unknown.to_owned())
}

/// `306 of 318 logins succeeded`.
pub(in crate::report) fn logged_in(server: &ServerFacts) -> String {
    let logins = server.logins;
    format!("{} of {} succeeded", grouped(logins.succeeded), count(logins.attempted, "login"))
}

/// That it is flooded, when it is.
pub(in crate::report) fn flood(server: &ServerFacts) -> Option<String> {
    let (syns, accepted) = server.flooded()?;
    Some(format!(
        "{}, {} answered by SYN-ACK, and no connection gets as far as a byte: a SYN flood, or a scan",
        count(syns, "SYN"),
        grouped(accepted)
    ))
}

/// Versions, suites and groups that it was seen to accept, the most frequent of each.
pub(in crate::report) fn accepted(server: &ServerFacts) -> Vec<String> {
    let accepts = &server.accepts;
    let mut seen = most_seen(accepts.versions.iter());
    let suites = most_seen(accepts.suites.iter());
    seen.extend(suites.into_iter().map(|suite| suite.trim_start_matches("TLS_").to_owned()));
    seen.extend(most_seen(accepts.groups.iter()));
    seen
}

/// The most frequent of what was seen, then the first seen.
fn most_seen<'a, K: std::fmt::Display + 'a>(seen: impl Iterator<Item = (&'a K, &'a Seen)>) -> Vec<String> {
    let mut all: Vec<(&K, &Seen)> = seen.collect();
    all.sort_by_key(|(_, seen)| (Reverse(seen.count), seen.first));
    let more = all.len().saturating_sub(NAMES);
    let mut named: Vec<String> = all.iter().take(NAMES).map(|(name, _)| name.to_string()).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    named
}

/// `certificate CN=sql1 (RSA 2048, SHA-256, valid to 2027-03-01)`.
pub(in crate::report) fn certificate(leaf: &CertificateInfo) -> String {
    let name = leaf.subject_cn.as_deref().unwrap_or(&leaf.subject);
    format!(
        "certificate CN={name} ({}, signed with {}, valid to {})",
        leaf.key,
        leaf.signature_algorithm,
        day(leaf.not_after)
    )
}

/// `2027-03-01`, of seconds since 1970.
pub(in crate::report) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
