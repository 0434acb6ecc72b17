//! Hostile texts in every place.

use super::{Style, write};
use crate::report::hostile::{HOSTILE, analysis};

fn document(text: &str) -> String {
    let mut out = Vec::new();
    write(&analysis(text), &Style { title: Some(text.to_owned()), ..Style::default() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What is left when code spans and fenced blocks are taken out, as CommonMark 0.31 has them (6.1, 4.5).
fn outside_code(markdown: &str) -> String {
    let mut text = String::new();
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        let ticks: String = line.trim_start().chars().take_while(|letter| *letter == '`').collect();
        match &fence {
            Some(open) => {
                if line.trim() == ticks && ticks.len() >= open.len() {
                    fence = None;
                }
            }
            None if ticks.len() >= 3 && line.trim() == ticks => fence = Some(ticks),
            None => {
                text.push_str(&without_spans(line));
                text.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "{markdown}");
    text
}

fn without_spans(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let run = from.len() - from.trim_start_matches('`').len();
        let (open, after) = from.split_at(run);
        let end = closing(after, run).unwrap_or_else(|| panic!("{open} is not closed in {line}"));
        text.push('◻');
        rest = after.get(end + run..).unwrap();
    }
    text + rest
}

/// Where a run of exactly `run` backticks begins.
fn closing(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find('`') {
        let begin = at + found;
        let after = text.get(begin..)?;
        let length = after.len() - after.trim_start_matches('`').len();
        if length == run {
            return Some(begin);
        }
        at = begin + length;
    }
    None
}

#[test]
fn hostile_text_has_no_meaning() {
    for text in HOSTILE {
        let outside = outside_code(&document(text));
        for letter in ['<', '>', '[', ']', '&', '@', '\\', '_', '~', '!', '$', '{'] {
            assert!(!outside.contains(letter), "{letter} of {text:?} in\n{outside}");
        }
        for word in ["http", "www.", "javascript", "-- ", "\u{202e}"] {
            assert!(!outside.contains(word), "{word} of {text:?} in\n{outside}");
        }
        // Emphasis and headings are ours.
        assert!(outside.lines().all(|line| line.matches('*').count() % 4 == 0), "{outside}");
        let headings = outside.lines().filter(|line| line.contains('#'));
        assert!(headings.clone().all(|line| line.starts_with('#')), "{outside}");
        assert_eq!(headings.count(), 1 + 3 + 2, "{outside}");
    }
}

#[test]
fn rows_have_as_many_cells_as_their_header() {
    for text in HOSTILE {
        let markdown = document(text);
        let mut columns = None;
        let mut rows = 0;
        for line in outside_blocks(&markdown) {
            if !line.starts_with('|') {
                columns = None;
                continue;
            }
            let bars = line.matches('|').count();
            assert_eq!(*columns.get_or_insert(bars), bars, "{text:?}: {line}");
            rows += 1;
        }
        assert!(rows >= 9, "{markdown}");
    }
}

/// Lines that are not in a fenced block.
fn outside_blocks(markdown: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in markdown.lines() {
        let fence = line.trim().len() >= 3 && line.trim().chars().all(|letter| letter == '`');
        inside ^= fence;
        if !inside && !fence {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn hostile_text_is_shown() {
    let markdown = document("<script>alert(1)</script>");
    assert!(markdown.matches("`<script>alert(1)</script>`").count() > 10, "{markdown}");
    let markdown = document("a\u{202e}b\x1b[31m");
    assert!(markdown.matches("`a\\u{202e}b\\u{1b}[31m`").count() > 10, "{markdown}");
    assert!(!markdown.contains(['\u{202e}', '\x1b']));
}
