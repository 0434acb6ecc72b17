//! Compression around a capture, streamed: gzip (RFC 1952) and Zstandard (RFC 8878).

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// First bytes of a gzip member.
pub(super) const GZIP: [u8; 2] = [0x1F, 0x8B];
/// First bytes of a Zstandard frame (RFC 8878 3.1.1, little-endian).
pub(super) const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// A frame that asks for a larger window is refused, in bytes: what RFC 8878 3.1.1.1.2 wants supported is 8 MiB; `zstd
/// --ultra` and `--long` take up to 128 MiB.
const WINDOW: u64 = 128 << 20;

/// Unpacks a gzip stream as it is read; several members follow each other.
pub(super) fn gunzip(reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    Box::new(MultiGzDecoder::new(reader))
}

/// Unpacks a Zstandard stream as it is read; several frames follow each other.
pub(super) fn unzstd(reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW);
    Box::new(Zstd { stream: BufReader::new(reader), decoder: Box::new(decoder), inside: false })
}

/// Frames of a Zstandard stream.
struct Zstd {
    stream: BufReader<Box<dyn Read + Send>>,
    decoder: Box<FrameDecoder>,
    /// The decoder is inside a frame.
    inside: bool,
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let blocks =
                    self.decoder.decode_blocks(&mut self.stream, BlockDecodingStrategy::UptoBlocks(1));
                blocks.map_err(|error| damaged(&error))?;
            }
            match self.decoder.read(buffer)? {
                0 => self.inside = false,
                read => return Ok(read),
            }
        }
        Ok(0)
    }
}

impl Zstd {
    /// Reads the header of the next frame, unless it is one to be skipped; whether there is anything left to read.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.stream.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let length = match self.decoder.init(&mut self.stream) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => u64::from(length),
                Err(error) => return Err(damaged(&error)),
            };
            if io::copy(&mut (&mut self.stream).take(length), &mut io::sink())? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn damaged(error: &FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// The stream as it is, or unpacked when it begins as one that is compressed; says which.
///
/// # Errors
/// When it cannot be read.
pub fn unpacked(mut reader: Box<dyn Read + Send>) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let mut head = Vec::with_capacity(ZSTD.len());
    (&mut reader).take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let (gzip, zstd) = (head.starts_with(&GZIP), head.starts_with(&ZSTD));
    let whole: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(reader));
    Ok(match (gzip, zstd) {
        (true, _) => (gunzip(whole), true),
        (_, true) => (unzstd(whole), true),
        _ => (whole, false),
    })
}
