use etherparse::{Icmpv4Type, Icmpv6Type, PacketBuilder};

use super::{AT, cut_everywhere, data_v4, data_v6, decoded, other};
use crate::capture::LinkType;
use crate::decode::{Decoded, Icmp, IcmpReason, Undecoded};

const RAW: LinkType = LinkType::RAW;

fn v4(kind: u8, code: u8, word: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let unknown = Icmpv4Type::Unknown { type_u8: kind, code_u8: code, bytes5to8: word };
    PacketBuilder::ipv4([203, 0, 113, 1], [192, 0, 2, 1], 60)
        .icmpv4(unknown)
        .write(&mut bytes, quoted)
        .unwrap();
    bytes
}

fn v6(kind: u8, code: u8, word: [u8; 4], quoted: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let unknown = Icmpv6Type::Unknown { type_u8: kind, code_u8: code, bytes5to8: word };
    PacketBuilder::ipv6([0x20; 16], [0x30; 16], 60).icmpv6(unknown).write(&mut bytes, quoted).unwrap();
    bytes
}

fn reason(bytes: &[u8]) -> IcmpReason {
    match decoded(RAW, bytes) {
        Decoded::Icmp(error) => error.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_quotes_the_segment_it_is_about() {
    // As RFC 792 asks for: the header and 8 bytes.
    let quoted = &data_v4(b"payload")[..28];
    let bytes = v4(3, 13, [0; 4], quoted);
    let expected = Icmp {
        at: AT,
        from: "203.0.113.1".parse().unwrap(),
        reason: IcmpReason::Unreachable { code: 13, v6: false },
        src: "192.0.2.1".parse().unwrap(),
        dst: "192.0.2.2".parse().unwrap(),
        protocol: 6,
        src_port: 50_000,
        dst_port: 1433,
        seq: 0x0102_0304,
    };
    assert_eq!(decoded(RAW, &bytes), Decoded::Icmp(expected));
    cut_everywhere(RAW, &bytes);
    let bytes = v6(1, 4, [0; 4], &data_v6(b"payload"));
    let Decoded::Icmp(error) = decoded(RAW, &bytes) else { panic!() };
    assert_eq!((error.src_port, error.dst_port, error.seq), (50_000, 1433, 0x0102_0304));
    assert_eq!((error.dst, error.protocol), ("2001:db8::2".parse().unwrap(), 6));
    assert_eq!(error.reason, IcmpReason::Unreachable { code: 4, v6: true });
    cut_everywhere(RAW, &bytes);
}

#[test]
fn reasons_are_told_by_type_and_code() {
    let quoted = data_v4(b"payload");
    let mtu = [0xFF, 0xFF, 0x05, 0x78];
    assert_eq!(reason(&v4(3, 1, [0; 4], &quoted)), IcmpReason::Unreachable { code: 1, v6: false });
    assert_eq!(reason(&v4(3, 4, mtu, &quoted)), IcmpReason::PacketTooBig { mtu: 1400 });
    assert_eq!(reason(&v4(3, 4, [0; 4], &quoted)), IcmpReason::PacketTooBig { mtu: 0 });
    assert_eq!(reason(&v4(11, 0, [0; 4], &quoted)), IcmpReason::TimeExceeded);
    assert_eq!(reason(&v4(12, 1, [0; 4], &quoted)), IcmpReason::Other { kind: 12, code: 1 });
    let quoted = data_v6(b"payload");
    assert_eq!(reason(&v6(2, 0, [0, 0, 5, 0], &quoted)), IcmpReason::PacketTooBig { mtu: 1280 });
    assert_eq!(reason(&v6(3, 0, [0; 4], &quoted)), IcmpReason::TimeExceeded);
    assert_eq!(reason(&v6(4, 2, [0; 4], &quoted)), IcmpReason::Other { kind: 4, code: 2 });
}

#[test]
fn what_is_no_error_or_quotes_nothing_of_ours_is_left() {
    let quoted = data_v4(b"payload");
    for kind in [0, 8, 5, 13] {
        assert_eq!(other(RAW, &v4(kind, 0, [0; 4], &quoted)), Undecoded::OtherProtocol, "{kind}");
    }
    for kind in [128, 129, 133, 135, 136] {
        assert_eq!(other(RAW, &v6(kind, 0, [0; 4], &data_v6(b""))), Undecoded::OtherProtocol, "{kind}");
    }
    // Ping; a header shorter than a header; a later fragment, whose first bytes are no ports; no IP; nothing.
    for (at, value) in [(9, 1), (0, 0x44), (7, 1), (6, 0x1F), (0, 0x55)] {
        let mut changed = quoted.clone();
        changed[at] = value;
        assert_eq!(other(RAW, &v4(3, 1, [0; 4], &changed)), Undecoded::OtherProtocol, "byte {at} as {value}");
    }
    assert_eq!(other(RAW, &v4(3, 1, [0; 4], &[])), Undecoded::OtherProtocol);
    assert_eq!(other(RAW, &v4(3, 1, [0; 4], &quoted[..23])), Undecoded::OtherProtocol);
}

#[test]
fn four_bytes_of_ports_are_enough() {
    let Decoded::Icmp(error) = decoded(RAW, &v4(3, 1, [0; 4], &data_v4(b"")[..24])) else { panic!() };
    assert_eq!((error.src_port, error.dst_port, error.seq), (50_000, 1433, 0));
    let mut datagram = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 57)
        .udp(40_000, 1434)
        .write(&mut datagram, b"\x03")
        .unwrap();
    let Decoded::Icmp(error) = decoded(RAW, &v4(3, 3, [0; 4], &datagram)) else { panic!() };
    assert_eq!((error.protocol, error.src_port, error.dst_port), (17, 40_000, 1434));
}
