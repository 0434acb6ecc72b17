//! Where the bytes of a capture stand, and how to read them there.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;

use super::bounded::Bounded;
use crate::capture::unpacked;

/// Bytes read at a time from what is packed.
const BUFFER: usize = 1 << 16;
/// What is compressed in what is compressed is unpacked this often.
const NESTING: usize = 2;

/// A capture: a file, or an entry of an archive that is read in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The file on disk: the capture itself, or the archive.
    pub path: PathBuf,
    /// Where in the archive it stands.
    pub entry: Option<Entry>,
    /// Bytes that it takes on disk, about.
    pub size: u64,
    /// When the file on disk was last written, nanoseconds since 1970; 0 if that is not known.
    pub modified: i64,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the archive, hostile.
    pub name: String,
    pub(super) place: Place,
}

/// Where an entry's bytes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a zip archive: offset and length of what is stored, and how (APPNOTE 4.4.5).
    Zip { start: u64, stored: u64, deflated: bool },
    /// In a tar archive, once that is unpacked.
    Tar { start: u64, len: u64 },
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
            return plain(Box::new(file), self.size);
        };
        match entry.place {
            Place::Zip { start, stored, deflated } => {
                file.seek(SeekFrom::Start(start))?;
                let stream = BufReader::with_capacity(BUFFER, file.take(stored));
                if deflated {
                    plain(Box::new(Bounded::new(DeflateDecoder::new(stream), stored)), stored)
                } else {
                    plain(Box::new(stream), stored)
                }
            }
            Place::Tar { start, len } => {
                let mut stream = tar_stream(&self.path)?;
                skip(&mut stream, start)?;
                plain(Box::new(stream.take(len)), len)
            }
        }
    }
}

/// The bytes of a tar archive, which may be compressed; bounded as a whole.
pub(super) fn tar_stream(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    let stored = file.metadata()?.len();
    plain(Box::new(BufReader::with_capacity(BUFFER, file)), stored)
}

/// What `stored` bytes are once unpacked, for as long as there is anything to unpack.
fn plain(mut reader: Box<dyn Read + Send>, stored: u64) -> io::Result<Box<dyn Read + Send>> {
    for _ in 0..NESTING {
        let (stream, packed) = unpacked(reader)?;
        if !packed {
            return Ok(stream);
        }
        reader = Box::new(Bounded::new(stream, stored));
    }
    Ok(reader)
}

fn skip(stream: &mut dyn Read, count: u64) -> io::Result<()> {
    let skipped = io::copy(&mut stream.take(count), &mut io::sink())?;
    if skipped < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
