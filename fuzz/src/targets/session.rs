//! Conversations of a client and a server in packets that are well formed, analysed the whole way.

#[path = "../../../tests/build/wire.rs"]
#[allow(dead_code, reason = "what else is made up for fixtures")]
mod wire;

use super::input::Input;
use super::whole::reported;

/// Payload bytes of a conversation, at most: more teaches nothing new.
const LONGEST: usize = 48 << 10;
/// Payload of a segment.
const SEGMENT: usize = 1460;
/// 2026-11-25T04:00:00Z in seconds, when every conversation begins.
const START: i64 = 1_795_579_200;

/// Bits of the first byte of a message, beside the form in the lower four.
const FROM_SERVER: u8 = 0x10;
const LOST: u8 = 0x20;
const IN_PIECES: u8 = 0x40;
const LATER: u8 = 0x80;

/// Ending (one byte), what the connection is like (one byte), what is looked at (one byte), then messages: form and how it is
/// sent (one byte), length (two bytes), the bytes.
pub fn session(data: &[u8]) {
    let mut input = Input(data);
    let (ending, kind, seed) = (input.u8(), input.u8(), input.u8());
    let mut talk = Talk::new(kind);
    talk.open();
    let mut said = 0;
    while !input.is_empty() && said < LONGEST {
        let how = input.u8();
        let length = usize::from(input.u16());
        let message = message(how & 0x0F, input.bytes(length));
        said += message.len();
        talk.say(how, &message);
    }
    talk.end(ending);
    reported(u64::from(seed), &talk.file);
}

/// A message of one of sixteen forms.
fn message(form: u8, bytes: &[u8]) -> Vec<u8> {
    /// PRELOGIN, RESPONSE, LOGIN7, BATCH (MS-TDS 2.2.3.1.1).
    const PACKETS: [u8; 4] = [18, 4, 16, 1];
    let (first, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    match form {
        1..=4 => packets(PACKETS[usize::from(form) - 1], bytes),
        5 => packets(18, &record(wire::HANDSHAKE, bytes)),
        6 => record(wire::HANDSHAKE, bytes),
        // A handshake message of the type that the first byte says.
        7 => packets(18, &record(wire::HANDSHAKE, &handshake(first, rest))),
        8 => record(wire::HANDSHAKE, &handshake(first, rest)),
        9 => packets(18, &record(wire::ALERT, bytes)),
        10 => record(wire::ALERT, bytes),
        11 => record(23, bytes),
        12 => [record(wire::CHANGE_CIPHER_SPEC, &[1]), record(wire::HANDSHAKE, bytes)].concat(),
        13 => smp(first, rest),
        // A token with a length, in a response.
        14 => {
            let length = (rest.len() as u16).to_le_bytes();
            packets(4, &[&[first], &length[..], rest].concat())
        }
        15 => canned(first, rest),
        _ => bytes.to_vec(),
    }
}

/// A TDS message in as many packets as it needs.
fn packets(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let parts = body.len().div_ceil(4088).max(1);
    for part in 0..parts {
        let body = &body[part * 4088..body.len().min((part + 1) * 4088)];
        let length = ((body.len() + 8) as u16).to_be_bytes();
        let last = u8::from(part + 1 == parts);
        all.extend([kind, last, length[0], length[1], 0, 0, part as u8 + 1, 0]);
        all.extend(body);
    }
    all
}

/// TLS records of one type.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for body in body.chunks(1 << 14) {
        all.extend(wire::record(kind, body));
    }
    all
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

/// An SMP frame, of a session and with numbers that its first bytes say.
fn smp(first: u8, rest: &[u8]) -> Vec<u8> {
    let flags = [1, 2, 4, 8][usize::from(first & 3)];
    let body = if flags == 8 { packets([1, 4][usize::from(first >> 2 & 1)], rest) } else { Vec::new() };
    let length = ((body.len() + 16) as u32).to_le_bytes();
    let session = first >> 3;
    [&[0x53, flags, session, 0][..], &length, &u32::from(first).to_le_bytes(), &[4, 0, 0, 0], &body].concat()
}

/// A message that is right, with bytes changed at the places that `changes` says.
fn canned(which: u8, changes: &[u8]) -> Vec<u8> {
    let hello = |post_quantum, session| {
        wire::client_hello(wire::Hello { post_quantum, extended_master_secret: session == Some(2), session })
    };
    let mut message = match which % 16 {
        0 => wire::prelogin(wire::ENCRYPT_ON, false),
        1 => wire::prelogin(wire::ENCRYPT_NOT_SUP, true),
        2 => wire::prelogin_answer(wire::ENCRYPT_ON, false),
        3 => wire::prelogin_answer(wire::ENCRYPT_NOT_SUP, true),
        4 => wire::wrapped(&hello(false, None)),
        5 => wire::wrapped(&hello(true, Some(2))),
        6 => hello(false, None),
        7 => wire::wrapped(&wire::resumption(2, true)),
        8 => wire::resumption(1, false),
        9 => wire::login7(wire::TDS_7_4),
        10 => wire::login7(wire::TDS_7_0),
        11 => wire::login_ack(None),
        12 => wire::login_ack(Some(("sql2.example.net", 1444))),
        13 => wire::old_error(18456, "Login failed for user 'app'."),
        14 => wire::batch(),
        _ => wire::batch_answer(),
    };
    for change in changes.chunks_exact(2) {
        if let Some(byte) = message.get_mut(usize::from(change[0])) {
            *byte ^= change[1];
        }
    }
    message
}

/// TCP flags.
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// A connection, and the pcap file that it is recorded in.
struct Talk {
    file: Vec<u8>,
    /// Microseconds since the beginning.
    now: i64,
    v6: bool,
    ports: [u16; 2],
    /// Next sequence numbers, of client and server.
    next: [u32; 2],
    ids: [u16; 2],
    /// Microseconds from one packet to the next.
    step: i64,
    acknowledges: bool,
}

impl Talk {
    fn new(kind: u8) -> Self {
        let mut file = 0xA1B2_C3D4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
        Self {
            file,
            now: 0,
            v6: kind & 1 != 0,
            ports: [50_000, if kind & 2 == 0 { 1433 } else { 50_123 }],
            // Near the end of the numbers, so that they begin anew.
            next: if kind & 4 == 0 { [1_000, 2_000_000_000] } else { [u32::MAX - 300, u32::MAX - 4_000] },
            ids: [7, 9_000],
            step: if kind & 8 == 0 { 200 } else { 900_000 },
            acknowledges: kind & 16 == 0,
        }
    }

    fn open(&mut self) {
        self.send(0, SYN, &[], true);
        self.send(1, SYN | ACK, &[], true);
        self.send(0, ACK, &[], true);
    }

    /// Says a message, in one of the ways that there are.
    fn say(&mut self, how: u8, message: &[u8]) {
        let from = usize::from(how & FROM_SERVER != 0);
        if how & LATER != 0 {
            self.now += 31_000_000;
        }
        let size = if how & IN_PIECES != 0 { 97 } else { SEGMENT };
        for (index, part) in message.chunks(size).enumerate() {
            // Of what is lost one segment is.
            self.send(from, PSH | ACK, part, how & LOST == 0 || index > 0);
        }
        if self.acknowledges {
            self.send(1 - from, ACK, &[], true);
        }
    }

    /// Ends it, by one side or by both, at once or later, or not at all.
    fn end(&mut self, how: u8) {
        let from = usize::from(how & 1);
        if how & 2 != 0 {
            self.now += [3_000_000, 40_000_000][usize::from(how >> 5 & 1)];
        }
        match how >> 2 & 7 {
            0 => self.send(from, RST, &[], true),
            1 => self.send(from, RST | ACK, &[], true),
            2 => {
                self.send(from, FIN | ACK, &[], true);
                self.send(1 - from, FIN | ACK, &[], true);
                self.send(from, ACK, &[], true);
            }
            3 => {
                self.send(from, FIN | ACK, &[], true);
                self.send(1 - from, RST | ACK, &[], true);
            }
            4 => self.send(from, FIN | ACK, &[], true),
            // Something is sent again and again before it.
            5 => {
                let before = self.next[from];
                for _ in 0..5 {
                    self.next[from] = before;
                    self.send(from, PSH | ACK, &[0x17, 3, 3, 0, 40], true);
                    self.now += 1_000_000;
                }
                self.send(from, RST, &[], true);
            }
            _ => {}
        }
    }

    /// Sends a segment with the numbers that are due; it may not be recorded.
    fn send(&mut self, from: usize, flags: u8, payload: &[u8], recorded: bool) {
        let numbers = (self.next[from], if flags & ACK == 0 { 0 } else { self.next[1 - from] });
        let counts = u32::from(flags & (SYN | FIN) != 0) + payload.len() as u32;
        self.next[from] = self.next[from].wrapping_add(counts);
        self.ids[from] = self.ids[from].wrapping_add(1);
        if recorded {
            let frame = self.frame(from, flags, numbers, payload);
            let length = (frame.len() as u32).to_le_bytes();
            let seconds = ((START + self.now / 1_000_000) as u32).to_le_bytes();
            let micros = ((self.now % 1_000_000) as u32).to_le_bytes();
            self.file.extend([seconds, micros, length, length].concat());
            self.file.extend(frame);
        }
        self.now += self.step;
    }

    /// Ethernet, IP, TCP (IEEE 802.3 3.1, RFC 791 3.1, RFC 8200 3, RFC 9293 3.1).
    fn frame(&self, from: usize, flags: u8, (seq, ack): (u32, u32), payload: &[u8]) -> Vec<u8> {
        let mut tcp: Vec<u8> = [self.ports[from], self.ports[1 - from]].map(u16::to_be_bytes).concat();
        tcp.extend([seq, ack].map(u32::to_be_bytes).concat());
        tcp.extend([0x50, flags, 0xFA, 0xF0, 0, 0, 0, 0]);
        tcp.extend(payload);
        let length = tcp.len() as u16;
        let addresses = self.addresses(from);
        let pseudo = [&addresses[..], &u32::from(length).to_be_bytes(), &[0, 0, 0, 6]].concat();
        let sum = checksum(&[&pseudo[..], &tcp].concat());
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let mut frame = if from == 0 {
            vec![2, 0, 0, 0, 2, 20, 2, 0, 0, 0, 1, 10]
        } else {
            vec![2, 0, 0, 0, 1, 10, 2, 0, 0, 0, 2, 20]
        };
        if self.v6 {
            frame.extend([0x86, 0xDD, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([6, 64]);
            frame.extend(addresses);
        } else {
            frame.extend([8, 0]);
            let mut ip = vec![0x45, 0];
            ip.extend((20 + length).to_be_bytes());
            ip.extend(self.ids[from].to_be_bytes());
            ip.extend([0x40, 0, if from == 0 { 63 } else { 64 }, 6, 0, 0]);
            ip.extend(addresses);
            let sum = checksum(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend(ip);
        }
        frame.extend(tcp);
        frame
    }

    /// Source and destination.
    fn addresses(&self, from: usize) -> Vec<u8> {
        let of = |end: usize| {
            let host = [1, 10 + end as u8];
            if self.v6 {
                [&[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &host].concat()
            } else {
                [&[10, 0][..], &host].concat()
            }
        };
        [of(from), of(1 - from)].concat()
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|two| u32::from(two[0]) << 8 | two.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum = words.sum::<u32>();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}
