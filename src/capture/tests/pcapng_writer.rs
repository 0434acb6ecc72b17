use std::io::{self, Write};

use super::blocks::{blocks, packet_comments, section_comment};
use super::{Seen, read_all};
use crate::capture::{LinkType, Packet, PcapngWriter};

const NONE: &[&str] = &[];
const TIME: i64 = 1_700_000_000_123_456_789;

fn packet(interface: u32, link: LinkType, time: i64, bytes: &[u8]) -> Packet<'_> {
    let original_len = u32::try_from(bytes.len()).unwrap();
    Packet { time, file: 9, frame: 99, link, interface, original_len, bytes }
}

fn ethernet(bytes: &[u8]) -> Packet<'_> {
    packet(0, LinkType::ETHERNET, TIME, bytes)
}

/// A file of one Ethernet interface, begun.
fn begun() -> PcapngWriter<Vec<u8>> {
    let mut writer = PcapngWriter::new(Vec::new(), None).unwrap();
    writer.interface(LinkType::ETHERNET, 0, "eth0").unwrap();
    writer
}

#[test]
fn a_small_file_is_this_to_the_byte() {
    let mut writer = PcapngWriter::by("tdscope 1.2.3", Vec::new(), Some("R1")).unwrap();
    assert_eq!(writer.interface(LinkType::RAW, 96, "lo").unwrap(), 0);
    let short = Packet { original_len: 60, ..packet(0, LinkType::RAW, 0x0102_0304_0506_0708, &[0xAA; 5]) };
    writer.packet(&short, &["a", "four"]).unwrap();
    writer.statistics(0, 0x0102_0304_0506_0709, Some(7), Some(8)).unwrap();
    let written = writer.written();
    #[rustfmt::skip]
    let expected: &[u8] = &[
        // Section header: type, length, byte order, version, length of the section.
        0x0A, 0x0D, 0x0D, 0x0A, 60, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        1, 0, 2, 0, b'R', b'1', 0, 0,
        4, 0, 13, 0, b't', b'd', b's', b'c', b'o', b'p', b'e', b' ', b'1', b'.', b'2', b'.', b'3', 0, 0, 0,
        0, 0, 0, 0, 60, 0, 0, 0,
        // Interface: link type, snap length, name, resolution.
        1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 96, 0, 0, 0,
        2, 0, 2, 0, b'l', b'o', 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
        // Packet: interface, time, lengths, bytes, comments.
        6, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1, 8, 7, 6, 5, 5, 0, 0, 0, 60, 0, 0, 0,
        0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0, 0, 0,
        1, 0, 1, 0, b'a', 0, 0, 0, 1, 0, 4, 0, b'f', b'o', b'u', b'r', 0, 0, 0, 0, 60, 0, 0, 0,
        // Statistics: interface, time, received, dropped.
        5, 0, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1, 9, 7, 6, 5,
        4, 0, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 0, 0,
    ];
    let file = writer.finish().unwrap();
    assert_eq!(file, expected);
    assert_eq!(written, file.len() as u64);
}

#[test]
fn what_is_written_is_read_back() {
    let mut writer = PcapngWriter::new(Vec::new(), Some("two cards")).unwrap();
    assert_eq!(writer.interface(LinkType::ETHERNET, 65_535, "eth0").unwrap(), 0);
    assert_eq!(writer.interface(LinkType::LINUX_SLL2, 0, "any \u{1F980}").unwrap(), 1);
    let mut expected = Vec::new();
    // Every length around the padding, on both interfaces in turn, with and without comments, and some cut.
    for length in 0..10_u8 {
        let (interface, link) =
            if length % 2 == 0 { (0, LinkType::ETHERNET) } else { (1, LinkType::LINUX_SLL2) };
        let bytes: Vec<u8> = (1..=length).collect();
        let time = TIME - i64::from(length) * 1_000_000_001;
        let original_len = u32::from(length) + u32::from(length / 5) * 1500;
        let packet = Packet { original_len, ..packet(interface, link, time, &bytes) };
        writer.packet(&packet, &vec!["why"; usize::from(length % 3)]).unwrap();
        let frame = u64::from(length) + 1;
        expected.push(Seen { time, frame, link, interface, original_len, bytes });
    }
    writer.statistics(0, TIME, Some(1_000), Some(3)).unwrap();
    writer.statistics(1, TIME, Some(1_000), None).unwrap();
    writer.statistics(1, TIME, None, None).unwrap();
    let file = writer.finish().unwrap();
    let (seen, summary) = read_all(&file);
    assert_eq!(seen, expected);
    assert_eq!(summary.link_types, [LinkType::ETHERNET, LinkType::LINUX_SLL2]);
    assert_eq!((summary.dropped, summary.damage, summary.error), (Some(3), vec![], None));
    assert_eq!(summary.bytes, file.len() as u64);

    assert_eq!(section_comment(&file), "two cards");
    let counts: Vec<usize> = packet_comments(&file).iter().map(Vec::len).collect();
    assert_eq!(counts, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    let blocks = blocks(&file);
    let application = format!("tdscope {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(blocks[0].options()[1], (4, application.as_bytes()));
    assert_eq!(blocks[2].options(), [(2, "any \u{1F980}".as_bytes()), (9, &[9][..])]);
    let told: Vec<usize> = blocks[13..].iter().map(|block| block.options().len()).collect();
    assert_eq!(told, [2, 1, 0]);
}

#[test]
fn a_file_without_anything_is_a_file() {
    let file = PcapngWriter::new(Vec::new(), None).unwrap().finish().unwrap();
    let (seen, summary) = read_all(&file);
    assert_eq!((seen, summary.damage, summary.format.as_str()), (vec![], vec![], "pcapng"));
    assert!(blocks(&file)[0].comments().is_empty());
}

#[test]
fn times_that_a_file_cannot_say_are_the_nearest() {
    let mut writer = begun();
    for time in [i64::MIN, -1, 0, 1, i64::from(u32::MAX), i64::from(u32::MAX) + 1, i64::MAX] {
        writer.packet(&Packet { time, ..ethernet(&[]) }, NONE).unwrap();
    }
    let (seen, _) = read_all(&writer.finish().unwrap());
    let times: Vec<i64> = seen.iter().map(|seen| seen.time).collect();
    assert_eq!(times, [0, 0, 0, 1, 0xFFFF_FFFF, 0x1_0000_0000, i64::MAX]);
}

#[test]
fn comments_of_every_length_around_the_padding_and_the_limit() {
    for length in (0..=9).chain(65_529..=65_540) {
        let comment = "c".repeat(length);
        let mut writer = PcapngWriter::new(Vec::new(), Some(&comment)).unwrap();
        writer.interface(LinkType::ETHERNET, 0, &comment).unwrap();
        writer.packet(&ethernet(&[1, 2, 3]), &[comment.as_str(), "next", &comment]).unwrap();
        writer.packet(&ethernet(&[4]), NONE).unwrap();
        let file = writer.finish().unwrap();
        let cut = &comment[..length.min(65_535)];
        assert_eq!(section_comment(&file), cut);
        assert_eq!(packet_comments(&file), [vec![cut.to_owned(), "next".to_owned(), cut.to_owned()], vec![]]);
        assert_eq!(blocks(&file)[1].options()[0], (2, cut.as_bytes()));
        let (seen, summary) = read_all(&file);
        assert_eq!((seen.len(), seen[0].bytes.as_slice(), summary.damage), (2, &[1, 2, 3][..], vec![]));
    }
}

#[test]
fn a_long_comment_is_cut_between_characters() {
    for (letter, before) in
        ["ü", "→", "\u{1F980}"].into_iter().flat_map(|letter| (0..5).map(move |n| (letter, n)))
    {
        let comment = "x".repeat(before) + &letter.repeat(40_000);
        let mut writer = begun();
        writer.packet(&ethernet(&[]), &[&comment]).unwrap();
        let written = packet_comments(&writer.finish().unwrap()).remove(0).remove(0);
        assert!(comment.starts_with(&written));
        let lost = 65_535 - written.len();
        assert!(lost < letter.len(), "{lost} bytes lost before {letter}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_and_leaves_the_file_as_it_was() {
    let mut writer = begun();
    writer.interface(LinkType(65_535), 0, "odd").unwrap();
    let before = writer.written();
    let large = vec![0; (16 << 20) - 32 + 1];
    let refusals = [
        writer.interface(LinkType(65_536), 0, "x").unwrap_err(),
        writer.packet(&packet(2, LinkType::ETHERNET, 0, &[]), NONE).unwrap_err(),
        writer.packet(&packet(1, LinkType::ETHERNET, 0, &[]), NONE).unwrap_err(),
        writer.statistics(2, 0, None, None).unwrap_err(),
        writer.packet(&ethernet(&large), NONE).unwrap_err(),
        writer.packet(&ethernet(&large[1..]), &["one comment more"]).unwrap_err(),
    ];
    let told: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    let large_text = "a packet and its comments are more than a pcapng reader takes (16 MiB)";
    let expected = [
        "link type 65536 does not fit into a pcapng file",
        "interface 2 was not described",
        "interface 1 has another link type than its packet",
        "interface 2 was not described",
        large_text,
        large_text,
    ];
    assert_eq!(told, expected);
    assert!(refusals.iter().all(|error| error.kind() == io::ErrorKind::InvalidInput));
    assert_eq!(writer.written(), before);
    // The largest that is taken is read as well.
    writer.packet(&ethernet(&large[1..]), NONE).unwrap();
    let (seen, summary) = read_all(&writer.finish().unwrap());
    assert_eq!((seen.len(), seen[0].bytes.len(), summary.damage), (1, large.len() - 1, vec![]));
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = bytes.len().min(self.0);
        self.0 -= written;
        if written == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(written) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.0 == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn a_full_disk_is_told_wherever_it_happens() {
    let write = |room: usize| -> io::Result<u64> {
        let mut writer = PcapngWriter::new(Full(room), Some("why"))?;
        writer.interface(LinkType::ETHERNET, 0, "eth0")?;
        writer.packet(&ethernet(&[1, 2, 3]), &["evidence"])?;
        writer.statistics(0, TIME, Some(1), None)?;
        let written = writer.written();
        writer.finish().map(|_| written)
    };
    let whole = write(10_000).unwrap();
    for room in 0..=usize::try_from(whole).unwrap() {
        assert_eq!(write(room).unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
    }
    assert_eq!(write(usize::try_from(whole).unwrap() + 1).unwrap(), whole);
}
