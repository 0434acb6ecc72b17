//! What a batch of captures comes to: which of them hold a cause of failure, and which causes there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::inventory::Problem;
use super::summary::{CaptureSummary, Cause};
use crate::facts::Time;
use crate::rules::{Confidence, Severity};

/// Servers of a cause that are named.
const NAMED: usize = 256;

/// The result of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Triage {
    /// What was found, over all captures, the worst first.
    pub causes: Vec<FoldedCause>,
    /// The captures, the worst first: by what was found, how sure it is, and how many logins it cost.
    pub captures: Vec<CaptureSummary>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// Files in folders and archives that are no captures.
    pub others: u64,
    /// Captures that were not looked at, because the run was stopped before it came to them.
    pub not_looked_at: u64,
}

/// A finding that captures have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Folded")]
pub struct FoldedCause {
    /// Code of the rule, such as `R1`.
    pub code: String,
    /// Slug of the rule.
    pub slug: String,
    /// The rule's name for it.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// How sure, where it is surest.
    pub confidence: Confidence,
    /// The listeners, the first 256 in order.
    pub servers: Vec<String>,
    /// How many listeners there are.
    pub servers_count: u64,
    /// Captures that show it.
    pub captures: u64,
    /// Cases that these belong to.
    pub cases: u64,
    /// Connections.
    pub count: u64,
    /// Logins that a person tried, estimated.
    pub logins: u64,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
}

impl Triage {
    /// Of the captures that were looked at, in any order.
    #[must_use]
    pub fn of(mut captures: Vec<CaptureSummary>, problems: Vec<Problem>, others: u64) -> Self {
        captures.sort_by_cached_key(|capture| {
            let worst = capture.worst().map(|cause| (cause.severity, cause.confidence));
            (Reverse(worst), Reverse(capture.failed), Reverse(capture.unreadable), capture.name.clone())
        });
        let causes = fold(&captures);
        Self { causes, captures, problems, others, not_looked_at: 0 }
    }

    /// Whether a cause of failure was found.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.captures.iter().any(CaptureSummary::has_failed)
    }

    /// Whether nothing at all could be looked at.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.captures.iter().all(|capture| capture.unreadable)
    }

    /// The cases, in order.
    #[must_use]
    pub fn cases(&self) -> BTreeSet<&str> {
        self.captures.iter().map(|capture| capture.case.as_str()).collect()
    }
}

fn fold(captures: &[CaptureSummary]) -> Vec<FoldedCause> {
    struct Group<'a> {
        lead: &'a Cause,
        folded: FoldedCause,
        servers: BTreeSet<&'a str>,
        captures: BTreeSet<&'a str>,
        cases: BTreeSet<&'a str>,
    }
    let mut groups: BTreeMap<(&str, Severity), Group<'_>> = BTreeMap::new();
    for capture in captures {
        for cause in &capture.findings {
            let group = groups.entry((&cause.code, cause.severity)).or_insert_with(|| Group {
                lead: cause,
                folded: FoldedCause {
                    code: cause.code.clone(),
                    slug: cause.slug.clone(),
                    title: cause.title.clone(),
                    severity: cause.severity,
                    confidence: cause.confidence,
                    servers: Vec::new(),
                    servers_count: 0,
                    captures: 0,
                    cases: 0,
                    count: 0,
                    logins: 0,
                    first: cause.first,
                    last: cause.last,
                },
                servers: BTreeSet::new(),
                captures: BTreeSet::new(),
                cases: BTreeSet::new(),
            });
            let folded = &mut group.folded;
            folded.confidence = folded.confidence.max(cause.confidence);
            folded.count += cause.count;
            folded.logins += cause.logins;
            folded.first = folded.first.min(cause.first);
            folded.last = folded.last.max(cause.last);
            group.servers.extend(cause.server.as_deref());
            group.captures.insert(&capture.name);
            group.cases.insert(&capture.case);
        }
    }
    let mut causes: Vec<FoldedCause> = groups
        .into_values()
        .map(|group| FoldedCause {
            servers: group.servers.iter().take(NAMED).map(|server| (*server).to_owned()).collect(),
            servers_count: group.servers.len() as u64,
            captures: group.captures.len() as u64,
            cases: group.cases.len() as u64,
            title: group.lead.title.clone(),
            ..group.folded
        })
        .collect();
    causes.sort_by_cached_key(|cause| (Reverse(cause.severity), Reverse(cause.logins), cause.code.clone()));
    causes
}
