//! ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2; SSLv2 format: RFC 5246 appendix E.2).

use super::cursor::Cursor;
use super::names::is_grease;
use super::{CipherSuite, ExtensionType, Malformed, NamedGroup, ProtocolVersion, SignatureScheme};
use crate::steps::step;

/// What a client offered. GREASE values (RFC 8701) are left out of every list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ClientHello {
    /// `legacy_version`: the highest version offered, unless `supported_versions` is there.
    pub legacy_version: ProtocolVersion,
    /// The session id, at most 32 bytes; the server echoes it when it resumes.
    pub session_id: Vec<u8>,
    /// Cipher suites in the client's order, without signalling values (0x00FF, 0x5600).
    pub cipher_suites: Vec<CipherSuite>,
    /// The same with the signalling values where they stood: what a fingerprint is made of.
    pub suites_sent: Vec<CipherSuite>,
    /// Extension numbers in the order sent.
    pub extensions: Vec<ExtensionType>,
    /// `server_name`, as sent (not sanitised), at most 255 bytes.
    pub server_name: Option<String>,
    /// `supported_versions`; `None` when the extension is absent.
    pub supported_versions: Option<Vec<ProtocolVersion>>,
    /// `supported_groups`; `None` when the extension is absent.
    pub groups: Option<Vec<NamedGroup>>,
    /// `ec_point_formats` (RFC 8422 5.1.2); empty when the extension is absent or does not fit its length.
    pub point_formats: Vec<u8>,
    /// `signature_algorithms`; `None` when the extension is absent.
    pub signature_algorithms: Option<Vec<SignatureScheme>>,
    /// `signature_algorithms_cert`; `None` when the extension is absent.
    pub signature_algorithms_cert: Option<Vec<SignatureScheme>>,
    /// ALPN protocol names, as sent.
    pub alpn: Vec<String>,
    /// The bytes of the first ALPN name, at most 255.
    pub first_alpn: Vec<u8>,
    /// Groups of the key shares sent.
    pub key_shares: Vec<NamedGroup>,
    /// `extended_master_secret` (RFC 7627) is there.
    pub extended_master_secret: bool,
    /// `encrypt_then_mac` (RFC 7366) is there.
    pub encrypt_then_mac: bool,
    /// Length of the session ticket offered; `None` when the extension is absent, `Some(0)` when it is empty.
    pub session_ticket: Option<u16>,
    /// `pre_shared_key` is there: a TLS 1.3 resumption.
    pub pre_shared_key: bool,
    /// `renegotiation_info` or its signalling suite 0x00FF is there.
    pub secure_renegotiation: bool,
    /// TLS_FALLBACK_SCSV (0x5600) is there.
    pub fallback_scsv: bool,
    /// Any GREASE value was there (a hint of who the client is).
    pub grease: bool,
    /// Sent in SSLv2 format.
    pub sslv2_format: bool,
    /// Length of the whole message body as its header declares it, in bytes.
    pub declared_len: u32,
    /// The bytes ended before the message did (snap length or gap): what stands here is what was there. A whole
    /// message whose inner lengths do not fit is `malformed` instead.
    pub truncated: bool,
    /// The first thing that was malformed.
    pub malformed: Option<Malformed>,
}

/// `server_name` entries are of type host_name (RFC 6066 3).
const HOST_NAME: u8 = 0;

impl ClientHello {
    /// Reads a message body, as far as it goes; `declared_len` is the length that the message's header names.
    #[must_use]
    pub fn parse(body: &[u8], declared_len: u32) -> Self {
        let truncated = (body.len() as u64) < u64::from(declared_len);
        let mut hello = Self { declared_len, truncated, ..Self::default() };
        if hello.read(&mut Cursor(body)).is_none() && !truncated {
            hello.malformed.get_or_insert(Malformed { what: "length outside the ClientHello", at: 0 });
        }
        hello
    }

    /// Writes the part of a whole message body that a program sends alike every time: all but random, session id, key
    /// shares and tickets, of which only lengths and groups stand for them. Two bodies with equal parts differ in no
    /// field of [`ClientHello`] but `session_id`, and in that not in whether it is empty. `false` when the body is not
    /// well formed; then what was written means nothing.
    #[must_use]
    pub fn write_lasting_part(body: &[u8], part: &mut Vec<u8>) -> bool {
        lasting_part(Cursor(body), part).is_some()
    }

    /// Reads a ClientHello in SSLv2 format (RFC 5246 E.2) from stream bytes; gives it and how many bytes it took.
    #[must_use]
    pub fn parse_sslv2(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut cursor = Cursor(bytes);
        let length = usize::from(cursor.u16()?.checked_sub(0x8000)?);
        let mut body = Cursor(cursor.take(length)?);
        if body.u8()? != 1 {
            return None;
        }
        let legacy_version = ProtocolVersion(body.u16()?);
        let suites = usize::from(body.u16()?);
        let session_id = usize::from(body.u16()?);
        let challenge = usize::from(body.u16()?);
        let specs = body.take(suites)?;
        body.take(session_id + challenge)?;
        let mut hello = Self {
            legacy_version,
            sslv2_format: true,
            declared_len: u32::try_from(length).unwrap_or(u32::MAX),
            ..Self::default()
        };
        for spec in specs.chunks_exact(3) {
            step(1);
            // A leading byte other than 0 names a suite of SSL 2.0 itself.
            if let [0, high, low] = *spec {
                hello.suite(CipherSuite(u16::from_be_bytes([high, low])));
            }
        }
        Some((hello, length + 2))
    }

    /// Reads in order; `None` where the bytes end.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.legacy_version = ProtocolVersion(cursor.u16()?);
        cursor.take(32)?;
        let session_id = cursor.vector8()?;
        if session_id.0.len() > 32 {
            self.malformed.get_or_insert(Malformed { what: "session id", at: 34 });
        }
        self.session_id = session_id.0.get(..32).unwrap_or(session_id.0).to_vec();
        let (suites, whole) = cursor.vector16_cut()?;
        if whole && (suites.0.is_empty() || suites.0.len() % 2 != 0) {
            self.malformed.get_or_insert(Malformed { what: "cipher suites", at: 35 + session_id.0.len() });
        }
        for suite in suites.numbers() {
            step(1);
            self.suite(CipherSuite(suite));
        }
        if !whole {
            return None;
        }
        cursor.vector8()?;
        if cursor.0.is_empty() {
            return Some(()); // no extensions: SSL 3.0 and early TLS 1.0
        }
        let (mut extensions, whole) = cursor.vector16_cut()?;
        while !extensions.0.is_empty() {
            step(1);
            let kind = extensions.u16()?;
            let (body, complete) = extensions.vector16_cut()?;
            self.extension(ExtensionType(kind), body, complete);
            if !complete {
                return None;
            }
        }
        whole.then_some(())
    }

    fn suite(&mut self, suite: CipherSuite) {
        if !suite.is_grease() {
            self.suites_sent.push(suite);
        }
        match suite {
            CipherSuite::EMPTY_RENEGOTIATION_INFO => self.secure_renegotiation = true,
            CipherSuite::FALLBACK => self.fallback_scsv = true,
            suite if suite.is_grease() => self.grease = true,
            suite => self.cipher_suites.push(suite),
        }
    }

    fn extension(&mut self, kind: ExtensionType, body: Cursor<'_>, complete: bool) {
        if is_grease(kind.0) {
            self.grease = true;
            return;
        }
        self.extensions.push(kind);
        if !complete {
            return; // a list that was cut would look like a shorter offer
        }
        if self.read_extension(kind, body).is_none() {
            let what = kind.name().unwrap_or("extension");
            self.malformed.get_or_insert(Malformed { what, at: 0 });
        }
    }

    /// `None` when its lengths do not fit each other. A list that does not fit its extension is not taken: it could
    /// be shorter than what the client meant.
    fn read_extension(&mut self, kind: ExtensionType, body: Cursor<'_>) -> Option<()> {
        match kind {
            ExtensionType::SERVER_NAME => {
                let mut list = body.only_vector16()?;
                while !list.0.is_empty() {
                    step(1);
                    let name_type = list.u8()?;
                    let name = list.vector16()?;
                    if name_type == HOST_NAME && self.server_name.is_none() {
                        let shown = name.0.get(..255).unwrap_or(name.0);
                        self.server_name = Some(String::from_utf8_lossy(shown).into_owned());
                    }
                }
            }
            ExtensionType::SUPPORTED_VERSIONS => {
                let list = body.only_vector8()?.pairs()?;
                self.supported_versions = Some(self.plain(list).map(ProtocolVersion).collect());
            }
            ExtensionType::SUPPORTED_GROUPS => {
                let list = body.only_vector16()?.pairs()?;
                self.groups = Some(self.plain(list).map(NamedGroup).collect());
            }
            // No server decides by it, so that a wrong length must not make the offer look unreadable.
            ExtensionType::EC_POINT_FORMATS => {
                self.point_formats = body.only_vector8().map_or_else(Vec::new, |list| list.0.to_vec());
            }
            ExtensionType::SIGNATURE_ALGORITHMS => {
                let list = body.only_vector16()?.pairs()?;
                self.signature_algorithms = Some(self.plain(list).map(SignatureScheme).collect());
            }
            ExtensionType::SIGNATURE_ALGORITHMS_CERT => {
                let list = body.only_vector16()?.pairs()?;
                self.signature_algorithms_cert = Some(self.plain(list).map(SignatureScheme).collect());
            }
            ExtensionType::ALPN => {
                let mut list = body.only_vector16()?;
                while !list.0.is_empty() {
                    step(1);
                    let name = list.vector8()?.0;
                    if self.alpn.is_empty() {
                        self.first_alpn = name.to_vec();
                    }
                    self.alpn.push(String::from_utf8_lossy(name).into_owned());
                }
            }
            ExtensionType::KEY_SHARE => {
                let mut list = body.only_vector16()?;
                while !list.0.is_empty() {
                    step(1);
                    let group = list.u16()?;
                    list.vector16()?;
                    if is_grease(group) {
                        self.grease = true;
                    } else {
                        self.key_shares.push(NamedGroup(group));
                    }
                }
            }
            ExtensionType::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            ExtensionType::ENCRYPT_THEN_MAC => self.encrypt_then_mac = true,
            ExtensionType::SESSION_TICKET => {
                self.session_ticket = Some(u16::try_from(body.0.len()).unwrap_or(u16::MAX));
            }
            ExtensionType::PRE_SHARED_KEY => self.pre_shared_key = true,
            ExtensionType::RENEGOTIATION_INFO => self.secure_renegotiation = true,
            _ => {}
        }
        Some(())
    }

    /// The numbers of a list without GREASE.
    fn plain<'a>(&mut self, list: Cursor<'a>) -> impl Iterator<Item = u16> + use<'a> {
        self.grease |= list.numbers().any(is_grease);
        list.numbers().filter(|number| !is_grease(*number))
    }
}

/// The extensions whose bodies differ each time, and of which no more than the length is kept.
const CHANGING: [ExtensionType; 4] = [
    ExtensionType::SESSION_TICKET,
    ExtensionType::PRE_SHARED_KEY,
    ExtensionType::COOKIE,
    ExtensionType::PADDING,
];

fn lasting_part(mut body: Cursor<'_>, part: &mut Vec<u8>) -> Option<()> {
    part.extend_from_slice(body.take(2)?);
    body.take(32)?;
    let session_id = body.vector8().filter(|id| id.0.len() <= 32)?;
    part.push(u8::from(!session_id.0.is_empty()));
    let suites = body.vector16()?;
    part.extend_from_slice(&u16::try_from(suites.0.len()).ok()?.to_be_bytes());
    part.extend_from_slice(suites.0);
    body.vector8()?;
    if body.0.is_empty() {
        return Some(());
    }
    let mut extensions = body.only_vector16()?;
    while !extensions.0.is_empty() {
        step(1);
        let kind = ExtensionType(extensions.u16()?);
        let mut body = extensions.vector16()?;
        part.extend_from_slice(&kind.0.to_be_bytes());
        part.extend_from_slice(&u16::try_from(body.0.len()).ok()?.to_be_bytes());
        if kind == ExtensionType::KEY_SHARE {
            let mut shares = body.only_vector16()?;
            while !shares.0.is_empty() {
                step(1);
                part.extend_from_slice(shares.take(2)?);
                shares.vector16()?;
            }
        } else if !CHANGING.contains(&kind) {
            part.extend_from_slice(body.take(body.0.len())?);
        }
    }
    Some(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn vector8(body: &[u8]) -> Vec<u8> {
        [&[u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn vector16(body: &[u8]) -> Vec<u8> {
        [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
    }

    fn numbers(list: &[u16]) -> Vec<u8> {
        list.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        [kind.to_be_bytes().to_vec(), vector16(body)].concat()
    }

    fn body() -> Vec<u8> {
        let extensions = [
            extension(0x1A1A, &[]),
            extension(0, &vector16(&[&[0][..], &vector16(b"sql1.example")].concat())),
            extension(10, &vector16(&numbers(&[0x2A2A, 29, 23]))),
            extension(13, &vector16(&numbers(&[0x0804, 0x0401]))),
            extension(16, &vector16(&vector8(b"tds/8.0"))),
            extension(43, &vector8(&numbers(&[0x0A0A, 0x0304, 0x0303]))),
            extension(51, &vector16(&[numbers(&[29]), vector16(&[7; 32])].concat())),
            extension(23, &[]),
        ]
        .concat();
        [
            numbers(&[0x0303]),
            vec![9; 32],
            vector8(&[3; 32]),
            vector16(&numbers(&[0x1A1A, 0x1302, 0xC030, 0x00FF, 0x5600])),
            vector8(&[0]),
            vector16(&extensions),
        ]
        .concat()
    }

    /// Where the body's random and session id stand.
    const CHANGES: std::ops::Range<usize> = 2..67;

    #[test]
    fn the_lasting_part_leaves_out_what_differs_each_time() {
        let part = |body: &[u8]| {
            let mut part = Vec::new();
            ClientHello::write_lasting_part(body, &mut part).then_some(part)
        };
        let one = body();
        let mut other = one.clone();
        for (at, byte) in other.iter_mut().enumerate() {
            // Byte 34 is the length of the session id.
            *byte ^= u8::from(CHANGES.contains(&at) && at != 34) * 0x55;
        }
        let key = one.windows(32).position(|bytes| bytes == [7; 32]).unwrap();
        other[key..key + 32].fill(8);
        assert_eq!(part(&one).unwrap(), part(&other).unwrap());
        let read = |body: &[u8]| ClientHello {
            session_id: Vec::new(),
            ..ClientHello::parse(body, u32::try_from(body.len()).unwrap())
        };
        assert_eq!(read(&one), read(&other));
    }

    #[test]
    fn hellos_with_the_same_lasting_part_read_the_same() {
        // Every byte changed in turn: either the part changes too, or nothing that is read does.
        let one = body();
        let len = u32::try_from(one.len()).unwrap();
        let mut part = Vec::new();
        assert!(ClientHello::write_lasting_part(&one, &mut part));
        let blank = |hello: ClientHello| ClientHello { session_id: Vec::new(), ..hello };
        for at in 0..one.len() {
            for flip in [0x01, 0x10, 0xFF] {
                let mut other = one.clone();
                other[at] ^= flip;
                let mut changed = Vec::new();
                if ClientHello::write_lasting_part(&other, &mut changed) && changed == part {
                    let (old, new) = (ClientHello::parse(&one, len), ClientHello::parse(&other, len));
                    assert_eq!(old.session_id.is_empty(), new.session_id.is_empty());
                    assert_eq!(blank(old), blank(new), "byte {at}");
                }
            }
        }
        for end in 0..one.len() {
            // A body may end where its extensions would begin.
            let parsed = ClientHello::parse(&one[..end], u32::try_from(end).unwrap());
            let whole = ClientHello::write_lasting_part(&one[..end], &mut Vec::new());
            assert_eq!(whole, parsed.malformed.is_none(), "cut at {end}");
        }
    }

    #[test]
    fn a_whole_hello_is_read() {
        let body = body();
        let declared_len = u32::try_from(body.len()).unwrap();
        let expected = ClientHello {
            legacy_version: ProtocolVersion::TLS12,
            session_id: vec![3; 32],
            cipher_suites: vec![CipherSuite(0x1302), CipherSuite(0xC030)],
            suites_sent: [0x1302, 0xC030, 0x00FF, 0x5600].map(CipherSuite).to_vec(),
            extensions: [0, 10, 13, 16, 43, 51, 23].map(ExtensionType).to_vec(),
            server_name: Some("sql1.example".to_owned()),
            supported_versions: Some(vec![ProtocolVersion::TLS13, ProtocolVersion::TLS12]),
            groups: Some(vec![NamedGroup::X25519, NamedGroup::SECP256R1]),
            signature_algorithms: Some(vec![SignatureScheme(0x0804), SignatureScheme(0x0401)]),
            alpn: vec!["tds/8.0".to_owned()],
            first_alpn: b"tds/8.0".to_vec(),
            key_shares: vec![NamedGroup::X25519],
            extended_master_secret: true,
            secure_renegotiation: true,
            fallback_scsv: true,
            grease: true,
            declared_len,
            ..ClientHello::default()
        };
        assert_eq!(ClientHello::parse(&body, declared_len), expected);
    }

    fn with_extensions(extensions: &[Vec<u8>]) -> ClientHello {
        let body = [
            numbers(&[0x0301]),
            vec![9; 32],
            vector8(&[]),
            vector16(&numbers(&[0x002F])),
            vector8(&[0]),
            vector16(&extensions.concat()),
        ]
        .concat();
        ClientHello::parse(&body, u32::try_from(body.len()).unwrap())
    }

    #[test]
    fn the_other_extensions_are_read() {
        let hello = with_extensions(&[
            extension(50, &vector16(&numbers(&[0x0403, 0x5A5A]))),
            extension(22, &[]),
            extension(35, &[7; 180]),
            extension(41, &[0; 9]),
            extension(0xFF01, &[0]),
            extension(0x4242, &[1, 2, 3]),
            extension(
                51,
                &vector16(&[numbers(&[0x2A2A]), vector16(&[0]), numbers(&[29]), vector16(&[7; 32])].concat()),
            ),
        ]);
        assert_eq!(hello.signature_algorithms_cert, Some(vec![SignatureScheme::ECDSA_SECP256R1_SHA256]));
        assert!(hello.encrypt_then_mac && hello.pre_shared_key && hello.secure_renegotiation && hello.grease);
        assert_eq!((hello.session_ticket, hello.groups, hello.supported_versions), (Some(180), None, None));
        assert_eq!(hello.key_shares, [NamedGroup::X25519]);
        assert_eq!(hello.extensions, [50, 22, 35, 41, 0xFF01, 0x4242, 51].map(ExtensionType));
        assert_eq!((hello.malformed, hello.truncated), (None, false));
        assert_eq!(with_extensions(&[extension(35, &[])]).session_ticket, Some(0));
        assert_eq!(with_extensions(&[extension(11, &[3, 0, 1, 2])]).point_formats, [0, 1, 2]);
        let wrong = with_extensions(&[extension(11, &[3, 0, 1])]);
        assert_eq!((wrong.point_formats, wrong.malformed), (vec![], None));
    }

    #[test]
    fn a_hello_without_extensions_is_whole() {
        let body =
            [numbers(&[0x0300]), vec![9; 32], vector8(&[]), vector16(&numbers(&[5, 4])), vector8(&[0])]
                .concat();
        let hello = ClientHello::parse(&body, u32::try_from(body.len()).unwrap());
        assert_eq!((hello.legacy_version, hello.cipher_suites.len()), (ProtocolVersion::SSL3, 2));
        assert_eq!((hello.malformed, hello.truncated, hello.extensions.len()), (None, false, 0));
    }

    #[test]
    fn cut_at_every_byte_it_says_so_and_keeps_what_was_there() {
        let body = body();
        let declared = u32::try_from(body.len()).unwrap();
        let whole = ClientHello::parse(&body, declared);
        for cut in 0..body.len() {
            let hello = ClientHello::parse(&body[..cut], declared);
            assert!(hello.truncated && hello.malformed.is_none(), "cut at {cut}");
            assert!(whole.cipher_suites.starts_with(&hello.cipher_suites), "cut at {cut}");
            assert!(whole.extensions.starts_with(&hello.extensions), "cut at {cut}");
            // A list is there whole or not at all.
            assert!(
                hello.supported_versions.is_none() || hello.supported_versions == whole.supported_versions
            );
            assert!(hello.groups.is_none() || hello.groups == whole.groups);
            assert!(
                hello.signature_algorithms.is_none()
                    || hello.signature_algorithms == whole.signature_algorithms
            );
            assert!(hello.server_name.is_none() || hello.server_name == whole.server_name);
            assert!(hello.alpn.is_empty() || hello.alpn == whole.alpn);
        }
        let hello = ClientHello::parse(&body[..74], declared);
        assert_eq!(hello.cipher_suites, [CipherSuite(0x1302)]);
    }

    #[test]
    fn one_malformed_extension_does_not_end_the_list() {
        // A list longer than its extension, shorter than it, of an odd number of bytes, without its length.
        for list in [&[0, 9, 0, 23][..], &[0, 2, 0, 23, 0, 24], &[0, 3, 0, 23, 0], &[0], &[]] {
            let hello = with_extensions(&[extension(10, list), extension(23, &[])]);
            assert_eq!(hello.malformed.map(|malformed| malformed.what), Some("supported_groups"), "{list:?}");
            assert!(hello.extended_master_secret && hello.groups.is_none() && !hello.truncated);
            assert_eq!(hello.extensions, [10, 23].map(ExtensionType));
        }
        let others: [(u16, &str, &[u8]); 5] = [
            (0, "server_name", &[0, 5, 0, 0, 9, b'a', b'b']),
            (43, "supported_versions", &[3, 3, 4, 3]),
            (13, "signature_algorithms", &[0, 4, 4, 1]),
            (16, "application_layer_protocol_negotiation", &[0, 3, 9, b'h', b'2']),
            (51, "key_share", &[0, 4, 0, 29, 0, 9]),
        ];
        for (kind, name, bytes) in others {
            let hello = with_extensions(&[extension(kind, bytes), extension(23, &[])]);
            assert_eq!(hello.malformed.map(|malformed| malformed.what), Some(name));
            assert!(hello.extended_master_secret && !hello.truncated);
        }
    }

    #[test]
    fn a_whole_hello_with_wrong_inner_lengths_is_malformed_and_not_cut() {
        let body = body();
        let declared = u32::try_from(body.len()).unwrap();
        let extensions = 34 + 33 + 2 + 10 + 2;
        // Length of the suites, of the extensions, of an extension: one too many.
        for at in [34 + 33 + 1, extensions + 1, extensions + 2 + 3] {
            let mut changed = body.clone();
            changed[at] += 1;
            let hello = ClientHello::parse(&changed, declared);
            assert!(hello.malformed.is_some() && !hello.truncated, "byte {at}");
        }
        let mut session_id = body;
        session_id[34] = 33;
        let hello = ClientHello::parse(&session_id, declared);
        assert_eq!(hello.malformed, Some(Malformed { what: "session id", at: 34 }));
        assert_eq!(hello.session_id.len(), 32);
    }

    #[test]
    fn lengths_off_by_one_never_panic() {
        let body = body();
        for at in 0..body.len() {
            for delta in [1_u8, 0xFF] {
                let mut changed = body.clone();
                changed[at] = changed[at].wrapping_add(delta);
                let hello = ClientHello::parse(&changed, u32::try_from(body.len()).unwrap());
                assert!(!hello.truncated && hello.extensions.len() < 64);
            }
        }
    }

    #[test]
    fn sslv2_format_is_read() {
        let mut body = vec![1, 3, 1, 0, 9, 0, 0, 0, 16];
        body.extend([0, 0, 0x2F, 0, 0, 0x0A, 7, 0, 0xC0]);
        body.extend([5; 16]);
        let bytes = [&[0x80, u8::try_from(body.len()).unwrap()][..], &body].concat();
        let (hello, taken) = ClientHello::parse_sslv2(&bytes).unwrap();
        assert_eq!(taken, bytes.len());
        assert_eq!(hello.legacy_version, ProtocolVersion::TLS10);
        assert_eq!(hello.cipher_suites, [CipherSuite(0x2F), CipherSuite(0x0A)]);
        for cut in 0..bytes.len() {
            assert!(ClientHello::parse_sslv2(&bytes[..cut]).is_none());
        }
        // The message type, and lengths of suites, session id and challenge that lead outside.
        for (at, value) in [(2, 2), (5, 0xFF), (7, 0xFF), (9, 0xFF), (6, 200), (10, 17), (0, 0)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert_eq!(ClientHello::parse_sslv2(&changed), None, "byte {at}");
        }
    }
}
