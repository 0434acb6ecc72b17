//! Whether bytes are TDS at all, told from the first bytes of either direction, whatever the port.
//!
//! Strict on purpose: a stream that is taken for TDS by mistake costs a false verdict, one that is not taken
//! costs a missing one.

use super::{PACKET_HEADER_LEN, PacketHeader, PacketType, SMP_HEADER_LEN, SmpHeader};

/// How sure the first bytes make us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// More bytes are needed.
    NeedMore,
    /// A TDS message that this direction may begin with.
    Tds,
    /// A TLS record with a ClientHello (client) or ServerHello/alert (server): TDS 8.0 or any TLS service.
    Tls,
    /// Something else.
    No(Service),
}

/// A service that answers where TDS was expected, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// HTTP response or request.
    Http,
    /// SSH identification string.
    Ssh,
    /// SMTP or FTP greeting ("220 ").
    Smtp,
    /// MySQL handshake packet.
    MySql,
    /// PostgreSQL message.
    Postgres,
    /// A TLS record where clear TDS was expected.
    Tls,
    /// Bytes of no service we know.
    Unknown,
}

/// Largest PRELOGIN or LOGIN7 packet: the packet size is 4096 until the server says otherwise (MS-TDS 2.2.6.4).
const FIRST_PACKET: u16 = 4096;
/// Fixed part of LOGIN7 (MS-TDS 2.2.6.4): up to ClientID and the SSPI pointers, 86 bytes in TDS 7.0 and 7.1.
const LOGIN7_LEAST: u32 = 86;
/// Length of the ALL_HEADERS block that SQL batches and RPCs begin with: total 4, and one header of 18
/// (transaction descriptor) or more (MS-TDS 2.2.5.3).
const ALL_HEADERS: u32 = 22;

/// What the first bytes that a connection's caller sends are.
#[must_use]
pub fn recognize_client(bytes: &[u8]) -> Guess {
    match bytes {
        [] => Guess::NeedMore,
        [0x16] | [0x16, 3] => Guess::NeedMore,
        [0x16, 3, 0..=4, ..] => client_tls(bytes),
        [0x80, ..] | [0x81, ..] => client_sslv2(bytes),
        [SmpHeader::ID, ..] => smp(bytes),
        _ => client_packet(bytes),
    }
}

/// What the first bytes that a connection's listener sends are.
#[must_use]
pub fn recognize_server(bytes: &[u8]) -> Guess {
    match bytes {
        [] => Guess::NeedMore,
        [0x14..=0x17] | [0x14..=0x17, 3] => Guess::NeedMore,
        [0x14..=0x17, 3, 0..=4, ..] => Guess::Tls,
        [SmpHeader::ID, ..] if bytes.get(1) != Some(&b'S') => smp(bytes),
        _ => server_packet(bytes),
    }
}

/// A handshake record whose first message is a ClientHello.
fn client_tls(bytes: &[u8]) -> Guess {
    match bytes.get(5) {
        None => Guess::NeedMore,
        Some(1) => Guess::Tls,
        Some(_) => Guess::No(Service::Tls),
    }
}

fn client_sslv2(bytes: &[u8]) -> Guess {
    match bytes {
        [_, _, 1, 3, ..] | [_, _, 1, 0, 2, ..] => Guess::Tls,
        [_] | [_, _] | [_, _, 1] | [_, _, 1, 0] => Guess::NeedMore,
        _ => Guess::No(Service::Unknown),
    }
}

fn smp(bytes: &[u8]) -> Guess {
    match SmpHeader::parse(bytes) {
        Some(header) if header.is_plausible() => Guess::Tds,
        None if bytes.len() < SMP_HEADER_LEN && matches!(bytes.get(1), None | Some(1 | 2 | 4 | 8)) => {
            Guess::NeedMore
        }
        _ => Guess::No(service(bytes)),
    }
}

fn client_packet(bytes: &[u8]) -> Guess {
    let no = Guess::No(service(bytes));
    let first = PacketType(bytes.first().copied().unwrap_or_default());
    let known = matches!(
        first,
        PacketType::PRELOGIN
            | PacketType::LOGIN7
            | PacketType::LEGACY_LOGIN
            | PacketType::SQL_BATCH
            | PacketType::RPC
            | PacketType::ATTENTION
            | PacketType::TRANSACTION_MANAGER
    );
    let status_fits = bytes.get(1).is_none_or(|status| matches!(status, 0 | 1 | 4 | 8 | 9 | 0x10 | 0x11));
    if !known || !status_fits {
        return no;
    }
    let Some(header) = PacketHeader::parse(bytes) else { return Guess::NeedMore };
    let body = bytes.get(PACKET_HEADER_LEN..).unwrap_or_default();
    // SPID is the server's to fill in, the window is always 0, and a message's first packet has number 0 or 1.
    if !header.is_plausible() || header.window != 0 || header.packet_id > 1 {
        return no;
    }
    let fits = match first {
        PacketType::PRELOGIN if header.length > FIRST_PACKET => Some(false),
        PacketType::PRELOGIN => prelogin_begins(body, header.length),
        PacketType::LOGIN7 => login7_begins(body, header.length),
        PacketType::LEGACY_LOGIN => Some(header.length == 512 && legacy_login_begins(body)),
        PacketType::ATTENTION => Some(header.length == 8),
        _ => all_headers_begin(body),
    };
    match fits {
        Some(true) => Guess::Tds,
        Some(false) => no,
        None => Guess::NeedMore,
    }
}

/// An option list that begins with VERSION, or a TLS ClientHello on its way (the capture began late).
fn prelogin_begins(body: &[u8], length: u16) -> Option<bool> {
    match body {
        [0x16] => None,
        [0x16, 3, ..] => Some(true),
        [0, o0, o1, l0, l1, ..] => {
            let offset = u16::from_be_bytes([*o0, *o1]);
            let value = u16::from_be_bytes([*l0, *l1]);
            Some(value == 6 && offset >= 6 && offset < length)
        }
        [] | [0, ..] => None,
        _ => Some(false),
    }
}

/// LOGIN7's own length, which is the message's, and a TDS version of 7.x or 8.0, in either byte order: MS-TDS
/// 2.2.6.4 writes 0x00000071 for TDS 7.1.
fn login7_begins(body: &[u8], packet: u16) -> Option<bool> {
    let [l0, l1, l2, l3, v0, v1, v2, v3] = body.first_chunk()?;
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
    let version = u32::from_le_bytes([*v0, *v1, *v2, *v3]);
    let known = matches!(version >> 24, 0x70..=0x74 | 0x08) || version <= 0x0000_0074;
    let holds = u32::from(packet).saturating_sub(8) <= length && (LOGIN7_LEAST..=0x2_0000).contains(&length);
    Some(known && holds)
}

/// Text fields with lengths of at most 30: host name and user name. The layout stands at [`super::LegacyLogin`].
fn legacy_login_begins(body: &[u8]) -> bool {
    let field = |at: usize| body.get(at + 30).is_none_or(|length| *length <= 30);
    let printable = body.iter().take(30).all(|byte| *byte == 0 || (0x20..0x7F).contains(byte));
    field(0) && field(31) && printable && body.len() > 30
}

/// ALL_HEADERS (MS-TDS 2.2.5.3): a total length, then a first header: its length, and type 1 (query notification),
/// 2 (transaction descriptor, 18 bytes) or 3 (trace activity).
fn all_headers_begin(body: &[u8]) -> Option<bool> {
    let [t0, t1, t2, t3, h0, h1, h2, h3, k0, k1] = body.first_chunk()?;
    let total = u32::from_le_bytes([*t0, *t1, *t2, *t3]);
    let first = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    let kind = u16::from_le_bytes([*k0, *k1]);
    Some(
        (ALL_HEADERS..=1024).contains(&total) && (18..=total - 4).contains(&first) && (1..=3).contains(&kind),
    )
}

fn server_packet(bytes: &[u8]) -> Guess {
    let no = Guess::No(service(bytes));
    let first = PacketType(bytes.first().copied().unwrap_or_default());
    if first != PacketType::RESPONSE && first != PacketType::PRELOGIN {
        return no;
    }
    if bytes.get(1).is_some_and(|status| !matches!(status, 0 | 1 | 4 | 5)) {
        return no;
    }
    let Some(header) = PacketHeader::parse(bytes) else { return Guess::NeedMore };
    if !header.is_plausible() || header.window != 0 {
        return no;
    }
    let body = bytes.get(PACKET_HEADER_LEN..).unwrap_or_default();
    match body {
        [] => Guess::NeedMore,
        [0, ..] => match prelogin_begins(body, header.length) {
            Some(true) => Guess::Tds,
            Some(false) => no,
            None => Guess::NeedMore,
        },
        [0x14..=0x17] => Guess::NeedMore,
        [0x14..=0x17, 3, ..] => Guess::Tds,
        // A response begins with a token: the number must be one, and its length must fit the packet.
        [token, l0, l1, ..] if first == PacketType::RESPONSE => {
            let length = u16::from_le_bytes([*l0, *l1]);
            let room = header.length.saturating_sub(11);
            let fits = match *token {
                0xAA | 0xAB | 0xAD | 0xE3 | 0xED | 0xA9 | 0xA4 => length <= room,
                0x81 => length <= 1024 || length == 0xFFFF,
                0x79 | 0xAE | 0xEE | 0xFD..=0xFF => true,
                _ => false,
            };
            if fits { Guess::Tds } else { no }
        }
        [_] | [_, _] if first == PacketType::RESPONSE => Guess::NeedMore,
        _ => no,
    }
}

/// What another service's first bytes are.
fn service(bytes: &[u8]) -> Service {
    match bytes {
        [b'H', b'T', b'T', b'P', ..]
        | [b'G', b'E', b'T', b' ', ..]
        | [b'P', b'O', b'S', b'T', ..]
        | [b'H', b'E', b'A', b'D', ..]
        | [b'P', b'U', b'T', b' ', ..]
        | [b'O', b'P', b'T', b'I', ..]
        | [b'P', b'R', b'I', b' ', ..] => Service::Http,
        [b'S', b'S', b'H', b'-', ..] => Service::Ssh,
        [b'2', b'2', b'0', b' ' | b'-', ..] => Service::Smtp,
        [0x14..=0x17, 3, 0..=4, ..] => Service::Tls,
        // Packet length 3, number 0, protocol 10 or error 0xFF.
        [_, _, 0, 0, 10 | 0xFF, ..] => Service::MySql,
        // Authentication request or error, with a four-byte length; or one byte, no TLS here. ("S", TLS follows, may
        // as well begin an SMP frame.)
        [b'R' | b'E', 0, 0, _, ..] | [b'N'] => Service::Postgres,
        _ => Service::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prelogin() -> Vec<u8> {
        let mut bytes = vec![18, 1, 0, 25, 0, 0, 1, 0, 0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF];
        bytes.extend([18, 0, 0, 1, 0, 0]);
        bytes
    }

    #[test]
    fn prelogin_is_tds_and_its_beginning_needs_more() {
        let whole = prelogin();
        assert_eq!(recognize_client(&whole), Guess::Tds);
        for cut in 0..13 {
            assert_eq!(recognize_client(&whole[..cut]), Guess::NeedMore, "cut at {cut}");
        }
        let mut off = whole.clone();
        off[12] = 5;
        assert!(matches!(recognize_client(&off), Guess::No(_)));
    }

    #[test]
    fn a_server_is_told_by_its_answer() {
        let mut answer = prelogin();
        answer[0] = 4;
        assert_eq!(recognize_server(&answer), Guess::Tds);
        assert_eq!(recognize_server(&[4, 1, 0, 20, 0, 60, 1, 0, 0xAA, 9, 0]), Guess::Tds);
        assert!(matches!(recognize_server(&[4, 1, 0, 20, 0, 60, 1, 0, 0xAA, 90, 0]), Guess::No(_)));
        assert_eq!(recognize_server(&[4, 1, 0, 200, 0, 0, 1, 0, 0x16, 3, 3]), Guess::Tds);
        assert_eq!(recognize_server(&[0x16, 3, 3, 0, 80]), Guess::Tls);
    }

    #[test]
    fn requests_in_a_session_are_told_by_their_headers() {
        let mut batch = vec![1, 1, 0, 60, 0, 0, 1, 0];
        batch.extend([22, 0, 0, 0, 18, 0, 0, 0, 2, 0]);
        assert_eq!(recognize_client(&batch), Guess::Tds);
        assert_eq!(recognize_client(&[6, 1, 0, 8, 0, 0, 1, 0]), Guess::Tds);
        assert_eq!(recognize_client(&[0x53, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]), Guess::Tds);
    }

    #[test]
    fn other_protocols_are_not_tds() {
        let others: [(&str, &[u8]); 16] = [
            ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n"),
            ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("TPKT of RDP", &[3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0]),
            (
                "TPKT, other",
                &[3, 0, 0, 22, 17, 0xE0, 0, 0, 0, 0, 0, 0xC1, 2, 1, 0, 0xC2, 2, 1, 2, 0xC0, 1, 10],
            ),
            ("SMB", &[0, 0, 0, 0x85, 0xFF, b'S', b'M', b'B', 0x72, 0, 0, 0, 0, 0x18, 0x53]),
            ("Modbus", &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10]),
            ("DNS over TCP", &[0, 0x1D, 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
            ("LDAP", &[0x30, 0x0C, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]),
            ("MySQL", &[0x4A, 0, 0, 0, 10, b'5', b'.', b'7']),
            ("PostgreSQL", &[0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]),
            ("Kafka", &[0, 0, 0, 0x2F, 0, 18, 0, 3, 0, 0, 0, 1]),
            ("MQTT", &[0x10, 0x16, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60]),
            ("SOCKS5", &[5, 1, 0]),
            ("SOCKS4", &[4, 1, 0, 80, 10, 0, 0, 1, 0]),
            ("BGP", &[0xFF; 19]),
            ("zeros", &[0; 64]),
        ];
        for (name, bytes) in others {
            assert!(matches!(recognize_client(bytes), Guess::No(_)), "{name}: {:?}", recognize_client(bytes));
            assert!(matches!(recognize_server(bytes), Guess::No(_)), "{name}: {:?}", recognize_server(bytes));
        }
    }

    /// A beginning that is TDS needs more until it is told; no byte of it is taken for something else.
    fn told_at(recognize: fn(&[u8]) -> Guess, bytes: &[u8], verdict: Guess) -> usize {
        let told = (0..=bytes.len()).find(|cut| recognize(&bytes[..*cut]) != Guess::NeedMore);
        let told = told.unwrap_or_else(|| panic!("never told: {bytes:?}"));
        for cut in told..=bytes.len() {
            assert_eq!(recognize(&bytes[..cut]), verdict, "cut at {cut}");
        }
        told
    }

    #[test]
    fn every_message_is_told_as_soon_as_it_can_be() {
        let mut login = vec![16, 1, 0, 0x66, 0, 0, 1, 0, 94, 0, 0, 0, 4, 0, 0, 0x74];
        login.extend([0; 86]);
        assert_eq!(told_at(recognize_client, &login, Guess::Tds), 16);
        assert_eq!(told_at(recognize_client, &prelogin(), Guess::Tds), 13);
        assert_eq!(told_at(recognize_client, &[18, 1, 0, 200, 0, 0, 0, 0, 0x16, 3, 1, 0], Guess::Tds), 10);
        assert_eq!(told_at(recognize_client, &[0x16, 3, 1, 0, 80, 1, 0, 0], Guess::Tls), 6);
        assert_eq!(told_at(recognize_client, &[0x80, 46, 1, 3, 1, 0], Guess::Tls), 4);
        assert_eq!(told_at(recognize_client, &[0x80, 46, 1, 0, 2, 0], Guess::Tls), 5);
        let smp = [0x53, 8, 1, 0, 24, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 1, 1];
        assert_eq!(told_at(recognize_client, &smp, Guess::Tds), 16);
        assert_eq!(told_at(recognize_server, &smp, Guess::Tds), 16);
        let mut legacy = vec![2, 1, 2, 0, 0, 0, 0, 0];
        legacy.extend([&b"HOST"[..], &[0; 26], &[4], &[0; 30], &[30]].concat());
        assert_eq!(recognize_client(&legacy), Guess::Tds);
        assert_eq!(told_at(recognize_server, &[4, 1, 0, 21, 0, 60, 1, 0, 0xFD, 0, 0, 0], Guess::Tds), 11);
        assert_eq!(told_at(recognize_server, &[0x15, 3, 1, 0, 2, 2, 40], Guess::Tls), 3);
    }

    #[test]
    fn fields_that_no_peer_sends_are_refused() {
        let login = |length: u32, version: u32, packet: u16| {
            let mut bytes = vec![16, 1, 0, 0, 0, 0, 1, 0];
            bytes[2..4].copy_from_slice(&packet.to_be_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(version.to_le_bytes());
            recognize_client(&bytes)
        };
        assert_eq!(login(200, 0x7400_0004, 208), Guess::Tds);
        assert_eq!(login(9000, 0x0800_0000, 4096), Guess::Tds);
        assert_eq!(login(199, 0x7400_0004, 208), Guess::No(Service::Unknown));
        assert_eq!(login(85, 0x7400_0004, 93), Guess::No(Service::Unknown));
        assert_eq!(login(200, 0x7500_0000, 208), Guess::No(Service::Unknown));
        assert_eq!(login(0xFFFF_FFFF, 0x7400_0004, 208), Guess::No(Service::Unknown));
        // PRELOGIN: status, length beyond the first packet size, packet number, window, VERSION's length and offset.
        for (at, value) in [(1, 2), (2, 0x10), (6, 2), (7, 1), (8, 1), (10, 5), (12, 7), (10, 25)] {
            let mut changed = prelogin();
            changed[at] = value;
            assert_eq!(recognize_client(&changed), Guess::No(Service::Unknown), "byte {at} as {value}");
        }
        assert_eq!(recognize_client(&[6, 1, 0, 9, 0, 0, 1, 0]), Guess::No(Service::Unknown));
        assert_eq!(recognize_client(&[0x16, 3, 1, 0, 80, 2]), Guess::No(Service::Tls));
        assert_eq!(
            recognize_client(&[0x53, 1, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]),
            Guess::No(Service::Unknown)
        );
        // ALL_HEADERS: total 21, header 17, header above the total, kind 4.
        for (total, header, kind) in [(21, 18, 2), (22, 17, 2), (22, 19, 2), (22, 18, 4)] {
            let batch = [1, 1, 0, 60, 0, 0, 1, 0, total, 0, 0, 0, header, 0, 0, 0, kind, 0];
            assert_eq!(recognize_client(&batch), Guess::No(Service::Unknown), "{batch:?}");
        }
    }

    #[test]
    fn services_are_named() {
        assert_eq!(recognize_server(&[0x4A, 0, 0, 0, 10, b'8', b'.']), Guess::No(Service::MySql));
        assert_eq!(recognize_server(b"E\0\0\0\x5fSERROR"), Guess::No(Service::Postgres));
        assert_eq!(recognize_server(b"N"), Guess::No(Service::Postgres));
        assert_eq!(recognize_server(b"HTTP/1.1 400 Bad Request"), Guess::No(Service::Http));
        assert_eq!(recognize_server(b"SSH-2.0-x"), Guess::No(Service::Ssh));
        assert_eq!(recognize_server(b"220 mail ESMTP"), Guess::No(Service::Smtp));
    }
}
