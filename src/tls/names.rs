//! The numbers of TLS and their IANA names (registries "TLS Parameters" and "TLS ExtensionType Values").
//!
//! Every number is a newtype: a value that has no name here is kept and printed in hexadecimal.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use tls_parser::{
    CIPHERS, TlsCipherAu, TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite,
};

macro_rules! number {
    (
        $(#[$doc:meta])* $name:ident($inner:ty), $hex:literal;
        $($(#[$cdoc:meta])* $konst:ident = $value:literal, $text:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        #[allow(missing_docs, reason = "each constant is named as IANA names it")]
        impl $name {
            $($(#[$cdoc])* pub const $konst: Self = Self($value);)*
        }

        impl $name {
            /// The IANA name; `None` for a number without one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        display_by_name!($name, $hex);
    };
}

macro_rules! display_by_name {
    ($name:ident, $hex:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, $hex, self.0),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": "IANA name, or the number in hexadecimal when it has none"
                })
            }
        }
    };
}

number! {
    /// A protocol version as it stands on the wire (RFC 8446 4.2.1, 5.1).
    ProtocolVersion(u16), "0x{:04X}";
    SSL2 = 0x0002, "SSL 2.0";
    SSL3 = 0x0300, "SSL 3.0";
    TLS10 = 0x0301, "TLS 1.0";
    TLS11 = 0x0302, "TLS 1.1";
    TLS12 = 0x0303, "TLS 1.2";
    TLS13 = 0x0304, "TLS 1.3";
}

number! {
    /// A record's content type (RFC 8446 5.1).
    ContentType(u8), "0x{:02X}";
    CHANGE_CIPHER_SPEC = 20, "change_cipher_spec";
    ALERT = 21, "alert";
    HANDSHAKE = 22, "handshake";
    APPLICATION_DATA = 23, "application_data";
    HEARTBEAT = 24, "heartbeat";
}

number! {
    /// A handshake message's type (RFC 8446 4, RFC 5246 7.4).
    HandshakeType(u8), "0x{:02X}";
    HELLO_REQUEST = 0, "hello_request";
    CLIENT_HELLO = 1, "client_hello";
    SERVER_HELLO = 2, "server_hello";
    NEW_SESSION_TICKET = 4, "new_session_ticket";
    END_OF_EARLY_DATA = 5, "end_of_early_data";
    ENCRYPTED_EXTENSIONS = 8, "encrypted_extensions";
    CERTIFICATE = 11, "certificate";
    SERVER_KEY_EXCHANGE = 12, "server_key_exchange";
    CERTIFICATE_REQUEST = 13, "certificate_request";
    SERVER_HELLO_DONE = 14, "server_hello_done";
    CERTIFICATE_VERIFY = 15, "certificate_verify";
    CLIENT_KEY_EXCHANGE = 16, "client_key_exchange";
    FINISHED = 20, "finished";
    CERTIFICATE_URL = 21, "certificate_url";
    CERTIFICATE_STATUS = 22, "certificate_status";
    SUPPLEMENTAL_DATA = 23, "supplemental_data";
    KEY_UPDATE = 24, "key_update";
    COMPRESSED_CERTIFICATE = 25, "compressed_certificate";
}

number! {
    /// An alert's level (RFC 8446 6).
    AlertLevel(u8), "level {}";
    WARNING = 1, "warning";
    FATAL = 2, "fatal";
}

number! {
    /// What an alert says (RFC 8446 6, RFC 5246 7.2).
    AlertDescription(u8), "alert {}";
    CLOSE_NOTIFY = 0, "close_notify";
    UNEXPECTED_MESSAGE = 10, "unexpected_message";
    BAD_RECORD_MAC = 20, "bad_record_mac";
    DECRYPTION_FAILED = 21, "decryption_failed";
    RECORD_OVERFLOW = 22, "record_overflow";
    DECOMPRESSION_FAILURE = 30, "decompression_failure";
    HANDSHAKE_FAILURE = 40, "handshake_failure";
    NO_CERTIFICATE = 41, "no_certificate";
    BAD_CERTIFICATE = 42, "bad_certificate";
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
    CERTIFICATE_REVOKED = 44, "certificate_revoked";
    CERTIFICATE_EXPIRED = 45, "certificate_expired";
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
    ILLEGAL_PARAMETER = 47, "illegal_parameter";
    UNKNOWN_CA = 48, "unknown_ca";
    ACCESS_DENIED = 49, "access_denied";
    DECODE_ERROR = 50, "decode_error";
    DECRYPT_ERROR = 51, "decrypt_error";
    TOO_MANY_CIDS_REQUESTED = 52, "too_many_cids_requested";
    EXPORT_RESTRICTION = 60, "export_restriction";
    PROTOCOL_VERSION = 70, "protocol_version";
    INSUFFICIENT_SECURITY = 71, "insufficient_security";
    INTERNAL_ERROR = 80, "internal_error";
    INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
    USER_CANCELED = 90, "user_canceled";
    NO_RENEGOTIATION = 100, "no_renegotiation";
    MISSING_EXTENSION = 109, "missing_extension";
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
    CERTIFICATE_UNOBTAINABLE = 111, "certificate_unobtainable";
    UNRECOGNIZED_NAME = 112, "unrecognized_name";
    BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
    BAD_CERTIFICATE_HASH_VALUE = 114, "bad_certificate_hash_value";
    UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
    CERTIFICATE_REQUIRED = 116, "certificate_required";
    NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    ECH_REQUIRED = 121, "ech_required";
}

number! {
    /// An extension's number (registry "TLS ExtensionType Values"; RFC 8446 4.2).
    ExtensionType(u16), "0x{:04X}";
    SERVER_NAME = 0, "server_name";
    MAX_FRAGMENT_LENGTH = 1, "max_fragment_length";
    STATUS_REQUEST = 5, "status_request";
    SUPPORTED_GROUPS = 10, "supported_groups";
    EC_POINT_FORMATS = 11, "ec_point_formats";
    SIGNATURE_ALGORITHMS = 13, "signature_algorithms";
    USE_SRTP = 14, "use_srtp";
    HEARTBEAT = 15, "heartbeat";
    ALPN = 16, "application_layer_protocol_negotiation";
    STATUS_REQUEST_V2 = 17, "status_request_v2";
    SIGNED_CERTIFICATE_TIMESTAMP = 18, "signed_certificate_timestamp";
    PADDING = 21, "padding";
    ENCRYPT_THEN_MAC = 22, "encrypt_then_mac";
    EXTENDED_MASTER_SECRET = 23, "extended_master_secret";
    TOKEN_BINDING = 24, "token_binding";
    COMPRESS_CERTIFICATE = 27, "compress_certificate";
    RECORD_SIZE_LIMIT = 28, "record_size_limit";
    DELEGATED_CREDENTIAL = 34, "delegated_credential";
    SESSION_TICKET = 35, "session_ticket";
    PRE_SHARED_KEY = 41, "pre_shared_key";
    EARLY_DATA = 42, "early_data";
    SUPPORTED_VERSIONS = 43, "supported_versions";
    COOKIE = 44, "cookie";
    PSK_KEY_EXCHANGE_MODES = 45, "psk_key_exchange_modes";
    CERTIFICATE_AUTHORITIES = 47, "certificate_authorities";
    POST_HANDSHAKE_AUTH = 49, "post_handshake_auth";
    SIGNATURE_ALGORITHMS_CERT = 50, "signature_algorithms_cert";
    KEY_SHARE = 51, "key_share";
    ENCRYPTED_CLIENT_HELLO = 0xFE0D, "encrypted_client_hello";
    RENEGOTIATION_INFO = 0xFF01, "renegotiation_info";
}

number! {
    /// A group for the key exchange (RFC 8446 4.2.7, RFC 8422, RFC 7919).
    NamedGroup(u16), "0x{:04X}";
    SECT163K1 = 1, "sect163k1";
    SECT163R1 = 2, "sect163r1";
    SECT163R2 = 3, "sect163r2";
    SECT193R1 = 4, "sect193r1";
    SECT193R2 = 5, "sect193r2";
    SECT233K1 = 6, "sect233k1";
    SECT233R1 = 7, "sect233r1";
    SECT239K1 = 8, "sect239k1";
    SECT283K1 = 9, "sect283k1";
    SECT283R1 = 10, "sect283r1";
    SECT409K1 = 11, "sect409k1";
    SECT409R1 = 12, "sect409r1";
    SECT571K1 = 13, "sect571k1";
    SECT571R1 = 14, "sect571r1";
    SECP160K1 = 15, "secp160k1";
    SECP160R1 = 16, "secp160r1";
    SECP160R2 = 17, "secp160r2";
    SECP192K1 = 18, "secp192k1";
    SECP192R1 = 19, "secp192r1";
    SECP224K1 = 20, "secp224k1";
    SECP224R1 = 21, "secp224r1";
    SECP256K1 = 22, "secp256k1";
    SECP256R1 = 23, "secp256r1";
    SECP384R1 = 24, "secp384r1";
    SECP521R1 = 25, "secp521r1";
    BRAINPOOL_P256R1 = 26, "brainpoolP256r1";
    BRAINPOOL_P384R1 = 27, "brainpoolP384r1";
    BRAINPOOL_P512R1 = 28, "brainpoolP512r1";
    X25519 = 29, "x25519";
    X448 = 30, "x448";
    BRAINPOOL_P256R1_TLS13 = 31, "brainpoolP256r1tls13";
    BRAINPOOL_P384R1_TLS13 = 32, "brainpoolP384r1tls13";
    BRAINPOOL_P512R1_TLS13 = 33, "brainpoolP512r1tls13";
    CURVE_SM2 = 41, "curveSM2";
    FFDHE2048 = 256, "ffdhe2048";
    FFDHE3072 = 257, "ffdhe3072";
    FFDHE4096 = 258, "ffdhe4096";
    FFDHE6144 = 259, "ffdhe6144";
    FFDHE8192 = 260, "ffdhe8192";
    MLKEM512 = 0x0200, "MLKEM512";
    MLKEM768 = 0x0201, "MLKEM768";
    MLKEM1024 = 0x0202, "MLKEM1024";
    SECP256R1_MLKEM768 = 0x11EB, "SecP256r1MLKEM768";
    X25519_MLKEM768 = 0x11EC, "X25519MLKEM768";
    SECP384R1_MLKEM1024 = 0x11ED, "SecP384r1MLKEM1024";
    X25519_KYBER768_DRAFT00 = 0x6399, "X25519Kyber768Draft00";
    EXPLICIT_PRIME = 0xFF01, "arbitrary_explicit_prime_curves";
    EXPLICIT_CHAR2 = 0xFF02, "arbitrary_explicit_char2_curves";
}

number! {
    /// A signature scheme (RFC 8446 4.2.3); TLS 1.2's pairs of hash and signature (RFC 5246 7.4.1.4.1) by the
    /// same pattern.
    SignatureScheme(u16), "0x{:04X}";
    RSA_PKCS1_MD5 = 0x0101, "rsa_pkcs1_md5";
    DSA_MD5 = 0x0102, "dsa_md5";
    ECDSA_MD5 = 0x0103, "ecdsa_md5";
    RSA_PKCS1_SHA1 = 0x0201, "rsa_pkcs1_sha1";
    DSA_SHA1 = 0x0202, "dsa_sha1";
    ECDSA_SHA1 = 0x0203, "ecdsa_sha1";
    RSA_PKCS1_SHA224 = 0x0301, "rsa_pkcs1_sha224";
    DSA_SHA224 = 0x0302, "dsa_sha224";
    ECDSA_SHA224 = 0x0303, "ecdsa_sha224";
    RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
    DSA_SHA256 = 0x0402, "dsa_sha256";
    ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
    RSA_PKCS1_SHA256_LEGACY = 0x0420, "rsa_pkcs1_sha256_legacy";
    RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
    DSA_SHA384 = 0x0502, "dsa_sha384";
    ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
    RSA_PKCS1_SHA384_LEGACY = 0x0520, "rsa_pkcs1_sha384_legacy";
    RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
    DSA_SHA512 = 0x0602, "dsa_sha512";
    ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
    RSA_PKCS1_SHA512_LEGACY = 0x0620, "rsa_pkcs1_sha512_legacy";
    SM2SIG_SM3 = 0x0708, "sm2sig_sm3";
    RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
    RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
    RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
    ED25519 = 0x0807, "ed25519";
    ED448 = 0x0808, "ed448";
    RSA_PSS_PSS_SHA256 = 0x0809, "rsa_pss_pss_sha256";
    RSA_PSS_PSS_SHA384 = 0x080A, "rsa_pss_pss_sha384";
    RSA_PSS_PSS_SHA512 = 0x080B, "rsa_pss_pss_sha512";
    ECDSA_BRAINPOOL_P256R1_TLS13_SHA256 = 0x081A, "ecdsa_brainpoolP256r1tls13_sha256";
    ECDSA_BRAINPOOL_P384R1_TLS13_SHA384 = 0x081B, "ecdsa_brainpoolP384r1tls13_sha384";
    ECDSA_BRAINPOOL_P512R1_TLS13_SHA512 = 0x081C, "ecdsa_brainpoolP512r1tls13_sha512";
    MLDSA44 = 0x0904, "mldsa44";
    MLDSA65 = 0x0905, "mldsa65";
    MLDSA87 = 0x0906, "mldsa87";
}

/// A cipher suite (registry "TLS Cipher Suites"; RFC 8446 B.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CipherSuite(pub u16);

/// How a suite makes its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyExchange {
    /// RSA key transport: no forward secrecy.
    Rsa,
    /// Finite-field Diffie-Hellman, ephemeral, signed or anonymous.
    Dhe,
    /// Elliptic-curve Diffie-Hellman, ephemeral, signed or anonymous.
    Ecdhe,
    /// A key in the certificate (static DH or ECDH).
    Static,
    /// Pre-shared key, alone or with Diffie-Hellman or RSA.
    Psk,
    /// TLS 1.3: said by extensions, not by the suite.
    Tls13,
    /// Another, or not known.
    Other,
}

/// What key the server's certificate must have for a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Authentication {
    /// RSA, to sign or to encrypt.
    Rsa,
    /// Elliptic curve.
    Ecdsa,
    /// DSA.
    Dss,
    /// Any, or none, or not known.
    Other,
}

/// The registered suites whose numbers have one high byte, by their low one.
type Page = [Option<&'static TlsCipherSuite>; 256];

/// Every registered suite, by the high byte of its number: few of them are in use. Suites are looked up several times a
/// connection, and the registry's own table hashes for that.
static REGISTERED: LazyLock<[Option<Box<Page>>; 256]> = LazyLock::new(|| {
    let mut pages = [const { None }; 256];
    for suite in CIPHERS.values() {
        let [high, low] = suite.id.0.to_be_bytes().map(usize::from);
        if let Some(page) = pages.get_mut(high) {
            let page: &mut Box<Page> = page.get_or_insert_with(|| Box::new([None; 256]));
            if let Some(slot) = page.get_mut(low) {
                *slot = Some(suite);
            }
        }
    }
    pages
});

impl CipherSuite {
    /// TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746): a signal, no suite.
    pub const EMPTY_RENEGOTIATION_INFO: Self = Self(0x00FF);
    /// TLS_FALLBACK_SCSV (RFC 7507): a signal, no suite.
    pub const FALLBACK: Self = Self(0x5600);

    fn registered(self) -> Option<&'static TlsCipherSuite> {
        let [high, low] = self.0.to_be_bytes().map(usize::from);
        *REGISTERED.get(high)?.as_ref()?.get(low)?
    }

    /// The IANA name, such as `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.registered().map(|suite| suite.name)
    }

    /// The suite with this IANA name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        // The one word that IANA writes small.
        let registered = name.to_ascii_uppercase().replace("_ANON_", "_anon_");
        TlsCipherSuite::from_name(&registered).map(|suite| Self(suite.id.0))
    }

    /// How it makes its key.
    #[must_use]
    pub fn key_exchange(self) -> KeyExchange {
        let Some(suite) = self.registered() else { return KeyExchange::Other };
        match (suite.kx, suite.au) {
            (TlsCipherKx::Psk, _) | (_, TlsCipherAu::Psk) => KeyExchange::Psk,
            (TlsCipherKx::Rsa, _) => KeyExchange::Rsa,
            // Anonymous: the parameters come in a ServerKeyExchange without a signature (RFC 5246 7.4.3).
            (TlsCipherKx::Dhe, _) | (TlsCipherKx::Dh, TlsCipherAu::Null) => KeyExchange::Dhe,
            (TlsCipherKx::Ecdhe | TlsCipherKx::Aecdh, _) | (TlsCipherKx::Ecdh, TlsCipherAu::Null) => {
                KeyExchange::Ecdhe
            }
            (TlsCipherKx::Dh | TlsCipherKx::Ecdh, _) => KeyExchange::Static,
            (TlsCipherKx::Tls13, _) => KeyExchange::Tls13,
            _ => KeyExchange::Other,
        }
    }

    /// What key the server's certificate must have.
    #[must_use]
    pub fn authentication(self) -> Authentication {
        match self.registered().map(|suite| suite.au) {
            Some(TlsCipherAu::Rsa) => Authentication::Rsa,
            Some(TlsCipherAu::Ecdsa) => Authentication::Ecdsa,
            Some(TlsCipherAu::Dss) => Authentication::Dss,
            _ => Authentication::Other,
        }
    }

    /// Whether the suite can be used with this version: TLS 1.3 has suites of its own (RFC 8446 B.4), and
    /// authenticated encryption and the MACs of the SHA-2 family came with TLS 1.2 (RFC 5246 1.2, RFC 5289 4).
    #[must_use]
    pub fn works_with(self, version: ProtocolVersion) -> bool {
        let Some(suite) = self.registered() else { return false };
        let since_tls12 = matches!(suite.enc_mode, TlsCipherEncMode::Gcm | TlsCipherEncMode::Ccm)
            || suite.enc == TlsCipherEnc::Chacha20_Poly1305
            || matches!(
                suite.mac,
                TlsCipherMac::HmacSha256 | TlsCipherMac::HmacSha384 | TlsCipherMac::HmacSha512
            );
        match (suite.kx == TlsCipherKx::Tls13, version >= ProtocolVersion::TLS13) {
            (true, newest) => newest,
            (false, true) => false,
            (false, false) => !since_tls12 || version >= ProtocolVersion::TLS12,
        }
    }

    /// Encrypts with RC4 (forbidden by RFC 7465).
    #[must_use]
    pub fn is_rc4(self) -> bool {
        self.registered().is_some_and(|suite| suite.enc == TlsCipherEnc::Rc4)
    }

    /// Encrypts with triple DES (CVE-2016-2183).
    #[must_use]
    pub fn is_triple_des(self) -> bool {
        self.registered().is_some_and(|suite| suite.enc == TlsCipherEnc::TripleDes)
    }

    /// Export strength, single DES, no encryption at all, or an MD5 MAC.
    #[must_use]
    pub fn is_broken(self) -> bool {
        self.registered().is_some_and(|suite| {
            suite.name.contains("EXPORT")
                || matches!(suite.enc, TlsCipherEnc::Null | TlsCipherEnc::Des | TlsCipherEnc::Rc2)
                || suite.mac == TlsCipherMac::HmacMd5
        })
    }

    /// Reserved so that peers learn to ignore what they do not know (RFC 8701).
    #[must_use]
    pub const fn is_grease(self) -> bool {
        is_grease(self.0)
    }
}

display_by_name!(CipherSuite, "0x{:04X}");

/// 0x0A0A, 0x1A1A ... 0xFAFA (RFC 8701 2).
#[must_use]
pub(super) const fn is_grease(value: u16) -> bool {
    value & 0x0F0F == 0x0A0A && value >> 8 == value & 0xFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_looked_up_as_the_registry_does() {
        for number in 0..=u16::MAX {
            let registered = TlsCipherSuite::from_id(number).map(|suite| suite.name);
            assert_eq!(CipherSuite(number).name(), registered, "0x{number:04X}");
        }
    }
}
