//! What clients offer and servers show: suites, offers, certificates, builds.

use super::connection::{SECOND, START};
use crate::facts::Offer;
use crate::tds::{EncryptionSetting, ProductBuild};
use crate::tls::{
    CertificateInfo, CipherSuite, HashAlgorithm, NamedGroup, ProtocolVersion, PublicKey, SignatureScheme,
};

/// ENCRYPT_OFF: only the login is encrypted.
pub(crate) const OFF: EncryptionSetting = EncryptionSetting::OFF;
/// TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.
pub(crate) const ECDHE_GCM: CipherSuite = CipherSuite(0xC030);
/// TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384.
pub(crate) const ECDHE_CBC: CipherSuite = CipherSuite(0xC028);
/// TLS_DHE_RSA_WITH_AES_256_GCM_SHA384.
pub(crate) const DHE_GCM: CipherSuite = CipherSuite(0x009F);
/// TLS_RSA_WITH_AES_256_CBC_SHA.
pub(crate) const RSA_CBC: CipherSuite = CipherSuite(0x0035);
/// TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: in no default list of Windows Server.
pub(crate) const CHACHA: CipherSuite = CipherSuite(0xCCA8);

/// TLS 1.2 and 1.3, ECDHE and DHE with GCM, the usual groups, RSA with SHA-256 and better.
pub(crate) fn modern() -> Offer {
    Offer {
        versions: vec![ProtocolVersion::TLS13, ProtocolVersion::TLS12],
        versions_listed: true,
        cipher_suites: vec![CipherSuite(0x1302), ECDHE_GCM, DHE_GCM],
        groups: Some(vec![NamedGroup::X25519, NamedGroup::SECP256R1]),
        signature_algorithms: Some(vec![
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
        ]),
        extended_master_secret: true,
        ..Offer::default()
    }
}

/// At most this version, with suites of its time; without `supported_versions`.
pub(crate) fn at_most(version: ProtocolVersion) -> Offer {
    Offer {
        versions: vec![version],
        versions_listed: false,
        cipher_suites: vec![RSA_CBC],
        groups: None,
        signature_algorithms: None,
        ..Offer::default()
    }
}

/// As [`modern`], with these suites.
pub(crate) fn suites(cipher_suites: &[CipherSuite]) -> Offer {
    Offer { cipher_suites: cipher_suites.to_vec(), ..modern() }
}

/// A product build.
pub(crate) const fn build(major: u8, minor: u8, build: u16) -> ProductBuild {
    ProductBuild { major, minor, build, sub_build: 0 }
}

/// A certificate that no client has a reason to refuse but an unknown issuer.
pub(crate) fn good_certificate() -> CertificateInfo {
    let day = 86_400;
    let now = START / SECOND;
    CertificateInfo {
        subject: "CN=sql1.example".to_owned(),
        issuer: "CN=Example CA".to_owned(),
        subject_cn: Some("sql1.example".to_owned()),
        serial: "01".to_owned(),
        not_before: now - 30 * day,
        not_after: now + 300 * day,
        signature_algorithm: "sha256WithRSAEncryption".to_owned(),
        signature_hash: HashAlgorithm::Sha256,
        signature_scheme: Some(SignatureScheme::RSA_PKCS1_SHA256),
        key: PublicKey::Rsa { bits: 2048 },
        dns_names: vec!["sql1.example".to_owned()],
        self_signed: false,
        is_ca: false,
        server_auth: Some(true),
        len: 900,
    }
}

/// The same, signed with another algorithm.
pub(crate) fn signed_with(
    algorithm: &str,
    hash: HashAlgorithm,
    scheme: Option<SignatureScheme>,
) -> CertificateInfo {
    CertificateInfo {
        signature_algorithm: algorithm.to_owned(),
        signature_hash: hash,
        signature_scheme: scheme,
        ..good_certificate()
    }
}
