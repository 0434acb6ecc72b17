use etherparse::{IpFragOffset, IpNumber, Ipv4Header, Ipv4Options};

use super::{cut_everywhere, data_v4, data_v6, other, packet, segment};
use crate::capture::LinkType;
use crate::decode::{Decoded, Fragment, IpInfo, Undecoded, decode};

const RAW: LinkType = LinkType::RAW;

/// The same TCP segment under another IPv4 header.
fn under(change: impl FnOnce(&mut Ipv4Header), payload: &[u8]) -> Vec<u8> {
    let tcp = &data_v4(payload)[20..];
    let length = u16::try_from(tcp.len()).unwrap();
    let mut header = Ipv4Header::new(length, 57, IpNumber::TCP, [192, 0, 2, 1], [192, 0, 2, 2]).unwrap();
    change(&mut header);
    [&header.to_bytes()[..], tcp].concat()
}

#[test]
fn an_ipv4_header_is_read() {
    let bytes = under(
        |header| {
            header.identification = 0xBEEF;
            header.dont_fragment = true;
        },
        b"payload",
    );
    let expected = IpInfo {
        src: "192.0.2.1".parse().unwrap(),
        dst: "192.0.2.2".parse().unwrap(),
        ttl: 57,
        id: 0xBEEF,
        fragment: Fragment::No,
        zero_length: false,
    };
    assert_eq!(segment(RAW, &bytes).ip, expected);
}

#[test]
fn options_are_stepped_over() {
    for options in [[1; 4].as_slice(), &[1; 40]] {
        let bytes = under(
            |header| {
                header.options = Ipv4Options::try_from(options).unwrap();
                header.total_len += u16::try_from(options.len()).unwrap();
            },
            b"payload",
        );
        assert_eq!(segment(RAW, &bytes).payload, b"payload");
        cut_everywhere(RAW, &bytes);
    }
}

#[test]
fn ethernet_padding_is_no_payload() {
    let padded = [data_v4(b"xy"), vec![0; 6]].concat();
    let read = segment(RAW, &padded);
    assert_eq!((read.payload, read.payload_len), (&b"xy"[..], 2));
    assert!(!read.quality.payload_cut);
    let padded = [data_v6(b""), vec![0; 6]].concat();
    assert_eq!((segment(RAW, &padded).payload.len(), segment(RAW, &padded).payload_len), (0, 0));
}

#[test]
fn a_total_length_of_0_is_what_the_record_counts() {
    let sent = under(|header| header.total_len = 0, &[7; 3000]);
    let read = segment(RAW, &sent);
    assert!(read.ip.zero_length && !read.quality.payload_cut);
    assert_eq!((read.payload.len(), read.payload_len), (3000, 3000));
    // Cut by the snap length: the record's original length tells the rest.
    let Decoded::Tcp(read) = decode(&packet(RAW, &sent[..100], sent.len())) else { panic!() };
    assert_eq!((read.payload.len(), read.payload_len, read.quality.payload_cut), (60, 3000, true));
    cut_everywhere(RAW, &sent[..200]);
    let mut sent = data_v6(&[7; 3000]);
    sent[4..6].copy_from_slice(&[0, 0]);
    let Decoded::Tcp(read) = decode(&packet(RAW, &sent[..100], sent.len())) else { panic!() };
    assert_eq!((read.payload.len(), read.payload_len, read.ip.zero_length), (40, 3000, true));
}

#[test]
fn lengths_that_do_not_hold_the_headers_are_broken() {
    for total in [1_u16, 19, 20, 39] {
        let bytes = under(|header| header.total_len = total, b"payload");
        assert_eq!(other(RAW, &bytes), Undecoded::Truncated, "{total}");
    }
    let short = under(|header| header.total_len = 43, b"payload");
    assert_eq!(segment(RAW, &short).payload, b"pay");
    let long = under(|header| header.total_len = 48, b"payload");
    let read = segment(RAW, &long);
    assert_eq!((read.payload, read.payload_len, read.quality.payload_cut), (&b"payload"[..], 8, true));
    let mut words = data_v4(b"payload");
    words[0] = 0x44;
    assert_eq!(other(RAW, &words), Undecoded::Truncated);
    words[0] = 0x75;
    assert_eq!(other(RAW, &words), Undecoded::OtherProtocol);
    assert_eq!(other(RAW, &[]), Undecoded::Truncated);
}

#[test]
fn fragments_are_told() {
    let first = under(|header| header.more_fragments = true, b"payload");
    assert_eq!(segment(RAW, &first).ip.fragment, Fragment::First);
    let later = under(|header| header.fragment_offset = IpFragOffset::try_new(1).unwrap(), b"payload");
    assert_eq!(other(RAW, &later), Undecoded::LaterFragment);
}

/// IPv6 with headers between it and TCP: numbers and bytes, the first byte of each being the next one's number.
fn with_extensions(extensions: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let plain = data_v6(b"payload");
    let (header, tcp) = plain.split_at(40);
    let mut header = header.to_vec();
    let mut middle = Vec::new();
    header[6] = extensions.first().map_or(6, |(number, _)| *number);
    for (index, (_, bytes)) in extensions.iter().enumerate() {
        let mut bytes = bytes.clone();
        bytes[0] = extensions.get(index + 1).map_or(6, |(number, _)| *number);
        middle.extend(bytes);
    }
    let length = u16::try_from(middle.len() + tcp.len()).unwrap();
    header[4..6].copy_from_slice(&length.to_be_bytes());
    [&header[..], &middle, tcp].concat()
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    let eight = vec![0; 8];
    let mut sixteen = vec![0; 16];
    sixteen[1] = 1;
    let mut authentication = vec![0; 24];
    authentication[1] = 4;
    let bytes = with_extensions(&[
        (0, eight.clone()),
        (60, sixteen),
        (43, eight.clone()),
        (51, authentication),
        (44, vec![0, 0, 0, 0, 0, 0, 0x12, 0x34]),
        (135, eight),
    ]);
    let read = segment(RAW, &bytes);
    assert_eq!((read.payload, read.payload_len), (&b"payload"[..], 7));
    assert_eq!((read.ip.id, read.ip.fragment, read.ip.ttl), (0x1234, Fragment::No, 64));
    cut_everywhere(RAW, &bytes);
}

#[test]
fn ipv6_fragments_are_told() {
    let first = with_extensions(&[(44, vec![0, 0, 0, 1, 0, 0, 0, 9])]);
    assert_eq!((segment(RAW, &first).ip.fragment, segment(RAW, &first).ip.id), (Fragment::First, 9));
    let later = with_extensions(&[(44, vec![0, 0, 0, 9, 0, 0, 0, 9])]);
    assert_eq!(other(RAW, &later), Undecoded::LaterFragment);
}

#[test]
fn extension_headers_that_lead_nowhere_end() {
    let many = vec![(60, vec![0; 8]); 20];
    assert_eq!(other(RAW, &with_extensions(&many)), Undecoded::OtherProtocol);
    let seven = vec![(60, vec![0; 8]); 7];
    assert_eq!(segment(RAW, &with_extensions(&seven)).payload, b"payload");
    let mut long = with_extensions(&[(60, vec![0; 8])]);
    long[41] = 0xFF;
    assert_eq!(other(RAW, &long), Undecoded::Truncated);
    let none = with_extensions(&[(59, vec![0; 8])]);
    assert_eq!(other(RAW, &none), Undecoded::OtherProtocol);
    // The authentication header stands in IPv4 as well (RFC 4302).
    let tcp = &data_v4(b"payload")[20..];
    let length = u16::try_from(tcp.len() + 12).unwrap();
    let header = Ipv4Header::new(length, 57, IpNumber(51), [192, 0, 2, 1], [192, 0, 2, 2]).unwrap();
    let authentication = [6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let bytes = [&header.to_bytes()[..], &authentication, tcp].concat();
    assert_eq!(segment(RAW, &bytes).payload, b"payload");
}

#[test]
fn other_protocols_over_ip_are_counted_as_such() {
    for number in [2, 47, 50, 89, 132] {
        let bytes = under(|header| header.protocol = IpNumber(number), b"payload");
        assert_eq!(other(RAW, &bytes), Undecoded::OtherProtocol, "{number}");
    }
}

#[test]
fn any_byte_changed_is_survived() {
    for whole in [data_v4(b"payload"), with_extensions(&[(0, vec![0; 8]), (44, vec![0; 8])])] {
        for at in 0..whole.len() {
            for value in 0..=u8::MAX {
                let mut changed = whole.clone();
                changed[at] = value;
                if let Decoded::Tcp(read) = decode(&packet(RAW, &changed, changed.len())) {
                    assert!(read.payload.len() <= 27, "byte {at} as {value}");
                }
            }
        }
    }
}
