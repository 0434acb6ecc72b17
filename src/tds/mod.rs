//! TDS on the wire: packet header, PRELOGIN, LOGIN7, response tokens, SMP, SQL Browser, recognition.
//!
//! Wire only and pure: functions on bytes, no connection state. MS-TDS, MC-SMP, MC-SQLR.

mod browser;
mod cursor;
mod guid;
mod login7;
mod malformed;
mod names;
mod packet;
mod prelogin;
mod recognize;
mod smp;
mod tokens;

pub use browser::{BrowserAnswer, BrowserRequest, Instance, parse_browser_answer, parse_browser_request};
pub use guid::{Guid, parse_guid};
pub use login7::{LegacyLogin, Login7};
pub use malformed::Malformed;
pub use names::{
    EncryptionSetting, EnvChangeType, Negotiated, PacketType, PreloginToken, TdsVersion, TokenType, negotiate,
};
pub use packet::{PACKET_HEADER_LEN, PacketHeader};
pub use prelogin::{Prelogin, ProductBuild};
pub use recognize::{Guess, Service, recognize_client, recognize_server};
pub use smp::{SMP_HEADER_LEN, SmpHeader};
pub use tokens::{Routing, ServerMessage, Token, parse_tokens};
