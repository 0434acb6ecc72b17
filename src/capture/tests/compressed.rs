use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{damage, failing, open_bytes, pcap, read_all};
use crate::capture::{ErrorKind, open_reader};

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
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

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
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

pub(super) fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Blocks that refer to each other, of 64 KiB, with all check sums.
fn lz4_linked(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(lz4_flex::frame::BlockMode::Linked)
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .block_checksums(true)
        .content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// More than one block of LZ4 has.
fn long() -> Vec<u8> {
    let packets: Vec<Vec<u8>> =
        (0..400_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes().repeat(250)).collect();
    pcap(&packets.iter().zip(1..).map(|(bytes, time)| (time, bytes.as_slice())).collect::<Vec<_>>())
}

#[test]
fn lz4_frames_and_xz_streams_are_one_stream() {
    let plain = long();
    let (left, right) = plain.split_at(123_456);
    // A frame that is to be skipped (LZ4 Frame Format, Skippable Frames), of five bytes.
    let skipped = b"\x5F\x2A\x4D\x18\x05\0\0\0hello";
    let frames = [lz4_linked(left), skipped.to_vec(), lz4(&[]), lz4(right), skipped.to_vec()].concat();
    // Streams of xz may have padding between them, of four bytes each.
    let streams = [xz(left), vec![0; 8], xz(&[]), xz(right)].concat();
    let packed =
        [lz4(&plain), lz4_linked(&plain), frames, lz4(&gzip(&plain)), xz(&plain), streams, xz(&lz4(&plain))];
    let whole = read_all(&plain).0;
    for packed in packed {
        let (seen, summary) = read_all(&packed);
        assert_eq!((seen.len(), seen == whole), (400, true));
        assert_eq!(summary.bytes, packed.len() as u64);
        assert_eq!((summary.damage, summary.error), (vec![], None));
    }
    assert_eq!(read_all(&lz4(&plain)).1.format, "pcap+lz4");
    assert_eq!(read_all(&xz(&plain)).1.format, "pcap+xz");
}

#[test]
fn lz4_and_xz_that_are_cut_give_what_they_have_and_damage() {
    let whole = read_all(&long()).0;
    for packed in [lz4(&long()), lz4_linked(&long()), xz(&long())] {
        let mut most = 0;
        let ends = [packed.len() - 5, packed.len() - 4, packed.len() - 1];
        for cut in (4..packed.len()).step_by(53).chain(ends) {
            let Ok(mut source) = open_bytes(&packed[..cut]) else { continue };
            let (seen, summary) = super::drain(source.as_mut());
            assert!(whole.starts_with(&seen), "cut at {cut}");
            assert!(
                damage(&summary).1.starts_with("the compressed file is cut or broken here"),
                "cut at {cut}"
            );
            assert_eq!(summary.error, None, "cut at {cut}");
            most = most.max(seen.len());
        }
        assert_eq!(most, 400);
    }
}

#[test]
fn a_cut_between_two_blocks_or_frames_is_told_from_an_end() {
    // A block of 64 KiB that cannot be compressed: 7 bytes of header, 4 of length, then the block.
    let noise: Vec<u8> =
        (0..70_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13 & 0xFF) as u8).collect();
    let packed = lz4_linked(&pcap(&[(1, &noise[..60_000]), (2, &noise[..10_000])]));
    for cut in 0..packed.len() {
        let Ok(mut source) = open_bytes(&packed[..cut]) else { continue };
        let (_, summary) = super::drain(source.as_mut());
        assert_eq!(summary.damage.len(), 1, "cut at {cut}");
    }
    let small = lz4(&capture());
    for more in 1..9 {
        let (seen, summary) = read_all(&[&small[..], &small[..more]].concat());
        assert_eq!((seen.len(), summary.damage.len()), (40, 1), "{more} bytes of a second frame");
    }
}

#[test]
fn broken_lz4_and_xz_is_damage_or_refused_and_never_more() {
    for packed in [lz4(&capture()), lz4_linked(&capture()), xz(&capture())] {
        for at in 0..packed.len() {
            let mut broken = packed.clone();
            broken[at] ^= 0x55;
            if let Ok(mut source) = open_bytes(&broken) {
                let (seen, summary) = super::drain(source.as_mut());
                assert!(seen.len() <= 40 && summary.error.is_none(), "byte {at}");
            }
        }
    }
    // A frame that needs a dictionary: its flag, and no check sum of the header that would agree.
    let Err(error) = open_bytes(b"\x04\x22\x4D\x18\x61\x40\x01\0\0\0\0\0\0\0") else { panic!("opened") };
    assert!(matches!(error.kind, ErrorKind::Io { .. }), "{error}");
}

#[test]
fn a_medium_that_fails_under_lz4_or_xz_is_an_error() {
    for packed in [lz4(&long()), lz4_linked(&long()), xz(&long())] {
        let opened = open_reader(failing(&packed[..packed.len() - 20]), "memory".to_owned(), 0);
        let error = match opened {
            // So well packed that there is nothing before the failure.
            Err(error) => error,
            Ok(mut source) => loop {
                match source.advance() {
                    Ok(true) => {}
                    Ok(false) => panic!("ended"),
                    Err(error) => break error,
                }
            },
        };
        assert!(matches!(&error.kind, ErrorKind::Io { text, .. } if !text.contains("os error")), "{error}");
    }
}

#[test]
fn lz4_frames_with_next_to_nothing_in_them_end_somewhere() {
    let short = lz4(&[0; 8]);
    let (seen, summary) = read_all(&[lz4(&capture()), short.repeat(600)].concat());
    // Sixteen bytes of zeros are a packet's header: 511 frames of eight bytes each.
    assert_eq!((seen.len(), summary.damage.len()), (40 + 255, 1));
    // With enough between them that is no attempt to exhaust.
    let skipped = [b"\x5F\x2A\x4D\x18\0\0\x01\0".as_slice(), &[0; 1 << 16]].concat();
    let (seen, summary) = read_all(&[lz4(&capture()), [skipped, short].concat().repeat(600)].concat());
    assert_eq!((seen.len(), summary.damage.len()), (40 + 300, 0));
}

#[test]
fn of_windows_inside_of_each_other_one_may_be_large() {
    // A Zstandard frame of one raw block with a window of a power of two (RFC 8878 3.1.1).
    let frame = |power: u8, bytes: &[u8]| {
        let block = u32::try_from(bytes.len()).unwrap() << 3 | 1;
        [b"\x28\xB5\x2F\xFD\0".as_slice(), &[(power - 10) << 3], &block.to_le_bytes()[..3], bytes].concat()
    };
    let plain = capture();
    let whole = read_all(&plain).0;
    for packed in [frame(27, &plain), gzip(&frame(27, &plain)), frame(27, &frame(23, &plain))] {
        assert_eq!(read_all(&packed).0, whole);
    }
    for packed in [frame(28, &plain), frame(10, &frame(27, &plain)), frame(27, &frame(24, &plain))] {
        assert!(open_bytes(&packed).is_err());
    }
}
