//! The HTML and Markdown reports on recorded captures: word for word, and what must hold of any of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::{html, markdown};
use tdscope::rules::Severity;

fn analyze(names: &[&str]) -> Analysis {
    let inputs: Vec<Input> =
        names.iter().map(|name| Input::Path(Path::new("fixtures/captures").join(name))).collect();
    let opened = (0..).zip(&inputs).map(|(file, input)| (input.name(), open(input, file))).collect();
    Analyzer::new(Settings::default()).run(&mut Chain::new(opened), &mut |_| {})
}

fn as_html(analysis: &Analysis, style: &html::Style) -> String {
    let mut out = Vec::new();
    html::write(analysis, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn as_markdown(analysis: &Analysis, style: &markdown::Style) -> String {
    let mut out = Vec::new();
    markdown::write(analysis, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Every recorded capture.
fn recorded() -> Vec<String> {
    let entries = fs::read_dir("fixtures/captures").unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() > 100);
    names
}

/// The document without its sheet and policy, which are looked at by themselves.
fn without_sheet(html: &str) -> String {
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let lines = before.lines().filter(|line| !line.contains("Content-Security-Policy"));
    lines.chain(after.lines()).collect::<Vec<_>>().join("\n")
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

#[test]
fn html_reads_as_reviewed() {
    for name in ["r1-learned-rst.pcap", "handshake-stalled.pcap", "r6-syn-refused.pcap", "ok-freetds.pcap"] {
        let html = as_html(&analyze(&[name]), &html::Style::default());
        insta::assert_snapshot!(format!("html-{name}"), without_sheet(&html));
    }
}

#[test]
fn markdown_reads_as_reviewed() {
    for name in ["r1-learned-rst.pcap", "r5-leading-zero.pcapng.gz", "undecided-rst.pcap", "ok-freetds.pcap"]
    {
        let markdown = as_markdown(&analyze(&[name]), &markdown::Style::default());
        insta::assert_snapshot!(format!("markdown-{name}"), markdown);
    }
}

#[test]
fn the_policy_names_the_sheet_and_nothing_else() {
    let html = as_html(&analyze(&["ok-freetds.pcap"]), &html::Style::default());
    let sheet = between(&html, "<style>", "</style>");
    assert_eq!(sheet.len(), 1);
    let hash = base64(&Sha256::digest(sheet[0].as_bytes()));
    let policy = format!("default-src &#39;none&#39;; style-src &#39;sha256-{hash}&#39;; ");
    assert!(html.contains(&policy), "{hash}: {html}");
    assert!(!html.contains("unsafe"));
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    for name in recorded() {
        let html = as_html(&analyze(&[&name]), &html::Style::default());
        for word in
            ["<script", "<link", "<img", "<iframe", "<object", "src=", " style=", "javascript:", "xlink"]
        {
            assert!(!html.contains(word), "{name}: {word}");
        }
        assert!(between(&html, "href=\"", "\"").iter().all(|target| target.starts_with('#')), "{name}");
        assert!(!html.contains("<a href=\"http"), "{name}");
        let handlers = html.split(" on").skip(1).filter(|rest| {
            let name: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
            !name.is_empty() && rest[name.len()..].starts_with("=\"")
        });
        assert_eq!(handlers.count(), 0, "{name}");
    }
}

#[test]
fn documents_can_be_walked_without_eyes() {
    for name in recorded() {
        let html = as_html(&analyze(&[&name]), &html::Style::default());
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        let levels: Vec<u32> =
            between(&html, "<h", ">").iter().filter_map(|rest| rest[..1].parse().ok()).collect();
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name}: {levels:?}");
        assert_eq!(html.matches("<table").count(), html.matches("<caption>").count(), "{name}");
        assert_eq!(html.matches("<th>").count() + html.matches("<th class").count(), 0, "{name}");
        for svg in between(&html, "<svg", "</svg>") {
            assert!(svg.contains("role=\"img\"") && svg.contains("<title id=") && svg.contains("<desc id="));
        }
        let ids = between(&html, " id=\"", "\"");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}");
        for attribute in ["href=\"#", "aria-labelledby=\"", "aria-describedby=\""] {
            assert!(between(&html, attribute, "\"").iter().all(|id| unique.contains(id)), "{name}");
        }
    }
}

#[test]
fn the_least_severity_hides_in_documents_too() {
    let analysis = analyze(&["ok-dhe.pcap"]);
    let all = as_html(&analysis, &html::Style::default());
    let errors = as_html(&analysis, &html::Style { least: Severity::Error, ..html::Style::default() });
    assert!(all.contains("R3 TLS_DHE") && !errors.contains("R3 TLS_DHE"));
    let errors =
        as_markdown(&analysis, &markdown::Style { least: Severity::Error, ..markdown::Style::default() });
    assert!(errors.contains("nothing failed") && !errors.contains("R3"), "{errors}");
}

#[test]
fn every_command_stands_whole_in_both() {
    let mut seen = 0;
    for name in recorded() {
        let analysis = analyze(&[&name]);
        let html = as_html(&analysis, &html::Style::default());
        let markdown = as_markdown(&analysis, &markdown::Style::default());
        let steps = analysis.findings.iter().filter(|finding| finding.severity > Severity::Info);
        let commands = steps.flat_map(|finding| &finding.remedy).filter_map(|step| step.command.as_deref());
        for command in commands.flat_map(str::lines) {
            let escaped = command
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;");
            assert!(html.contains(&escaped), "{name}: {command}");
            assert!(markdown.lines().any(|line| line.trim() == command), "{name}: {command}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn several_files_are_named_and_a_large_result_stays_small() {
    let names = recorded();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let analysis = analyze(&names);
    let html = as_html(&analysis, &html::Style::default());
    assert!(html.len() < 2 << 20, "{}", html.len());
    assert!(html.contains("more file"), "files are cut");
    let markdown = as_markdown(&analysis, &markdown::Style::default());
    assert!(markdown.len() < 512 << 10, "{}", markdown.len());
    assert!(markdown.contains("`[1]#"), "frames name their file");
}

/// RFC 4648 4, by bits.
fn base64(bytes: &[u8]) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1)).collect();
    let mut text: String = bits
        .chunks(6)
        .map(|six| letters[six.iter().fold(0, |sum, bit| sum << 1 | usize::from(*bit)) << (6 - six.len())])
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
