use crate::tls::names::is_grease;
use crate::tls::{
    AlertDescription, AlertLevel, Authentication, CipherSuite, ContentType, ExtensionType, HandshakeType,
    KeyExchange, NamedGroup, ProtocolVersion, SignatureScheme,
};

#[test]
fn names_are_ianas() {
    assert_eq!(CipherSuite(0xC030).to_string(), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(CipherSuite(0x009F).to_string(), "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(CipherSuite(0x1302).to_string(), "TLS_AES_256_GCM_SHA384");
    assert_eq!(CipherSuite(0xCCA8).to_string(), "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
    assert_eq!(CipherSuite(0xFFFE).to_string(), "0xFFFE");
    assert_eq!(NamedGroup(0x11EC).to_string(), "X25519MLKEM768");
    assert_eq!(ProtocolVersion(0x0303).to_string(), "TLS 1.2");
    assert_eq!(ProtocolVersion(0x7F1C).to_string(), "0x7F1C");
    assert_eq!(AlertDescription(70).to_string(), "protocol_version");
    assert_eq!(AlertDescription(200).to_string(), "alert 200");
}

#[test]
fn suites_know_their_key_exchange() {
    assert_eq!(CipherSuite(0x009F).key_exchange(), KeyExchange::Dhe);
    assert_eq!(CipherSuite(0xC030).key_exchange(), KeyExchange::Ecdhe);
    assert_eq!(CipherSuite(0x002F).key_exchange(), KeyExchange::Rsa);
    assert_eq!(CipherSuite(0x1301).key_exchange(), KeyExchange::Tls13);
    assert!(CipherSuite(0x0005).is_rc4());
    assert!(CipherSuite(0x000A).is_triple_des());
    assert!(CipherSuite(0x0003).is_broken());
    assert!(!CipherSuite(0xC030).is_broken());
}

#[test]
fn suites_know_the_versions_and_the_certificate_that_they_need() {
    use ProtocolVersion as V;
    let works = |suite: u16| {
        let versions = [V::SSL3, V::TLS10, V::TLS11, V::TLS12, V::TLS13];
        versions.map(|version| CipherSuite(suite).works_with(version))
    };
    // AES-CBC with SHA-1, with SHA-256; GCM; CHACHA20; CCM; TLS 1.3; unknown.
    assert_eq!(works(0x0035), [true, true, true, true, false]);
    for suite in [0x003D, 0xC030, 0xCCA8, 0xC09D] {
        assert_eq!(works(suite), [false, false, false, true, false], "{}", CipherSuite(suite));
    }
    assert_eq!(works(0x1302), [false, false, false, false, true]);
    assert_eq!(works(0xFEFE), [false; 5]);
    for (suite, key) in [
        (0xC030, Authentication::Rsa),
        (0x0035, Authentication::Rsa),
        (0x009F, Authentication::Rsa),
        (0xC02C, Authentication::Ecdsa),
        (0x0040, Authentication::Dss),
        (0x1301, Authentication::Other),
        (0xC018, Authentication::Other),
    ] {
        assert_eq!(CipherSuite(suite).authentication(), key, "{}", CipherSuite(suite));
    }
}

#[test]
fn anonymous_and_pre_shared_key_suites_are_told_apart() {
    // DH_anon and ECDH_anon send their parameters like DHE and ECDHE; with a key of its own the suite is static.
    assert_eq!(CipherSuite(0x0018).key_exchange(), KeyExchange::Dhe);
    assert_eq!(CipherSuite(0xC018).key_exchange(), KeyExchange::Ecdhe);
    assert_eq!(CipherSuite(0x0031).key_exchange(), KeyExchange::Static);
    assert_eq!(CipherSuite(0xC005).key_exchange(), KeyExchange::Static);
    // PSK, DHE_PSK, RSA_PSK, ECDHE_PSK: an identity hint stands before any parameters (RFC 4279 2, 3).
    for psk in [0x008C, 0x00AA, 0x00AC, 0xC035, 0xCCAC] {
        assert_eq!(CipherSuite(psk).key_exchange(), KeyExchange::Psk, "{}", CipherSuite(psk));
    }
    assert_eq!(CipherSuite(0xC01A).key_exchange(), KeyExchange::Other);
    assert_eq!(CipherSuite(0xFEFE).key_exchange(), KeyExchange::Other);
}

#[test]
fn no_two_numbers_share_a_name() {
    let distinct = |name: &dyn Fn(u16) -> Option<&'static str>| {
        let mut names: Vec<&str> = (0..=u16::MAX).filter_map(name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        (all - names.len(), all)
    };
    let byte = |number: u16| u8::try_from(number).ok();
    assert_eq!(distinct(&|number| ProtocolVersion(number).name()), (0, 6));
    assert_eq!(distinct(&|number| byte(number).and_then(|byte| ContentType(byte).name())), (0, 5));
    assert_eq!(distinct(&|number| byte(number).and_then(|byte| HandshakeType(byte).name())).0, 0);
    assert_eq!(distinct(&|number| byte(number).and_then(|byte| AlertDescription(byte).name())).0, 0);
    assert_eq!(distinct(&|number| ExtensionType(number).name()).0, 0);
    assert_eq!(distinct(&|number| NamedGroup(number).name()).0, 0);
    assert_eq!(distinct(&|number| SignatureScheme(number).name()).0, 0);
    let (doubles, suites) = distinct(&|number| CipherSuite(number).name());
    assert!(doubles == 0 && suites > 340, "{doubles} of {suites}");
}

#[test]
fn every_suite_is_found_by_its_name() {
    for number in 0..=u16::MAX {
        let suite = CipherSuite(number);
        if let Some(name) = suite.name() {
            assert_eq!(CipherSuite::from_name(name), Some(suite), "{name}");
        }
    }
}

#[test]
fn numbers_without_a_name_are_hexadecimal_in_every_table() {
    assert_eq!(ContentType(99).to_string(), "0x63");
    assert_eq!(HandshakeType(0xFE).to_string(), "0xFE");
    assert_eq!(ExtensionType(0xABCD).to_string(), "0xABCD");
    assert_eq!(NamedGroup(0xFE33).to_string(), "0xFE33");
    assert_eq!(SignatureScheme(0xFE01).to_string(), "0xFE01");
    assert_eq!(AlertLevel(7).to_string(), "level 7");
    assert_eq!(ExtensionType(16).to_string(), "application_layer_protocol_negotiation");
    assert_eq!(SignatureScheme(0x0804).to_string(), "rsa_pss_rsae_sha256");
    assert_eq!(NamedGroup(24).to_string(), "secp384r1");
    assert_eq!(HandshakeType(14).to_string(), "server_hello_done");
    assert_eq!(AlertDescription(116).to_string(), "certificate_required");
    assert_eq!(
        serde_json::to_string(&CipherSuite(0x009F)).unwrap(),
        "\"TLS_DHE_RSA_WITH_AES_256_GCM_SHA384\""
    );
    assert_eq!(serde_json::to_string(&CipherSuite(0x00FE)).unwrap(), "\"0x00FE\"");
}

#[test]
fn weak_suites_are_known_for_what_they_are() {
    // EXPORT, single DES, NULL, MD5; not triple DES, not AES-CBC, not RC4-SHA (named by its own predicate).
    for broken in [0x0000, 0x0008, 0x0009, 0x0002, 0x0004, 0x003B, 0xC010] {
        assert!(CipherSuite(broken).is_broken(), "{}", CipherSuite(broken));
    }
    for other in [0x000A, 0x002F, 0x0005, 0x1301, 0xC02F, 0xFEFE] {
        assert!(!CipherSuite(other).is_broken(), "{}", CipherSuite(other));
    }
    assert!(CipherSuite(0xC011).is_rc4() && !CipherSuite(0x000A).is_rc4());
    assert!(CipherSuite(0xC012).is_triple_des() && !CipherSuite(0x0009).is_triple_des());
}

#[test]
fn from_name_takes_any_case() {
    assert_eq!(CipherSuite::from_name("tls_rsa_with_aes_128_cbc_sha"), Some(CipherSuite(0x002F)));
    assert_eq!(CipherSuite::from_name("TLS_RSA_WITH_AES_128_CBC"), None);
}

#[test]
fn grease_is_known() {
    assert!(is_grease(0x0A0A) && is_grease(0xFAFA));
    assert!(!is_grease(0x0A1A) && !is_grease(0x1302));
}
