//! The certificates here were made with `openssl req -x509` for these tests; their keys were thrown away.

use super::vector24;
use crate::tls::{
    CertificateInfo, HashAlgorithm, Malformed, PublicKey, SignatureScheme, parse_certificate_list,
};

/// O=Example, CN=sql1.example, signed by [`AUTHORITY`].
const LEAF: &[u8] = include_bytes!("certificates/leaf_rsa2048.der");
/// CN=Example CA, its own issuer.
const AUTHORITY: &[u8] = include_bytes!("certificates/authority_p384.der");
/// CN=SSL_Self_Signed_Fallback as a BMPString, as Windows may encode it.
const FALLBACK: &[u8] = include_bytes!("certificates/fallback_rsa1024_sha1.der");
const PSS: &[u8] = include_bytes!("certificates/pss_sha512.der");
const ED25519: &[u8] = include_bytes!("certificates/ed25519.der");
const MD5: &[u8] = include_bytes!("certificates/rsa512_md5.der");

fn list(chain: &[&[u8]]) -> Vec<u8> {
    vector24(&chain.iter().flat_map(|der| vector24(der)).collect::<Vec<_>>())
}

fn only(der: &[u8]) -> CertificateInfo {
    let (mut chain, malformed) = parse_certificate_list(&list(&[der]));
    assert_eq!((chain.len(), malformed), (1, None));
    chain.remove(0)
}

#[test]
fn a_chain_is_read_leaf_first() {
    let (chain, malformed) = parse_certificate_list(&list(&[LEAF, AUTHORITY]));
    let leaf = CertificateInfo {
        subject: "O=Example, CN=sql1.example".to_owned(),
        issuer: "CN=Example CA".to_owned(),
        subject_cn: Some("sql1.example".to_owned()),
        serial: "00:ab:12".to_owned(),
        not_before: 1_795_574_760,
        not_after: 1_827_110_760,
        signature_algorithm: "ecdsa-with-SHA256".to_owned(),
        signature_hash: HashAlgorithm::Sha256,
        signature_scheme: Some(SignatureScheme::ECDSA_SECP256R1_SHA256),
        key: PublicKey::Rsa { bits: 2048 },
        dns_names: ["sql1.example", "*.db.example", "192.0.2.10", "2001:db8::10"].map(str::to_owned).to_vec(),
        self_signed: false,
        is_ca: false,
        server_auth: Some(true),
        len: 731,
    };
    assert_eq!(chain[0], leaf);
    let authority = &chain[1];
    assert_eq!(authority.key, PublicKey::Ec { curve: "P-384".to_owned() });
    assert_eq!(authority.signature_scheme, Some(SignatureScheme::ECDSA_SECP384R1_SHA384));
    assert!(authority.self_signed && authority.is_ca && authority.server_auth.is_none());
    assert_eq!((chain.len(), malformed), (2, None));
    assert!(!leaf.self_signed_fallback());
}

#[test]
fn the_fallback_certificate_is_known_by_its_name_as_a_bmp_string() {
    let fallback = only(FALLBACK);
    assert_eq!(fallback.subject_cn.as_deref(), Some("SSL_Self_Signed_Fallback"));
    assert_eq!(fallback.subject, "CN=SSL_Self_Signed_Fallback");
    assert!(fallback.self_signed_fallback() && fallback.self_signed);
    assert_eq!(fallback.not_after, 2_741_654_733);
    assert_eq!(fallback.signature_algorithm, "sha1WithRSAEncryption");
    assert_eq!(fallback.signature_hash, HashAlgorithm::Sha1);
    assert_eq!(fallback.signature_scheme, Some(SignatureScheme::RSA_PKCS1_SHA1));
    assert_eq!(fallback.key.to_string(), "RSA 1024");
}

#[test]
fn signatures_and_keys_are_named() {
    let pss = only(PSS);
    assert_eq!(pss.signature_algorithm, "RSASSA-PSS with SHA-512");
    assert_eq!(pss.signature_hash, HashAlgorithm::Sha512);
    assert_eq!(pss.signature_scheme, Some(SignatureScheme::RSA_PSS_RSAE_SHA512));
    assert_eq!(pss.server_auth, Some(false));
    let ed25519 = only(ED25519);
    assert_eq!(ed25519.signature_scheme, Some(SignatureScheme::ED25519));
    assert_eq!(ed25519.signature_hash, HashAlgorithm::Other);
    assert_eq!(ed25519.key, PublicKey::Other("1.3.101.112".to_owned()));
    let md5 = only(MD5);
    assert_eq!((md5.signature_hash, md5.key), (HashAlgorithm::Md5, PublicKey::Rsa { bits: 512 }));
    assert_eq!(md5.signature_scheme, Some(SignatureScheme::RSA_PKCS1_MD5));
}

#[test]
fn cut_at_every_byte_whole_certificates_are_kept() {
    let whole = list(&[LEAF, AUTHORITY]);
    for cut in 0..whole.len() {
        let (chain, malformed) = parse_certificate_list(&whole[..cut]);
        assert_eq!(chain.len(), usize::from(cut >= 6 + LEAF.len()), "cut at {cut}");
        assert!(malformed.is_some(), "cut at {cut}");
    }
}

#[test]
fn lists_that_do_not_fit_are_malformed() {
    assert_eq!(parse_certificate_list(&[0, 0, 0]), (vec![], None));
    let empty_entry = Some(Malformed { what: "certificate", at: 3 });
    assert_eq!(parse_certificate_list(&list(&[&[]])), (vec![], empty_entry));
    assert_eq!(parse_certificate_list(&list(&[b"not DER"])).1, empty_entry);
    let second = Some(Malformed { what: "certificate", at: 6 + ED25519.len() });
    assert_eq!(parse_certificate_list(&list(&[ED25519, b"\x30\x80"])).1, second);
    for (at, delta) in [(2, 1), (2, 0xFF), (5, 1), (5, 0xFF)] {
        let mut off = list(&[ED25519]);
        off[at] = u8::wrapping_add(off[at], delta);
        assert!(parse_certificate_list(&off).1.is_some(), "byte {at} plus {delta}");
    }
    let many: Vec<&[u8]> = vec![ED25519; 40];
    assert_eq!(parse_certificate_list(&list(&many)).0.len(), 16);
}

#[test]
fn certificates_with_any_byte_changed_are_survived() {
    for der in [LEAF, AUTHORITY, FALLBACK, PSS, ED25519] {
        for at in 0..der.len() {
            for change in [0xFF, 0x01, 0x80] {
                let mut changed = der.to_vec();
                changed[at] ^= change;
                let (chain, malformed) = parse_certificate_list(&list(&[&changed]));
                assert_eq!(chain.is_empty(), malformed.is_some());
            }
        }
    }
}
