//! The text report, word for word, on recorded captures: what a reader sees is reviewed like code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::text::{Style, write};
use tdscope::rules::Severity;

/// Captures whose whole report stands in `tests/snapshots`.
const SHOWN: &[&str] = &[
    "r1-learned-rst.pcap",
    "r1-server-older.pcap",
    "r2-alert-40.pcap",
    "r2-learned-rst.pcap",
    "ok-dhe.pcap",
    "r4-sha512-fin.pcap",
    "r5-leading-zero.pcapng.gz",
    "r6-syn-refused.pcap",
    "undecided-rst.pcap",
    "certificate-self-signed-freetds.pcap",
    "middlebox-client-hello.pcap",
    "login-failed-clear.pcap",
    "host-unreachable.pcap",
    "browser-silent.pcap",
    "ok-freetds.pcap",
    "ok-snapped.pcap",
];

fn analyze(names: &[&str]) -> Analysis {
    let inputs: Vec<Input> =
        names.iter().map(|name| Input::Path(Path::new("fixtures/captures").join(name))).collect();
    let opened = (0..).zip(&inputs).map(|(file, input)| (input.name(), open(input, file))).collect();
    Analyzer::new(Settings::default()).run(&mut Chain::new(opened), &mut |_| {})
}

fn text(analysis: &Analysis, style: &Style) -> String {
    let mut out = Vec::new();
    write(analysis, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn reports_read_as_reviewed() {
    for name in SHOWN {
        let report = text(&analyze(&[name]), &Style::default());
        insta::assert_snapshot!(*name, report);
    }
}

/// The commands of all remedies, line by line.
fn commands(analysis: &Analysis) -> Vec<String> {
    let steps = analysis.findings.iter().flat_map(|finding| &finding.remedy);
    steps.filter_map(|step| step.command.as_deref()).flat_map(str::lines).map(str::to_owned).collect()
}

#[test]
fn every_command_stands_unbroken_on_a_line_of_its_own() {
    let mut seen = 0;
    for width in [40, 60, 80, 140] {
        for name in SHOWN {
            let analysis = analyze(&[name]);
            let report = text(&analysis, &Style { width: Some(width), ..Style::default() });
            let lines: Vec<&str> = report.lines().map(str::trim).collect();
            // The hazard's remedy is said once, with the fault's.
            for command in commands(&analysis) {
                assert!(lines.contains(&command.as_str()), "{name} at {width}: {command}\n{report}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_remedy_that_stands_above_for_the_same_server_is_not_said_again() {
    let report = text(&analyze(&["r5-leading-zero.pcapng.gz"]), &Style::default());
    assert_eq!(report.matches("Disable-TlsCipherSuite").count(), 1, "{report}");
    let (_, hazard) = report.split_once("R3  TLS_DHE is negotiated").unwrap();
    assert!(hazard.contains("do        as for R5 of this server, above\n"), "{report}");
    let alone = text(&analyze(&["ok-dhe.pcap"]), &Style::default());
    assert_eq!(alone.matches("Disable-TlsCipherSuite").count(), 1, "{alone}");
}

#[test]
fn a_cause_that_has_a_rule_is_named_as_the_rule_command_takes_it() {
    let mut named = 0;
    for name in SHOWN {
        let analysis = analyze(&[name]);
        let report = text(&analysis, &Style { width: Some(140), ..Style::default() });
        for finding in analysis.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            let candidates = finding.candidates.iter().map(|candidate| candidate.slug);
            for slug in finding.ruled_out.iter().map(|out| out.slug).chain(candidates) {
                let Some(rule) = tdscope::rules::find(slug) else { continue };
                assert!(report.contains(&format!(" {} {slug}: ", rule.code)), "{name}: {slug}\n{report}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn no_line_is_wider_than_the_terminal_but_for_words_that_are() {
    for width in [60, 80, 120] {
        let style = Style { width: Some(width), ..Style::default() };
        for name in SHOWN {
            let analysis = analyze(&[name]);
            let commands = commands(&analysis);
            for line in text(&analysis, &style).lines() {
                if commands.iter().any(|command| command == line.trim()) {
                    continue; // the terminal wraps it, and what is copied stays whole
                }
                // Only a long word (a registry path, say) may stick out: it is not broken.
                let last = line.rsplit(' ').next().map_or(0, |word| word.chars().count());
                assert!(line.chars().count() <= width || last >= 20, "{name} at {width}: {line}");
            }
        }
    }
}

#[test]
fn ascii_is_ascii_and_colour_only_adds() {
    for name in SHOWN {
        let analysis = analyze(&[name]);
        let ascii = text(&analysis, &Style { ascii: true, ..Style::default() });
        assert!(ascii.is_ascii(), "{name}: {ascii}");
        colored::control::set_override(true);
        let painted = text(&analysis, &Style { color: true, ..Style::default() });
        assert!(painted.contains("\u{1b}["), "{name}");
        assert_eq!(without_colour(&painted), text(&analysis, &Style::default()), "{name}");
    }
}

#[test]
fn the_least_severity_hides_but_does_not_change() {
    let analysis = analyze(&["ok-dhe.pcap"]);
    assert!(text(&analysis, &Style::default()).contains("R3"));
    let errors = text(&analysis, &Style { least: Severity::Error, ..Style::default() });
    assert!(!errors.contains("R3") && errors.contains("nothing failed"), "{errors}");
}

#[test]
fn frames_of_several_files_name_their_file() {
    let report = text(&analyze(&["ok-freetds.pcap", "r1-learned-rst.pcap"]), &Style::default());
    insta::assert_snapshot!("two-files", report);
}

/// The text without its escape sequences.
fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}
