use super::compressed::{gzip, lz4, xz, zstd};
use super::writers::{Frame, ndis_event, netmon, netmon_record};
use super::{Seen, damage, drain, failing, open_bytes, read_all};
use crate::capture::{ErrorKind, LinkType, open_reader};

const VERSIONS: [(u8, u8); 5] = [(1, 1), (2, 0), (2, 1), (2, 2), (2, 3)];
/// 2026-03-01T02:14:07.123Z
const START: i64 = 1_772_331_247_123_000_000;
/// Link type and a number of bytes.
type Expected = Option<(u32, usize)>;
const MILLISECOND: i64 = 1_000_000;

fn frame(time: i64, network: u16, bytes: &[u8]) -> Frame {
    Frame {
        time: START + time,
        original: u32::try_from(bytes.len()).unwrap(),
        network,
        bytes: bytes.to_vec(),
    }
}

/// Bytes of no pattern, as packets have, that begin with a number.
fn packet(number: u8, length: usize) -> Vec<u8> {
    let noise =
        |at: usize| u8::try_from((at * 2_654_435_761 + usize::from(number) * 40_503) >> 9 & 0xFF).unwrap();
    (0..length).map(noise).collect()
}

fn frames(count: u8) -> Vec<Frame> {
    (0..count)
        .map(|at| frame(i64::from(at) * 7 * MILLISECOND, 1, &packet(at, 60 + usize::from(at))))
        .collect()
}

fn bytes(seen: &[Seen]) -> Vec<&[u8]> {
    seen.iter().map(|packet| packet.bytes.as_slice()).collect()
}

fn written(frames: &[Frame]) -> Vec<&[u8]> {
    frames.iter().map(|frame| frame.bytes.as_slice()).collect()
}

#[test]
fn every_version_is_read() {
    for version in VERSIONS {
        let mut frames = frames(3);
        frames[1].original = 1500;
        let file = netmon(version, START, &frames);
        let (seen, summary) = read_all(&file);
        let second = Seen {
            time: START + 7 * MILLISECOND,
            frame: 2,
            link: LinkType::ETHERNET,
            interface: 0,
            original_len: 1500,
            bytes: frames[1].bytes.clone(),
        };
        assert_eq!((seen.len(), &seen[1]), (3, &second), "{version:?}");
        assert_eq!((summary.format.as_str(), summary.packets, summary.snapped), ("netmon", 3, 1));
        assert_eq!((summary.first, summary.last), (Some(START), Some(START + 14 * MILLISECOND)));
        assert_eq!((summary.damage, summary.error, summary.dropped), (vec![], None, None), "{version:?}");
        assert_eq!(summary.link_types, [LinkType::ETHERNET]);
    }
}

#[test]
fn times_before_the_beginning_and_finer_ones_are_read() {
    // In 2.x with microseconds; a FILETIME has 100 nanoseconds.
    let frames = [frame(-1_500_000_000, 1, &[1; 60]), frame(1_234_567_800, 1, &[2; 60])];
    let time = |version| {
        read_all(&netmon(version, START, &frames)).0.iter().map(|seen| seen.time - START).collect::<Vec<_>>()
    };
    assert_eq!(time((2, 0)), [-1_500_000_000, 1_234_567_000]);
    assert_eq!(time((2, 2)), [-1_500_000_000, 1_234_567_000]);
    assert_eq!(time((2, 3)), [-1_500_000_000, 1_234_567_800]);
    assert_eq!(time((2, 9)), [-1_500_000_000, 1_234_567_800]);
    // A negative delta as Network Monitor itself may write it: without the bits that ten times it loses.
    let mut file = netmon((2, 0), START, &frames);
    file[135] &= 0x7F;
    assert_eq!(read_all(&file).0[0].time, START - 1_500_000_000);
}

#[test]
fn a_date_that_is_none_is_told_unless_records_have_their_own() {
    for version in VERSIONS {
        let mut file = netmon(version, START, &frames(2));
        // A month, and so many milliseconds that they are no number of nanoseconds.
        for (at, field) in [(10, 13_u16), (22, 2_148), (22, 32_767)] {
            let before = file[at..at + 2].to_vec();
            file[at..at + 2].copy_from_slice(&field.to_le_bytes());
            let (seen, summary) = read_all(&file);
            if version == (2, 3) {
                assert_eq!((seen[1].time, summary.damage.len()), (START + 7 * MILLISECOND, 0));
            } else {
                assert_eq!((seen[1].time, damage(&summary).0), (7 * MILLISECOND, 8), "{version:?}");
            }
            file[at..at + 2].copy_from_slice(&before);
        }
    }
    // A FILETIME of 0 is no time.
    let mut file = netmon((2, 3), START, &frames(1));
    let at = 128 + 16 + 60 + 6;
    file[at..at + 8].fill(0);
    assert_eq!(read_all(&file).0[0].time, START);
}

#[test]
fn networks_are_link_types() {
    let radio = [&[2, 5, 0, 9, 9][..], &[0xAA; 40]].concat();
    let cases: [(u16, &[u8], Expected); 16] = [
        (0, &[1; 60], Some((1, 0))),
        (1, &[1; 60], Some((1, 0))),
        (2, &[1; 60], Some((6, 0))),
        (3, &[1; 60], Some((10, 0))),
        (4, &[1; 60], None),
        (5, &[1; 60], None),
        (6, &radio, Some((105, 5))),
        (7, &[0x45; 60], Some((101, 0))),
        (8, &[0x45; 60], Some((101, 0))),
        (9, &[0x45; 60], Some((101, 0))),
        (0xE000, &[1; 60], Some((0, 0))),
        (0xE071, &[1; 60], Some((113, 0))),
        (0xE080, &[1; 60], Some((105, 0))),
        (0xE083, &[1; 60], None),
        (0xE114, &[1; 60], Some((276, 0))),
        (0xF123, &[1; 60], None),
    ];
    for (network, bytes, expected) in cases {
        let frames = [frame(0, network, bytes), frame(1000, 1, &[3; 60])];
        let (seen, summary) = read_all(&netmon((2, 1), START, &frames));
        assert_eq!(summary.packets, 2, "{network:#x}");
        let last = seen.last().unwrap();
        assert_eq!((last.frame, last.bytes.as_slice()), (2, &[3; 60][..]), "{network:#x}");
        let first = (seen.len() == 2).then(|| &seen[0]);
        assert_eq!(
            first.map(|seen| (seen.link.0, seen.bytes.as_slice(), seen.original_len as usize)),
            expected.map(|(link, at)| (link, &bytes[at..], bytes.len() - at)),
            "{network:#x}"
        );
        assert_eq!(summary.damage.len(), usize::from(expected.is_none()), "{network:#x}");
    }
    // Before 2.1 the header says it.
    let (seen, summary) = read_all(&netmon((2, 0), START, &[frame(0, 9, &[0x45; 40])]));
    assert_eq!((seen[0].link, summary.link_types), (LinkType::RAW, vec![LinkType::RAW]));
}

#[test]
fn broken_radio_headers_are_left_out_and_told_once() {
    let cases: [&[u8]; 5] =
        [&[2, 3], &[1, 5, 0, 9, 9, 1], &[2, 2, 0, 1, 1], &[2, 9, 0, 1, 1], &[2, 0xFF, 0xFF, 1]];
    let mut frames: Vec<Frame> = cases.iter().map(|bytes| frame(0, 6, bytes)).collect();
    frames.push(frame(0, 6, &[2, 3, 0]));
    let (seen, summary) = read_all(&netmon((2, 1), START, &frames));
    assert_eq!((seen.len(), seen[0].frame, seen[0].bytes.len(), summary.packets), (1, 6, 0, 6));
    assert!(damage(&summary).1.contains("network type 0x0006"));
}

#[test]
fn what_is_no_packet_is_counted_as_wireshark_does() {
    let frames = [
        frame(0, 0xFFFB, &[1; 30]),
        frame(0, 1, &[1; 60]),
        frame(0, 0xFFFE, &[2; 30]),
        frame(0, 0xFFFD, &[2; 30]),
        frame(0, 0xFFFC, &[2; 30]),
        frame(0, 0xFFE0, &[2; 120]),
        frame(5, 1, &[3; 60]),
        frame(0, 0xFFFF, &[]),
    ];
    for version in [(2, 1), (2, 2), (2, 3)] {
        let (seen, summary) = read_all(&netmon(version, START, &frames));
        assert_eq!(seen.iter().map(|seen| seen.frame).collect::<Vec<_>>(), [2, 4]);
        assert_eq!((summary.packets, summary.damage.len()), (5, 0));
        assert_eq!(summary.first, Some(START));
    }
}

#[test]
fn events_that_carry_packets_are_packets() {
    let (start, end) = (0x4000_0000, 0x8000_0000);
    let cases: [(Vec<u8>, Expected); 8] = [
        (ndis_event(start | end | 1, &[], &[7; 60]), Some((1, 60))),
        (ndis_event(start | end, &[&[1; 3], &[]], &[7; 61]), Some((1, 61))),
        (ndis_event(start | end | 0x200, &[], &[7; 62]), Some((101, 62))),
        (ndis_event(start | 0x1_0000, &[], &[7; 63]), Some((105, 63))),
        // Behind the fragment newer versions have more.
        ([ndis_event(start | end, &[], &[7; 64]), vec![9; 16]].concat(), Some((1, 64))),
        // Not the beginning of a packet; of no length; cut.
        (ndis_event(end, &[], &[7; 60]), None),
        (ndis_event(start, &[], &[]), None),
        (ndis_event(start, &[&[1; 3]], &[7; 60])[..160].to_vec(), None),
    ];
    for (event, expected) in cases {
        let (seen, summary) = read_all(&netmon((2, 3), START, &[frame(3000, 0xFFE0, &event)]));
        let packets: Vec<_> = seen.iter().map(|seen| (seen.link.0, seen.bytes.len())).collect();
        assert_eq!(packets, expected.into_iter().collect::<Vec<_>>());
        for seen in seen {
            assert_eq!((seen.time, seen.original_len as usize), (START + 3000, seen.bytes.len()));
            assert!(seen.bytes.iter().all(|byte| *byte == 7));
        }
        assert_eq!((summary.packets, summary.damage.len()), (1, 0));
    }
    // Whatever the length, nothing beyond the event is read.
    let event = ndis_event(start, &[&[0xFF; 8]], &[7; 20]);
    for length in 0..event.len() {
        assert!(
            read_all(&netmon((2, 1), START, &[frame(0, 0xFFE0, &event[..length])])).0.is_empty(),
            "{length}"
        );
    }
    // Another provider, another event.
    for at in [24, 39, 40, 41] {
        let mut other = event.clone();
        other[at] ^= 1;
        assert!(read_all(&netmon((2, 1), START, &[frame(0, 0xFFE0, &other)])).0.is_empty(), "{at}");
    }
}

#[test]
fn cut_at_every_byte_what_was_whole_is_read_and_the_cut_is_told() {
    for version in VERSIONS {
        let frames = frames(4);
        let whole = netmon(version, START, &frames);
        let mut ends = vec![128];
        for frame in &frames {
            ends.push(ends.last().unwrap() + netmon_record(version, START, frame).len());
        }
        let table = *ends.last().unwrap();
        for cut in 0..whole.len() {
            if cut < 128 {
                assert!(open_bytes(&whole[..cut]).is_err(), "{version:?} {cut}");
                continue;
            }
            let (seen, summary) = read_all(&whole[..cut]);
            let expected = ends[1..].iter().filter(|end| **end <= cut).count();
            assert_eq!(bytes(&seen), written(&frames[..expected]), "{version:?} {cut}");
            // In the table, a cut is of no consequence.
            assert_eq!(summary.damage.len(), usize::from(cut < table), "{version:?} {cut}");
            assert!(summary.damage.iter().all(|damage| damage.offset == ends[expected] as u64));
        }
    }
}

#[test]
fn without_tables_the_end_of_the_file_is_that_of_the_records() {
    for version in VERSIONS {
        let mut file = netmon(version, START, &frames(3));
        file.truncate(file.len() - 12);
        file[24..32].fill(0);
        let (seen, summary) = read_all(&file);
        assert_eq!((seen.len(), summary.damage.len()), (3, 0), "{version:?}");
        let (seen, summary) = read_all(&file[..file.len() - 1]);
        assert_eq!((seen.len(), summary.damage.len()), (2, 1), "{version:?}");
    }
    let (seen, summary) = read_all(&netmon((2, 3), START, &[]));
    assert_eq!((seen.len(), summary.packets, summary.damage.len()), (0, 0, 0));
}

#[test]
fn a_frame_table_that_is_wrong_does_not_matter() {
    for version in VERSIONS {
        let frames = frames(6);
        let whole = netmon(version, START, &frames);
        let table = whole.len() - 24;
        for at in table..whole.len() {
            let mut file = whole.clone();
            file[at] ^= 0x81;
            let (seen, summary) = read_all(&file);
            assert_eq!((bytes(&seen), summary.damage), (written(&frames), vec![]), "{version:?} {at}");
        }
        // Its length: too short, too long, no multiple of an entry's.
        for length in [0_u32, 4, 23, 25, u32::MAX] {
            let mut file = whole.clone();
            file[28..32].copy_from_slice(&length.to_le_bytes());
            assert_eq!(bytes(&read_all(&file).0), written(&frames), "{version:?} {length}");
        }
        // Its offset: inside a record, in the header, beyond the file.
        for offset in [200_u32, 300, 0, 127, u32::MAX] {
            let mut file = whole.clone();
            file[24..28].copy_from_slice(&offset.to_le_bytes());
            let (seen, _) = read_all(&file);
            assert_eq!(bytes(&seen[..6]), written(&frames), "{version:?} {offset}");
        }
    }
}

#[test]
fn a_table_before_the_records_and_another_order_are_known() {
    let frames = frames(3);
    let records: Vec<u8> = frames.iter().flat_map(|frame| netmon_record((2, 1), START, frame)).collect();
    let mut first = netmon((2, 1), START, &[]);
    first[24..28].copy_from_slice(&128_u32.to_le_bytes());
    first[28..32].copy_from_slice(&12_u32.to_le_bytes());
    let (seen, summary) = read_all(&[first, vec![0xEE; 12], records].concat());
    assert_eq!((bytes(&seen), summary.damage), (written(&frames), vec![]));
    // The first two change places in the table.
    let mut file = netmon((2, 1), START, &frames);
    let table = file.len() - 12;
    file[table..table + 8].rotate_left(4);
    let (seen, summary) = read_all(&file);
    assert_eq!(bytes(&seen), written(&frames));
    let (offset, what) = damage(&summary);
    assert_eq!((offset, what.contains("in another order")), (table as u64, true));
}

#[test]
fn tables_between_records_and_frame_table_are_no_records() {
    let frames = frames(3);
    let file = netmon((2, 3), START, &frames);
    let (records, table) = file.split_at(file.len() - 12);
    let mut file = [records, &[0xC0; 50], table].concat();
    let end = u32::try_from(records.len()).unwrap();
    file[24..28].copy_from_slice(&(end + 50).to_le_bytes());
    file[40..44].copy_from_slice(&end.to_le_bytes());
    file[44..48].copy_from_slice(&50_u32.to_le_bytes());
    let (seen, summary) = read_all(&file);
    assert_eq!((bytes(&seen), summary.damage), (written(&frames), vec![]));
    // Records that stand behind such a table are missed, and it is told.
    file[40..44].copy_from_slice(&u32::try_from(128 + 16 + 60 + 15).unwrap().to_le_bytes());
    let (seen, summary) = read_all(&file);
    assert_eq!((seen.len(), damage(&summary).1), (1, "the frame table names 3 records, 1 were found"));
    // Before 2.2 the field may hold anything.
    let mut file = netmon((2, 1), START, &frames);
    file[40..48].fill(0xC0);
    assert_eq!(read_all(&file).0.len(), 3);
}

#[test]
fn gaps_between_records_are_stepped_over() {
    let frames = frames(6);
    for version in [(2, 0), (2, 1), (2, 2), (2, 3)] {
        for gap in [vec![0; 1], vec![0; 40], vec![0xFF; 100], packet(9, 77), vec![0; 3 << 20]] {
            let mut file = netmon(version, START, &[]);
            for (at, frame) in frames.iter().enumerate() {
                if at == 2 {
                    file.extend(&gap);
                }
                file.extend(netmon_record(version, START, frame));
            }
            file[24..32].fill(0);
            let (seen, summary) = read_all(&file);
            assert_eq!(bytes(&seen), written(&frames), "{version:?} {}", gap.len());
            let (_, what) = damage(&summary);
            assert_eq!(what, format!("no record can begin here: {} bytes are left out", gap.len()));
        }
    }
}

#[test]
fn a_length_that_is_off_by_one_costs_a_record_or_two() {
    let frames = frames(12);
    for version in [(2, 0), (2, 1), (2, 2), (2, 3)] {
        for field in [8, 12] {
            for by in [1_u8, 0xFF] {
                let mut file = netmon(version, START, &frames);
                let third =
                    128 + frames[..3].iter().map(|f| netmon_record(version, START, f).len()).sum::<usize>();
                file[third + field] = file[third + field].wrapping_add(by);
                let (seen, _) = read_all(&file);
                let whole = bytes(&seen).iter().filter(|bytes| written(&frames).contains(bytes)).count();
                assert!(whole >= 10, "{version:?} {field} {by}: {whole}");
            }
        }
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let frames = frames(8);
    for version in VERSIONS {
        let whole = netmon(version, START, &frames);
        for at in 0..whole.len() {
            for wrong in [0, 0xFF, whole[at] ^ 1] {
                let mut file = whole.clone();
                file[at] = wrong;
                let Ok(mut source) = open_bytes(&file) else {
                    assert!(at < 6, "{version:?} {at}");
                    continue;
                };
                let (seen, summary) = drain(source.as_mut());
                // Where the records end is told by the header, and behind that 1.x cannot tell a table from records.
                assert!(summary.error.is_none() && seen.len() <= 12, "{version:?} {at} {}", seen.len());
            }
        }
    }
}

#[test]
fn noise_ends() {
    // No record anywhere, more than is looked at in one go; and records of which each is broken.
    let noise = vec![0xFF; 5 << 20];
    let (seen, summary) = read_all(&[netmon((2, 3), START, &[]), noise].concat());
    assert_eq!(seen.len(), 0);
    assert!(summary.damage.len() <= 1);
    let mut file = netmon((2, 1), START, &[]);
    file[24..32].fill(0);
    for _ in 0..20_000 {
        file.extend(netmon_record((2, 1), START, &frame(0, 1, &[9; 20])));
        file.extend(netmon_record((2, 1), START, &frame(0, 1, &[9; 20])));
        file.extend([0xFF; 10]);
    }
    let (seen, summary) = read_all(&file);
    assert_eq!((seen.len(), summary.damage.len()), (40_000, 32));
}

#[test]
fn other_versions_are_refused() {
    let mut file = netmon((2, 3), START, &frames(1));
    for major in [0, 3, 255] {
        file[5] = major;
        let Err(error) = open_bytes(&file) else { panic!("opened") };
        assert!(matches!(error.kind, ErrorKind::Malformed { offset: 4, .. }), "{error}");
    }
}

#[test]
fn compressed_it_is_the_same() {
    for version in VERSIONS {
        let plain = netmon(version, START, &frames(200));
        let expected = read_all(&plain).0;
        for (packed, name) in
            [(gzip(&plain), "gzip"), (zstd(&plain), "zstd"), (lz4(&plain), "lz4"), (xz(&plain), "xz")]
        {
            let (seen, summary) = read_all(&packed);
            assert_eq!((seen.len(), seen == expected, summary.damage.len()), (200, true, 0));
            assert_eq!(summary.format, format!("netmon+{name}"));
        }
    }
}

#[test]
fn a_stream_that_fails_is_an_error_and_what_came_before_stands() {
    let whole = netmon((2, 1), START, &frames(3));
    let mut source = open_reader(failing(&whole[..240]), "memory".to_owned(), 0).unwrap();
    assert!(source.advance().unwrap());
    let error = source.advance().unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::Io { offset: 206, .. }), "{error}");
    assert_eq!(drain(source.as_mut()).0, []);
    let Err(error) = open_reader(failing(&whole[..100]), "memory".to_owned(), 0) else { panic!("opened") };
    assert!(matches!(error.kind, ErrorKind::Io { .. }), "{error}");
}
