//! LOGIN7 (MS-TDS 2.2.6.4): who logs in, with what. The password is never read.

use super::cursor::utf16;
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

/// Characters kept of one string.
const TEXT: usize = 256;
/// OptionFlags2: integrated security (MS-TDS 2.2.6.4).
const INTEGRATED_SECURITY: u8 = 0x80;
/// OptionFlags3: a feature extension follows.
const EXTENSION: u8 = 0x10;
/// Feature id of federated authentication, and the end of the list.
const FEDAUTH: u8 = 0x02;
const TERMINATOR: u8 = 0xFF;

impl Login7 {
    /// Reads the payload of a LOGIN7 message (without packet headers).
    #[must_use]
    pub fn parse(payload: &[u8]) -> Self {
        let number = |at: usize| payload.get(at..).and_then(<[u8]>::first_chunk).map(|four| u32::from_le_bytes(*four));
        let byte = |at: usize| payload.get(at).copied().unwrap_or_default();
        let mut login = Self {
            tds_version: TdsVersion(number(4).unwrap_or_default()),
            packet_size: number(8).unwrap_or_default(),
            client_program_version: number(12).unwrap_or_default(),
            client_pid: number(16).unwrap_or_default(),
            integrated_security: byte(25) & INTEGRATED_SECURITY != 0,
            truncated: number(0).is_none_or(|length| (payload.len() as u64) < u64::from(length)),
            ..Self::default()
        };
        login.host_name = login.text(payload, 36);
        login.user_name = login.text(payload, 40);
        // Only whether there is one: the password's bytes are never looked at.
        login.has_password = payload.get(46..48).is_some_and(|length| length != [0, 0]);
        login.app_name = login.text(payload, 48);
        login.server_name = login.text(payload, 52);
        login.library = login.text(payload, 60);
        login.database = login.text(payload, 68);
        login.fed_auth = byte(27) & EXTENSION != 0 && has_fed_auth(payload);
        login
    }

    /// The string that the offset and length at `at` name; lengths count characters.
    fn text(&mut self, payload: &[u8], at: usize) -> String {
        let Some([o0, o1, l0, l1]) = payload.get(at..).and_then(<[u8]>::first_chunk) else { return String::new() };
        let offset = usize::from(u16::from_le_bytes([*o0, *o1]));
        let length = usize::from(u16::from_le_bytes([*l0, *l1]));
        match payload.get(offset..).and_then(|rest| rest.get(..length * 2)) {
            Some(bytes) => utf16(bytes, TEXT),
            None => {
                if !self.truncated {
                    self.malformed.get_or_insert(Malformed { what: "string outside the message", at });
                }
                String::new()
            }
        }
    }
}

/// ibExtension names where the offset of the feature list stands (MS-TDS 2.2.6.4).
fn has_fed_auth(payload: &[u8]) -> bool {
    let Some(pointer) = payload.get(56..).and_then(<[u8]>::first_chunk) else { return false };
    let at = usize::from(u16::from_le_bytes(*pointer));
    let Some(offset) = payload.get(at..).and_then(<[u8]>::first_chunk) else { return false };
    let mut rest = payload.get(u32::from_le_bytes(*offset) as usize..).unwrap_or_default();
    while let [feature, l0, l1, l2, l3, after @ ..] = rest {
        match *feature {
            TERMINATOR => return false,
            FEDAUTH => return true,
            _ => rest = after.get(u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize..).unwrap_or_default(),
        }
    }
    false
}

/// A login of the time before TDS 7.0 (TDS 4.2 of old SQL Servers, TDS 5.0 of Sybase): fields of 30 bytes, each
/// followed by its length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegacyLogin {
    /// What it has in common with LOGIN7.
    pub login: Login7,
    /// TDS 5.0: Sybase, not SQL Server.
    pub sybase: bool,
}

impl LegacyLogin {
    /// Length of a text field, in bytes.
    const FIELD: usize = 30;

    /// Reads the payload of a pre-TDS7 login message (without packet headers).
    #[must_use]
    pub fn parse(payload: &[u8]) -> Self {
        let field = |at: usize| {
            let length = usize::from(payload.get(at + Self::FIELD).copied().unwrap_or_default()).min(Self::FIELD);
            let bytes = payload.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        // Offsets: host 0, user 31, password 62, process 93, type and flags 124 to 139, application 140, server 171,
        // remote passwords 202 to 457, TDS version 458, library 462.
        let version = payload.get(458..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_be_bytes(*four));
        let login = Login7 {
            tds_version: TdsVersion(version),
            host_name: field(0),
            user_name: field(31),
            has_password: payload.get(92).is_some_and(|length| *length != 0),
            app_name: field(140),
            server_name: field(171),
            library: payload.get(462..).and_then(|rest| rest.get(..10)).map_or_else(String::new, |bytes| {
                let length = usize::from(payload.get(472).copied().unwrap_or_default()).min(10);
                String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned()
            }),
            truncated: payload.len() < 473,
            ..Login7::default()
        };
        Self { login, sybase: version >> 24 == 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let texts = ["host1", "sa", "secret", "app", "srv", "", "lib", "us", "master"];
        let mut payload = vec![0; 94];
        payload[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
        payload[8..12].copy_from_slice(&4096_u32.to_le_bytes());
        let mut data = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let at = 36 + index * 4;
            let offset = u16::try_from(94 + data.len()).unwrap();
            payload[at..at + 2].copy_from_slice(&offset.to_le_bytes());
            payload[at + 2..at + 4].copy_from_slice(&u16::try_from(text.len()).unwrap().to_le_bytes());
            data.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        }
        payload.extend(data);
        let length = u32::try_from(payload.len()).unwrap();
        payload[..4].copy_from_slice(&length.to_le_bytes());
        payload
    }

    #[test]
    fn names_are_read_and_the_password_is_not() {
        let login = Login7::parse(&message());
        assert_eq!(login.tds_version.to_string(), "7.4");
        assert_eq!((login.host_name.as_str(), login.user_name.as_str()), ("host1", "sa"));
        assert_eq!((login.app_name.as_str(), login.library.as_str()), ("app", "lib"));
        assert_eq!((login.server_name.as_str(), login.database.as_str()), ("srv", "master"));
        assert!(login.has_password && !login.truncated && login.malformed.is_none());
        assert!(!format!("{login:?}").contains("secret"));
    }

    #[test]
    fn cut_or_changed_it_never_panics() {
        let whole = message();
        for cut in 0..whole.len() {
            assert!(Login7::parse(&whole[..cut]).truncated, "cut at {cut}");
            let mut changed = whole.clone();
            changed[cut] ^= 0xFF;
            let _ = Login7::parse(&changed);
            let _ = LegacyLogin::parse(&whole[..cut]);
        }
    }

    #[test]
    fn a_login_from_before_tds7_is_read() {
        let mut payload = vec![0; 480];
        payload[..4].copy_from_slice(b"HOST");
        payload[30] = 4;
        payload[31..33].copy_from_slice(b"sa");
        payload[61] = 2;
        payload[92] = 6;
        payload[140..143].copy_from_slice(b"app");
        payload[170] = 3;
        payload[458] = 5;
        let legacy = LegacyLogin::parse(&payload);
        assert_eq!((legacy.login.host_name.as_str(), legacy.login.user_name.as_str()), ("HOST", "sa"));
        assert_eq!(legacy.login.app_name, "app");
        assert!(legacy.sybase && legacy.login.has_password);
    }
}
