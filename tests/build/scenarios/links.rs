//! Recorded logins on other links, and with other IP headers.

use etherparse::{EtherType, Ethernet2Header, SingleVlanHeader, VlanId};
use tdscope::capture::LinkType;

use crate::file::{Frame, Order, pcap, recorded};

/// Length of the recorded link header.
const ETHERNET: usize = 14;
/// Length of an IPv4 header without options, and of an IPv6 header.
const IPV4: usize = 20;
const IPV6: usize = 40;

/// The frame without its link header.
pub(crate) fn network_layer(frame: &Frame) -> &[u8] {
    &frame.bytes[ETHERNET..]
}

fn relinked(name: &str, link: LinkType, header: &dyn Fn(&Frame) -> Vec<u8>) -> Vec<u8> {
    let frames: Vec<Frame> = recorded(name)
        .into_iter()
        .map(|frame| Frame { bytes: [&header(&frame)[..], network_layer(&frame)].concat(), ..frame })
        .collect();
    pcap(Order::Little, link, &frames)
}

/// The frame's Ethernet header with tags of these EtherTypes and VLANs before what it carries.
fn tagged(frame: &Frame, tags: &[(EtherType, u16)]) -> Vec<u8> {
    let (mut header, _) = Ethernet2Header::from_slice(&frame.bytes).unwrap();
    let carried = header.ether_type;
    header.ether_type = tags[0].0;
    let mut bytes = header.to_bytes().to_vec();
    for (index, (_, vlan)) in tags.iter().enumerate() {
        let tag = SingleVlanHeader {
            vlan_id: VlanId::try_new(*vlan).unwrap(),
            ether_type: tags.get(index + 1).map_or(carried, |next| next.0),
            ..SingleVlanHeader::default()
        };
        bytes.extend(tag.to_bytes());
    }
    bytes
}

/// One 802.1Q tag.
pub(crate) fn vlan() -> Vec<u8> {
    relinked("ok-freetds.pcap", LinkType::ETHERNET, &|frame| {
        tagged(frame, &[(EtherType::VLAN_TAGGED_FRAME, 120)])
    })
}

/// A provider's tag (802.1ad) around the customer's, and on a refusal.
pub(crate) fn qinq() -> Vec<u8> {
    relinked("r1-learned-rst.pcap", LinkType::ETHERNET, &|frame| {
        tagged(frame, &[(EtherType::PROVIDER_BRIDGING, 2001), (EtherType::VLAN_TAGGED_FRAME, 120)])
    })
}

/// The loopback of macOS and the BSDs: the address family in the byte order of the host.
pub(crate) fn null() -> Vec<u8> {
    relinked("ok-freetds.pcap", LinkType::NULL, &|_| 2_u32.to_le_bytes().to_vec())
}

/// PPP with address and control (RFC 1662 3.1).
pub(crate) fn ppp() -> Vec<u8> {
    relinked("ok-freetds.pcap", LinkType::PPP, &|_| vec![0xFF, 0x03, 0x00, 0x21])
}

/// IPv6 with a hop-by-hop and a destination options header, padded (RFC 8200 4.2, 4.3, 4.6).
pub(crate) fn ipv6_extensions() -> Vec<u8> {
    /// Next header numbers (IANA).
    const TCP: u8 = 6;
    const DESTINATION: u8 = 60;
    const HOP_BY_HOP: u8 = 0;
    let mut frames = recorded("ok-ipv6.pcap");
    for frame in &mut frames {
        let (header, payload) = frame.bytes.split_at(ETHERNET + IPV6);
        let mut header = header.to_vec();
        assert_eq!(header[ETHERNET + 6], TCP);
        // PadN to 8 bytes, PadN to 16 bytes.
        let hop = [DESTINATION, 0, 1, 4, 0, 0, 0, 0];
        let destination = [TCP, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let length = u16::try_from(payload.len() + hop.len() + destination.len()).unwrap();
        header[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&length.to_be_bytes());
        header[ETHERNET + 6] = HOP_BY_HOP;
        frame.bytes = [&header[..], &hop, &destination, payload].concat();
    }
    pcap(Order::Little, LinkType::ETHERNET, &frames)
}

/// Segments in a row are one send that the network card has yet to cut: IPv4 total length 0.
pub(crate) fn offloaded() -> Vec<u8> {
    let mut sends: Vec<Frame> = Vec::new();
    for frame in recorded("ok-big-certificate.pcap") {
        match sends.last_mut() {
            Some(last) if follows(last, &frame) => last.bytes.extend(tcp_payload(&frame)),
            _ => sends.push(frame),
        }
    }
    let mut offloaded = 0;
    for send in &mut sends {
        if send.bytes.len() > ETHERNET + 1500 {
            offloaded += 1;
            send.bytes[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&[0, 0]);
        }
    }
    assert!(offloaded > 2, "only {offloaded} sends are large");
    pcap(Order::Little, LinkType::ETHERNET, &sends)
}

fn tcp_payload(frame: &Frame) -> &[u8] {
    let tcp = &frame.bytes[ETHERNET + IPV4..];
    &tcp[usize::from(tcp[12] >> 4) * 4..]
}

/// Whether a segment with payload goes on where another one ends.
fn follows(last: &Frame, next: &Frame) -> bool {
    let sequence =
        |frame: &Frame| u32::from_be_bytes(*frame.bytes[ETHERNET + IPV4 + 4..].first_chunk().unwrap());
    // Addresses and ports.
    let flow = |frame: &Frame| frame.bytes[ETHERNET + 12..ETHERNET + IPV4 + 4].to_vec();
    let length = u32::try_from(tcp_payload(last).len()).unwrap();
    flow(last) == flow(next)
        && length > 0
        && !tcp_payload(next).is_empty()
        && sequence(last).wrapping_add(length) == sequence(next)
}
