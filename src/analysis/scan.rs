//! Port scans: who calls many ports of a host and says nothing is not logging in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::collector::Collector;
use crate::facts::ConnectionFacts;

/// Ports of one host that a client called without a word, from which on it is a scan. Monitoring looks at a handful
/// of services; a scan takes hundreds (`nmap` by default a thousand).
const PORTS: usize = 16;

/// Who scans whom.
#[derive(Debug)]
pub(super) struct Scans(BTreeSet<(IpAddr, IpAddr)>);

impl Scans {
    /// What the connections in which nothing was said show. A client that speaks TDS is taken at its word: its
    /// refused connections are logins that failed.
    pub(super) fn among(collector: &Collector) -> Self {
        let mut ports: BTreeMap<(IpAddr, IpAddr), BTreeSet<u16>> = BTreeMap::new();
        for connection in &collector.silent {
            let called = ports.entry(ends(connection)).or_default();
            if called.len() < PORTS {
                called.insert(connection.server.port);
            }
        }
        let scans = |((client, server), called): ((IpAddr, IpAddr), BTreeSet<u16>)| {
            (called.len() >= PORTS && !collector.clients.contains(&client)).then_some((client, server))
        };
        Self(ports.into_iter().filter_map(scans).collect())
    }

    /// Whether the connection is part of one.
    pub(super) fn have(&self, connection: &ConnectionFacts) -> bool {
        self.0.contains(&ends(connection))
    }
}

fn ends(connection: &ConnectionFacts) -> (IpAddr, IpAddr) {
    (connection.client.ip, connection.server.ip)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analysis::{Settings, judge};
    use crate::facts::{CaptureFacts, Side};
    use crate::rules::tests::case::{CLIENT, Connection};
    use crate::session::KnownPorts;
    use crate::stream::TableCounts;

    /// Refused connections of one client to so many ports, 1433 the last of them; what is said of them.
    fn verdicts(ports: u16, client_speaks: bool) -> u64 {
        let mut collector = Collector::new(Settings::default(), Arc::new(KnownPorts::default()));
        if client_speaks {
            collector.clients.insert(CLIENT);
        }
        for (id, port) in (1..).zip((1434 - ports)..1434) {
            let refused = Connection::numbered(id).reset(Side::Server);
            collector.connection(refused.with(|facts| facts.server.port = port).facts);
        }
        judge::judge(collector, vec![CaptureFacts::default()], TableCounts::default()).totals.failed
    }

    #[test]
    fn a_scan_is_no_login() {
        assert_eq!(verdicts(16, false), 0);
        assert_eq!(verdicts(1000, false), 0);
    }

    #[test]
    fn a_handful_of_ports_is_no_scan() {
        assert_eq!(verdicts(1, false), 1);
        assert_eq!(verdicts(15, false), 1);
    }

    #[test]
    fn who_speaks_tds_does_not_scan() {
        assert_eq!(verdicts(1000, true), 1);
    }

    #[test]
    fn calling_one_port_often_is_no_scan() {
        let mut collector = Collector::new(Settings::default(), Arc::new(KnownPorts::default()));
        for id in 1..100 {
            collector.connection(Connection::numbered(id).reset(Side::Server).facts);
        }
        assert_eq!(judge::judge(collector, Vec::new(), TableCounts::default()).totals.failed, 99);
    }
}
