use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{Phase, Side};
use crate::rules::{Case, Confidence, Evidence, Verdict, declare_rule};

declare_rule! {
    /// ## What it means
    /// The server asked for a client certificate, the client had none, and the server insisted.
    ///
    /// ## How it is recognised
    /// CertificateRequest, an empty Certificate from the client, then alert 42 or 116, FIN or RST from the server.
    /// An empty Certificate alone is healthy: most servers go on without.
    ///
    /// ## What to do
    /// Give the client a certificate that the server's authorities issued, or stop asking for one.
    pub(super) static RULE = {
        code: "T306", slug: "client-certificate-missing", title: "Server insists on a client certificate",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let request = connection.tls.certificate_request?;
    let certificate = connection.tls.client_certificate.filter(|certificate| certificate.empty)?;
    let died = connection.phase <= Phase::KeyExchange && phrase::ended_by(connection, Side::Server);
    if !died {
        return None;
    }
    let alert = phrase::fatal_alert(connection, Side::Server).and_then(|alert| alert.description);
    if alert.is_none() && !phrase::all_heard(connection, Some(certificate.moment)) {
        return None; // the handshake may have gone on
    }
    let confidence = match alert.map(|description| description.0) {
        Some(42 | 116) => Confidence::Certain,
        Some(40) | None => Confidence::Likely,
        Some(_) => return None,
    };
    Some(
        Verdict::new(
            confidence,
            format!("The server asked for a client certificate, the client sent none, and the server {}.", phrase::ended_how(connection)),
        )
        .application(PRE_LOGIN_10054)
        .evidence(Evidence::new(request, "server", "CertificateRequest"))
        .evidence(Evidence::new(certificate.moment, "client", "Certificate, empty"))
        .evidence(phrase::ending(connection, Some(certificate.moment)))
        .step("Give the client a certificate from an authority that the server names in its request.")
        .step("Or let the server (or the TLS proxy in front of it) stop demanding one: SQL Server asks no client for one at a login.")
        .group(format!("{alert:?} {:?}", connection.ended.how)),
    )
}
