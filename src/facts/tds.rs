//! TDS on one connection.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Endpoint, Moment, Side};
use crate::tds::{EncryptionSetting, Guid, Negotiated, ProductBuild, TdsVersion};

/// What TDS showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct TdsFacts {
    /// Recognised as TDS by what was said; `false` for a connection that never said anything.
    pub recognized: bool,
    /// TLS came first: TDS 8.0, "strict".
    pub strict: bool,
    /// The client's PRELOGIN.
    pub prelogin: Option<PreloginFacts>,
    /// The server's answer.
    pub response: Option<PreloginFacts>,
    /// What the two agree on.
    pub encryption: Option<Negotiated>,
    /// The login, when it was sent.
    pub login: Option<LoginFacts>,
    /// LOGINACK, when readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_ack: Option<LoginAckFact>,
    /// Why the login is taken as accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged_in: Option<LoginProof>,
    /// When that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged_in_at: Option<Moment>,
    /// ERROR tokens, the first 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ServerMessageFact>,
    /// ENVCHANGE routing: the login goes elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<RoutingFact>,
    /// The first ATTENTION: the client cancelled a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Moment>,
    /// MARS: the session multiplex protocol was used.
    pub mars: bool,
    /// An SMP FIN was seen.
    pub mars_closed: bool,
    /// SSPI tokens the server sent in clear during the login.
    pub sspi_rounds: u32,
    /// Another service answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_service: Option<OtherServiceFact>,
    /// The exchange after the handshake, turn by turn (the first 8): whose, how many bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// The first thing that was malformed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
}

/// A PRELOGIN message (MS-TDS 2.2.6.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PreloginFacts {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// VERSION: a server's product build, a client's driver version.
    pub version: Option<ProductBuild>,
    /// ENCRYPTION.
    pub encryption: Option<EncryptionSetting>,
    /// The instance asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// MARS wanted or granted.
    pub mars: Option<bool>,
    /// TRACEID: the ClientConnectionId that drivers print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_connection_id: Option<Guid>,
    /// TRACEID: the activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_id: Option<Guid>,
    /// FEDAUTHREQUIRED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fed_auth_required: Option<u8>,
    /// Option tokens in the order sent.
    pub tokens: Vec<u8>,
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoginFacts {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// It was encrypted, so nothing of it is known.
    pub encrypted: bool,
    /// Sent in the form before TDS 7.0.
    pub legacy: bool,
    /// TDS version asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tds_version: Option<TdsVersion>,
    /// Host name of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Application name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    /// Server name, as the client wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Client library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// Database asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Integrated security.
    pub integrated_security: bool,
    /// A password was in it, readable by anybody on the path (never kept).
    pub readable_password: bool,
}

/// LOGINACK (MS-TDS 2.2.7.14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoginAckFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// TDS version granted.
    pub tds_version: TdsVersion,
    /// Name of the server program.
    pub program: String,
}

/// Why a login is taken as accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoginProof {
    /// LOGINACK in clear.
    LoginAck,
    /// The client went on with a request after the encrypted answer.
    LaterRequest,
    /// The encrypted answer is as long as an acceptance is.
    AnswerLength,
    /// The capture begins after the login.
    EstablishedSession,
}

/// An ERROR token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerMessageFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// Error number, such as 18456.
    pub number: u32,
    /// State.
    pub state: u8,
    /// Severity class.
    pub class: u8,
    /// Text.
    pub text: String,
    /// Server name.
    pub server: String,
}

/// Where a login is routed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoutingFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The client's next connection to that port of another server, within a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed: Option<FollowedFact>,
}

/// A connection that a client made because it was sent elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct FollowedFact {
    /// Its first packet.
    #[serde(flatten)]
    pub moment: Moment,
    /// Where it went.
    pub server: Endpoint,
    /// It logged in.
    pub logged_in: bool,
}

/// A service that is not SQL Server answered PRELOGIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherServiceFact {
    /// Where it stands.
    #[serde(flatten)]
    pub moment: Moment,
    /// What it is taken for: `HTTP`, `SSH`, `TLS`, `bytes that are no TDS`.
    pub service: String,
    /// Its first bytes, in hexadecimal, at most 16.
    pub first_bytes: String,
}

/// One side's turn in an exchange: everything it sent until the other side spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Turn {
    /// Whose turn.
    pub side: Side,
    /// Records or TDS packets.
    pub records: u32,
    /// Bytes of their fragments (encrypted) or payloads (clear).
    pub bytes: u64,
    /// Its first packet.
    pub first: Moment,
    /// Its last packet.
    pub last: Moment,
}
