//! The program as its users run it: exit codes, streams, broken input, the same bytes every time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const FAILING: &str = "fixtures/captures/r1-learned-rst.pcap";
const HEALTHY: &str = "fixtures/captures/ok-freetds.pcap";

fn tdscope(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
    command.args(arguments).env_remove("CLICOLOR_FORCE");
    command
}

fn with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that refuses its input closes the pipe before all is written.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file of its own for a test, in the folder that cargo keeps for that.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_exit_code_says_what_was_found() {
    assert_eq!(tdscope(&["analyze", FAILING]).status.code(), Some(1));
    assert_eq!(tdscope(&["analyze", HEALTHY]).status.code(), Some(0));
    assert_eq!(tdscope(&["analyze", "--exit-zero", FAILING]).status.code(), Some(0));
    assert_eq!(tdscope(&["analyze", "--min-severity", "error", FAILING]).status.code(), Some(1));
    assert_eq!(tdscope(&["analyze", "no-such-file.pcap"]).status.code(), Some(2));
    assert_eq!(tdscope(&["analyze"]).status.code(), Some(2));
    assert_eq!(tdscope(&["analyze", "--since", "yesterday", HEALTHY]).status.code(), Some(2));
    assert_eq!(tdscope(&["analyze", "-", "-"]).status.code(), Some(2));
}

#[test]
fn the_same_capture_gives_the_same_bytes() {
    let first = tdscope(&["analyze", "--format", "json", FAILING]);
    let again = tdscope(&["analyze", "--format", "json", FAILING]);
    assert_eq!(first.stdout, again.stdout);

    let piped = with_input(&["analyze", "--format", "json", "-"], &fs::read(FAILING).unwrap());
    let renamed = stdout(&first).replace(FAILING, "-");
    assert_eq!(renamed, stdout(&piped));
}

#[test]
fn one_unreadable_input_does_not_stop_the_others() {
    let text = scratch("notes.txt", b"these are notes, not packets\n");
    let output = tdscope(&["analyze", "--format", "json", text.to_str().unwrap(), FAILING]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    let report = json(&output);
    assert!(report["captures"][0]["error"].as_str().unwrap().contains("text"));
    assert_eq!(report["captures"][1]["error"], Value::Null);
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "R1"));
}

#[test]
fn every_bad_input_gets_one_line_that_says_what_it_is() {
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty.pcap", b"", "empty"),
        ("zip.pcap", b"PK\x03\x04rest of it", "zip archive"),
        ("netmon.cap", b"GMBU\x01\x02rest of the header", "header"),
        ("noise.pcap", b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "no capture format begins so"),
        ("header.pcap", b"\xd4\xc3\xb2\xa1\x02\x00\x04", "header"),
    ];
    for (name, bytes, expected) in cases {
        let path = scratch(name, bytes);
        let output = tdscope(&["analyze", path.to_str().unwrap()]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(said.contains(name) && said.contains(expected), "{name}: {said}");
        assert_eq!(stdout(&output), "", "{name}");
    }
    let folder = tdscope(&["analyze", env!("CARGO_TARGET_TMPDIR")]);
    assert_eq!(folder.status.code(), Some(2));
    assert!(stderr(&folder).contains("is a directory"));
}

#[test]
fn a_damaged_capture_is_read_as_far_as_it_goes() {
    let whole = fs::read(FAILING).unwrap();
    let cut = scratch("cut.pcap", &whole[..whole.len() - 7]);
    let output = tdscope(&["analyze", "--format", "json", cut.to_str().unwrap()]);
    let report = json(&output);
    assert_ne!(output.status.code(), Some(2));
    assert_eq!(report["captures"][0]["damage"].as_array().unwrap().len(), 1);
    let count = |report: &Value| report["captures"][0]["packets"].as_u64().unwrap();
    assert_eq!(count(&report) + 1, count(&json(&tdscope(&["analyze", "--format", "json", FAILING]))));
    assert!(stdout(&tdscope(&["analyze", cut.to_str().unwrap()])).contains("damaged"));
}

#[test]
fn a_capture_cut_anywhere_never_breaks_it() {
    let whole = fs::read(HEALTHY).unwrap();
    for cut in (24..whole.len()).step_by(61) {
        let output = with_input(&["analyze", "--format", "json", "-"], &whole[..cut]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "cut at {cut}: {}", stderr(&output));
        assert_eq!(json(&output)["schema"], "tdscope/1");
    }
}

#[test]
fn the_report_goes_to_a_file_but_never_over_a_capture() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report.json");
    let path = path.to_str().unwrap();
    let output = tdscope(&["analyze", "--format", "json", "--output", path, FAILING]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert_eq!(fs::read(path).unwrap(), tdscope(&["analyze", "--format", "json", FAILING]).stdout);

    let capture = scratch("precious.pcap", &fs::read(FAILING).unwrap());
    let name = capture.to_str().unwrap();
    assert_eq!(tdscope(&["analyze", "-o", name, name]).status.code(), Some(2));
    assert_eq!(fs::read(&capture).unwrap(), fs::read(FAILING).unwrap());
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = command(&[
        "analyze",
        "--format",
        "json",
        "--all-connections",
        "fixtures/captures/r5-leading-zero.pcapng.gz",
    ])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn filters_choose_what_is_reported() {
    let all = json(&tdscope(&["analyze", "--format", "json", "--all-connections", FAILING]));
    let connections = all["connections"].as_array().unwrap();
    assert!(connections.len() > 1);
    let id = connections.iter().find_map(|connection| {
        connection["tds"]["prelogin"]["client_connection_id"].as_str().map(str::to_owned)
    });
    if let Some(id) = id {
        let one = json(&tdscope(&[
            "analyze",
            "--format",
            "json",
            "--all-connections",
            "--client-connection-id",
            &id,
            FAILING,
        ]));
        assert_eq!(one["connections"].as_array().unwrap().len(), 1);
    }
    let none = tdscope(&["analyze", "--client", "192.0.2.1", FAILING]);
    assert_eq!(none.status.code(), Some(0));
    assert!(stdout(&none).contains("the filter selects nothing"), "{}", stdout(&none));
    let late = json(&tdscope(&["analyze", "--format", "json", "--since", "2100-01-01 00:00", FAILING]));
    assert_eq!(late["connections"].as_array().unwrap().len(), 0);
}

#[test]
fn rules_choose_which_findings_are_reported() {
    let codes = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    let ignored = tdscope(&["analyze", "--format", "json", "--ignore", "no-common-tls-version", FAILING]);
    let report = json(&ignored);
    assert_eq!(ignored.status.code(), Some(0));
    assert!(!codes(&report).contains(&"R1".to_owned()));
    // No other rule takes its place: the connections keep the verdict.
    let verdicts = |report: &Value| {
        report["connections"].as_array().unwrap().iter().map(|c| c["verdict"].clone()).collect::<Vec<_>>()
    };
    let all = json(&tdscope(&["analyze", "--format", "json", FAILING]));
    assert_eq!(verdicts(&report), verdicts(&all));
    assert!(verdicts(&report).iter().any(|verdict| verdict["code"] == "R1"));

    let text = stdout(&tdscope(&["analyze", "--select", "T3,N", "--ignore", "T312", FAILING]));
    assert!(text.contains("2 connections failed for 1 cause left out of this report"), "{text}");
    assert!(text.contains("no failure by the rules that are shown") && !text.contains("nothing failed"));

    let selected = tdscope(&["analyze", "--format", "json", "--select", "R1", FAILING]);
    assert_eq!((selected.status.code(), codes(&json(&selected))), (Some(1), vec!["R1".to_owned()]));

    let unknown = tdscope(&["analyze", "--select", "R1,syn-droped", FAILING]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("did you mean R6 (syn-dropped)?"), "{}", stderr(&unknown));
}

#[test]
fn several_files_are_one_capture() {
    let output = tdscope(&["analyze", "--format", "json", HEALTHY, FAILING]);
    let report = json(&output);
    assert_eq!(report["captures"].as_array().unwrap().len(), 2);
    let finding = &report["findings"][0];
    assert_eq!(
        (finding["code"].as_str(), finding["evidence"][0]["at"]["file"].as_u64()),
        (Some("R1"), Some(1))
    );
    // The same file twice: every packet is recorded twice, no verdict is doubled.
    let twice = json(&tdscope(&["analyze", "--format", "json", FAILING, FAILING]));
    let once = json(&tdscope(&["analyze", "--format", "json", FAILING]));
    assert_eq!(twice["findings"][0]["count"], once["findings"][0]["count"]);
    assert_eq!(twice["captures"][1]["packets"], once["captures"][0]["packets"]);
}

#[test]
fn rules_have_pages() {
    let list = stdout(&tdscope(&["rule"]));
    assert!(list.lines().count() > 35 && list.contains("no-common-tls-version"));
    let page = stdout(&tdscope(&["rule", "r1"]));
    for heading in ["What it means", "How it is recognised", "What to do"] {
        assert!(page.lines().any(|line| line == heading), "{page}");
    }
    let all = stdout(&tdscope(&["rule", "--all"]));
    assert!(all.contains(&page) && all.lines().filter(|line| *line == "What to do").count() > 35);
    assert!(
        stdout(&tdscope(&["rule", "r1", "--format", "markdown"]))
            .starts_with("## R1 no-common-tls-version\n")
    );
    assert_eq!(json(&tdscope(&["rule", "syn-dropped", "--format", "json"]))["code"], "R6");
    assert!(json(&tdscope(&["rule", "--all", "--format", "json"])).as_array().unwrap().len() > 35);
    assert_eq!(tdscope(&["rule", "--all", "R1"]).status.code(), Some(2));
}

#[test]
fn an_unknown_rule_gets_the_nearest() {
    let output = tdscope(&["rule", "syn-droped"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean R6 (syn-dropped)?"), "{}", stderr(&output));
    assert!(stderr(&tdscope(&["rule", "Q"])).contains("`tdscope rule` lists them"));
}

#[cfg(not(feature = "live"))]
#[test]
fn live_without_libpcap_says_how_to_get_it() {
    let output = tdscope(&["live", "-i", "eth0"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(
        text.contains("libpcap-dev") && text.contains("cargo install --path . --features live"),
        "{text}"
    );
    assert!(stdout(&tdscope(&["live", "--help"])).contains("--record"));
}

#[test]
fn info_says_what_a_capture_is() {
    let output = tdscope(&["info", FAILING, HEALTHY]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.starts_with(&format!("{FAILING}\n  format    pcap; Ethernet\n  packets   ")), "{text}");
    assert!(
        text.contains(&format!("\n\n{HEALTHY}\n"))
            && text.contains("% of the packets: 1 connection to 1 server"),
        "{text}"
    );
    let report = json(&tdscope(&["info", "--format", "json", FAILING, "no-such-file.pcap"]));
    assert_eq!(
        (&report["schema"], &report["files"][0]["links"]),
        (&"tdscope-info/1".into(), &serde_json::json!(["Ethernet"]))
    );
    assert_eq!(report["files"][0]["packets"], report["files"][0]["quality"]["tcp"]);
    assert!(report["files"][1]["error"].as_str().unwrap().contains("no-such-file.pcap"));
    assert_eq!(tdscope(&["info", "no-such-file.pcap"]).status.code(), Some(2));
    let cut = scratch("cut.pcap", &cut(&fs::read(FAILING).unwrap(), 60));
    let text = stdout(&tdscope(&["info", cut.to_str().unwrap()]));
    assert!(text.contains("cut by the snap length; at most 60 bytes of a packet that was cut"), "{text}");
}

/// A little-endian pcap whose packets are cut to `most` bytes.
fn cut(pcap: &[u8], most: usize) -> Vec<u8> {
    let mut out = pcap[..24].to_vec();
    let mut at = 24;
    while at < pcap.len() {
        let length = u32::from_le_bytes(pcap[at + 8..at + 12].try_into().unwrap()) as usize;
        let kept = length.min(most);
        out.extend(&pcap[at..at + 8]);
        out.extend(u32::try_from(kept).unwrap().to_le_bytes());
        out.extend(&pcap[at + 12..at + 16 + kept]);
        at += 16 + length;
    }
    out
}
