use etherparse::PacketBuilder;

use super::{AT, cut_everywhere, data_v4, data_v6, decoded, other, packet, segment, syn_v4};
use crate::capture::LinkType;
use crate::decode::{Decoded, Quality, Segment, TcpFlags, TcpHeader, TcpOption, Udp, Undecoded, decode};

const RAW: LinkType = LinkType::RAW;

#[test]
fn a_segment_is_read_exactly() {
    let bytes = data_v4(b"payload");
    let read = segment(RAW, &bytes);
    let expected = Segment {
        at: AT,
        interface: 3,
        ip: read.ip,
        tcp: TcpHeader {
            src_port: 50_000,
            dst_port: 1433,
            seq: 0x0102_0304,
            ack: 0x0506_0708,
            flags: TcpFlags(0x18),
            window: 64_240,
            checksum: Some(u16::from_be_bytes([bytes[36], bytes[37]])),
            options: &[],
        },
        payload: b"payload",
        payload_len: 7,
        quality: Quality::default(),
        tunnel: None,
    };
    assert_eq!(read, expected);
    assert!(read.tcp.flags.has(TcpFlags::ACK) && read.tcp.flags.has(TcpFlags::PSH));
    assert!(!read.tcp.flags.has(TcpFlags(TcpFlags::ACK.0 | TcpFlags::SYN.0)));
    cut_everywhere(RAW, &bytes);
    cut_everywhere(RAW, &data_v6(b"payload"));
}

#[test]
fn options_are_read_in_order() {
    let bytes = syn_v4();
    let options: Vec<_> = segment(RAW, &bytes).tcp.options().collect();
    let expected =
        [TcpOption::MaximumSegmentSize(1460), TcpOption::WindowScale(8), TcpOption::Timestamps(11, 22)];
    assert_eq!(options, expected);
}

fn options(raw: &[u8]) -> Vec<TcpOption> {
    let mut bytes = syn_v4();
    bytes.truncate(40);
    let padded = raw.len().next_multiple_of(4);
    bytes.extend(raw);
    bytes.resize(40 + padded, 0);
    bytes[32] = u8::try_from((20 + padded) / 4 * 16).unwrap();
    let total = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&total.to_be_bytes());
    segment(RAW, &bytes).tcp.options().collect()
}

#[test]
fn malformed_options_end_the_list() {
    let mss = TcpOption::MaximumSegmentSize(1460);
    assert_eq!(options(&[2, 4, 5, 0xB4, 0, 2, 4, 1]), [mss]);
    assert_eq!(options(&[2, 4, 5, 0xB4, 3, 0, 1, 1]), [mss]);
    assert_eq!(options(&[2, 4, 5, 0xB4, 3, 1, 1, 1]), [mss]);
    assert_eq!(options(&[2, 4, 5, 0xB4, 3, 9, 1, 1]), [mss]);
    assert_eq!(options(&[1, 1, 1, 2]), []);
    // A length that is not the option's own: the kind is kept, the value is not taken.
    assert_eq!(options(&[2, 3, 5, 1, 3, 3, 200, 0]), [TcpOption::Other(2), TcpOption::WindowScale(14)]);
    assert_eq!(options(&[5, 2, 4, 2]), [TcpOption::Other(5), TcpOption::Other(4)]);
    assert_eq!(options(&[1; 40]), []);
}

#[test]
fn a_cut_header_gives_what_is_there() {
    let bytes = syn_v4();
    for cut in 0..bytes.len() {
        let read = decode(&packet(RAW, &bytes[..cut], bytes.len()));
        let Decoded::Tcp(read) = read else {
            assert_eq!(read, Decoded::Other(Undecoded::Truncated), "cut at {cut}");
            assert!(cut < 34, "cut at {cut}");
            continue;
        };
        assert!(cut >= 34, "cut at {cut}");
        assert_eq!((read.tcp.src_port, read.tcp.dst_port, read.tcp.seq), (50_000, 1433, 0x0102_0304));
        assert_eq!(read.tcp.flags, TcpFlags::SYN);
        assert_eq!(read.tcp.window, if cut >= 36 { 64_240 } else { 0 });
        assert_eq!(read.tcp.checksum.is_some(), cut >= 38);
        assert_eq!(read.tcp.options.len(), cut.saturating_sub(40));
        let whole: Vec<_> = segment(RAW, &bytes).tcp.options().collect();
        assert!(whole.starts_with(&read.tcp.options().collect::<Vec<_>>()), "cut at {cut}");
        assert_eq!((read.payload.len(), read.payload_len), (0, 0));
        let quality = Quality { header_cut: true, payload_cut: false, checksum_ok: None };
        assert_eq!(read.quality, quality);
    }
}

#[test]
fn a_data_offset_that_cannot_be_is_broken() {
    for offset in [0x00, 0x40, 0x70, 0xF0] {
        let mut bytes = data_v4(b"payload");
        bytes[32] = offset;
        assert_eq!(other(RAW, &bytes), Undecoded::Truncated, "{offset:02x}");
    }
    let mut bytes = data_v4(b"payload");
    bytes[32] = 0x60;
    assert_eq!((segment(RAW, &bytes).payload, segment(RAW, &bytes).tcp.options), (&b"oad"[..], &b"payl"[..]));
}

#[test]
fn the_checksum_of_a_syn_is_checked() {
    let mut bytes = syn_v4();
    assert_eq!(segment(RAW, &bytes).quality.checksum_ok, Some(true));
    // What an offloading host leaves in it: the sum of the pseudo-header alone.
    bytes[36] ^= 0x55;
    assert_eq!(segment(RAW, &bytes).quality.checksum_ok, Some(false));
}

fn reset(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 2], [192, 0, 2, 1], 128)
        .tcp(1433, 50_000, 9, 0)
        .rst()
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

#[test]
fn the_checksum_of_a_reset_is_checked() {
    for payload in [&b""[..], b"odd"] {
        let bytes = reset(payload);
        assert_eq!(segment(RAW, &bytes).quality.checksum_ok, Some(true));
        // With Ethernet padding too, which is not part of it.
        let padded = [bytes.clone(), vec![0xEE; 6]].concat();
        assert_eq!(segment(RAW, &padded).quality.checksum_ok, Some(true));
        for at in 12..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            if let Decoded::Tcp(read) = decoded(RAW, &changed) {
                let wanted = read.tcp.flags.has(TcpFlags::RST).then_some(false);
                assert_eq!(read.quality.checksum_ok, wanted, "byte {at}");
            }
        }
    }
    let mut bytes = Vec::new();
    PacketBuilder::ipv6([0x20; 16], [0x30; 16], 64)
        .tcp(1433, 50_000, 9, 0)
        .rst()
        .write(&mut bytes, b"x")
        .unwrap();
    assert_eq!(segment(RAW, &bytes).quality.checksum_ok, Some(true));
    bytes[20] ^= 1;
    assert_eq!(segment(RAW, &bytes).quality.checksum_ok, Some(false));
}

#[test]
fn a_checksum_that_cannot_be_known_is_not_judged() {
    let bytes = reset(b"text of the reset");
    let Decoded::Tcp(cut) = decode(&packet(RAW, &bytes[..bytes.len() - 1], bytes.len())) else { panic!() };
    assert_eq!(cut.quality.checksum_ok, None);
    assert_eq!(segment(RAW, &data_v4(b"payload")).quality.checksum_ok, None);
    // The first fragment lacks the rest; without a length padding cannot be told.
    let mut fragment = bytes.clone();
    fragment[6] = 0x20;
    assert_eq!(segment(RAW, &fragment).quality.checksum_ok, None);
    let mut unknown = [bytes, vec![0xEE; 6]].concat();
    unknown[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(segment(RAW, &unknown).quality.checksum_ok, None);
}

#[test]
fn datagrams_are_read() {
    let mut bytes = Vec::new();
    let builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 57).udp(40_000, 1434);
    builder.write(&mut bytes, b"\x04INST1\0").unwrap();
    let Decoded::Udp(read) = decoded(RAW, &bytes) else { panic!() };
    let expected = Udp { at: AT, ip: read.ip, src_port: 40_000, dst_port: 1434, payload: b"\x04INST1\0" };
    assert_eq!(read, expected);
    cut_everywhere(RAW, &bytes);
    for cut in 20..28 {
        assert_eq!(other(RAW, &bytes[..cut]), Undecoded::Truncated, "cut at {cut}");
    }
    let payload = |length: u16| {
        let mut changed = bytes.clone();
        changed[24..26].copy_from_slice(&length.to_be_bytes());
        match decoded(RAW, &changed) {
            Decoded::Udp(read) => read.payload.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([0, 7, 8, 14, 15, 16, 0xFFFF].map(payload), [0, 0, 0, 6, 7, 7, 7]);
}
