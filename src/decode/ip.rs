//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::{Fragment, IpInfo, Undecoded};
use crate::steps::step;

/// What IP carries.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) ip: IpInfo,
    /// Protocol of the payload, behind any extension headers.
    pub(super) protocol: u8,
    /// Payload bytes that were recorded, without link padding.
    pub(super) payload: &'a [u8],
    /// Payload length on the wire.
    pub(super) wire_len: usize,
}

/// Protocol numbers of IPv6 extension headers (IANA; RFC 8200 4.1).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
/// Extension headers stepped over at most.
const EXTENSIONS: usize = 8;

/// Reads the IP header that `bytes` begins with; `snapped` is how many bytes of the packet were not recorded.
#[inline(always)]
pub(super) fn read(bytes: &[u8], snapped: usize) -> Result<Datagram<'_>, Undecoded> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => read_v4(bytes, snapped),
        Some(6) => read_v6(bytes, snapped),
        Some(_) => Err(Undecoded::OtherProtocol),
        None => Err(Undecoded::Truncated),
    }
}

#[inline(always)]
fn read_v4(bytes: &[u8], snapped: usize) -> Result<Datagram<'_>, Undecoded> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| Undecoded::Truncated)?;
    if header.fragments_offset().value() != 0 {
        return Err(Undecoded::LaterFragment);
    }
    let header_len = header.slice().len();
    let total = usize::from(header.total_len());
    let recorded = bytes.get(header_len..).unwrap_or_default();
    // 0 in an offloaded send: the network card fills it in. What the record counts is all there is.
    let wire_len = if total == 0 { recorded.len() + snapped } else { total.saturating_sub(header_len) };
    let ip = IpInfo {
        src: IpAddr::V4(Ipv4Addr::from(header.source())),
        dst: IpAddr::V4(Ipv4Addr::from(header.destination())),
        ttl: header.ttl(),
        id: u32::from(header.identification()),
        fragment: if header.more_fragments() { Fragment::First } else { Fragment::No },
        zero_length: total == 0,
    };
    let payload = recorded.get(..wire_len.min(recorded.len())).unwrap_or_default();
    skip_extensions(Datagram { ip, protocol: header.protocol().0, payload, wire_len })
}

fn read_v6(bytes: &[u8], snapped: usize) -> Result<Datagram<'_>, Undecoded> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| Undecoded::Truncated)?;
    let recorded = bytes.get(header.slice().len()..).unwrap_or_default();
    // 0 in a jumbogram (RFC 2675) and in an offloaded send.
    let announced = usize::from(header.payload_length());
    let wire_len = if announced == 0 { recorded.len() + snapped } else { announced };
    let ip = IpInfo {
        src: IpAddr::V6(Ipv6Addr::from(header.source())),
        dst: IpAddr::V6(Ipv6Addr::from(header.destination())),
        ttl: header.hop_limit(),
        id: 0,
        fragment: Fragment::No,
        zero_length: announced == 0,
    };
    let payload = recorded.get(..wire_len.min(recorded.len())).unwrap_or_default();
    skip_extensions(Datagram { ip, protocol: header.next_header().0, payload, wire_len })
}

/// Steps over extension headers (IPv6) and the authentication header (both).
#[inline(always)]
fn skip_extensions(mut datagram: Datagram<'_>) -> Result<Datagram<'_>, Undecoded> {
    for _ in 0..EXTENSIONS {
        step(1);
        let length = match datagram.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY if datagram.ip.src.is_ipv6() => {
                let [_, units, ..] = datagram.payload else { return Err(Undecoded::Truncated) };
                usize::from(*units) * 8 + 8
            }
            AUTHENTICATION => {
                let [_, units, ..] = datagram.payload else { return Err(Undecoded::Truncated) };
                usize::from(*units) * 4 + 8
            }
            FRAGMENT if datagram.ip.src.is_ipv6() => {
                let Some([_, _, offset_high, offset_low, id @ ..]) = datagram.payload.first_chunk::<8>()
                else {
                    return Err(Undecoded::Truncated);
                };
                let offset = u16::from_be_bytes([*offset_high, *offset_low]);
                if offset >> 3 != 0 {
                    return Err(Undecoded::LaterFragment);
                }
                datagram.ip.id = u32::from_be_bytes(*id);
                datagram.ip.fragment = if offset & 1 != 0 { Fragment::First } else { Fragment::No };
                8
            }
            _ => return Ok(datagram),
        };
        datagram.protocol = datagram.payload.first().copied().ok_or(Undecoded::Truncated)?;
        datagram.payload = datagram.payload.get(length..).ok_or(Undecoded::Truncated)?;
        datagram.wire_len = datagram.wire_len.saturating_sub(length);
    }
    Err(Undecoded::OtherProtocol)
}
