//! Every capture of `fixtures/captures`, written in other formats: what is found in it stays the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a test fails by panicking, and writers are shared with others"
)]

#[path = "../src/capture/tests/writers.rs"]
mod writers;

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;
use tdscope::analysis::{Analyzer, Settings};
use tdscope::capture::{Error, Input, LinkType, Packet, Source, Summary, open, open_reader};
use writers::{Frame, netmon, snoop};

/// The packets of a capture as they are in memory: what the files that are written of them have to give.
struct Memory {
    packets: Vec<(LinkType, Frame)>,
    /// Number of the packet that was moved to.
    at: usize,
}

impl Source for Memory {
    fn advance(&mut self) -> Result<bool, Error> {
        self.at += 1;
        Ok(self.at <= self.packets.len())
    }

    fn packet(&self) -> Option<Packet<'_>> {
        let (link, frame) = self.packets.get(self.at.checked_sub(1)?)?;
        Some(Packet {
            time: frame.time,
            file: 0,
            frame: self.at as u64,
            link: *link,
            interface: 0,
            original_len: frame.original,
            bytes: &frame.bytes,
        })
    }

    fn summaries(&self) -> Vec<Summary> {
        let times = || self.packets.iter().map(|(_, frame)| frame.time);
        let packets = self.packets.len() as u64;
        vec![Summary { packets, first: times().min(), last: times().max(), ..Summary::default() }]
    }
}

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The packets of a source.
fn packets(source: &mut dyn Source) -> Vec<(LinkType, Frame)> {
    let mut packets = Vec::new();
    while source.advance().unwrap_or(false) {
        let packet = source.packet().unwrap();
        assert_eq!(packet.frame, packets.len() as u64 + 1);
        let network = if packet.link == LinkType::ETHERNET { 1 } else { 0xE000 | packet.link.0 as u16 };
        let bytes = packet.bytes.to_vec();
        packets
            .push((packet.link, Frame { time: packet.time, original: packet.original_len, network, bytes }));
    }
    packets
}

/// What was found, as far as it may not depend on the format.
fn findings(source: &mut dyn Source) -> Vec<String> {
    let settings = Settings { all_connections: true, ..Settings::default() };
    let analysis = Analyzer::new(settings).run(source, &mut |_| {});
    let totals = format!("{} logins, {} failed", analysis.totals.logged_in, analysis.totals.failed);
    let findings = analysis.findings.iter().map(|finding| {
        format!("{} {} {:?} {}", finding.code, finding.slug, finding.confidence, finding.count)
    });
    findings.chain([totals]).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// pcapng of a machine whose most significant byte comes first, with an interface for each link type, in nanoseconds.
fn pcapng_big_endian(packets: &[(LinkType, Frame)]) -> Vec<u8> {
    fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
        let length = u32::try_from(12 + body.len().next_multiple_of(4)).unwrap();
        out.extend([kind.to_be_bytes(), length.to_be_bytes()].concat());
        out.extend(body);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(length.to_be_bytes());
    }
    let mut out = Vec::new();
    block(
        0x0A0D_0D0A,
        &[0x1A, 0x2B, 0x3C, 0x4D, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
        &mut out,
    );
    let mut links: Vec<LinkType> = Vec::new();
    for (link, frame) in packets {
        let interface = links.iter().position(|known| known == link).unwrap_or_else(|| {
            let [.., high, low] = link.0.to_be_bytes();
            // Snap length, then if_tsresol 9 and the end of options.
            block(1, &[high, low, 0, 0, 0, 4, 0, 0, 0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0], &mut out);
            links.push(*link);
            links.len() - 1
        });
        let time = frame.time.cast_unsigned();
        let recorded = u32::try_from(frame.bytes.len()).unwrap();
        let words = [interface as u32, (time >> 32) as u32, time as u32, recorded, frame.original];
        let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        body.extend(&frame.bytes);
        block(6, &body, &mut out);
    }
    out
}

/// The packets in every format that can hold them: its name and the file.
fn rewritten(packets: &[(LinkType, Frame)]) -> Vec<(String, Vec<u8>)> {
    let frames: Vec<Frame> = packets.iter().map(|(_, frame)| frame.clone()).collect();
    let start = frames.first().map_or(0, |frame| frame.time);
    let one_link = packets.windows(2).all(|two| two[0].0 == two[1].0);
    let mut files = Vec::new();
    for minor in 0..=3 {
        // Before 2.1 all records are of one network.
        if minor > 0 || one_link {
            files.push((format!("netmon 2.{minor}"), netmon((2, minor), start, &frames)));
        }
    }
    files.push(("pcapng".to_owned(), pcapng_big_endian(packets)));
    let datalink = match packets.first().map(|(link, _)| *link) {
        Some(LinkType::ETHERNET) => Some(4),
        Some(LinkType::NULL) => Some(14),
        _ => None,
    };
    if let Some(datalink) = datalink.filter(|_| one_link) {
        files.push(("snoop".to_owned(), snoop(datalink, &frames)));
    }
    let packed: Vec<_> = files
        .last()
        .into_iter()
        .flat_map(|(name, file)| {
            [
                (format!("{name}+gzip"), gzip(file)),
                (format!("{name}+lz4"), lz4(file)),
                (format!("{name}+zstd"), zstd(file)),
            ]
        })
        .collect();
    files.into_iter().chain(packed).collect()
}

fn reopened(file: &[u8]) -> Box<dyn Source + Send> {
    open_reader(Box::new(Cursor::new(file.to_vec())), "memory".to_owned(), 0).unwrap()
}

#[test]
fn what_is_found_does_not_depend_on_the_format() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for path in captures() {
        let mut source = open(&Input::Path(path.clone()), 0).unwrap();
        let mut packets = packets(source.as_mut());
        for (_, frame) in &mut packets {
            frame.time = frame.time.div_euclid(1_000) * 1_000;
        }
        if packets.is_empty() {
            continue;
        }
        let files = rewritten(&packets);
        let expected = findings(&mut Memory { packets: packets.clone(), at: 0 });
        for (name, file) in files {
            let summary = {
                let mut source = reopened(&file);
                let again = self::packets(source.as_mut());
                let same = again.len() == packets.len()
                    && again.iter().zip(&packets).all(|((link, one), (other_link, other))| {
                        (link, one.time, one.original, &one.bytes)
                            == (other_link, other.time, other.original, &other.bytes)
                    });
                if !same {
                    wrong.push(format!("{} as {name}: other packets", path.display()));
                }
                source.summaries().remove(0)
            };
            if !summary.damage.is_empty() {
                wrong.push(format!("{} as {name}: {:?}", path.display(), summary.damage));
            }
            let found = findings(reopened(&file).as_mut());
            if found != expected {
                wrong.push(format!("{} as {name}: {found:?}, not {expected:?}", path.display()));
            }
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
