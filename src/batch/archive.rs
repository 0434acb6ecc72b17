//! What an archive holds, without unpacking it to disk.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::member::{Entry, Place, Streams, tar_stream};

/// Files of an archive that are looked at; one that claims more is damaged or hostile.
const ENTRIES: usize = 100_000;
/// Bytes of an entry's name that are kept: Windows has paths of 32,767 letters, and nobody reads more.
const NAME: usize = 4096;

/// What kind of archive a file is, by its first bytes and, where those do not tell, its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    Zip,
    Tar,
}

/// A file that an archive holds, and the bytes that it takes on disk.
pub(super) struct Held {
    pub(super) entry: Entry,
    pub(super) size: u64,
}

impl Archive {
    /// Local file header, and the end of an archive without files (APPNOTE 4.3.7, 4.3.16).
    const ZIP: [[u8; 4]; 2] = [*b"PK\x03\x04", *b"PK\x05\x06"];

    /// By the first bytes, for zip; a tar archive, compressed or not, is told by its name.
    pub(super) fn of(name: &str, head: &[u8]) -> Option<Self> {
        if Self::ZIP.iter().any(|magic| head.starts_with(magic)) {
            return Some(Self::Zip);
        }
        let name = name.to_ascii_lowercase();
        let tar = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];
        tar.iter().any(|end| name.ends_with(end)).then_some(Self::Tar)
    }

    /// The files in it, in its order, and what is wrong with it: then what could be listed before that is there.
    pub(super) fn list(self, path: &Path) -> (Vec<Held>, Option<String>) {
        match self {
            Self::Zip => zip_entries(path),
            Self::Tar => tar_entries(path),
        }
    }
}

fn zip_entries(path: &Path) -> (Vec<Held>, Option<String>) {
    let opened = File::open(path)
        .map_err(|error| error.to_string())
        .and_then(|file| ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string()));
    let mut archive = match opened {
        Ok(archive) => archive,
        Err(error) => return (Vec::new(), Some(format!("the zip archive cannot be read: {error}"))),
    };
    let mut held = Vec::new();
    let mut wrong = too_many(archive.len());
    for index in 0..archive.len().min(ENTRIES) {
        let file = match archive.by_index_raw(index) {
            Ok(file) => file,
            Err(error) => {
                wrong
                    .get_or_insert(format!("entry {} of the zip archive cannot be read: {error}", index + 1));
                continue;
            }
        };
        if !file.is_file() {
            continue;
        }
        let name = clipped(&String::from_utf8_lossy(file.name_raw()));
        let deflated = match file.compression() {
            CompressionMethod::Stored => Some(false),
            CompressionMethod::DEFLATE => Some(true),
            _ => None,
        };
        match (deflated, file.encrypted(), file.data_start()) {
            (Some(deflated), false, Some(start)) => {
                let stored = file.compressed_size();
                let place = Place::Zip { start, stored, deflated };
                held.push(Held { entry: Entry { name, place, streams: Streams::default() }, size: stored });
            }
            (_, true, _) => {
                wrong.get_or_insert(format!("{name} is encrypted: unpack it with its password"));
            }
            _ => {
                wrong.get_or_insert(format!(
                    "{name} is packed with {}, which is not read",
                    file.compression()
                ));
            }
        }
    }
    (held, wrong)
}

fn tar_entries(path: &Path) -> (Vec<Held>, Option<String>) {
    let broken =
        |error: &dyn std::fmt::Display| Some(format!("the tar archive cannot be read further: {error}"));
    let stream = match tar_stream(path) {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), broken(&error)),
    };
    let streams = Streams::default();
    let mut archive = tar::Archive::new(stream);
    let mut held = Vec::new();
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return (held, broken(&error)),
    };
    for (index, entry) in entries.enumerate() {
        if index == ENTRIES {
            return (held, too_many(index + 1));
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return (held, broken(&error)),
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let place = Place::Tar { start: entry.raw_file_position(), len: entry.size() };
        let name = clipped(&String::from_utf8_lossy(&entry.path_bytes()));
        held.push(Held { size: entry.size(), entry: Entry { name, place, streams: streams.clone() } });
    }
    (held, None)
}

fn too_many(count: usize) -> Option<String> {
    (count > ENTRIES)
        .then(|| format!("the archive has more than {ENTRIES} files: those beyond are not looked at"))
}

fn clipped(name: &str) -> String {
    name.chars().take(NAME).collect()
}
