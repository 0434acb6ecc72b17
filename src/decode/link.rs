//! Link headers: what comes before IP.

use super::Undecoded;
use crate::capture::LinkType;

/// EtherType numbers (IANA, IEEE 802).
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const VLAN: u16 = 0x8100;
const PROVIDER_BRIDGE: u16 = 0x88A8;
const OLD_QINQ: u16 = 0x9100;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
/// Tags and labels that are stepped over at most: real networks stack two or three.
const STACK: usize = 8;
/// PPP protocol numbers (IANA).
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// What the link carries: bytes that begin with an IP header.
pub(super) fn strip(link: LinkType, bytes: &[u8]) -> Result<&[u8], Undecoded> {
    match link {
        LinkType::ETHERNET => {
            let kind = be16(bytes, 12).ok_or(Undecoded::Truncated)?;
            ether(kind, bytes.get(14..).unwrap_or_default())
        }
        LinkType::LINUX_SLL => {
            let kind = be16(bytes, 14).ok_or(Undecoded::Truncated)?;
            ether(kind, bytes.get(16..).unwrap_or_default())
        }
        LinkType::LINUX_SLL2 => {
            let kind = be16(bytes, 0).ok_or(Undecoded::Truncated)?;
            ether(kind, bytes.get(20..).ok_or(Undecoded::Truncated)?)
        }
        LinkType::NULL | LinkType::LOOP => loopback(bytes),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            Ok(bytes)
        }
        LinkType::PPP | LinkType::PPP_HDLC => ppp(bytes),
        _ => Err(Undecoded::LinkType),
    }
}

/// What follows an EtherType, behind any tags (IEEE 802.1Q 9.6: control, then the next EtherType).
fn ether(mut kind: u16, mut rest: &[u8]) -> Result<&[u8], Undecoded> {
    for _ in 0..STACK {
        match kind {
            IPV4 | IPV6 => return Ok(rest),
            VLAN | PROVIDER_BRIDGE | OLD_QINQ => {
                kind = be16(rest, 2).ok_or(Undecoded::Truncated)?;
                rest = rest.get(4..).unwrap_or_default();
            }
            // Version and type, code, session id, length (RFC 2516 4).
            PPPOE_SESSION => return ppp(rest.get(6..).ok_or(Undecoded::Truncated)?),
            MPLS => return mpls(rest),
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

/// Labels to the bottom of the stack, then IP by its version nibble (RFC 3032).
fn mpls(mut rest: &[u8]) -> Result<&[u8], Undecoded> {
    for _ in 0..STACK {
        let [_, _, third, _, inner @ ..] = rest else { return Err(Undecoded::Truncated) };
        rest = inner;
        if third & 1 != 0 {
            return match rest.first().map(|first| first >> 4) {
                Some(4 | 6) => Ok(rest),
                _ => Err(Undecoded::OtherProtocol),
            };
        }
    }
    Err(Undecoded::OtherProtocol)
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
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two))
}
