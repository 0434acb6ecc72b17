//! Which flow a packet belongs to.

use super::*;
use crate::decode::Flow;

/// The frame that carries these bytes, without tags.
fn frame(kind: u16, ip: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &kind.to_be_bytes(), ip].concat()
}

/// The flow by the decoded segment, the other way round when asked.
fn closely(bytes: &[u8], turned: bool) -> Flow {
    let segment = segment(LinkType::ETHERNET, bytes);
    let (src, dst) = ((segment.ip.src, segment.tcp.src_port), (segment.ip.dst, segment.tcp.dst_port));
    if turned { Flow::between(dst, src) } else { Flow::between(src, dst) }
}

fn at_a_glance(bytes: &[u8]) -> Option<Flow> {
    Flow::at_a_glance(&packet(LinkType::ETHERNET, bytes, bytes.len()))
}

#[test]
fn a_glance_and_a_closer_look_agree_in_both_directions() {
    for bytes in [frame(0x0800, &syn_v4()), frame(0x0800, &data_v4(b"x")), frame(0x86DD, &data_v6(b"x"))] {
        let flow = at_a_glance(&bytes).unwrap();
        assert_eq!(flow, closely(&bytes, false));
        assert_eq!(flow, closely(&bytes, true));
    }
}

#[test]
fn what_takes_a_closer_look_gets_it() {
    let tagged = frame(0x8100, &[&[0, 5, 0x08, 0x00][..], &syn_v4()].concat());
    assert_eq!(at_a_glance(&tagged), None);
    let mut fragment = frame(0x0800, &syn_v4());
    fragment[14 + 7] = 1;
    assert_eq!(at_a_glance(&fragment), None);
    let mut udp = frame(0x0800, &syn_v4());
    udp[14 + 9] = 17;
    assert_eq!(at_a_glance(&udp), None);
    let raw = syn_v4();
    assert_eq!(Flow::at_a_glance(&packet(LinkType::RAW, &raw, raw.len())), None);
    let whole = frame(0x0800, &syn_v4());
    for cut in 0..14 + 24 {
        assert_eq!(at_a_glance(&whole[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn flows_spread_over_the_shares() {
    let mut counts = [0_u32; 16];
    for port in 1024..9216_u16 {
        let ends = (("10.0.0.1".parse().unwrap(), port), ("10.0.0.2".parse().unwrap(), 1433));
        counts[(Flow::between(ends.0, ends.1).0 >> 56) as usize % 16] += 1;
    }
    // 512 each would be even.
    assert!(counts.iter().all(|count| (400..640).contains(count)), "{counts:?}");
}
