//! PRELOGIN, request and response (MS-TDS 2.2.6.5).

use super::{EncryptionSetting, Malformed};

/// A product build such as 16.0.1000.6: what a server puts into its PRELOGIN VERSION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProductBuild {
    /// 16 = SQL Server 2022, and so on.
    pub major: u8,
    /// 50 in 10.50 (2008 R2).
    pub minor: u8,
    /// Build, big-endian on the wire.
    pub build: u16,
    /// Sub-build, little-endian on the wire.
    pub sub_build: u16,
}

/// The options of one PRELOGIN message. Request and response have the same form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prelogin {
    /// VERSION: the product build of a server, the driver's version of a client.
    pub version: Option<ProductBuild>,
    /// ENCRYPTION.
    pub encryption: Option<EncryptionSetting>,
    /// INSTOPT of a request: the instance name asked for, as sent (MBCS, lossily decoded), without its NUL.
    pub instance: Option<String>,
    /// INSTOPT of a response: 0 match, 1 mismatch.
    pub instance_mismatch: Option<bool>,
    /// THREADID: the client's thread (request only).
    pub thread_id: Option<u32>,
    /// MARS: 1 wants it or grants it.
    pub mars: Option<bool>,
    /// TRACEID's first GUID: the ClientConnectionId that drivers print.
    pub client_connection_id: Option<[u8; 16]>,
    /// TRACEID's activity GUID.
    pub activity_id: Option<[u8; 16]>,
    /// TRACEID's sequence number.
    pub activity_sequence: Option<u32>,
    /// FEDAUTHREQUIRED.
    pub fed_auth_required: Option<u8>,
    /// NONCEOPT was there.
    pub nonce: bool,
    /// Option tokens in the order sent, known or not: a hint of who the client is.
    pub tokens: Vec<u8>,
    /// The bytes ended before the message did.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}

impl Prelogin {
    /// Reads the payload of a PRELOGIN message (without packet headers).
    #[must_use]
    pub fn parse(payload: &[u8], from_server: bool) -> Self {
        let _ = (payload, from_server);
        Self::default()
    }
}
