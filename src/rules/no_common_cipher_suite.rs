use super::allowed::{Allowed, Basis, Said};
use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{DecidedBy, Meets, Refusal};
use super::remedy::{more_events, schannel_events};
use super::suite_remedy;
use crate::facts::{ConnectionFacts, Side};
use crate::rules::{Case, Confidence, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// The client and the server have a TLS version in common but no cipher suite, so the server cannot answer
    /// the ClientHello. Usual after a hardening (group policy "SSL Cipher Suite Order", a Windows update, IIS
    /// Crypto) on one side only, or with a client that offers only ECDHE-GCM suites to Windows Server 2012 R2.
    ///
    /// ## How it is recognised
    /// The server ends the connection right after ClientHello, with no ServerHello, and the versions meet:
    /// alert 71 (`insufficient_security`) says so; alert 40 (`handshake_failure`) usually means it; without an
    /// alert, as Schannel closes, the suites offered are compared with those that this server was seen to
    /// choose for others, with those that a policy file (`--server-policy`, then it is certain) or an assumed release
    /// (`--assume`) allows, or with the default lists of every Windows Server release. A suite counts only with a
    /// version and a certificate that it can be used with.
    ///
    /// ## What to do
    /// Compare the two lists, and enable a common suite on one side; the finding names suites for either. On Windows
    /// Server 2016 and newer `(Get-TlsCipherSuite).Name` prints the list, before that
    /// `(Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002').Functions`
    /// does. Where group policy sets SSL Cipher Suite Order, its list goes before it, and is the one to change.
    pub(super) static RULE = {
        code: "R2", slug: "no-common-cipher-suite", title: "No cipher suite in common", since: "0.1.0",
        severity: Error, rank: Specific, check: Connection(check),
    };
}

/// Alert 40 (RFC 8446 6).
const HANDSHAKE_FAILURE: u8 = 40;
/// Alert 71 (RFC 8446 6).
const INSUFFICIENT_SECURITY: u8 = 71;

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let refusal = Refusal::of(case)?;
    let allowed = Allowed::of(&refusal);
    let allowed = allowed.as_ref();
    let versions_apart = match refusal.versions() {
        Meets::No(_) => allowed.is_none_or(|allowed| allowed.versions != Said::Meets(Basis::File)),
        Meets::Yes(_) | Meets::Unknown => refusal.versions_forbidden(allowed).is_some(),
    };
    if versions_apart && refusal.alert_code() != Some(INSUFFICIENT_SECURITY) {
        return None;
    }
    let (confidence, ground) = decided(&refusal, allowed, versions_apart)?;
    let gist = Verdict::of(confidence).group(refusal.alike(connection));
    Some(case.tell(gist, |verdict| {
        let step = ground.step();
        let verdict = verdict
            .detail(refusal.told(&ground.detail(&refusal, allowed), step))
            .application(PRE_LOGIN_10054);
        let verdict = rule_out(case, &refusal, step, evidence(connection, &refusal, verdict));
        remedy(case, &refusal, allowed, refusal.compared(allowed, verdict))
    }))
}

/// What shows that no suite is in common.
#[derive(Debug, Clone, Copy)]
enum Ground {
    /// Alert 71 says so.
    Insufficient,
    /// The policy does.
    Forbidden(Basis),
    /// The server was only seen to choose others.
    Others,
    /// It refused the same with alert 71 in another connection.
    RefusedBefore,
    /// Alert 40 alone.
    Failure,
    /// The ClientHello alone.
    Unusual,
}

/// How sure, and by what.
fn decided(
    refusal: &Refusal<'_>,
    allowed: Option<&Allowed<'_>>,
    versions_apart: bool,
) -> Option<(Confidence, Ground)> {
    let said = allowed.map(|allowed| allowed.suites);
    Some(match (refusal.alert_code(), refusal.suites()) {
        (Some(INSUFFICIENT_SECURITY), _) => {
            (if versions_apart { Confidence::Likely } else { Confidence::Certain }, Ground::Insufficient)
        }
        (None | Some(HANDSHAKE_FAILURE), _) if refusal.suites_forbidden(allowed).is_some() => {
            let (allowed, basis) = allowed.zip(refusal.suites_forbidden(allowed))?;
            let confidence =
                if allowed.exact_suites(basis) { Confidence::Certain } else { Confidence::Likely };
            (confidence, Ground::Forbidden(basis))
        }
        (None | Some(HANDSHAKE_FAILURE), Meets::No(_)) if said != Some(Said::Meets(Basis::File)) => {
            (Confidence::Likely, Ground::Others)
        }
        _ if matches!(said, Some(Said::Meets(_))) => return None,
        (None | Some(HANDSHAKE_FAILURE), Meets::Unknown) if refusal.suites_refused().is_some() => {
            (Confidence::Likely, Ground::RefusedBefore)
        }
        (Some(HANDSHAKE_FAILURE), Meets::Unknown) if !refusal.only_old_versions() => {
            // What it found wrong may stand in the part that was cut: groups, signature algorithms.
            let confidence = if refusal.hello.truncated { Confidence::Possible } else { Confidence::Likely };
            (confidence, Ground::Failure)
        }
        (None, Meets::Unknown)
            if refusal.only_unusual_suites() && !refusal.only_old_versions() && !refusal.strict =>
        {
            (Confidence::Likely, Ground::Unusual)
        }
        _ => return None,
    })
}

impl Ground {
    /// The step that decided.
    const fn step(self) -> DecidedBy {
        match self {
            Self::Insufficient | Self::Failure => DecidedBy::Alert,
            Self::Forbidden(basis) => DecidedBy::Policy(basis),
            Self::Others | Self::RefusedBefore => DecidedBy::Others,
            Self::Unusual => DecidedBy::Offer,
        }
    }

    /// In words.
    fn detail(self, refusal: &Refusal<'_>, allowed: Option<&Allowed<'_>>) -> String {
        let offered = refusal.hello.offer.cipher_suites.len();
        let shown = shown(refusal);
        let count = phrase::count(offered, "suite");
        let (them, found) = if offered == 1 {
            ("it", "the server found it not good enough")
        } else {
            ("them", "the server found none of them good enough")
        };
        match self {
            Self::Insufficient => {
                format!("The client offers {count} ({shown}); {found} (alert 71, insufficient_security).")
            }
            Self::Forbidden(basis) => {
                allowed.map_or_else(String::new, |allowed| forbidden(refusal, allowed, basis))
            }
            Self::Others => {
                let chosen = refusal.server.accepts.suites.len();
                let which = if chosen == 1 {
                    "which the client does not offer"
                } else {
                    "none of which the client offers"
                };
                format!(
                    "The client offers {count} ({shown}); this server was only ever seen to choose {} ({}), {which}.",
                    refusal.accepted_suites(),
                    refusal.seen_in()
                )
            }
            Self::RefusedBefore => format!(
                "The client offers {count} ({shown}); this server refused the same with alert 71 (insufficient_security) in \
                 another connection, and ended this one."
            ),
            Self::Failure => format!(
                "The client offers {count} ({shown}); the server refused {them} with alert 40 (handshake_failure), as one does \
                 that can use none."
            ),
            Self::Unusual => format!(
                "The client offers {count} ({shown}); no Windows Server release has any of them in its default list."
            ),
        }
    }
}

/// The suites that are offered, those first which count: of TLS 1.3 SQL Server takes none before TDS 8.0.
fn shown(refusal: &Refusal<'_>) -> String {
    let mut offered = refusal.hello.offer.cipher_suites.clone();
    offered.sort_by_key(|suite| !refusal.strict && suite.works_with(ProtocolVersion::TLS13));
    phrase::suites(&offered, 3)
}

/// What is offered and what is allowed, in words.
fn forbidden(refusal: &Refusal<'_>, allowed: &Allowed<'_>, basis: Basis) -> String {
    let offered = allowed.compared.offered.suites.as_deref().unwrap_or_default();
    let shown = phrase::suites(offered, 3);
    let whose = if refusal.hello.truncated { "client's policy has" } else { "client offers" };
    let count = phrase::count(offered.len(), "suite");
    let says = allowed.words(basis);
    if allowed.other_certificate {
        return format!(
            "The {whose} {count} ({shown}); by {says} the server allows of these only {}, for which it needs another certificate \
             than an RSA one such as SQL Server makes itself.",
            allowed.common_suites()
        );
    }
    format!(
        "The {whose} {count} ({shown}); by {says} the server allows {}, and none of them can be used by both.",
        allowed.allowed_suites()
    )
}

fn evidence(connection: &ConnectionFacts, refusal: &Refusal<'_>, verdict: Verdict) -> Verdict {
    let taught = match refusal.suites() {
        Meets::No(at) => Some(phrase::learnt(
            at,
            format!(
                "ServerHello {} to another client: what this server does choose",
                refusal.accepted_suites()
            ),
        )),
        _ => refusal.suites_refused().map(|at| {
            phrase::learnt(at, "alert 71 (insufficient_security) to a client that offers the same suites")
        }),
    };
    verdict
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::ending(connection, Some(refusal.hello.moment)))
        .evidence(taught)
}

fn rule_out(case: &Case<'_>, refusal: &Refusal<'_>, step: DecidedBy, verdict: Verdict) -> Verdict {
    let verdict = match refusal.versions() {
        Meets::Yes(at) => verdict.rules_out(
            "no-common-tls-version",
            format!("the client offers {}, which this server accepts", refusal.accepted_versions()),
            Some(at),
        ),
        _ => match refusal.versions_allowed() {
            Some(because) => return verdict.rules_out("no-common-tls-version", because, None),
            None => verdict,
        },
    };
    if matches!(refusal.versions(), Meets::No(_)) {
        return verdict.candidate(
            "no-common-tls-version",
            format!(
                "this server was only ever seen to accept {}, which the client does not offer",
                refusal.accepted_versions()
            ),
        );
    }
    // With an alert alone, the other things that a server answers with the same alert stay possible.
    if refusal.alert_code() == Some(HANDSHAKE_FAILURE) && step == DecidedBy::Alert {
        let verdict = verdict
            .candidate("no-common-group", "a server also sends alert 40 when no group is in common")
            .candidate(
                "no-common-signature-algorithm",
                "a server also sends it when it has no certificate that fits the client's signature algorithms",
            );
        return match case.server.accepts.versions.is_empty() {
            true => verdict
                .candidate("no-common-tls-version", "some stacks also send it when they refuse the version"),
            false => verdict,
        };
    }
    verdict
}

fn remedy(
    case: &Case<'_>,
    refusal: &Refusal<'_>,
    allowed: Option<&Allowed<'_>>,
    verdict: Verdict,
) -> Verdict {
    let verdict = verdict.steps(suite_remedy::steps(case, refusal, allowed)).step(schannel_events(
        case.connection,
        Side::Server,
        "36874, or 36888 (alert 40, state 1205)",
    ));
    if verdict.confidence == Confidence::Certain { verdict } else { verdict.step(more_events()) }
}
