//! When logins succeeded: what parts two failures of one client into two logins.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::{ConnectionFacts, Endpoint, Time};

/// Successes remembered of all clients of a shard; beyond it two failures in a row count as retries of one login.
const REMEMBERED: usize = 1 << 14;

/// The beginnings of connections that logged in, by client and server.
#[derive(Debug, Default)]
pub(super) struct Successes {
    begun: BTreeMap<(IpAddr, Endpoint), BTreeSet<Time>>,
    count: usize,
}

impl Successes {
    /// Remembers a login that succeeded.
    pub(super) fn note(&mut self, connection: &ConnectionFacts) {
        if self.count < REMEMBERED {
            let pair = (connection.client.ip, connection.server);
            self.count += usize::from(self.begun.entry(pair).or_default().insert(connection.first.time));
        }
    }

    /// Takes in those of another part of the capture.
    pub(super) fn merge(&mut self, other: Self) {
        for (pair, times) in other.begun {
            self.count += times.len();
            self.begun.entry(pair).or_default().extend(times);
        }
    }

    /// Whether a login of this client to this server began between two times and succeeded.
    pub(super) fn between(&self, client: IpAddr, server: Endpoint, after: Time, before: Time) -> bool {
        let begun = self.begun.get(&(client, server));
        after < before && begun.is_some_and(|begun| begun.range(after..before).next().is_some())
    }
}
