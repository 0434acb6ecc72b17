//! What a connection tells its handler.

use std::net::{IpAddr, SocketAddr};

use crate::capture::DropReason;
use crate::decode::{At, IcmpReason, Tunnel};

/// One of the two directions of a connection, named by the end that sends. Neutral: `A` is the smaller
/// endpoint of the [`Key`]. Who is the client is another question ([`Signal::Syn`] answers it when it was seen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dir {
    /// Sent by the smaller endpoint.
    A,
    /// Sent by the larger endpoint.
    B,
}

impl Dir {
    /// The other direction.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// 0 for `A`, 1 for `B`.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The two endpoints of a connection, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The smaller endpoint.
    pub a: SocketAddr,
    /// The larger endpoint.
    pub b: SocketAddr,
}

/// One thing that happened on a connection.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The packet that shows it. For data that had to wait for an earlier segment: the packet that filled the hole.
    pub at: At,
    /// Who sent that packet (for [`Signal::Icmp`]: who sent the packet it quotes).
    pub dir: Dir,
    /// What happened.
    pub signal: Signal<'a>,
}

/// What can happen on a connection.
#[derive(Debug, Clone)]
pub enum Signal<'a> {
    /// A SYN without ACK. The first tells the client; more with the same ISN are its retries.
    Syn {
        /// 1 for the first, 2 for its first retry, and so on.
        attempt: u32,
    },
    /// A SYN-ACK that answers the client's SYN.
    SynAck {
        /// 1 for the first.
        attempt: u32,
    },
    /// The ACK that completes the three-way handshake.
    HandshakeDone,
    /// New bytes of the stream, in order, each byte once.
    Data {
        /// Offset of the first byte in its direction, 0 = first byte after the SYN (or first byte seen).
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Bytes of the stream that will not come. Never joined silently.
    Gap {
        /// Offset of the first missing byte.
        offset: u64,
        /// How many are missing.
        len: u64,
        /// Why.
        reason: GapReason,
    },
    /// A segment that the sender sent before, sent again (not a duplicate made by the capture).
    Retransmit {
        /// Offset of its first byte; `None` for a FIN alone.
        offset: Option<u64>,
        /// Payload length in bytes.
        len: u32,
        /// How often this segment has now been sent again without an answer in between (1 = first repeat).
        times: u32,
    },
    /// Bytes that overlap earlier ones with other content (the first were kept), or a packet whose number shows that its host knows
    /// nothing of bytes that were told.
    OverlapConflict {
        /// Offset of the first byte that differs, or is not known.
        offset: u64,
    },
    /// A segment that its receiver cannot have taken: it lies beyond the window, or acknowledges what cannot have been sent.
    /// Nothing in it counts.
    Stray,
    /// A keep-alive probe (RFC 9293 3.8.4), `times` in a row without an answer, this one included.
    KeepAlive {
        /// How many in a row.
        times: u32,
    },
    /// The other side answered a keep-alive probe (or any probe run ended by traffic from it).
    KeepAliveAnswered,
    /// The sender closed its receive window.
    ZeroWindow,
    /// An ACK in answer to a segment that the receiver found unacceptable (RFC 5961 3.2, 4.2): it acknowledges
    /// an older state than the SYN or RST it answers.
    ChallengeAck,
    /// The sender's FIN, once all data before it was delivered (or lost in a [`Signal::Gap`]).
    Fin,
    /// A RST.
    Reset(ResetShape),
    /// A packet, not a RST, of a side in whose name a RST came before.
    WentOn {
        /// It has neither payload nor FIN.
        bare: bool,
    },
    /// The host that was traced dropped a packet of the sender.
    Dropped(DropReason),
    /// An ICMP error that quotes a packet of this connection.
    Icmp {
        /// Who sent it.
        from: IpAddr,
        /// What it says.
        reason: IcmpReason,
    },
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// The other side acknowledged them, so they were sent and received: the capture lost them.
    NotCaptured,
    /// The snap length cut them.
    SnapLength,
    /// The reassembly buffer of this stream was full.
    BufferFull,
    /// Never seen and never acknowledged before the connection ended or went on without them.
    Lost,
}

/// What a RST looks like next to the host it claims to be from, and next to what its receiver expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetShape {
    /// It has ACK too.
    pub ack: bool,
    /// Its TTL or hop limit.
    pub ttl: u8,
    /// TTLs of the other packets of the same end of this connection (before or after it): smallest and largest;
    /// `None` when that end sent nothing else. Packets recorded twice on different hops count both.
    pub host_ttl: Option<(u8, u8)>,
    /// Its IP identification (IPv4 header, or the IPv6 fragment header).
    pub ip_id: u32,
    /// Those of the same end's packets before it.
    pub host_ids: Option<IpIds>,
    /// Its sequence number minus what the receiver expected next (RCV.NXT as far as the capture shows);
    /// 0 = exactly acceptable (RFC 5961 3.2); `None` when nothing of that direction was seen.
    pub seq_offset: Option<i64>,
    /// The receiver's window in bytes, scaled when the scale is known, to judge `seq_offset`.
    pub receiver_window: u32,
    /// It answers a SYN that was never accepted (ACK = ISN + 1).
    pub refuses_syn: bool,
    /// Its acknowledgment number lies above anything its receiver has sent, or below what was acknowledged before.
    pub ack_implausible: bool,
    /// Both FINs were seen before it.
    pub after_both_fins: bool,
    /// A FIN of its own sender was seen before it.
    pub after_own_fin: bool,
    /// A FIN of the receiver was seen before it.
    pub after_peer_fin: bool,
    /// It answers data that arrived after its sender had closed or reset (the kernel's answer to late data).
    pub answers_late_data: bool,
    /// A RST in either direction was seen before it.
    pub repeated: bool,
    /// Its number lies so far from all that was seen that its receiver cannot have taken it.
    pub out_of_window: bool,
    /// Nanoseconds since the connection's last packet before it, of either side.
    pub silence: i64,
}

/// How much a handler still wants to hear of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// Nothing: not ours. The connection drops to a tombstone that only knows when its tuple is used anew.
    Nothing,
    /// Signals, no payload: buffers are dropped, [`Signal::Data`] and [`Signal::Gap`] no more sent.
    Signals,
    /// Everything.
    Payload,
}

/// The receiver of one connection's events.
pub trait Handler {
    /// Takes an event; says how much it wants from now on. Interest never rises again.
    fn on_event(&mut self, event: &Event<'_>) -> Interest;

    /// Whether bytes that were told are to be compared with what comes again in their place. That takes memory: a handler says
    /// no as long as it does not know that the connection matters.
    fn compares(&self) -> bool {
        true
    }

    /// Whether it has anything to say when the connection is over. Most of any capture is of no interest, and not worth
    /// summing up.
    fn is_told(&self) -> bool {
        true
    }

    /// Bytes that the handler holds in buffers: they count against [`Limits::total_bytes`].
    fn held_bytes(&self) -> usize {
        0
    }

    /// Bytes of memory that the handler has allocated for what it knows, about: they count against
    /// [`Limits::state_bytes`].
    fn state_bytes(&self) -> usize {
        0
    }
}

/// The connection that used the same four-tuple before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// Its last packet.
    pub last: At,
    /// It had ended by both FINs or a RST before the new SYN came.
    pub ended: bool,
    /// It was a tombstone (not ours), so nothing else is known of it.
    pub foreign: bool,
}

/// How the identification numbers (RFC 791 3.1) of one direction's packets run. Linux counts them for each
/// connection, Windows for the whole host; both leave small steps between the packets of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IpIds {
    /// Of its last packet.
    pub last: u16,
    /// Steps between its packets that were counted.
    pub steps: u32,
    /// The largest step, forwards modulo 2^16.
    pub largest_step: u16,
}

impl IpIds {
    /// Notes the next packet. 0 is what Linux sends for packets without a socket, and shows nothing.
    pub(super) fn note(ids: &mut Option<Self>, id: u16) {
        match ids {
            _ if id == 0 => {}
            None => *ids = Some(Self { last: id, ..Self::default() }),
            Some(ids) => {
                ids.steps = ids.steps.saturating_add(1);
                ids.largest_step = ids.largest_step.max(id.wrapping_sub(ids.last));
                ids.last = id;
            }
        }
    }
}

/// What one direction sent, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HalfSummary {
    /// Packets, without those that the capture recorded twice.
    pub packets: u64,
    /// Packets recorded more than once (another interface, layer or file).
    pub duplicates: u64,
    /// Payload bytes, each counted once.
    pub bytes: u64,
    /// Segments sent again.
    pub retransmissions: u64,
    /// Largest number of times that one segment was sent again without progress.
    pub max_repeats: u32,
    /// Segment sizes: the largest payload seen (wire length).
    pub largest_segment: u32,
    /// Largest payload that the other side acknowledged.
    pub largest_acknowledged: u32,
    /// Keep-alive probes sent.
    pub keep_alives: u64,
    /// Times the window was closed.
    pub zero_windows: u64,
    /// Smallest and largest TTL of its packets, RST excluded, and those few whose TTL is so different that another machine
    /// sent them.
    pub ttl: Option<(u8, u8)>,
    /// The first packet with payload among those few.
    pub foreign_data: Option<At>,
    /// How the identification numbers of its packets run, RST excluded; `None` for IPv6.
    pub ip_ids: Option<IpIds>,
    /// Bytes sent that the other side had not acknowledged when the capture of this connection ended.
    pub unacknowledged: u64,
    /// Bytes missing in gaps.
    pub missing: u64,
    /// Maximum segment size of its SYN.
    pub mss: Option<u16>,
    /// Whether the checksum of its first SYN fits; `None` when that was not recorded whole.
    pub syn_checksum_ok: Option<bool>,
    /// Its first packet.
    pub first: Option<At>,
    /// Its FIN acknowledges that of the other side, which therefore closed first, in whatever order the two were
    /// recorded, and also when the other FIN was not.
    pub answers_fin: bool,
    /// Its last packet.
    pub last: Option<At>,
    /// Its last packet with payload.
    pub last_data: Option<At>,
    /// Payload length of that packet, in bytes on the wire.
    pub last_data_len: u32,
    /// First bytes of that payload; zero where it is shorter. Known even when no payload is wanted.
    pub last_data_head: [u8; 5],
}

/// A silence of a connection, in nanoseconds, that makes it idle: 30 s is the time after which SQL Server and its
/// clients send keep-alive probes (Microsoft: "KeepAlive" of the TCP/IP protocol properties), and less than any
/// idle timeout of a device in the path.
pub const IDLE: i64 = 30_000_000_000;

/// A connection went on after a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woke {
    /// Nanoseconds without a packet.
    pub silence: i64,
    /// The first packet after it.
    pub at: At,
    /// Who sent that.
    pub dir: Dir,
}

/// A connection's first packet that came through a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnelled {
    /// Where it stands.
    pub at: At,
    /// Which of the connection's ends sent it.
    pub dir: Dir,
    /// The tunnel.
    pub tunnel: Tunnel,
}

/// A connection that the table lets go: at the end of the capture, when its tuple is used anew, some time after
/// it ended, or to make room.
#[derive(Debug)]
pub struct Closed<H> {
    /// Number of the connection in the order of first packets, from 0.
    pub number: u64,
    /// Its endpoints.
    pub key: Key,
    /// Who sent the SYN (or received the SYN-ACK), when seen.
    pub initiator: Option<Dir>,
    /// First packet.
    pub first: At,
    /// Last packet.
    pub last: At,
    /// What each direction sent, by [`Dir::index`].
    pub halves: [HalfSummary; 2],
    /// The connection before it on the same tuple.
    pub previous: Option<Previous>,
    /// The last time that it went on after a silence of [`IDLE`] or more.
    pub woke: Option<Woke>,
    /// Its first packet that came through a tunnel.
    pub tunnelled: Option<Box<Tunnelled>>,
    /// It was evicted to make room, not closed or ended with the capture.
    pub evicted: bool,
    /// The handler, with what it learnt.
    pub handler: H,
}

/// Bounds of the table. Each is a documented default; a bound that bites is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tuples known at once: connections, and tombstones (these are let go first, at about 60 bytes each).
    pub connections: usize,
    /// Bytes of memory that connections take at once, without the payload they hold: about 2 KiB each, and 3 KiB more
    /// for one that speaks TDS. Those go that were silent longest.
    pub state_bytes: usize,
    /// Bytes of out-of-order data held for one direction.
    pub out_of_order_bytes: usize,
    /// Out-of-order segments held for one direction.
    pub out_of_order_segments: usize,
    /// Bytes of out-of-order data held over all connections.
    pub total_bytes: usize,
    /// Capture time, in nanoseconds, that late packets of a connection that is over are known for such: a TIME_WAIT of Linux.
    pub linger: i64,
    /// Capture time, in nanoseconds, that an ended connection is kept for late packets: five retransmissions fit into it
    /// (RFC 6298 5).
    pub linger_ended: i64,
    /// Capture time, in nanoseconds, that a connection that both sides closed is kept for what was recorded twice.
    pub linger_closed: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 17,
            state_bytes: 32 << 20,
            out_of_order_bytes: 256 << 10,
            out_of_order_segments: 512,
            total_bytes: 16 << 20,
            linger: 60_000_000_000,
            linger_ended: 10_000_000_000,
            linger_closed: 250_000_000,
        }
    }
}

/// What the table counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableCounts {
    /// Connections opened, of any kind.
    pub connections: u64,
    /// Connections evicted to make room.
    pub evicted: u64,
    /// Packets recorded more than once.
    pub duplicates: u64,
    /// Times a reassembly bound bit.
    pub reassembly_limit: u64,
}

impl TableCounts {
    /// Takes in what another table counted.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.evicted += other.evicted;
        self.duplicates += other.duplicates;
        self.reassembly_limit += other.reassembly_limit;
    }
}
