//! Which captures there are in the folders, archives and patterns that were named.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use schemars::JsonSchema;
use serde::Serialize;

use super::archive::Archive;
use super::member::{Member, PACKED_ENDS};
use crate::capture::plain_text;

/// Captures that are taken of what was named; folders that hold more are to be named one by one.
const MEMBERS: usize = 1_000_000;
/// Folders within folders that are entered.
const DEPTH: usize = 64;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The captures in the order of what was named, and within a folder of their names.
    pub members: Vec<Found>,
    /// What could not be looked at, by name, and why.
    pub problems: Vec<Problem>,
    /// Files in folders and archives that are no captures.
    pub others: u64,
}

/// A capture that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub member: Member,
    /// What was named when it was found: a folder, an archive, or the capture itself.
    pub root: PathBuf,
}

/// What could not be looked at, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Unread")]
pub struct Problem {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

impl Inventory {
    /// Looks at paths: files, folders with all that is in them, archives, and patterns such as `*.pcap` that name no file.
    #[must_use]
    pub fn of(paths: &[PathBuf]) -> Self {
        let mut inventory = Self::default();
        let mut entered = BTreeSet::new();
        for path in paths {
            if path.exists() {
                inventory.named(path, &mut entered);
                continue;
            }
            match matches(path) {
                found if found.is_empty() => inventory.problem(path, "there is no such file or folder"),
                found => found.iter().for_each(|path| inventory.named(path, &mut entered)),
            }
        }
        inventory
    }

    /// What somebody named is taken for a capture whatever it is called.
    fn named(&mut self, path: &Path, entered: &mut BTreeSet<PathBuf>) {
        if path.is_dir() {
            self.folder(path, path, 0, entered);
        } else {
            self.file(path, path, true, entered);
        }
    }

    fn folder(&mut self, path: &Path, root: &Path, depth: usize, entered: &mut BTreeSet<PathBuf>) {
        if depth > DEPTH {
            return self.problem(path, "too many folders within folders");
        }
        // By its real name: links may lead back.
        match fs::canonicalize(path) {
            Ok(real) if entered.insert(real.clone()) => {}
            Ok(_) => return self.problem(path, "leads to a folder that was looked at already"),
            Err(error) => return self.problem(path, &plain_text(&error)),
        }
        let listed = match fs::read_dir(path) {
            Ok(listed) => listed,
            Err(error) => return self.problem(path, &plain_text(&error)),
        };
        let mut inside: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
        inside.sort();
        for path in inside {
            if path.is_dir() {
                self.folder(&path, root, depth + 1, entered);
            } else {
                self.file(&path, root, false, entered);
            }
        }
    }

    fn file(&mut self, path: &Path, root: &Path, named: bool, entered: &mut BTreeSet<PathBuf>) {
        if !fs::canonicalize(path).is_ok_and(|real| entered.insert(real)) {
            return self.again(path);
        }
        let data = match fs::metadata(path) {
            Ok(data) => data,
            Err(error) => return self.problem(path, &plain_text(&error)),
        };
        let since = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default();
        let size = data.len();
        let whole = Member { path: path.to_owned(), entry: None, size, stored: size, modified, begins: None };
        let name = path.file_name().unwrap_or(OsStr::new("")).to_string_lossy();
        if !data.is_file() {
            // Nobody waits for a pipe that lies in a folder.
            if named {
                self.problem(path, "is no file");
            }
            return;
        }
        let head = match head(path) {
            Ok(head) => head,
            Err(error) => return self.problem(path, &plain_text(&error)),
        };
        if let Some(archive) = Archive::of(&name, &head) {
            return self.archive(archive, &whole, root, named);
        }
        if named || is_called_capture(&name) || is_capture(&head) {
            self.add(whole, root);
        } else {
            self.others += 1;
        }
    }

    /// What was looked at already is left out without a word; what does not exist is told.
    fn again(&mut self, path: &Path) {
        if let Err(error) = fs::metadata(path) {
            self.problem(path, &plain_text(&error));
        }
    }

    fn archive(&mut self, archive: Archive, whole: &Member, root: &Path, named: bool) {
        let (held, wrong) = archive.list(&whole.path);
        if let Some(why) = wrong {
            self.problem(&whole.path, &why);
        }
        // An archive that was named is what its captures belong to.
        let root = if named { &whole.path } else { root };
        for held in held {
            let member = Member { entry: Some(held.entry), size: held.size, ..whole.clone() };
            if is_called_capture(&member.file_name()) {
                self.add(member, root);
            } else {
                self.others += 1;
            }
        }
    }

    fn add(&mut self, member: Member, root: &Path) {
        if self.members.len() < MEMBERS {
            self.members.push(Found { member, root: root.to_owned() });
        } else {
            self.others += 1;
        }
    }

    fn problem(&mut self, path: &Path, why: &str) {
        self.problems.push(Problem { name: path.display().to_string(), why: why.to_owned() });
    }
}

/// What a pattern matches, in order.
fn matches(pattern: &Path) -> Vec<PathBuf> {
    let found = pattern.to_str().and_then(|pattern| glob::glob(pattern).ok());
    found.into_iter().flatten().filter_map(Result::ok).collect()
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether a name is one that captures have: `.pcap`, `.pcapng`, `.cap`, `.etl` and the like, with a number behind it as
/// tcpdump's rings have, or compressed.
fn is_called_capture(name: &str) -> bool {
    const ENDS: [&str; 6] = ["pcap", "pcapng", "cap", "etl", "snoop", "ntar"];
    let name = name.to_ascii_lowercase();
    let name = PACKED_ENDS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    ENDS.contains(&end.trim_end_matches(|digit: char| digit.is_ascii_digit()))
}

/// Whether these are the first bytes of a capture that is read.
fn is_capture(head: &[u8]) -> bool {
    let pcap = [0xA1B2_C3D4_u32, 0xA1B2_3C4D];
    let number = head.first_chunk().map(|four| u32::from_le_bytes(*four));
    number == Some(0x0A0D_0D0A)
        || [b"GMBU", b"RTSS", b"snoo"].iter().any(|magic| head.starts_with(*magic))
        || number.is_some_and(|number| pcap.contains(&number) || pcap.contains(&number.swap_bytes()))
}
