//! What is decoded straight is what decoding by layers gives.

use proptest::prelude::*;

use super::*;
use crate::decode::{Flow, Plain};

fn frame(ip: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &[0x08, 0x00], ip].concat()
}

/// Both ways; whether the straight one took it.
fn both(bytes: &[u8], original_len: usize) -> bool {
    let packet = packet(LinkType::ETHERNET, bytes, original_len);
    match Plain::of(&packet) {
        Some(plain) => {
            let segment = plain.segment();
            assert_eq!((plain.flags(), plain.at()), (segment.tcp.flags, segment.at));
            assert_eq!(Some(Flow::from(plain.ends())), Flow::at_a_glance(&packet));
            assert_eq!(Decoded::Tcp(segment), decode(&packet));
            true
        }
        None => false,
    }
}

#[test]
fn plain_data_and_its_padding_are_decoded_straight() {
    for payload in [&b""[..], b"x", b"some payload"] {
        let mut bytes = frame(&data_v4(payload));
        assert!(both(&bytes, bytes.len()));
        bytes.extend([0; 6]);
        assert!(both(&bytes, bytes.len()));
    }
}

#[test]
fn everything_else_takes_the_layers() {
    let whole = frame(&data_v4(b"payload"));
    for cut in 0..whole.len() {
        assert!(!both(&whole[..cut], whole.len()), "cut at {cut}");
    }
    let syn = frame(&syn_v4());
    assert!(!both(&syn, syn.len()));
    // Version and header length, more fragments, fragment offset, protocol, total length 0, data offset.
    for (at, value) in [(14, 0x46), (20, 0x20), (21, 1), (23, 17), (16, 0xFF), (46, 0xF0), (46, 0x40)] {
        let mut bytes = whole.clone();
        bytes[at] = value;
        assert!(!both(&bytes, bytes.len()), "byte {at}");
    }
    let mut offloaded = whole.clone();
    offloaded[16..18].fill(0);
    assert!(!both(&offloaded, offloaded.len()));
}

proptest! {
    /// Any header bytes: the straight way takes them as the layers do, or not at all.
    #[test]
    fn both_ways_agree(at in 14_usize..60, value: u8, payload in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = frame(&data_v4(&payload));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        both(&bytes, bytes.len());
    }
}
