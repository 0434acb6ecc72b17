//! Files that bear their name only when they are whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Names that are tried before it is given up.
const TRIES: usize = 100;

/// Writes a file in `folder` under the first name of `names` that is not taken, and gives its path and what `fill` gave.
///
/// It is written under another name, which begins with a dot and ends with `.part`, and renamed when it is whole. It is not
/// forced onto the disk: that would keep a capture waiting. On Unix nobody but its owner can read it.
///
/// # Errors
/// Those of the file system and of `fill`, and when too many names are taken; then no file is left behind.
pub(super) fn write<T>(
    folder: &Path,
    names: &mut dyn FnMut() -> String,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    let mut names = std::iter::from_fn(|| Some(names())).take(TRIES);
    let (temporary, file, name) = names
        .by_ref()
        .find_map(|name| {
            let path = folder.join(format!(".{name}.part"));
            untaken(create(&path)).map(|file| file.map(|file| (Temporary(path), file, name)))
        })
        .unwrap_or_else(|| Err(all_taken()))?;
    let mut out = BufWriter::new(file);
    let filled = fill(&mut out)?;
    // Closed here: Windows renames no open file.
    drop(out.into_inner()?);
    let path = std::iter::once(name)
        .chain(names)
        .find_map(|name| {
            let path = folder.join(name);
            untaken(publish(&temporary.0, &path)).map(|done| done.map(|()| path))
        })
        .unwrap_or_else(|| Err(all_taken()))?;
    Ok((path, filled))
}

/// A file that is removed, where it still is, when it is let go of.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It was renamed, or nothing can be done.
        let _ = fs::remove_file(&self.0);
    }
}

/// `None` when a name is taken.
fn untaken<T>(outcome: io::Result<T>) -> Option<io::Result<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
        outcome => Some(outcome),
    }
}

fn all_taken() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "the names of too many files are taken")
}

/// Opens a new file.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Gives a file its name, unless that is taken: by a link, which replaces nothing, as a rename would.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => claim(temporary, path),
        outcome => outcome,
    }
}

/// The same where there are no links (FAT, some network shares): what is replaced is an empty file of our own.
fn claim(temporary: &Path, path: &Path) -> io::Result<()> {
    drop(create(path)?);
    fs::rename(temporary, path).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::Folder;

    fn names() -> impl FnMut() -> String {
        let mut number = 0;
        move || {
            number += 1;
            format!("{number}.txt")
        }
    }

    fn hello(out: &mut dyn Write) -> io::Result<usize> {
        out.write_all(b"hello").map(|()| 5)
    }

    #[test]
    fn a_file_appears_under_the_first_name_that_is_free() {
        let folder = Folder::new("free-name");
        // The second name is taken by what an earlier run left, the fourth by a file of that name.
        for taken in ["1.txt", ".2.txt.part", "3.txt"] {
            fs::write(folder.path().join(taken), b"old").unwrap();
        }
        let mut names = names();
        let (path, filled) = write(folder.path(), &mut names, hello).unwrap();
        assert_eq!((path.file_name().unwrap().to_str().unwrap(), filled), ("2.txt", 5));
        let (path, _) = write(folder.path(), &mut names, hello).unwrap();
        assert_eq!(path.file_name().unwrap(), "4.txt");
        assert_eq!(folder.names(), [".2.txt.part", "1.txt", "2.txt", "3.txt", "4.txt"]);
        for (name, text) in [("1.txt", "old"), ("2.txt", "hello"), ("3.txt", "old"), ("4.txt", "hello")] {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), text);
        }
    }

    #[test]
    fn a_name_that_is_never_free_is_given_up() {
        let folder = Folder::new("no-name");
        fs::write(folder.path().join("1.txt"), b"old").unwrap();
        let mut asked = 0;
        let mut same = || {
            asked += 1;
            "1.txt".to_owned()
        };
        let error = write(folder.path(), &mut same, hello).unwrap_err();
        assert_eq!(error.to_string(), "the names of too many files are taken");
        assert_eq!((folder.names(), asked), (vec!["1.txt".to_owned()], TRIES));
    }

    #[test]
    fn what_fails_halfway_leaves_nothing() {
        let folder = Folder::new("halfway");
        let fail = |out: &mut dyn Write| -> io::Result<()> {
            hello(out)?;
            assert_eq!(folder.names(), [".1.txt.part"]);
            Err(io::Error::other("no"))
        };
        assert_eq!(write(folder.path(), &mut names(), fail).unwrap_err().to_string(), "no");
        assert!(folder.names().is_empty());
    }

    #[test]
    fn without_links_a_name_is_claimed_and_nothing_replaced() {
        let folder = Folder::new("claim");
        let (part, taken, free) =
            (folder.path().join("part"), folder.path().join("taken"), folder.path().join("free"));
        fs::write(&part, b"new").unwrap();
        fs::write(&taken, b"old").unwrap();
        assert_eq!(claim(&part, &taken).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&taken).unwrap(), b"old");
        claim(&part, &free).unwrap();
        assert_eq!(fs::read(&free).unwrap(), b"new");
        // A temporary file that is gone takes the claim with it.
        assert_eq!(claim(&part, &folder.path().join("other")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(folder.names(), ["free", "taken"]);
    }
}
