//! From a packet record to a segment.

use tdscope::capture::{LinkType, Packet};
use tdscope::decode::{Decoded, Flow, Plain, Segment, carried, decode as decoded, fragment};

use super::input::Input;

/// Link types that are read, and one that is not (239 of the Linux packet filter's log is, 147 is for private use).
pub const LINKS: [u32; 19] =
    [1, 0, 9, 12, 14, 50, 101, 104, 105, 107, 108, 113, 127, 147, 228, 229, 239, 258, 276];

/// Link type, how many bytes the snap length cut (two bytes), the packet.
pub fn decode(data: &[u8]) {
    let mut input = Input(data);
    let link = LinkType(input.pick(&LINKS));
    let cut = u32::from(input.u16());
    let bytes = input.0;
    let packet = Packet {
        time: 1,
        file: 0,
        frame: 1,
        link,
        interface: 0,
        original_len: bytes.len() as u32 + cut,
        bytes,
    };
    let whole = looked_at(&packet);
    // A few more bytes that are not recorded: what is still told is the same.
    for less in [1, 3, 8, 20, bytes.len() / 2] {
        let Some(bytes) = bytes.len().checked_sub(less).and_then(|length| bytes.get(..length)) else {
            continue;
        };
        let shorter = looked_at(&Packet { bytes, ..packet });
        if let (Some(whole), Some(shorter)) = (&whole, &shorter) {
            is_part(shorter, whole);
        }
    }
}

/// Decodes in every way that there is; the segment, if it is one.
fn looked_at<'a>(packet: &Packet<'a>) -> Option<Segment<'a>> {
    let told = decoded(packet);
    if let Some(segment) = Plain::of(packet).map(|plain| plain.segment()) {
        assert_eq!(told, Decoded::Tcp(segment), "a plain segment is decoded otherwise");
    }
    let glance = Flow::at_a_glance(packet);
    if let Some(carried) = carried(packet) {
        is_inside(carried.bytes, packet.bytes);
        assert!(
            !carried.plain || carried.bytes.as_ptr_range().end == packet.bytes.as_ptr_range().end,
            "what is carried plainly ends before the record"
        );
    }
    if let Some(fragment) = fragment(packet) {
        is_inside(fragment.payload, packet.bytes);
        assert!(fragment.more || fragment.offset > 0, "a whole packet is no fragment");
    }
    match told {
        Decoded::Tcp(segment) => {
            is_inside(segment.payload, packet.bytes);
            is_inside(segment.tcp.options, packet.bytes);
            assert!(segment.tcp.options.len() <= 40, "{} bytes of options", segment.tcp.options.len());
            assert!(segment.tcp.options().count() <= 40, "more options than bytes");
            assert!(segment.payload_len as usize >= segment.payload.len(), "more was recorded than was sent");
            let cut = segment.payload_len as usize > segment.payload.len();
            assert_eq!(segment.quality.payload_cut, cut, "cut or not? {segment:?}");
            let ends = ((segment.ip.src, segment.tcp.src_port), (segment.ip.dst, segment.tcp.dst_port));
            let flow = Flow::between(ends.0, ends.1);
            assert_eq!(flow, Flow::between(ends.1, ends.0), "the two directions are two flows");
            assert!(glance.is_none_or(|glance| glance == flow), "another flow at a glance");
            Some(segment)
        }
        Decoded::Udp(udp) => {
            is_inside(udp.payload, packet.bytes);
            None
        }
        Decoded::Icmp(_) | Decoded::Other(_) => None,
    }
}

/// A slice is a part of another, in memory.
fn is_inside(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end, "bytes from elsewhere");
}

/// What is left of a segment says nothing else than the whole of it did.
fn is_part(part: &Segment<'_>, whole: &Segment<'_>) {
    // Which packets are in others may be seen at bytes that are cut.
    if part.tunnel != whole.tunnel {
        return;
    }
    let of =
        |segment: &Segment<'_>| (segment.ip, segment.tcp.src_port, segment.tcp.dst_port, segment.tcp.seq);
    assert_eq!(of(part), of(whole), "a cut packet has other ends");
    assert!(whole.payload.starts_with(part.payload), "a cut packet has other bytes");
    assert!(whole.tcp.options.starts_with(part.tcp.options), "a cut packet has other options");
}
