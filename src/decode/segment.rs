//! What decoding gives.

use std::net::IpAddr;

use super::Tunnel;
use crate::capture::{Packet, Place};
use crate::steps::step;
use crate::unshown::Unshown;

/// Where and when a packet stood in the capture: the evidence every later fact points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At {
    /// Capture time, nanoseconds since the epoch.
    pub time: i64,
    /// File and frame.
    pub place: Place,
}

impl At {
    /// Where a packet record stands.
    #[must_use]
    #[inline]
    pub fn of(packet: &Packet<'_>) -> Self {
        Self { time: packet.time, place: Place::new(packet.file, packet.frame) }
    }
}

/// The outcome of decoding one packet record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// A UDP datagram.
    Udp(Udp<'a>),
    /// An ICMP or ICMPv6 error that quotes a TCP or UDP packet.
    Icmp(Icmp),
    /// Nothing for us; the reason is counted.
    Other(Undecoded),
}

/// Why a packet gave no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Undecoded {
    /// ARP, LLDP, another protocol: not IP, or IP but neither TCP, UDP nor an ICMP error.
    OtherProtocol,
    /// A link type this version does not read.
    LinkType,
    /// Cut or broken before the ports could be read.
    Truncated,
    /// A fragment other than the first (its ports are in the first).
    LaterFragment,
}

/// What the IP header says that later layers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpInfo {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Time to live (IPv4) or hop limit (IPv6).
    pub ttl: u8,
    /// Identification: IPv4 header, or the IPv6 fragment header. 0 is normal with "don't fragment".
    pub id: u32,
    /// The packet is the first fragment of several.
    pub fragment: Fragment,
    /// IPv4 total length or IPv6 payload length 0: an offloaded send, recorded before the network card cut it.
    pub zero_length: bool,
}

/// Fragmentation state of an IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fragment {
    /// Whole.
    No,
    /// The first fragment: it has the ports and the beginning of the payload.
    First,
}

/// One TCP segment.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Where it stood.
    pub at: At,
    /// Interface index inside its file.
    pub interface: u32,
    /// From the IP header.
    pub ip: IpInfo,
    /// From the TCP header.
    pub tcp: TcpHeader<'a>,
    /// Payload bytes that were recorded (without Ethernet padding).
    pub payload: &'a [u8],
    /// Payload length on the wire; more than `payload.len()` when the snap length cut it.
    pub payload_len: u32,
    /// What was odd about it.
    pub quality: Quality,
    /// The tunnel that it came through; its addresses are none of the connection's.
    pub tunnel: Option<Tunnel>,
}

impl std::fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment")
            .field("at", &self.at)
            .field("interface", &self.interface)
            .field("ip", &self.ip)
            .field("tcp", &self.tcp)
            .field("payload", &Unshown(self.payload))
            .field("payload_len", &self.payload_len)
            .field("quality", &self.quality)
            .field("tunnel", &self.tunnel)
            .finish()
    }
}

/// The TCP header, as much as was recorded (RFC 9293 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpHeader<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number; meaningful with [`TcpFlags::ACK`]. 0 when the header was cut before it.
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window as sent, unscaled; 0 with `quality.header_cut` when not recorded.
    pub window: u16,
    /// Checksum as sent; `None` when not recorded.
    pub checksum: Option<u16>,
    /// The options, raw, as far as recorded.
    pub options: &'a [u8],
}

/// TCP control bits (RFC 9293 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number is meaningful.
    pub const ACK: Self = Self(0x10);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What was odd about a recorded packet; none of it stops the analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// The snap length cut the TCP header itself (options or more are missing).
    pub header_cut: bool,
    /// The snap length cut the payload.
    pub payload_cut: bool,
    /// Whether the TCP checksum fits; only computed for SYN and RST segments that were recorded whole and whose length the
    /// IP header tells, `None` else.
    pub checksum_ok: Option<bool>,
}

/// One UDP datagram.
#[derive(Clone, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Where it stood.
    pub at: At,
    /// From the IP header.
    pub ip: IpInfo,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Payload bytes that were recorded.
    pub payload: &'a [u8],
}

impl std::fmt::Debug for Udp<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Udp")
            .field("at", &self.at)
            .field("ip", &self.ip)
            .field("src_port", &self.src_port)
            .field("dst_port", &self.dst_port)
            .field("payload", &Unshown(self.payload))
            .finish()
    }
}

/// An ICMP error, with the transport header it quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Where it stood.
    pub at: At,
    /// Who sent it: a router, a firewall or the host itself.
    pub from: IpAddr,
    /// What it says.
    pub reason: IcmpReason,
    /// Source address of the quoted packet.
    pub src: IpAddr,
    /// Destination address of the quoted packet.
    pub dst: IpAddr,
    /// IP protocol of the quoted packet: 6 TCP, 17 UDP.
    pub protocol: u8,
    /// Source port of the quoted packet.
    pub src_port: u16,
    /// Destination port of the quoted packet.
    pub dst_port: u16,
    /// Sequence number of the quoted TCP segment.
    pub seq: u32,
}

/// What an ICMP error says (RFC 792, RFC 1812 5.2.7.1, RFC 4443 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IcmpReason {
    /// Network, host or port unreachable, administratively prohibited and so on: type and code as sent.
    Unreachable {
        /// ICMPv4 code (type 3), or the ICMPv6 code (type 1) of the same meaning as sent.
        code: u8,
        /// Whether it came as ICMPv6.
        v6: bool,
    },
    /// A packet was too big for the next hop, with the MTU it names: what a black hole lacks.
    PacketTooBig {
        /// MTU of the next hop; 0 when an old router does not say.
        mtu: u32,
    },
    /// Time to live exceeded.
    TimeExceeded,
    /// Another type or code.
    Other {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
}

/// A TCP option of the kinds that are read (RFC 9293 3.2, RFC 7323).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpOption {
    /// Maximum segment size, in bytes.
    MaximumSegmentSize(u16),
    /// Shift of the window.
    WindowScale(u8),
    /// Timestamp value and echo.
    Timestamps(u32, u32),
    /// Another kind.
    Other(u8),
}

impl TcpHeader<'_> {
    /// Value and echo of the timestamps option (RFC 7323 3.2).
    #[must_use]
    #[inline]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        match self.options {
            [] => None,
            // As nearly every stack lays them out (RFC 7323 appendix A).
            [1, 1, 8, 10, v0, v1, v2, v3, e0, e1, e2, e3, ..] => {
                Some((u32::from_be_bytes([*v0, *v1, *v2, *v3]), u32::from_be_bytes([*e0, *e1, *e2, *e3])))
            }
            _ => self.options().find_map(|option| match option {
                TcpOption::Timestamps(value, echo) => Some((value, echo)),
                _ => None,
            }),
        }
    }

    /// The options, as far as they were recorded; a malformed length ends them.
    pub fn options(&self) -> impl Iterator<Item = TcpOption> + '_ {
        let mut rest = self.options;
        std::iter::from_fn(move || {
            loop {
                step(1);
                match *rest {
                    [] | [0, ..] => return None,
                    [1, ref later @ ..] => rest = later,
                    [kind, length, ..] => {
                        let body = rest.get(2..usize::from(length))?;
                        rest = rest.get(usize::from(length)..).filter(|_| length >= 2)?;
                        return Some(match (kind, body) {
                            (2, [high, low]) => {
                                TcpOption::MaximumSegmentSize(u16::from_be_bytes([*high, *low]))
                            }
                            (3, [shift]) => TcpOption::WindowScale((*shift).min(14)),
                            (8, [v0, v1, v2, v3, e0, e1, e2, e3]) => TcpOption::Timestamps(
                                u32::from_be_bytes([*v0, *v1, *v2, *v3]),
                                u32::from_be_bytes([*e0, *e1, *e2, *e3]),
                            ),
                            _ => TcpOption::Other(kind),
                        });
                    }
                    [_] => return None,
                }
            }
        })
    }
}
