use super::phrase::{self, PRE_LOGIN_10054};
use super::refusal::{Meets, Refusal, accepted_signatures};
use super::remedy;
use crate::facts::Side;
use crate::rules::{Case, Confidence, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// Versions and suites meet, but the server has no way to sign that the client accepts: its certificate or
    /// its key exchange would be signed with an algorithm that the client did not offer.
    ///
    /// ## How it is recognised
    /// The server ends the connection right after ClientHello, no alert speaks of something else, version and suite
    /// offered are among those that it was seen to accept, a group is not known to lack, and none of the `signature_algorithms` is among those that it was
    /// seen to sign with (RFC 8446 4.2.3, RFC 5246 7.4.1.4.1). Or the client leaves right after a
    /// ServerKeyExchange signed with a scheme that it did not offer.
    ///
    /// ## What to do
    /// Give the server a certificate with an RSA or ECDSA key and a SHA-256 signature, or let the client accept
    /// more (`SignatureAlgorithms`, security level in openssl.cnf).
    pub(super) static RULE = {
        code: "T303", slug: "no-common-signature-algorithm", title: "No signature algorithm in common",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    refused_by_server(case).or_else(|| refused_by_client(case))
}

fn refused_by_server(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let refusal = Refusal::of(case).filter(Refusal::leaves_open)?;
    let (Meets::Yes(version), Meets::Yes(suite), Meets::No(scheme)) =
        (refusal.versions(), refusal.suites(), refusal.signatures())
    else {
        return None;
    };
    if matches!(refusal.groups(), Meets::No(_)) {
        return None;
    }
    let detail = format!(
        "Version and suite meet, but this server was only ever seen to sign with {}, which the client does not offer.",
        accepted_signatures(refusal.server)
    );
    Some(
        Verdict::new(Confidence::Likely, detail)
            .application(PRE_LOGIN_10054)
            .evidence(phrase::client_hello(connection))
            .evidence(phrase::ending(connection, Some(refusal.hello.moment)))
            .evidence(phrase::learnt(
                scheme,
                format!("signs with {} for another client", accepted_signatures(refusal.server)),
            ))
            .rules_out("no-common-tls-version", "a version offered is accepted by this server", Some(version))
            .rules_out("no-common-cipher-suite", "a suite offered is chosen by this server", Some(suite))
            .step("Give SQL Server a certificate signed with SHA-256, with an RSA key of 2048 bits or more.")
            .step(remedy::schannel_events(connection, Side::Server, "36874 or 36888 (alert 40)"))
            .step(remedy::more_events())
            .group(refusal.alike(connection)),
    )
}

/// A ServerKeyExchange signed with a scheme that the client did not offer (TLS 1.2 only: before it the
/// signature is always MD5 with SHA-1).
fn refused_by_client(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let hello = connection.tls.client.as_ref()?;
    let chosen = connection.tls.server.as_ref()?;
    let key = connection.tls.server_key.as_ref()?;
    let scheme = key.signature?;
    let offered = hello.offer.signature_algorithms.as_ref()?;
    let died = phrase::ended_by(connection, Side::Client) && connection.tls.client_key.is_none();
    if !died || chosen.version != ProtocolVersion::TLS12 || hello.truncated || offered.contains(&scheme) {
        return None;
    }
    let detail = format!(
        "The server signs its key exchange with {scheme}, which the client did not offer, and the client left."
    );
    Some(
        Verdict::new(Confidence::Likely, detail)
            .application(PRE_LOGIN_10054)
            .evidence(phrase::client_hello(connection))
            .evidence(phrase::learnt(key.moment, format!("ServerKeyExchange signed with {scheme}")))
            .evidence(phrase::ending(connection, Some(key.moment)))
            .step("Update the server's TLS stack, or give it a certificate whose key the client can verify.")
            .group(format!("{scheme} {:?}", hello.offer)),
    )
}
