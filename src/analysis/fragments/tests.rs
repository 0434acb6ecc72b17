use super::*;
use crate::decode::{Decoded, decode, fragment};

/// An IPv4 packet of UDP, or of IPv6, cut into fragments of so many bytes.
fn fragments(v6: bool, id: u16, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut udp = vec![0x30, 0x39, 0x05, 0x9A];
    udp.extend(u16::try_from(payload.len() + 8).unwrap().to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    let count = udp.chunks(size).len();
    let cut = |(number, piece): (usize, &[u8])| {
        let (offset, more) = (number * size, number + 1 < count);
        let mut bytes;
        if v6 {
            bytes = vec![0x60, 0, 0, 0];
            // A hop-by-hop header before the fragment header.
            bytes.extend(u16::try_from(16 + piece.len()).unwrap().to_be_bytes());
            bytes.extend([0, 64]);
            bytes.extend([0xFD; 16]);
            bytes.extend([0xFE; 16]);
            bytes.extend([44, 0, 1, 4, 0, 0, 0, 0]);
            bytes.extend([17, 0]);
            bytes.extend((u16::try_from(offset).unwrap() | u16::from(more)).to_be_bytes());
            bytes.extend(u32::from(id).to_be_bytes());
        } else {
            bytes = vec![0x45, 0];
            bytes.extend(u16::try_from(20 + piece.len()).unwrap().to_be_bytes());
            bytes.extend(id.to_be_bytes());
            bytes.extend((u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 }).to_be_bytes());
            bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        }
        bytes.extend(piece);
        bytes
    };
    udp.chunks(size).enumerate().map(cut).collect()
}

fn packet(bytes: &[u8], frame: u64, time: i64) -> Packet<'_> {
    let original_len = u32::try_from(bytes.len()).unwrap();
    Packet { time, file: 0, frame, link: LinkType::RAW, interface: 0, original_len, bytes }
}

fn take(fragments: &mut Fragments, bytes: &[u8], frame: u64, time: i64) {
    let packet = packet(bytes, frame, time);
    fragments.take(&packet, &fragment(&packet).unwrap());
}

fn payload_of(stored: &Stored) -> Vec<u8> {
    match decode(&stored.packet()) {
        Decoded::Udp(datagram) => datagram.payload.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fragments_in_any_order_become_the_datagram() {
    let payload: Vec<u8> = (0..=255).cycle().take(3000).collect();
    for v6 in [false, true] {
        let pieces = fragments(v6, 7, &payload, 1000);
        assert_eq!(pieces.len(), 4);
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let mut joined = Fragments::default();
            for (frame, piece) in (1..).zip(order) {
                assert!(joined.ready().is_none());
                take(&mut joined, &pieces[piece], frame, 0);
                // As captures record it twice.
                if frame < 4 {
                    take(&mut joined, &pieces[piece], frame, 0);
                }
            }
            let whole = joined.ready().unwrap();
            assert_eq!((whole.frame, joined.bytes), (4, 0));
            assert_eq!(payload_of(&whole), payload, "{v6} {order:?}");
            joined.give_up();
            assert!(joined.ready().is_none());
        }
    }
}

#[test]
fn datagrams_are_told_apart() {
    let mut joined = Fragments::default();
    let (one, other) = (fragments(false, 1, &[1; 1500], 800), fragments(false, 2, &[2; 1500], 800));
    take(&mut joined, &one[0], 1, 0);
    take(&mut joined, &other[1], 2, 0);
    assert!(joined.ready().is_none());
    take(&mut joined, &other[0], 3, 0);
    assert_eq!(payload_of(&joined.ready().unwrap()), [2; 1500]);
    take(&mut joined, &one[1], 4, 0);
    assert_eq!(payload_of(&joined.ready().unwrap()), [1; 1500]);
}

#[test]
fn what_never_becomes_whole_is_read_up_to_where_it_is() {
    let pieces = fragments(false, 1, &[7; 2000], 800);
    let mut joined = Fragments::default();
    take(&mut joined, &pieces[0], 1, 0);
    take(&mut joined, &pieces[2], 2, 0);
    // Another packet comes much later.
    take(&mut joined, &fragments(false, 9, &[0; 900], 800)[0], 3, PATIENCE);
    let first = joined.ready().unwrap();
    assert_eq!((first.frame, first.bytes.as_slice()), (1, pieces[0].as_slice()));
    joined.give_up();
    assert_eq!(joined.ready().unwrap().frame, 3);
    assert_eq!((joined.bytes, joined.waiting.len()), (0, 0));
}

#[test]
fn fragments_that_contradict_each_other_or_are_cut_are_not_joined() {
    let pieces = fragments(false, 1, &[7; 2000], 800);
    let mut other = fragments(false, 1, &[8; 2000], 800);
    // One that begins eight bytes earlier overlaps.
    other[1][7] -= 1;
    for (name, odd) in [("overlap", other[1].clone()), ("cut", pieces[1][..400].to_vec())] {
        let mut joined = Fragments::default();
        for piece in [&pieces[0], &odd, &pieces[1], &pieces[2]] {
            take(&mut joined, piece, 1, 0);
        }
        assert!(joined.ready().is_none(), "{name}");
        joined.give_up();
        assert_eq!(*joined.ready().unwrap().bytes, pieces[0], "{name}");
    }
}

#[test]
fn a_flood_of_fragments_is_bounded() {
    let mut joined = Fragments::default();
    for id in 0..20_000_u16 {
        let pieces = fragments(id % 2 == 0, id, &[0; 1400], 1000);
        take(&mut joined, &pieces[usize::from(id % 3 == 0)], u64::from(id), i64::from(id));
        assert!(joined.waiting.len() <= DATAGRAMS && joined.bytes <= BYTES);
        while joined.ready().is_some() {}
    }
    // Of one datagram.
    for offset in 0..4096_u16 {
        let mut piece = fragments(false, 3, &[0; 1400], 8)[0].clone();
        piece[6..8].copy_from_slice(&(0x2000 | ((2 * offset) & 0x1FFF)).to_be_bytes());
        take(&mut joined, &piece, 1, 30_000);
    }
    assert!(joined.waiting.values().all(|datagram| datagram.pieces.len() <= PIECES));
}

#[test]
fn any_cut_or_wrong_length_is_no_panic() {
    for v6 in [false, true] {
        for piece in fragments(v6, 7, &[1; 100], 64) {
            for length in 0..=piece.len() {
                let cut = packet(&piece[..length], 1, 0);
                if let Some(fragment) = fragment(&cut) {
                    assert!(fragment.payload.len() <= length);
                    Fragments::default().take(&cut, &fragment);
                }
            }
            for at in 0..piece.len() {
                for value in [0, 1, 0x7F, 0xFF] {
                    let mut odd = piece.clone();
                    odd[at] = value;
                    let odd = packet(&odd, 1, 0);
                    if let Some(fragment) = fragment(&odd) {
                        let mut joined = Fragments::default();
                        joined.take(&odd, &fragment);
                        joined.take(&odd, &fragment);
                    }
                }
            }
        }
    }
}

#[test]
fn what_became_whole_leaves_nothing_behind() {
    let mut joined = Fragments::default();
    // One of which no more comes, at a time at which nothing grows old.
    take(&mut joined, &fragments(false, 0, &[7; 100], 64)[0], 1, 0);
    let pieces = fragments(false, 1, &[7; 100], 64);
    for frame in (2..2000).step_by(2) {
        take(&mut joined, &pieces[0], frame, 0);
        take(&mut joined, &pieces[1], frame + 1, 0);
        assert!(joined.ready().is_some());
    }
    assert_eq!((joined.order.len(), joined.waiting.len()), (1, 1));
    joined.give_up();
    assert_eq!((joined.ready().map(|first| first.frame), joined.order.len()), (Some(1), 0));
}
