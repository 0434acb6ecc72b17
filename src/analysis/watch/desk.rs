//! Where connections are judged by what is known by now.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::{HashMap, HashSet};

use super::super::calls::Calls;
use super::super::collector::{Collector, Held};
use super::super::fold::Folder;
use super::super::judge::{is_judged, settle_server};
use super::super::learning::{learn_dialogue, learn_transport, unknown_server};
use super::super::load::{learn_load, merge_load, windows_of};
use super::super::opinion::Opinion;
use super::super::scan::Scans;
use super::super::shard::Shard;
use super::Settings;
use super::counts::Ledger;
use super::news::{News, Told};
use crate::facts::{ConnectionFacts, EndedHow, Endpoint, Moment, ServerFacts, TakenAt};
use crate::rules::{Case, Finding, Ruling};
use crate::steps::step;

/// SYNs without an answer that are looked at for port scans: of a flood there are more.
const SILENT: usize = 1 << 13;

/// What connections teach that are still followed: the collector takes them in when they are over and nothing more can
/// come, which may be in weeks.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    pub(super) servers: BTreeMap<Endpoint, ServerFacts>,
    /// Hosts that speak TDS as clients; never read in order.
    clients: HashSet<IpAddr>,
    /// The connections, and the last packet of each that was taken in; never read in order.
    taken: HashMap<u64, Moment>,
    /// Port scans, those of what is followed among them.
    scans: Scans,
}

impl Lessons {
    /// What the connections of a shard teach that are followed now.
    pub(super) fn of(shard: &Shard) -> Self {
        let mut lessons = Self { scans: shard.collector.scans.clone(), ..Self::default() };
        let windows = windows_of(shard.collector.servers.len());
        let mut take = |connection: Held| {
            lessons.note_silent(&connection);
            if connection.tcp.syn.is_some() && connection.tcp.syn_ack.is_none() {
                return;
            }
            lessons.taken.insert(connection.id, connection.last);
            let server = lessons.servers.entry(connection.server);
            let server = server.or_insert_with(|| unknown_server(connection.server));
            learn_transport(server, &connection);
            if connection.tds.recognized {
                lessons.clients.insert(connection.client.ip);
                learn_load(server, &connection, windows);
                learn_dialogue(server, &connection);
            }
        };
        shard.glimpse_followed(SILENT, &mut take);
        lessons
    }

    /// Takes note of a connection in which nothing was said: it may be one of a port scan.
    pub(super) fn note_silent(&mut self, connection: &ConnectionFacts) {
        if !connection.tds.recognized && connection.tcp.syn.is_some() {
            self.scans.note(connection);
        }
    }

    /// Whether this connection was taken in as it is.
    fn have(&self, connection: &ConnectionFacts) -> bool {
        self.taken.get(&connection.id) == Some(&connection.last)
    }

    /// Whether a connection in which nothing was said calls a listener that is known by them for a SQL Server.
    fn know(&self, connection: &ConnectionFacts) -> bool {
        self.servers.get(&connection.server).is_some_and(|server| server.spoke_tds.is_some())
    }

    /// Whether this host is known by them for a client of SQL Servers.
    fn know_client(&self, client: IpAddr) -> bool {
        self.clients.contains(&client)
    }
}

/// Whether a connection has neither ended nor left a question open from the beginning: it stands.
pub(super) fn stands(connection: &ConnectionFacts) -> bool {
    let accepted = connection.tcp.syn.is_none() || connection.tcp.syn_ack.is_some();
    accepted && matches!(connection.ended.how, EndedHow::Open | EndedHow::Silence)
}

/// Connections to one server that it has not learnt from.
#[derive(Debug, Default)]
struct Callers<'a> {
    /// Those that nobody answered.
    silent: Vec<&'a Held>,
    standing: Vec<&'a Held>,
}

/// Judges connections.
pub(super) struct Desk<'a> {
    settings: &'a Settings,
    collector: &'a Collector,
    /// Connections that the collector has not taken in yet.
    standing: &'a [Held],
    lessons: &'a Lessons,
    /// Servers that were asked about, with what connections teach that are not over.
    servers: BTreeMap<Endpoint, ServerFacts>,
    /// Who called which server, once somebody asked; never read in order.
    callers: Option<HashMap<Endpoint, Callers<'a>>>,
    /// Who called whom, in order, once somebody asked.
    calls: Option<Calls>,
    /// The capture was taken at clients, by all that is known.
    only_clients: bool,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        collector: &'a Collector,
        standing: &'a [Held],
        lessons: &'a Lessons,
    ) -> Self {
        let mut files = collector.taken_at.0.values();
        let only_clients = files.len() > 0 && files.all(|votes| votes.decide().0 == TakenAt::Client);
        let servers = BTreeMap::new();
        Self { settings, collector, standing, lessons, servers, callers: None, calls: None, only_clients }
    }

    /// Judges a connection, and tells what is news; `over` when nothing more of it is to come.
    pub(super) fn ask(
        &mut self,
        connection: &Held,
        over: bool,
        told: &mut Told,
        ledger: &mut Ledger,
        tell: &mut dyn FnMut(News<'_>),
    ) {
        let ruling = self.ruling(connection);
        let known_by = self.known_by(connection);
        let finding = || self.finding(connection);
        told.hear(connection, (ruling, over, known_by), finding, ledger, tell);
    }

    /// The verdict on this connection; `None` when it did not fail, or nobody wants to hear of it.
    fn ruling(&mut self, connection: &Held) -> Option<Ruling> {
        let wanted = self.settings.filter.wants(connection, self.collector.first.unwrap_or_default());
        let lessons = self.lessons;
        let known = (lessons.know(connection), lessons.know_client(connection.client.ip));
        if !wanted || !is_judged(self.collector, connection, &lessons.scans, known) {
            return None;
        }
        let rules = &self.settings.rules;
        let ruling = self.about(connection, |case| Opinion::of(case).ruling());
        ruling.filter(|ruling| rules.wants(ruling.rule.code))
    }

    /// The verdict in words.
    fn finding(&mut self, connection: &Held) -> Option<Finding> {
        let (settings, first) = (self.settings, self.collector.first);
        self.about(connection, |case| {
            let mut folder = Folder::default();
            let ruling = folder.take(Opinion::of(case), case, settings, first)?;
            folder.findings().into_iter().find(|finding| finding.code == ruling.rule.code)
        })
    }

    /// What shows that its listener is a SQL Server, when the connection does not itself.
    fn known_by(&self, connection: &ConnectionFacts) -> Option<Moment> {
        if connection.tds.recognized {
            return None;
        }
        let of = |servers: &BTreeMap<Endpoint, ServerFacts>| servers.get(&connection.server)?.spoke_tds;
        of(&self.lessons.servers).or_else(|| of(&self.collector.servers))
    }

    fn about<T>(&mut self, connection: &Held, ask: impl FnOnce(&Case<'_>) -> T) -> T {
        let followed = self.followed(connection);
        let connection: &ConnectionFacts = followed.as_ref().unwrap_or(connection);
        let policies = &self.settings.policies;
        let dropped = self.collector.losses.touch(connection);
        let server = self.server(connection.server);
        ask(&Case { connection, server, policies, brief: false, dropped })
    }

    /// The connection with where its client went, when it was redirected.
    fn followed(&mut self, connection: &Held) -> Option<Held> {
        connection.tds.routing.as_ref()?;
        let calls = self.calls.get_or_insert_with(|| {
            let mut calls = self.collector.calls.clone();
            calls.settle();
            calls
        });
        let mut followed = connection.clone();
        calls.follow(&mut followed);
        Some(followed)
    }

    /// What is known of a server.
    fn server(&mut self, endpoint: Endpoint) -> &ServerFacts {
        let Self { collector, standing, lessons, only_clients, .. } = *self;
        let callers = self.callers.get_or_insert_with(|| callers(collector, standing, lessons));
        self.servers.entry(endpoint).or_insert_with(|| {
            let known = collector.servers.get(&endpoint).cloned();
            let mut server = known.unwrap_or_else(|| unknown_server(endpoint));
            if let Some(lessons) = lessons.servers.get(&endpoint) {
                merge_load(&mut server.load, lessons.load.clone());
                server.merge(lessons.clone());
            }
            let windows = windows_of(collector.servers.len());
            let Callers { silent, standing } = callers.remove(&endpoint).unwrap_or_default();
            silent.iter().for_each(|connection| learn_load(&mut server, connection, windows));
            for connection in standing {
                learn_transport(&mut server, connection);
                learn_load(&mut server, connection, windows);
                if connection.tds.recognized {
                    learn_dialogue(&mut server, connection);
                }
            }
            let votes = collector.taken_at.1.get(&endpoint).copied().unwrap_or_default();
            settle_server(&mut server, &votes, only_clients);
            server
        })
    }
}

/// Connections that are learnt from when somebody asks about their server.
fn callers<'a>(
    collector: &'a Collector,
    standing: &'a [Held],
    lessons: &Lessons,
) -> HashMap<Endpoint, Callers<'a>> {
    let mut callers: HashMap<Endpoint, Callers<'a>> = HashMap::new();
    for connection in &collector.silent {
        step(1);
        callers.entry(connection.server).or_default().silent.push(connection);
    }
    for connection in standing {
        step(1);
        if !lessons.have(connection) {
            callers.entry(connection.server).or_default().standing.push(connection);
        }
    }
    callers
}
