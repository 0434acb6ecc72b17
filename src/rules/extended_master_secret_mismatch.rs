use super::dhe_leading_zero;
use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{EndedBy, Moment, Phase};
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// One end demands the extended master secret (RFC 7627) and the other does not have it. Windows enforces it
    /// since the updates of October 2019 (CVE-2019-1318), for resumed sessions and, now and then, over TLS_DHE
    /// (KB4528489).
    ///
    /// ## How it is recognised
    /// One end lacks the extension: ServerHello does not have what ClientHello offers, or ClientHello does not offer what
    /// this server was seen to have with others. And a resumed handshake (TLS 1.2 or older) dies before it is finished,
    /// or TLS_DHE handshakes die in the key exchange as often as leading zeros would make them (R5), which then are not
    /// the cause.
    ///
    /// ## What to do
    /// Update the end without it; do not disable the enforcement.
    pub(super) static RULE = {
        code: "T307", slug: "extended-master-secret-mismatch", title: "Extended master secret on one side only",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

/// The end without the extended master secret, and where the server was seen to have it when that is the client.
pub(super) fn lacking(case: &Case<'_>) -> Option<(&'static str, Option<Moment>)> {
    let tls = &case.connection.tls;
    let (client, server) = (tls.client.as_ref()?, tls.server.as_ref()?);
    if server.version > ProtocolVersion::TLS12 || client.truncated || server.truncated {
        return None;
    }
    match (client.offer.extended_master_secret, server.extended_master_secret) {
        (true, false) => Some(("server", None)),
        (false, false) => case.server.accepts.extended_master_secret.map(|seen| ("client", Some(seen.first))),
        (_, true) => None,
    }
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let (lacks, shown) = lacking(case)?;
    let what = what_died(case)?;
    let verdict = Verdict::new(
        Confidence::Likely,
        format!(
            "{what}, the {lacks} lacks the extended master secret, and the {} {} before the handshake was done.",
            who(connection.ended.by),
            phrase::ended_how(connection)
        ),
    )
    .application(PRE_LOGIN_10054)
    .evidence(phrase::client_hello(connection))
    .evidence(phrase::server_hello(connection))
    .evidence(phrase::ending(connection, connection.tls.server.as_ref().map(|hello| hello.moment)))
    .evidence(shown.map(|at| Evidence::new(at, "server", "ServerHello with the extended master secret to another client")));
    let verdict = if connection.tls.resumed {
        verdict
    } else {
        verdict.rules_out(
            "dhe-leading-zero",
            "an end without the extended master secret fails in the same way, and one is missing it",
            connection.tls.server.as_ref().map(|hello| hello.moment),
        )
    };
    let until_then = if connection.tls.resumed {
        "Until then disable session resumption on the other end; DisableClientExtendedMasterSecret and its like are not advised."
    } else {
        "Until then take the TLS_DHE suites out on one end (tdscope rule R3); DisableClientExtendedMasterSecret and its like are not advised."
    };
    Some(
        verdict
            .step(format!("Update the {lacks}'s TLS stack so that it has RFC 7627 (Windows: KB4528489 and what followed)."))
            .step(until_then)
            .group(format!("{lacks} {}", connection.tls.resumed)),
    )
}

/// What died in the way that the enforcement makes it die.
fn what_died(case: &Case<'_>) -> Option<String> {
    let connection = case.connection;
    let hello = connection.tls.server.as_ref().map(|hello| hello.moment);
    let died = connection.phase < Phase::HandshakeDone
        && connection.ended.at.is_some()
        && phrase::all_heard(connection, hello);
    if died && connection.tls.resumed && connection.tls.certificate.is_none() {
        return Some("A session was resumed".to_owned());
    }
    let rate = dhe_leading_zero::rate_of(case)?;
    Some(format!("{rate} died in the key exchange"))
}

fn who(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Client => "client",
        EndedBy::Server => "server",
        EndedBy::Network | EndedBy::Nobody => "connection",
    }
}
