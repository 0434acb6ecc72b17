//! From a packet record to a TCP segment, a UDP datagram or an ICMP error.
//!
//! Link headers are stripped (`link`, `wireless`, `hosts`), IP headers read (`ip`), tunnels gone through to the packet in
//! them (`tunnel`), transport headers read even when the snap length cut them (`transport`). Tolerant on purpose: a bad checksum, an IPv4 total length of 0 (an
//! offloaded send), Ethernet padding and a cut header are normal in captures. Pure: bytes in, values out.

mod flow;
mod fragment;
mod hosts;
mod ip;
mod link;
mod plain;
mod segment;
#[cfg(test)]
mod tests;
mod transport;
mod tunnel;
mod wireless;

pub use flow::{Ends, Flow};
pub use fragment::{DatagramKey, FragmentOf, fragment};
pub use plain::Plain;
pub use segment::{
    At, Decoded, Fragment, Icmp, IcmpReason, IpInfo, Quality, Segment, TcpFlags, TcpHeader, TcpOption, Udp,
    Undecoded,
};
pub use tunnel::{Tunnel, TunnelKind};

use crate::capture::Packet;
use crate::steps::step;
use ip::Datagram;

/// Tunnels in tunnels that are gone through at most: a mirrored packet of an overlay network on routers that wrap it is in three.
const NESTED: usize = 4;

/// The IP packet that a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried<'a> {
    /// Its bytes, as far as recorded, and what pads the frame.
    pub bytes: &'a [u8],
    /// Bytes that follow on the wire and were not recorded.
    pub snapped: usize,
    /// Only the link's own header is before it: no tunnel, no other frame, nothing of the machine that recorded it. Then `bytes`
    /// go to the end of the record.
    pub plain: bool,
}

/// The IP packet that a record is about, of a tunnel the one in it; `None` when there is none.
#[must_use]
pub fn carried<'a>(packet: &Packet<'a>) -> Option<Carried<'a>> {
    let stripped = link::strip(packet.link, packet.bytes).ok()?;
    let snapped = (packet.original_len as usize).saturating_sub(packet.bytes.len());
    let outer = Carried { bytes: stripped.ip, snapped, plain: !stripped.more };
    match ip::read(stripped.ip, snapped) {
        Ok(datagram) if tunnel::may_be(&datagram) => match walk(datagram).ok()? {
            Walked { inside: Some((bytes, snapped)), .. } => Some(Carried { bytes, snapped, plain: false }),
            _ => Some(outer),
        },
        _ => Some(outer),
    }
}

/// Decodes one packet record as far as it goes.
#[inline(always)] // what it gives is large, and moved at each call that is not inlined
pub fn decode<'a>(packet: &Packet<'a>) -> Decoded<'a> {
    let at = At::of(packet);
    let carried = match link::strip(packet.link, packet.bytes) {
        Ok(carried) => carried.ip,
        Err(reason) => return Decoded::Other(reason),
    };
    // Lengths of 0 in an IP header leave only the record to tell how much there was on the wire.
    let snapped = (packet.original_len as usize).saturating_sub(packet.bytes.len());
    match ip::read(carried, snapped) {
        Ok(datagram) if tunnel::may_be(&datagram) => through(datagram, at, packet.interface),
        Ok(datagram) => transport::read(&datagram, at, packet.interface, None),
        Err(reason) => Decoded::Other(reason),
    }
}

/// Decodes what may have come through tunnels.
#[inline(never)]
fn through(datagram: Datagram<'_>, at: At, interface: u32) -> Decoded<'_> {
    match walk(datagram) {
        Ok(Walked { datagram, tunnel, .. }) => transport::read(&datagram, at, interface, tunnel),
        Err(reason) => Decoded::Other(reason),
    }
}

/// Where the way through tunnels ends.
struct Walked<'a> {
    datagram: Datagram<'a>,
    /// The last of them.
    tunnel: Option<Tunnel>,
    /// The IP packet in it, and how many bytes of it were not recorded.
    inside: Option<(&'a [u8], usize)>,
}

/// Goes through tunnels to a datagram that is none.
fn walk(datagram: Datagram<'_>) -> Result<Walked<'_>, Undecoded> {
    let mut walked = Walked { datagram, tunnel: None, inside: None };
    for _ in 0..NESTED {
        step(1);
        let Some(inner) = tunnel::inner(&walked.datagram)? else { return Ok(walked) };
        let outer = &walked.datagram;
        let snapped = outer.wire_len.saturating_sub(outer.payload.len());
        let ip = inner.carried.ip;
        walked = Walked {
            datagram: ip::read(ip, snapped)?,
            tunnel: Some(inner.tunnel),
            inside: Some((ip, snapped)),
        };
    }
    if tunnel::may_be(&walked.datagram) { Err(Undecoded::OtherProtocol) } else { Ok(walked) }
}
