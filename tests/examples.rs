//! `docs/examples.md` and the report in `README.md` are what the program prints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use tdscope::analysis::{Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::text::{Style, write};

/// Capture, heading, and the sentence before its report.
const EXAMPLES: &[(&str, &str, &str)] = &[
    (
        "r1-learned-rst.pcap",
        "R1: no TLS version in common",
        "The server resets without an alert, as Windows does; what it accepted from another client decides.",
    ),
    (
        "r2-learned-rst.pcap",
        "R2: no cipher suite in common",
        "Again no alert: the versions meet, and the suites of the refused client are not those that others got.",
    ),
    ("ok-dhe.pcap", "R3: TLS_DHE is in use", "Nothing has failed yet, so this is a warning."),
    (
        "r4-sha512-fin.pcap",
        "R4: a certificate with a hash that the client refuses",
        "The client hangs up as soon as it has seen the certificate.",
    ),
    (
        "r5-leading-zero.pcapng.gz",
        "R5: the leading zero of TLS_DHE",
        "Hundreds of handshakes, of which a few fail for no reason that one of them would show: the rate does.",
    ),
    (
        "r6-syn-refused.pcap",
        "R6: a listener that accepts some and refuses others",
        "SYNs are refused for two seconds and accepted before and after.",
    ),
    ("ok-freetds.pcap", "A healthy login", "Nothing is wrong, and the report is short."),
    (
        "undecided-rst.pcap",
        "An undecided one",
        "A modern client is reset and nobody else logs in: the packets do not tell why, and the report says so.",
    ),
];

/// The report of a capture of this repository, as its first page shows it.
fn report(name: &str) -> String {
    let input = Input::Path(PathBuf::from(format!("fixtures/captures/{name}")));
    let opened = vec![(input.name(), open(&input, 0))];
    let analysis = Analyzer::new(Settings::default()).run(&mut Chain::new(opened), &mut |_| {});
    let mut out = Vec::new();
    write(&analysis, &Style::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn examples() -> String {
    let mut text = String::from(
        "# Reports\n\nWhat `tdscope analyze` prints for captures of this repository; each is in `fixtures/captures`.\n",
    );
    for (name, heading, sentence) in EXAMPLES {
        let report = report(name);
        let _ = write!(text, "\n## {heading}\n\n{sentence}\n\n```text\n{}\n```\n", report.trim_end());
    }
    text
}

/// The page with its first block of plain text replaced.
fn with_report(page: &str, report: &str) -> String {
    let (before, rest) = page.split_once("```text\n").expect("README.md has a ```text block");
    let (_, after) = rest.split_once("\n```").expect("the block ends");
    format!("{before}```text\n{}\n```{after}", report.trim_end())
}

fn hold(path: &str, current: &str) {
    if std::env::var_os("TDSCOPE_UPDATE_EXAMPLES").is_some() {
        fs::write(path, current).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(stored == current, "{path} is stale: run TDSCOPE_UPDATE_EXAMPLES=1 cargo test --test examples");
}

#[test]
fn the_checked_in_examples_are_not_stale() {
    hold("docs/examples.md", &examples());
}

#[test]
fn the_first_page_shows_the_report_of_its_first_command() {
    let capture = "r1-learned-rst.pcap";
    let page = fs::read_to_string("README.md").unwrap();
    let first = page.lines().find(|line| line.contains("-- analyze ")).unwrap();
    assert!(first.contains(&format!("analyze fixtures/captures/{capture} ")), "{first}");
    hold("README.md", &with_report(&page, &report(capture)));
}
