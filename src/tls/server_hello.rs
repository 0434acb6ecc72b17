//! ServerHello and HelloRetryRequest (RFC 8446 4.1.3, 4.1.4; RFC 5246 7.4.1.3).

use super::cursor::Cursor;
use super::names::is_grease;
use super::{CipherSuite, ExtensionType, KeyExchange, Malformed, NamedGroup, ProtocolVersion};
use crate::steps::step;

/// What a server chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerHello {
    /// The version negotiated: `supported_versions` when there, else `legacy_version`; TLS 1.3 also when the bytes
    /// end before the extensions and the suite is one of its own.
    pub version: ProtocolVersion,
    /// `legacy_version` as sent.
    pub legacy_version: ProtocolVersion,
    /// It is a HelloRetryRequest: its random is the constant of RFC 8446 4.1.3.
    pub hello_retry_request: bool,
    /// The session id, at most 32 bytes.
    pub session_id: Vec<u8>,
    /// The suite chosen; 0 when the bytes end before it.
    pub cipher_suite: CipherSuite,
    /// Extension numbers in the order sent.
    pub extensions: Vec<ExtensionType>,
    /// The group of the key share, or the one a HelloRetryRequest asks for.
    pub group: Option<NamedGroup>,
    /// The ALPN protocol chosen (clear up to TLS 1.2).
    pub alpn: Option<String>,
    /// `extended_master_secret` is echoed.
    pub extended_master_secret: bool,
    /// `pre_shared_key` is echoed: resumed (TLS 1.3).
    pub pre_shared_key: bool,
    /// `session_ticket` is echoed: a new ticket will come, or the session is resumed by ticket.
    pub session_ticket: bool,
    /// The downgrade sentinel of RFC 8446 4.1.3 ends the random: this server could do more.
    pub downgrade_sentinel: Option<ProtocolVersion>,
    /// The bytes ended before the message did. A whole message whose inner lengths do not fit is `malformed` instead.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}

/// The random of a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3).
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];
/// The end of the random when a server that can do TLS 1.3 chooses TLS 1.2, or TLS 1.1 and older (RFC 8446 4.1.3).
const DOWNGRADE_TO_TLS12: [u8; 8] = *b"DOWNGRD\x01";
const DOWNGRADE_BELOW: [u8; 8] = *b"DOWNGRD\x00";

impl ServerHello {
    /// Reads a message body, as far as it goes; `declared_len` is the length that the message's header names.
    #[must_use]
    pub fn parse(body: &[u8], declared_len: u32) -> Self {
        let truncated = (body.len() as u64) < u64::from(declared_len);
        let mut hello = Self { truncated, ..Self::default() };
        if hello.read(&mut Cursor(body)).is_none() && !truncated {
            hello.malformed.get_or_insert(Malformed { what: "length outside the ServerHello", at: 0 });
        }
        if truncated && hello.cipher_suite.key_exchange() == KeyExchange::Tls13 {
            hello.version = ProtocolVersion::TLS13;
        }
        hello
    }

    fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.legacy_version = ProtocolVersion(cursor.u16()?);
        self.version = self.legacy_version;
        let random = cursor.take(32)?;
        self.hello_retry_request = random == RETRY;
        self.downgrade_sentinel = match random.last_chunk() {
            Some(&DOWNGRADE_TO_TLS12) => Some(ProtocolVersion::TLS13),
            Some(&DOWNGRADE_BELOW) => Some(ProtocolVersion::TLS12),
            _ => None,
        };
        let session_id = cursor.vector8()?.0;
        if session_id.len() > 32 {
            self.malformed.get_or_insert(Malformed { what: "session id", at: 34 });
        }
        self.session_id = session_id.get(..32).unwrap_or(session_id).to_vec();
        self.cipher_suite = CipherSuite(cursor.u16()?);
        cursor.u8()?;
        if cursor.0.is_empty() {
            return Some(());
        }
        let (mut extensions, whole) = cursor.vector16_cut()?;
        while !extensions.0.is_empty() {
            step(1);
            let kind = ExtensionType(extensions.u16()?);
            let body = extensions.vector16()?;
            if is_grease(kind.0) {
                continue;
            }
            self.extensions.push(kind);
            if self.read_extension(kind, body).is_none() {
                let what = kind.name().unwrap_or("extension");
                self.malformed.get_or_insert(Malformed { what, at: 0 });
            }
        }
        whole.then_some(())
    }

    fn read_extension(&mut self, kind: ExtensionType, mut body: Cursor<'_>) -> Option<()> {
        match kind {
            ExtensionType::SUPPORTED_VERSIONS => self.version = ProtocolVersion(body.u16()?),
            ExtensionType::KEY_SHARE => self.group = Some(NamedGroup(body.u16()?)),
            ExtensionType::ALPN => {
                let mut list = body.vector16()?;
                self.alpn = Some(String::from_utf8_lossy(list.vector8()?.0).into_owned());
            }
            ExtensionType::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            ExtensionType::PRE_SHARED_KEY => self.pre_shared_key = true,
            ExtensionType::SESSION_TICKET => self.session_ticket = true,
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_with(random: [u8; 32], suite: u16, extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend(random);
        body.extend([2, 8, 8]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        body
    }

    fn body(random: [u8; 32]) -> Vec<u8> {
        body_with(random, 0x1302, &[0, 43, 0, 2, 3, 4, 0, 51, 0, 4, 0, 29, 0, 0, 0, 23, 0, 0])
    }

    fn whole(body: &[u8]) -> ServerHello {
        ServerHello::parse(body, u32::try_from(body.len()).unwrap())
    }

    fn expected() -> ServerHello {
        ServerHello {
            version: ProtocolVersion::TLS13,
            legacy_version: ProtocolVersion::TLS12,
            session_id: vec![8, 8],
            cipher_suite: CipherSuite(0x1302),
            extensions: vec![
                ExtensionType::SUPPORTED_VERSIONS,
                ExtensionType::KEY_SHARE,
                ExtensionType::EXTENDED_MASTER_SECRET,
            ],
            group: Some(NamedGroup::X25519),
            extended_master_secret: true,
            ..ServerHello::default()
        }
    }

    #[test]
    fn version_and_group_come_from_extensions() {
        assert_eq!(whole(&body([1; 32])), expected());
    }

    #[test]
    fn a_hello_of_tls_1_2_is_read() {
        let extensions = [
            &[0xFF, 1, 0, 1, 0, 0, 35, 0, 0, 0x2A, 0x2A, 0, 0, 0, 16, 0, 10, 0, 8, 7][..],
            b"tds/8.0",
            &[0, 41, 0, 2, 0, 0],
        ]
        .concat();
        let read = whole(&body_with([1; 32], 0xC030, &extensions));
        assert_eq!(read.version, ProtocolVersion::TLS12);
        assert_eq!(read.cipher_suite, CipherSuite(0xC030));
        assert_eq!(read.alpn.as_deref(), Some("tds/8.0"));
        let kinds = [
            ExtensionType::RENEGOTIATION_INFO,
            ExtensionType::SESSION_TICKET,
            ExtensionType::ALPN,
            ExtensionType::PRE_SHARED_KEY,
        ];
        assert_eq!(read.extensions, kinds);
        assert!(read.session_ticket && read.pre_shared_key && !read.extended_master_secret);
        assert_eq!((read.malformed, read.truncated), (None, false));
        // Without extensions, as SSL 3.0 and old servers send it.
        let bare = whole(&body([1; 32])[..40]);
        assert_eq!((bare.version, bare.malformed, bare.truncated), (ProtocolVersion::TLS12, None, false));
    }

    #[test]
    fn a_retry_is_told_by_its_random() {
        let retry = body_with(RETRY, 0x1301, &[0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 24]);
        let retry = whole(&retry);
        assert!(retry.hello_retry_request);
        assert_eq!((retry.version, retry.group), (ProtocolVersion::TLS13, Some(NamedGroup::SECP384R1)));
        let mut nearly = RETRY;
        nearly[31] ^= 1;
        assert!(!whole(&body(nearly)).hello_retry_request);
    }

    #[test]
    fn a_downgrade_is_told_by_the_end_of_the_random() {
        let mut random = [1; 32];
        random[24..].copy_from_slice(b"DOWNGRD\x01");
        assert_eq!(whole(&body(random)).downgrade_sentinel, Some(ProtocolVersion::TLS13));
        random[31] = 0;
        assert_eq!(whole(&body(random)).downgrade_sentinel, Some(ProtocolVersion::TLS12));
        random[31] = 2;
        assert_eq!(whole(&body(random)).downgrade_sentinel, None);
    }

    #[test]
    fn cut_at_every_byte_it_says_so_and_what_is_read_is_right() {
        let bytes = body([1; 32]);
        let declared = u32::try_from(bytes.len()).unwrap();
        for cut in 0..bytes.len() {
            let read = ServerHello::parse(&bytes[..cut], declared);
            assert!(read.truncated && read.malformed.is_none(), "cut at {cut}");
            assert!(expected().extensions.starts_with(&read.extensions), "cut at {cut}");
            assert!(read.group.is_none() || read.group == Some(NamedGroup::X25519), "cut at {cut}");
            // The suite says TLS 1.3 before its extension does.
            assert_eq!(read.version == ProtocolVersion::TLS13, cut >= 39, "cut at {cut}");
        }
    }

    #[test]
    fn lengths_off_by_one_are_malformed_in_a_whole_message() {
        let bytes = body([1; 32]);
        // Session id, extensions, and the three extensions' lengths.
        for at in [34, 41, 45, 51, 59] {
            for delta in [1_u8, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] = changed[at].wrapping_add(delta);
                let read = whole(&changed);
                assert!(!read.truncated && read != expected(), "byte {at}");
                assert!(read.malformed.is_some() || at == 34 || read.extensions != expected().extensions);
            }
        }
        let mut long = body([1; 32]);
        long[34] = 200;
        assert_eq!(
            whole(&long).malformed.map(|malformed| malformed.what),
            Some("length outside the ServerHello")
        );
        let short = whole(&body_with([1; 32], 0x1302, &[0, 43, 0, 1, 3, 0, 23, 0, 0]));
        assert_eq!(short.malformed.map(|malformed| malformed.what), Some("supported_versions"));
        assert!(short.extended_master_secret);
    }

    #[test]
    fn changed_bytes_never_panic() {
        let bytes = body([1; 32]);
        for at in 0..bytes.len() {
            for value in 0..=u8::MAX {
                let mut changed = bytes.clone();
                changed[at] = value;
                assert!(whole(&changed).extensions.len() <= 5);
            }
        }
    }
}
