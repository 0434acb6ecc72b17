//! A TCP connection that is made up, frame by frame.

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpFragOffset, IpHeaders, IpNumber, Ipv4Header, PacketBuilder, TcpHeader};

use crate::file::Frame;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

/// Control bits of a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    Syn,
    SynAck,
    Ack,
    Data,
    FinAck,
    Rst,
    RstAck,
}

/// Nanoseconds of a second and a millisecond.
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MILLISECOND: i64 = 1_000_000;
/// 2026-11-25T04:00:00Z, when everything that is made up begins.
pub(crate) const START: i64 = 1_795_579_200 * SECOND;
/// From one packet to the next, where nothing else is said.
const STEP: i64 = 200_000;
/// Payload of an Ethernet frame without TCP options.
const SEGMENT: usize = 1460;
const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 1, 10];
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 2, 20];

/// A connection as it unfolds; it is captured at the server, one router away from the client.
pub(crate) struct Talk {
    pub(crate) frames: Vec<Frame>,
    pub(crate) now: i64,
    client: SocketAddr,
    server: SocketAddr,
    /// Next sequence numbers.
    pub(crate) client_seq: u32,
    pub(crate) server_seq: u32,
    ids: [u16; 2],
}

impl Talk {
    /// A connection that has not begun.
    pub(crate) fn new(client: &str, server: &str, now: i64) -> Self {
        let (client, server): (SocketAddr, SocketAddr) = (client.parse().unwrap(), server.parse().unwrap());
        // Initial sequence numbers that differ with the port and the time.
        let isn = u32::from(client.port()).wrapping_mul(2_654_435_761) ^ ((now / MILLISECOND) as u32);
        let ids = [client.port(), client.port() ^ 0x5555];
        Self { frames: Vec::new(), now, client, server, client_seq: isn, server_seq: !isn, ids }
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, nanoseconds: i64) {
        self.now += nanoseconds;
    }

    /// A segment with the numbers that are due; they move on.
    pub(crate) fn send(&mut self, from: From, flags: Flags, payload: &[u8]) {
        let (seq, ack) = match from {
            From::Client => (self.client_seq, self.server_seq),
            From::Server => (self.server_seq, self.client_seq),
        };
        self.segment(from, flags, seq, ack, payload);
        let counts = u32::from(matches!(flags, Flags::Syn | Flags::SynAck | Flags::FinAck));
        let next = seq.wrapping_add(counts).wrapping_add(u32::try_from(payload.len()).unwrap());
        match from {
            From::Client => self.client_seq = next,
            From::Server => self.server_seq = next,
        }
    }

    /// A segment with these numbers, whatever is due.
    pub(crate) fn segment(&mut self, from: From, flags: Flags, seq: u32, ack: u32, payload: &[u8]) {
        let bytes = self.frame(from, flags, seq, ack, payload);
        self.frames.push(Frame { time: self.now, bytes, interface: 0 });
        self.now += STEP;
    }

    fn frame(&mut self, from: From, flags: Flags, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
        let (src, dst, src_mac, dst_mac) = match from {
            From::Client => (self.client, self.server, CLIENT_MAC, SERVER_MAC),
            From::Server => (self.server, self.client, SERVER_MAC, CLIENT_MAC),
        };
        let id = &mut self.ids[usize::from(from == From::Server)];
        *id = id.wrapping_add(1);
        let ip = Ipv4Header {
            identification: *id,
            dont_fragment: true,
            fragment_offset: IpFragOffset::ZERO,
            time_to_live: if from == From::Client { 63 } else { 64 },
            protocol: IpNumber::TCP,
            source: octets(src.ip()),
            destination: octets(dst.ip()),
            ..Ipv4Header::default()
        };
        let mut tcp = TcpHeader::new(src.port(), dst.port(), seq, 64_240);
        tcp.syn = matches!(flags, Flags::Syn | Flags::SynAck);
        tcp.fin = flags == Flags::FinAck;
        tcp.rst = matches!(flags, Flags::Rst | Flags::RstAck);
        tcp.psh = flags == Flags::Data;
        tcp.ack = !matches!(flags, Flags::Syn | Flags::Rst);
        if tcp.ack {
            tcp.acknowledgment_number = ack;
        }
        if tcp.rst {
            tcp.window_size = 0;
        }
        if tcp.syn {
            tcp.set_options(&[etherparse::TcpOptionElement::MaximumSegmentSize(1460)]).unwrap();
        }
        let builder = PacketBuilder::ethernet2(src_mac, dst_mac)
            .ip(IpHeaders::Ipv4(ip, etherparse::Ipv4Extensions::default()))
            .tcp_header(tcp);
        let mut bytes = Vec::with_capacity(builder.size(payload.len()));
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }

    /// SYN, SYN-ACK, ACK.
    pub(crate) fn open(&mut self) {
        self.send(From::Client, Flags::Syn, &[]);
        self.send(From::Server, Flags::SynAck, &[]);
        self.send(From::Client, Flags::Ack, &[]);
    }

    /// Payload in as many segments as it needs, acknowledged.
    pub(crate) fn say(&mut self, from: From, bytes: &[u8]) {
        for part in bytes.chunks(SEGMENT) {
            self.send(from, Flags::Data, part);
        }
        let other = if from == From::Client { From::Server } else { From::Client };
        self.send(other, Flags::Ack, &[]);
    }

    /// FIN, FIN, ACK; the client begins.
    pub(crate) fn close(&mut self) {
        self.send(From::Client, Flags::FinAck, &[]);
        self.send(From::Server, Flags::FinAck, &[]);
        self.send(From::Client, Flags::Ack, &[]);
    }
}

fn octets(ip: IpAddr) -> [u8; 4] {
    match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => panic!("only IPv4 is made up"),
    }
}
