//! Captures to begin with, and every format that they can be written in.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;
use tdscope::capture::{LinkType, Packet, PcapngWriter, open_reader};

use crate::etl_writer::{ETHERNET, FIRST, Form, LAST, MOBILE, NDIS, PKTMON, Writer, fragment, monitored};
use crate::random::Random;
use crate::writers::{Frame, netmon, snoop};

/// Packets of a capture that are taken, at most.
const PACKETS: usize = 300;

/// A packet record that stands alone.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) time: i64,
    pub(crate) link: LinkType,
    pub(crate) interface: u32,
    pub(crate) original: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A capture: the file as it is, and its packets.
pub(crate) struct Capture {
    pub(crate) file: Vec<u8>,
    pub(crate) records: Vec<Record>,
}

/// Every capture of this repository.
pub(crate) fn captures() -> Vec<Capture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 100);
    paths.iter().map(|path| capture(std::fs::read(path).unwrap())).collect()
}

fn capture(file: Vec<u8>) -> Capture {
    let mut source = open_reader(Box::new(Cursor::new(file.clone())), "stock".to_owned(), 0).unwrap();
    let mut records = Vec::new();
    while records.len() < PACKETS && source.advance().unwrap() {
        let Packet { time, link, interface, original_len, bytes, .. } = source.packet().unwrap();
        records.push(Record { time, link, interface, original: original_len, bytes: bytes.to_vec() });
    }
    Capture { file, records }
}

/// A file of these records: pcap most of the time.
pub(crate) fn written(random: &mut Random, records: &[Record]) -> Vec<u8> {
    let file = match random.below(16) {
        0..9 => pcap(records, random.one_in(4)),
        9..11 => pcapng(records),
        11..13 => old_formats(random, records),
        _ => etl(random, records),
    };
    match random.below(16) {
        0 => gzip(&file),
        1 => lz4(&file),
        _ => file,
    }
}

/// One link type for all, as the format has it: other packets become something else.
fn pcap(records: &[Record], big: bool) -> Vec<u8> {
    let link = records.first().map_or(LinkType::ETHERNET, |record| record.link).0;
    let words = |words: [u32; 4]| {
        words.into_iter().flat_map(|word| if big { word.to_be_bytes() } else { word.to_le_bytes() })
    };
    // Nanoseconds.
    let mut file: Vec<u8> = words([0xA1B2_3C4D, if big { 0x0002_0004 } else { 0x0004_0002 }, 0, 0]).collect();
    file.extend(words([0x40000, link, 0, 0]).take(8));
    for record in records {
        let (seconds, rest) = (record.time.div_euclid(1_000_000_000), record.time.rem_euclid(1_000_000_000));
        file.extend(words([seconds as u32, rest as u32, record.bytes.len() as u32, record.original]));
        file.extend(&record.bytes);
    }
    file
}

pub(crate) fn pcapng(records: &[Record]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new(), None).unwrap();
    let mut links: Vec<LinkType> = Vec::new();
    for (frame, record) in (1..).zip(records) {
        let known = links.iter().position(|link| *link == record.link);
        let interface = known.unwrap_or_else(|| {
            links.push(record.link);
            writer.interface(record.link, 0, "eth0").unwrap() as usize
        }) as u32;
        let Record { time, link, original, ref bytes, .. } = *record;
        let packet = Packet { time, file: 0, frame, link, interface, original_len: original, bytes };
        writer.packet(&packet, &[] as &[&str]).unwrap();
    }
    writer.finish().unwrap()
}

/// Network Monitor and snoop, which cannot hold every time and length.
fn old_formats(random: &mut Random, records: &[Record]) -> Vec<u8> {
    let number = |link: LinkType| if link == LinkType::ETHERNET { 1 } else { 0xE000 | link.0 as u16 };
    let first =
        records.first().map_or(0, |record| record.time.clamp(0, i64::from(u32::MAX - 3_600) * 1_000_000_000));
    let frames: Vec<Frame> = records
        .iter()
        .map(|record| Frame {
            time: record.time.clamp(first, first.saturating_add(3_600_000_000_000)),
            original: record.original.min(0xFFFF),
            network: number(record.link),
            bytes: record.bytes.iter().copied().take(0xFFFF).collect(),
        })
        .collect();
    match random.below(6) {
        0 => snoop(4, &frames),
        1 => netmon((1, 1), first, &frames),
        minor => netmon((2, minor as u8 - 2), first, &frames),
    }
}

fn etl(random: &mut Random, records: &[Record]) -> Vec<u8> {
    let processors = 1 + random.below(3);
    let form = Form {
        buffer: 72 << 10,
        processors,
        frequency: *random.pick(&[0, 10_000_000, 3_579_545]),
        wide: !random.one_in(4),
    };
    let start = records.first().map_or(0, |record| record.time.clamp(0, 1 << 61));
    let mut writer = Writer::new(form, start);
    let (monitor, pieces) = (random.one_in(3), random.one_in(3));
    for (index, record) in records.iter().enumerate() {
        let time = record.time.clamp(start, start + 3_600_000_000_000);
        let bytes = &record.bytes[..record.bytes.len().min(60_000)];
        let keyword = if record.link == LinkType::ETHERNET { ETHERNET } else { MOBILE };
        if monitor {
            let kind = if record.link == LinkType::ETHERNET { 1 } else { 3 };
            let data = monitored(index as u64 / 2, 1, kind, 0, record.original as usize, bytes);
            writer.event(index % processors, time, PKTMON, 160, 0, &data);
            continue;
        }
        let cuts = bytes.chunks(if pieces { 100 } else { 60_000 });
        let count = cuts.len();
        for (number, cut) in cuts.enumerate() {
            let first = if number == 0 { FIRST } else { 0 };
            let last = if number + 1 == count { LAST } else { 0 };
            let data = fragment(7, cut);
            writer.event(index % processors, time, NDIS, 1001, keyword | first | last, &data);
        }
    }
    writer.finish()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
