//! Link headers: what comes before IP.

use super::Undecoded;
use super::hosts::{nflog, pktap};
use super::wireless::{radiotap, wireless};
use crate::capture::LinkType;
use crate::steps::step;

/// EtherType numbers (IANA, IEEE 802).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const VLAN: u16 = 0x8100;
const PROVIDER_BRIDGE: u16 = 0x88A8;
const OLD_QINQ: u16 = 0x9100;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const BACKBONE: u16 = 0x88E7;
const MACSEC: u16 = 0x88E5;
/// Tags and labels that are stepped over at most: real networks stack two or three.
const STACK: usize = 8;
/// The smallest EtherType: below are lengths (IEEE 802.3 3.2.6).
pub(super) const LEAST: u16 = 0x0600;
/// PPP protocol numbers (IANA).
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// What a link carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried<'a> {
    /// Bytes that begin with an IP header, to the end of the record.
    pub(super) ip: &'a [u8],
    /// What was stepped over has addresses or names besides those of the link's own header: that of a frame in the frame,
    /// of a radio's stations, of a program.
    pub(super) more: bool,
}

impl<'a> Carried<'a> {
    /// Behind a link's own header.
    pub(super) fn own(ip: &'a [u8]) -> Self {
        Self { ip, more: false }
    }

    fn with_more(self) -> Self {
        Self { more: true, ..self }
    }
}

/// What the link carries.
#[inline]
pub(super) fn strip(link: LinkType, bytes: &[u8]) -> Result<Carried<'_>, Undecoded> {
    match link {
        LinkType::PKTAP => {
            let (link, bytes) = pktap(bytes)?;
            strip_plain(link, bytes).map(Carried::with_more)
        }
        _ => strip_plain(link, bytes),
    }
}

#[inline]
fn strip_plain(link: LinkType, bytes: &[u8]) -> Result<Carried<'_>, Undecoded> {
    match link {
        LinkType::ETHERNET => frame(bytes),
        LinkType::LINUX_SLL => {
            let kind = be16(bytes, 14).ok_or(Undecoded::Truncated)?;
            ether(kind, bytes.get(16..).unwrap_or_default())
        }
        LinkType::LINUX_SLL2 => {
            let kind = be16(bytes, 0).ok_or(Undecoded::Truncated)?;
            ether(kind, bytes.get(20..).ok_or(Undecoded::Truncated)?)
        }
        LinkType::NULL | LinkType::LOOP => loopback(bytes).map(Carried::own),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            Ok(Carried::own(bytes))
        }
        LinkType::PPP | LinkType::PPP_HDLC => ppp(bytes).map(Carried::own),
        // Address, control, EtherType (LINKTYPE_C_HDLC; RFC 1547 4.3.1).
        LinkType::C_HDLC => {
            let kind = be16(bytes, 2).ok_or(Undecoded::Truncated)?;
            ether(kind, bytes.get(4..).unwrap_or_default())
        }
        LinkType::FRAME_RELAY => frame_relay(bytes),
        LinkType::NFLOG => nflog(bytes).map(Carried::own).map(Carried::with_more),
        LinkType::IEEE802_11 => wireless(bytes, false).map(Carried::with_more),
        LinkType::IEEE802_11_RADIOTAP => radiotap(bytes).map(Carried::with_more),
        _ => Err(Undecoded::LinkType),
    }
}

/// What an Ethernet frame carries (IEEE 802.3 3.1).
#[inline]
pub(super) fn frame(bytes: &[u8]) -> Result<Carried<'_>, Undecoded> {
    let kind = be16(bytes, 12).ok_or(Undecoded::Truncated)?;
    ether(kind, bytes.get(14..).unwrap_or_default())
}

/// What follows an EtherType, behind any tags (IEEE 802.1Q 9.6: control, then the next EtherType).
#[inline]
pub(super) fn ether(mut kind: u16, mut rest: &[u8]) -> Result<Carried<'_>, Undecoded> {
    let mut more = false;
    for _ in 0..STACK {
        step(1);
        match kind {
            IPV4 | IPV6 => return Ok(Carried { ip: rest, more }),
            VLAN | PROVIDER_BRIDGE | OLD_QINQ => {
                kind = be16(rest, 2).ok_or(Undecoded::Truncated)?;
                rest = rest.get(4..).unwrap_or_default();
            }
            // Version and type, code, session id, length (RFC 2516 4).
            PPPOE_SESSION => {
                let ip = ppp(rest.get(6..).ok_or(Undecoded::Truncated)?)?;
                return Ok(Carried { ip, more });
            }
            MPLS => match mpls(rest)? {
                Labelled::Ip(ip) => return Ok(Carried { ip, more }),
                Labelled::Frame(frame) => (kind, rest, more) = inner(frame)?,
            },
            // Flags and service identifier, then a frame (IEEE 802.1Q 9.7, the I-TAG of 802.1ah).
            BACKBONE => (kind, rest, more) = inner(rest.get(4..).ok_or(Undecoded::Truncated)?)?,
            MACSEC => {
                (kind, rest) = macsec(rest)?;
                more = true;
            }
            // IEEE 802.3: a length, then LLC; SNAP (AA AA 03, organisation 0) carries an EtherType.
            0..=1500 => match rest {
                [0xAA, 0xAA, 0x03, 0, 0, 0, high, low, inner @ ..] => {
                    kind = u16::from_be_bytes([*high, *low]);
                    rest = inner;
                }
                _ => return Err(Undecoded::OtherProtocol),
            },
            _ => return Err(Undecoded::OtherProtocol),
        }
    }
    Err(Undecoded::OtherProtocol)
}

/// EtherType and rest of a frame in a frame.
fn inner(frame: &[u8]) -> Result<(u16, &[u8], bool), Undecoded> {
    let kind = be16(frame, 12).ok_or(Undecoded::Truncated)?;
    Ok((kind, frame.get(14..).unwrap_or_default(), true))
}

/// What a stack of labels carries.
enum Labelled<'a> {
    Ip(&'a [u8]),
    Frame(&'a [u8]),
}

/// Labels to the bottom of the stack, then IP by its version nibble (RFC 3032), or an Ethernet frame (RFC 4448) behind a
/// control word, whose first nibble is 0 (RFC 4385 3), or without: nothing but the frame itself tells that it is one.
fn mpls(mut rest: &[u8]) -> Result<Labelled<'_>, Undecoded> {
    for _ in 0..STACK {
        step(1);
        let [_, _, third, _, inner @ ..] = rest else { return Err(Undecoded::Truncated) };
        rest = inner;
        if third & 1 != 0 {
            return match rest.first().map(|first| first >> 4) {
                Some(4 | 6) => Ok(Labelled::Ip(rest)),
                Some(0) => {
                    let behind = rest.get(4..).ok_or(Undecoded::Truncated)?;
                    let frame = if is_frame(behind)? { Some(behind) } else { plausible(rest)? };
                    frame.map(Labelled::Frame).ok_or(Undecoded::OtherProtocol)
                }
                _ => plausible(rest)?.map(Labelled::Frame).ok_or(Undecoded::OtherProtocol),
            };
        }
    }
    Err(Undecoded::OtherProtocol)
}

fn plausible(bytes: &[u8]) -> Result<Option<&[u8]>, Undecoded> {
    Ok(is_frame(bytes)?.then_some(bytes))
}

/// Whether bytes are an Ethernet frame that carries IP, by the EtherType behind any tags and the version behind that.
fn is_frame(bytes: &[u8]) -> Result<bool, Undecoded> {
    let mut at = 12;
    for _ in 0..STACK {
        step(1);
        let version = || bytes.get(at + 2).map(|first| first >> 4).ok_or(Undecoded::Truncated);
        match be16(bytes, at).ok_or(Undecoded::Truncated)? {
            IPV4 => return Ok(version()? == 4),
            IPV6 => return Ok(version()? == 6),
            VLAN | PROVIDER_BRIDGE | OLD_QINQ => at += 4,
            PPPOE_SESSION => return Ok(version()? == 1),
            0..=1500 => return Ok(bytes.get(at + 2..at + 5) == Some(&[0xAA, 0xAA, 0x03])),
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// EtherType and rest of what MACsec protects without encrypting it (IEEE 802.1AE 9.3: control, short length, packet number,
/// and the channel when a bit says so). The check value at the end stays, as padding of what the IP header counts.
fn macsec(bytes: &[u8]) -> Result<(u16, &[u8]), Undecoded> {
    const VERSION: u8 = 0x80;
    const CHANNEL: u8 = 0x20;
    /// Encrypted, and changed.
    const HIDDEN: u8 = 0x0C;
    let control = bytes.first().ok_or(Undecoded::Truncated)?;
    if control & (VERSION | HIDDEN) != 0 {
        return Err(Undecoded::OtherProtocol);
    }
    let length = if control & CHANNEL == 0 { 6 } else { 14 };
    let kind = be16(bytes, length).ok_or(Undecoded::Truncated)?;
    Ok((kind, bytes.get(length + 2..).unwrap_or_default()))
}

/// Frame Relay: an address of two bytes or more, the last of which has its lowest bit set (Q.922 3.3), then a control byte and
/// a protocol identifier (RFC 2427 3), or at once an EtherType (Cisco).
fn frame_relay(bytes: &[u8]) -> Result<Carried<'_>, Undecoded> {
    const UNNUMBERED: u8 = 0x03;
    let address = bytes.iter().take(4).position(|byte| byte & 1 != 0);
    let rest = match address {
        Some(last @ 1..) => bytes.get(last + 1..).unwrap_or_default(),
        None if bytes.len() < 4 => return Err(Undecoded::Truncated),
        _ => return Err(Undecoded::OtherProtocol),
    };
    match rest {
        [] | [_] => Err(Undecoded::Truncated),
        // IPv4 and IPv6 (ISO/IEC TR 9577).
        [UNNUMBERED, 0xCC | 0x8E, ip @ ..] => Ok(Carried::own(ip)),
        // SNAP of no organisation, behind a pad; that of IEEE 802.1 has frames (RFC 2427 4.2).
        [UNNUMBERED, 0x00, 0x80, 0, 0, 0, high, low, rest @ ..] => {
            ether(u16::from_be_bytes([*high, *low]), rest)
        }
        [UNNUMBERED, 0x00, 0x80, 0x00, 0x80, 0xC2, 0x00, 0x01 | 0x07, rest @ ..] => {
            frame(rest).map(Carried::with_more)
        }
        [UNNUMBERED, ..] => Err(Undecoded::OtherProtocol),
        [high, low, rest @ ..] => match u16::from_be_bytes([*high, *low]) {
            kind @ LEAST.. => ether(kind, rest),
            _ => Err(Undecoded::OtherProtocol),
        },
    }
}

/// PPP (RFC 1661 2, RFC 1662 3.1): with or without address and control, protocol in one byte or two.
fn ppp(bytes: &[u8]) -> Result<&[u8], Undecoded> {
    let rest = bytes.strip_prefix(&[0xFF, 0x03]).unwrap_or(bytes);
    match rest {
        [protocol, inner @ ..] if protocol & 1 != 0 => match u16::from(*protocol) {
            PPP_IPV4 | PPP_IPV6 => Ok(inner),
            _ => Err(Undecoded::OtherProtocol),
        },
        [high, low, inner @ ..] => match u16::from_be_bytes([*high, *low]) {
            PPP_IPV4 | PPP_IPV6 => Ok(inner),
            _ => Err(Undecoded::OtherProtocol),
        },
        _ => Err(Undecoded::Truncated),
    }
}

/// The address family in either byte order: 2 is IPv4 everywhere; IPv6 is 10 on Linux, 23 on Windows, 24 on NetBSD
/// and OpenBSD, 28 on FreeBSD, 30 on macOS (LINKTYPE_NULL and LINKTYPE_LOOP in the registry; Windows: winsock2.h).
fn loopback(bytes: &[u8]) -> Result<&[u8], Undecoded> {
    let Some((family, rest)) = bytes.split_first_chunk::<4>() else { return Err(Undecoded::Truncated) };
    let number = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
    match number {
        2 | 10 | 23 | 24 | 28 | 30 => Ok(rest),
        _ => Err(Undecoded::OtherProtocol),
    }
}

#[inline]
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two))
}
