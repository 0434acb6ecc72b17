//! ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2; SSLv2 format: RFC 5246 appendix E.2).

use super::{CipherSuite, ExtensionType, Malformed, NamedGroup, ProtocolVersion, SignatureScheme};

/// What a client offered. GREASE values (RFC 8701) are left out of every list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ClientHello {
    /// `legacy_version`: the highest version offered, unless `supported_versions` is there.
    pub legacy_version: ProtocolVersion,
    /// The session id, at most 32 bytes; the server echoes it when it resumes.
    pub session_id: Vec<u8>,
    /// Cipher suites in the client's order, without signalling values (0x00FF, 0x5600).
    pub cipher_suites: Vec<CipherSuite>,
    /// Extension numbers in the order sent.
    pub extensions: Vec<ExtensionType>,
    /// `server_name`, as sent (not sanitised), at most 255 bytes.
    pub server_name: Option<String>,
    /// `supported_versions`; `None` when the extension is absent.
    pub supported_versions: Option<Vec<ProtocolVersion>>,
    /// `supported_groups`; `None` when the extension is absent.
    pub groups: Option<Vec<NamedGroup>>,
    /// `signature_algorithms`; `None` when the extension is absent.
    pub signature_algorithms: Option<Vec<SignatureScheme>>,
    /// `signature_algorithms_cert`; `None` when the extension is absent.
    pub signature_algorithms_cert: Option<Vec<SignatureScheme>>,
    /// ALPN protocol names, as sent.
    pub alpn: Vec<String>,
    /// Groups of the key shares sent.
    pub key_shares: Vec<NamedGroup>,
    /// `extended_master_secret` (RFC 7627) is there.
    pub extended_master_secret: bool,
    /// `encrypt_then_mac` (RFC 7366) is there.
    pub encrypt_then_mac: bool,
    /// Length of the session ticket offered; `None` when the extension is absent, `Some(0)` when it is empty.
    pub session_ticket: Option<u16>,
    /// `pre_shared_key` is there: a TLS 1.3 resumption.
    pub pre_shared_key: bool,
    /// `renegotiation_info` or its signalling suite 0x00FF is there.
    pub secure_renegotiation: bool,
    /// TLS_FALLBACK_SCSV (0x5600) is there.
    pub fallback_scsv: bool,
    /// Any GREASE value was there (a hint of who the client is).
    pub grease: bool,
    /// Sent in SSLv2 format.
    pub sslv2_format: bool,
    /// Length of the whole message body as declared, in bytes.
    pub declared_len: u32,
    /// The bytes ended before the message did (snap length or gap): what stands here is what was there.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}
