//! What many connections teach about one listener.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{CertificateFacts, Endpoint, LoadWindow, Moment, TakenAt, Time};
use crate::tds::ProductBuild;
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// One listener: address and port.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFacts {
    /// Address and port.
    pub endpoint: Endpoint,
    /// Why it is taken for a SQL Server: TDS was spoken there.
    pub spoke_tds: Option<Moment>,
    /// The SQL Browser announced this port, and the instance it named.
    pub announced: Option<(Moment, String)>,
    /// Product build from PRELOGIN.
    pub build: Option<(ProductBuild, Moment)>,
    /// What it was seen to accept.
    pub accepts: Accepts,
    /// What it said that it refuses.
    pub refuses: Refuses,
    /// The longest ClientHello that it answered with ServerHello, in bytes, and where.
    pub largest_hello: Option<(u32, Moment)>,
    /// Its certificate, as last seen in clear.
    pub certificate: Option<CertificateFacts>,
    /// Logins.
    pub logins: LoginCounts,
    /// It completed a TLS-first (TDS 8.0) handshake.
    pub strict_seen: Option<Moment>,
    /// It answered a clear PRELOGIN.
    pub clear_prelogin_answered: Option<Moment>,
    /// When it accepted connections.
    pub accepted: AcceptSpans,
    /// The first RST in its name, or in a client's towards it, that another machine sent (by its TTL): a device
    /// in the path resets, so other RSTs may be its work too.
    pub foreign_reset: Option<Moment>,
    /// TTL of its packets, RST excluded, on connections that it accepted.
    pub ttl: Option<HostTtl>,
    /// Where its connections were captured.
    pub taken_at: TakenAt,
    /// Connections that went on without a single packet of the server in the capture: its direction is not
    /// recorded, so that its silence means nothing.
    pub unheard: u64,
    /// Connections that were opened and closed without a byte, by source: health checks.
    pub probes: BTreeMap<IpAddr, u64>,
    /// SYNs, answers, failures and latencies over time.
    pub load: Vec<LoadWindow>,
    /// DHE handshakes, by client and prime length in bits.
    pub dhe: BTreeMap<(IpAddr, u16), DheFacts>,
    /// Handshakes without DHE, by client.
    pub other_handshakes: BTreeMap<IpAddr, OtherHandshakes>,
}

impl ServerFacts {
    /// SYNs, in all, that make a flood of a listener of which nothing else is known.
    const FLOOD: u64 = 1000;

    /// A listener that is called very often, and with which nobody gets as far as a byte: SYNs, and how many of them it
    /// accepted.
    #[must_use]
    pub fn flooded(&self) -> Option<(u64, u64)> {
        let sum = |of: fn(&LoadWindow) -> u64| self.load.iter().map(of).sum::<u64>();
        let (syns, accepted) = (sum(|window| window.syns), sum(|window| window.accepted));
        let silent = self.spoke_tds.is_none() && self.logins.attempted == 0 && self.probes.is_empty();
        (silent && syns >= Self::FLOOD).then_some((syns, accepted))
    }

    /// When a SYN was accepted at most [`AcceptSpans::NEAR`] from `time`: the nearest accepted SYN that is remembered.
    /// In a long capture that may lie farther away than the nearest there was.
    #[must_use]
    pub fn accepted_near(&self, time: Time) -> Option<Moment> {
        let (first, last) = self.accepted.around(time)?;
        // Windows are in order, and so are the SYNs in them: the nearest is one of those on both sides. Of the windows that
        // begin before it is two, since the SYN of the nearest may come after it.
        let begun = self.load.partition_point(|window| window.start <= time);
        let (before, after) = self.load.split_at_checked(begun).unwrap_or_default();
        let before = before.iter().rev().filter_map(|window| window.first_accepted).take(2);
        let after = after.iter().filter_map(|window| window.first_accepted).take(1);
        before.chain(after).chain([first, last]).min_by_key(|at| (at.time.since(time).saturating_abs(), *at))
    }
}

/// Something seen, how often, and where first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// Where first.
    #[serde(flatten)]
    pub first: Moment,
}

/// What a server was seen to choose. Keys in order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepts {
    /// Versions in its ServerHellos.
    pub versions: BTreeMap<ProtocolVersion, Seen>,
    /// Suites in its ServerHellos.
    pub suites: BTreeMap<CipherSuite, Seen>,
    /// Groups it used.
    pub groups: BTreeMap<NamedGroup, Seen>,
    /// Schemes it signed with.
    pub signatures: BTreeMap<SignatureScheme, Seen>,
    /// ServerHellos of TLS 1.2 and older with the extended master secret (RFC 7627).
    pub extended_master_secret: Option<Seen>,
}

/// What a server refused, by its own words: alerts in answer to a ClientHello, and what it left out of a
/// ServerHello. A close without a word refuses something, but does not say what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refuses {
    /// Versions of offers that it answered with alert 70 (`protocol_version`): none of them will do.
    pub versions: BTreeMap<ProtocolVersion, Seen>,
    /// Suites of offers that it answered with alert 71 (`insufficient_security`): none of them will do.
    pub suites: BTreeMap<CipherSuite, Seen>,
    /// ServerHellos without the extended master secret, to clients that have it.
    pub extended_master_secret: Option<Seen>,
    /// ClientHellos that it ended the connection after, with an alert or without a word.
    pub hellos: Option<Seen>,
}

/// Logins at one server. A login is one connection that sent one, or would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct LoginCounts {
    /// Connections that tried.
    pub attempted: u64,
    /// Accepted.
    pub succeeded: u64,
    /// Ended or stalled by an error.
    pub failed: u64,
}

/// Stretches of time in which a listener accepted connections. Two accepted SYNs at most `2 * NEAR` apart
/// lie in one stretch, so that every point of a stretch lies within `NEAR` of an accepted SYN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptSpans {
    /// First and last accepted SYN of each stretch, in order, not overlapping.
    pub spans: Vec<(Moment, Moment)>,
}

impl AcceptSpans {
    /// "At about the same time" of rule R6: 30 s.
    pub const NEAR: i64 = 30_000_000_000;
    /// Most stretches kept: a minute apart at least, so more than two days before old ones are joined.
    const MAX: usize = 4096;

    /// Notes an accepted SYN.
    pub fn accept(&mut self, at: Moment) {
        let index = self.spans.partition_point(|(_, last)| last.time < at.time);
        let joins_next =
            self.spans.get(index).is_some_and(|(first, _)| first.time.since(at.time) <= 2 * Self::NEAR);
        let joins_previous = index
            .checked_sub(1)
            .and_then(|previous| self.spans.get(previous))
            .is_some_and(|(_, last)| at.time.since(last.time) <= 2 * Self::NEAR);
        match (joins_previous, joins_next) {
            (true, true) => {
                let (_, end) = self.spans.remove(index);
                if let Some(span) = self.spans.get_mut(index - 1) {
                    span.1 = span.1.max(end).max(at);
                }
            }
            (true, false) => {
                if let Some(span) = self.spans.get_mut(index - 1) {
                    span.1 = span.1.max(at);
                }
            }
            (false, true) => {
                if let Some(span) = self.spans.get_mut(index) {
                    span.0 = span.0.min(at);
                }
            }
            (false, false) if self.spans.len() < Self::MAX => self.spans.insert(index, (at, at)),
            (false, false) => {
                if let Some(span) = self.spans.last_mut() {
                    span.1 = span.1.max(at);
                }
            }
        }
    }

    /// First and last accepted SYN of the stretch that `time` lies in or within [`Self::NEAR`] of, if there is one:
    /// then a SYN was accepted at most that far from `time`.
    #[must_use]
    pub fn around(&self, time: Time) -> Option<(Moment, Moment)> {
        let near = |(first, last): &&(Moment, Moment)| {
            first.time.since(time) <= Self::NEAR && time.since(last.time) <= Self::NEAR
        };
        self.spans.iter().find(near).copied()
    }

    /// The first accepted SYN of all.
    #[must_use]
    pub fn first(&self) -> Option<Moment> {
        self.spans.first().map(|(first, _)| *first)
    }

    /// Takes in the stretches of another part of the capture.
    pub fn merge(&mut self, other: &Self) {
        for (first, last) in &other.spans {
            self.accept(*first);
            self.accept(*last);
            // The stretch between them is one, however long.
            let low = self.spans.partition_point(|(_, end)| end.time < first.time);
            let high = self.spans.partition_point(|(start, _)| start.time <= last.time);
            if high > low + 1 {
                let end = self.spans.get(high - 1).map_or(*last, |span| span.1);
                self.spans.drain(low + 1..high);
                if let Some(span) = self.spans.get_mut(low) {
                    span.1 = span.1.max(end);
                }
            }
        }
    }
}

/// The earlier of two moments, when there are any.
pub(super) fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// TTL or hop limit with which a host's packets arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostTtl {
    /// Smallest.
    pub low: u8,
    /// Largest.
    pub high: u8,
    /// The first SYN-ACK that showed it.
    pub first: Moment,
}

/// DHE handshakes of one client with one server and prime length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DheFacts {
    /// Handshakes that reached ClientKeyExchange.
    pub handshakes: u64,
    /// Of these, how many had a public value that begins with a zero byte or is sent short.
    pub short_values: u64,
    /// Those that died between ClientKeyExchange and the first application data.
    pub failed: u64,
    /// Failed ones with a short value.
    pub failed_short: u64,
    /// The same for the client's value (Yc) alone.
    pub short_client: ShortValues,
    /// The same for the server's value (Ys) alone.
    pub short_server: ShortValues,
    /// The failed ones, the first 32.
    pub failures: Vec<DheFailure>,
    /// From the primes seen: how often a shared secret begins with a zero byte.
    pub probability: f64,
    /// Where first.
    pub first: Moment,
}

/// Handshakes in which the public value of one end begins with a zero byte or is sent short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShortValues {
    /// Handshakes that reached ClientKeyExchange.
    pub handshakes: u64,
    /// Those of them that died.
    pub failed: u64,
}

impl ShortValues {
    /// Counts a handshake.
    pub fn note(&mut self, short: bool, died: bool) {
        self.handshakes += u64::from(short);
        self.failed += u64::from(short && died);
    }
}

/// Handshakes of one client with one server that agreed on another key exchange than DHE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtherHandshakes {
    /// Handshakes that reached ClientKeyExchange.
    pub handshakes: u64,
    /// Those that died between ClientKeyExchange and the first application data.
    pub failed: u64,
    /// The ClientKeyExchange of the first that did not die.
    pub first_completed: Option<Moment>,
}

/// One DHE handshake that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DheFailure {
    /// Connection id.
    pub connection: u64,
    /// The ClientKeyExchange.
    pub at: Moment,
    /// A public value began with a zero byte or was sent short.
    pub short: bool,
}

/// What was asked of a SQL Browser (UDP 1434).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserFacts {
    /// Who asked.
    pub client: Endpoint,
    /// Whom.
    pub server: Endpoint,
    /// The instance asked for; empty for all.
    pub instance: String,
    /// The first request.
    pub asked: Moment,
    /// How often it was asked.
    pub requests: u32,
    /// The answer.
    pub answered: Option<Moment>,
    /// The answer did not have the instance asked for.
    pub instance_missing: bool,
    /// Another answer says otherwise about the instance: one of the two is forged, or of another Browser.
    pub contradicted: Option<Moment>,
    /// An ICMP error answered.
    pub icmp: Option<Moment>,
    /// Sent to a broadcast or multicast address: an answer from elsewhere counts.
    pub broadcast: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::At;

    /// Nanoseconds of a second.
    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: i64) -> Moment {
        Moment { time: Time(seconds * SECOND), at: At::new(0, u64::try_from(seconds).unwrap() + 1) }
    }

    fn spans(accepted: &[i64]) -> AcceptSpans {
        let mut spans = AcceptSpans::default();
        for seconds in accepted {
            spans.accept(at(*seconds));
        }
        spans
    }

    fn bounds(spans: &AcceptSpans) -> Vec<(i64, i64)> {
        spans.spans.iter().map(|(first, last)| (first.time.0 / SECOND, last.time.0 / SECOND)).collect()
    }

    #[test]
    fn two_accepted_syns_a_minute_apart_are_one_stretch() {
        assert_eq!(bounds(&spans(&[0, 60, 120])), [(0, 120)]);
        assert_eq!(bounds(&spans(&[0, 61, 122])), [(0, 0), (61, 61), (122, 122)]);
    }

    #[test]
    fn the_order_in_which_they_are_noted_does_not_matter() {
        let forwards = spans(&[0, 50, 100, 400, 450, 1000]);
        assert_eq!(bounds(&forwards), [(0, 100), (400, 450), (1000, 1000)]);
        for order in
            [[1000, 450, 400, 100, 50, 0], [50, 400, 0, 1000, 100, 450], [100, 0, 450, 1000, 400, 50]]
        {
            assert_eq!(spans(&order), forwards, "{order:?}");
        }
    }

    #[test]
    fn one_between_two_stretches_joins_them() {
        let mut joined = spans(&[0, 100]);
        assert_eq!(bounds(&joined), [(0, 0), (100, 100)]);
        joined.accept(at(50));
        assert_eq!(bounds(&joined), [(0, 100)]);
    }

    #[test]
    fn near_is_thirty_seconds_before_or_after() {
        let spans = spans(&[100, 150, 500]);
        let found = |seconds: i64| {
            let (first, last) = spans.around(Time(seconds * SECOND))?;
            Some((first.time.0 / SECOND, last.time.0 / SECOND))
        };
        assert_eq!(found(69), None);
        assert_eq!(found(70), Some((100, 150)));
        assert_eq!(found(125), Some((100, 150)));
        assert_eq!(found(180), Some((100, 150)));
        assert_eq!(found(181), None);
        assert_eq!(found(530), Some((500, 500)));
        assert_eq!(AcceptSpans::default().around(Time(0)), None);
    }

    #[test]
    fn the_first_is_the_earliest() {
        assert_eq!(spans(&[500, 100]).first(), Some(at(100)));
        assert_eq!(AcceptSpans::default().first(), None);
    }

    #[test]
    fn stretches_kept_are_bounded_and_the_last_one_grows() {
        let many = spans(&(0..5000).map(|number| number * 1000).collect::<Vec<_>>());
        assert_eq!(many.spans.len(), AcceptSpans::MAX);
        assert_eq!(many.spans.last().map(|span| span.1), Some(at(4_999_000)));
        assert!(many.spans.is_sorted());
    }

    #[test]
    fn merged_parts_are_the_whole() {
        let parts: [(&[i64], &[i64]); 5] = [
            (&[0, 50], &[100, 400]),
            (&[0, 100, 1000], &[50]),
            (&[0, 200], &[100, 150]),
            (&[], &[7]),
            (&[0, 300, 600], &[0, 60, 120, 180, 240, 300]),
        ];
        for (left, right) in parts {
            let mut merged = spans(left);
            merged.merge(&spans(right));
            assert_eq!(merged, spans(&[left, right].concat()), "{left:?} {right:?}");
        }
    }
}
