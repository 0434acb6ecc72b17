//! Opens an input and tells its format by its first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compressed::{Packing, Windows};
use super::error::plain_text;
use super::etl::{self, EtlSource, is_etl};
use super::netmon::{NetmonSource, is_netmon};
use super::pcap::{PcapSource, is_pcap};
use super::pcapng::{PcapngSource, SECTION};
use super::snoop::{SNOOP, SnoopSource};
use super::source::Origin;
use super::window::Window;
use super::{Error, ErrorKind, Source};

/// Bytes that the longest magic number has.
const MAGIC: usize = SNOOP.len();
/// Bytes by which it is told what a file is that is not read.
const LOOKED_AT: usize = 72;
/// What is compressed in what is compressed is unpacked this often; more is an attempt to exhaust.
const NESTING: usize = 2;

/// Where a capture comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    Path(PathBuf),
    /// Standard input, named `-`.
    Stdin,
}

impl Input {
    /// The name that messages and reports use.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }
}

/// Opens an input; `file` is its index among those given.
///
/// # Errors
/// When it cannot be opened, is empty, or is of no format that is read.
pub fn open(input: &Input, file: u32) -> Result<Box<dyn Source + Send>, Error> {
    let path = input.name();
    let refused = |error: &io::Error| Error {
        path: input.name(),
        kind: ErrorKind::Open { kind: error.kind(), text: plain_text(error) },
    };
    let reader: Box<dyn Read + Send> = match input {
        Input::Stdin => Box::new(io::stdin()),
        Input::Path(name) => {
            // Asked first: Windows refuses to open a directory as if the right were missing.
            if name.is_dir() {
                return Err(Error { path, kind: ErrorKind::Directory });
            }
            Box::new(File::open(name).map_err(|error| refused(&error))?)
        }
    };
    open_reader(reader, path, file)
}

/// Opens a stream of bytes as a capture; `path` is what it is called in messages.
///
/// # Errors
/// When it is empty, cannot be read, or is of no format that is read.
pub fn open_reader(
    reader: Box<dyn Read + Send>,
    path: String,
    file: u32,
) -> Result<Box<dyn Source + Send>, Error> {
    let stored = Arc::new(AtomicU64::new(0));
    let counted = Counted { reader, count: Arc::clone(&stored) };
    let mut origin = Origin { path, file, packed: "", stored };
    let mut window = Window::new(Box::new(counted));
    let mut windows = Windows::default();
    for _ in 0..=NESTING {
        window.fill(MAGIC);
        let magic = window.bytes();
        if let Some(packing) = Packing::of(magic) {
            origin.packed = packing.name();
            let reader = packing.unpack(window.into_reader(), &mut windows);
            window = Window::new(Box::new(Expanding::new(reader, Arc::clone(&origin.stored))));
            continue;
        }
        if magic.starts_with(&SECTION) {
            return Ok(Box::new(PcapngSource::new(window, origin)?));
        }
        if magic.first_chunk().is_some_and(|magic| is_pcap(*magic)) {
            return Ok(Box::new(PcapSource::new(window, origin)?));
        }
        if magic.first_chunk().is_some_and(|magic| is_netmon(*magic)) {
            return Ok(Box::new(NetmonSource::new(window, origin)?));
        }
        if magic.starts_with(&SNOOP) {
            return Ok(Box::new(SnoopSource::new(window, origin)?));
        }
        window.fill(etl::MAGIC);
        if is_etl(window.bytes()) {
            return Ok(Box::new(EtlSource::new(window, origin)));
        }
        return Err(not_a_capture(window, &origin));
    }
    Err(origin
        .error(ErrorKind::Unsupported { what: "compressed again and again", advice: "unpack it first" }))
}

/// What a file is that is not read, and what to do with it.
fn not_a_capture(mut window: Window, origin: &Origin) -> Error {
    window.fill(LOOKED_AT);
    if let Some(failure) = window.take_failure() {
        return origin.error(ErrorKind::io(window.offset(), &failure));
    }
    // No more, so that it does not matter how much came at a time.
    let bytes = window.bytes().get(..LOOKED_AT).unwrap_or(window.bytes());
    let unsupported = |what, advice| ErrorKind::Unsupported { what, advice };
    let kind = match bytes {
        [] => ErrorKind::Empty,
        // The format before frames (`lz4 -l`).
        [0x02, 0x21, 0x4C, 0x18, ..] => unsupported("an old LZ4 file", "unpack it first: lz4 -d FILE"),
        [b'B', b'Z', b'h', ..] => unsupported("bzip2-compressed", "unpack it first: bzip2 -d FILE"),
        [b'P', b'K', 3, 4, ..] => unsupported("a zip archive", "tdscope batch reads the captures in it"),
        [b'7', b'z', 0xBC, 0xAF, ..] => unsupported("a 7z archive", "unpack it and name the captures in it"),
        _ if is_text(bytes) => ErrorKind::UnknownFormat { found: "text".to_owned() },
        _ => ErrorKind::UnknownFormat {
            found: bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        },
    };
    origin.error(kind)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E))
}

/// Counts the bytes of the stored file as they are read.
struct Counted {
    reader: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What is unpacked of the bytes of a stored file that were read so far: fails when that is too much.
struct Expanding {
    reader: Box<dyn Read + Send>,
    stored: Arc<AtomicU64>,
    unpacked: u64,
}

impl Expanding {
    /// A stored byte may become so many: gzip makes 1,032 of one at most, and of a capture 100 when it says the same thing again
    /// and again. Others have no such bound.
    const RATIO: u64 = 1_000;
    /// Up to so many bytes it may expand as it likes.
    const FREE: u64 = 256 << 20;

    const fn new(reader: Box<dyn Read + Send>, stored: Arc<AtomicU64>) -> Self {
        Self { reader, stored, unpacked: 0 }
    }
}

impl Read for Expanding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        let most = self.stored.load(Ordering::Relaxed).saturating_mul(Self::RATIO).max(Self::FREE);
        if self.unpacked > most {
            let why = format!("it expands to more than {} times its size: a decompression bomb", Self::RATIO);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expands_without_bound_ends_in_an_error() {
        for (stored, most) in [(0, Expanding::FREE), (1 << 20, (1 << 20) * Expanding::RATIO)] {
            let read = |length: u64| {
                let zeros = Box::new(io::repeat(0).take(length));
                io::copy(&mut Expanding::new(zeros, Arc::new(AtomicU64::new(stored))), &mut io::sink())
            };
            assert_eq!(read(most).ok(), Some(most));
            assert!(read(most + 1).unwrap_err().to_string().contains("decompression bomb"));
        }
    }
}
