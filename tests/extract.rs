//! `tdscope extract`, and what `--redact` leaves, as users run them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Names that the fixtures were recorded with (`fixtures/README.md`), none of which a program or a rule has.
const NAMES: [&str; 5] = ["app1", "orders", "sales", "sql1", "example.net"];

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("extract-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn tdscope(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
    command.args(arguments).env_remove("CLICOLOR_FORCE").output().unwrap()
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&tdscope(&["analyze", "--format", "json", path]).stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap()
}

/// `10.0.0.1` is not in `10.0.0.12`; but `sql1` is in `sql1-a`.
fn tells(bytes: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    text.match_indices(&name.to_lowercase()).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[test]
fn an_extract_is_a_capture_that_says_the_same() {
    let folder = folder("same");
    let out = folder.join("evidence.pcapng");
    let out = out.to_str().unwrap();
    let output = tdscope(&["extract", "fixtures/captures/mixed.pcap", "--finding", "1", "-o", out]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("packets,"), "{}", said(&output));
    let (whole, part) = (json("fixtures/captures/mixed.pcap"), json(out));
    assert_eq!(whole["findings"][0]["code"], part["findings"][0]["code"]);
    assert!(part["captures"][0]["packets"].as_u64() < whole["captures"][0]["packets"].as_u64());
    let entries: Vec<_> = fs::read_dir(&folder).unwrap().collect();
    assert_eq!(entries.len(), 1, "nothing but the extract is left");

    let id = part_of(&whole, "connections", "id");
    let output = tdscope(&["extract", "fixtures/captures/mixed.pcap", "--connection", &id, "-o", out]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

fn part_of(report: &Value, list: &str, field: &str) -> String {
    report[list][0][field].to_string()
}

#[test]
fn what_cannot_be_extracted_is_said_and_nothing_is_written() {
    let folder = folder("wrong");
    let capture = folder.join("capture.pcap");
    fs::copy("fixtures/captures/r1-learned-rst.pcap", &capture).unwrap();
    let capture = capture.to_str().unwrap();
    let out = folder.join("out.pcapng");
    let out = out.to_str().unwrap();
    for (arguments, why) in [
        (vec![capture, "--finding", "99", "-o", out], "there is no finding 99"),
        (vec![capture, "--connection", "99", "-o", out], "connection 99 is not among"),
        (vec!["-", "--finding", "1", "-o", out], "standard input (-) can be read only once"),
        (vec![capture, "--finding", "1", "-o", capture], "is one of the files read"),
        (vec!["no-such.pcap", "--finding", "1", "-o", out], "no-such.pcap"),
        (vec![capture, "--finding", "1", "--connection", "1", "-o", out], "cannot be used with"),
        (vec![capture, "-o", out], "required"),
    ] {
        let output = tdscope(&[vec!["extract"], arguments.clone()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(why), "{arguments:?}: {}", said(&output));
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(fs::read(capture).unwrap() == fs::read("fixtures/captures/r1-learned-rst.pcap").unwrap());
}

/// Every form that `analyze` and `batch` have, of every fixture, searched for what the fixtures are about.
#[test]
fn no_name_and_no_address_is_left_in_any_form() {
    let folder = folder("redacted");
    let pages = folder.join("pages");
    let cases = folder.join("contoso-tickets");
    fs::create_dir(&cases).unwrap();
    let mut addresses = Vec::new();
    let captures = [
        "login-failed-clear",
        "login-failed-login-only",
        "mixed",
        "r1-learned-rst",
        "host-unreachable",
        "certificate-expired-alert",
        "ok-browser",
        "ok-ipv6",
    ];
    for name in captures {
        let path = format!("fixtures/captures/{name}.pcap");
        fs::copy(&path, cases.join(format!("{name}.pcap"))).unwrap();
        let report = json(&path);
        for connection in report["connections"].as_array().unwrap() {
            for end in ["client", "server"] {
                addresses.push(connection[end]["ip"].as_str().unwrap().to_owned());
            }
        }
    }
    fs::write(cases.join("broken.zip"), b"PK\x03\x04 and nothing else").unwrap();
    fs::write(cases.join("empty.pcap"), b"").unwrap();
    addresses.sort();
    addresses.dedup();
    addresses.retain(|address| !address.starts_with("127.") && address != "::1");
    assert!(addresses.len() > 5, "{addresses:?}");
    let mut told: Vec<String> = addresses.into_iter().chain(NAMES.map(str::to_owned)).collect();
    told.extend(captures.map(|name| format!("{name}.pcap")));
    told.extend(["broken.zip", "empty.pcap", "contoso-tickets"].map(str::to_owned));

    let mut results: Vec<(String, Vec<u8>)> = Vec::new();
    let cases = cases.to_str().unwrap();
    for form in ["text", "json", "ndjson", "csv", "markdown", "html"] {
        let output = tdscope(&["batch", "--quiet", "--all", "--redact", "--format", form, cases]);
        assert_eq!(output.status.code(), Some(1), "{form}");
        results.push((format!("batch {form}"), output.stdout));
    }
    let output = tdscope(&["batch", "--quiet", "--redact", "--reports", pages.to_str().unwrap(), cases]);
    assert_eq!(output.status.code(), Some(1));
    for entry in fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        results.push((path.display().to_string(), fs::read(&path).unwrap()));
        results.push(("its name".to_owned(), path.file_name().unwrap().as_encoded_bytes().to_vec()));
    }
    for name in captures {
        for form in ["text", "json", "markdown", "html"] {
            let path = format!("fixtures/captures/{name}.pcap");
            let output = tdscope(&["analyze", "--redact", "--format", form, &path]);
            results.push((format!("analyze {name} {form}"), output.stdout));
        }
    }
    for (form, bytes) in &results {
        for name in &told {
            assert!(!tells(bytes, name), "{form} tells {name}");
        }
    }
    // What is the same has the same name in every capture: the triage folds as it does without.
    let causes = |arguments: &[&str]| -> Vec<(Value, Value, Value)> {
        let output = tdscope(&[&["batch", "--quiet", "--format", "json", cases], arguments].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let causes = report["causes"].as_array().unwrap().iter();
        causes
            .map(|cause| (cause["code"].clone(), cause["servers_count"].clone(), cause["captures"].clone()))
            .collect()
    };
    assert_eq!(causes(&[]), causes(&["--redact"]));
    assert_eq!(
        tdscope(&["batch", "--redact", "--format", "json", "--jobs", "1", cases]).stdout,
        tdscope(&["batch", "--redact", "--format", "json", "--jobs", "5", cases]).stdout
    );
    assert!(Path::new(cases).exists());
}
