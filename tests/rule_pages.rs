//! `docs/rules.md` is made of the rules' own pages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use tdscope::report::rules::markdown_document;
use tdscope::rules::RULES;

#[test]
fn the_checked_in_pages_are_not_stale() {
    let path = Path::new("docs/rules.md");
    let current = markdown_document(RULES);
    if std::env::var_os("TDSCOPE_UPDATE_RULES").is_some() {
        fs::write(path, &current).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == current,
        "{} is stale: run TDSCOPE_UPDATE_RULES=1 cargo test --test rule_pages",
        path.display()
    );
}

#[test]
fn the_command_prints_the_document() {
    let output = Command::new(env!("CARGO_BIN_EXE_tdscope"))
        .args(["rule", "--all", "--format", "markdown"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == markdown_document(RULES).as_bytes());
}
