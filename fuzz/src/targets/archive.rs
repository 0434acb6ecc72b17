//! Archives: what `batch` lists and reads in place.

use std::fs;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use tdscope::batch::Inventory;

/// What archives are called; zip is told by its first bytes as well.
const NAMES: [&str; 3] = ["x.zip", "x.tar", "x.tgz"];
/// Captures that are read of an archive, and bytes of each.
const READ: usize = 8;
const BYTES: u64 = 1 << 20;
/// Bytes of a name that are kept, as letters: one that is none takes three.
const NAME: usize = 4096 * 3;

/// A byte that says what it is called, then the archive: no name is endless, no two captures of a zip archive share bytes,
/// and what a capture gives is the same each time.
pub fn archive(data: &[u8]) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Some((kind, bytes)) = data.split_first() else { return };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("tdscope-archive-{}-{number}", std::process::id()));
    fs::create_dir(&folder).expect("there is room for a folder");
    let path = folder.join(NAMES[usize::from(*kind) % NAMES.len()]);
    fs::write(&path, bytes).expect("there is room for a file");
    let inventory = Inventory::of(std::slice::from_ref(&path));
    for problem in &inventory.problems {
        assert!(!problem.why.contains("this is a defect"), "{}", problem.why);
    }
    let zipped = path.extension().is_some_and(|end| end == "zip");
    let sizes = inventory.members.iter().map(|found| u128::from(found.member.size)).sum::<u128>();
    assert!(!zipped || sizes <= bytes.len() as u128, "{sizes} bytes in a zip archive of {}", bytes.len());
    for found in inventory.members.iter().take(READ) {
        assert!(found.member.file_name().len() <= NAME, "an endless name");
        let once = contents(found);
        assert_eq!(once, contents(found), "another time it is another");
    }
    fs::remove_dir_all(&folder).expect("it is there still");
}

/// The beginning of a capture, or why it cannot be read.
fn contents(found: &tdscope::batch::Found) -> Result<Vec<u8>, io::ErrorKind> {
    let mut bytes = Vec::new();
    let stream = found.member.open().map_err(|error| error.kind())?;
    stream.take(BYTES).read_to_end(&mut bytes).map_err(|error| error.kind())?;
    Ok(bytes)
}
