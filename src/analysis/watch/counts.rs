//! Counts that only rise, over all periods of a watch.

use std::collections::{BTreeMap, BTreeSet};

use super::super::learning::unknown_server;
use super::super::load::learn_load;
use super::Watch;
use crate::analysis::Analysis;
use crate::facts::{Endpoint, LoadWindow, LoginCounts, ServerFacts};
use crate::steps::step;

/// Pairs of server and rule that failures are counted of; those of more servers are counted as nobody's.
const PAIRS: usize = 1 << 12;

/// What a watch counted since it began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    /// TCP connections of any kind.
    pub connections: u64,
    /// Connections, and other flows, that are known at the moment.
    pub known: u64,
    /// Logins accepted.
    pub logged_in: u64,
    /// Connections that failed, as far as is known by now.
    pub failed: u64,
    /// Connections of which it was told that they failed, and that they did not after all.
    pub withdrawn: u64,
}

/// What a watch counted of one listener that is taken for a SQL Server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerCounts {
    /// Logins accepted.
    pub succeeded: u64,
    /// Connections that failed, by the slug of the rule that was told first; those that were withdrawn are among them.
    pub failed: BTreeMap<&'static str, u64>,
    /// SYNs, answers and latencies of connections that are over, in all.
    pub load: LoadWindow,
}

impl ServerCounts {
    /// Takes in what was counted of another listener.
    fn absorb(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        for (slug, count) in &other.failed {
            *self.failed.entry(slug).or_default() += count;
        }
        self.load.absorb(&other.load);
    }
}

/// Where failures are counted, and what earlier periods counted.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    failed: BTreeMap<(Endpoint, &'static str), u64>,
    told: u64,
    withdrawn: u64,
    /// What closed periods counted, by listener; failures apart.
    before: BTreeMap<Endpoint, ServerCounts>,
    /// Listeners that were forgotten, in all.
    forgotten: ServerCounts,
    logged_in: u64,
}

impl Ledger {
    /// Counts a connection that failed.
    pub(super) fn failed(&mut self, server: Endpoint, slug: &'static str) {
        self.told += 1;
        let known = self.failed.len();
        match self.failed.get_mut(&(server, slug)) {
            Some(count) => *count += 1,
            None if known < PAIRS => {
                self.failed.insert((server, slug), 1);
            }
            None => *self.forgotten.failed.entry(slug).or_default() += 1,
        }
    }

    /// Counts a connection that did not fail after all.
    pub(super) fn withdrawn(&mut self) {
        self.withdrawn += 1;
    }

    /// Takes in what was counted by the end of a period: of `servers` until then, and what judging it added. Listeners that
    /// were not heard in it are forgotten, and counted together from then on.
    pub(super) fn close(
        &mut self,
        servers: BTreeMap<Endpoint, ServerCounts>,
        analysis: &Analysis,
        heard: &BTreeSet<Endpoint>,
    ) {
        self.logged_in += analysis.totals.logged_in;
        let Self { failed, before, forgotten, .. } = self;
        let earlier = std::mem::take(before);
        for (server, mut counted) in servers {
            if heard.contains(&server) {
                let judged = analysis.servers.iter().find(|facts| facts.endpoint == server);
                let earlier = earlier.get(&server).map_or(0, |counted| counted.succeeded);
                let all = earlier + judged.map_or(0, |facts| facts.logins.succeeded);
                counted.succeeded = counted.succeeded.max(all);
                counted.failed.clear();
                before.insert(server, counted);
            } else {
                forgotten.absorb(&counted);
                failed.retain(|(of, _), _| *of != server);
            }
        }
    }
}

impl Watch {
    /// What was counted since the watch began.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Self { counts, shard, .. } = self;
        Counts {
            connections: shard.counts().connections,
            known: shard.known() as u64,
            logged_in: counts.logged_in + shard.collector.totals.logged_in,
            failed: counts.told - counts.withdrawn,
            withdrawn: counts.withdrawn,
        }
    }

    /// What was counted of each listener that is taken for a SQL Server.
    #[must_use]
    pub fn servers(&self) -> BTreeMap<Endpoint, ServerCounts> {
        let Self { counts, shard, known, .. } = self;
        let collector = &shard.collector;
        let mut servers = counts.before.clone();
        for (endpoint, facts) in &collector.servers {
            step(1);
            let LoginCounts { attempted, succeeded, .. } = facts.logins;
            let ours = attempted > 0 || facts.spoke_tds.is_some() || facts.announced.is_some();
            if ours || known.has(endpoint.port) {
                let counted = servers.entry(*endpoint).or_default();
                counted.succeeded += succeeded;
                absorb(&mut counted.load, &facts.load);
            }
        }
        // Those that are held to the end are counted there.
        let mut silent: BTreeMap<Endpoint, ServerFacts> = BTreeMap::new();
        for connection in &collector.silent {
            step(1);
            if servers.contains_key(&connection.server) {
                let of = silent.entry(connection.server);
                learn_load(of.or_insert_with(|| unknown_server(connection.server)), connection, 1);
            }
        }
        for (endpoint, facts) in silent {
            absorb(&mut servers.entry(endpoint).or_default().load, &facts.load);
        }
        for ((server, slug), count) in &counts.failed {
            servers.entry(*server).or_default().failed.insert(slug, *count);
        }
        servers
    }

    /// What was counted of listeners that were forgotten, since nobody called them for a period, in all.
    #[must_use]
    pub fn forgotten(&self) -> &ServerCounts {
        &self.counts.forgotten
    }
}

fn absorb(sum: &mut LoadWindow, windows: &[LoadWindow]) {
    windows.iter().for_each(|window| sum.absorb(window));
}
