//! Where redirected clients went.

use std::net::IpAddr;

use crate::facts::{ConnectionFacts, FollowedFact};

/// Calls remembered by a shard.
const REMEMBERED: usize = 1 << 12;
/// A redirected client connects to the target at once; drivers give up after their login timeout, in nanoseconds.
const SOON: i64 = 60_000_000_000;

/// Connections by client and port of the server, in the order of their first packets once they are settled.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    made: Vec<(IpAddr, u16, FollowedFact)>,
}

impl Calls {
    /// Remembers a connection.
    pub(super) fn note(&mut self, connection: &ConnectionFacts) {
        if self.made.len() < REMEMBERED {
            let call = FollowedFact {
                moment: connection.first,
                server: connection.server,
                logged_in: connection.tds.logged_in.is_some(),
            };
            self.made.push((connection.client.ip, connection.server.port, call));
        }
    }

    /// Takes in those of another part of the capture.
    pub(super) fn merge(&mut self, other: Self) {
        self.made.extend(other.made);
    }

    /// Puts them in order; to be done before anybody is followed.
    pub(super) fn settle(&mut self) {
        self.made.sort_unstable();
    }

    /// Says of a redirected connection where its client went next: the target has another address, or another port.
    pub(super) fn follow(&self, connection: &mut ConnectionFacts) {
        let (client, server) = (connection.client.ip, connection.server);
        let Some(routing) = &mut connection.tds.routing else { return };
        let first = FollowedFact { moment: routing.moment, server, logged_in: false };
        let begin = self.made.partition_point(|call| *call < (client, routing.port, first));
        let soon = |(ip, port, call): &&(IpAddr, u16, FollowedFact)| {
            let near = call.moment.time.since(routing.moment.time) <= SOON;
            *ip == client && *port == routing.port && near
        };
        let later = self.made.iter().skip(begin).take_while(soon);
        routing.followed = later.map(|(_, _, call)| *call).find(|call| call.server != server);
    }
}
