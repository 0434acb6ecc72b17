use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{Meets, Refusal};
use crate::facts::ConnectionFacts;
use crate::rules::{Case, Confidence, Verdict, declare_rule};

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
    /// choose for others, or with the default lists of every Windows Server release.
    ///
    /// ## What to do
    /// Compare the two lists (registry key `...\Cryptography\Configuration\Local\SSL\00010002`, value
    /// `Functions`) and enable a common suite on one side.
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
    let apart = matches!(refusal.versions(), Meets::No(_));
    if apart && refusal.alert_code() != Some(INSUFFICIENT_SECURITY) {
        return None;
    }
    let offered = &refusal.hello.offer.cipher_suites;
    let shown = phrase::suites(offered, 3);
    let (confidence, detail) = match (refusal.alert_code(), refusal.suites()) {
        (Some(INSUFFICIENT_SECURITY), _) => (
            if apart { Confidence::Likely } else { Confidence::Certain },
            format!(
                "The client offers {} ({shown}); the server found none of it good enough (alert 71, insufficient_security).",
                phrase::count(offered.len(), "suite")
            ),
        ),
        (None | Some(HANDSHAKE_FAILURE), Meets::No(_)) => (
            Confidence::Likely,
            format!(
                "The client offers {} ({shown}); this server was only ever seen to choose {}, which is not among them.",
                phrase::count(offered.len(), "suite"),
                refusal.accepted_suites()
            ),
        ),
        (Some(HANDSHAKE_FAILURE), Meets::Unknown) if !refusal.only_old_versions() => (
            Confidence::Likely,
            format!(
                "The client offers {} ({shown}); the server refused it with alert 40 (handshake_failure), as it does when it can \
                 use none.",
                phrase::count(offered.len(), "suite")
            ),
        ),
        (None, Meets::Unknown)
            if refusal.only_unusual_suites() && !refusal.only_old_versions() && !refusal.strict =>
        {
            (
                Confidence::Likely,
                format!(
                    "The client offers {} ({shown}); no Windows Server release has any of it in its default list.",
                    phrase::count(offered.len(), "suite")
                ),
            )
        }
        _ => return None,
    };
    let verdict = Verdict::new(confidence, detail).application(PRE_LOGIN_10054);
    let verdict = rule_out(case, &refusal, evidence(connection, &refusal, verdict));
    Some(remedy(connection, verdict).group(refusal.group(connection)))
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
        _ => None,
    };
    verdict
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::ending(connection, Some(refusal.hello.moment)))
        .evidence(taught)
}

fn rule_out(case: &Case<'_>, refusal: &Refusal<'_>, verdict: Verdict) -> Verdict {
    let verdict = match refusal.versions() {
        Meets::Yes(at) => verdict.rules_out(
            "no-common-tls-version",
            format!("the client offers {}, which this server accepts", refusal.accepted_versions()),
            Some(at),
        ),
        _ => verdict,
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
    if refusal.alert_code() == Some(HANDSHAKE_FAILURE) && refusal.suites() == Meets::Unknown {
        let verdict = verdict
            .candidate("no-common-group", "a server also sends alert 40 when no group is in common")
            .candidate(
                "no-common-signature-algorithm",
                "a server also sends it when it has no certificate that the client's signature algorithms allow",
            );
        return match case.server.accepts.versions.is_empty() {
            true => verdict.candidate(
                "no-common-tls-version",
                "some stacks answer a version that they refuse with it as well",
            ),
            false => verdict,
        };
    }
    verdict
}

fn remedy(connection: &ConnectionFacts, verdict: Verdict) -> Verdict {
    verdict
        .step(
            r"Compare the lists. On each Windows machine: (Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002').Functions, and Get-TlsCipherSuite | Format-Table Name.",
        )
        .step(
            "Enable a suite that the other side has: Enable-TlsCipherSuite, or group policy Computer Configuration > \
             Administrative Templates > Network > SSL Configuration Settings > SSL Cipher Suite Order; restart.",
        )
        .step(
            "Windows Server 2012 R2 and older have no ECDHE_RSA with GCM: a client that offers only those needs a CBC or \
             DHE suite as well, or a newer server.",
        )
        .step(phrase::schannel_events(connection, "36874, or 36888 (alert 40, state 1205)"))
}
