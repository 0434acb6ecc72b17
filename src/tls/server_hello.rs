//! ServerHello and HelloRetryRequest (RFC 8446 4.1.3, 4.1.4; RFC 5246 7.4.1.3).

use super::{CipherSuite, ExtensionType, Malformed, NamedGroup, ProtocolVersion};

/// What a server chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerHello {
    /// The version negotiated: `supported_versions` when there, else `legacy_version`.
    pub version: ProtocolVersion,
    /// `legacy_version` as sent.
    pub legacy_version: ProtocolVersion,
    /// It is a HelloRetryRequest: its random is the constant of RFC 8446 4.1.3.
    pub hello_retry_request: bool,
    /// The session id, at most 32 bytes.
    pub session_id: Vec<u8>,
    /// The suite chosen.
    pub cipher_suite: CipherSuite,
    /// Extension numbers in the order sent.
    pub extensions: Vec<ExtensionType>,
    /// The group of the key share, or the one a HelloRetryRequest asks for.
    pub group: Option<NamedGroup>,
    /// The ALPN protocol chosen (clear up to TLS 1.2).
    pub alpn: Option<String>,
    /// `extended_master_secret` is echoed.
    pub extended_master_secret: bool,
    /// `pre_shared_key` is echoed: resumed (TLS 1.3).
    pub pre_shared_key: bool,
    /// `session_ticket` is echoed: a new ticket will come, or the session is resumed by ticket.
    pub session_ticket: bool,
    /// The downgrade sentinel of RFC 8446 4.1.3 ends the random: this server could do more.
    pub downgrade_sentinel: Option<ProtocolVersion>,
    /// The bytes ended before the message did.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}
