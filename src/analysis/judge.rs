//! Asks the rules about everything that was learnt.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::thread;

use super::browser::Browser;
use super::collector::{Collector, Held, may_have_failed};
use super::fold::Folder;
use super::learning::{count_login, is_probe, learn_probe, unknown_server};
use super::load::{count_open, learn_load, windows_of};
use super::opinion::Opinion;
use super::scan::Scans;
use super::taken_at::Votes;
use super::{Analysis, JudgedConnection, LeftOut, Settings};
use crate::facts::{CaptureFacts, ConnectionFacts, Endpoint, ServerFacts, TakenAt, Time};
use crate::rules::{CaptureCase, Case, Ruling};
use crate::session::KnownPorts;
use crate::steps::step;
use crate::stream::TableCounts;

/// Connections that the rules are asked about at a time: what they say of more is not held at once.
const BLOCK: usize = 4096;

/// Asks every rule about everything that was learnt, on so many threads.
pub(super) fn judge(
    mut collector: Collector,
    captures: Vec<CaptureFacts>,
    counts: TableCounts,
    threads: usize,
) -> Analysis {
    let captures = with_connection_quality(captures, &collector);
    let browser = std::mem::take(&mut collector.browser);
    announce(&mut collector, &browser);
    let mut connections = take_connections(&mut collector);
    settle_servers(&mut collector, &captures);
    let mut routed = connections.iter_mut().filter(|connection| connection.tds.routing.is_some()).peekable();
    if routed.peek().is_some() {
        collector.calls.settle();
        routed.for_each(|connection| collector.calls.follow(connection));
    }
    connections.sort_by_cached_key(|connection| connection.id);

    let mut folder = std::mem::take(&mut collector.folded);
    let mut judged = Judged {
        servers: std::mem::take(&mut collector.failing),
        omitted: collector.omitted,
        ..Judged::default()
    };
    let first = collector.first;
    let mut connections = connections.into_iter();
    loop {
        step(1);
        let block: Vec<Held> = connections.by_ref().take(BLOCK).collect();
        if block.is_empty() {
            break;
        }
        let opinions = opinions(&block, &collector, &folder, threads);
        for (connection, opinion) in block.into_iter().zip(opinions) {
            step(1);
            let ruling =
                collector.about(&connection, |case| folder.take(opinion, case, &collector.settings, first));
            count_outcome(&mut collector, &connection, ruling.is_some());
            judged.keep(connection, ruling, &collector.settings, first);
        }
    }
    for connection in collector.take_healthy() {
        step(1);
        judged.connections.push(JudgedConnection { facts: connection, verdict: None });
    }
    judged.connections.sort_by_key(|judged| judged.facts.id);

    let browser = browser.into_facts();
    let servers: Vec<ServerFacts> = std::mem::take(&mut collector.servers)
        .into_values()
        .filter(|server| is_sql_server(server, &judged.servers) || is_flooded(server, &collector.known))
        .collect();
    folder.server_rules(&servers, &collector.settings);
    folder.capture_rules(&CaptureCase {
        captures: &captures,
        browser: &browser,
        connections: collector.totals.tds,
        evicted: collector.totals.evicted,
    });

    let mut totals = collector.totals;
    totals.connections = counts.connections;
    totals.reassembly = counts.reassembly_limit;
    totals.failed += judged.failed;
    totals.selected += judged.selected;
    let listed = |id| judged.connections.binary_search_by_key(&id, |judged| judged.facts.id).is_ok();
    let quoted = folder.quoted(listed);
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
        quoted,
        browser,
        totals,
        restricted: collector.settings.filter.restricts(),
        left_out,
    }
}

/// What the rules say of each of these connections, with the words where they may begin a finding.
fn opinions(connections: &[Held], collector: &Collector, folder: &Folder, threads: usize) -> Vec<Opinion> {
    let first = collector.first.unwrap_or_default();
    let ask = |part: &[Held]| -> Vec<Opinion> {
        let mut told = BTreeSet::new();
        let mut opinion = |case: &Case<'_>| {
            let mut opinion = Opinion::of(case);
            if !opinion.is_silent() && collector.settings.filter.wants(case.connection, first) {
                opinion.tell(case, |sort| !folder.has(sort) && told.insert(sort.clone()));
            }
            opinion
        };
        part.iter().map(|connection| collector.about(connection, &mut opinion)).collect()
    };
    if threads <= 1 || connections.len() < BLOCK / 8 {
        return ask(connections);
    }
    thread::scope(|scope| {
        let parts = connections.chunks(connections.len().div_ceil(threads));
        let hands: Vec<_> = parts.map(|part| scope.spawn(|| ask(part))).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
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
    fn keep(&mut self, connection: Held, ruling: Option<Ruling>, settings: &Settings, first: Option<Time>) {
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
fn take_connections(collector: &mut Collector) -> Vec<Held> {
    let mut connections = std::mem::take(&mut collector.pending);
    for connection in std::mem::take(&mut collector.silent) {
        step(1);
        let calls = calls_sql_server(collector, &collector.scans, &connection);
        if is_of_scan(collector, &collector.scans, &connection, calls) {
            collector.totals.scanned += 1;
            continue;
        }
        if let Some(server) = collector.servers.get_mut(&connection.server) {
            learn_load(server, &connection, windows_of(1));
        }
        if calls {
            connections.push(connection);
        }
    }
    connections
}

/// Whether a connection in which nothing was said is one of a port scan. A client that speaks TDS is taken at its word: its
/// refused connections may be logins that failed.
fn is_of_scan(collector: &Collector, scans: &Scans, connection: &ConnectionFacts, calls: bool) -> bool {
    let stranger = !collector.clients.contains(&connection.client.ip);
    scans.has(connection) && (stranger || !calls)
}

/// Whether the rules would be asked about this connection if the capture ended now. What the collector does not know yet:
/// the port scans, whether the connection's listener speaks TDS, and whether its caller does.
pub(super) fn is_judged(
    collector: &Collector,
    connection: &ConnectionFacts,
    scans: &Scans,
    (server_known, client_known): (bool, bool),
) -> bool {
    if connection.tds.recognized {
        return may_have_failed(connection);
    }
    let ours = connection.tcp.syn.is_some() || collector.known.has(connection.server.port);
    ours && !is_probe(connection)
        && (server_known
            || calls_sql_server(collector, scans, connection)
            || client_known && is_dynamic(connection))
        && (client_known || !is_of_scan(collector, scans, connection, true))
}

/// A connection in which nothing was said counts when its listener is taken for a SQL Server: by its port, by
/// the SQL Browser, because TDS was spoken there by others, or because the caller speaks TDS to others and
/// calls a port of the range where named instances live. A connection that is one of very many to ports of the
/// same host counts only where the port is known and nobody is accepted.
pub(super) fn calls_sql_server(collector: &Collector, scans: &Scans, connection: &ConnectionFacts) -> bool {
    let server = connection.server;
    let known = collector.servers.get(&server);
    if scans.has(connection) {
        let named =
            collector.known.has(server.port) || known.is_some_and(|server| server.announced.is_some());
        return named && known.is_none_or(|server| server.accepted.first().is_none());
    }
    collector.known.has(server.port)
        || known.is_some_and(|server| server.spoke_tds.is_some() || server.announced.is_some())
        || (is_dynamic(connection) && collector.clients.contains(&connection.client.ip))
}

/// Whether it calls a dynamic port (RFC 6335 6): named instances listen there unless told otherwise.
fn is_dynamic(connection: &ConnectionFacts) -> bool {
    connection.server.port >= 49_152
}

/// What is known of servers once all their connections are.
fn settle_servers(collector: &mut Collector, captures: &[CaptureFacts]) {
    let only_clients = captures.iter().all(|capture| capture.quality.taken_at == TakenAt::Client);
    for server in collector.servers.values_mut() {
        step(1);
        let votes = collector.taken_at.1.get(&server.endpoint).copied().unwrap_or_default();
        settle_server(server, &votes, only_clients);
    }
}

/// What is known of a server once its connections are; `only_clients` when all files were taken at clients.
pub(super) fn settle_server(server: &mut ServerFacts, votes: &Votes, only_clients: bool) {
    count_open(&mut server.load);
    server.taken_at = match votes.decide().0 {
        // A host that answers nobody shows nothing; what captures at a client does so for all its servers.
        TakenAt::Unknown if only_clients => TakenAt::Client,
        place => place,
    };
}

/// Servers learn what the SQL Browser announced of them.
pub(super) fn announce(collector: &mut Collector, browser: &Browser) {
    for (listener, (at, instance)) in &browser.announced {
        step(1);
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
        } else if is_probe(connection) {
            learn_probe(server, connection);
        }
    }
    collector.totals.logged_in += u64::from(connection.tds.logged_in.is_some());
}

fn is_sql_server(server: &ServerFacts, judged: &BTreeSet<Endpoint>) -> bool {
    let called = server.logins.attempted > 0; // by clients that speak TDS, even if it was never heard itself
    called || server.spoke_tds.is_some() || server.announced.is_some() || judged.contains(&server.endpoint)
}

/// Its port is a SQL Server's, and calls to it never get anywhere.
fn is_flooded(server: &ServerFacts, known: &KnownPorts) -> bool {
    known.has(server.endpoint.port) && server.flooded().is_some()
}

fn with_connection_quality(mut captures: Vec<CaptureFacts>, collector: &Collector) -> Vec<CaptureFacts> {
    for (index, capture) in captures.iter_mut().enumerate() {
        let Ok(file) = u32::try_from(index) else { continue };
        let of = |counts: &BTreeMap<u32, u64>| counts.get(&file).copied().unwrap_or_default();
        capture.quality.midstream = of(&collector.quality.midstream);
        capture.quality.one_sided = of(&collector.quality.one_sided);
        capture.quality.gapped = of(&collector.quality.gapped);
        capture.quality.duplicates += of(&collector.quality.duplicates);
        let votes = collector.taken_at.0.get(&file).copied().unwrap_or_default();
        (capture.quality.taken_at, capture.quality.taken_at_shown_by) = votes.decide();
    }
    captures
}
