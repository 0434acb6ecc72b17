//! The readers of capture files: each in its turn gets what begins like a file of its own.

use std::io::{self, Cursor, Read};

use tdscope::capture::{Error, ErrorKind, Source, Summary, TOGETHER, open_reader};

/// Bytes of packets that are looked at, at most: a few bytes of a compressed file may be thousands.
const ENOUGH: usize = 4 << 20;
/// Notes of damage that a file has at most (`src/capture/source.rs`), and the one that says that there were more.
const DAMAGE: usize = 33;

/// pcap and its variants.
pub fn pcap(data: &[u8]) {
    let numbers: [u32; 5] = [0xA1B2_C3D4, 0xA1B2_3C4D, 0xA1B2_CD34, 0x1C00_01AC, 0x1C00_01AB];
    let magics = numbers.iter().flat_map(|number| [number.to_le_bytes(), number.to_be_bytes()]);
    plain(&begins_with_any(data, 0, &magics.collect::<Vec<_>>()));
}

/// pcapng of both byte orders.
pub fn pcapng(data: &[u8]) {
    let file = begins_with_any(data, 0, &[[0x0A, 0x0D, 0x0D, 0x0A]]);
    plain(&begins_with_any(&file, 8, &[[0x4D, 0x3C, 0x2B, 0x1A], [0x1A, 0x2B, 0x3C, 0x4D]]));
}

/// Network Monitor 1 and 2.
pub fn netmon(data: &[u8]) {
    plain(&begins_with_any(data, 0, &[*b"GMBU", *b"RTSS"]));
}

/// snoop.
pub fn snoop(data: &[u8]) {
    plain(&begins_with_any(data, 0, &[*b"snoop\0\0\0"]));
}

/// ETL. What makes it one is put right: the size of the first buffer, how much of it is used, and its type.
pub fn etl(data: &[u8]) {
    let mut file = data.to_vec();
    file.resize(data.len().max(72), 0);
    let number = |at: usize| u32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]);
    let size = (number(0) % (64 << 10)).next_multiple_of(1 << 10).max(1 << 10);
    let used = number(48).clamp(72, size);
    file[..4].copy_from_slice(&size.to_le_bytes());
    file[48..52].copy_from_slice(&used.to_le_bytes());
    file[54..56].copy_from_slice(&[4, 0]);
    plain(&file);
}

/// gzip, Zstandard, LZ4 and xz around any of them.
pub fn compressed(data: &[u8]) {
    let magics: [&[u8]; 4] =
        [&[0x1F, 0x8B, 8], &[0x28, 0xB5, 0x2F, 0xFD], &[0x04, 0x22, 0x4D, 0x18], b"\xFD7zXZ\0"];
    let known = magics.iter().any(|magic| data.starts_with(magic));
    let mut file = data.to_vec();
    if let (false, Some(first)) = (known, data.first()) {
        let magic = magics[usize::from(*first) % magics.len()];
        file.resize(data.len().max(magic.len()), 0);
        file[..magic.len()].copy_from_slice(magic);
    }
    looked_at(&file);
}

/// The file, with one of these at an offset: the one that is there, or one that a byte there picks.
fn begins_with_any<const N: usize>(data: &[u8], at: usize, magics: &[[u8; N]]) -> Vec<u8> {
    let mut file = data.to_vec();
    file.resize(data.len().max(at + N), 0);
    if !magics.iter().any(|magic| file[at..].starts_with(magic)) {
        let magic = magics[usize::from(file[at]) % magics.len()];
        file[at..at + N].copy_from_slice(&magic);
    }
    file
}

/// What holds of a file that is not compressed.
fn plain(file: &[u8]) {
    let Some(seen) = looked_at(file) else { return };
    let bytes: usize = seen.packets.iter().map(|packet| packet.bytes.len()).sum();
    assert!(bytes <= file.len(), "{bytes} bytes of packets in a file of {}", file.len());
    assert!(seen.packets.len() <= file.len(), "more packets than bytes");
    let Summary { packets, copies, snapped, damage, .. } = &seen.summary;
    for note in damage {
        assert!(note.offset <= file.len() as u64, "damage behind the end of the file: {note:?}");
    }
    let cut = seen.packets.iter().filter(|packet| packet.bytes.len() < packet.original as usize);
    if *packets == seen.packets.len() as u64 && *copies == 0 {
        assert_eq!(*snapped, cut.count() as u64, "another number of packets was cut");
    }
}

/// A packet, as it was shown.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    time: i64,
    frame: u64,
    link: u32,
    interface: u32,
    original: u32,
    bytes: Vec<u8>,
}

/// What a file gave.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    packets: Vec<Shown>,
    summary: Summary,
    error: Option<Error>,
}

/// Reads a file by steps, by runs, and out of a stream that gives a few bytes at a time: it is the same every time.
fn looked_at(file: &[u8]) -> Option<Seen> {
    let open = |reader| open_reader(reader, "fuzz".to_owned(), 3);
    let slow = Slow { rest: Cursor::new(file.to_vec()), turn: file.len() };
    let (whole, slow) = (open(Box::new(Cursor::new(file.to_vec()))), open(Box::new(slow)));
    let (mut whole, mut slow) = match (whole, slow) {
        (Ok(whole), Ok(slow)) => (whole, slow),
        (Err(whole), Err(slow)) => {
            assert!(
                whole == slow || is_broken(&whole),
                "a slow stream is refused otherwise: {whole}, {slow}"
            );
            return None;
        }
        (Err(error), _) | (_, Err(error)) => {
            assert!(is_broken(&error), "opened in one way only: {error}");
            return None;
        }
    };
    let seen = stepped(whole.as_mut());
    same_of_slow(&seen, stepped(slow.as_mut()), file);
    let mut run = open(Box::new(Cursor::new(file.to_vec()))).expect("it was opened before");
    let ran = ran(run.as_mut(), 1 + file.len() % 7);
    assert!(seen == ran, "runs give something else than steps:\n{seen:?}\n{ran:?}");
    Some(seen)
}

/// A compressed stream is broken: what its decoder had unpacked in the same step is lost.
fn is_broken(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Io { .. })
}

fn same_of_slow(seen: &Seen, mut slow: Seen, file: &[u8]) {
    // How much was read ahead of what is looked at is no property of the file.
    assert!(seen.summary.bytes.max(slow.summary.bytes) <= file.len() as u64, "more was read than there is");
    slow.summary.bytes = seen.summary.bytes;
    let compressed = seen.summary.format.contains('+');
    let broken = |seen: &Seen| seen.error.is_some() || !seen.summary.damage.is_empty();
    if compressed && (broken(seen) || broken(&slow)) {
        let both = seen.packets.len().min(slow.packets.len());
        assert!(seen.packets[..both] == slow.packets[..both], "a slow stream gives other packets");
    } else {
        assert!(*seen == slow, "a slow stream gives something else:\n{seen:?}\n{slow:?}");
    }
}

fn stepped(source: &mut dyn Source) -> Seen {
    let (mut packets, mut held) = (Vec::new(), 0);
    let mut error = None;
    assert!(source.packet().is_none(), "a packet before the first step");
    while held < ENOUGH {
        match source.advance() {
            Ok(true) => take(source, &mut packets),
            Ok(false) => break,
            Err(why) => {
                error = Some(why);
                break;
            }
        }
        held += 64 + packets.last().map_or(0, |packet: &Shown| packet.bytes.len());
    }
    if held < ENOUGH {
        assert!(source.packet().is_none(), "a packet behind the last");
        assert!(matches!(source.advance(), Ok(false)), "the end is not the end");
    }
    seen(source, packets, error)
}

/// The packet that a source stands at.
fn take(source: &dyn Source, packets: &mut Vec<Shown>) {
    let packet = source.packet().expect("there is a packet after a step");
    if let Some((chunk, at)) = source.chunk() {
        assert_eq!(chunk.get(at..at + packet.bytes.len()), Some(packet.bytes), "the chunk has other bytes");
    }
    push(&packet, packets);
}

fn push(packet: &tdscope::capture::Packet<'_>, packets: &mut Vec<Shown>) {
    assert_eq!(packet.file, 3, "another file");
    let before = packets.last().map_or(0, |packet| packet.frame);
    assert!(packet.frame > before, "frame {} after {before}", packet.frame);
    packets.push(Shown {
        time: packet.time,
        frame: packet.frame,
        link: packet.link.0,
        interface: packet.interface,
        original: packet.original_len,
        bytes: packet.bytes.to_vec(),
    });
}

fn ran(source: &mut dyn Source, most: usize) -> Seen {
    let (mut packets, mut held) = (Vec::new(), 0);
    let mut error = None;
    while held < ENOUGH {
        let before = packets.len();
        // As with steps, nothing is taken once it is enough.
        let more = source.run(most, &mut |shown, chunk| {
            assert!((1..=TOGETHER).contains(&shown.len()), "none, or too many at a time");
            for tdscope::capture::Shown { packet, start } in shown {
                if let Some(chunk) = chunk {
                    let bytes = chunk.get(*start..start + packet.bytes.len());
                    assert_eq!(bytes, Some(packet.bytes), "the chunk has other bytes");
                }
                if held < ENOUGH {
                    push(packet, &mut packets);
                    held += 64 + packet.bytes.len();
                }
            }
        });
        assert!(packets.len() - before <= most, "a longer run than was asked for");
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(why) => {
                error = Some(why);
                break;
            }
        }
    }
    seen(source, packets, error)
}

/// What a source says once it was read.
fn seen(source: &dyn Source, packets: Vec<Shown>, error: Option<Error>) -> Seen {
    let mut summaries = source.summaries();
    assert_eq!(summaries.len(), 1, "a file has one summary");
    let mut summary = summaries.swap_remove(0);
    let last = packets.last().map_or(0, |packet| packet.frame);
    assert!(summary.packets >= last, "frame {last} of {} packets", summary.packets);
    assert!(summary.snapped <= summary.packets, "more packets are cut than there are");
    assert!(summary.first <= summary.last, "the first packet is later than the last");
    assert!(summary.damage.len() <= DAMAGE, "{} notes of damage", summary.damage.len());
    for note in &summary.damage {
        assert!(note.frame <= summary.packets, "damage behind the last packet: {note:?}");
        assert!(!note.what.contains(char::is_control), "a note of damage has several lines: {note:?}");
    }
    // Where it was enough, runs and steps have read differently far.
    let held: usize = packets.iter().map(|packet| 64 + packet.bytes.len()).sum();
    if held >= ENOUGH {
        summary = Summary::default();
    }
    Seen { packets, summary, error }
}

/// A stream that gives one to seven bytes at a time, and is interrupted now and then.
struct Slow {
    rest: Cursor<Vec<u8>>,
    turn: usize,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn = self.turn.wrapping_mul(5).wrapping_add(1);
        if self.turn % 11 == 3 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(1 + self.turn % 7);
        self.rest.read(&mut buffer[..most])
    }
}
