//! A ClientHello that the server refused: what it offered next to what the server was seen to accept. Shared by
//! the rules that decide between version, suite, group and signature algorithm (in that order).

use std::sync::Arc;

use crate::facts::{
    AlertFact, ClientHelloFacts, ConnectionFacts, Moment, Offer, Phase, Seen, ServerFacts, Side,
};
use crate::reference::policy::Policies;
use crate::reference::{Match, releases_that};
use crate::rules::allowed::{Allowed, Basis, Said};
use crate::rules::phrase;
use crate::rules::{Alike, Case, Verdict};
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// What the user said is not so: a cause of misunderstanding that no rule looks for.
pub(super) const POLICY_MISMATCH: &str = "policy-mismatch";

/// A ClientHello after which the server ended it without a ServerHello.
pub(super) struct Refusal<'a> {
    pub(super) hello: &'a ClientHelloFacts,
    pub(super) server: &'a ServerFacts,
    /// The fatal alert, if the server sent one in clear.
    pub(super) alert: Option<&'a AlertFact>,
    pub(super) strict: bool,
    /// What the user says is allowed.
    pub(super) policies: &'a Policies,
}

/// The step that decided between the causes, in order: what stands before outweighs what stands after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecidedBy {
    /// The server's alert names it.
    Alert,
    /// What the server was seen to accept from others.
    Others,
    /// What the user says is allowed.
    Policy(Basis),
    /// The server's build, next to the ClientHello.
    Build,
    /// The ClientHello alone, next to defaults.
    Offer,
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
        let strict = connection.tds.strict;
        Some(Self { hello, server: case.server, alert, strict, policies: case.policies })
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

    /// The versions offered, oldest first; `None` when they may stand in the part that was cut. Without
    /// `supported_versions` everything from TLS 1.0 to the highest counts.
    pub(super) fn offered_versions(&self) -> Option<Vec<ProtocolVersion>> {
        let offer = &self.hello.offer;
        if self.hello.truncated && !offer.versions_listed {
            return None;
        }
        Some(offer.all_versions()).filter(|versions| !versions.is_empty())
    }

    /// Where the server said to somebody that it refuses every version offered here (alert 70).
    pub(super) fn versions_refused(&self) -> Option<Moment> {
        let offered = self.offered_versions()?;
        refused(&self.server.refuses.versions, &offered)
    }

    /// Where the server said to somebody that it refuses every suite offered here (alert 71).
    pub(super) fn suites_refused(&self) -> Option<Moment> {
        let offered = Some(&self.hello.offer.cipher_suites).filter(|_| !self.hello.truncated)?;
        refused(&self.server.refuses.suites, offered)
    }

    /// Which releases of Windows Server would have taken this offer as they come, and what follows from that; `None`
    /// when it was cut. Where the offer is known to be why it was refused (`decided`), such a server was changed.
    pub(super) fn releases(&self, decided: bool) -> Option<String> {
        let suites = &self.hello.offer.cipher_suites;
        let versions = self.offered_versions().filter(|_| !self.hello.truncated && !suites.is_empty())?;
        // SQL Server speaks TLS 1.3 in TDS 8.0 alone.
        let reached = |version: &ProtocolVersion| self.strict || *version < ProtocolVersion::TLS13;
        let versions: Vec<ProtocolVersion> = versions.into_iter().filter(reached).collect();
        let that = |meet| phrase::releases(&releases_that(meet, &versions, suites));
        let [all, some] = [that(Match::Yes), that(Match::OtherCertificate)];
        let so = if decided {
            "this one was hardened, or is another system"
        } else {
            "unless this one was hardened or is another system, the offer is not why"
        };
        Some(match (all.is_empty(), some.is_empty()) {
            (true, true) => {
                "No Windows Server release is known to accept this offer with its default settings."
                    .to_owned()
            }
            (true, false) => format!(
                "Windows Server {some} with default settings would accept this offer only with an ECDSA certificate; SQL Server's own \
                 is RSA."
            ),
            (false, true) => {
                format!("Windows Server {all} with default settings would have accepted this offer: {so}.")
            }
            (false, false) => format!(
                "Windows Server {all} with default settings would have accepted this offer ({some} only with an ECDSA \
                 certificate): {so}."
            ),
        })
    }

    /// A detail with what the step that decided leaves to say.
    pub(super) fn told(&self, detail: &str, step: DecidedBy) -> String {
        let (alone, with_releases) = match step {
            DecidedBy::Alert | DecidedBy::Others => ("", true),
            DecidedBy::Policy(_) | DecidedBy::Build => ("", false),
            // The sentence has said it of the suites.
            DecidedBy::Offer => (" This is judged by the ClientHello alone.", !self.only_unusual_suites()),
        };
        let releases = self.releases(true).filter(|_| with_releases);
        let releases = releases.map_or_else(String::new, |releases| format!(" {releases}"));
        format!("{detail}{alone}{releases}")
    }

    /// The versions do not meet, by the policy. What the server was seen to accept outweighs it.
    pub(super) fn versions_forbidden(&self, allowed: Option<&Allowed<'_>>) -> Option<Basis> {
        match allowed.map(|allowed| allowed.versions) {
            Some(Said::Apart(basis)) if !matches!(self.versions(), Meets::Yes(_)) => Some(basis),
            _ => None,
        }
    }

    /// The suites do not meet, by the policy. What the server was seen to accept outweighs it.
    pub(super) fn suites_forbidden(&self, allowed: Option<&Allowed<'_>>) -> Option<Basis> {
        match allowed.map(|allowed| allowed.suites) {
            Some(Said::Apart(basis)) if !matches!(self.suites(), Meets::Yes(_)) => Some(basis),
            _ => None,
        }
    }

    /// Why the policy rules out that no version is in common.
    pub(super) fn versions_allowed(&self) -> Option<String> {
        let allowed = Allowed::of(self)?;
        let Said::Meets(basis) = allowed.versions else { return None };
        Some(format!("by {} the server allows {} as well", allowed.words(basis), allowed.common_versions()))
    }

    /// Why the policy rules out that no suite is in common.
    pub(super) fn suites_allowed(&self) -> Option<String> {
        let allowed = Allowed::of(self)?;
        let Said::Meets(basis) = allowed.suites else { return None };
        Some(format!("by {} the server allows {} as well", allowed.words(basis), allowed.common_suites()))
    }

    /// A verdict with offer and policy side by side, and with what speaks against the policy.
    pub(super) fn compared(&self, allowed: Option<&Allowed<'_>>, verdict: Verdict) -> Verdict {
        let Some(allowed) = allowed else { return verdict };
        let mut verdict = verdict.compared(allowed.compared.clone());
        if let Some(found) = &allowed.contradiction {
            let shown =
                format!("ServerHello {} to another client: not allowed by what the user said", found.chosen);
            verdict = verdict
                .evidence(phrase::learnt(found.at, shown))
                .candidate(POLICY_MISMATCH, allowed.contradicted(found));
        }
        let refused = match self.alert_code() {
            Some(70) if allowed.versions == Said::Meets(Basis::File) => Some(allowed.common_versions()),
            Some(71) if allowed.suites == Said::Meets(Basis::File) => Some(allowed.common_suites()),
            _ => None,
        };
        if let Some(refused) = refused {
            let words = allowed.words(Basis::File);
            verdict = verdict.candidate(
                POLICY_MISMATCH,
                format!("{words} allows {refused}, and the server refused that: the file is not this server's, or old"),
            );
        }
        match &allowed.client_contradiction {
            Some(because) => verdict.candidate(POLICY_MISMATCH, because.clone()),
            None => verdict,
        }
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

    /// `2 other handshakes`: in how many ServerHellos it was seen.
    pub(super) fn seen_in(&self) -> String {
        let count = self.server.accepts.versions.values().map(|seen| seen.count).sum();
        phrase::count_of(count, "other handshake", "other handshakes")
    }

    /// What suites the server was seen to choose, for a sentence.
    pub(super) fn accepted_suites(&self) -> String {
        phrase::suites(self.server.accepts.suites.keys(), 3)
    }

    /// What refusals fold by: equal offers that were refused in the same way.
    pub(super) fn alike(&self, connection: &ConnectionFacts) -> Alike {
        Alike::Refused {
            how: connection.ended.how,
            alert: self.alert_code(),
            offer: Arc::clone(&self.hello.offer),
        }
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

/// Where the last of these was refused first, when all of them were.
fn refused<K: Ord>(refused: &std::collections::BTreeMap<K, Seen>, offered: &[K]) -> Option<Moment> {
    let seen: Option<Vec<Moment>> =
        offered.iter().map(|key| refused.get(key).map(|seen| seen.first)).collect();
    seen?.into_iter().max()
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
