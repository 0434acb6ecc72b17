use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{damage, failing, open_bytes, pcap, read_all};
use crate::capture::{ErrorKind, open_reader};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn capture() -> Vec<u8> {
    // Bytes that do not compress to nothing, so that a cut falls among them.
    let noise: Vec<u8> =
        (0..4000_u32).map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    let packets: Vec<(u32, &[u8])> = noise.chunks(100).zip(1..).map(|(bytes, time)| (time, bytes)).collect();
    pcap(&packets)
}

#[test]
fn several_members_are_one_stream() {
    let plain = capture();
    let (left, right) = plain.split_at(1234);
    for packed in [gzip(&plain), [gzip(left), gzip(&[]), gzip(right)].concat(), gzip(&gzip(&plain))] {
        let (seen, summary) = read_all(&packed);
        assert_eq!(seen, read_all(&plain).0);
        assert_eq!((summary.format.as_str(), summary.bytes), ("pcap+gzip", packed.len() as u64));
        assert!(summary.damage.is_empty());
    }
}

#[test]
fn a_stream_that_ends_early_gives_what_was_read_and_damage() {
    let plain = capture();
    let packed = gzip(&plain);
    let whole = read_all(&plain).0;
    let mut most = 0;
    for cut in (packed.len() / 2..packed.len()).step_by(37) {
        let (seen, summary) = read_all(&packed[..cut]);
        assert!(whole.starts_with(&seen), "cut at {cut}");
        assert!(damage(&summary).1.starts_with("the compressed file is cut or broken here"), "cut at {cut}");
        assert_eq!(summary.error, None);
        most = most.max(seen.len());
    }
    assert!(most > 20, "{most}");
    // The check sum at the very end is part of it.
    let (seen, summary) = read_all(&packed[..packed.len() - 1]);
    assert_eq!((seen.len(), summary.damage.len()), (40, 1));
}

#[test]
fn broken_streams_are_damage_or_refused_and_never_more() {
    let packed = gzip(&capture());
    for at in 0..packed.len() {
        let mut broken = packed.clone();
        broken[at] ^= 0x55;
        match open_bytes(&broken) {
            Ok(mut source) => assert!(super::drain(source.as_mut()).0.len() <= 40),
            // All of so short a capture is unpacked in one step.
            Err(error) => assert_eq!(
                matches!(error.kind, ErrorKind::Io { offset: 0, .. }),
                at >= 2,
                "byte {at}: {error}"
            ),
        }
    }
    let (seen, summary) = read_all(&[packed, b"trailing".to_vec()].concat());
    assert_eq!((seen.len(), summary.damage.len()), (40, 1));
}

#[test]
fn what_is_inside_decides() {
    let Err(empty) = open_bytes(&gzip(&[])) else { panic!("opened") };
    assert_eq!(empty.kind, ErrorKind::Empty);
    let Err(text) = open_bytes(&gzip(b"hello")) else { panic!("opened") };
    assert_eq!(text.kind, ErrorKind::UnknownFormat { found: "text".to_owned() });
    let Err(deep) = open_bytes(&gzip(&gzip(&gzip(&capture())))) else { panic!("opened") };
    assert!(matches!(deep.kind, ErrorKind::Unsupported { what: "compressed again and again", .. }));
}

#[test]
fn a_medium_that_fails_under_it_is_an_error() {
    let packed = gzip(&capture());
    let mut source = open_reader(failing(&packed[..packed.len() - 20]), "memory".to_owned(), 0).unwrap();
    let error = loop {
        match source.advance() {
            Ok(true) => {}
            Ok(false) => panic!("ended"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind, ErrorKind::Io { .. }), "{error}");
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn zstd_frames_are_one_stream_and_others_are_skipped() {
    let plain = capture();
    let (left, right) = plain.split_at(1234);
    // A frame that is to be skipped (RFC 8878 3.1.2), of five bytes.
    let skipped = b"\x53\x2A\x4D\x18\x05\0\0\0hello";
    let parts = [zstd(left), skipped.to_vec(), zstd(&[]), zstd(right), skipped.to_vec()].concat();
    for packed in [zstd(&plain), parts, zstd(&zstd(&plain)), zstd(&gzip(&plain))] {
        let (seen, summary) = read_all(&packed);
        assert_eq!(seen, read_all(&plain).0);
        assert_eq!(summary.bytes, packed.len() as u64);
        assert!(summary.damage.is_empty() && summary.error.is_none());
    }
    assert_eq!(read_all(&zstd(&plain)).1.format, "pcap+zstd");
}

#[test]
fn a_zstd_stream_that_is_cut_gives_what_it_has() {
    let packed = zstd(&capture());
    for len in 4..packed.len() {
        // Whatever the cut: a capture with what came before it, or an error; never a panic.
        if let Ok(mut source) = open_bytes(&packed[..len]) {
            while source.advance().unwrap_or(false) {}
            let summary = source.summaries().remove(0);
            assert!(summary.error.is_some() || !summary.damage.is_empty() || len == packed.len(), "{len}");
        }
    }
}
