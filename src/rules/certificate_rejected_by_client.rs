use super::certificate;
use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{EndedHow, Phase, Side};
use crate::rules::{Case, Confidence, Evidence, Step, Verdict, declare_rule};
use crate::tls::ProtocolVersion;

declare_rule! {
    /// ## What it means
    /// The client saw the server's certificate and left: it does not trust it, or the name does not fit. Usual
    /// after a driver update (ODBC 18, OLE DB 19 and SqlClient 4 encrypt and check by default).
    ///
    /// ## How it is recognised
    /// The client answers the server's handshake with a certificate alert (42 to 48). Or, when something is visibly
    /// wrong with the certificate, it ends the connection without one: by FIN or RST at once, or by FIN only after
    /// finishing the handshake (tedious does), and sends no login. In TLS 1.3 the certificate is encrypted, and an
    /// encrypted alert in place of the client's Finished is all there is. Whether the client knows the issuer is not
    /// on the wire.
    ///
    /// ## What to do
    /// Give SQL Server a certificate that the client trusts, for the name that it connects to; until then
    /// `TrustServerCertificate=yes` on that client alone.
    pub(super) static RULE = {
        code: "T305", slug: "certificate-rejected-by-client", title: "Client rejected the server's certificate",
        since: "0.1.0", severity: Error, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let tls = &connection.tls;
    let tls13 = tls.server.as_ref().is_some_and(|hello| hello.version == ProtocolVersion::TLS13);
    let seen = tls.certificate.as_ref().map(|certificate| certificate.moment);
    let by_client = phrase::ended_by(connection, Side::Client);
    if !by_client || connection.tds.login.is_some() || connection.phase > Phase::HandshakeDone || tls.resumed
    {
        return None;
    }
    let alert = phrase::fatal_alert(connection, Side::Client).and_then(|alert| alert.description);
    let says_so = alert.is_some_and(|description| (42..=48).contains(&description.0));
    // Once it has sent Finished, its alert is close_notify.
    let encrypted_alert = tls13
        && tls.client_finished.is_none()
        && tls.alerts.iter().any(|alert| alert.from == Side::Client && alert.level.is_none());
    let defects = certificate::defects(connection);
    let finished = connection.phase >= Phase::KeyExchange;
    let complete_flight = tls.server_hello_done.is_some() || finished;
    // What is wrong with it may stand in the part that was cut.
    let cut = match &tls.certificate {
        Some(certificate) => certificate.truncated,
        None => !tls13,
    };
    let confidence = match (says_so, seen.is_some()) {
        (true, _) if cut => Confidence::Likely,
        (true, _) => Confidence::Certain,
        (false, _) if alert.is_some() => return None,
        // In TLS 1.3 the certificate is encrypted: an encrypted alert right after the flight is all there is.
        (false, false) if encrypted_alert && tls.server_finished.is_some() => Confidence::Possible,
        (false, false) => return None,
        (false, true) if !complete_flight || tls.unusual_flight => return None,
        // It may have gone on.
        (false, true) if phrase::spoke_unheard(connection, Side::Client, seen) => return None,
        (false, true) if defects.is_empty() => return None,
        // It has begun its own flight and then vanished: a certificate is refused before or after, not in between.
        (false, true) if connection.phase == Phase::KeyExchange => return None,
        (false, true) => Confidence::Likely,
    };
    if connection.ended.how == EndedHow::Reset && !says_so && finished {
        return None;
    }
    let what = if cut && defects.is_empty() {
        "the capture does not have all of it, so what is wrong with it is not known".to_owned()
    } else if seen.is_none() {
        "TLS 1.3 encrypts it, so what is wrong with it is not known".to_owned()
    } else if defects.is_empty() {
        "nothing is wrong with it that the capture shows, so its issuer is not trusted or the name does not fit".to_owned()
    } else {
        format!("the certificate is {}", defects.join("; "))
    };
    let alert_text =
        alert.map_or_else(String::new, |description| format!(" (alert {} {description})", description.0));
    let detail = format!(
        "The client saw the server's certificate and {}{alert_text} without logging in: {what}.",
        phrase::ended_how(connection)
    );
    let leaf = tls.certificate.as_ref().and_then(|certificate| certificate.chain.first());
    let line = leaf
        .zip(seen)
        .map(|(leaf, at)| phrase::learnt(at, format!("Certificate: {}", certificate::describe(leaf))));
    let hidden = tls.alerts.iter().find(|alert| alert.from == Side::Client && alert.level.is_none());
    let hidden = hidden
        .filter(|_| encrypted_alert)
        .map(|alert| Evidence::new(alert.moment, "client", "encrypted alert"));
    let weak = certificate::weak_signature(connection).filter(|weak| !weak.refused_by_offer);
    let verdict = Verdict::new(confidence, detail)
        .application(format!("\"The certificate chain was issued by an authority that is not trusted\" or \"certificate verify failed\"; often only {PRE_LOGIN_10054}"))
        .evidence(phrase::server_hello(connection))
        .evidence(line)
        .evidence(hidden)
        .evidence(phrase::ending(connection, seen));
    let verdict = match weak {
        Some(weak) => verdict.rules_out(
            "weak-hash-certificate",
            format!("the client's signature_algorithms allow {}", weak.certificate.signature_algorithm),
            tls.client.as_ref().map(|hello| hello.moment),
        ),
        None => verdict,
    };
    // To trust the issuer helps only where the issuer or the name is the matter.
    let trust = defects.is_empty()
        || defects.iter().any(|defect| defect.contains("self-") || defect.contains("issued for"));
    let trust = trust.then(|| {
        Step::new(
            "Or make this client trust it: import the issuer; with ODBC 18 and later HostNameInCertificate when the name differs.",
        )
    });
    Some(
        verdict
            .step("Install a certificate from an authority that the clients trust, issued for the name in the connection string, and select it in SQL Server Configuration Manager.")
            .steps(trust)
            .step("As a stop-gap, on a network that you trust: TrustServerCertificate=yes (encryption stays on, the identity is not checked).")
            .group(format!("{alert:?} {defects:?} {:?}", connection.ended.how)),
    )
}
