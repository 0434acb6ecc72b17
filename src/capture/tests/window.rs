use std::io::{self, Read};

use super::failing;
use crate::capture::window::{MAX_RECORD, Window};

/// Gives its bytes in pieces of this many, and is interrupted before each.
struct Pieces {
    bytes: io::Cursor<Vec<u8>>,
    piece: usize,
    interrupted: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let room = self.piece.min(buffer.len());
        self.bytes.read(&mut buffer[..room])
    }
}

fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn window(length: usize, piece: usize) -> Window {
    Window::new(Box::new(Pieces { bytes: io::Cursor::new(numbered(length)), piece, interrupted: false }))
}

#[test]
fn fills_and_steps_over_chunk_borders() {
    let length = (256 << 10) * 3 + 17;
    let all = numbered(length);
    for piece in [1000, 256 << 10, usize::MAX] {
        let mut window = window(length, piece);
        let mut at = 0;
        // Steps that do not divide the chunk, so that every border falls inside one.
        for step in [7, 100_003, 262_141, 262_144, 3, 99_999].into_iter().cycle() {
            if !window.fill(step) {
                break;
            }
            assert!(window.bytes().starts_with(&all[at..at + step]), "at {at}");
            window.consume(step);
            at += step;
            assert_eq!(window.offset(), at as u64);
        }
        assert_eq!(window.bytes(), &all[at..]);
        assert!(window.take_failure().is_none());
    }
}

#[test]
fn skips_beyond_the_window_and_says_when_the_stream_ends() {
    let length = 1 << 20;
    let all = numbered(length);
    let mut window = window(length, 4096);
    assert!(window.skip(0) && window.skip(300_000) && window.fill(4));
    assert_eq!((window.offset(), &window.bytes()[..4]), (300_000, &all[300_000..300_004]));
    assert!(window.skip((length - 300_000) as u64));
    assert_eq!((window.offset(), window.bytes().len()), (length as u64, 0));
    assert!(window.skip(0) && !window.skip(1) && !window.fill(1) && window.fill(0));
    let mut short = self::window(10, 4);
    assert!(!short.skip(u64::MAX));
    assert_eq!(short.offset(), 10);
}

#[test]
fn more_than_the_stream_has_leaves_what_there_is() {
    let mut window = window(100, 30);
    assert!(!window.fill(101));
    assert_eq!(window.bytes().len(), 100);
    assert!(window.fill(100));
    window.consume(1000);
    assert_eq!(window.offset(), 100);
}

#[test]
fn one_record_of_the_largest_size_fits_and_no_larger() {
    let mut window = window(MAX_RECORD + 10, usize::MAX);
    assert!(window.fill(MAX_RECORD));
    assert!(!window.fill(MAX_RECORD + 1) || window.bytes().len() > MAX_RECORD);
    assert!(!window.fill(usize::MAX));
}

#[test]
fn a_failure_is_told_once_behind_the_bytes_that_came() {
    let mut window = Window::new(failing(&numbered(50)));
    assert!(window.fill(50) && !window.fill(51));
    assert_eq!(window.bytes(), numbered(50));
    assert!(window.take_failure().is_some() && window.take_failure().is_none());
}

#[test]
fn a_window_can_be_read_again_as_a_stream() {
    let mut window = window(600_000, 1000);
    window.fill(10);
    window.consume(3);
    let mut rest = Vec::new();
    window.into_reader().read_to_end(&mut rest).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rest, numbered(600_000)[3..]);
}

#[test]
fn a_chunk_that_somebody_has_is_left_as_it_is() {
    let length = (256 << 10) * 4;
    let all = numbered(length);
    let mut window = window(length, usize::MAX);
    let mut kept = Vec::new();
    let mut at = 0;
    while window.fill(100_003) {
        let (chunk, start) = window.chunk();
        kept.push((std::sync::Arc::clone(chunk), start, at));
        window.consume(100_003);
        at += 100_003;
    }
    for (chunk, start, at) in kept {
        assert_eq!(chunk[start..start + 100_003], all[at..at + 100_003], "at {at}");
    }
}
