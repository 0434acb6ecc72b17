//! Folds equal verdicts into findings.

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Settings;
use super::hint::client_hint;
use super::opinion::{Opinion, Said, Sort};
use super::successes::Successes;
use crate::facts::{ConnectionFacts, Endpoint, ServerFacts, Time};
use crate::rules::{
    CaptureCase, Case, Check, Clients, Finding, Note, RULES, Rule, Ruling, ServerCase, Severity, Verdict,
};
use crate::steps::step;

/// Client addresses named by a finding.
const CLIENTS: usize = 16;
/// Client addresses counted exactly; a finding with more says "at least".
const CLIENTS_COUNTED: usize = 1 << 14;
/// Connections named by a finding.
const EXEMPLARS: usize = 10;
/// A driver that connects anew this soon after a failure does so for the same login, in nanoseconds: measured
/// retries lie between 0 (at once) and 1 s (msodbcsql 18 after a refused SYN).
const RETRY: i64 = 1_200_000_000;

/// Folds equal verdicts.
#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    groups: BTreeMap<Sort, Group>,
    notes: Vec<(usize, Note)>,
    pub(super) successes: Successes,
}

#[derive(Debug, Clone)]
struct Group {
    /// The connection that the verdict, the story and the client are of.
    lead: u64,
    verdict: Verdict,
    severity: Severity,
    story: String,
    first_client: Endpoint,
    count: u64,
    logins: u64,
    /// The clients, and when the last connection of each in this group ended: a retry follows at once.
    clients: BTreeMap<IpAddr, Time>,
    first: Time,
    last: Time,
    exemplars: Vec<u64>,
    hint: Option<String>,
    /// What the connection of the verdict showed, which its words quote.
    facts: Box<ConnectionFacts>,
}

impl Folder {
    /// Whether a finding of this sort has its words.
    pub(super) fn has(&self, sort: &Sort) -> bool {
        self.groups.contains_key(sort)
    }

    /// Takes in what the rules say of a connection; gives the verdict, when a rule of severity error explains it.
    pub(super) fn take(
        &mut self,
        opinion: Opinion,
        case: &Case<'_>,
        settings: &Settings,
        capture_first: Option<Time>,
    ) -> Option<Ruling> {
        let ruling = opinion.ruling();
        if !opinion.is_silent() && settings.filter.wants(case.connection, capture_first.unwrap_or_default()) {
            for said in opinion.into_said() {
                step(1);
                self.fold(said, case);
            }
        }
        ruling
    }

    fn fold(&mut self, said: Said, case: &Case<'_>) {
        let connection = case.connection;
        let client = connection.client.ip;
        let group = match self.groups.entry(said.sort) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let told = said.verdict.or_else(|| entry.key().tell(case).map(Box::new));
                let Some(verdict) = told else { return };
                entry.insert(Group::new(*verdict, said.severity, connection))
            }
        };
        group.count += 1;
        let begun = connection.first.time;
        let known = group.clients.get(&client).copied();
        // Who was let in does not try again, and did not need to.
        let accepted = connection.tds.logged_in.is_some();
        let retry = known.filter(|_| !accepted).is_some_and(|end| {
            (0..=RETRY).contains(&begun.since(end))
                && !self.successes.between(client, connection.server, end, begun)
        });
        group.logins += u64::from(!retry);
        if known.is_some() || group.clients.len() < CLIENTS_COUNTED {
            let end = if accepted { known.unwrap_or(Time(i64::MIN)) } else { connection.last.time };
            group.clients.insert(client, end);
        }
        group.first = group.first.min(connection.first.time);
        group.last = group.last.max(connection.last.time);
        if group.exemplars.len() < EXEMPLARS {
            group.exemplars.push(connection.id);
        }
    }

    pub(super) fn server_rules(&mut self, servers: &[ServerFacts], settings: &Settings) {
        for server in servers {
            step(1);
            let endpoint = server.endpoint;
            let listed = &settings.filter.servers;
            let wanted = listed.is_empty()
                || listed
                    .iter()
                    .any(|(ip, port)| *ip == endpoint.ip && port.is_none_or(|p| p == endpoint.port));
            for (index, rule) in RULES.iter().enumerate() {
                step(1);
                let Check::Server(check) = rule.check else { continue };
                if !wanted {
                    continue;
                }
                for mut note in check(&ServerCase { server }) {
                    step(1);
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
            step(1);
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

    /// Findings below error of sorts that are not in `known` yet, which takes them in.
    pub(super) fn softer(&self, known: &mut BTreeSet<Sort>) -> Vec<Finding> {
        let soft = self.groups.iter().filter(|(_, group)| group.severity < Severity::Error);
        let mut fresh = Vec::new();
        for (sort, group) in soft {
            step(1);
            if !known.contains(sort) {
                known.insert(sort.clone());
                let rule = RULES.get(sort.rule);
                fresh.extend(rule.map(|rule| group.clone().into_finding(rule, sort.server)));
            }
        }
        fresh
    }

    /// The connections that the words of findings quote, by id, without those that are known.
    pub(super) fn quoted(&self, known: impl Fn(u64) -> bool) -> Vec<ConnectionFacts> {
        let quoted = self.groups.values().map(|group| &group.facts).filter(|facts| !known(facts.id));
        let by_id: BTreeMap<u64, &ConnectionFacts> = quoted.map(|facts| (facts.id, facts.as_ref())).collect();
        by_id.into_values().cloned().collect()
    }

    /// The findings: errors first, then the most frequent, then the earliest.
    pub(super) fn findings(self) -> Vec<Finding> {
        let mut findings: Vec<Ranked> = Vec::new();
        for (sort, group) in self.groups {
            step(1);
            if let Some(rule) = RULES.get(sort.rule) {
                let finding = group.into_finding(rule, sort.server);
                findings.push(Ranked { rule: sort.rule, sort: Some(sort), finding });
            }
        }
        for (index, note) in self.notes {
            if let Some(rule) = RULES.get(index) {
                findings.push(Ranked { rule: index, sort: None, finding: note_finding(rule, note) });
            }
        }
        findings.sort_by(Ranked::compare);
        findings.into_iter().map(|ranked| ranked.finding).collect()
    }
}

/// A finding with what decides its place.
struct Ranked {
    rule: usize,
    /// What it was folded by, if it is of connections.
    sort: Option<Sort>,
    finding: Finding,
}

impl Ranked {
    fn compare(&self, other: &Self) -> Ordering {
        let [a, b] = [&self.finding, &other.finding];
        let words =
            |ranked: &Self| ranked.sort.as_ref().map(|sort| (sort.confidence, sort.alike.to_string()));
        b.severity
            .cmp(&a.severity)
            .then(b.count.cmp(&a.count))
            .then(a.first.cmp(&b.first))
            .then(self.rule.cmp(&other.rule))
            .then(a.server.cmp(&b.server))
            .then_with(|| words(self).cmp(&words(other)))
    }
}

impl Group {
    /// A finding that begins with this connection, which is still to be counted.
    fn new(verdict: Verdict, severity: Severity, connection: &ConnectionFacts) -> Self {
        Self {
            lead: connection.id,
            verdict,
            severity,
            story: connection.story.clone(),
            first_client: connection.client,
            count: 0,
            logins: 0,
            clients: BTreeMap::new(),
            first: connection.first.time,
            last: connection.last.time,
            exemplars: Vec::new(),
            hint: client_hint(connection),
            facts: Box::new(connection.clone()),
        }
    }

    fn merge(&mut self, mut other: Self) {
        if other.lead < self.lead {
            std::mem::swap(self, &mut other);
        }
        self.count += other.count;
        self.logins += other.logins;
        for (client, end) in other.clients {
            step(1);
            if let Some(known) = self.clients.get_mut(&client) {
                *known = end.max(*known);
            } else if self.clients.len() < CLIENTS_COUNTED {
                self.clients.insert(client, end);
            }
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.exemplars.extend(other.exemplars);
        self.exemplars.sort_unstable();
        self.exemplars.truncate(EXEMPLARS);
    }

    fn into_finding(self, rule: &Rule, server: Endpoint) -> Finding {
        Finding {
            code: rule.code,
            slug: rule.slug,
            severity: self.severity,
            confidence: self.verdict.confidence,
            title: rule.title,
            detail: self.verdict.detail,
            application_sees: self.verdict.application_sees,
            server: Some(server),
            client: Clients {
                ips: self.clients.keys().take(CLIENTS).copied().collect(),
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
            display_filter: display_filter(self.first_client, server),
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
