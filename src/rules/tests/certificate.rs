//! What the client makes of the server's certificate, and what it shows of its own.

use super::case::*;
use crate::facts::Side;
use crate::rules::Confidence::{Certain, Likely, Possible};
use crate::rules::{Confidence, Severity};
use crate::tls::{CertificateInfo, CipherSuite, HashAlgorithm, ProtocolVersion, PublicKey, SignatureScheme};

#[test]
fn a_certificate_with_sha_1_is_a_note() {
    let works = Connection::certified(sha1()).client_key(65).finished().server_finished().login().logged_in();
    let verdict = fires("weak-hash-certificate", "", Certain, works, Server::unknown()).ask().unwrap();
    assert_eq!(verdict.severity, Some(Severity::Info));
}

pub(super) fn examples() -> Vec<Example> {
    [weak_hashes(), rejected(), client_certificates()].concat()
}

fn md5() -> CertificateInfo {
    signed_with("md5WithRSAEncryption", HashAlgorithm::Md5, Some(SignatureScheme::RSA_PKCS1_MD5))
}

fn sha512() -> CertificateInfo {
    signed_with("sha512WithRSAEncryption", HashAlgorithm::Sha512, Some(SignatureScheme::RSA_PKCS1_SHA512))
}

fn sha1() -> CertificateInfo {
    signed_with("sha1WithRSAEncryption", HashAlgorithm::Sha1, Some(SignatureScheme::RSA_PKCS1_SHA1))
}

fn fallback() -> CertificateInfo {
    CertificateInfo { subject_cn: Some("SSL_Self_Signed_Fallback".to_owned()), self_signed: true, ..sha512() }
}

fn weak_hashes() -> Vec<Example> {
    const R4: &str = "weak-hash-certificate";
    let sha224 = || {
        signed_with("sha224WithRSAEncryption", HashAlgorithm::Sha224, Some(SignatureScheme::RSA_PKCS1_SHA224))
    };
    let accepting_sha512 = |leaf| {
        let mut offer = modern();
        offer.signature_algorithms.as_mut().unwrap().push(SignatureScheme::RSA_PKCS1_SHA512);
        Connection::offering(offer)
            .server_hello(ProtocolVersion::TLS12, ECDHE_GCM)
            .certificate(leaf)
            .hello_done()
    };
    let old = |leaf| {
        Connection::offering(at_most(ProtocolVersion::TLS10))
            .server_hello(ProtocolVersion::TLS10, RSA_CBC)
            .certificate(leaf)
            .hello_done()
    };
    let works =
        |leaf| Connection::certified(leaf).client_key(65).finished().server_finished().login().logged_in();
    vec![
        fires(
            R4,
            "MD5, refused by FIN, and not offered",
            Likely,
            Connection::certified(md5()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            R4,
            "SHA-512, not offered",
            Likely,
            Connection::certified(sha512()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            R4,
            "SHA-224, not offered, RST",
            Likely,
            Connection::certified(sha224()).reset(Side::Client),
            Server::unknown(),
        ),
        fires(
            R4,
            "alert 42",
            Likely,
            Connection::certified(sha512()).alert(Side::Client, 42),
            Server::unknown(),
        ),
        fires(
            R4,
            "MD5 with TLS 1.0: nothing says what the client takes",
            Possible,
            old(md5()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(R4, "SHA-1, and it works", Certain, works(sha1()), Server::unknown()),
        silent(R4, "SHA-1, refused", Connection::certified(sha1()).fin(Side::Client), Server::unknown()),
        fires(R4, "it works with these clients", Certain, works(sha512()), Server::unknown()),
        silent(
            R4,
            "SHA-256, and the client left",
            Connection::certified(good_certificate()).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            R4,
            "the client offers SHA-512, so that is not why",
            accepting_sha512(sha512()).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            R4,
            "the fallback that SQL Server makes itself",
            Connection::certified(fallback()).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            R4,
            "an alert about something else",
            Connection::certified(sha512()).alert(Side::Client, 70),
            Server::unknown(),
        ),
        silent(R4, "the server left", Connection::certified(sha512()).fin(Side::Server), Server::unknown()),
        silent(
            R4,
            "a root signed with it checks nobody",
            Connection::certified(good_certificate()).with(weak_root).fin(Side::Client),
            Server::unknown(),
        ),
        silent(R4, "healthy", works(good_certificate()), Server::unknown()),
    ]
}

fn rejected() -> Vec<Example> {
    const T305: &str = "certificate-rejected-by-client";
    let expired = || CertificateInfo { not_after: START / SECOND - 86_400, ..good_certificate() };
    let named = |name: &'static str| {
        move |facts: &mut crate::facts::ConnectionFacts| {
            facts.tls.client.as_mut().unwrap().server_name = Some(name.into());
        }
    };
    let tls13 = || {
        Connection::offering(modern())
            .server_hello(ProtocolVersion::TLS13, CipherSuite(0x1302))
            .server_finished()
    };
    vec![
        fires(
            T305,
            "alert 48",
            Certain,
            Connection::certified(good_certificate()).alert(Side::Client, 48),
            Server::unknown(),
        ),
        fires(
            T305,
            "expired, FIN without a word",
            Likely,
            Connection::certified(expired()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            T305,
            "the self-generated one, FIN",
            Likely,
            Connection::certified(fallback()).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            T305,
            "another name than the client asked for",
            Likely,
            Connection::certified(good_certificate()).with(named("sql2.example")).fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            T305,
            "FIN only after the handshake",
            Likely,
            Connection::certified(expired()).client_key(65).finished().server_finished().fin(Side::Client),
            Server::unknown(),
        ),
        fires(
            T305,
            "TLS 1.3: an encrypted alert after the flight",
            Possible,
            tls13().encrypted_alert(Side::Client),
            Server::unknown(),
        ),
        silent(
            T305,
            "nothing wrong with it, FIN",
            Connection::certified(good_certificate()).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            T305,
            "the wildcard fits the name",
            Connection::certified(CertificateInfo {
                dns_names: vec!["*.example".to_owned()],
                ..good_certificate()
            })
            .with(named("SQL9.example"))
            .fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            T305,
            "the server left",
            Connection::certified(expired()).fin(Side::Server),
            Server::unknown(),
        ),
        silent(T305, "it went on to log in", Connection::logging_in().fin(Side::Client), Server::unknown()),
        silent(
            T305,
            "in the middle of its own flight",
            Connection::certified(expired()).client_key(65).fin(Side::Client),
            Server::unknown(),
        ),
        silent(
            T305,
            "alert 70 is about the version",
            Connection::certified(expired()).alert(Side::Client, 70),
            Server::unknown(),
        ),
        silent(
            T305,
            "before the server was through",
            before_hello_done(expired()).fin(Side::Client),
            Server::unknown(),
        ),
    ]
}

fn before_hello_done(leaf: CertificateInfo) -> Connection {
    Connection::offering(modern()).server_hello(ProtocolVersion::TLS12, ECDHE_GCM).certificate(leaf)
}

fn client_certificates() -> Vec<Example> {
    const T306: &str = "client-certificate-missing";
    let asked = |empty| {
        before_hello_done(good_certificate())
            .certificate_request()
            .hello_done()
            .client_certificate(empty)
            .client_key(65)
            .finished()
    };
    vec![
        fires(T306, "alert 116", Certain, asked(true).alert(Side::Server, 116), Server::unknown()),
        fires(T306, "alert 42", Certain, asked(true).alert(Side::Server, 42), Server::unknown()),
        fires(T306, "FIN", Likely, asked(true).fin(Side::Server), Server::unknown()),
        fires(T306, "alert 40", Likely, asked(true).alert(Side::Server, 40), Server::unknown()),
        silent(
            T306,
            "an empty one alone is healthy",
            asked(true).server_finished().login().logged_in(),
            Server::unknown(),
        ),
        silent(T306, "the client had one", asked(false).fin(Side::Server), Server::unknown()),
        silent(T306, "the client left", asked(true).fin(Side::Client), Server::unknown()),
        silent(
            T306,
            "bad_record_mac is something else",
            asked(true).alert(Side::Server, 20),
            Server::unknown(),
        ),
        silent(
            T306,
            "it was not asked for one",
            Connection::certified(good_certificate()).client_key(65).finished().fin(Side::Server),
            Server::unknown(),
        ),
    ]
}

fn weak_root(facts: &mut crate::facts::ConnectionFacts) {
    let root = CertificateInfo { self_signed: true, is_ca: true, ..sha512() };
    let certificate = facts.tls.certificate.as_mut().unwrap();
    certificate.chain = std::sync::Arc::new(vec![good_certificate(), root]);
}

#[test]
fn each_certificate_is_judged_by_what_is_wrong_with_it() {
    check(&examples());
}

#[test]
fn a_weak_hash_that_works_is_a_warning() {
    let works = examples().into_iter().find(|example| example.name == "it works with these clients").unwrap();
    assert_eq!(works.ask().unwrap().severity, Some(Severity::Warning));
}

#[test]
fn what_is_wrong_with_a_certificate_reads_as_a_sentence() {
    let certificate = CertificateInfo {
        not_after: START / SECOND - 86_400,
        key: PublicKey::Rsa { bits: 1024 },
        server_auth: Some(false),
        ..good_certificate()
    };
    let example = rejected_as(certificate, Likely);
    let detail = example.ask().unwrap().detail;
    assert_eq!(
        detail,
        "The client saw the server's certificate and closed the connection (FIN) without logging in: the certificate is out of date \
         since 2026-02-28; too weak (its RSA key has 1024 bits, under 2048); not for server authentication (extended \
         key usage)."
    );
}

fn rejected_as(certificate: CertificateInfo, confidence: Confidence) -> Example {
    fires(
        "certificate-rejected-by-client",
        "FIN",
        confidence,
        Connection::certified(certificate).fin(Side::Client),
        Server::unknown(),
    )
}
