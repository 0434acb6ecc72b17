//! The numbers of TDS and their names (MS-TDS 2.2).

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

macro_rules! as_text {
    ($name:ident, $description:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}
pub(super) use as_text;

macro_rules! number {
    (
        $(#[$doc:meta])* $name:ident($inner:ty), $hex:literal;
        $($(#[$cdoc:meta])* $konst:ident = $value:literal, $text:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        #[allow(missing_docs, reason = "each constant is named as MS-TDS names it")]
        impl $name {
            $($(#[$cdoc])* pub const $konst: Self = Self($value);)*

            /// The name; `None` for a number without one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, $hex, self.0),
                }
            }
        }

        as_text!($name, "name, or the number in hexadecimal when it has none");
    };
}

number! {
    /// Type of a packet (MS-TDS 2.2.3.1.1).
    PacketType(u8), "0x{:02X}";
    SQL_BATCH = 1, "SQL batch";
    LEGACY_LOGIN = 2, "pre-TDS7 login";
    RPC = 3, "RPC";
    RESPONSE = 4, "tabular result";
    ATTENTION = 6, "attention";
    BULK_LOAD = 7, "bulk load data";
    FED_AUTH_TOKEN = 8, "federated authentication token";
    TRANSACTION_MANAGER = 14, "transaction manager request";
    /// TDS 5.0 (Sybase) "normal" packets; not SQL Server's.
    SYBASE_NORMAL = 15, "TDS 5.0 packet";
    LOGIN7 = 16, "LOGIN7";
    SSPI = 17, "SSPI";
    PRELOGIN = 18, "PRELOGIN";
}

number! {
    /// An option of PRELOGIN (MS-TDS 2.2.6.5).
    PreloginToken(u8), "0x{:02X}";
    VERSION = 0, "VERSION";
    ENCRYPTION = 1, "ENCRYPTION";
    INSTOPT = 2, "INSTOPT";
    THREADID = 3, "THREADID";
    MARS = 4, "MARS";
    TRACEID = 5, "TRACEID";
    FEDAUTHREQUIRED = 6, "FEDAUTHREQUIRED";
    NONCEOPT = 7, "NONCEOPT";
    TERMINATOR = 0xFF, "TERMINATOR";
}

number! {
    /// PRELOGIN's ENCRYPTION (MS-TDS 2.2.6.5). 0x80 asks for a client certificate as well.
    EncryptionSetting(u8), "0x{:02X}";
    OFF = 0, "ENCRYPT_OFF";
    ON = 1, "ENCRYPT_ON";
    NOT_SUP = 2, "ENCRYPT_NOT_SUP";
    REQ = 3, "ENCRYPT_REQ";
    CLIENT_CERT_OFF = 0x80, "ENCRYPT_CLIENT_CERT|ENCRYPT_OFF";
    CLIENT_CERT_ON = 0x81, "ENCRYPT_CLIENT_CERT|ENCRYPT_ON";
    CLIENT_CERT_REQ = 0x83, "ENCRYPT_CLIENT_CERT|ENCRYPT_REQ";
}

impl EncryptionSetting {
    /// The setting without its flags (SqlClient masks with 0x3F).
    #[must_use]
    pub const fn base(self) -> Self {
        Self(self.0 & 0x3F)
    }
}

/// What client and server agree on (MS-TDS 2.2.6.5, 3.2.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Negotiated {
    /// Everything is encrypted.
    All,
    /// Only the login is encrypted.
    LoginOnly,
    /// Nothing is encrypted.
    None,
    /// They cannot meet: one end leaves.
    Fails,
}

/// The outcome of a client's setting and the server's answer (table of MS-TDS 2.2.6.5).
#[must_use]
pub fn negotiate(client: EncryptionSetting, server: EncryptionSetting) -> Negotiated {
    use EncryptionSetting as E;
    match (client.base(), server.base()) {
        (E::OFF, E::OFF) => Negotiated::LoginOnly,
        (E::OFF | E::ON | E::REQ, E::ON | E::REQ) => Negotiated::All,
        (E::OFF | E::NOT_SUP, E::NOT_SUP) | (E::NOT_SUP, E::OFF) => Negotiated::None,
        (E::NOT_SUP, E::ON | E::REQ) | (E::ON | E::REQ, E::OFF | E::NOT_SUP) => Negotiated::Fails,
        // A value that the specification does not know: what happens next shows what it means.
        _ => Negotiated::All,
    }
}

/// A TDS version as LOGIN7 (little-endian, MS-TDS 2.2.6.4) and LOGINACK (big-endian, 2.2.7.14) carry it: 0x74000004 is
/// 7.4. SQL Server 7.0 and 2000 acknowledge with 0x07000000 and 0x07010000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TdsVersion(pub u32);

impl TdsVersion {
    /// From this version on DONE has an 8-byte row count and ERROR a 4-byte line (MS-TDS 2.2.7.6).
    pub const V7_2: Self = Self(0x7200_0000);
}

impl std::fmt::Display for TdsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 >> 24 {
            0x08 => f.write_str("8.0"),
            major @ 0x70..=0x7F => write!(f, "7.{}", major & 0x0F),
            major @ (0x04 | 0x05 | 0x07) => write!(f, "{major}.{}", (self.0 >> 16) & 0xFF),
            _ => write!(f, "0x{:08X}", self.0),
        }
    }
}

as_text!(TdsVersion, "TDS version, such as 7.4 or 8.0");

number! {
    /// A token of a response (MS-TDS 2.2.5.5).
    TokenType(u8), "0x{:02X}";
    OFFSET = 0x78, "OFFSET";
    RETURNSTATUS = 0x79, "RETURNSTATUS";
    COLMETADATA = 0x81, "COLMETADATA";
    ALTMETADATA = 0x88, "ALTMETADATA";
    TABNAME = 0xA4, "TABNAME";
    COLINFO = 0xA5, "COLINFO";
    ORDER = 0xA9, "ORDER";
    ERROR = 0xAA, "ERROR";
    INFO = 0xAB, "INFO";
    RETURNVALUE = 0xAC, "RETURNVALUE";
    LOGINACK = 0xAD, "LOGINACK";
    FEATUREEXTACK = 0xAE, "FEATUREEXTACK";
    ROW = 0xD1, "ROW";
    NBCROW = 0xD2, "NBCROW";
    ENVCHANGE = 0xE3, "ENVCHANGE";
    SESSIONSTATE = 0xE4, "SESSIONSTATE";
    /// TDS 5.0's extended error, of Sybase.
    EED = 0xE5, "EED";
    SSPI = 0xED, "SSPI";
    FEDAUTHINFO = 0xEE, "FEDAUTHINFO";
    DONE = 0xFD, "DONE";
    DONEPROC = 0xFE, "DONEPROC";
    DONEINPROC = 0xFF, "DONEINPROC";
}

number! {
    /// What an ENVCHANGE token changes (MS-TDS 2.2.7.9).
    EnvChangeType(u8), "type {}";
    DATABASE = 1, "database";
    LANGUAGE = 2, "language";
    CHARACTER_SET = 3, "character set";
    PACKET_SIZE = 4, "packet size";
    COLLATION = 7, "collation";
    LOG_SHIPPING_PARTNER = 13, "mirroring partner";
    PROMOTE_TRANSACTION = 15, "promote transaction";
    RESET_ACKNOWLEDGED = 18, "reset acknowledged";
    USER_INSTANCE = 19, "user instance";
    ROUTING = 20, "routing";
    ENHANCED_ROUTING = 21, "enhanced routing";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiation_is_the_specifications_table() {
        use EncryptionSetting as E;
        let rows = [
            (E::OFF, [Negotiated::LoginOnly, Negotiated::All, Negotiated::None, Negotiated::All]),
            (E::ON, [Negotiated::Fails, Negotiated::All, Negotiated::Fails, Negotiated::All]),
            (E::NOT_SUP, [Negotiated::None, Negotiated::Fails, Negotiated::None, Negotiated::Fails]),
            (E::REQ, [Negotiated::Fails, Negotiated::All, Negotiated::Fails, Negotiated::All]),
        ];
        for (client, answers) in rows {
            for (server, expected) in [E::OFF, E::ON, E::NOT_SUP, E::REQ].into_iter().zip(answers) {
                assert_eq!(negotiate(client, server), expected, "{client} {server}");
            }
        }
        assert_eq!(negotiate(E::CLIENT_CERT_ON, E::ON), Negotiated::All);
    }

    #[test]
    fn versions_read_as_people_say_them() {
        assert_eq!(TdsVersion(0x7400_0004).to_string(), "7.4");
        assert_eq!(TdsVersion(0x0800_0000).to_string(), "8.0");
        assert_eq!(TdsVersion(0x7209_0002).to_string(), "7.2");
        assert_eq!(TdsVersion(0x0500_0000).to_string(), "5.0");
        assert_eq!(TdsVersion(0x0701_0000).to_string(), "7.1");
        assert_eq!(TdsVersion(0x0402_0000).to_string(), "4.2");
        assert_eq!(TdsVersion(0x730B_0003).to_string(), "7.3");
        assert_eq!(TdsVersion(0).to_string(), "0x00000000");
    }

    #[test]
    fn no_two_numbers_share_a_name_and_unknown_ones_are_hexadecimal() {
        let distinct = |name: &dyn Fn(u8) -> Option<&'static str>| {
            let mut names: Vec<&str> = (0..=u8::MAX).filter_map(name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            all == names.len()
        };
        assert!(distinct(&|number| PacketType(number).name()));
        assert!(distinct(&|number| PreloginToken(number).name()));
        assert!(distinct(&|number| EncryptionSetting(number).name()));
        assert!(distinct(&|number| TokenType(number).name()));
        assert!(distinct(&|number| EnvChangeType(number).name()));
        assert_eq!(PacketType(0x63).to_string(), "0x63");
        assert_eq!(PacketType(0x12).to_string(), "PRELOGIN");
        assert_eq!(EncryptionSetting(0x82).to_string(), "0x82");
        assert_eq!(EncryptionSetting(0x82).base(), EncryptionSetting::NOT_SUP);
        assert_eq!(TokenType(0xAD).to_string(), "LOGINACK");
        assert_eq!(EnvChangeType(200).to_string(), "type 200");
    }
}
