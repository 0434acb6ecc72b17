//! Whether bytes are TDS at all, told from the first bytes of either direction.

/// How sure the first bytes make us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// More bytes are needed.
    NeedMore,
    /// A TDS message that this direction may begin with.
    Tds,
    /// A TLS record with a ClientHello (client) or ServerHello/alert (server): TDS 8.0 or any TLS service.
    Tls,
    /// Something else.
    No(Service),
}

/// A service that answers where TDS was expected, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// HTTP response or request.
    Http,
    /// SSH identification string.
    Ssh,
    /// SMTP or FTP greeting ("220 ").
    Smtp,
    /// MySQL handshake packet.
    MySql,
    /// PostgreSQL message.
    Postgres,
    /// A TLS record where clear TDS was expected.
    Tls,
    /// Bytes of no service we know.
    Unknown,
}
