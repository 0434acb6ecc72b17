use super::writers::{Frame, snoop, snoop_record};
use super::{Seen, damage, failing, open_bytes, read_all};
use crate::capture::{ErrorKind, LinkType, open_reader};

fn frame(time: i64, bytes: &[u8]) -> Frame {
    Frame { time, original: u32::try_from(bytes.len()).unwrap(), network: 1, bytes: bytes.to_vec() }
}

#[test]
fn records_and_their_padding_are_read() {
    let mut frames: Vec<Frame> =
        (1..6).map(|length| frame(1_700_000_000_000_001_000, &vec![7; length])).collect();
    frames[1].original = 1500;
    let (seen, summary) = read_all(&snoop(4, &frames));
    let second = Seen {
        time: 1_700_000_000_000_001_000,
        frame: 2,
        link: LinkType::ETHERNET,
        interface: 0,
        original_len: 1500,
        bytes: vec![7; 2],
    };
    assert_eq!((seen.len(), &seen[1]), (5, &second));
    assert_eq!((summary.format.as_str(), summary.packets, summary.snapped), ("snoop", 5, 1));
    assert_eq!((summary.damage, summary.dropped), (vec![], None));
    assert_eq!(summary.link_types, [LinkType::ETHERNET]);
    assert_eq!(read_all(&snoop(0, &[])).1.damage, []);
}

#[test]
fn drops_are_cumulative() {
    let frame = frame(0, &[1; 60]);
    let records = [3, 5, 4].map(|drops| snoop_record(&frame, drops)).concat();
    assert_eq!(read_all(&[snoop(4, &[]), records].concat()).1.dropped, Some(5));
}

#[test]
fn datalink_types_are_link_types() {
    let link =
        |datalink| open_bytes(&snoop(datalink, &[])).map(|source| source.summaries()[0].link_types[0].0);
    let known = [(0, 1), (2, 6), (4, 1), (8, 10), (9, 0), (12, 1), (18, 123), (0x8000_0001, 101)];
    for (datalink, expected) in known {
        assert_eq!(link(datalink).unwrap(), expected, "{datalink}");
    }
    for datalink in [1, 5, 0x8000_0000, u32::MAX] {
        assert!(matches!(link(datalink).unwrap_err().kind, ErrorKind::Malformed { offset: 12, .. }));
    }
    for version in [0, 1, 6] {
        let mut file = snoop(4, &[]);
        file[11] = version;
        let Err(error) = open_bytes(&file) else { panic!("opened") };
        assert!(matches!(error.kind, ErrorKind::Malformed { offset: 8, .. }));
    }
}

#[test]
fn cut_at_every_byte_what_was_whole_is_read_and_the_cut_is_told() {
    let whole = snoop(4, &[frame(1_000, &[7; 10]), frame(2_000, &[8; 5])]);
    // 24 + 10 + 2 of padding, 24 + 5 + 3.
    assert_eq!(whole.len(), 16 + 36 + 32);
    for cut in 0..whole.len() {
        if cut < 16 {
            assert!(open_bytes(&whole[..cut]).is_err(), "cut at {cut}");
            continue;
        }
        let (seen, summary) = read_all(&whole[..cut]);
        // Without the padding of the last record nothing is missed.
        assert_eq!(seen.len(), usize::from(cut >= 50) + usize::from(cut >= 81), "cut at {cut}");
        match cut {
            16 | 50..=52 | 81.. => assert!(summary.damage.is_empty(), "cut at {cut}"),
            17..40 | 53..76 => assert!(damage(&summary).1.contains("cut in a record header"), "cut at {cut}"),
            _ => assert!(damage(&summary).1.contains("cut in a packet"), "cut at {cut}"),
        }
    }
}

#[test]
fn lengths_that_do_not_agree_end_it() {
    let file = snoop(4, &[frame(1_000, &[7; 10]), frame(2_000, &[8; 5])]);
    // The included length, and that of the record: less than what it includes, much more, none.
    for (at, value) in
        [(56, 9_u32), (56, 0x0004_0001), (56, u32::MAX), (60, 28), (60, 0), (60, 0x0100_0000), (60, u32::MAX)]
    {
        let mut wrong = file.clone();
        wrong[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let (seen, summary) = read_all(&wrong);
        assert_eq!((seen.len(), damage(&summary).0), (1, 52), "{at} {value}");
    }
    for at in 0..file.len() {
        for wrong in [0, 0xFF, file[at] ^ 1] {
            let mut broken = file.clone();
            broken[at] = wrong;
            if open_bytes(&broken).is_ok() {
                assert!(read_all(&broken).0.len() <= 3);
            }
        }
    }
}

#[test]
fn a_stream_that_fails_is_an_error() {
    let whole = snoop(4, &[frame(1_000, &[7; 10]), frame(2_000, &[8; 5])]);
    let mut source = open_reader(failing(&whole[..60]), "memory".to_owned(), 0).unwrap();
    assert!(source.advance().unwrap());
    let error = source.advance().unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::Io { offset: 52, .. }), "{error}");
}
