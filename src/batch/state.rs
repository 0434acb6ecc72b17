//! What was found by an earlier run, so that it need not be looked at again.
//!
//! One JSON object a line, written when a capture is done: a run that is killed leaves what it has done.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::run::Job;
use super::summary::CaptureSummary;
use crate::analysis::Settings;
use crate::sanitize::JsonText;

/// A line longer than this is no state of ours, in bytes: a summary has at most 64 findings of a few hundred bytes.
const LINE: u64 = 16 << 20;

/// What a finding rests on: as long as it is the same, so is the finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    /// Name, size and time of the last write of each file.
    files: Vec<(String, u64, i64)>,
    /// Digest of the settings.
    settings: String,
    version: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    key: Key,
    found: CaptureSummary,
}

/// The state file of a batch.
#[derive(Debug)]
pub struct State {
    known: BTreeMap<Key, CaptureSummary>,
    file: Mutex<File>,
    settings: String,
}

impl State {
    /// Opens a state file, or begins one. Lines that cannot be read, such as the last one of a run that was killed, are
    /// passed over.
    ///
    /// # Errors
    /// When the file cannot be opened, read or written.
    pub fn open(path: &Path, settings: &Settings) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut known = BTreeMap::new();
        let mut reader = BufReader::new(&mut file);
        let mut line = Vec::new();
        loop {
            line.clear();
            if (&mut reader).take(LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if let Ok(Line { key, found }) = serde_json::from_slice(&line) {
                known.insert(key, found);
            }
        }
        if line.is_empty() && file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        // Threads change nothing that is found.
        let settings = Settings { threads: 0, ..settings.clone() };
        let digest = Sha256::digest(format!("{settings:?}").as_bytes());
        let settings = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { known, file: Mutex::new(file), settings })
    }

    /// What was found in a capture that has not changed since.
    #[must_use]
    pub fn found(&self, job: &Job) -> Option<CaptureSummary> {
        let mut found = self.known.get(&self.key(job))?.clone();
        found.case.clone_from(&job.case);
        Some(found)
    }

    /// Writes down what was found.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, job: &Job, found: &CaptureSummary) -> io::Result<()> {
        let mut line = Vec::new();
        serde_json::to_writer(JsonText(&mut line), &Line { key: self.key(job), found: found.clone() })?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }

    fn key(&self, job: &Job) -> Key {
        Key {
            files: job.parts.iter().map(|part| (part.name(), part.size, part.modified)).collect(),
            settings: self.settings.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
