//! When logins succeeded: what parts two failures of one client into two logins.

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::facts::{ConnectionFacts, Endpoint, Time};
use crate::steps::step;

/// Successes remembered of all clients of a shard; beyond it two failures in a row count as retries of one login.
const REMEMBERED: usize = 1 << 14;

/// The beginnings of connections that logged in, by client and server: of each pair in order, each once. Nothing is ever
/// read in the order of the pairs.
#[derive(Debug, Clone, Default)]
pub(super) struct Successes {
    begun: HashMap<(IpAddr, Endpoint), Vec<Time>>,
    count: usize,
}

impl Successes {
    /// Remembers a login that succeeded.
    pub(super) fn note(&mut self, connection: &ConnectionFacts) {
        if self.count < REMEMBERED {
            let pair = (connection.client.ip, connection.server);
            self.count += usize::from(insert(self.begun.entry(pair).or_default(), connection.first.time));
        }
    }

    /// Takes in those of another part of the capture.
    pub(super) fn merge(&mut self, other: Self) {
        for (pair, mut times) in other.begun {
            step(1);
            self.count += times.len();
            let known = self.begun.entry(pair).or_default();
            if known.is_empty() {
                *known = times;
            } else {
                known.append(&mut times);
                known.sort(); // two runs that are in order: they are merged
                known.dedup();
            }
        }
    }

    /// Whether a login of this client to this server began between two times and succeeded.
    pub(super) fn between(&self, client: IpAddr, server: Endpoint, after: Time, before: Time) -> bool {
        let Some(begun) = self.begun.get(&(client, server)) else { return false };
        let next = begun.partition_point(|time| *time < after);
        begun.get(next).is_some_and(|time| *time < before)
    }
}

/// Keeps the times in order, each once; whether this one is new. Most come in order.
fn insert(times: &mut Vec<Time>, time: Time) -> bool {
    if times.last().is_none_or(|last| *last < time) {
        times.push(time);
        return true;
    }
    let place = times.binary_search(&time);
    if let Err(index) = place {
        times.insert(index, time);
    }
    place.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::case::Connection;

    fn at(seconds: &[i64]) -> (Successes, ConnectionFacts) {
        let mut facts = Connection::accepted().facts;
        let mut successes = Successes::default();
        for seconds in seconds {
            facts.first.time = Time(*seconds);
            successes.note(&facts);
        }
        (successes, facts)
    }

    #[test]
    fn a_success_lies_between_two_times_or_on_the_first() {
        // Noted out of order, and one of them twice.
        let (successes, facts) = at(&[30, 10, 20, 30, 10]);
        let between =
            |after, before| successes.between(facts.client.ip, facts.server, Time(after), Time(before));
        assert_eq!(successes.count, 3);
        assert!(between(10, 11) && between(15, 21) && between(0, 100));
        assert!(!between(11, 20) && !between(31, 40) && !between(0, 10) && !between(20, 20));
        assert!(!successes.between(facts.server.ip, facts.server, Time(0), Time(100)));
    }

    #[test]
    fn parts_are_the_whole() {
        let (mut successes, facts) = at(&[10, 40]);
        successes.merge(at(&[20, 40]).0);
        assert_eq!(successes.begun[&(facts.client.ip, facts.server)], [Time(10), Time(20), Time(40)]);
    }
}
