//! LOGIN7 (MS-TDS 2.2.6.4): who logs in, with what. The password is never read.

use std::ops::Range;

use super::cursor::utf16;
use super::{Malformed, TdsVersion};
use crate::steps::step;

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

/// UTF-16 units kept of one string.
const TEXT: usize = 256;
/// The fixed part: 94 bytes, 86 in TDS 7.0 and 7.1 (MS-TDS 2.2.6.4).
const FIXED_PART: usize = 94;
const FIXED_PART_7_1: usize = 86;
/// Where the offset and length of a secret stand, and how many bytes a unit of its length has: Password, SSPI and
/// ChangePassword (MS-TDS 2.2.6.4).
const PASSWORD: (usize, usize) = (44, 2);
const SSPI: (usize, usize) = (78, 1);
const CHANGE_PASSWORD: (usize, usize) = (86, 2);
/// Where those of the names stand: HostName, UserName, AppName, ServerName, CltIntName, Language, Database.
const NAMES: [usize; 7] = [36, 40, 48, 52, 60, 64, 68];
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
        let number =
            |at: usize| payload.get(at..).and_then(<[u8]>::first_chunk).map(|four| u32::from_le_bytes(*four));
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
        if !login.truncated && payload.len() < login.fixed_part() {
            login.malformed = Some(Malformed { what: "LOGIN7 shorter than its fixed part", at: 0 });
        }
        login.host_name = login.text(payload, 36);
        login.user_name = login.text(payload, 40);
        // Only whether there is one: the password's bytes are never looked at.
        login.has_password = range(payload, PASSWORD).is_some_and(|bytes| !bytes.is_empty());
        login.app_name = login.text(payload, 48);
        login.server_name = login.text(payload, 52);
        login.library = login.text(payload, 60);
        login.database = login.text(payload, 68);
        login.fed_auth = byte(27) & EXTENSION != 0 && has_fed_auth(payload);
        login
    }

    /// Where in a LOGIN7 its names stand: host, user, application, server, library, language and database. None of them has a
    /// byte of a password or a token.
    #[must_use]
    pub fn names(payload: &[u8]) -> Vec<Range<usize>> {
        let login = Self::parse(payload);
        let ranges = NAMES.into_iter().filter_map(|at| range(payload, (at, 2)));
        ranges.filter(|range| !login.secret(payload, range)).collect()
    }

    /// The string that the offset and length at `at` name; lengths count UTF-16 units.
    fn text(&mut self, payload: &[u8], at: usize) -> String {
        let Some(range) = range(payload, (at, 2)) else { return String::new() };
        if range.is_empty() {
            return String::new();
        }
        if self.secret(payload, &range) {
            self.malformed.get_or_insert(Malformed { what: "string that overlaps a secret", at });
            return String::new();
        }
        match payload.get(range) {
            Some(bytes) => utf16(bytes, TEXT),
            None => {
                if !self.truncated {
                    self.malformed.get_or_insert(Malformed { what: "string outside the message", at });
                }
                String::new()
            }
        }
    }

    /// Whether bytes belong to a password or a token: its encoding can be undone by anyone.
    fn secret(&self, payload: &[u8], bytes: &Range<usize>) -> bool {
        let old = self.fixed_part() == FIXED_PART_7_1;
        let secrets = [PASSWORD, SSPI, CHANGE_PASSWORD].into_iter().take(if old { 2 } else { 3 });
        secrets
            .filter_map(|secret| range(payload, secret))
            .any(|secret| !secret.is_empty() && bytes.start < secret.end && secret.start < bytes.end)
    }

    fn fixed_part(&self) -> usize {
        match self.tds_version.0 >> 24 {
            0x70 | 0x71 => FIXED_PART_7_1,
            _ => FIXED_PART,
        }
    }
}

/// The bytes that the offset and length at `at` name, whether they are there or not.
fn range(payload: &[u8], (at, unit): (usize, usize)) -> Option<Range<usize>> {
    let [o0, o1, l0, l1] = payload.get(at..)?.first_chunk()?;
    let start = usize::from(u16::from_le_bytes([*o0, *o1]));
    Some(start..start + usize::from(u16::from_le_bytes([*l0, *l1])) * unit)
}

/// ibExtension names where the offset of the feature list stands (MS-TDS 2.2.6.4).
fn has_fed_auth(payload: &[u8]) -> bool {
    let Some(pointer) = payload.get(56..).and_then(<[u8]>::first_chunk) else { return false };
    let at = usize::from(u16::from_le_bytes(*pointer));
    let Some(offset) = payload.get(at..).and_then(<[u8]>::first_chunk) else { return false };
    let mut rest = payload.get(u32::from_le_bytes(*offset) as usize..).unwrap_or_default();
    while let [feature, l0, l1, l2, l3, after @ ..] = rest {
        step(1);
        match *feature {
            TERMINATOR => return false,
            FEDAUTH => return true,
            _ => rest = after.get(u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize..).unwrap_or_default(),
        }
    }
    false
}

/// A login of the time before TDS 7.0 (TDS 4.2 of old SQL Servers, TDS 5.0 of Sybase; packet type 2 of MS-TDS
/// 2.2.3.1.1): fields of 30 bytes, each followed by its length.
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
            let length =
                usize::from(payload.get(at + Self::FIELD).copied().unwrap_or_default()).min(Self::FIELD);
            let bytes = payload.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        // Offsets: host 0, user 31, password 62, process 93, type and flags 124 to 139, application 140, server 171,
        // remote passwords 202 to 457, TDS version 458, library 462.
        let version =
            payload.get(458..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_be_bytes(*four));
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

    /// The password's bytes are swapped and mixed on the wire (MS-TDS 2.2.6.4), all others are plain UTF-16.
    fn encoded(text: &str, secret: bool) -> Vec<u8> {
        let plain = text.encode_utf16().flat_map(u16::to_le_bytes);
        plain.map(|byte| if secret { byte.rotate_left(4) ^ 0xA5 } else { byte }).collect()
    }

    /// Fields in the order of their pointers; "FEATURES" stands for the extension's.
    fn message_with(features: &[u8]) -> Vec<u8> {
        let texts = ["host1", "sa", "Pa55word", "app", "srv", "FEATURES", "lib", "us", "master"];
        let mut payload = vec![0; FIXED_PART];
        payload[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
        payload[8..12].copy_from_slice(&4096_u32.to_le_bytes());
        payload[12..16].copy_from_slice(&0x1234_5678_u32.to_le_bytes());
        payload[16..20].copy_from_slice(&4711_u32.to_le_bytes());
        payload[27] = EXTENSION;
        for (index, text) in texts.iter().enumerate() {
            let at = 36 + index * 4;
            let offset = u16::try_from(payload.len()).unwrap();
            let data = match *text {
                "FEATURES" => (u32::from(offset) + 4).to_le_bytes().to_vec(),
                text => encoded(text, index == 2),
            };
            let length = if *text == "FEATURES" { 4 } else { text.len() };
            payload[at..at + 2].copy_from_slice(&offset.to_le_bytes());
            payload[at + 2..at + 4].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
            payload.extend(data);
            if *text == "FEATURES" {
                payload.extend_from_slice(features);
            }
        }
        let length = u32::try_from(payload.len()).unwrap();
        payload[..4].copy_from_slice(&length.to_le_bytes());
        payload
    }

    fn message() -> Vec<u8> {
        message_with(&[4, 1, 0, 0, 0, 1, FEDAUTH, 1, 0, 0, 0, 9, TERMINATOR])
    }

    fn expected() -> Login7 {
        Login7 {
            tds_version: TdsVersion(0x7400_0004),
            packet_size: 4096,
            client_program_version: 0x1234_5678,
            client_pid: 4711,
            host_name: "host1".to_owned(),
            user_name: "sa".to_owned(),
            app_name: "app".to_owned(),
            server_name: "srv".to_owned(),
            library: "lib".to_owned(),
            database: "master".to_owned(),
            has_password: true,
            fed_auth: true,
            ..Login7::default()
        }
    }

    #[test]
    fn names_are_read_and_the_password_is_not() {
        assert_eq!(Login7::parse(&message()), expected());
        let mut windows = message();
        windows[25] = INTEGRATED_SECURITY;
        windows[46] = 0;
        let expected = Login7 { integrated_security: true, has_password: false, ..expected() };
        assert_eq!(Login7::parse(&windows), expected);
    }

    /// Whether any text of the login holds a piece of the password, in clear or as encoded on the wire.
    fn tells_the_password(login: &Login7) -> bool {
        let encoded = String::from_utf16_lossy(
            &encoded("Pa55word", true)
                .chunks(2)
                .map(|two| u16::from_le_bytes([two[0], two[1]]))
                .collect::<Vec<_>>(),
        );
        let shown = [
            &login.host_name,
            &login.user_name,
            &login.app_name,
            &login.server_name,
            &login.library,
            &login.database,
        ];
        let piece = |text: &str| text.chars().any(|unit| encoded.contains(unit) && !unit.is_ascii());
        format!("{login:?}").contains("Pa55word") || shown.into_iter().any(|text| piece(text))
    }

    #[test]
    fn no_pointer_reaches_the_password() {
        let whole = message();
        for at in (36..72).step_by(4).filter(|at| ![44, 56, 64].contains(at)) {
            // As long as everything; aimed at the password; one unit before it; inside it.
            let password = u16::from_le_bytes([whole[44], whole[45]]);
            for (offset, length) in
                [(94, 40), (password, 8), (password - 2, 2), (password + 1, 1), (password + 10, 9)]
            {
                let mut changed = whole.clone();
                changed[at..at + 2].copy_from_slice(&u16::to_le_bytes(offset));
                changed[at + 2..at + 4].copy_from_slice(&u16::to_le_bytes(length));
                let login = Login7::parse(&changed);
                assert!(!tells_the_password(&login), "{login:?}");
                assert_eq!(login.malformed.map(|malformed| malformed.at), Some(at));
            }
        }
        // The user name's length one too high would take the password's first unit.
        let mut long = whole;
        long[42] += 1;
        let login = Login7::parse(&long);
        assert_eq!((login.user_name.as_str(), login.malformed.is_some()), ("", true));
    }

    #[test]
    fn change_password_and_sspi_are_secrets_too() {
        for (at, unit) in [(86, 2), (78, 1)] {
            let mut changed = message();
            let database = [changed[68], changed[69]];
            changed[at..at + 2].copy_from_slice(&database);
            changed[at + 2..at + 4].copy_from_slice(&u16::to_le_bytes(12 / unit));
            let login = Login7::parse(&changed);
            assert_eq!((login.database.as_str(), login.malformed.is_some()), ("", true));
            // In TDS 7.1 the fixed part ends before ChangePassword: what stands there is no pointer.
            changed[4..8].copy_from_slice(&0x7100_0001_u32.to_le_bytes());
            assert_eq!(Login7::parse(&changed).database.is_empty(), at == 78);
        }
    }

    #[test]
    fn cut_at_every_byte_it_says_so_and_what_is_read_is_right() {
        let whole = message();
        let right = expected();
        for cut in 0..whole.len() {
            let login = Login7::parse(&whole[..cut]);
            assert!(login.truncated && login.malformed.is_none(), "cut at {cut}");
            let texts = [
                (login.host_name, &right.host_name),
                (login.user_name, &right.user_name),
                (login.app_name, &right.app_name),
                (login.server_name, &right.server_name),
                (login.library, &right.library),
                (login.database, &right.database),
            ];
            for (read, right) in texts {
                assert!(read.is_empty() || read == *right, "cut at {cut}: {read}");
            }
            assert!(login.tds_version == right.tds_version || cut < 8);
        }
    }

    #[test]
    fn lengths_off_by_one_and_pointers_anywhere_do_no_harm() {
        let whole = message();
        for at in 0..FIXED_PART {
            for value in [0, 1, 0x7F, 0xFF, whole[at].wrapping_add(1), whole[at].wrapping_sub(1)] {
                let mut changed = whole.clone();
                changed[at] = value;
                assert!(!tells_the_password(&Login7::parse(&changed)), "byte {at} as {value}");
            }
        }
        let mut outside = whole.clone();
        outside[68..72].copy_from_slice(&[0xFF; 4]);
        let login = Login7::parse(&outside);
        let malformed = Some(Malformed { what: "string outside the message", at: 68 });
        assert_eq!(login, Login7 { database: String::new(), malformed, ..expected() });
        let mut longer = whole.clone();
        longer[0] += 1;
        assert!(Login7::parse(&longer).truncated);
        let mut shorter = whole;
        shorter[0] -= 1;
        assert_eq!(Login7::parse(&shorter), expected());
        assert!(Login7::parse(&[40, 0, 0, 0, 4, 0, 0, 0x74].repeat(5)).malformed.is_some());
    }

    #[test]
    fn the_feature_list_is_walked_and_ends() {
        let fed_auth = |features: &[u8]| Login7::parse(&message_with(features)).fed_auth;
        assert!(!fed_auth(&[TERMINATOR, FEDAUTH, 0, 0, 0, 0]));
        assert!(!fed_auth(&[4, 1, 0, 0, 0, FEDAUTH, TERMINATOR]));
        assert!(!fed_auth(&[4, 0xFF, 0xFF, 0xFF, 0xFF, FEDAUTH, 0, 0, 0, 0]));
        assert!(fed_auth(&[4, 0, 0, 0, 0, 5, 0, 0, 0, 0, FEDAUTH, 0, 0, 0, 0]));
        let mut none = message();
        none[27] = 0;
        assert!(!Login7::parse(&none).fed_auth);
        let mut outside = message();
        outside[56..58].copy_from_slice(&[0xFF, 0xFF]);
        assert!(!Login7::parse(&outside).fed_auth);
    }

    #[test]
    fn a_login_from_before_tds7_is_read() {
        let mut payload = vec![0; 480];
        payload[..4].copy_from_slice(b"HOST");
        payload[30] = 4;
        payload[31..33].copy_from_slice(b"sa");
        payload[61] = 2;
        payload[92] = 8;
        payload[62..70].copy_from_slice(b"Pa55word");
        payload[140..143].copy_from_slice(b"app");
        payload[170] = 3;
        payload[171..174].copy_from_slice(b"srv");
        payload[201] = 3;
        payload[458] = 4;
        payload[459] = 2;
        payload[462..472].copy_from_slice(b"DB-Library");
        payload[472] = 10;
        let expected = Login7 {
            tds_version: TdsVersion(0x0402_0000),
            host_name: "HOST".to_owned(),
            user_name: "sa".to_owned(),
            app_name: "app".to_owned(),
            server_name: "srv".to_owned(),
            library: "DB-Library".to_owned(),
            has_password: true,
            ..Login7::default()
        };
        assert_eq!(LegacyLogin::parse(&payload), LegacyLogin { login: expected, sybase: false });
        for cut in 0..payload.len() {
            let login = LegacyLogin::parse(&payload[..cut]).login;
            assert_eq!(login.truncated, cut < 473, "cut at {cut}");
            assert!(!format!("{login:?}").contains("Pa55word"));
            assert!(login.user_name == "sa" || cut < 62 && login.user_name.is_empty());
        }
        // A length beyond its field stays inside it.
        payload[61] = 0xFF;
        payload[458] = 5;
        let legacy = LegacyLogin::parse(&payload);
        assert!(legacy.sybase && legacy.login.user_name.len() == LegacyLogin::FIELD);
        assert!(!format!("{legacy:?}").contains("Pa55word"));
    }
}
