//! One connection.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Moment, TcpFacts, TdsFacts, TlsFacts};

/// Everything one connection showed. One 4-tuple plus the client's initial sequence number.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionFacts {
    /// Number in the order of first packets, over the whole analysis.
    pub id: u64,
    /// The end that calls.
    pub client: Endpoint,
    /// The end that listens.
    pub server: Endpoint,
    /// How it is known which end is the client.
    pub orientation: Orientation,
    /// First packet.
    pub first: Moment,
    /// Last packet.
    pub last: Moment,
    /// How far it got.
    pub phase: Phase,
    /// Who ended it and how.
    pub ended: Ended,
    /// What one side was still to send when it ended or the capture stopped.
    pub owed: Option<Owed>,
    /// The packets in the notation of SQL Server support: `>S <AS >A >PL <PR >CH <AR`.
    pub story: String,
    /// The transport.
    pub tcp: TcpFacts,
    /// TDS.
    pub tds: Box<TdsFacts>,
    /// TLS.
    pub tls: Box<TlsFacts>,
    /// The TLS handshake died between the client's key exchange and the first application data.
    pub died_in_key_exchange: bool,
    /// The capture's last packet comes this long after the connection's last one, in nanoseconds.
    pub silence_after: i64,
    /// It left the table to make room, so what came later is not known.
    pub evicted: bool,
    /// It begins without a SYN after others had left the table to make room: it may be the rest of one of them.
    pub rest: bool,
}

/// An address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Endpoint {
    /// RFC 5952 text in JSON.
    pub ip: IpAddr,
    /// TCP port.
    pub port: u16,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip(), port: address.port() }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The end that calls.
    Client,
    /// The end that listens.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How it is known which end is the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// By the SYN or SYN-ACK.
    Syn,
    /// By what was said: only a client sends PRELOGIN, LOGIN7 or a ClientHello.
    Content,
    /// By the port alone.
    Port,
}

/// How far a connection got; later phases are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// A SYN was sent.
    Syn,
    /// The TCP connection stands.
    Tcp,
    /// PRELOGIN was sent.
    Prelogin,
    /// PRELOGIN was answered.
    PreloginAnswered,
    /// ClientHello was sent.
    ClientHello,
    /// ServerHello was sent.
    ServerHello,
    /// The server's certificate was sent (TLS 1.2 and older: in clear).
    Certificate,
    /// The client sent its key exchange.
    KeyExchange,
    /// Both sides finished the TLS handshake.
    HandshakeDone,
    /// The login was sent.
    LoginSent,
    /// The server accepted the login.
    LoggedIn,
}

/// Who ended a connection, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct Ended {
    /// Who.
    pub by: EndedBy,
    /// How.
    pub how: EndedHow,
    /// On which packet, when there is one.
    #[serde(flatten)]
    pub at: Option<Moment>,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// The client, or something in its name.
    Client,
    /// The server, or something in its name.
    Server,
    /// A router or firewall, by ICMP.
    Network,
    /// Nobody: it was open, or silent, when the capture ended.
    Nobody,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndedHow {
    /// By FIN.
    Fin,
    /// By RST.
    Reset,
    /// By a fatal TLS alert, before any FIN or RST.
    Alert,
    /// In a session that stood, by TLS `close_notify`, before any FIN or RST (RFC 8446 6.1).
    CloseNotify,
    /// By an ICMP error.
    Icmp,
    /// Nothing came any more.
    Silence,
    /// It was open when the capture ended.
    Open,
}

/// Something that one side was still to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct Owed {
    /// Who was to send it.
    pub by: Side,
    /// What.
    pub what: Owing,
    /// The packet that asks for it.
    pub since: Moment,
    /// How long the other side waited: until it gave up, or until the capture's last packet; nanoseconds.
    pub waited: i64,
}

/// What can be owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Owing {
    /// An answer to the SYN.
    SynAck,
    /// The client's first message.
    Prelogin,
    /// The answer to PRELOGIN.
    PreloginResponse,
    /// The client's ClientHello or login after the PRELOGIN answer.
    ClientHelloOrLogin,
    /// ServerHello and what follows.
    ServerHello,
    /// The client's key exchange and Finished.
    ClientKeyExchange,
    /// The server's Finished.
    ServerFinished,
    /// The login.
    Login,
    /// The answer to the login.
    LoginResponse,
    /// The answer to a request.
    Response,
}
