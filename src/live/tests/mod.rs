//! The recorder, fed with captures of known truth.

mod limits;
mod recorder;
mod ring;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};

/// An empty folder, removed in the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// One of this name and process.
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tdscope-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Names of the files in it, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
