//! Port scans: what calls many ports of one host within seconds is no login.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::ConnectionFacts;
use crate::steps::step;

/// Ports of one host, called by one client within [`SPAN`] to twice that, that make a scan.
const PORTS: usize = 20;
/// Length of the stretches in which ports are counted, in nanoseconds: 10 s.
const SPAN: i64 = 10_000_000_000;
/// Stretches kept by a shard; more are not looked at.
const KEPT: usize = 1 << 12;

/// Which ports were called by connections in which nothing was said, by client, host and stretch of time.
#[derive(Debug, Clone, Default)]
pub(super) struct Scans {
    called: BTreeMap<(IpAddr, IpAddr, i64), BTreeSet<u16>>,
}

impl Scans {
    /// Notes a connection in which nothing was said.
    pub(super) fn note(&mut self, connection: &ConnectionFacts) {
        let key = key(connection, 0);
        if self.called.len() >= KEPT && !self.called.contains_key(&key) {
            return;
        }
        let ports = self.called.entry(key).or_default();
        if ports.len() < PORTS {
            ports.insert(connection.server.port);
        }
    }

    /// Takes in what another part of the capture called.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, ports) in other.called {
            step(1);
            let known = self.called.entry(key).or_default();
            known.extend(ports);
            while known.len() > PORTS {
                step(1);
                known.pop_last();
            }
        }
    }

    /// Whether it is one of a scan.
    pub(super) fn has(&self, connection: &ConnectionFacts) -> bool {
        let ports = |step| self.called.get(&key(connection, step));
        let [before, now, after] = [ports(-1), ports(0), ports(1)];
        let together = |one: Option<&BTreeSet<u16>>, other: Option<&BTreeSet<u16>>| {
            let (one, other) = (one.into_iter().flatten(), other.into_iter().flatten());
            one.chain(other).collect::<BTreeSet<_>>().len() >= PORTS
        };
        // Most calls are to a port or two.
        let many = |one: Option<&BTreeSet<u16>>, other: Option<&BTreeSet<u16>>| {
            one.map_or(0, BTreeSet::len) + other.map_or(0, BTreeSet::len) >= PORTS && together(one, other)
        };
        many(before, now) || many(now, after)
    }
}

fn key(connection: &ConnectionFacts, step: i64) -> (IpAddr, IpAddr, i64) {
    let stretch = connection.first.time.0.div_euclid(SPAN).saturating_add(step);
    (connection.client.ip, connection.server.ip, stretch)
}
