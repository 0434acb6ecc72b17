//! A ClientHello that the server refused: what it offered next to what the server was seen to accept. Shared by
//! the rules that decide between version, suite, group and signature algorithm (in that order).

use crate::facts::{AlertFact, ClientHelloFacts, Moment, Offer, Phase, Seen, ServerFacts, Side};
use crate::rules::Case;
use crate::rules::phrase;
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// A ClientHello after which the server ended it without a ServerHello.
pub(super) struct Refusal<'a> {
    pub(super) hello: &'a ClientHelloFacts,
    pub(super) server: &'a ServerFacts,
    /// The fatal alert, if the server sent one in clear.
    pub(super) alert: Option<&'a AlertFact>,
    pub(super) strict: bool,
}

/// Whether two sets meet, as far as the capture can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meets {
    /// They have this in common; the frame that taught it.
    Yes(Moment),
    /// Nothing in common with what was seen; the frame that taught what the server takes.
    No(Moment),
    /// Not known.
    Unknown,
}

impl<'a> Refusal<'a> {
    /// The refusal of this connection, if it is one.
    pub(super) fn of(case: &Case<'a>) -> Option<Self> {
        let connection = case.connection;
        let hello = connection.tls.client.as_ref()?;
        let by_server = phrase::ended_by(connection, Side::Server);
        let alert = phrase::fatal_alert(connection, Side::Server);
        // Its ServerHello may stand in what the capture lacks.
        if alert.is_none() && phrase::spoke_unheard(connection, Side::Server, Some(hello.moment)) {
            return None;
        }
        let answered = connection.tds.other_service.is_some()
            || (connection.tds.strict && connection.tds.response.is_some());
        if connection.phase != Phase::ClientHello || !by_server || answered {
            return None;
        }
        Some(Self { hello, server: case.server, alert, strict: connection.tds.strict })
    }

    /// Number of the alert.
    pub(super) fn alert_code(&self) -> Option<u8> {
        self.alert.and_then(|alert| alert.description).map(|description| description.0)
    }

    /// Whether the alert, if there is one, leaves it open what of the offer was refused. Stacks answer any of them
    /// with 40, 47 (RFC 8446 4.1.1: only 40 and 70 are meant for it) or 80; the others name something else.
    pub(super) fn leaves_open(&self) -> bool {
        self.alert.is_none() || matches!(self.alert_code(), Some(40 | 47 | 71 | 80))
    }

    /// Whether nothing that is offered differs from what the server was seen to accept.
    pub(super) fn is_like_others(&self) -> bool {
        let differs = |meets| matches!(meets, Meets::No(_));
        ![self.versions(), self.suites(), self.groups(), self.signatures()].into_iter().any(differs)
    }

    /// The client takes nothing older than TLS 1.2, which the server's build does not speak; where its build
    /// stands. Without `supported_versions` the client may take less, and such a server would answer with less.
    pub(super) fn build_without_tls12(&self) -> Option<(crate::tds::ProductBuild, Moment)> {
        let offer = &self.hello.offer;
        let modern = offer.versions_listed
            && !offer.versions.is_empty()
            && offer.versions.iter().all(|version| *version >= ProtocolVersion::TLS12);
        self.server
            .build
            .filter(|(build, _)| modern && crate::reference::supports_tls12(*build) == Some(false))
    }

    /// Do the offered versions meet what the server was seen to choose?
    pub(super) fn versions(&self) -> Meets {
        let offer = &self.hello.offer;
        if self.hello.truncated && !offer.versions_listed && highest(offer) >= Some(ProtocolVersion::TLS12) {
            return Meets::Unknown; // supported_versions may stand in the part that was cut
        }
        meets(&self.server.accepts.versions, |version| offers_version(offer, *version))
    }

    /// Do the offered suites meet what the server was seen to choose?
    pub(super) fn suites(&self) -> Meets {
        if self.hello.truncated {
            return Meets::Unknown;
        }
        meets(&self.server.accepts.suites, |suite| self.hello.offer.cipher_suites.contains(suite))
    }

    /// Do the offered groups meet what the server was seen to use?
    pub(super) fn groups(&self) -> Meets {
        let Some(groups) = &self.hello.offer.groups else { return Meets::Unknown };
        meets(&self.server.accepts.groups, |group| groups.contains(group))
    }

    /// Do the offered signature schemes meet what the server was seen to sign with?
    pub(super) fn signatures(&self) -> Meets {
        let Some(schemes) = &self.hello.offer.signature_algorithms else { return Meets::Unknown };
        meets(&self.server.accepts.signatures, |scheme| schemes.contains(scheme))
    }

    /// The highest version that the client offers is TLS 1.1 or older: a hardened server refuses that.
    pub(super) fn only_old_versions(&self) -> bool {
        highest(&self.hello.offer).is_some_and(|version| version < ProtocolVersion::TLS12)
    }

    /// No Windows Server release has one of the offered suites in its default list.
    pub(super) fn only_unusual_suites(&self) -> bool {
        let offer = &self.hello.offer;
        !self.hello.truncated
            && !offer.cipher_suites.is_empty()
            && !offer.cipher_suites.iter().any(|suite| crate::reference::is_default_suite(suite.0))
    }

    /// What the server was seen to accept, for a sentence.
    pub(super) fn accepted_versions(&self) -> String {
        phrase::list(self.server.accepts.versions.keys(), 4)
    }

    /// What suites the server was seen to choose, for a sentence.
    pub(super) fn accepted_suites(&self) -> String {
        phrase::suites(self.server.accepts.suites.keys(), 3)
    }

    /// The offer's fingerprint for folding: equal offers read the same.
    pub(super) fn group(&self, connection: &crate::facts::ConnectionFacts) -> String {
        format!("{:?} {:?} {:?}", connection.ended.how, self.alert_code(), self.hello.offer)
    }
}

/// Whether a client that makes this offer takes that version. Without `supported_versions` the lowest one is
/// not said, so that everything up to the highest counts as offered.
pub(super) fn offers_version(offer: &Offer, version: ProtocolVersion) -> bool {
    if offer.versions_listed {
        offer.versions.contains(&version)
    } else {
        highest(offer).is_some_and(|highest| version <= highest)
    }
}

/// The highest version of an offer.
pub(super) fn highest(offer: &Offer) -> Option<ProtocolVersion> {
    offer.versions.iter().copied().max()
}

fn meets<K>(accepted: &std::collections::BTreeMap<K, Seen>, offered: impl Fn(&K) -> bool) -> Meets {
    let common = accepted.iter().find(|(key, _)| offered(key));
    match (common, accepted.values().max_by_key(|seen| seen.count)) {
        (Some((_, seen)), _) => Meets::Yes(seen.first),
        (None, Some(seen)) => Meets::No(seen.first),
        (None, None) => Meets::Unknown,
    }
}

/// Keys that have nothing in common, for the sentences of the group and signature rules.
pub(super) fn accepted_groups(server: &ServerFacts) -> String {
    phrase::list::<&NamedGroup>(server.accepts.groups.keys(), 4)
}

/// Schemes the server signed with.
pub(super) fn accepted_signatures(server: &ServerFacts) -> String {
    phrase::list::<&SignatureScheme>(server.accepts.signatures.keys(), 4)
}

/// Suites both sides know, for a sentence.
pub(super) fn common_suite(refusal: &Refusal<'_>) -> Option<CipherSuite> {
    let offered = &refusal.hello.offer.cipher_suites;
    refusal.server.accepts.suites.keys().copied().find(|suite| offered.contains(suite))
}
