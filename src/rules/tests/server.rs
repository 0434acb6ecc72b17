//! What other connections taught about the server, as literal facts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::connection::{CLIENT, SECOND, SERVER, START};
use super::offers::ECDHE_GCM;
use crate::facts::{
    AcceptSpans, Accepts, At, DheFacts, Endpoint, LoginCounts, Moment, OtherHandshakes, Refuses, Seen,
    ServerFacts, ShortValues, TakenAt, Time,
};
use crate::tds::ProductBuild;
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// What other connections taught about the server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) facts: ServerFacts,
}

impl Server {
    /// Nothing is known of it.
    pub(crate) fn unknown() -> Self {
        Self {
            facts: ServerFacts {
                endpoint: Endpoint { ip: SERVER, port: 1433 },
                spoke_tds: None,
                announced: None,
                build: None,
                accepts: Accepts::default(),
                refuses: Refuses::default(),
                largest_hello: None,
                certificate: None,
                logins: LoginCounts::default(),
                strict_seen: None,
                clear_prelogin_answered: None,
                accepted: AcceptSpans::default(),
                foreign_reset: None,
                ttl: None,
                taken_at: TakenAt::Unknown,
                unheard: 0,
                probes: BTreeMap::new(),
                load: Vec::new(),
                dhe: BTreeMap::new(),
                other_handshakes: BTreeMap::new(),
            },
        }
    }

    /// A server that chose TLS 1.2 with ECDHE and GCM, secp256r1, and signed with RSA and SHA-256.
    pub(crate) fn modern() -> Self {
        Self::unknown()
            .chose(ProtocolVersion::TLS12, ECDHE_GCM)
            .used(NamedGroup::SECP256R1)
            .signed(SignatureScheme::RSA_PKCS1_SHA256)
    }

    /// Changes any fact.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ServerFacts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// Its ServerHello to another client.
    pub(crate) fn chose(mut self, version: ProtocolVersion, suite: CipherSuite) -> Self {
        self.facts.accepts.versions.insert(version, seen(11));
        self.facts.accepts.suites.insert(suite, seen(11));
        self
    }

    /// The group that it used with another client.
    pub(crate) fn used(mut self, group: NamedGroup) -> Self {
        self.facts.accepts.groups.insert(group, seen(12));
        self
    }

    /// The scheme that it signed with for another client.
    pub(crate) fn signed(mut self, scheme: SignatureScheme) -> Self {
        self.facts.accepts.signatures.insert(scheme, seen(12));
        self
    }

    /// Its build, from its answer to PRELOGIN.
    pub(crate) fn built(mut self, build: ProductBuild) -> Self {
        self.facts.build = Some((build, moment(10, 0)));
        self
    }

    /// It accepted another SYN, that many seconds after [`START`].
    pub(crate) fn accepted_at(mut self, seconds: i64) -> Self {
        self.facts.accepted.accept(moment(20, seconds));
        self
    }

    /// It completed a TLS-first handshake.
    pub(crate) fn strict_seen(mut self) -> Self {
        self.facts.strict_seen = Some(moment(13, 0));
        self
    }

    /// It answered a PRELOGIN in clear.
    pub(crate) fn answers_in_clear(mut self) -> Self {
        self.facts.clear_prelogin_answered = Some(moment(14, 0));
        self
    }

    /// DHE handshakes of the client: how many, how many died.
    pub(crate) fn dhe(self, bits: u16, handshakes: u64, failed: u64) -> Self {
        self.dhe_of(CLIENT, bits, handshakes, failed)
    }

    /// The same of so many other clients, each.
    pub(crate) fn dhe_of_others(self, clients: u8, handshakes: u64, failed: u64) -> Self {
        (1..=clients).fold(self, |server, last| {
            server.dhe_of(IpAddr::V4(Ipv4Addr::new(10, 9, 0, last)), 2048, handshakes, failed)
        })
    }

    /// Handshakes of the client without DHE: how many, how many died.
    pub(crate) fn without_dhe(mut self, handshakes: u64, failed: u64) -> Self {
        let first_completed = (failed < handshakes).then(|| moment(16, 0));
        self.facts.other_handshakes.insert(CLIENT, OtherHandshakes { handshakes, failed, first_completed });
        self
    }

    fn dhe_of(mut self, client: IpAddr, bits: u16, handshakes: u64, failed: u64) -> Self {
        let pair = DheFacts {
            handshakes,
            failed,
            probability: 1.0 / 256.0,
            first: moment(15, 0),
            ..DheFacts::default()
        };
        self.facts.dhe.insert((client, bits), pair);
        self
    }

    /// Of the DHE handshakes, how many had a short public value: of all, and of those that died.
    pub(crate) fn short_values(mut self, all: u64, failed: u64) -> Self {
        for (_, pair) in self.facts.dhe.iter_mut().filter(|((ip, _), _)| *ip == CLIENT) {
            pair.short_values = all;
            pair.failed_short = failed;
        }
        self
    }

    /// The same of the client's public value alone.
    pub(crate) fn short_client_values(mut self, all: u64, failed: u64) -> Self {
        for (_, pair) in self.facts.dhe.iter_mut().filter(|((ip, _), _)| *ip == CLIENT) {
            pair.short_client = ShortValues { handshakes: all, failed };
        }
        self
    }
}

/// A frame of another connection, that many seconds after [`START`].
pub(crate) fn moment(frame: u64, seconds: i64) -> Moment {
    Moment { time: Time(START + seconds * SECOND), at: At::new(0, frame) }
}

fn seen(frame: u64) -> Seen {
    Seen { count: 3, first: moment(frame, 0) }
}
