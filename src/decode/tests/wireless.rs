use super::{cut_everywhere, data_v4, other, segment};
use crate::capture::LinkType;
use crate::decode::Undecoded;

const LINK: LinkType = LinkType::IEEE802_11;
const SNAP: [u8; 8] = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0];

/// A frame: its control field, what follows the first 24 bytes, LLC and a packet.
fn frame(control: [u8; 2], more: &[u8]) -> Vec<u8> {
    [&control[..], &[0; 22], more, &SNAP, &data_v4(b"payload")].concat()
}

#[test]
fn data_frames_are_read() {
    let frames = [
        frame([0x08, 0x01], &[]),
        frame([0x08, 0x02], &[]),
        frame([0x08, 0x03], &[1; 6]),
        frame([0x88, 0x01], &[0; 2]),
        frame([0x88, 0x03], &[0; 8]),
        frame([0x88, 0x81], &[0; 6]),
    ];
    for frame in frames {
        assert_eq!(segment(LINK, &frame).payload, b"payload");
        cut_everywhere(LINK, &frame);
        let tapped = [&[0, 0, 8, 0, 0, 0, 0, 0][..], &frame].concat();
        assert_eq!(segment(LinkType::IEEE802_11_RADIOTAP, &tapped).payload, b"payload");
        cut_everywhere(LinkType::IEEE802_11_RADIOTAP, &tapped);
    }
}

#[test]
fn a_padded_header_is_told_by_radiotap() {
    let frame = frame([0x88, 0x01], &[0; 4]);
    let heads: [&[u8]; 3] = [
        &[0, 0, 9, 0, 2, 0, 0, 0, 0x20],
        // Time before the flags, at a multiple of 8 bytes; then two words of what is present.
        &[0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20],
        &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20],
    ];
    for head in heads {
        let tapped = [head, &frame].concat();
        assert_eq!(segment(LinkType::IEEE802_11_RADIOTAP, &tapped).payload, b"payload");
        cut_everywhere(LinkType::IEEE802_11_RADIOTAP, &tapped);
    }
}

#[test]
fn what_is_no_data_in_clear_is_left() {
    // A beacon, no data, encrypted, another version; several frames in one.
    for control in [[0x80, 0], [0x48, 1], [0x08, 0x41], [0x09, 1]] {
        assert_eq!(other(LINK, &frame(control, &[])), Undecoded::OtherProtocol, "{control:?}");
    }
    assert_eq!(other(LINK, &frame([0x88, 1], &[0x80, 0])), Undecoded::OtherProtocol);
    let mut later = frame([0x08, 1], &[]);
    later[22] = 1;
    assert_eq!(other(LINK, &later), Undecoded::LaterFragment);
    assert_eq!(other(LinkType::IEEE802_11_RADIOTAP, &[1, 0, 4, 0]), Undecoded::OtherProtocol);
    assert_eq!(other(LinkType::IEEE802_11_RADIOTAP, &[0, 0, 0xFF, 0xFF, 0]), Undecoded::Truncated);
}
