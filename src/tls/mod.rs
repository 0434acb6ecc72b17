//! TLS on the wire: records, handshake messages, alerts, certificates, and their IANA names.
//!
//! Wire only and pure: bytes in, values out; no connection state beyond what joining records and messages
//! needs ([`RecordReader`]). RFC 5246, RFC 8446, RFC 6101 (SSL 3.0), RFC 5280.

mod certificate;
mod client_hello;
mod cursor;
mod fingerprint;
mod key_exchange;
mod malformed;
mod names;
mod record;
mod server_hello;
#[cfg(test)]
mod tests;

pub use certificate::{CertificateInfo, HashAlgorithm, PublicKey, parse_certificate_list};
pub use client_hello::ClientHello;
pub use fingerprint::Fingerprint;
pub use key_exchange::{CertificateRequest, ClientKeyExchange, ServerKeyExchange};
pub use malformed::Malformed;
pub use names::{
    AlertDescription, AlertLevel, Authentication, CipherSuite, ContentType, ExtensionType, HandshakeType,
    KeyExchange, NamedGroup, ProtocolVersion, SignatureScheme,
};
pub use record::{Alert, PartialMessage, RecordReader, TlsEvent, starts_like_record};
pub use server_hello::ServerHello;
