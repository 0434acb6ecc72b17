use etherparse::{IpNumber, Ipv4Header, PacketBuilder};
use proptest::prelude::*;

use super::{cut_everywhere, data_v4, data_v6, decoded, other, packet, segment};
use crate::capture::LinkType;
use crate::decode::{Decoded, Flow, Tunnel, TunnelKind, Undecoded, carried, decode};

const RAW: LinkType = LinkType::RAW;

/// IPv4 of 198.51.100.1 to 198.51.100.2.
fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let header = Ipv4Header::new(length, 60, IpNumber(protocol), [198, 51, 100, 1], [198, 51, 100, 2]);
    [&header.unwrap().to_bytes()[..], payload].concat()
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    ip(17, &[&[0xC0, 0][..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat())
}

fn ethernet(ip: &[u8]) -> Vec<u8> {
    let kind = if ip[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xDD] };
    [&[2; 12][..], &kind, ip].concat()
}

/// A UDP port or, at 0, GRE, the header, whether a frame follows or a packet, and what is told.
type Case = (u16, Vec<u8>, bool, TunnelKind, Option<u32>);

fn cases() -> Vec<Case> {
    use TunnelKind::{Eoip, Erspan, Geneve, Gre, Gtp, Vxlan};
    let ip = [8, 0];
    let two = [&[0x10, 0, 0x88, 0xBE][..], &[0; 4], &[0x10, 0, 0x02, 7, 0, 0, 0, 0]].concat();
    let three = |frames: u8, more: u8| {
        let flags = [frames << 2, more];
        [
            &[0x10, 0, 0x22, 0xEB][..],
            &[0; 4],
            &[0x20, 0, 0, 7],
            &[0; 6],
            &flags,
            &vec![0; usize::from(more) * 8],
        ]
        .concat()
    };
    let mpls = [0, 0, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64];
    vec![
        (0, [&[0, 0][..], &ip].concat(), false, Gre, None),
        (0, [&[0x80, 0][..], &ip, &[1; 4]].concat(), false, Gre, None),
        (0, [&[0x20, 0][..], &ip, &[0, 0, 1, 2]].concat(), false, Gre, Some(0x0102)),
        (0, [&[0xB0, 0][..], &ip, &[1; 4], &[0, 0, 1, 2], &[9; 4]].concat(), false, Gre, Some(0x0102)),
        (0, mpls.to_vec(), false, Gre, None),
        (0, vec![0x20, 0, 0x65, 0x58, 0, 0, 5, 1], true, Gre, Some(0x0501)),
        (0, vec![0, 0, 0x88, 0xBE], true, Erspan, None),
        (0, two, true, Erspan, Some(0x0207)),
        (0, three(0, 0), true, Erspan, Some(7)),
        (0, three(0, 1), true, Erspan, Some(7)),
        (0, three(2, 0), false, Erspan, Some(7)),
        (0, vec![0x20, 1, 0x64, 0, 0xFF, 0xFF, 1, 2], true, Eoip, Some(0x0201)),
        (4789, vec![8, 0, 0, 0, 0, 1, 2, 0], true, Vxlan, Some(0x0102)),
        (8472, vec![0x88, 0, 0, 0, 0, 1, 2, 0], true, Vxlan, Some(0x0102)),
        (4790, vec![0x0C, 0, 0, 3, 0, 1, 2, 0], true, Vxlan, Some(0x0102)),
        (4790, vec![0x0C, 0, 0, 1, 0, 1, 2, 0], false, Vxlan, Some(0x0102)),
        (6081, vec![0, 0, 0x65, 0x58, 0, 1, 2, 0], true, Geneve, Some(0x0102)),
        (6081, [&[2, 0, 8, 0, 0, 1, 2, 0][..], &[7; 8]].concat(), false, Geneve, Some(0x0102)),
        (2152, vec![0x30, 0xFF, 0xFF, 0xFF, 0, 0, 1, 2], false, Gtp, Some(0x0102)),
        (2152, [&[0x32, 0xFF, 0xFF, 0xFF, 0, 0, 1, 2][..], &[0, 1, 0, 9]].concat(), false, Gtp, Some(0x0102)),
        (
            2152,
            [&[0x34, 0xFF, 0xFF, 0xFF, 0, 0, 1, 2][..], &[0, 1, 0, 0x85], &[1, 0, 9, 0x40], &[2], &[0; 7]]
                .concat(),
            false,
            Gtp,
            Some(0x0102),
        ),
    ]
}

fn wrapped(port: u16, head: &[u8], framed: bool, inner: &[u8]) -> Vec<u8> {
    let inner = if framed { ethernet(inner) } else { inner.to_vec() };
    let bytes = [head, &inner].concat();
    if port == 0 { ip(47, &bytes) } else { udp(port, &bytes) }
}

fn vxlan(inner: &[u8]) -> Vec<u8> {
    wrapped(4789, &[8, 0, 0, 0, 0, 0, 1, 0], true, inner)
}

#[test]
fn every_tunnel_gives_the_packet_in_it() {
    let inner = data_v4(b"payload");
    for (port, head, framed, kind, network) in cases() {
        let bytes = wrapped(port, &head, framed, &inner);
        let Decoded::Tcp(read) = decoded(RAW, &bytes) else { panic!("{kind:?}: {:?}", decoded(RAW, &bytes)) };
        let (src, dst) = ("198.51.100.1".parse().unwrap(), "198.51.100.2".parse().unwrap());
        assert_eq!(read.tunnel, Some(Tunnel { kind, src, dst, network }));
        let mut without = segment(RAW, &inner);
        without.tunnel = read.tunnel;
        assert_eq!(read, without, "{kind:?}");
        cut_everywhere(RAW, &bytes);
        let packet = packet(RAW, &bytes, bytes.len());
        let carried = carried(&packet).unwrap();
        assert_eq!((carried.bytes, carried.snapped, carried.plain), (&inner[..], 0, false));
    }
}

#[test]
fn every_tunnel_goes_over_and_carries_ipv6() {
    let inner = data_v6(b"payload");
    for (port, head, framed, kind, _) in cases() {
        let typed = !framed && matches!(kind, TunnelKind::Gre | TunnelKind::Geneve);
        let typed = head.windows(2).position(|two| two == [8, 0]).filter(|_| typed);
        let mut head = head.clone();
        if let Some(at) = typed {
            head[at..at + 2].copy_from_slice(&[0x86, 0xDD]);
        }
        let over_v4 = wrapped(port, &head, framed, &inner);
        assert_eq!(segment(RAW, &over_v4).payload, b"payload", "{kind:?}");
        let mut over_v6 = vec![0x60, 0, 0, 0, 0, 0, over_v4[9], 60];
        over_v6[4..6].copy_from_slice(&u16::try_from(over_v4.len() - 20).unwrap().to_be_bytes());
        over_v6.extend([0x20; 16].iter().chain(&[0x30; 16]).chain(&over_v4[20..]));
        let read = segment(RAW, &over_v6);
        assert_eq!((read.payload, read.tunnel.unwrap().src), (&b"payload"[..], [0x20; 16].into()));
        cut_everywhere(RAW, &over_v6);
    }
    for (protocol, inner) in [(4, data_v4(b"payload")), (41, inner)] {
        let bytes = ip(protocol, &inner);
        assert_eq!(segment(RAW, &bytes).tunnel.unwrap().kind, TunnelKind::Ip);
        cut_everywhere(RAW, &bytes);
        assert_eq!(other(RAW, &ip(45 - protocol, &inner)), Undecoded::OtherProtocol);
    }
}

#[test]
fn datagrams_and_icmp_errors_come_through_as_well() {
    let mut lookup = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 57)
        .udp(40_000, 1434)
        .write(&mut lookup, b"\x03")
        .unwrap();
    let bytes = vxlan(&lookup);
    let Decoded::Udp(read) = decoded(RAW, &bytes) else { panic!() };
    assert_eq!((read.src_port, read.dst_port, read.payload), (40_000, 1434, &b"\x03"[..]));
    cut_everywhere(RAW, &bytes);
    let mut error = Vec::new();
    let kind = etherparse::Icmpv4Type::Unknown { type_u8: 3, code_u8: 1, bytes5to8: [0; 4] };
    PacketBuilder::ipv4([203, 0, 113, 1], [192, 0, 2, 1], 60)
        .icmpv4(kind)
        .write(&mut error, &data_v4(b"x")[..28])
        .unwrap();
    let bytes = vxlan(&error);
    let Decoded::Icmp(read) = decoded(RAW, &bytes) else { panic!() };
    assert_eq!((read.src_port, read.dst_port), (50_000, 1433));
    cut_everywhere(RAW, &bytes);
}

#[test]
fn tunnels_in_tunnels_end() {
    let mut bytes = data_v4(b"payload");
    for depth in 1..=8 {
        bytes = match depth % 3 {
            0 => vxlan(&bytes),
            1 => ip(4, &bytes),
            _ => wrapped(0, &[0, 0, 8, 0], false, &bytes),
        };
        if depth <= 4 {
            assert_eq!(segment(RAW, &bytes).payload, b"payload", "{depth}");
            cut_everywhere(RAW, &bytes);
        } else {
            assert_eq!(other(RAW, &bytes), Undecoded::OtherProtocol, "{depth}");
            let packet = packet(RAW, &bytes, bytes.len());
            assert_eq!(carried(&packet), None, "what is not read must not be shown");
        }
    }
}

#[test]
fn the_innermost_tunnel_is_told() {
    let read_kind = |bytes: &[u8]| segment(RAW, bytes).tunnel.unwrap().kind;
    let mirrored = wrapped(0, &[0, 0, 0x88, 0xBE], true, &vxlan(&data_v4(b"x")));
    assert_eq!(read_kind(&mirrored), TunnelKind::Vxlan);
}

#[test]
fn a_tunnel_is_never_a_glance() {
    let inner = data_v4(b"payload");
    for (port, head, framed, kind, _) in cases() {
        let bytes = ethernet(&wrapped(port, &head, framed, &inner));
        assert_eq!(Flow::at_a_glance(&packet(LinkType::ETHERNET, &bytes, bytes.len())), None, "{kind:?}");
    }
}

#[test]
fn what_only_has_the_port_of_a_tunnel_is_a_datagram() {
    let answer = b"\x05\x40\x00ServerName;SQL1;InstanceName;SALES;tcp;50001;;";
    for port in [4789, 8472, 4790, 2152] {
        let bytes = udp(port, answer);
        let Decoded::Udp(read) = decoded(RAW, &bytes) else { panic!("{port}") };
        assert_eq!((read.dst_port, read.payload), (port, &answer[..]));
        let bytes = udp(port, b"\x08short");
        assert!(matches!(decoded(RAW, &bytes), Decoded::Udp(_)), "{port}");
    }
    assert!(matches!(decoded(RAW, &udp(6081, &[0x45; 40])), Decoded::Udp(_)));
    // GTP, but no user data; a later version.
    for head in [[0x32, 1], [0x48, 0xFF]] {
        assert!(matches!(decoded(RAW, &udp(2152, &[&head[..], &[0; 20]].concat())), Decoded::Udp(_)));
    }
}

#[test]
fn what_a_tunnel_carries_besides_packets_is_counted_as_such() {
    let inner = data_v4(b"payload");
    let gre = |head: &[u8]| other(RAW, &wrapped(0, head, false, &inner));
    // PPTP, source routes, another version, a control frame, a kind below EtherTypes.
    for head in [[0x30, 1, 0x88, 0x0B], [0x40, 0, 8, 0], [0, 2, 8, 0], [0, 0, 8, 6], [0, 0, 0, 100]] {
        assert_eq!(gre(&head), Undecoded::OtherProtocol, "{head:?}");
    }
    let control = udp(6081, &[&[0, 0x80, 8, 0, 0, 0, 1, 0][..], &inner].concat());
    assert_eq!(other(RAW, &control), Undecoded::OtherProtocol);
    assert_eq!(other(RAW, &ip(4, &[])), Undecoded::Truncated);
}

#[test]
fn lengths_that_lie_give_no_more_than_there_is() {
    let inner = data_v4(b"payload");
    // The inner packet says that it is longer than the outer one.
    let mut long = vxlan(&inner);
    let at = long.len() - inner.len();
    long[at + 2..at + 4].copy_from_slice(&500_u16.to_be_bytes());
    let read = segment(RAW, &long);
    assert_eq!((read.payload, read.payload_len, read.quality.payload_cut), (&b"payload"[..], 460, true));
    // The outer one ends before the inner one does: what follows is none of it.
    let mut short = vxlan(&inner);
    let total = u16::try_from(short.len() - 4).unwrap();
    short[2..4].copy_from_slice(&total.to_be_bytes());
    let read = segment(RAW, &short);
    assert_eq!((read.payload, read.payload_len, read.quality.payload_cut), (&b"pay"[..], 7, true));
    let mut short = vxlan(&inner);
    short[24..26].copy_from_slice(&(total - 20).to_be_bytes());
    assert_eq!(segment(RAW, &short).payload, b"pay");
    // Sends that the network card cuts: lengths of 0, outside and inside.
    let mut sent = vxlan(&inner);
    for at in [2, 24, at + 2] {
        sent[at..at + 2].fill(0);
    }
    let Decoded::Tcp(read) = decode(&packet(RAW, &sent[..sent.len() - 2], sent.len())) else { panic!() };
    assert_eq!((read.payload, read.payload_len), (&b"paylo"[..], 7));
    let options = udp(6081, &[&[0x3F, 0, 8, 0, 0, 0, 1, 0][..], &inner].concat());
    assert_eq!(other(RAW, &options), Undecoded::Truncated);
}

proptest! {
    /// Any header bytes are survived, and never more is given than was there.
    #[test]
    fn any_byte_changed_is_survived(case in 0..21_usize, at in 0_usize..110, value: u8) {
        let (port, head, framed, ..) = cases()[case].clone();
        let mut bytes = wrapped(port, &head, framed, &data_v4(b"payload"));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        if let Decoded::Tcp(read) = decoded(RAW, &bytes) {
            prop_assert!(read.payload.len() <= 60);
        }
        let packet = packet(RAW, &bytes, bytes.len());
        let _ = carried(&packet);
    }
}
