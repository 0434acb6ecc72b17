//! Holds the sources to the layers that `src/lib.rs` narrates: data moves down the line only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which folders of ours a folder may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("capture", &[]),
    ("tds", &[]),
    ("tls", &[]),
    ("decode", &["capture"]),
    ("stream", &["capture", "decode"]),
    ("facts", &["capture", "tds", "tls"]),
    ("reference", &["tds", "tls"]),
    ("session", &["stream", "tds", "tls", "facts"]),
    ("rules", &["facts", "reference", "tds", "tls"]),
    ("analysis", &["capture", "decode", "stream", "session", "tds", "tls", "facts", "reference", "rules"]),
    ("batch", &["capture", "facts", "rules", "analysis"]),
    ("report", &["analysis", "batch", "facts", "reference", "rules", "tls"]),
    ("extract", &["capture", "decode", "tds", "tls", "facts", "reference", "rules", "analysis", "report"]),
    ("live", &["capture", "decode", "facts", "rules", "analysis", "report"]),
];

#[test]
fn imports_follow_the_layers() {
    let mut wrong = Vec::new();
    for (folder, allowed) in MAY_IMPORT {
        let mut files = sources(&Path::new("src").join(folder));
        // Tests may build their input with any layer.
        files.retain(|file| !file.iter().any(|part| part == "tests"));
        files.extend(Some(PathBuf::from(format!("src/{folder}.rs"))).filter(|file| file.exists()));
        assert!(!files.is_empty(), "src/{folder} has no sources");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for import in imports(&text) {
                if import != *folder && !allowed.contains(&import.as_str()) {
                    wrong.push(format!("{} imports {import}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_stands_in_the_table() {
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(folder, _)| *folder).chain(["cli"]).collect();
    for entry in fs::read_dir("src").unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            assert!(known.contains(name.as_str()), "src/{name} is in no layer");
        }
    }
}

#[test]
fn files_are_rooms_not_halls() {
    for file in sources(Path::new("src")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines: two rooms in one", file.display());
    }
}

/// Every `crate::x` outside comments. Reports are rendered from results and reach wire types only through them.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut found = BTreeSet::new();
    for line in code {
        for part in line.split("crate::").skip(1) {
            let name: String =
                part.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if Path::new("src").join(&name).is_dir() {
                found.insert(name);
            }
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
