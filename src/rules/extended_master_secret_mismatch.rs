use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{EndedBy, Phase};
use crate::rules::{Case, Confidence, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// One end demands the extended master secret (RFC 7627) and the other does not have it. Windows enforces it
    /// for resumed sessions since the updates of October 2019 (CVE-2019-1318).
    ///
    /// ## How it is recognised
    /// A resumed handshake (TLS 1.2 or older) dies before it is finished, and only one of ClientHello and ServerHello
    /// has the extension.
    ///
    /// ## What to do
    /// Update the end without it; do not disable the enforcement.
    pub(super) static RULE = {
        code: "T307", slug: "extended-master-secret-mismatch", title: "Extended master secret on one side only",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let tls = &connection.tls;
    let (client, server) = (tls.client.as_ref()?, tls.server.as_ref()?);
    let died = connection.phase < Phase::HandshakeDone && connection.ended.at.is_some();
    let differs = client.offer.extended_master_secret != server.extended_master_secret;
    if !died
        || !differs
        || !tls.resumed
        || server.version > ProtocolVersion::TLS12
        || tls.certificate.is_some()
    {
        return None;
    }
    let lacks = if client.offer.extended_master_secret { "server" } else { "client" };
    Some(
        Verdict::new(
            Confidence::Likely,
            format!(
                "A session was resumed, the {lacks} lacks the extended master secret, and the {} {} before the handshake was \
                 done.",
                who(connection.ended.by),
                phrase::ended_how(connection)
            ),
        )
        .application(PRE_LOGIN_10054)
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::server_hello(connection))
        .evidence(phrase::ending(connection, Some(server.moment)))
        .step(format!("Update the {lacks}'s TLS stack so that it has RFC 7627 (Windows: KB4528489 and what followed)."))
        .step("Until then disable session resumption on the other end; DisableClientExtendedMasterSecret and its like are not advised.")
        .group(lacks),
    )
}

fn who(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Client => "client",
        EndedBy::Server => "server",
        EndedBy::Network | EndedBy::Nobody => "connection",
    }
}
