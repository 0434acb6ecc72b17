use super::certificate::{self, WeakSignature};
use super::phrase::{self, PRE_LOGIN_10054};
use crate::facts::{Phase, Side};
use crate::rules::{Case, Confidence, Severity, Step, Verdict, declare_rule};
use crate::tls::HashAlgorithm;

declare_rule! {
    /// ## What it means
    /// A certificate in the server's chain is signed with MD5, SHA-224 or SHA-512. With TLS 1.2 such a
    /// signature is refused by many clients and, on Windows without KB2973337, by Schannel itself. The
    /// certificate that SQL Server generates for itself (`SSL_Self_Signed_Fallback`) is not affected.
    ///
    /// ## How it is recognised
    /// The Certificate message (TLS 1.2 and older) holds such a signature, or one with MD2 or MD4, on the leaf or in
    /// the chain, and the client ends the connection after it, before any login, without an alert that speaks of
    /// something else. The client's `signature_algorithms` must lack the algorithm, or the hash be MD5 or older, which
    /// no current client verifies. While handshakes complete it is a warning, and a signature with SHA-1 a note.
    ///
    /// ## What to do
    /// Replace the certificate by one with a SHA-256 signature all the way up, and restart SQL Server.
    pub(super) static RULE = {
        code: "R4", slug: "weak-hash-certificate", title: "Certificate signed with a weak or unsupported hash",
        since: "0.1.0", severity: Error, also_warns: true, rank: Specific, check: Connection(check),
    };
}

fn check(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let Some(weak) = certificate::weak_signature(connection) else { return aging(case) };
    let hash = weak.certificate.signature_hash;
    let refused = phrase::ended_by(connection, Side::Client)
        && connection.phase <= Phase::HandshakeDone
        && connection.tds.login.is_none();
    // The client says what it takes. A hash that it offers is not why it left.
    let explains = weak.refused_by_offer || certificate::is_broken(hash);
    let alert = phrase::fatal_alert(connection, Side::Client).and_then(|alert| alert.description);
    let about_certificate = alert.is_none_or(|description| matches!(description.0, 40 | 42..=48 | 51));
    let seen = connection.tls.certificate.as_ref().map(|certificate| certificate.moment);
    let heard = alert.is_some() || phrase::all_heard(connection, seen);
    if refused && explains && about_certificate && heard {
        let confidence =
            if weak.refused_by_offer || alert.is_some() { Confidence::Likely } else { Confidence::Possible };
        return Some(verdict(case, &weak, confidence));
    }
    if connection.phase >= Phase::HandshakeDone && !refused {
        let works = format!("works {} {}", weak.certificate.subject, weak.certificate.signature_algorithm);
        let gist = Verdict::of(Confidence::Certain).severity(Severity::Warning).group(works);
        return Some(case.tell(gist, |verdict| {
            let detail = format!(
                "{} is signed with {}: it works with these clients, and breaks with ones that refuse it.",
                position(&weak),
                weak.certificate.signature_algorithm
            );
            with_evidence(case, &weak, verdict.detail(detail)).step(
                "Replace the certificate by one signed with SHA-256 before a hardening does it for you.",
            )
        }));
    }
    None
}

/// SHA-1: no cause of failure with SQL Server itself, and on its way out.
fn aging(case: &Case<'_>) -> Option<Verdict> {
    let connection = case.connection;
    let (depth, certificate) = certificate::sha1_signature(connection)?;
    if connection.phase < Phase::HandshakeDone {
        return None;
    }
    let gist = Verdict::of(Confidence::Certain)
        .severity(Severity::Info)
        .group(format!("SHA-1 {}", certificate.subject));
    Some(case.tell(gist, |verdict| {
        let which = if depth == 0 { "The server's certificate" } else { "A certificate in the server's chain" };
        let detail = format!(
            "{which} is signed with SHA-1: these clients took it, and ones with a higher security level (OpenSSL 3, for one) do \
             not."
        );
        let at = connection.tls.certificate.as_ref().map(|certificate| certificate.moment);
        let line =
            at.map(|at| phrase::learnt(at, format!("Certificate: {}", certificate::describe(certificate))));
        verdict
            .detail(detail)
            .evidence(line)
            .step("Replace it by one signed with SHA-256 at the next renewal.")
    }))
}

fn position(weak: &WeakSignature<'_>) -> &'static str {
    if weak.depth == 0 { "The server's certificate" } else { "A certificate in the server's chain" }
}

fn verdict(case: &Case<'_>, weak: &WeakSignature<'_>, confidence: Confidence) -> Verdict {
    let connection = case.connection;
    let offer = if weak.refused_by_offer {
        "which the client does not offer (signature_algorithms)"
    } else {
        "a hash that current clients refuse"
    };
    let detail = format!(
        "{} is signed with {}, {offer}; the client {} after seeing it.",
        position(weak),
        weak.certificate.signature_algorithm,
        phrase::ended_how(connection)
    );
    let mut verdict =
        with_evidence(case, weak, Verdict::new(confidence, detail)).application(PRE_LOGIN_10054);
    verdict = phrase::device_in_path(case, phrase::agreed(connection, verdict));
    for defect in certificate::defects(connection) {
        verdict =
            verdict.candidate("certificate-rejected-by-client", format!("the certificate is also {defect}"));
    }
    let update = "If the certificate must stay: on Windows 7 to 8.1 and Server 2008 R2 to 2012 R2 KB2973337 adds SHA-512 to TLS \
                  1.2.";
    let sha512 = (weak.certificate.signature_hash == HashAlgorithm::Sha512).then(|| Step::new(update));
    verdict
        .step("Issue a new certificate with a SHA-256 signature (the whole chain up to the root), server authentication, the server's full name.")
        .step(
            "Select it in SQL Server Configuration Manager (Protocols > Certificate) and restart SQL Server. With none selected \
             it makes its own (SSL_Self_Signed_Fallback), which this does not affect, but which clients that check do not trust.",
        )
        .steps(sha512)
        .group(format!("{} {:?}", weak.certificate.subject, connection.ended.how))
}

fn with_evidence(case: &Case<'_>, weak: &WeakSignature<'_>, verdict: Verdict) -> Verdict {
    let connection = case.connection;
    let at = connection.tls.certificate.as_ref().map(|certificate| certificate.moment);
    let line =
        at.map(|at| phrase::learnt(at, format!("Certificate: {}", certificate::describe(weak.certificate))));
    verdict
        .evidence(phrase::client_hello(connection))
        .evidence(phrase::server_hello(connection))
        .evidence(line)
        .evidence(if connection.tds.login.is_some() { None } else { phrase::ending(connection, at) })
}
