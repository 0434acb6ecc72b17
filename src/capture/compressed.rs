//! Compression around a capture, streamed: gzip (RFC 1952), Zstandard (RFC 8878), LZ4 frames and xz.

use std::io::{self, BufRead, BufReader, Read};

use crate::steps::step;
use flate2::read::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// First bytes of a gzip member.
pub(super) const GZIP: [u8; 2] = [0x1F, 0x8B];
/// First bytes of a Zstandard frame (RFC 8878 3.1.1, little-endian).
pub(super) const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// First bytes of an LZ4 frame (LZ4 Frame Format 1.6, Magic Number, little-endian).
pub(super) const LZ4: [u8; 4] = [0x04, 0x22, 0x4D, 0x18];
/// First bytes of an xz stream (The .xz File Format 1.2, 2.1.1.1).
pub(super) const XZ: [u8; 6] = [0xFD, b'7', b'z', b'X', b'Z', 0];
/// A frame that asks for a larger window is refused, in bytes: what RFC 8878 3.1.1.1.2 wants supported is 8 MiB; `zstd
/// --ultra` and `--long` take up to 128 MiB.
const WINDOW: u64 = 128 << 20;
/// The same of what is compressed inside of something that has a window already, in bytes.
const INNER_WINDOW: u64 = 8 << 20;

/// Frames that an LZ4 stream may have, however short they are; with more, there are so many bytes of the stream for each.
/// The decoder clears a buffer of 4 MiB or more for a frame, whatever is in it.
const FRAMES: u64 = 512;
const FRAME: u64 = 64 << 10;

/// Unpacks a gzip stream as it is read; several members follow each other.
fn gunzip(reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    Box::new(MultiGzDecoder::new(reader))
}

/// Unpacks a Zstandard stream as it is read; several frames follow each other.
fn unzstd(reader: Box<dyn Read + Send>, window: u64) -> Box<dyn Read + Send> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(window);
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
            step(1);
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                step(1);
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
            step(1);
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

/// Unpacks LZ4 frames as they are read, with a block (4 MiB at the most) and its window in memory.
fn unlz4(reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    Box::new(Lz4 { outside: Some(Steady::new(reader)), inside: None, frames: 0 })
}

/// Frames of an LZ4 stream: the decoder of the one that is read, or the stream between two. A frame has a decoder of its
/// own: one that is used again keeps buffers of the size of an earlier frame's blocks. Neither after the end or an error.
struct Lz4 {
    outside: Option<Steady>,
    inside: Option<Box<Lz4Decoder<Steady>>>,
    /// Frames that were begun.
    frames: u64,
}

impl Read for Lz4 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            step(1);
            if let Some(mut decoder) = self.inside.take() {
                let read = decoder.read(buffer).map_err(|error| broken(&error))?;
                if read > 0 {
                    self.inside = Some(decoder);
                    return Ok(read);
                }
                let stream = decoder.into_inner();
                // The decoder tells the end of a frame and that of the stream in the same way.
                if stream.ended {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.outside = Some(stream);
            }
            let Some(mut stream) = self.outside.take() else { break };
            if stream.next_frame()? {
                self.frames += 1;
                if self.frames > FRAMES + stream.passed / FRAME {
                    let why = "hundreds of LZ4 frames with next to nothing in them";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                self.inside = Some(Box::new(Lz4Decoder::new(stream)));
            }
        }
        Ok(0)
    }
}

/// A stream that does not stop when it is interrupted, for decoders that would lose what they have read, and that knows
/// whether it was read to its end.
struct Steady {
    stream: BufReader<Box<dyn Read + Send>>,
    /// Was read already, and is given again.
    again: Option<[u8; 4]>,
    /// Bytes that were read.
    passed: u64,
    ended: bool,
}

impl Steady {
    fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { stream: BufReader::new(reader), again: None, passed: 0, ended: false }
    }

    /// Goes to the next LZ4 frame, over those that are to be skipped; `false` when the stream ends.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            step(1);
            let mut magic = Vec::with_capacity(4);
            self.by_ref().take(4).read_to_end(&mut magic)?;
            let magic = match magic.first_chunk() {
                None if magic.is_empty() => return Ok(false),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(magic) => *magic,
            };
            // Skippable frames: 0x184D2A50 to 5F, then a length.
            if u32::from_le_bytes(magic) >> 4 != 0x0184_D2A5 {
                self.again = Some(magic);
                return Ok(true);
            }
            let mut length = [0; 4];
            self.read_exact(&mut length)?;
            let length = u64::from(u32::from_le_bytes(length));
            if io::copy(&mut self.take(length), &mut io::sink())? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(again) = self.again.take() {
            // Asked for as a whole: it is the first that a decoder reads.
            if let Some(room) = buffer.get_mut(..again.len()) {
                room.copy_from_slice(&again);
                return Ok(again.len());
            }
        }
        loop {
            step(1);
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) if !buffer.is_empty() => {
                    self.ended = true;
                    return Ok(0);
                }
                Ok(read) => {
                    self.passed += read as u64;
                    return Ok(read);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Unpacks xz streams as they are read; one that asks for a larger window is refused.
fn unxz(reader: Box<dyn Read + Send>, window: u64) -> Box<dyn Read + Send> {
    // In KiB, with what the decoder needs beside the window.
    let limit = u32::try_from(window >> 10).unwrap_or(u32::MAX).saturating_add(1 << 10);
    Box::new(Xz { decoder: Some(XzReader::new_mem_limit(Steady::new(reader), true, limit)) })
}

/// Streams of xz; no decoder any more after an error.
struct Xz {
    decoder: Option<XzReader<Steady>>,
}

impl Read for Xz {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else { return Ok(0) };
        decoder.read(buffer).map_err(|error| {
            self.decoder = None;
            broken(&error)
        })
    }
}

/// What a decoder cannot read is damage of the file, as long as the system did not refuse it.
fn broken(error: &io::Error) -> io::Error {
    let kind = match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::OutOfMemory | io::ErrorKind::Unsupported => {
            io::ErrorKind::InvalidData
        }
        kind => kind,
    };
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(kind, error.to_string()),
    }
}

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    Lz4,
    Xz,
}

impl Packing {
    /// First bytes that are needed to tell them apart.
    pub(super) const MAGIC: usize = XZ.len();

    /// By the first bytes.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            _ if head.starts_with(&GZIP) => Some(Self::Gzip),
            _ if head.starts_with(&ZSTD) => Some(Self::Zstd),
            _ if head.starts_with(&LZ4) => Some(Self::Lz4),
            _ if head.starts_with(&XZ) => Some(Self::Xz),
            _ => None,
        }
    }

    /// How the name of a format goes on.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "+gzip",
            Self::Zstd => "+zstd",
            Self::Lz4 => "+lz4",
            Self::Xz => "+xz",
        }
    }

    /// Unpacks a stream as it is read; several members or frames follow each other.
    pub(super) fn unpack(self, reader: Box<dyn Read + Send>, windows: &mut Windows) -> Box<dyn Read + Send> {
        match self {
            Self::Gzip => gunzip(reader),
            Self::Zstd => unzstd(reader, windows.next()),
            Self::Lz4 => unlz4(reader),
            Self::Xz => unxz(reader, windows.next()),
        }
    }
}

/// The windows that unpacking something may take, where compressed things are inside of each other: one of them may be large.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    taken: bool,
}

impl Windows {
    /// The most that the next may have, in bytes.
    fn next(&mut self) -> u64 {
        if std::mem::replace(&mut self.taken, true) { INNER_WINDOW } else { WINDOW }
    }
}

/// The stream as it is, or unpacked when it begins as one that is compressed; says which.
///
/// # Errors
/// When it cannot be read.
pub fn unpacked(
    mut reader: Box<dyn Read + Send>,
    windows: &mut Windows,
) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let mut head = Vec::with_capacity(Packing::MAGIC);
    (&mut reader).take(Packing::MAGIC as u64).read_to_end(&mut head)?;
    let packing = Packing::of(&head);
    let whole: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(reader));
    Ok(match packing {
        Some(packing) => (packing.unpack(whole, windows), true),
        None => (whole, false),
    })
}
