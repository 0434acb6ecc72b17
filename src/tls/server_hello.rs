//! ServerHello and HelloRetryRequest (RFC 8446 4.1.3, 4.1.4; RFC 5246 7.4.1.3).

use super::cursor::Cursor;
use super::names::is_grease;
use super::{CipherSuite, ExtensionType, Malformed, NamedGroup, ProtocolVersion};

/// What a server chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerHello {
    /// The version negotiated: `supported_versions` when there, else `legacy_version`.
    pub version: ProtocolVersion,
    /// `legacy_version` as sent.
    pub legacy_version: ProtocolVersion,
    /// It is a HelloRetryRequest: its random is the constant of RFC 8446 4.1.3.
    pub hello_retry_request: bool,
    /// The session id, at most 32 bytes.
    pub session_id: Vec<u8>,
    /// The suite chosen.
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
    /// The bytes ended before the message did.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}

/// The random of a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3).
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];
/// The end of the random when a server that can do TLS 1.3 chooses TLS 1.2, or TLS 1.1 and older (RFC 8446 4.1.3).
const DOWNGRADE_TO_TLS12: [u8; 8] = *b"DOWNGRD\x01";
const DOWNGRADE_BELOW: [u8; 8] = *b"DOWNGRD\x00";

impl ServerHello {
    /// Reads a message body, as far as it goes.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let mut hello = Self::default();
        hello.truncated = hello.read(&mut Cursor(body)).is_none();
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
        self.session_id = session_id.get(..32).unwrap_or(session_id).to_vec();
        self.cipher_suite = CipherSuite(cursor.u16()?);
        cursor.u8()?;
        if cursor.0.is_empty() {
            return Some(());
        }
        let (mut extensions, whole) = cursor.vector16_cut()?;
        while !extensions.0.is_empty() {
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

    fn body(random: [u8; 32]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend(random);
        body.push(2);
        body.extend([8, 8]);
        body.extend([0x13, 0x02, 0]);
        let extensions = [0, 43, 0, 2, 3, 4, 0, 51, 0, 4, 0, 29, 0, 0, 0, 23, 0, 0];
        body.extend([0, u8::try_from(extensions.len()).unwrap()]);
        body.extend(extensions);
        body
    }

    #[test]
    fn version_and_group_come_from_extensions() {
        let hello = ServerHello::parse(&body([1; 32]));
        assert_eq!(hello.version, ProtocolVersion::TLS13);
        assert_eq!(hello.legacy_version, ProtocolVersion::TLS12);
        assert_eq!(hello.group, Some(NamedGroup::X25519));
        assert_eq!(hello.session_id, [8, 8]);
        assert!(hello.extended_master_secret && !hello.hello_retry_request && !hello.truncated);
    }

    #[test]
    fn a_retry_is_told_by_its_random() {
        assert!(ServerHello::parse(&body(RETRY)).hello_retry_request);
        let mut random = [1; 32];
        random[24..].copy_from_slice(b"DOWNGRD\x01");
        assert_eq!(ServerHello::parse(&body(random)).downgrade_sentinel, Some(ProtocolVersion::TLS13));
    }

    #[test]
    fn cut_or_changed_it_never_panics() {
        let whole = body([1; 32]);
        for cut in 0..whole.len() {
            // After the compression method a hello without extensions is whole.
            assert_eq!(ServerHello::parse(&whole[..cut]).truncated, cut != 40, "cut at {cut}");
            let mut changed = whole.clone();
            changed[cut] ^= 0xFF;
            let _ = ServerHello::parse(&changed);
        }
    }
}
