//! Captures whose larger packets came in IP fragments must get the verdicts that they get whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Input, LinkType, open, open_reader};
use tdscope::rules::Confidence;

/// Payload bytes of a fragment: a multiple of eight.
const PIECE: usize = 240;

/// Time and bytes of a packet.
type Packet = (i64, Vec<u8>);

fn captures() -> Vec<(PathBuf, Vec<Packet>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut captures = Vec::new();
    for path in paths {
        let Ok(mut source) = open(&Input::Path(path.clone()), 0) else { continue };
        let mut packets = Vec::new();
        let mut ethernet = true;
        while source.advance().unwrap() {
            let packet = source.packet().unwrap();
            ethernet &=
                packet.link == LinkType::ETHERNET && packet.bytes.len() == packet.original_len as usize;
            packets.push((packet.time, packet.bytes.to_vec()));
        }
        if ethernet {
            captures.push((path, packets));
        }
    }
    assert!(captures.len() > 60, "{}", captures.len());
    captures
}

/// The fragments of an IPv4 packet in an Ethernet frame; of others the frame as it is. What is padded or offloaded is left.
fn fragments(frame: &[u8], id: u16) -> Vec<Vec<u8>> {
    let begins = 14 + usize::from(frame.get(14).copied().unwrap_or_default() & 0x0F) * 4;
    let total = frame.get(16..18).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])));
    let fragmented = frame.get(20..22).is_some_and(|two| two[0] & 0x3F != 0 || two[1] != 0);
    if frame.get(12..14) != Some(&[0x08, 0x00])
        || frame.len() != 14 + total
        || fragmented
        || frame.len() - begins <= PIECE
    {
        return vec![frame.to_vec()];
    }
    let pieces: Vec<&[u8]> = frame[begins..].chunks(PIECE).collect();
    let last = pieces.len() - 1;
    let fragment = |(number, piece): (usize, &&[u8])| {
        let mut bytes = frame[..begins].to_vec();
        let total = u16::try_from(begins - 14 + piece.len()).unwrap();
        bytes[16..18].copy_from_slice(&total.to_be_bytes());
        if bytes[18..20] == [0, 0] {
            bytes[18..20].copy_from_slice(&id.to_be_bytes());
        }
        let field = u16::try_from(number * PIECE / 8).unwrap() | if number < last { 0x2000 } else { 0 };
        bytes[20..22].copy_from_slice(&field.to_be_bytes());
        bytes.extend_from_slice(piece);
        bytes
    };
    pieces.iter().enumerate().map(fragment).collect()
}

fn pcap(packets: impl Iterator<Item = Packet>) -> Vec<u8> {
    let mut out: Vec<u8> = [0xA1B2_3C4D_u32, 0x0004_0002, 0, 0, 0x4_0000, 1]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    for (time, bytes) in packets {
        let length = u32::try_from(bytes.len()).unwrap();
        let (seconds, nanoseconds) = (time.div_euclid(1_000_000_000), time.rem_euclid(1_000_000_000));
        for word in [u32::try_from(seconds).unwrap(), u32::try_from(nanoseconds).unwrap(), length, length] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
    }
    out
}

fn analyze(bytes: Vec<u8>, threads: usize) -> Analysis {
    let mut source = open_reader(Box::new(Cursor::new(bytes)), "memory".to_owned(), 0).unwrap();
    Analyzer::new(Settings { threads, ..Settings::default() }).run(source.as_mut(), &mut |_| {})
}

/// What was found, but for what is said of the capture itself.
fn found(analysis: &Analysis) -> Vec<(&'static str, Confidence, u64, u64)> {
    let findings = analysis.findings.iter().filter(|finding| !finding.code.starts_with('C'));
    findings.map(|finding| (finding.code, finding.confidence, finding.count, finding.logins)).collect()
}

#[test]
fn what_came_in_fragments_is_what_came_whole() {
    let (mut wrong, mut cut) = (Vec::new(), 0);
    for (path, packets) in captures() {
        let whole = found(&analyze(pcap(packets.iter().cloned()), 1));
        // In order, and the last fragment first.
        for backwards in [false, true] {
            let all = (1_u16..).zip(&packets).flat_map(|(id, (time, frame))| {
                let mut pieces = fragments(frame, id);
                if backwards {
                    pieces.reverse();
                }
                pieces.into_iter().map(|piece| (*time, piece))
            });
            let bytes = pcap(all);
            let (one, two) = (analyze(bytes.clone(), 1), analyze(bytes, 2));
            cut += one.captures[0].quality.fragments;
            if found(&one) != whole || found(&two) != whole {
                wrong.push(format!("{} {backwards}: {whole:?} became {:?}", path.display(), found(&one)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cut > 1000, "{cut}");
}
