use super::{Seen, damage, drain, failing, open_bytes, pcap, read_all};
use crate::capture::{ErrorKind, LinkType, open_reader};

type Order = fn(u32) -> [u8; 4];

pub(super) fn header(order: Order, magic: u32, snap_length: u32, link: u32) -> Vec<u8> {
    // Major 2, minor 4: one word whose halves swap with the byte order.
    let version = if order(1) == [0, 0, 0, 1] { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    [order(magic), version, order(0), order(0), order(snap_length), order(link)].concat()
}

pub(super) fn record(order: Order, seconds: u32, fraction: u32, bytes: &[u8], original: usize) -> Vec<u8> {
    let captured = u32::try_from(bytes.len()).unwrap();
    let original = u32::try_from(original).unwrap();
    [&[order(seconds), order(fraction), order(captured), order(original)].concat(), bytes].concat()
}

#[test]
fn both_byte_orders_and_resolutions_are_read() {
    let orders: [Order; 2] = [u32::to_be_bytes, u32::to_le_bytes];
    for order in orders {
        for (magic, nanoseconds) in [(0xA1B2_C3D4, 999_999_000), (0xA1B2_3C4D, 999_999)] {
            let file = [
                header(order, magic, 96, 101),
                record(order, 1_700_000_000, 999_999, &[7; 60], 60),
                record(order, 1_700_000_001, 0, &[8; 96], 1500),
            ]
            .concat();
            let (seen, summary) = read_all(&file);
            let first = Seen {
                time: 1_700_000_000_000_000_000 + nanoseconds,
                frame: 1,
                link: LinkType::RAW,
                interface: 0,
                original_len: 60,
                bytes: vec![7; 60],
            };
            assert_eq!(seen[0], first);
            assert_eq!((seen[1].frame, seen[1].original_len, seen[1].bytes.len()), (2, 1500, 96));
            assert_eq!((summary.format.as_str(), summary.packets, summary.snapped), ("pcap", 2, 1));
            assert_eq!((summary.first, summary.last), (Some(first.time), Some(1_700_000_001_000_000_000)));
            assert_eq!((summary.bytes, summary.dropped), (file.len() as u64, None));
            assert_eq!(
                (summary.link_types, summary.damage, summary.error),
                (vec![LinkType::RAW], vec![], None)
            );
        }
    }
}

#[test]
fn the_modified_format_has_longer_record_headers() {
    let mut modified = record(u32::to_le_bytes, 1, 2, &[], 4);
    modified[8] = 4;
    modified.extend([0xEE; 8]);
    modified.extend([7; 4]);
    let file = [header(u32::to_le_bytes, 0xA1B2_CD34, 96, 1), modified.clone(), modified].concat();
    let (seen, summary) = read_all(&file);
    assert_eq!((seen.len(), seen[1].time, seen[1].bytes.as_slice()), (2, 1_000_002_000, &[7; 4][..]));
    assert!(summary.damage.is_empty());
}

#[test]
fn the_link_type_does_not_take_the_check_sequence_bits() {
    let file =
        [header(u32::to_be_bytes, 0xA1B2_C3D4, 96, 0x5400_0001), record(u32::to_be_bytes, 0, 0, &[1], 1)];
    assert_eq!(read_all(&file.concat()).0[0].link, LinkType::ETHERNET);
}

#[test]
fn times_go_back_and_first_and_last_are_the_extremes() {
    let (_, summary) = read_all(&pcap(&[(5, &[1]), (3, &[1]), (9, &[]), (4, &[1])]));
    assert_eq!((summary.first, summary.last, summary.packets), (Some(3_000), Some(9_000), 4));
    let (_, empty) = read_all(&pcap(&[]));
    assert_eq!((empty.first, empty.last, empty.damage.len()), (None, None, 0));
}

#[test]
fn cut_at_every_byte_what_was_whole_is_read_and_the_cut_is_told() {
    let whole = pcap(&[(1, &[7; 10]), (2, &[8; 5])]);
    for cut in 0..whole.len() {
        if cut < 24 {
            assert!(open_bytes(&whole[..cut]).is_err(), "cut at {cut}");
            continue;
        }
        let (seen, summary) = read_all(&whole[..cut]);
        assert_eq!(seen.len(), usize::from(cut >= 50), "cut at {cut}");
        match cut {
            24 | 50 => assert!(summary.damage.is_empty()),
            25..40 | 51..66 => {
                assert!(damage(&summary).1.starts_with("the file is cut in a record header"), "cut at {cut}");
            }
            _ => assert!(damage(&summary).1.starts_with("the file is cut in a packet"), "cut at {cut}"),
        }
        assert!(summary.damage.iter().all(|damage| damage.frame == seen.len() as u64));
        assert!(summary.damage.iter().all(|damage| damage.offset == if cut < 50 { 24 } else { 50 }));
    }
    let text = "the file is cut in a packet: 20 of 21 bytes are there";
    assert_eq!(damage(&read_all(&whole[..whole.len() - 1]).1), (50, text));
    let Err(error) = open_bytes(&whole[..20]) else { panic!("opened") };
    assert!(matches!(error.kind, ErrorKind::Malformed { offset: 0, .. }), "{error}");
}

#[test]
fn a_record_of_absurd_length_ends_it() {
    for length in [0x0004_0001_u32, 0x7FFF_FFFF, 0xFFFF_FFFF] {
        let mut file = pcap(&[(1, &[7; 10]), (2, &[8; 5]), (3, &[9; 5])]);
        file[58..62].copy_from_slice(&length.to_le_bytes());
        let (seen, summary) = read_all(&file);
        assert_eq!(seen.len(), 1);
        let (offset, what) = damage(&summary);
        assert_eq!((offset, what.contains(&format!("claims {length} bytes"))), (50, true));
    }
    // A snap length above libpcap's largest is believed, up to what one record may have.
    let large = vec![1; 300_000];
    let mut file = pcap(&[(1, &large)]);
    assert_eq!(read_all(&file).0.len(), 0);
    file[16..20].copy_from_slice(&400_000_u32.to_le_bytes());
    assert_eq!(read_all(&file).0[0].bytes.len(), 300_000);
    file[16..20].copy_from_slice(&[0xFF; 4]);
    file[32..36].copy_from_slice(&(16_u32 << 20).to_le_bytes());
    assert!(damage(&read_all(&file).1).1.contains("more than any packet has"));
}

#[test]
fn a_stream_that_fails_is_an_error_and_what_came_before_stands() {
    let whole = pcap(&[(1, &[7; 10]), (2, &[8; 5])]);
    let mut source = open_reader(failing(&whole[..60]), "memory".to_owned(), 0).unwrap();
    assert!(source.advance().unwrap());
    let error = source.advance().unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::Io { offset: 50, text, .. } if !text.contains("os error")),
        "{error}"
    );
    let summary = source.summaries().remove(0);
    assert_eq!((summary.packets, summary.error), (1, Some(error)));
    assert_eq!(drain(source.as_mut()).0, []);
    let Err(error) = open_reader(failing(&whole[..20]), "memory".to_owned(), 0) else { panic!("opened") };
    assert!(matches!(error.kind, ErrorKind::Io { .. }), "{error}");
}

#[test]
fn ixia_tells_the_length_of_all_records() {
    for (magic, nanoseconds) in [(0x1C00_01AC, 7), (0x1C00_01AB, 7_000)] {
        for order in [u32::to_be_bytes as Order, u32::to_le_bytes] {
            let records = record(order, 1, 7, &[9; 60], 60);
            let file = [header(order, magic, 96, 1), order(76).to_vec(), records].concat();
            let (seen, summary) = read_all(&file);
            assert_eq!((seen.len(), seen[0].time, seen[0].bytes.len()), (1, 1_000_000_000 + nanoseconds, 60));
            assert_eq!((summary.format.as_str(), summary.damage.len()), ("pcap", 0));
            for cut in 4..28 {
                assert!(open_bytes(&file[..cut]).is_err(), "{cut}");
            }
        }
    }
}

#[test]
fn older_versions_have_their_lengths_in_the_other_order() {
    let of = |version: [u8; 4], link: u32| {
        let order = u32::to_be_bytes;
        let mut header = header(order, 0xA1B2_C3D4, 96, link);
        header[4..8].copy_from_slice(&version);
        // Original, then captured.
        let mut swapped = record(order, 1, 7, &[9; 40], 1500);
        swapped[8..16].rotate_left(4);
        let (seen, summary) = read_all(&[header, swapped.clone(), swapped].concat());
        assert!(summary.damage.is_empty());
        seen.iter()
            .map(|seen| (seen.time, seen.link.0, seen.bytes.len(), seen.original_len))
            .collect::<Vec<_>>()
    };
    let (micro, nano) = (1_000_007_000, 1_000_000_007);
    assert_eq!(of([0, 2, 0, 2], 1), [(micro, 1, 40, 1500); 2]);
    assert_eq!(of([0, 2, 0, 3], 9), [(micro, 9, 40, 1500); 2]);
    assert_eq!(of([2, 31, 0, 0], 1), [(micro, 1, 40, 1500); 2]);
    // AIX: nanoseconds, and links of its own.
    assert_eq!(of([0, 2, 0, 2], 6), [(nano, 1, 40, 1500); 2]);
    assert_eq!(of([0, 2, 0, 2], 24), [(nano, 0, 40, 1500); 2]);
}

#[test]
fn nokia_has_four_bytes_more() {
    let order = u32::to_le_bytes;
    let packet =
        |stuff: u32| [&order(1)[..], &order(2), &order(60), &order(60), &order(stuff), &[7; 60]].concat();
    let file = [header(order, 0xA1B2_C3D4, 96, 1), packet(0xBFBF_D602), packet(0x9FBF_B901)].concat();
    let (seen, summary) = read_all(&file);
    assert_eq!((seen.len(), seen[1].bytes.as_slice(), summary.damage.len()), (2, &[7; 60][..], 0));
    // Anything else in their place is the packet's.
    let other = [header(order, 0xA1B2_C3D4, 96, 1), packet(0xBFBF_D603)].concat();
    assert_eq!(read_all(&other).0[0].bytes[..4], order(0xBFBF_D603));
}
