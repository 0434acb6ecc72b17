//! What is said of a finding.

use super::quantity::{count, grouped};
use super::server::named;
use super::times::Times;
use crate::analysis::Analysis;
use crate::rules::{Confidence, Finding, Severity, find};

/// Client addresses shown.
const CLIENTS: usize = 4;
/// Instances of the same cause whose connections are named.
const EXEMPLARS: usize = 5;

/// The rule of what nothing decides.
const UNDECIDED: &str = "closed-after-client-hello";

/// The symbol before a finding.
pub(in crate::report) fn symbol(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "✖",
        Severity::Warning => "⚠",
        Severity::Info => "·",
    }
}

/// How many: logins, and connections where drivers tried more than once for one.
pub(in crate::report) fn affected(finding: &Finding) -> String {
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
pub(in crate::report) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Possible => "possible",
        Confidence::Likely => "likely",
        Confidence::Certain => "certain",
    }
}

/// `at 02:14:07`, or `02:14:07 to 02:20:00`.
pub(in crate::report) fn span(finding: &Finding, times: &Times) -> String {
    let since = times.second(finding.first);
    let until = times.second(finding.last);
    if finding.count > 1 && until != since { format!("{since} to {until}") } else { format!("at {since}") }
}

/// `10.9.1.1, 10.9.1.2 and 7 more (tedious 6)  →  10.1.0.10:1433, SQL Server 2017 (14.0.3456)`; `None` without clients.
pub(in crate::report) fn who(analysis: &Analysis, finding: &Finding) -> Option<String> {
    let mut text = clients(finding)?;
    if let Some(server) = finding.server {
        text.push_str(&format!("  →  {}", named(analysis, server)));
    }
    Some(text)
}

/// The first clients and what they look like; `None` when it is about none.
fn clients(finding: &Finding) -> Option<String> {
    let clients = &finding.client;
    if clients.ips.is_empty() {
        return None;
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
    Some(text)
}

/// How many connections are like the first one, and the ids of a few; `None` when it is alone.
pub(in crate::report) fn more_like_it(finding: &Finding) -> Option<String> {
    let others: Vec<String> =
        finding.exemplars.iter().skip(1).take(EXEMPLARS).map(ToString::to_string).collect();
    if finding.count < 2 || others.is_empty() || finding.severity != Severity::Error {
        return None;
    }
    let more = count(finding.count - 1, "connection");
    Some(format!("{more} more like it: {}", others.join(", ")))
}

/// `TLS 1.0, TLS 1.2`; `not known` and `none` are not the same.
pub(in crate::report) fn names<T: std::fmt::Display>(names: Option<&[T]>) -> String {
    match names {
        None => "not known".to_owned(),
        Some([]) => "none".to_owned(),
        Some(names) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The same without `TLS_`, which every suite begins with.
pub(in crate::report) fn short_names<T: std::fmt::Display>(list: Option<&[T]>) -> String {
    names(list).replace("TLS_", "")
}

/// What stands before the causes that fit: where nothing decides, these are all there is.
pub(in crate::report) fn fits(finding: &Finding) -> &'static str {
    if finding.slug == UNDECIDED { "fits" } else { "also fits" }
}

/// `R1 no-common-tls-version`, as `tdscope rule` takes it; words where no rule looks for the cause.
pub(in crate::report) fn cause(slug: &str) -> String {
    find(slug).map_or_else(|| slug.replace('-', " "), |rule| format!("{} {slug}", rule.code))
}

/// The finding before this one about the same server whose remedy has all steps of this one.
pub(in crate::report) fn same_remedy<'a>(analysis: &'a Analysis, finding: &Finding) -> Option<&'a Finding> {
    let before = analysis.findings.iter().take_while(|other| !std::ptr::eq(*other, finding));
    let covers = |other: &&Finding| {
        other.server.is_some()
            && other.server == finding.server
            && other.severity > Severity::Info
            && finding.remedy.iter().all(|step| other.remedy.contains(step))
    };
    before.into_iter().find(covers).filter(|_| !finding.remedy.is_empty())
}
