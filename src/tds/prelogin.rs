//! PRELOGIN, request and response (MS-TDS 2.2.6.5).

use super::names::as_text;
use super::{EncryptionSetting, Malformed, PreloginToken};
use crate::steps::step;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

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
    /// THREADID: the client's thread (request only); little-endian, as drivers send it.
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
    /// The bytes ended inside the option list. A value whose bytes are not there is `malformed`: the message does
    /// not say its own length.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}

impl std::fmt::Display for ProductBuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)?;
        if self.sub_build != 0 { write!(f, ".{}", self.sub_build) } else { Ok(()) }
    }
}

as_text!(ProductBuild, "product build, such as 16.0.1000.6");

/// Kinds of options (MS-TDS 2.2.6.5).
const KINDS: usize = 8;
/// Options read of one message.
const OPTIONS: usize = 64;

impl Prelogin {
    /// Reads the payload of a PRELOGIN message (without packet headers).
    #[must_use]
    pub fn parse(payload: &[u8], from_server: bool) -> Self {
        let mut prelogin = Self { tokens: Vec::with_capacity(KINDS), ..Self::default() };
        let mut rest = payload;
        loop {
            step(1);
            let (kind, after) = match rest {
                [] => {
                    prelogin.truncated = true;
                    return prelogin;
                }
                [0xFF, ..] => return prelogin,
                [kind, after @ ..] => (PreloginToken(*kind), after),
            };
            let Some(([o0, o1, l0, l1], after)) = after.split_first_chunk() else {
                prelogin.truncated = true;
                return prelogin;
            };
            rest = after;
            let offset = usize::from(u16::from_be_bytes([*o0, *o1]));
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let at = payload.len() - rest.len() - 5;
            if prelogin.tokens.len() == OPTIONS {
                prelogin.malformed.get_or_insert(Malformed { what: "too many options", at });
                return prelogin;
            }
            prelogin.tokens.push(kind.0);
            let value = payload.get(offset..).and_then(|value| value.get(..length));
            match value {
                Some(value) => prelogin.option(kind, value, from_server, at),
                None => {
                    prelogin.malformed.get_or_insert(Malformed { what: "option outside the message", at });
                }
            }
        }
    }

    fn option(&mut self, kind: PreloginToken, value: &[u8], from_server: bool, at: usize) {
        match (kind, value) {
            (PreloginToken::VERSION, [major, minor, b0, b1, s0, s1, ..]) => {
                self.version = Some(ProductBuild {
                    major: *major,
                    minor: *minor,
                    build: u16::from_be_bytes([*b0, *b1]),
                    sub_build: u16::from_le_bytes([*s0, *s1]),
                });
            }
            (PreloginToken::VERSION, _) => {
                self.malformed.get_or_insert(Malformed { what: "VERSION shorter than 6 bytes", at });
            }
            (PreloginToken::ENCRYPTION | PreloginToken::MARS | PreloginToken::FEDAUTHREQUIRED, []) => {
                self.malformed.get_or_insert(Malformed { what: "option without its byte", at });
            }
            (PreloginToken::ENCRYPTION, [setting, ..]) => self.encryption = Some(EncryptionSetting(*setting)),
            (PreloginToken::INSTOPT, answer) if from_server => {
                self.instance_mismatch = answer.first().map(|answer| *answer != 0);
            }
            (PreloginToken::INSTOPT, name) => {
                let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                let name = String::from_utf8_lossy(name.get(..end.min(256)).unwrap_or_default());
                self.instance = Some(name.into_owned());
            }
            // A server answers THREADID and TRACEID with no bytes.
            (PreloginToken::THREADID, value) => {
                self.thread_id = value.first_chunk().map(|four| u32::from_le_bytes(*four));
            }
            (PreloginToken::MARS, [mars, ..]) => self.mars = Some(*mars != 0),
            (PreloginToken::TRACEID, value) => {
                self.client_connection_id = value.first_chunk().copied();
                self.activity_id = value.get(16..).and_then(<[u8]>::first_chunk).copied();
                let sequence = value.get(32..).and_then(<[u8]>::first_chunk);
                self.activity_sequence = sequence.map(|four| u32::from_le_bytes(*four));
            }
            (PreloginToken::FEDAUTHREQUIRED, [required, ..]) => self.fed_auth_required = Some(*required),
            (PreloginToken::NONCEOPT, _) => self.nonce = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut offset = options.len() * 5 + 1;
        let mut list = Vec::new();
        let mut data = Vec::new();
        for (kind, value) in options {
            list.push(*kind);
            list.extend(u16::try_from(offset).unwrap().to_be_bytes());
            list.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            data.extend_from_slice(value);
            offset += value.len();
        }
        list.push(0xFF);
        [list, data].concat()
    }

    fn request() -> Vec<u8> {
        let trace: Vec<u8> = (0..36).collect();
        message(&[
            (0, &[18, 6, 0x00, 0x02, 1, 0]),
            (1, &[1]),
            (2, b"INST1\0"),
            (3, &[4, 3, 2, 1]),
            (4, &[1]),
            (5, &trace),
            (6, &[1]),
            (7, &[0; 32]),
        ])
    }

    #[test]
    fn every_option_is_read() {
        let prelogin = Prelogin::parse(&request(), false);
        assert_eq!(prelogin.version.unwrap().to_string(), "18.6.2.1");
        assert_eq!(prelogin.encryption, Some(EncryptionSetting::ON));
        assert_eq!(prelogin.instance.as_deref(), Some("INST1"));
        assert_eq!(prelogin.thread_id, Some(0x0102_0304));
        assert_eq!(prelogin.mars, Some(true));
        assert_eq!(prelogin.client_connection_id.unwrap()[15], 15);
        assert_eq!(prelogin.activity_id.unwrap()[0], 16);
        assert_eq!(prelogin.activity_sequence, Some(u32::from_le_bytes([32, 33, 34, 35])));
        assert_eq!(prelogin.fed_auth_required, Some(1));
        assert!(prelogin.nonce && !prelogin.truncated && prelogin.malformed.is_none());
        assert_eq!(prelogin.tokens, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_servers_answer_is_read() {
        let options: [(u8, &[u8]); 7] =
            [(0, &[16, 0, 3, 0xE8, 6, 0]), (1, &[0x81]), (2, &[1]), (3, &[]), (4, &[0]), (5, &[]), (6, &[1])];
        let expected = Prelogin {
            version: Some(ProductBuild { major: 16, minor: 0, build: 1000, sub_build: 6 }),
            encryption: Some(EncryptionSetting::CLIENT_CERT_ON),
            instance_mismatch: Some(true),
            mars: Some(false),
            fed_auth_required: Some(1),
            tokens: vec![0, 1, 2, 3, 4, 5, 6],
            ..Prelogin::default()
        };
        assert_eq!(Prelogin::parse(&message(&options), true), expected);
        assert_eq!(expected.version.unwrap().to_string(), "16.0.1000.6");
        assert_eq!(Prelogin::parse(&message(&[(2, &[0])]), true).instance_mismatch, Some(false));
        let empty = Prelogin::parse(&message(&[(2, &[])]), true);
        assert_eq!((empty.instance_mismatch, empty.instance), (None, None));
    }

    #[test]
    fn unknown_and_repeated_options_are_kept_as_tokens() {
        let prelogin =
            Prelogin::parse(&message(&[(0, &[1, 2, 0, 3, 4, 0]), (0x20, &[9; 3]), (0x20, &[])]), false);
        assert_eq!(prelogin.tokens, [0, 0x20, 0x20]);
        assert_eq!((prelogin.malformed, prelogin.truncated), (None, false));
        assert_eq!(Prelogin::parse(&[0xFF], true), Prelogin::default());
    }

    #[test]
    fn values_too_short_are_malformed_and_the_others_stand() {
        for short in [(0, &[16_u8, 0, 3, 0xE8, 6][..]), (1, &[]), (4, &[]), (6, &[])] {
            let prelogin = Prelogin::parse(&message(&[short, (7, &[0; 32])]), true);
            assert!(prelogin.malformed.is_some_and(|malformed| malformed.at == 0), "{short:?}");
            assert!(prelogin.version.is_none() && prelogin.encryption.is_none() && prelogin.nonce);
        }
        let half = Prelogin::parse(&message(&[(3, &[1, 2, 3]), (5, &[7; 35])]), false);
        assert_eq!((half.thread_id, half.activity_sequence), (None, None));
        assert_eq!((half.client_connection_id, half.activity_id), (Some([7; 16]), Some([7; 16])));
    }

    #[test]
    fn cut_at_every_byte_what_was_there_is_right() {
        let whole = request();
        let expected = Prelogin::parse(&whole, false);
        for cut in 0..whole.len() {
            let read = Prelogin::parse(&whole[..cut], false);
            assert!(read.truncated || read.malformed.is_some(), "cut at {cut}");
            assert!(expected.tokens.starts_with(&read.tokens), "cut at {cut}");
            assert!(read.version.is_none() || read.version == expected.version, "cut at {cut}");
            assert!(read.encryption.is_none() || read.encryption == expected.encryption, "cut at {cut}");
            assert!(read.instance.is_none() || read.instance == expected.instance, "cut at {cut}");
            assert!(read.thread_id.is_none() || read.thread_id == expected.thread_id, "cut at {cut}");
            assert!(read.activity_id.is_none() || read.activity_id == expected.activity_id, "cut at {cut}");
            assert!(!read.nonce, "cut at {cut}");
        }
    }

    #[test]
    fn lengths_and_offsets_off_by_one_touch_their_option_only() {
        let whole = request();
        for option in 0..8 {
            for (field, delta) in [(2, 1_u8), (2, 0xFF), (4, 1), (4, 0xFF)] {
                let mut changed = whole.clone();
                let at = option * 5 + field;
                changed[at] = changed[at].wrapping_add(delta);
                let read = Prelogin::parse(&changed, false);
                assert_eq!(read.tokens, [0, 1, 2, 3, 4, 5, 6, 7]);
                assert!(option == 0 || read.version.unwrap().to_string() == "18.6.2.1");
                assert!(option == 1 || read.encryption == Some(EncryptionSetting::ON));
                assert!(option == 2 || read.instance.as_deref() == Some("INST1"));
                assert!(option == 5 || read.activity_sequence == Some(0x2322_2120));
            }
        }
        // The last value one byte longer than the message.
        let mut long = whole;
        long[39] += 1;
        assert_eq!(
            Prelogin::parse(&long, false).malformed,
            Some(Malformed { what: "option outside the message", at: 35 })
        );
    }

    #[test]
    fn pointers_that_lead_anywhere_do_no_harm() {
        let whole = request();
        for at in 0..41 {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = Prelogin::parse(&changed, false);
            }
        }
        let endless = [0_u8, 0, 0, 0, 0].repeat(1000);
        assert!(Prelogin::parse(&endless, false).malformed.is_some());
    }
}
