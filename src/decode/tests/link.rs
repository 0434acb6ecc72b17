use super::{cut_everywhere, data_v4, data_v6, decoded, other, segment};
use crate::capture::LinkType;
use crate::decode::{Decoded, Undecoded};

fn ethernet(kinds: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], kinds].concat()
}

#[test]
fn every_link_leads_to_ip() {
    let vlan = [0x81, 0x00, 0x00, 0x0A];
    let provider = [0x88, 0xA8, 0x00, 0x14];
    let old = [0x91, 0x00, 0x00, 0x14];
    let pppoe = [0x88, 0x64, 0x11, 0x00, 0x00, 0x01, 0x00, 0x40, 0x00, 0x21];
    let mpls = [0x88, 0x47, 0, 1, 0x00, 64, 0, 2, 0x01, 64];
    let snap = [0, 100, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0];
    let own = [2; 12];
    let links: [(&str, LinkType, Vec<u8>); 40] = [
        ("Ethernet", LinkType::ETHERNET, ethernet(&[8, 0])),
        ("802.1Q", LinkType::ETHERNET, ethernet(&[&vlan[..], &[8, 0]].concat())),
        ("802.1ad", LinkType::ETHERNET, ethernet(&[&provider[..], &vlan, &[8, 0]].concat())),
        ("0x9100", LinkType::ETHERNET, ethernet(&[&old[..], &vlan, &vlan, &[8, 0]].concat())),
        ("PPPoE", LinkType::ETHERNET, ethernet(&pppoe)),
        ("VLAN PPPoE", LinkType::ETHERNET, ethernet(&[&vlan[..], &pppoe].concat())),
        ("MPLS", LinkType::ETHERNET, ethernet(&mpls)),
        ("SNAP", LinkType::ETHERNET, ethernet(&snap)),
        ("SLL", LinkType::LINUX_SLL, [&[0; 14][..], &[8, 0]].concat()),
        ("SLL VLAN", LinkType::LINUX_SLL, [&[0; 14][..], &vlan, &[8, 0]].concat()),
        ("SLL2", LinkType::LINUX_SLL2, [&[8, 0][..], &[0; 18]].concat()),
        ("NULL little-endian", LinkType::NULL, vec![2, 0, 0, 0]),
        ("NULL big-endian", LinkType::NULL, vec![0, 0, 0, 2]),
        ("LOOP", LinkType::LOOP, vec![0, 0, 0, 2]),
        ("raw", LinkType::RAW, vec![]),
        ("raw BSD", LinkType::RAW_BSD, vec![]),
        ("raw OpenBSD", LinkType::RAW_OPENBSD, vec![]),
        ("raw IPv4", LinkType::IPV4, vec![]),
        ("PPP", LinkType::PPP, vec![0xFF, 3, 0, 0x21]),
        ("PPP without address", LinkType::PPP, vec![0, 0x21]),
        ("PPP, short protocol", LinkType::PPP_HDLC, vec![0xFF, 3, 0x21]),
        ("PPP, shortest", LinkType::PPP, vec![0x21]),
        ("MPLS frame", LinkType::ETHERNET, ethernet(&[&mpls[..], &[0; 4], &own, &[8, 0]].concat())),
        ("MPLS frame, no control", LinkType::ETHERNET, ethernet(&[&mpls[..], &own, &[8, 0]].concat())),
        ("MPLS frame of 00:..", LinkType::ETHERNET, ethernet(&[&mpls[..], &[0; 12], &[8, 0]].concat())),
        ("MPLS tagged", LinkType::ETHERNET, ethernet(&[&mpls[..], &[0; 4], &own, &vlan, &[8, 0]].concat())),
        ("MPLS SNAP", LinkType::ETHERNET, ethernet(&[&mpls[..], &[0; 4], &own, &snap].concat())),
        ("802.1ah", LinkType::ETHERNET, ethernet(&[&[0x88, 0xE7, 0, 0, 0, 5], &own[..], &[8, 0]].concat())),
        (
            "802.1ah tags",
            LinkType::ETHERNET,
            ethernet(&[&provider[..], &[0x88, 0xE7, 0, 0, 0, 5], &own, &vlan, &[8, 0]].concat()),
        ),
        ("MACsec", LinkType::ETHERNET, ethernet(&[0x88, 0xE5, 0, 0, 0, 0, 0, 1, 8, 0])),
        (
            "MACsec channel",
            LinkType::ETHERNET,
            ethernet(&[&[0x88, 0xE5, 0x20, 0], &[0; 12][..], &vlan, &[8, 0]].concat()),
        ),
        ("cHDLC", LinkType::C_HDLC, vec![0x0F, 0, 8, 0]),
        ("Frame Relay", LinkType::FRAME_RELAY, vec![0x18, 0x41, 3, 0xCC]),
        ("Frame Relay, long", LinkType::FRAME_RELAY, vec![0x18, 0x40, 0x40, 0x41, 3, 0xCC]),
        ("Frame Relay SNAP", LinkType::FRAME_RELAY, vec![0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0]),
        (
            "Frame Relay frame",
            LinkType::FRAME_RELAY,
            [&[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xC2, 0, 7], &own[..], &[8, 0]].concat(),
        ),
        ("Frame Relay, Cisco", LinkType::FRAME_RELAY, vec![0x18, 0x41, 8, 0]),
        (
            "NFLOG",
            LinkType::NFLOG,
            vec![2, 0, 0, 0, 8, 0, 1, 0, 0, 8, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0, 0xFF, 0, 9, 0],
        ),
        ("NFLOG big-endian", LinkType::NFLOG, vec![2, 0, 0, 0, 0, 8, 0, 1, 8, 0, 0, 0, 0, 0xFF, 0, 9]),
        (
            "PKTAP",
            LinkType::PKTAP,
            [&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &[7; 96], &ethernet(&[8, 0])].concat(),
        ),
    ];
    for (name, link, head) in links {
        let bytes = [head, data_v4(b"payload")].concat();
        let Decoded::Tcp(segment) = decoded(link, &bytes) else {
            panic!("{name}: {:?}", decoded(link, &bytes))
        };
        assert_eq!((segment.tcp.dst_port, segment.payload), (1433, &b"payload"[..]), "{name}");
        assert_eq!((segment.at, segment.interface), (super::AT, 3), "{name}");
        cut_everywhere(link, &bytes);
    }
}

#[test]
fn every_link_leads_to_ipv6() {
    let families = [10_u8, 23, 24, 28, 30];
    let mut links = vec![
        (LinkType::ETHERNET, ethernet(&[0x86, 0xDD])),
        (LinkType::LINUX_SLL2, [&[0x86, 0xDD][..], &[0; 18]].concat()),
        (LinkType::PPP, vec![0xFF, 3, 0, 0x57]),
        (LinkType::PPP, vec![0x57]),
        (LinkType::IPV6, vec![]),
        (LinkType::RAW, vec![]),
    ];
    links.extend(families.map(|family| (LinkType::NULL, vec![family, 0, 0, 0])));
    links.extend(families.map(|family| (LinkType::NULL, vec![0, 0, 0, family])));
    for (link, head) in links {
        let bytes = [head, data_v6(b"payload")].concat();
        assert_eq!(segment(link, &bytes).payload, b"payload", "{link}");
        cut_everywhere(link, &bytes);
    }
}

#[test]
fn what_is_not_ip_is_counted_as_such() {
    for kind in [[8, 6], [0x88, 0xCC], [0x88, 0x63], [0x05, 0xDD], [0x06, 0x00]] {
        let bytes = [ethernet(&kind), vec![0; 46]].concat();
        assert_eq!(other(LinkType::ETHERNET, &bytes), Undecoded::OtherProtocol, "{kind:?}");
    }
    let llc = [ethernet(&[0, 38, 0x42, 0x42, 3]), vec![0; 40]].concat();
    assert_eq!(other(LinkType::ETHERNET, &llc), Undecoded::OtherProtocol);
    let encrypted = [ethernet(&[0x88, 0xE5, 0x0C, 0, 0, 0, 0, 1, 8, 0]), data_v4(b"x")].concat();
    assert_eq!(other(LinkType::ETHERNET, &encrypted), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::FRAME_RELAY, &[0x18, 0x41, 3, 0xCF, 0x45]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::FRAME_RELAY, &[0, 0, 0, 0, 8, 0]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::NFLOG, &[2, 1, 0, 0, 8, 0, 9, 0]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::NFLOG, &[2, 0, 0, 0, 3, 0, 1, 0]), Undecoded::OtherProtocol);
    let tap_in_tap =
        [&[12, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0][..], &[12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]].concat();
    assert_eq!(other(LinkType::PKTAP, &tap_in_tap), Undecoded::LinkType);
    let mpls_ethernet = [ethernet(&[0x88, 0x47, 0, 1, 1, 64]), vec![0; 40]].concat();
    assert_eq!(other(LinkType::ETHERNET, &mpls_ethernet), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::PPP, &[0xFF, 3, 0xC0, 0x21, 1, 1, 0, 4]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::PPP, &[0xC1, 0x21, 1, 1]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::NULL, &[7, 0, 0, 0, 0x45]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType(147), &data_v4(b"")), Undecoded::LinkType);
}

#[test]
fn tags_without_end_end() {
    let tags = [ethernet(&[0x81, 0, 0, 1].repeat(20)), vec![8, 0], data_v4(b"")].concat();
    assert_eq!(other(LinkType::ETHERNET, &tags), Undecoded::OtherProtocol);
    let labels = [ethernet(&[0x88, 0x47]), vec![0; 4 * 20], data_v4(b"")].concat();
    assert_eq!(other(LinkType::ETHERNET, &labels), Undecoded::OtherProtocol);
    let eight = [ethernet(&[0x81, 0, 0, 1].repeat(7)), vec![8, 0], data_v4(b"x")].concat();
    assert_eq!(segment(LinkType::ETHERNET, &eight).payload, b"x");
}
