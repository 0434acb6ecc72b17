//! What two parts of a capture teach about one listener is what the whole teaches: the order of the parts does not
//! matter. Load windows are merged where their length is decided.

use std::collections::BTreeMap;

use super::server::earlier;
use super::{
    Accepts, DheFacts, HostTtl, LoginCounts, OtherHandshakes, Refuses, Seen, ServerFacts, ShortValues,
};

/// Failed DHE handshakes kept for a pair.
const FAILURES: usize = 32;

impl ServerFacts {
    /// Takes in what another part of the capture teaches; `load` and `taken_at` stay as they are.
    pub fn merge(&mut self, other: Self) {
        self.spoke_tds = earlier(self.spoke_tds, other.spoke_tds);
        self.announced = earlier_of(self.announced.take(), other.announced, |(at, _)| *at);
        self.build = earlier_of(self.build, other.build, |(_, at)| *at);
        self.accepts.merge(other.accepts);
        self.refuses.merge(other.refuses);
        self.largest_hello = match (self.largest_hello, other.largest_hello) {
            (Some((len, at)), Some((more, there))) if (more, at) > (len, there) => Some((more, there)),
            (mine, theirs) => mine.or(theirs),
        };
        self.certificate = match (self.certificate.take(), other.certificate) {
            (Some(mine), Some(theirs)) if theirs.moment > mine.moment => Some(theirs),
            (mine, theirs) => mine.or(theirs),
        };
        self.logins.merge(other.logins);
        self.strict_seen = earlier(self.strict_seen, other.strict_seen);
        self.clear_prelogin_answered = earlier(self.clear_prelogin_answered, other.clear_prelogin_answered);
        self.accepted.merge(&other.accepted);
        self.foreign_reset = earlier(self.foreign_reset, other.foreign_reset);
        self.ttl = match (self.ttl, other.ttl) {
            (Some(mine), Some(theirs)) => Some(HostTtl {
                low: mine.low.min(theirs.low),
                high: mine.high.max(theirs.high),
                first: mine.first.min(theirs.first),
            }),
            (mine, theirs) => mine.or(theirs),
        };
        self.unheard += other.unheard;
        for (ip, count) in other.probes {
            *self.probes.entry(ip).or_default() += count;
        }
        for (pair, theirs) in other.dhe {
            match self.dhe.entry(pair) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(theirs);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(theirs),
            }
        }
        for (ip, theirs) in other.other_handshakes {
            self.other_handshakes.entry(ip).or_default().merge(theirs);
        }
    }
}

impl Accepts {
    fn merge(&mut self, other: Self) {
        merge_seen(&mut self.versions, other.versions);
        merge_seen(&mut self.suites, other.suites);
        merge_seen(&mut self.groups, other.groups);
        merge_seen(&mut self.signatures, other.signatures);
        self.extended_master_secret = both(self.extended_master_secret, other.extended_master_secret);
    }
}

impl Refuses {
    fn merge(&mut self, other: Self) {
        merge_seen(&mut self.versions, other.versions);
        merge_seen(&mut self.suites, other.suites);
        self.extended_master_secret = both(self.extended_master_secret, other.extended_master_secret);
        self.hellos = both(self.hellos, other.hellos);
    }
}

impl LoginCounts {
    fn merge(&mut self, other: Self) {
        self.attempted += other.attempted;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
    }
}

impl DheFacts {
    fn merge(&mut self, other: Self) {
        self.handshakes += other.handshakes;
        self.short_values += other.short_values;
        self.failed += other.failed;
        self.failed_short += other.failed_short;
        self.short_client.merge(other.short_client);
        self.short_server.merge(other.short_server);
        self.failures.extend(other.failures);
        self.failures.sort_by_key(|failure| failure.at);
        self.failures.truncate(FAILURES);
        self.probability = self.probability.max(other.probability);
        self.first = self.first.min(other.first);
    }
}

impl ShortValues {
    fn merge(&mut self, other: Self) {
        self.handshakes += other.handshakes;
        self.failed += other.failed;
    }
}

impl OtherHandshakes {
    fn merge(&mut self, other: Self) {
        self.handshakes += other.handshakes;
        self.failed += other.failed;
        self.first_completed = earlier(self.first_completed, other.first_completed);
    }
}

impl Seen {
    fn merge(self, other: Self) -> Self {
        Self { count: self.count + other.count, first: self.first.min(other.first) }
    }
}

fn merge_seen<K: Ord>(mine: &mut BTreeMap<K, Seen>, theirs: BTreeMap<K, Seen>) {
    for (key, seen) in theirs {
        mine.entry(key).and_modify(|known| *known = known.merge(seen)).or_insert(seen);
    }
}

fn both(mine: Option<Seen>, theirs: Option<Seen>) -> Option<Seen> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => Some(mine.merge(theirs)),
        (mine, theirs) => mine.or(theirs),
    }
}

fn earlier_of<T, K: Ord>(mine: Option<T>, theirs: Option<T>, at: impl Fn(&T) -> K) -> Option<T> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) if at(&theirs) < at(&mine) => Some(theirs),
        (mine, theirs) => mine.or(theirs),
    }
}
