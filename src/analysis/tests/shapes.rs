//! Captures that somebody who wants to make tdscope slow would send: `count` says how much of it.

use etherparse::{IpFragOffset, IpNumber, Ipv4Header, PacketBuilder};

/// What makes a capture of a shape: how much of it is asked for.
pub(super) type Shape = fn(count: usize) -> Vec<u8>;

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
const PORT: u16 = 40_000;
const LISTENER: u16 = 1433;
/// Bytes of a segment that is full.
const FULL: usize = 1400;

/// Every shape and its name.
pub(super) const SHAPES: &[(&str, Shape)] = &[
    ("SYNs of other clients", syn_flood),
    ("SYNs of one port, again and again", reuse),
    ("SYNs to other servers", servers),
    ("logins of other clients, never answered", half_open),
    ("segments that overlap, behind a hole", overlapping),
    ("segments that overlap, the last first", overlapping_backwards),
    ("every second byte", every_second_byte),
    ("the same segment", retransmissions),
    ("conflicting copies of a segment", conflicts),
    ("RSTs of one connection", resets),
    ("keep-alives", keep_alives),
    ("segments without payload", empty_segments),
    ("TDS packets without payload", empty_tds_packets),
    ("TDS packets of one byte", small_tds_packets),
    ("TLS records without payload", empty_records),
    ("TLS records of one byte of a message", small_records),
    ("TLS alerts", alerts),
    ("TLS application data of one byte", small_application_data),
    ("ClientHellos of one suite and many extensions", extensions),
    ("ClientHellos, each in one-byte records", hellos_in_small_records),
    ("certificates of five bytes", certificates),
    ("PRELOGIN whose options all point back", prelogin_options),
    ("LOGIN7 of nothing but features", login_features),
    ("answers of nothing but DONE", done_tokens),
    ("answers of nothing but errors", error_tokens),
    ("answers of nothing but environment changes", environment_changes),
    ("SMP frames without payload", smp_frames),
    ("ICMP errors", icmp_errors),
    ("instances asked for by one port", browser_requests),
    ("instances asked for, and answers with many names", browser_answers),
    ("broadcasts, and answers", browser_broadcasts),
    ("packets in forty tunnels", tunnels),
    ("packets behind a hundred labels", labels),
    ("IPv6 extension headers", extension_headers),
    ("fragments of other datagrams", lone_fragments),
    ("fragments of eight bytes", small_fragments),
    ("pcapng interfaces", interfaces),
    ("pcapng sections", sections),
    ("gzip members without content", gzip_members),
];

/// A pcap file of these frames, a millisecond apart.
fn pcap(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let header = [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 0x4_0000, 1];
    let mut file: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (frame, number) in frames.into_iter().zip(0_u32..) {
        let length = u32::try_from(frame.len()).unwrap();
        for word in [1_795_579_200 + number / 1000, number % 1000 * 1000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// Control bits.
#[derive(Clone, Copy)]
enum Flag {
    Syn,
    SynAck,
    Ack,
    Rst,
}

/// A segment: who sends (address and port), to whom, numbers and payload.
fn segment(
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    flag: Flag,
    (seq, ack): (u32, u32),
    payload: &[u8],
) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .ipv4(from.0, to.0, 64)
        .tcp(from.1, to.1, seq, 8192);
    let builder = match flag {
        Flag::Syn => builder.syn(),
        Flag::SynAck => builder.syn().ack(ack),
        Flag::Ack => builder.ack(ack),
        Flag::Rst => builder.rst().ack(ack),
    };
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(from.0, to.0, 64);
    let builder = builder.udp(from.1, to.1);
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload).unwrap();
    frame
}

/// An address of its own for each number.
fn host(number: usize) -> [u8; 4] {
    (0x0B00_0000 + u32::try_from(number).unwrap()).to_be_bytes()
}

/// The two sides of one connection, and what was sent so far.
struct Talk {
    frames: Vec<Vec<u8>>,
    next: [u32; 2],
}

impl Talk {
    /// After the handshake of TCP.
    fn new() -> Self {
        let mut talk = Self { frames: Vec::new(), next: [1000, 5000] };
        talk.put(0, Flag::Syn, 0, &[]);
        talk.next[0] += 1;
        talk.put(1, Flag::SynAck, 0, &[]);
        talk.next[1] += 1;
        talk.put(0, Flag::Ack, 0, &[]);
        talk
    }

    /// After PRELOGIN and its answer.
    fn prelogin() -> Self {
        let mut talk = Self::new();
        talk.send(0, &packet(0x12, &[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 0]));
        talk.send(1, &packet(0x04, &[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 0]));
        talk
    }

    /// A segment of `side` that begins `ahead` of what is due.
    fn put(&mut self, side: usize, flag: Flag, ahead: u32, payload: &[u8]) {
        let ends = [(CLIENT, PORT), (SERVER, LISTENER)];
        let numbers = (self.next[side].wrapping_add(ahead), self.next[1 - side]);
        self.frames.push(segment(ends[side], ends[1 - side], flag, numbers, payload));
    }

    /// Bytes in as many segments as they need.
    fn send(&mut self, side: usize, bytes: &[u8]) {
        for part in bytes.chunks(FULL) {
            self.put(side, Flag::Ack, 0, part);
            self.next[side] = self.next[side].wrapping_add(u32::try_from(part.len()).unwrap());
        }
    }

    fn done(self) -> Vec<u8> {
        pcap(self.frames)
    }
}

/// A TDS packet that is a whole message (MS-TDS 2.2.3.1).
fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1, length[0], length[1], 0, 0, 1, 0], payload].concat()
}

/// A message in as many TDS packets as it needs.
fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    let last = payload.chunks(4088).count().max(1) - 1;
    let part = |(number, part): (usize, &[u8])| {
        let mut packet = packet(kind, part);
        packet[1] = u8::from(number == last);
        packet
    };
    payload.chunks(4088).enumerate().flat_map(part).collect()
}

/// A TLS record (RFC 8446 5.1).
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]], payload].concat()
}

/// A handshake message.
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

/// A ClientHello with these extensions.
fn client_hello(extensions: &[u8]) -> Vec<u8> {
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let fixed = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xC0, 0x2F, 1, 0]].concat();
    handshake(1, &[&fixed, &length[..], extensions].concat())
}

fn server_hello() -> Vec<u8> {
    handshake(2, &[&[3, 3][..], &[7; 32], &[0, 0xC0, 0x2F, 0]].concat())
}

fn syn_flood(count: usize) -> Vec<u8> {
    pcap((0..count).map(|number| segment((host(number), PORT), (SERVER, LISTENER), Flag::Syn, (1, 0), &[])))
}

fn reuse(count: usize) -> Vec<u8> {
    let isn = |number: usize| u32::try_from(number).unwrap().wrapping_mul(0x9E37_79B9);
    pcap(
        (0..count)
            .map(|number| segment((CLIENT, PORT), (SERVER, LISTENER), Flag::Syn, (isn(number), 0), &[])),
    )
}

fn servers(count: usize) -> Vec<u8> {
    pcap((0..count).map(|number| segment((CLIENT, PORT), (host(number), LISTENER), Flag::Syn, (1, 0), &[])))
}

fn half_open(count: usize) -> Vec<u8> {
    let prelogin = packet(0x12, &[0, 0, 6, 0, 1, 0xFF, 2]);
    pcap((0..count).flat_map(|number| {
        let (client, server) = ((host(number), PORT), (SERVER, LISTENER));
        [
            segment(client, server, Flag::Syn, (1, 0), &[]),
            segment(server, client, Flag::SynAck, (9, 2), &[]),
            segment(client, server, Flag::Ack, (2, 10), &prelogin),
        ]
    }))
}

fn overlapping(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    for number in 0..u32::try_from(count).unwrap() {
        talk.put(0, Flag::Ack, 1 + number % 5_000 * 10, &[0x12; FULL]);
    }
    talk.done()
}

fn overlapping_backwards(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    for number in 0..u32::try_from(count).unwrap() {
        talk.put(0, Flag::Ack, 60_000 - number % 5_000 * 10, &[0x12; FULL]);
    }
    talk.done()
}

fn every_second_byte(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    for number in 0..u32::try_from(count).unwrap() {
        talk.put(0, Flag::Ack, 1 + number % 30_000 * 2, &[0x12]);
    }
    talk.done()
}

fn retransmissions(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    (0..count).for_each(|_| talk.put(0, Flag::Ack, 0, &[0x12; FULL]));
    talk.done()
}

fn conflicts(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    (0..count).for_each(|number| talk.put(0, Flag::Ack, 1, &[number as u8; FULL]));
    talk.done()
}

fn resets(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    for number in 0..u32::try_from(count).unwrap() {
        talk.put((number % 2) as usize, Flag::Rst, number % 4096, &[]);
    }
    talk.done()
}

fn keep_alives(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    (0..count).for_each(|_| talk.put(0, Flag::Ack, u32::MAX, &[0]));
    talk.done()
}

fn empty_segments(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    (0..count).for_each(|number| talk.put(number % 2, Flag::Ack, 0, &[]));
    talk.done()
}

fn empty_tds_packets(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    let mut packet = packet(0x10, &[]);
    packet[1] = 0;
    talk.send(0, &packet.repeat(count));
    talk.done()
}

fn small_tds_packets(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    let mut packet = packet(0x10, &[0x90]);
    packet[1] = 0;
    talk.send(0, &packet.repeat(count));
    talk.done()
}

/// After the ClientHello, the server sends these records.
fn answered_by(records: &[u8]) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    talk.send(0, &message(0x12, &record(22, &client_hello(&[]))));
    talk.send(1, &message(0x12, records));
    talk.done()
}

fn empty_records(count: usize) -> Vec<u8> {
    answered_by(&record(22, &[]).repeat(count))
}

fn small_records(count: usize) -> Vec<u8> {
    // A message that is never whole, or is as often as there is room for.
    let body = handshake(11, &[0; 60_000]);
    answered_by(&body.iter().cycle().take(count).flat_map(|byte| record(22, &[*byte])).collect::<Vec<_>>())
}

fn alerts(count: usize) -> Vec<u8> {
    answered_by(&record(21, &[1, 112]).repeat(count))
}

fn small_application_data(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    talk.send(0, &message(0x12, &record(22, &client_hello(&[]))));
    talk.send(1, &message(0x12, &record(22, &server_hello())));
    talk.send(0, &message(0x12, &[record(20, &[1]), record(22, &[7; 40])].concat()));
    talk.send(1, &message(0x12, &[record(20, &[1]), record(22, &[7; 40])].concat()));
    for _ in 0..count.div_ceil(200) {
        talk.send(0, &record(23, &[1]).repeat(100));
        talk.send(1, &record(23, &[1]).repeat(100));
    }
    talk.done()
}

fn extensions(count: usize) -> Vec<u8> {
    let hello = record(22, &client_hello(&[0xFA, 0xFA, 0, 0].repeat(2_000)));
    let mut talk = Talk::prelogin();
    (0..count.div_ceil(2_000)).for_each(|_| talk.send(0, &message(0x12, &hello)));
    talk.done()
}

fn hellos_in_small_records(count: usize) -> Vec<u8> {
    let hello = client_hello(&[0xFA, 0xFA, 0, 0].repeat(100));
    let small: Vec<u8> = hello.iter().flat_map(|byte| record(22, &[*byte])).collect();
    let mut talk = Talk::prelogin();
    (0..count.div_ceil(hello.len())).for_each(|_| talk.send(0, &message(0x12, &small)));
    talk.done()
}

fn certificates(count: usize) -> Vec<u8> {
    let list = [0, 0, 5, 0x30, 3, 2, 1, 0].repeat(2_000);
    let length = u32::try_from(list.len()).unwrap().to_be_bytes();
    let chain = handshake(11, &[&length[1..], &list].concat());
    let flight: Vec<u8> = chain.chunks(16_000).flat_map(|part| record(22, part)).collect();
    answered_by(&[record(22, &server_hello()), flight.repeat(count.div_ceil(2_000))].concat())
}

fn prelogin_options(count: usize) -> Vec<u8> {
    // Eight hundred options of which each is said to be all of the message.
    let each = 800;
    let mut payload = [1, 0, 0, 0x0F, 0xF0].repeat(each);
    payload.push(0xFF);
    payload.resize(4080, 0);
    pcap((0..count.div_ceil(each)).flat_map(|number| {
        let (client, server) = ((host(number), PORT), (SERVER, LISTENER));
        let message = packet(0x12, &payload);
        let mut seq = 2;
        let mut frames = vec![
            segment(client, server, Flag::Syn, (1, 0), &[]),
            segment(server, client, Flag::SynAck, (9, 2), &[]),
        ];
        for part in message.chunks(FULL) {
            frames.push(segment(client, server, Flag::Ack, (seq, 10), part));
            seq += u32::try_from(part.len()).unwrap();
        }
        frames
    }))
}

/// A login in clear.
fn login(features: &[u8]) -> Vec<u8> {
    let mut login = vec![0; 94];
    login[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    let extension = login.len() as u32;
    // OptionFlags3.fExtension, and where FeatureExt begins (MS-TDS 2.2.6.4).
    login[27] = 0x10;
    login[56..58].copy_from_slice(&(extension as u16).to_le_bytes());
    login[58..60].copy_from_slice(&4_u16.to_le_bytes());
    login.extend((extension + 4).to_le_bytes());
    login.extend(features);
    let length = u32::try_from(login.len()).unwrap();
    login[..4].copy_from_slice(&length.to_le_bytes());
    message(0x10, &login)
}

fn login_features(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    talk.send(0, &login(&[0x7F, 0, 0, 0, 0].repeat(count)));
    talk.done()
}

/// A login in clear, and an answer of these tokens.
fn answered_login(tokens: &[u8]) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    talk.send(0, &login(&[0xFF]));
    talk.send(1, &message(0x04, tokens));
    talk.done()
}

fn done_tokens(count: usize) -> Vec<u8> {
    answered_login(&[0xFD, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(count))
}

fn error_tokens(count: usize) -> Vec<u8> {
    // ERROR 18456 of severity 14, without texts (MS-TDS 2.2.7.10).
    answered_login(&[0xAA, 14, 0, 0x18, 0x48, 0, 0, 1, 14, 0, 0, 0, 0, 1, 0, 0, 0].repeat(count))
}

fn environment_changes(count: usize) -> Vec<u8> {
    answered_login(&[0xE3, 5, 0, 1, 1, b'a', 0, 0].repeat(count))
}

fn smp_frames(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    talk.send(0, &login(&[0xFF]));
    talk.send(1, &message(0x04, &[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let frames = |number: usize| {
        let number = u32::try_from(number).unwrap().to_le_bytes();
        [&[0x53, 8, number[0], number[1], 16, 0, 0, 0][..], &number, &[4, 0, 0, 0]].concat()
    };
    talk.send(0, &(0..count).flat_map(frames).collect::<Vec<_>>());
    talk.done()
}

fn icmp_errors(count: usize) -> Vec<u8> {
    let mut talk = Talk::prelogin();
    let quoted =
        segment((CLIENT, PORT), (SERVER, LISTENER), Flag::Ack, (1001, 5001), &[1; 64])[14..].to_vec();
    for _ in 0..count {
        let builder =
            PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(SERVER, CLIENT, 64);
        let builder = builder.icmpv4_raw(3, 1, [0; 4]);
        let mut frame = Vec::new();
        builder.write(&mut frame, &quoted).unwrap();
        talk.frames.push(frame);
    }
    talk.done()
}

/// SQL Browser (MC-SQLR 2.2.3).
fn ask(number: usize) -> Vec<u8> {
    let request = [&[4][..], format!("I{number}").as_bytes(), &[0]].concat();
    udp((CLIENT, PORT), (SERVER, 1434), &request)
}

fn answer(server: [u8; 4], names: usize) -> Vec<u8> {
    let instance = |number| {
        format!(
            "ServerName;S;InstanceName;I{number};IsClustered;No;Version;15.0.2000.5;tcp;{};;",
            1000 + number
        )
    };
    let text: String = (0..names).map(instance).collect();
    let text = text.as_bytes().get(..60_000).unwrap_or(text.as_bytes());
    let length = u16::try_from(text.len()).unwrap().to_le_bytes();
    udp((server, 1434), (CLIENT, PORT), &[&[5, length[0], length[1]], text].concat())
}

fn browser_requests(count: usize) -> Vec<u8> {
    pcap((0..count).map(ask))
}

fn browser_answers(count: usize) -> Vec<u8> {
    pcap((0..count).map(ask).chain((0..count / 16).map(|_| answer(SERVER, 250))))
}

fn browser_broadcasts(count: usize) -> Vec<u8> {
    let broadcast = |number: usize| udp((host(number), PORT), ([255; 4], 1434), &[2]);
    pcap((0..count).map(broadcast).chain((0..count).map(|number| answer(host(number), 1))))
}

/// Frames whose IP packet is wrapped in others.
fn wrapped(count: usize, ether_type: u16, around: &[u8]) -> Vec<u8> {
    let inner = segment((CLIENT, PORT), (SERVER, LISTENER), Flag::Syn, (1, 0), &[]);
    let frame = [&inner[..12], &ether_type.to_be_bytes(), around, &inner[14..]].concat();
    pcap((0..count).map(|_| frame.clone()))
}

fn tunnels(count: usize) -> Vec<u8> {
    let mut around = Vec::new();
    for left in (0..40_u16).rev() {
        let mut header = Ipv4Header::new(left * 20 + 40, 64, IpNumber::IPV4, CLIENT, SERVER).unwrap();
        header.header_checksum = header.calc_header_checksum();
        header.write(&mut around).unwrap();
    }
    wrapped(count, 0x0800, &around)
}

fn labels(count: usize) -> Vec<u8> {
    let mut around = [0, 0, 0x10, 64].repeat(100);
    around.extend([0, 0, 0x11, 64]);
    wrapped(count, 0x8847, &around)
}

fn extension_headers(count: usize) -> Vec<u8> {
    // Destination options of eight bytes, one after the other (RFC 8200 4.6).
    let options = [60, 0, 1, 4, 0, 0, 0, 0].repeat(60);
    let length = u16::try_from(options.len()).unwrap().to_be_bytes();
    let header = [&[0x60, 0, 0, 0, length[0], length[1], 60, 64][..], &[1; 16], &[2; 16]].concat();
    let frame = [&[2; 12][..], &[0x86, 0xDD], &header, &options].concat();
    pcap((0..count).map(|_| frame.clone()))
}

/// A fragment of a datagram of this number.
fn fragment(number: usize, offset: u16, more: bool) -> Vec<u8> {
    let mut header = Ipv4Header::new(8, 64, IpNumber::TCP, CLIENT, SERVER).unwrap();
    header.identification = number as u16;
    header.source = host(number >> 16);
    header.more_fragments = more;
    header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
    header.header_checksum = header.calc_header_checksum();
    let mut frame = [&[2; 12][..], &[8, 0]].concat();
    header.write(&mut frame).unwrap();
    frame.extend([7; 8]);
    frame
}

fn lone_fragments(count: usize) -> Vec<u8> {
    pcap((0..count).map(|number| fragment(number, 8, true)))
}

fn small_fragments(count: usize) -> Vec<u8> {
    let piece = |number: usize| {
        let at = 255 - (number % 256) as u16;
        fragment(number / 256, at, at < 255)
    };
    pcap((0..count).map(piece))
}

/// A pcapng block (draft-ietf-opsawg-pcapng 3.1).
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(12 + body.len()).unwrap().to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}

fn section() -> Vec<u8> {
    block(0x0A0D_0D0A, &[0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
}

fn interfaces(count: usize) -> Vec<u8> {
    [section(), block(1, &[1, 0, 0, 0, 0, 0, 4, 0]).repeat(count)].concat()
}

fn sections(count: usize) -> Vec<u8> {
    [section(), block(1, &[1, 0, 0, 0, 0, 0, 4, 0])].concat().repeat(count)
}

fn gzip_members(count: usize) -> Vec<u8> {
    const EMPTY: [u8; 20] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    EMPTY.repeat(count)
}
