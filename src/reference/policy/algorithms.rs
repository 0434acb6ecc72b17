//! What `SCHANNEL\Ciphers`, `Hashes` and `KeyExchangeAlgorithms` switch off (Microsoft: "Transport Layer Security
//! (TLS) registry settings", and KB245030 for the names), and the curves of `EccCurves`.

use crate::tls::{CipherSuite, KeyExchange, NamedGroup};

/// Part of the IANA name of every suite that a key of `SCHANNEL\Ciphers` stands for.
const CIPHERS: [(&str, &str); 13] = [
    ("NULL", "_WITH_NULL_"),
    ("DES 56/56", "_WITH_DES_CBC_"),
    ("RC2 40/128", "_WITH_RC2_CBC_40_"),
    ("RC2 56/128", "_WITH_RC2_CBC_56_"),
    ("RC4 40/128", "_WITH_RC4_40_"),
    ("RC4 56/128", "_WITH_RC4_56_"),
    ("RC4 64/128", "_WITH_RC4_64_"),
    ("RC4 128/128", "_WITH_RC4_128_"),
    ("Triple DES 168", "_WITH_3DES_EDE_"),
    // As Windows Server 2003 and older wrote it; newer releases read it too.
    ("Triple DES 168/168", "_WITH_3DES_EDE_"),
    ("AES 128/128", "_WITH_AES_128_"),
    ("AES 256/256", "_WITH_AES_256_"),
    ("ChaCha20-Poly1305", "_WITH_CHACHA20_POLY1305_"),
];

/// End of the IANA name of every suite that a key of `SCHANNEL\Hashes` stands for.
const HASHES: [(&str, &str); 5] =
    [("MD5", "_MD5"), ("SHA", "_SHA"), ("SHA256", "_SHA256"), ("SHA384", "_SHA384"), ("SHA512", "_SHA512")];

/// Keys of `SCHANNEL\KeyExchangeAlgorithms`.
const KEY_EXCHANGES: [(&str, KeyExchange); 3] =
    [("Diffie-Hellman", KeyExchange::Dhe), ("PKCS", KeyExchange::Rsa), ("ECDH", KeyExchange::Ecdhe)];

/// Curves as Windows names them (`Get-TlsEccCurve`; Microsoft: "TLS Elliptic Curves in Windows 10 version 1607 and
/// later") where the name is not that of IANA.
const CURVES: [(&str, NamedGroup); 5] = [
    ("curve25519", NamedGroup::X25519),
    ("NistP256", NamedGroup::SECP256R1),
    ("NistP384", NamedGroup::SECP384R1),
    ("NistP521", NamedGroup::SECP521R1),
    ("NistP224", NamedGroup::SECP224R1),
];

/// Something that Schannel can be told not to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// A cipher, by a part of the names of its suites.
    Cipher(&'static str),
    /// A hash, by the end of the names of its suites.
    Hash(&'static str),
    /// A key exchange.
    KeyExchange(KeyExchange),
}

impl Algorithm {
    /// What a key below `SCHANNEL`, such as `ciphers\RC4 128/128`, stands for; `None` when Schannel has no such key.
    pub(super) fn of_key(kind: &str, name: &str) -> Option<Self> {
        let same = |known: &str| known.eq_ignore_ascii_case(name);
        match kind.to_ascii_lowercase().as_str() {
            "ciphers" => {
                CIPHERS.into_iter().find(|(known, _)| same(known)).map(|(_, part)| Self::Cipher(part))
            }
            "hashes" => {
                // Also written with a space: "SHA 256".
                let name = name.replace(' ', "");
                let found = HASHES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
                found.map(|(_, end)| Self::Hash(end))
            }
            "keyexchangealgorithms" => {
                let found = KEY_EXCHANGES.into_iter().find(|(known, _)| same(known));
                found.map(|(_, exchange)| Self::KeyExchange(exchange))
            }
            _ => None,
        }
    }

    /// Whether a suite needs it.
    #[must_use]
    pub fn is_used_by(self, suite: CipherSuite) -> bool {
        let name = suite.name().unwrap_or_default();
        match self {
            Self::Cipher(part) => name.contains(part),
            Self::Hash(end) => name.ends_with(end),
            Self::KeyExchange(exchange) => suite.key_exchange() == exchange,
        }
    }
}

/// The curve that Windows calls so.
pub(super) fn curve(name: &str) -> Option<NamedGroup> {
    let listed = CURVES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    listed.map(|(_, group)| group).or_else(|| {
        // The others have the names of IANA: brainpoolP256r1, secp256k1 and their like.
        (1..=33)
            .map(NamedGroup)
            .find(|group| group.name().is_some_and(|known| known.eq_ignore_ascii_case(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &str) -> CipherSuite {
        CipherSuite::from_name(name).unwrap()
    }

    #[test]
    fn keys_stand_for_the_suites_that_need_them() {
        let off = |kind, key, name| Algorithm::of_key(kind, key).unwrap().is_used_by(suite(name));
        assert!(off("Ciphers", "RC4 128/128", "TLS_RSA_WITH_RC4_128_SHA"));
        assert!(!off("Ciphers", "RC4 40/128", "TLS_RSA_WITH_RC4_128_SHA"));
        assert!(off("Ciphers", "triple des 168", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"));
        assert!(!off("Ciphers", "DES 56/56", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"));
        assert!(off("Ciphers", "AES 256/256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
        assert!(off("Hashes", "SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"));
        assert!(!off("Hashes", "SHA", "TLS_RSA_WITH_AES_128_CBC_SHA256"));
        assert!(off("Hashes", "SHA 256", "TLS_RSA_WITH_AES_128_CBC_SHA256"));
        assert!(off("KeyExchangeAlgorithms", "Diffie-Hellman", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"));
        assert!(!off("KeyExchangeAlgorithms", "ECDH", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"));
        assert!(off("KeyExchangeAlgorithms", "PKCS", "TLS_RSA_WITH_AES_128_CBC_SHA"));
    }

    #[test]
    fn every_name_stands_for_a_suite_that_exists() {
        let used =
            |algorithm: Algorithm| (0..=u16::MAX).any(|number| algorithm.is_used_by(CipherSuite(number)));
        let parts = CIPHERS.into_iter().map(|(name, _)| ("Ciphers", name));
        let ends = HASHES.into_iter().map(|(name, _)| ("Hashes", name));
        // No suite that has a number needs these.
        let unused = ["RC4 64/128"];
        for (kind, name) in parts.chain(ends) {
            let algorithm = Algorithm::of_key(kind, name).unwrap();
            assert_eq!(used(algorithm), !unused.contains(&name), "{kind} {name}");
        }
    }

    #[test]
    fn unknown_keys_stand_for_nothing_as_in_windows() {
        assert_eq!(Algorithm::of_key("Ciphers", "RC4"), None);
        assert_eq!(Algorithm::of_key("Ciphersuites", "NULL"), None);
    }

    #[test]
    fn curves_have_the_names_of_windows_or_of_iana() {
        assert_eq!(curve("NistP256"), Some(NamedGroup::SECP256R1));
        assert_eq!(curve("Curve25519"), Some(NamedGroup::X25519));
        assert_eq!(curve("brainpoolP384r1"), Some(NamedGroup::BRAINPOOL_P384R1));
        assert_eq!(curve("NistP257"), None);
    }
}
