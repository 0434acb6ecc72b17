//! Where redirected clients went.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::{ConnectionFacts, FollowedFact};

/// Calls remembered of all clients of a shard.
const REMEMBERED: usize = 1 << 14;
/// A redirected client connects to the target at once; drivers give up after their login timeout, in nanoseconds.
const SOON: i64 = 60_000_000_000;

/// Connections by client and port of the server, in order of their first packets.
#[derive(Debug, Default)]
pub(super) struct Calls {
    made: BTreeMap<(IpAddr, u16), BTreeSet<FollowedFact>>,
    count: usize,
}

impl Calls {
    /// Remembers a connection.
    pub(super) fn note(&mut self, connection: &ConnectionFacts) {
        if self.count >= REMEMBERED {
            return;
        }
        self.count += 1;
        let call = FollowedFact {
            moment: connection.first,
            server: connection.server,
            logged_in: connection.tds.logged_in.is_some(),
        };
        self.made.entry((connection.client.ip, connection.server.port)).or_default().insert(call);
    }

    /// Takes in those of another part of the capture.
    pub(super) fn merge(&mut self, other: Self) {
        for (pair, calls) in other.made {
            self.count += calls.len();
            self.made.entry(pair).or_default().extend(calls);
        }
    }

    /// Says of a redirected connection where its client went next: the target has another address, or another port.
    pub(super) fn follow(&self, connection: &mut ConnectionFacts) {
        let server = connection.server;
        let Some(routing) = &mut connection.tds.routing else { return };
        let Some(calls) = self.made.get(&(connection.client.ip, routing.port)) else { return };
        let first = FollowedFact { moment: routing.moment, server, logged_in: false };
        let soon = |call: &&FollowedFact| call.moment.time.since(routing.moment.time) <= SOON;
        let elsewhere = calls.range(first..).take_while(soon).find(|call| call.server != server);
        routing.followed = elsewhere.copied();
    }
}
