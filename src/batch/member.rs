//! Where the bytes of a capture stand, and how to read them there.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::DeflateDecoder;

use super::bounded::Bounded;
use crate::capture::{Windows, unpacked};

/// Bytes read at a time from what is packed.
const BUFFER: usize = 1 << 16;
/// How the names of captures that are compressed by themselves go on.
pub(super) const PACKED_ENDS: [&str; 4] = [".gz", ".zst", ".lz4", ".xz"];
/// What is compressed in what is compressed is unpacked this often.
const NESTING: usize = 2;

/// A capture: a file, or an entry of an archive that is read in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The file on disk: the capture itself, or the archive.
    pub path: PathBuf,
    /// Where in the archive it stands.
    pub entry: Option<Entry>,
    /// Bytes that it takes: on disk, in a zip archive as they are packed, in a tar archive once that is unpacked.
    pub size: u64,
    /// Bytes of the file on disk.
    pub stored: u64,
    /// When the file on disk was last written, nanoseconds since 1970; 0 if that is not known.
    pub modified: i64,
    /// Time of its earliest packet, nanoseconds since 1970, where it was looked for: of files that follow each other.
    pub begins: Option<i64>,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the archive, hostile.
    pub name: String,
    pub(super) place: Place,
    pub(super) streams: Streams,
}

/// Where an entry's bytes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a zip archive: offset and length of what is stored, and how (APPNOTE 4.4.5).
    Zip { start: u64, stored: u64, deflated: bool },
    /// In a tar archive, once that is unpacked.
    Tar { start: u64, len: u64 },
}

/// Streams of a tar archive that stand where somebody stopped reading, shared by its entries: the next entry is read from
/// there, and not from the archive's beginning.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<Stream>>>);

struct Stream {
    reader: Box<dyn Read + Send>,
    /// What unpacking the archive has taken of them.
    windows: Windows,
    at: u64,
}

impl Member {
    /// What it is called: the path, and behind it the name in the archive.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.entry {
            Some(entry) => format!("{}/{}", self.path.display(), entry.name),
            None => self.path.display().to_string(),
        }
    }

    /// Its own name, without folders.
    #[must_use]
    pub fn file_name(&self) -> String {
        match &self.entry {
            Some(entry) => entry.name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
            None => self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Opens it for reading, unpacked. What expands beyond reason ends in an error.
    ///
    /// # Errors
    /// When the file cannot be opened or the archive is damaged.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(&self.path)?;
        let Some(entry) = &self.entry else {
            return plain(Box::new(file), self.size, &mut Windows::default());
        };
        match entry.place {
            Place::Zip { start, stored, deflated } => {
                file.seek(SeekFrom::Start(start))?;
                let stream = BufReader::with_capacity(BUFFER, file.take(stored));
                let stream: Box<dyn Read + Send> = if deflated {
                    Box::new(Bounded::new(DeflateDecoder::new(stream), stored))
                } else {
                    Box::new(stream)
                };
                plain(stream, stored, &mut Windows::default())
            }
            Place::Tar { start, len } => {
                let stream = entry.streams.at(start, &self.path)?;
                let mut windows = stream.windows.clone();
                let part = Part { stream: Some(stream), left: len, streams: entry.streams.clone() };
                // What the header says may be a lie: what is packed itself is no larger than the archive around it.
                plain(Box::new(part), len.min(self.stored), &mut windows)
            }
        }
    }
}

/// The bytes of a tar archive, which may be compressed; bounded as a whole.
pub(super) fn tar_stream(path: &Path) -> io::Result<(Box<dyn Read + Send>, Windows)> {
    let file = File::open(path)?;
    let stored = file.metadata()?.len();
    let mut windows = Windows::default();
    let reader = plain(Box::new(BufReader::with_capacity(BUFFER, file)), stored, &mut windows)?;
    Ok((reader, windows))
}

/// What `stored` bytes are once unpacked, for as long as there is anything to unpack.
fn plain(
    mut reader: Box<dyn Read + Send>,
    stored: u64,
    windows: &mut Windows,
) -> io::Result<Box<dyn Read + Send>> {
    for _ in 0..NESTING {
        let (stream, packed) = unpacked(reader, windows)?;
        if !packed {
            return Ok(stream);
        }
        reader = Box::new(Bounded::new(stream, stored));
    }
    Ok(reader)
}

impl Streams {
    /// Streams that are kept: as many as are read at once, about.
    const KEPT: usize = 16;

    /// A stream that stands at this offset: the one that is nearest before it, or a new one.
    fn at(&self, start: u64, path: &Path) -> io::Result<Stream> {
        let nearest = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let before = kept.iter().enumerate().filter(|(_, stream)| stream.at <= start);
            let index = before.max_by_key(|(_, stream)| stream.at).map(|(index, _)| index);
            index.map(|index| kept.swap_remove(index))
        };
        let mut stream = match nearest {
            Some(stream) => stream,
            None => {
                let (reader, windows) = tar_stream(path)?;
                Stream { reader, windows, at: 0 }
            }
        };
        let ahead = start - stream.at;
        stream.at += io::copy(&mut (&mut stream.reader).take(ahead), &mut io::sink())?;
        if stream.at < start { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(stream) }
    }

    fn keep(&self, stream: Stream) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < Self::KEPT {
            kept.push(stream);
        }
    }
}

// Streams are at hand, and say nothing of what an entry is.
impl PartialEq for Streams {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Streams {}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// An entry of a tar archive as it is read.
struct Part {
    stream: Option<Stream>,
    left: u64,
    streams: Streams,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        let read = match (&mut stream.reader).take(self.left).read(buffer) {
            Ok(read) => read as u64,
            // Where a stream failed it goes no further.
            Err(error) => {
                self.stream = None;
                return Err(error);
            }
        };
        stream.at += read;
        self.left -= read;
        Ok(usize::try_from(read).unwrap_or(usize::MAX))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.streams.keep(stream);
        }
    }
}
