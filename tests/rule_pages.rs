//! `docs/rules.md` is made of the rules' own pages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tdscope::rules::{RULES, Severity};

#[test]
fn the_checked_in_pages_are_not_stale() {
    let path = Path::new("docs/rules.md");
    let current = pages();
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

fn pages() -> String {
    let mut text = String::from(
        "# What tdscope diagnoses\n\nMade from the rules themselves; `tdscope rule R1` prints one.\n\n\
         | code | name | what it finds | severity |\n|---|---|---|---|\n",
    );
    for rule in RULES {
        let severity = match rule.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let (code, slug) = (rule.code, rule.slug);
        let _ =
            writeln!(text, "| [{code}](#{}) | `{slug}` | {} | {severity} |", anchor(code, slug), rule.title);
    }
    for rule in RULES {
        let _ = write!(text, "\n## {} {}\n\n**{}**\n\n", rule.code, rule.slug, rule.title);
        for line in rule.explanation.lines() {
            let line = line.strip_prefix(' ').unwrap_or(line);
            // One level below the rule's own heading.
            let _ =
                if line.starts_with("## ") { writeln!(text, "#{line}\n") } else { writeln!(text, "{line}") };
        }
    }
    text
}

/// The anchor that renderers give the heading.
fn anchor(code: &str, slug: &str) -> String {
    format!("{}-{slug}", code.to_lowercase())
}
