//! Packets in packets: what an IP datagram carries when it is one of a tunnel.
//!
//! A tunnel hides nothing: the inner connection is the one that is meant. A mirror port that sends its packets over the
//! network (ERSPAN), an overlay of virtual machines or containers (VXLAN, GENEVE), and routers (GRE, IP in IP) do so.

use std::net::IpAddr;

use super::Undecoded;
use super::ip::Datagram;
use super::link::{self, Carried, be16};
use crate::steps::step;

/// The tunnel that a packet came through; of several in each other the innermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// How it wraps packets.
    pub kind: TunnelKind,
    /// Who wrapped this packet.
    pub src: IpAddr,
    /// Who is to unwrap it.
    pub dst: IpAddr,
    /// Which of the networks between the two it belongs to: a VNI, a key, a session. `None` where there is no such number.
    pub network: Option<u32>,
}

/// How a tunnel wraps packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TunnelKind {
    /// IPv4 or IPv6 in IP (RFC 2003, RFC 2473, RFC 4213).
    Ip,
    /// Generic Routing Encapsulation (RFC 2784, RFC 2890), NVGRE (RFC 7637) among it.
    Gre,
    /// A mirrored frame in GRE, of any type (draft-foschiano-erspan).
    Erspan,
    /// Ethernet over IP of MikroTik's routers.
    Eoip,
    /// VXLAN (RFC 7348) and its generic extension (draft-ietf-nvo3-vxlan-gpe).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// User data of mobile networks, GTP-U (3GPP TS 29.281).
    Gtp,
}

impl TunnelKind {
    /// Its usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "IP in IP",
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::Eoip => "EoIP",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "GENEVE",
            Self::Gtp => "GTP-U",
        }
    }
}

/// Protocol numbers (IANA).
const UDP: u8 = 17;
const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
/// UDP ports (IANA; 8472 is what Linux used before VXLAN had one).
const VXLAN: u16 = 4789;
const OLD_VXLAN: u16 = 8472;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP: u16 = 2152;
/// EtherTypes of what GRE carries besides packets (IANA; draft-foschiano-erspan 4; MikroTik).
const BRIDGED: u16 = 0x6558;
const ERSPAN: u16 = 0x88BE;
const ERSPAN_III: u16 = 0x22EB;
const EOIP: u16 = 0x6400;

/// A packet in a packet.
pub(super) struct Inner<'a> {
    pub(super) carried: Carried<'a>,
    pub(super) tunnel: Tunnel,
}

/// What the header of a tunnel says.
struct Opened<'a> {
    kind: TunnelKind,
    network: Option<u32>,
    holds: Holds<'a>,
}

enum Holds<'a> {
    Ip(&'a [u8]),
    Frame(&'a [u8]),
    /// An EtherType and what follows it.
    Typed(u16, &'a [u8]),
}

/// Whether a datagram may be one of a tunnel; by its protocol and port alone.
#[inline]
pub(super) fn may_be(datagram: &Datagram<'_>) -> bool {
    match datagram.protocol {
        IPV4_IN_IP | IPV6_IN_IP | GRE => true,
        UDP => matches!(be16(datagram.payload, 2), Some(VXLAN | OLD_VXLAN | VXLAN_GPE | GENEVE | GTP)),
        _ => false,
    }
}

/// The packet in a datagram; `None` when it is no tunnel's.
///
/// # Errors
/// When it is, and what is in it is no packet, or was not recorded.
pub(super) fn inner<'a>(datagram: &Datagram<'a>) -> Result<Option<Inner<'a>>, Undecoded> {
    let Some(Opened { kind, network, holds }) = open(datagram)? else { return Ok(None) };
    let carried = match holds {
        Holds::Ip(ip) => Carried::own(ip),
        Holds::Frame(frame) => link::frame(frame)?,
        Holds::Typed(BRIDGED, frame) => link::frame(frame)?,
        Holds::Typed(kind @ link::LEAST.., rest) => link::ether(kind, rest)?,
        Holds::Typed(..) => return Err(Undecoded::OtherProtocol),
    };
    let tunnel = Tunnel { kind, src: datagram.ip.src, dst: datagram.ip.dst, network };
    Ok(Some(Inner { carried, tunnel }))
}

fn open<'a>(datagram: &Datagram<'a>) -> Result<Option<Opened<'a>>, Undecoded> {
    let bytes = datagram.payload;
    match datagram.protocol {
        protocol @ (IPV4_IN_IP | IPV6_IN_IP) => {
            let version = bytes.first().ok_or(Undecoded::Truncated)? >> 4;
            if version != if protocol == IPV4_IN_IP { 4 } else { 6 } {
                return Err(Undecoded::OtherProtocol);
            }
            Ok(Some(Opened { kind: TunnelKind::Ip, network: None, holds: Holds::Ip(bytes) }))
        }
        GRE => gre(bytes).map(Some),
        UDP => {
            let Some(([_, _, d0, d1, l0, l1, _, _], payload)) = bytes.split_first_chunk::<8>() else {
                return Err(Undecoded::Truncated);
            };
            // 0 in an offloaded send, as in IP.
            let length = usize::from(u16::from_be_bytes([*l0, *l1]));
            let told = if length == 0 { datagram.wire_len } else { length }.saturating_sub(8);
            let payload = payload.get(..told).unwrap_or(payload);
            // Too short to be what its port says, on the wire too.
            let is_short = payload.len() < 8 && payload.len() >= told;
            match u16::from_be_bytes([*d0, *d1]) {
                _ if is_short => Ok(None),
                VXLAN | OLD_VXLAN => vxlan(payload),
                VXLAN_GPE => vxlan_gpe(payload),
                GENEVE => geneve(payload),
                GTP => gtp(payload),
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// Flags and version, EtherType, then checksum, key and sequence number as the flags say (RFC 2784 2, RFC 2890 2).
fn gre(bytes: &[u8]) -> Result<Opened<'_>, Undecoded> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const VERSION: u16 = 0x0007;
    let flags = be16(bytes, 0).ok_or(Undecoded::Truncated)?;
    let kind = be16(bytes, 2).ok_or(Undecoded::Truncated)?;
    if (flags, kind) == (KEY | 1, EOIP) {
        return eoip(bytes);
    }
    if flags & (ROUTING | VERSION) != 0 {
        return Err(Undecoded::OtherProtocol);
    }
    let mut at = if flags & CHECKSUM == 0 { 4 } else { 8 };
    let mut network = None;
    if flags & KEY != 0 {
        network = Some(be32(bytes, at).ok_or(Undecoded::Truncated)?);
        at += 4;
    }
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    let rest = bytes.get(at..).ok_or(Undecoded::Truncated)?;
    match kind {
        ERSPAN if flags & SEQUENCE == 0 => {
            Ok(Opened { kind: TunnelKind::Erspan, network: None, holds: Holds::Frame(rest) })
        }
        ERSPAN | ERSPAN_III => erspan(rest),
        kind => Ok(Opened { kind: TunnelKind::Gre, network, holds: Holds::Typed(kind, rest) }),
    }
}

/// Version and VLAN, session, then of type II an index, of type III time, group and flags, and eight bytes more when the last
/// one says so (draft-foschiano-erspan 4.2, 4.3).
fn erspan(bytes: &[u8]) -> Result<Opened<'_>, Undecoded> {
    const FRAME: u16 = 0;
    const PACKET: u16 = 2;
    let version = bytes.first().ok_or(Undecoded::Truncated)? >> 4;
    let network = Some(u32::from(be16(bytes, 2).ok_or(Undecoded::Truncated)? & 0x03FF));
    let cut = |at: usize| bytes.get(at..).ok_or(Undecoded::Truncated);
    let holds = match version {
        1 => Holds::Frame(cut(8)?),
        2 => {
            let flags = be16(bytes, 10).ok_or(Undecoded::Truncated)?;
            let rest = cut(if flags & 1 == 0 { 12 } else { 20 })?;
            match flags >> 10 & 0x1F {
                FRAME => Holds::Frame(rest),
                PACKET => Holds::Ip(rest),
                _ => return Err(Undecoded::OtherProtocol),
            }
        }
        _ => return Err(Undecoded::OtherProtocol),
    };
    Ok(Opened { kind: TunnelKind::Erspan, network, holds })
}

/// A length and the tunnel's number, little-endian, in the place of GRE's key (MikroTik).
fn eoip(bytes: &[u8]) -> Result<Opened<'_>, Undecoded> {
    let Some(([_, _, _, _, l0, l1, low, high], rest)) = bytes.split_first_chunk::<8>() else {
        return Err(Undecoded::Truncated);
    };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    let network = Some(u32::from(u16::from_le_bytes([*low, *high])));
    let frame = rest.get(..length).unwrap_or(rest);
    Ok(Opened { kind: TunnelKind::Eoip, network, holds: Holds::Frame(frame) })
}

/// Flags (of which one says that there is a network identifier), three bytes, the identifier and one byte more (RFC 7348 5).
fn vxlan(bytes: &[u8]) -> Result<Option<Opened<'_>>, Undecoded> {
    const HAS_NETWORK: u8 = 0x08;
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Err(Undecoded::Truncated) };
    let [flags, _, _, _, v0, v1, v2, _] = *head;
    if flags & HAS_NETWORK == 0 {
        return Ok(None);
    }
    let network = Some(u32::from_be_bytes([0, v0, v1, v2]));
    Ok(Some(Opened { kind: TunnelKind::Vxlan, network, holds: Holds::Frame(rest) }))
}

/// The same, and of what follows the kind (draft-ietf-nvo3-vxlan-gpe 3.1).
fn vxlan_gpe(bytes: &[u8]) -> Result<Option<Opened<'_>>, Undecoded> {
    const VERSION: u8 = 0x30;
    const HAS_NETWORK: u8 = 0x08;
    const TYPED: u8 = 0x04;
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Err(Undecoded::Truncated) };
    let [flags, _, _, next, v0, v1, v2, _] = *head;
    let holds = match (flags & TYPED != 0, next) {
        _ if flags & VERSION != 0 || flags & HAS_NETWORK == 0 => return Ok(None),
        (false, _) => return vxlan(bytes),
        (true, 1 | 2) => Holds::Ip(rest),
        (true, 3) => Holds::Frame(rest),
        (true, _) => return Err(Undecoded::OtherProtocol),
    };
    let network = Some(u32::from_be_bytes([0, v0, v1, v2]));
    Ok(Some(Opened { kind: TunnelKind::Vxlan, network, holds }))
}

/// Version and length of the options in words of four bytes, flags, EtherType, network identifier and one byte more, options
/// (RFC 8926 3.4).
fn geneve(bytes: &[u8]) -> Result<Option<Opened<'_>>, Undecoded> {
    const CONTROL: u8 = 0x80;
    let Some((head, _)) = bytes.split_first_chunk::<8>() else { return Err(Undecoded::Truncated) };
    let [first, flags, k0, k1, v0, v1, v2, _] = *head;
    if first >> 6 != 0 {
        return Ok(None);
    }
    if flags & CONTROL != 0 {
        return Err(Undecoded::OtherProtocol);
    }
    let options = usize::from(first & 0x3F) * 4;
    let rest = bytes.get(head.len() + options..).ok_or(Undecoded::Truncated)?;
    let network = Some(u32::from_be_bytes([0, v0, v1, v2]));
    let holds = Holds::Typed(u16::from_be_bytes([k0, k1]), rest);
    Ok(Some(Opened { kind: TunnelKind::Geneve, network, holds }))
}

/// Version and flags, kind of message, length, tunnel endpoint; four bytes when a flag is set, the last of which is the kind of
/// the first extension header (3GPP TS 29.281 5.1, 5.2).
fn gtp(bytes: &[u8]) -> Result<Option<Opened<'_>>, Undecoded> {
    /// Version 1, GTP and not GTP'.
    const VERSION: u8 = 0x30;
    const USER_DATA: u8 = 0xFF;
    const OPTIONAL: u8 = 0x07;
    const EXTENDED: u8 = 0x04;
    /// Extension headers stepped over at most.
    const EXTENSIONS: usize = 8;
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Err(Undecoded::Truncated) };
    let [flags, kind, l0, l1, t0, t1, t2, t3] = *head;
    if flags & 0xF0 != VERSION || kind != USER_DATA {
        return Ok(None);
    }
    let mut rest = rest.get(..usize::from(u16::from_be_bytes([l0, l1]))).unwrap_or(rest);
    if flags & OPTIONAL != 0 {
        let Some(([_, _, _, next], behind)) = rest.split_first_chunk::<4>() else {
            return Err(Undecoded::Truncated);
        };
        rest = behind;
        let mut next = if flags & EXTENDED == 0 { 0 } else { *next };
        for _ in 0..EXTENSIONS {
            step(1);
            if next == 0 {
                break;
            }
            let words = usize::from(*rest.first().ok_or(Undecoded::Truncated)?);
            if words == 0 {
                return Err(Undecoded::OtherProtocol);
            }
            next = *rest.get(words * 4 - 1).ok_or(Undecoded::Truncated)?;
            rest = rest.get(words * 4..).unwrap_or_default();
        }
        if next != 0 {
            return Err(Undecoded::OtherProtocol);
        }
    }
    let network = Some(u32::from_be_bytes([t0, t1, t2, t3]));
    Ok(Some(Opened { kind: TunnelKind::Gtp, network, holds: Holds::Ip(rest) }))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|four| u32::from_be_bytes(*four))
}
