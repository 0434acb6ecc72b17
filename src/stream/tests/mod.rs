//! The table, fed with segments made by hand.

mod bounds;
mod closing;
mod delivery;
mod forged;
mod honest;
mod lifetime;
mod opening;
mod properties;

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::capture::Place;
use crate::decode::{
    At, Ends, Fragment, Icmp, IcmpReason, IpInfo, Quality, Segment, TcpFlags, TcpHeader, Tunnel,
};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

const ACK: TcpFlags = TcpFlags::ACK;
const SYN: TcpFlags = TcpFlags::SYN;
const RST: TcpFlags = TcpFlags::RST;
const SYN_ACK: TcpFlags = TcpFlags(0x12);
const FIN_ACK: TcpFlags = TcpFlags(0x11);
const RST_ACK: TcpFlags = TcpFlags(0x14);
const PSH_ACK: TcpFlags = TcpFlags(0x18);

/// The end with the smaller address: the client in these tests.
const CLIENT: Dir = Dir::A;
const SERVER: Dir = Dir::B;

const CLIENT_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// One segment to send.
#[derive(Debug, Clone)]
struct Packet {
    from: Dir,
    flags: TcpFlags,
    seq: u32,
    ack: u32,
    payload: Vec<u8>,
    /// Payload bytes on the wire that were not recorded.
    cut: u32,
    window: u16,
    ttl: u8,
    /// IP identification; a new one each time when `None`.
    id: Option<u32>,
    tunnel: Option<Tunnel>,
    options: &'static [u8],
    client_port: u16,
}

fn packet(from: Dir, flags: TcpFlags, seq: u32, ack: u32) -> Packet {
    Packet {
        from,
        flags,
        seq,
        ack,
        payload: Vec::new(),
        cut: 0,
        window: 8192,
        ttl: 64,
        id: None,
        tunnel: None,
        options: &[],
        client_port: 50_000,
    }
}

impl Packet {
    fn with(self, payload: &[u8]) -> Self {
        Self { payload: payload.to_vec(), ..self }
    }
}

/// Writes down what it hears.
#[derive(Debug)]
struct Recorder {
    told: Vec<String>,
    data: Vec<(Dir, u64, Vec<u8>)>,
    /// Frame that each of them was told of.
    frames: Vec<u64>,
    gaps: Vec<(Dir, u64, u64, GapReason)>,
    resets: Vec<ResetShape>,
    /// What it answers once payload was heard.
    after_data: Interest,
    interest: Interest,
}

impl Handler for Recorder {
    fn on_event(&mut self, event: &Event<'_>) -> Interest {
        let dir = event.dir;
        let what = match &event.signal {
            Signal::Syn { attempt } => format!("SYN {attempt}"),
            Signal::SynAck { attempt } => format!("SYN-ACK {attempt}"),
            Signal::HandshakeDone => "open".to_owned(),
            Signal::Data { offset, bytes } => {
                self.data.push((dir, *offset, bytes.to_vec()));
                self.frames.push(event.at.place.frame());
                self.interest = self.after_data;
                format!("data {offset} {}", String::from_utf8_lossy(bytes))
            }
            Signal::Gap { offset, len, reason } => {
                self.gaps.push((dir, *offset, *len, *reason));
                format!("gap {offset}+{len} {reason:?}")
            }
            Signal::Retransmit { offset: Some(offset), len, times } => {
                format!("again {offset}+{len} x{times}")
            }
            Signal::Retransmit { offset: None, len, times } => format!("again {len} x{times}"),
            Signal::OverlapConflict { offset } => format!("conflict {offset}"),
            Signal::WentOn { .. } => "went on".to_owned(),
            Signal::Stray => "stray".to_owned(),
            Signal::KeepAlive { times } => format!("keep-alive {times}"),
            Signal::KeepAliveAnswered => "answered".to_owned(),
            Signal::ZeroWindow => "zero window".to_owned(),
            Signal::ChallengeAck => "challenge".to_owned(),
            Signal::Fin => "FIN".to_owned(),
            Signal::Reset(shape) => {
                self.resets.push(*shape);
                "RST".to_owned()
            }
            Signal::Dropped(reason) => format!("dropped {reason}"),
            Signal::Icmp { from, reason } => format!("ICMP {from} {reason:?}"),
        };
        self.told.push(format!("{}{what}", if dir == CLIENT { '>' } else { '<' }));
        self.interest
    }
}

/// A table and what it let go.
struct Bench {
    table: Table<Recorder>,
    hasher: TupleHasher,
    /// Where a connection was found.
    found: Option<u32>,
    closed: Vec<Closed<Recorder>>,
    after_data: Interest,
    /// Capture time of the last packet.
    time: i64,
    frame: u64,
    last_id: u32,
}

impl Bench {
    fn new() -> Self {
        Self::limited(Limits::default())
    }

    fn limited(limits: Limits) -> Self {
        let hasher = TupleHasher::default();
        Self {
            table: Table::with_hasher(limits, &hasher),
            hasher,
            found: None,
            closed: Vec::new(),
            after_data: Interest::Payload,
            time: 1_700_000_000 * SECOND,
            frame: 0,
            last_id: 0,
        }
    }

    /// A bench whose connection stands: ISN 1000 of the client, 5000 of the server.
    fn open() -> Self {
        let mut bench = Self::new();
        bench.handshake(50_000, 1000, 5000);
        bench
    }

    fn handshake(&mut self, client_port: u16, client: u32, server: u32) {
        let (first, answer) = (client.wrapping_add(1), server.wrapping_add(1));
        for packet in [
            packet(CLIENT, SYN, client, 0),
            packet(SERVER, SYN_ACK, server, first),
            packet(CLIENT, ACK, first, answer),
        ] {
            self.send(Packet { client_port, ..packet });
        }
    }

    /// A millisecond later this packet is captured.
    #[expect(clippy::needless_pass_by_value, reason = "packets are built where they are sent")]
    fn send(&mut self, packet: Packet) {
        self.time += MILLISECOND;
        self.last_id += 1;
        let id = packet.id.unwrap_or(self.last_id);
        self.record(&packet, id);
    }

    /// A fifth of a millisecond later the same packet is recorded once more.
    #[expect(clippy::needless_pass_by_value, reason = "packets are built where they are sent")]
    fn send_twice(&mut self, packet: Packet) {
        self.send(packet.clone());
        self.time += MILLISECOND / 5;
        let id = packet.id.unwrap_or(self.last_id);
        self.record(&packet, id);
    }

    fn record(&mut self, packet: &Packet, id: u32) {
        self.frame += 1;
        let (client, server) = ((CLIENT_IP, packet.client_port), (SERVER_IP, 1433));
        let (src, dst) = if packet.from == CLIENT { (client, server) } else { (server, client) };
        let segment = Segment {
            at: At { time: self.time, place: Place::new(0, self.frame) },
            interface: 0,
            ip: IpInfo {
                src: src.0,
                dst: dst.0,
                ttl: packet.ttl,
                id,
                fragment: Fragment::No,
                zero_length: false,
            },
            tcp: TcpHeader {
                src_port: src.1,
                dst_port: dst.1,
                seq: packet.seq,
                ack: packet.ack,
                flags: packet.flags,
                window: packet.window,
                checksum: None,
                options: packet.options,
            },
            payload: &packet.payload,
            payload_len: u32::try_from(packet.payload.len()).unwrap() + packet.cut,
            quality: Quality { payload_cut: packet.cut > 0, ..Quality::default() },
            tunnel: packet.tunnel,
        };
        let (closed, after_data) = (&mut self.closed, self.after_data);
        let make = |_: u64, _: &Key| Recorder {
            told: Vec::new(),
            data: Vec::new(),
            frames: Vec::new(),
            gaps: Vec::new(),
            resets: Vec::new(),
            after_data,
            interest: Interest::Payload,
        };
        let number = self.table.counts().connections;
        let mut closed = |connection| closed.push(connection);
        // A third is looked up when it comes. Of the others it was looked up where their connection is: now, or before earlier
        // packets, so that by now another may be there.
        if self.frame.is_multiple_of(3) {
            self.table.segment(number, &segment, &mut { make }, &mut closed);
            return;
        }
        let word = |(ip, port): (IpAddr, u16)| match ip {
            IpAddr::V4(ip) => (u64::from(u32::from(ip)) << 16) | u64::from(port),
            IpAddr::V6(_) => panic!("no test has it"),
        };
        let tuple = self.hasher.tuple(Ends { src: word(src), dst: word(dst) });
        let now = self.table.fetch(tuple);
        let place = if self.frame.is_multiple_of(2) { now } else { self.found };
        self.found = now.or(self.found);
        let head = Head { tuple, place, at: segment.at, flags: segment.tcp.flags };
        self.table.packet(number, head, || segment, &mut { make }, &mut closed);
    }

    /// A millisecond later a router's error about a packet of `from` is captured; whether the table knew it.
    fn icmp(&mut self, from: Dir, reason: IcmpReason) -> bool {
        self.icmp_about(from, reason, if from == CLIENT { 1000 } else { 5000 })
    }

    /// The same about a segment of this number.
    fn icmp_about(&mut self, from: Dir, reason: IcmpReason, seq: u32) -> bool {
        self.time += MILLISECOND;
        self.frame += 1;
        let (client, server) = ((CLIENT_IP, 50_000), (SERVER_IP, 1433));
        let (src, dst) = if from == CLIENT { (client, server) } else { (server, client) };
        self.table.icmp(&Icmp {
            at: At { time: self.time, place: Place::new(0, self.frame) },
            from: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            reason,
            src: src.0,
            dst: dst.0,
            protocol: 6,
            src_port: src.1,
            dst_port: dst.1,
            seq,
        })
    }

    fn wait(&mut self, nanoseconds: i64) {
        self.time += nanoseconds;
    }

    /// Everything the table let go, and then what it still had.
    fn finish(mut self) -> Vec<Closed<Recorder>> {
        let closed = &mut self.closed;
        self.table.finish(&mut |connection| closed.push(connection));
        self.closed
    }

    /// The only connection.
    fn only(self) -> Closed<Recorder> {
        let mut all = self.finish();
        assert_eq!(all.len(), 1, "connections: {all:?}");
        all.remove(0)
    }

    /// What was told of the only connection after its handshake.
    fn told(self) -> Vec<String> {
        let told = self.only().handler.told;
        let opening = [">SYN 1", "<SYN-ACK 1", ">open"];
        assert_eq!(told.get(..3).unwrap_or_default(), opening);
        told[3..].to_vec()
    }
}
