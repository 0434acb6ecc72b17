//! TLS on one connection.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Moment, Side};
use crate::tls::{
    AlertDescription, AlertLevel, CertificateInfo, CipherSuite, Fingerprint, NamedGroup, ProtocolVersion,
    SignatureScheme,
};

/// What TLS showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct TlsFacts {
    /// The (last) ClientHello.
    pub client: Option<ClientHelloFacts>,
    /// HelloRetryRequest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Moment>,
    /// ServerHello.
    pub server: Option<ServerHelloFacts>,
    /// The server's Certificate message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateFacts>,
    /// ServerKeyExchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_key: Option<ServerKeyFact>,
    /// CertificateRequest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_request: Option<Moment>,
    /// ServerHelloDone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_hello_done: Option<Moment>,
    /// The client's Certificate message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificateFact>,
    /// ClientKeyExchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<ClientKeyFact>,
    /// The client's ChangeCipherSpec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ccs: Option<Moment>,
    /// The client's Finished (encrypted; in TLS 1.3 the first record that can hold it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_finished: Option<Moment>,
    /// The server's ChangeCipherSpec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_ccs: Option<Moment>,
    /// The server's Finished (in TLS 1.3: its encrypted flight).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_finished: Option<Moment>,
    /// Alerts, the first 8.
    pub alerts: Vec<AlertFact>,
    /// The server's flight came in several TDS messages, each with its end: SQL Server sends one, and some
    /// clients take the first for all of it.
    pub unusual_flight: bool,
    /// The session was resumed: no certificate and no key exchange.
    pub resumed: bool,
    /// The first thing that was malformed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
}

/// A ClientHello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClientHelloFacts {
    /// Where it stands (the packet that completes it).
    #[serde(flatten)]
    pub moment: Moment,
    /// What it offers; shared between connections that offer the same.
    #[serde(flatten)]
    pub offer: Arc<Offer>,
    /// What program sent it, by its shape; shared between connections with the same. `None` when the hello is not
    /// whole.
    #[serde(flatten)]
    pub fingerprint: Option<Arc<Fingerprint>>,
    /// `server_name`.
    pub server_name: Option<Arc<str>>,
    /// Length of the message in bytes.
    pub len: u32,
    /// TCP segments that it took.
    pub segments: u32,
    /// A session id or ticket was offered for resumption.
    pub offers_resumption: bool,
    /// It is the second one, after HelloRetryRequest.
    pub after_retry: bool,
    /// The capture cut it.
    pub truncated: bool,
}

/// What a client offers. Two clients with equal offers are the same to every server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema)]
pub struct Offer {
    /// Versions offered: the list of `supported_versions`, else the highest alone.
    pub versions: Vec<ProtocolVersion>,
    /// The list came in `supported_versions`; without it older versions than the highest may be offered too.
    pub versions_listed: bool,
    /// Cipher suites in the client's order.
    pub cipher_suites: Vec<CipherSuite>,
    /// `supported_groups`; `None` when absent.
    pub groups: Option<Vec<NamedGroup>>,
    /// `signature_algorithms`; `None` when absent.
    pub signature_algorithms: Option<Vec<SignatureScheme>>,
    /// `signature_algorithms_cert`; `None` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_algorithms_cert: Option<Vec<SignatureScheme>>,
    /// ALPN names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// Groups of the key shares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_shares: Vec<NamedGroup>,
    /// Extended master secret (RFC 7627).
    pub extended_master_secret: bool,
    /// TLS_FALLBACK_SCSV.
    pub fallback_scsv: bool,
    /// Sent in SSLv2 format.
    pub sslv2_format: bool,
}

impl Offer {
    /// The versions offered, oldest first. Without `supported_versions` everything from TLS 1.0 to the highest
    /// counts (RFC 5246 E.1).
    #[must_use]
    pub fn all_versions(&self) -> Vec<ProtocolVersion> {
        let highest = self.versions.iter().copied().max().unwrap_or_default();
        if self.versions_listed || highest < ProtocolVersion::TLS10 {
            let mut versions = self.versions.clone();
            versions.sort_unstable();
            return versions;
        }
        let all =
            [ProtocolVersion::TLS10, ProtocolVersion::TLS11, ProtocolVersion::TLS12, ProtocolVersion::TLS13];
        all.into_iter().filter(|version| *version <= highest).collect()
    }
}

/// A ServerHello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerHelloFacts {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// Version chosen.
    pub version: ProtocolVersion,
    /// Suite chosen; `TLS_NULL_WITH_NULL_NULL` when it stands in what the capture cut.
    pub cipher_suite: CipherSuite,
    /// Group chosen, in ServerHello or ServerKeyExchange.
    pub group: Option<NamedGroup>,
    /// ALPN chosen (clear up to TLS 1.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// Extended master secret echoed.
    pub extended_master_secret: bool,
    /// The random says that the server could do more (RFC 8446 4.1.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downgrade_sentinel: Option<ProtocolVersion>,
    /// The capture cut it: what is missing is not known, the version included when it stands in an extension.
    pub truncated: bool,
}

/// The server's certificates.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CertificateFacts {
    /// Where they stand.
    #[serde(flatten)]
    pub moment: Moment,
    /// The chain as sent, leaf first; shared between connections.
    pub chain: Arc<Vec<CertificateInfo>>,
    /// The capture cut the message.
    pub truncated: bool,
}

/// ServerKeyExchange.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ServerKeyFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// DHE: bits of the prime.
    pub dh_bits: Option<u16>,
    /// DHE: bytes of the prime.
    pub dh_len: Option<u16>,
    /// DHE: how often the shared secret begins with a zero byte, from the prime.
    pub leading_zero_probability: Option<f64>,
    /// DHE: the server's public value begins with a zero byte or is sent shorter than the prime.
    pub public_short: bool,
    /// Length of the server's public value in bytes.
    pub public_len: u16,
    /// ECDHE: the group.
    pub group: Option<NamedGroup>,
    /// The signature scheme (TLS 1.2).
    pub signature: Option<SignatureScheme>,
}

/// ClientKeyExchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClientKeyFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// Length of the public value as sent.
    pub public_len: u16,
    /// DHE: it begins with a zero byte or is shorter than the prime.
    pub public_short: bool,
}

/// The client's Certificate message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClientCertificateFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// It holds no certificate.
    pub empty: bool,
}

/// An alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AlertFact {
    /// Who sent it.
    pub from: Side,
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// warning or fatal; `None` when encrypted.
    pub level: Option<AlertLevel>,
    /// What it says; `None` when encrypted.
    pub description: Option<AlertDescription>,
    /// The end in whose name it comes went on after it, as nobody does who has sent a fatal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_went_on: Option<Moment>,
}

impl AlertFact {
    /// Whether it ended the connection: a fatal one in clear, after which its sender said no more.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.level == Some(AlertLevel::FATAL) && self.sender_went_on.is_none()
    }
}
