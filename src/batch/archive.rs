//! What an archive holds, without unpacking it to disk.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::panic::catch_unwind;
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::member::{Entry, Place, Streams, tar_stream};

/// Files of an archive that are looked at; one that claims more is damaged or hostile.
const ENTRIES: usize = 100_000;
/// Bytes of an entry's name that are kept: Windows has paths of 32,767 letters, and nobody reads more.
const NAME: usize = 4096;
/// Bytes of all names of an archive that are kept: 160 for each of the most files that are looked at.
const NAMES: usize = 16 << 20;
/// Bytes that are read of what a pax header says of a file.
const PAX: u64 = 64 << 10;
/// What is said of an archive whose names take more.
const LONG_NAMES: &str = "the names in the archive are too long: the files beyond are not looked at";
/// What is said of an archive that showed a defect, of ours or of what reads archives.
const DEFECT: &str = "the archive cannot be read: tdscope failed on it: this is a defect";

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
        // What one archive shows must not cost the others their verdicts.
        let listed = catch_unwind(|| match self {
            Self::Zip => zip_entries(path),
            Self::Tar => tar_entries(path),
        });
        listed.unwrap_or_else(|_| (Vec::new(), Some(DEFECT.to_owned())))
    }
}

fn zip_entries(path: &Path) -> (Vec<Held>, Option<String>) {
    let opened = File::open(path)
        .and_then(|file| Ok((file.metadata()?.len(), file)))
        .map_err(|error| error.to_string())
        .and_then(|(len, file)| {
            ZipArchive::new(BufReader::new(file))
                .map(|archive| (len, archive))
                .map_err(|error| error.to_string())
        });
    // No byte belongs to two entries: what they claim together fits into the archive.
    let (mut left, mut archive) = match opened {
        Ok(opened) => opened,
        Err(error) => return (Vec::new(), Some(format!("the zip archive cannot be read: {error}"))),
    };
    let mut held = Vec::new();
    let mut names = Names::new();
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
        let Some(name) = names.keep(file.name_raw()) else { return (held, Some(LONG_NAMES.to_owned())) };
        let deflated = match file.compression() {
            CompressionMethod::Stored => Some(false),
            CompressionMethod::DEFLATE => Some(true),
            _ => None,
        };
        match (deflated, file.encrypted(), file.data_start()) {
            (Some(deflated), false, Some(start)) => {
                let stored = file.compressed_size();
                let Some(rest) = left.checked_sub(stored) else {
                    wrong.get_or_insert(format!(
                        "{name} and the entries before it claim more bytes than the zip archive has: not looked at"
                    ));
                    continue;
                };
                left = rest;
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
        Ok((stream, _)) => stream,
        Err(error) => return (Vec::new(), broken(&error)),
    };
    let streams = Streams::default();
    let mut archive = tar::Archive::new(stream);
    let mut held = Vec::new();
    let mut names = Names::new();
    // Raw: of a name that stands in an entry of its own no more is read than is kept.
    let entries = match archive.entries() {
        Ok(entries) => entries.raw(true),
        Err(error) => return (held, broken(&error)),
    };
    let mut long = None;
    for (index, entry) in entries.enumerate() {
        if index == ENTRIES {
            return (held, too_many(index + 1));
        }
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return (held, broken(&error)),
        };
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            match long_name(&mut entry) {
                Ok(name) => long = name.or(long),
                Err(error) => return (held, broken(&error)),
            }
            continue;
        }
        if !kind.is_file() {
            if !kind.is_gnu_longlink() && !kind.is_pax_global_extensions() {
                long = None;
            }
            continue;
        }
        let place = Place::Tar { start: entry.raw_file_position(), len: entry.size() };
        let name = long.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let Some(name) = names.keep(&name) else { return (held, Some(LONG_NAMES.to_owned())) };
        held.push(Held { size: entry.size(), entry: Entry { name, place, streams: streams.clone() } });
    }
    (held, None)
}

/// The name of the next entry, as far as it is kept: of GNU tar (L), or among other things of pax (x, POSIX.1-2017 pax).
fn long_name(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Option<Vec<u8>>> {
    let pax = entry.header().entry_type().is_pax_local_extensions();
    let mut bytes = Vec::new();
    entry.take(if pax { PAX } else { NAME as u64 }).read_to_end(&mut bytes)?;
    if !pax {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        return Ok(Some(bytes));
    }
    let mut name = None;
    // A record that was cut is none.
    for record in tar::PaxExtensions::new(&bytes).map_while(Result::ok) {
        match record.key_bytes() {
            b"path" => name = Some(record.value_bytes().to_vec()),
            b"size" => return Err(io::Error::other("the size of a file does not fit into its header")),
            _ => {}
        }
    }
    Ok(name)
}

fn too_many(count: usize) -> Option<String> {
    (count > ENTRIES)
        .then(|| format!("the archive has more than {ENTRIES} files: those beyond are not looked at"))
}

/// Bytes that the names of an archive may still take.
struct Names(usize);

impl Names {
    const fn new() -> Self {
        Self(NAMES)
    }

    /// A name as text, clipped; `None` when the names take too much.
    fn keep(&mut self, name: &[u8]) -> Option<String> {
        let name = String::from_utf8_lossy(name.get(..NAME).unwrap_or(name)).into_owned();
        self.0 = self.0.checked_sub(name.len())?;
        Some(name)
    }
}
