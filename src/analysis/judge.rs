//! Asks the rules, and folds equal verdicts into findings.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::collector::Collector;
use super::hint::client_hint;
use super::learning::{count_login, learn_probe, unknown_server};
use super::load::{count_open, learn_load};
use super::successes::Successes;
use super::{Analysis, JudgedConnection, LeftOut, Settings};
use crate::facts::{CaptureFacts, ConnectionFacts, Endpoint, ServerFacts, TakenAt, Time};
use crate::rules::{
    CaptureCase, Case, Check, Clients, Finding, Note, RULES, Rank, Rule, Ruling, ServerCase, Severity,
    Verdict, weigh_reset,
};
use crate::stream::TableCounts;

/// Client addresses kept of a finding.
const CLIENTS: usize = 16;
/// Client addresses counted exactly; a finding with more says "at least".
const CLIENTS_COUNTED: usize = 65_536;
/// Connections named by a finding.
const EXEMPLARS: usize = 10;
/// A driver that connects anew this soon after a failure does so for the same login, in nanoseconds: measured
/// retries lie between 0 (at once) and 1 s (msodbcsql 18 after a refused SYN).
const RETRY: i64 = 1_200_000_000;

/// Asks every rule about everything that was learnt.
pub(super) fn judge(mut collector: Collector, captures: Vec<CaptureFacts>, counts: TableCounts) -> Analysis {
    let captures = with_connection_quality(captures, &collector);
    announce(&mut collector);
    let mut connections = take_connections(&mut collector);
    settle_servers(&mut collector, &captures);
    for connection in &mut connections {
        collector.calls.follow(connection);
    }
    connections.sort_by_key(|connection| connection.id);

    let mut folder = std::mem::take(&mut collector.folded);
    let mut judged = Judged {
        servers: std::mem::take(&mut collector.failing),
        omitted: collector.omitted,
        ..Judged::default()
    };
    let first = collector.first;
    for connection in connections {
        let Some(server) = collector.servers.get(&connection.server) else { continue };
        let ruling = folder.judge(&connection, server, &collector.settings, first);
        count_outcome(&mut collector, &connection, ruling.is_some());
        judged.keep(connection, ruling, &collector.settings, first);
    }
    for connection in std::mem::take(&mut collector.healthy) {
        judged.connections.push(JudgedConnection { facts: connection, verdict: None });
    }
    judged.connections.sort_by_key(|judged| judged.facts.id);

    let browser = std::mem::take(&mut collector.browser).into_facts();
    let servers: Vec<ServerFacts> = std::mem::take(&mut collector.servers)
        .into_values()
        .filter(|server| is_sql_server(server, &judged.servers))
        .collect();
    folder.server_rules(&servers, &collector.settings);
    folder.capture_rules(&CaptureCase {
        captures: &captures,
        browser: &browser,
        connections: collector.totals.tds,
    });

    let mut totals = collector.totals;
    totals.connections = counts.connections;
    totals.evicted = counts.evicted;
    totals.failed += judged.failed;
    totals.selected += judged.selected;
    let mut left_out = LeftOut::default();
    let mut findings = folder.findings();
    findings.retain(|finding| {
        let wanted = collector.settings.rules.wants(finding.code);
        if !wanted {
            left_out.add(finding);
        }
        wanted
    });
    Analysis {
        captures,
        findings,
        servers,
        connections: judged.connections,
        connections_omitted: judged.omitted,
        browser,
        totals,
        restricted: collector.settings.filter.restricts(),
        left_out,
    }
}

#[derive(Default)]
struct Judged {
    connections: Vec<JudgedConnection>,
    servers: BTreeSet<Endpoint>,
    failed: u64,
    selected: u64,
    omitted: u64,
}

impl Judged {
    fn keep(
        &mut self,
        connection: ConnectionFacts,
        ruling: Option<Ruling>,
        settings: &Settings,
        first: Option<Time>,
    ) {
        if ruling.is_some() {
            self.failed += 1;
            self.servers.insert(connection.server);
        }
        let wanted = settings.filter.wants(&connection, first.unwrap_or_default());
        self.selected += u64::from(wanted);
        let keep = wanted && (ruling.is_some() || settings.all_connections);
        if keep && (settings.all_connections || self.connections.len() < settings.max_connections) {
            self.connections.push(JudgedConnection { facts: connection, verdict: ruling });
        } else if keep {
            self.omitted += 1;
        }
    }
}

/// The connections to be judged: those that may have failed, and of the silent ones those that called what is
/// taken for a SQL Server, unless to scan its host.
fn take_connections(collector: &mut Collector) -> Vec<ConnectionFacts> {
    let mut connections = std::mem::take(&mut collector.pending);
    for connection in std::mem::take(&mut collector.silent) {
        // A client that speaks TDS is taken at its word: its refused connections may be logins that failed.
        let stranger = !collector.clients.contains(&connection.client.ip);
        let calls = calls_sql_server(collector, &connection);
        if collector.scans.has(&connection) && (stranger || !calls) {
            collector.totals.scanned += 1;
            continue;
        }
        if let Some(server) = collector.servers.get_mut(&connection.server) {
            learn_load(server, &connection);
        }
        if calls {
            connections.push(connection);
        }
    }
    connections
}

/// A connection in which nothing was said counts when its listener is taken for a SQL Server: by its port, by
/// the SQL Browser, because TDS was spoken there by others, or because the caller speaks TDS to others and
/// calls a port of the range where named instances live. A connection that is one of very many to ports of the
/// same host counts only where the port is known and nobody is accepted.
pub(super) fn calls_sql_server(collector: &Collector, connection: &ConnectionFacts) -> bool {
    /// First dynamic port (RFC 6335 6): named instances listen there unless told otherwise.
    const DYNAMIC: u16 = 49_152;
    let server = connection.server;
    let known = collector.servers.get(&server);
    if collector.scans.has(connection) {
        let named =
            collector.known.has(server.port) || known.is_some_and(|server| server.announced.is_some());
        return named && known.is_none_or(|server| server.accepted.first().is_none());
    }
    collector.known.has(server.port)
        || known.is_some_and(|server| server.spoke_tds.is_some() || server.announced.is_some())
        || (server.port >= DYNAMIC && collector.clients.contains(&connection.client.ip))
}

/// What is known of servers once all their connections are.
fn settle_servers(collector: &mut Collector, captures: &[CaptureFacts]) {
    let only_clients = captures.iter().all(|capture| capture.quality.taken_at == TakenAt::Client);
    for server in collector.servers.values_mut() {
        count_open(&mut server.load);
        let votes = collector.taken_at.1.get(&server.endpoint).copied().unwrap_or_default();
        server.taken_at = match votes.decide().0 {
            // A host that answers nobody shows nothing; what captures at a client does so for all its servers.
            TakenAt::Unknown if only_clients => TakenAt::Client,
            place => place,
        };
    }
}

fn announce(collector: &mut Collector) {
    for (listener, (at, instance)) in &collector.browser.announced {
        let server = collector.servers.entry(*listener).or_insert_with(|| unknown_server(*listener));
        server.announced = Some((*at, instance.clone()));
    }
}

/// Counts a connection that was judged, by its outcome.
pub(super) fn count_outcome(collector: &mut Collector, connection: &ConnectionFacts, failed: bool) {
    let spoke = connection.tds.recognized;
    if let Some(server) = collector.servers.get_mut(&connection.server) {
        if spoke || failed {
            count_login(&mut server.logins, connection, failed);
        } else {
            learn_probe(server, connection);
        }
    }
    collector.totals.logged_in += u64::from(connection.tds.logged_in.is_some());
}

fn is_sql_server(server: &ServerFacts, judged: &BTreeSet<Endpoint>) -> bool {
    let called = server.logins.attempted > 0; // by clients that speak TDS, even if it was never heard itself
    called || server.spoke_tds.is_some() || server.announced.is_some() || judged.contains(&server.endpoint)
}

fn with_connection_quality(mut captures: Vec<CaptureFacts>, collector: &Collector) -> Vec<CaptureFacts> {
    for (index, capture) in captures.iter_mut().enumerate() {
        let Ok(file) = u32::try_from(index) else { continue };
        let of = |counts: &BTreeMap<u32, u64>| counts.get(&file).copied().unwrap_or_default();
        capture.quality.midstream = of(&collector.quality.midstream);
        capture.quality.one_sided = of(&collector.quality.one_sided);
        capture.quality.gapped = of(&collector.quality.gapped);
        capture.quality.duplicates = of(&collector.quality.duplicates);
        let votes = collector.taken_at.0.get(&file).copied().unwrap_or_default();
        (capture.quality.taken_at, capture.quality.taken_at_shown_by) = votes.decide();
    }
    captures
}

/// The rules by rank, and within a rank by code, each with its place in [`RULES`].
fn by_rank() -> impl Iterator<Item = (usize, &'static Rule)> {
    const RANKS: [Rank; 6] =
        [Rank::Path, Rank::Explicit, Rank::Specific, Rank::Generic, Rank::Stalled, Rank::Note];
    let of = |wanted: Rank| RULES.iter().enumerate().filter(move |(_, rule)| rule.rank == wanted);
    RANKS.into_iter().flat_map(of).map(|(index, rule)| (index, *rule))
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
    /// Asks the connection rules; gives the verdict, when a rule of severity error explains it.
    pub(super) fn judge(
        &mut self,
        connection: &ConnectionFacts,
        server: &ServerFacts,
        settings: &Settings,
        capture_first: Option<Time>,
    ) -> Option<Ruling> {
        let case = Case { connection, server, policies: &settings.policies };
        let mut best: Option<(Rank, usize, Verdict)> = None;
        let wanted = settings.filter.wants(connection, capture_first.unwrap_or_default());
        for (index, rule) in by_rank() {
            let Check::Connection(check) = rule.check else { continue };
            // What ranks lower cannot be the verdict any more; only some rules have a softer thing to say.
            let decided = best.as_ref().is_some_and(|(rank, _, _)| *rank <= rule.rank);
            if decided && !rule.says_less_than_error() {
                continue;
            }
            let Some(verdict) = check(&case) else { continue };
            if verdict.severity.unwrap_or(rule.severity) != Severity::Error {
                if wanted {
                    self.fold(index, rule, verdict, connection);
                }
            } else if !decided {
                best = Some((rule.rank, index, verdict));
            }
        }
        let (_, index, verdict) = best?;
        let rule = *RULES.get(index)?;
        let verdict = weigh_reset(&case, verdict);
        let ruling = Ruling { rule, confidence: verdict.confidence };
        if wanted {
            self.fold(index, rule, verdict, connection);
        }
        Some(ruling)
    }

    fn fold(&mut self, index: usize, rule: &Rule, verdict: Verdict, connection: &ConnectionFacts) {
        let key = (index, Some(connection.server), verdict.confidence, verdict.group.clone());
        let client = connection.client.ip;
        let verdict_severity = verdict.severity.unwrap_or(rule.severity);
        let group = self.groups.entry(key).or_insert_with(|| Group {
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

    fn server_rules(&mut self, servers: &[ServerFacts], settings: &Settings) {
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

    fn capture_rules(&mut self, case: &CaptureCase<'_>) {
        for (index, rule) in RULES.iter().enumerate() {
            let Check::Capture(check) = rule.check else { continue };
            self.notes.extend(check(case).into_iter().map(|note| (index, note)));
        }
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
