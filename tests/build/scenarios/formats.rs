//! Recorded captures in the formats of other tools and machines.

use tdscope::capture::LinkType;

use super::links::network_layer;
use crate::file::{Frame, Order, Resolution, pcap, pcapng, recorded};

/// Written by a big-endian machine.
pub(crate) fn big_endian() -> Vec<u8> {
    pcap(Order::Big, LinkType::ETHERNET, &recorded("ok-freetds.pcap"))
}

/// Written by a tool of before 2009: obsolete Packet Blocks.
pub(crate) fn packet_blocks() -> Vec<u8> {
    pcapng(&[(LinkType::ETHERNET, Resolution::Ten(6))], &recorded("ok-freetds.pcap"), true)
}

/// Some connections are seen on a network card, in nanoseconds, the others on a tunnel without link header, in
/// units of 2^-24 s: what is learnt on one explains the other.
pub(crate) fn two_interfaces() -> Vec<u8> {
    let mut frames = recorded("r1-learned-rst.pcap");
    for frame in &mut frames {
        if (client_port(frame) / 2).is_multiple_of(2) {
            frame.bytes = network_layer(frame).to_vec();
            frame.interface = 1;
        }
    }
    let interfaces = [(LinkType::ETHERNET, Resolution::Ten(9)), (LinkType::RAW, Resolution::Two(24))];
    pcapng(&interfaces, &frames, false)
}

/// The port that is not 1433.
fn client_port(frame: &Frame) -> u16 {
    let ports = network_layer(frame)[20..].first_chunk::<4>().unwrap();
    let (src, dst) = (u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]]));
    if src == 1433 { dst } else { src }
}

/// Captured on both sides of a router: every packet twice, the TTL one less the second time.
pub(crate) fn twice() -> Vec<u8> {
    let mut frames = Vec::new();
    for frame in recorded("r1-learned-rst.pcap") {
        let mut again = Frame { time: frame.time + 20_000, interface: 1, ..frame.clone() };
        // TTL, and the checksum with it (RFC 1141).
        again.bytes[22] -= 1;
        let sum = u16::from_be_bytes([again.bytes[24], again.bytes[25]]);
        let (sum, carry) = sum.overflowing_add(0x0100);
        again.bytes[24..26].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        frames.push(frame);
        frames.push(again);
    }
    frames.sort_by_key(|frame| frame.time);
    let interface = (LinkType::ETHERNET, Resolution::Ten(9));
    pcapng(&[interface, interface], &frames, false)
}
