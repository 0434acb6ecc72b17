//! Folds equal verdicts into findings.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use super::Settings;
use super::hint::client_hint;
use super::successes::Successes;
use crate::facts::{ConnectionFacts, Endpoint, ServerFacts, Time};
use crate::rules::{
    CaptureCase, Case, Check, Clients, Finding, Note, RULES, Rank, Rule, Ruling, ServerCase, Severity,
    Verdict, weigh_reset,
};

/// Client addresses kept of a finding.
const CLIENTS: usize = 16;
/// Client addresses counted exactly; a finding with more says "at least".
const CLIENTS_COUNTED: usize = 1 << 14;
/// Connections named by a finding.
const EXEMPLARS: usize = 10;
/// A driver that connects anew this soon after a failure does so for the same login, in nanoseconds: measured
/// retries lie between 0 (at once) and 1 s (msodbcsql 18 after a refused SYN).
const RETRY: i64 = 1_200_000_000;

/// The connection rules by rank, and within a rank by code, each with its place in [`RULES`].
static BY_RANK: LazyLock<Vec<(usize, &'static Rule, ConnectionCheck)>> = LazyLock::new(|| {
    let mut rules: Vec<(usize, &'static Rule, ConnectionCheck)> = RULES
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| match rule.check {
            Check::Connection(check) => Some((index, *rule, check)),
            Check::Server(_) | Check::Capture(_) => None,
        })
        .collect();
    rules.sort_by_key(|(_, rule, _)| rule.rank);
    rules
});

/// How a rule is asked about a connection.
type ConnectionCheck = fn(&Case<'_>) -> Option<Verdict>;

/// What the rules say of one connection.
#[derive(Debug, Default)]
pub(super) struct Opinion {
    /// The verdict, and the rule's place in [`RULES`].
    verdict: Option<(usize, Verdict)>,
    /// What is less than an error.
    notes: Vec<(usize, Verdict)>,
}

impl Opinion {
    /// Asks every rule that can still change the verdict, or has a softer thing to say.
    pub(super) fn of(connection: &ConnectionFacts, server: &ServerFacts, settings: &Settings) -> Self {
        let case = Case { connection, server, policies: &settings.policies };
        let mut opinion = Self::default();
        let mut reached: Option<Rank> = None;
        for (index, rule, check) in &*BY_RANK {
            let decided = reached.is_some_and(|rank| rank <= rule.rank);
            if decided && !rule.says_less_than_error() {
                continue;
            }
            let Some(verdict) = check(&case) else { continue };
            if verdict.severity.unwrap_or(rule.severity) != Severity::Error {
                opinion.notes.push((*index, verdict));
            } else if !decided {
                reached = Some(rule.rank);
                opinion.verdict = Some((*index, weigh_reset(&case, verdict)));
            }
        }
        opinion
    }

    /// Asks about a connection that did not fail.
    pub(super) fn of_healthy(
        connection: &ConnectionFacts,
        server: &ServerFacts,
        settings: &Settings,
    ) -> Self {
        let case = Case { connection, server, policies: &settings.policies };
        let softer = BY_RANK.iter().filter(|(_, rule, _)| rule.says_less_than_error());
        let notes = softer.filter_map(|(index, rule, check)| {
            let verdict = check(&case)?;
            (verdict.severity.unwrap_or(rule.severity) != Severity::Error).then_some((*index, verdict))
        });
        Self { verdict: None, notes: notes.collect() }
    }
}

/// Folds equal verdicts.
#[derive(Debug, Default)]
pub(super) struct Folder {
    groups: BTreeMap<GroupKey, Group>,
    notes: Vec<(usize, Note)>,
    pub(super) successes: Successes,
}

/// Rule (by its place in [`RULES`]), server, confidence, and what the rule folds by.
type GroupKey = (usize, Option<Endpoint>, crate::rules::Confidence, String);

#[derive(Debug)]
struct Group {
    /// The connection that the verdict, the story and the client are of.
    lead: u64,
    verdict: Verdict,
    severity: Severity,
    story: String,
    first_client: Endpoint,
    count: u64,
    logins: u64,
    clients: BTreeSet<IpAddr>,
    /// When each client's last connection of this group ended: a retry follows at once.
    last_end: BTreeMap<IpAddr, Time>,
    first: Time,
    last: Time,
    exemplars: Vec<u64>,
    hint: Option<String>,
}

impl Folder {
    /// Takes in what the rules say of a connection; gives the verdict, when a rule of severity error explains it.
    pub(super) fn take(
        &mut self,
        opinion: Opinion,
        connection: &ConnectionFacts,
        settings: &Settings,
        capture_first: Option<Time>,
    ) -> Option<Ruling> {
        let wanted = settings.filter.wants(connection, capture_first.unwrap_or_default());
        let ruling = opinion.verdict.as_ref().and_then(|(index, verdict)| {
            Some(Ruling { rule: *RULES.get(*index)?, confidence: verdict.confidence })
        });
        if wanted {
            for (index, verdict) in opinion.notes.into_iter().chain(opinion.verdict) {
                if let Some(rule) = RULES.get(index) {
                    self.fold(index, rule, verdict, connection);
                }
            }
        }
        ruling
    }

    fn fold(&mut self, index: usize, rule: &Rule, verdict: Verdict, connection: &ConnectionFacts) {
        let key = (index, Some(connection.server), verdict.confidence, verdict.group.clone());
        let client = connection.client.ip;
        let verdict_severity = verdict.severity.unwrap_or(rule.severity);
        let group = self.groups.entry(key).or_insert_with(|| Group {
            lead: connection.id,
            verdict,
            severity: verdict_severity,
            story: connection.story.clone(),
            first_client: connection.client,
            count: 0,
            logins: 0,
            clients: BTreeSet::new(),
            last_end: BTreeMap::new(),
            first: connection.first.time,
            last: connection.last.time,
            exemplars: Vec::new(),
            hint: client_hint(connection),
        });
        group.count += 1;
        let begun = connection.first.time;
        let retry = group.last_end.get(&client).is_some_and(|end| {
            (0..=RETRY).contains(&begun.since(*end))
                && !self.successes.between(client, connection.server, *end, begun)
        });
        group.logins += u64::from(!retry);
        if group.clients.len() < CLIENTS_COUNTED || group.clients.contains(&client) {
            group.clients.insert(client);
            group.last_end.insert(client, connection.last.time);
        }
        group.first = group.first.min(connection.first.time);
        group.last = group.last.max(connection.last.time);
        if group.exemplars.len() < EXEMPLARS {
            group.exemplars.push(connection.id);
        }
    }

    pub(super) fn server_rules(&mut self, servers: &[ServerFacts], settings: &Settings) {
        for server in servers {
            let endpoint = server.endpoint;
            let listed = &settings.filter.servers;
            let wanted = listed.is_empty()
                || listed
                    .iter()
                    .any(|(ip, port)| *ip == endpoint.ip && port.is_none_or(|p| p == endpoint.port));
            for (index, rule) in RULES.iter().enumerate() {
                let Check::Server(check) = rule.check else { continue };
                if !wanted {
                    continue;
                }
                for mut note in check(&ServerCase { server }) {
                    note.server = Some(endpoint);
                    self.notes.push((index, note));
                }
            }
        }
    }

    pub(super) fn capture_rules(&mut self, case: &CaptureCase<'_>) {
        for (index, rule) in RULES.iter().enumerate() {
            let Check::Capture(check) = rule.check else { continue };
            self.notes.extend(check(case).into_iter().map(|note| (index, note)));
        }
    }

    /// Takes in what was folded of another part of the capture.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, theirs) in other.groups {
            match self.groups.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(theirs);
                }
                Entry::Occupied(mut entry) => entry.get_mut().merge(theirs),
            }
        }
        self.notes.extend(other.notes);
        self.successes.merge(other.successes);
    }

    /// The findings: errors first, then the most frequent, then the earliest.
    pub(super) fn findings(self) -> Vec<Finding> {
        let mut findings: Vec<(usize, Finding)> = Vec::new();
        for ((index, server, _, _), group) in self.groups {
            if let Some(rule) = RULES.get(index) {
                findings.push((index, group.into_finding(rule, server)));
            }
        }
        for (index, note) in self.notes {
            if let Some(rule) = RULES.get(index) {
                findings.push((index, note_finding(rule, note)));
            }
        }
        findings.sort_by(|(a_rule, a), (b_rule, b)| {
            b.severity
                .cmp(&a.severity)
                .then(b.count.cmp(&a.count))
                .then(a.first.cmp(&b.first))
                .then(a_rule.cmp(b_rule))
                .then(a.server.cmp(&b.server))
        });
        findings.into_iter().map(|(_, finding)| finding).collect()
    }
}

impl Group {
    fn merge(&mut self, mut other: Self) {
        if other.lead < self.lead {
            std::mem::swap(self, &mut other);
        }
        self.count += other.count;
        self.logins += other.logins;
        for client in other.clients {
            if self.clients.len() < CLIENTS_COUNTED || self.clients.contains(&client) {
                self.clients.insert(client);
            }
        }
        for (client, end) in other.last_end {
            self.last_end.entry(client).and_modify(|known| *known = end.max(*known)).or_insert(end);
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.exemplars.extend(other.exemplars);
        self.exemplars.sort_unstable();
        self.exemplars.truncate(EXEMPLARS);
    }

    fn into_finding(self, rule: &Rule, server: Option<Endpoint>) -> Finding {
        let filter = server.map_or_else(String::new, |server| display_filter(self.first_client, server));
        Finding {
            code: rule.code,
            slug: rule.slug,
            severity: self.severity,
            confidence: self.verdict.confidence,
            title: rule.title,
            detail: self.verdict.detail,
            application_sees: self.verdict.application_sees,
            server,
            client: Clients {
                ips: self.clients.iter().take(CLIENTS).copied().collect(),
                count: self.clients.len() as u64,
                hint: self.hint,
            },
            count: self.count,
            logins: self.logins,
            first: self.first,
            last: self.last,
            evidence: self.verdict.evidence,
            ruled_out: self.verdict.ruled_out,
            candidates: self.verdict.candidates,
            compared: self.verdict.compared,
            remedy: self.verdict.remedy,
            statistics: self.verdict.statistics,
            display_filter: filter,
            story: self.story,
            exemplars: self.exemplars,
        }
    }
}

fn note_finding(rule: &Rule, note: Note) -> Finding {
    let count = note.clients.len() as u64;
    Finding {
        code: rule.code,
        slug: rule.slug,
        severity: note.severity,
        confidence: note.verdict.confidence,
        title: rule.title,
        detail: note.verdict.detail,
        application_sees: note.verdict.application_sees,
        server: note.server,
        client: Clients { ips: note.clients.into_iter().take(CLIENTS).collect(), count, hint: None },
        count: note.count,
        logins: note.count,
        first: note.span.0.time,
        last: note.span.1.time,
        evidence: note.verdict.evidence,
        ruled_out: note.verdict.ruled_out,
        candidates: note.verdict.candidates,
        compared: note.verdict.compared,
        remedy: note.verdict.remedy,
        statistics: note.verdict.statistics,
        display_filter: String::new(),
        story: String::new(),
        exemplars: note.exemplars,
    }
}

/// A Wireshark display filter for one connection.
fn display_filter(client: Endpoint, server: Endpoint) -> String {
    let family = if server.ip.is_ipv4() { "ip" } else { "ipv6" };
    format!(
        "{family}.addr == {} && {family}.addr == {} && tcp.port == {} && tcp.port == {}",
        client.ip, server.ip, client.port, server.port
    )
}
