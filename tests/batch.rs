//! `tdscope batch` as its users run it.

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

const CAPTURES: [&str; 5] = [
    "r1-learned-rst.pcap",
    "ok-freetds.pcap",
    "login-failed-clear.pcap",
    "r6-syn-refused.pcap",
    "host-unreachable.pcap",
];

/// A folder of its own for a test, with two cases in it and files that are no captures.
fn cases(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("batch-{name}"));
    let _ = fs::remove_dir_all(&folder);
    for (index, capture) in CAPTURES.iter().enumerate() {
        let case = folder.join(if index < 2 { "contoso" } else { "fabrikam/deep" });
        fs::create_dir_all(&case).unwrap();
        fs::copy(Path::new("fixtures/captures").join(capture), case.join(capture)).unwrap();
    }
    fs::write(folder.join("contoso/empty.pcap"), b"").unwrap();
    fs::write(folder.join("contoso/notes.txt"), b"it fails at night").unwrap();
    fs::write(folder.join("contoso/broken.zip"), b"PK\x03\x04 and nothing else").unwrap();
    folder
}

fn batch(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
    command.arg("batch").args(arguments).current_dir(folder).env_remove("CLICOLOR_FORCE");
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_triage_says_which_captures_and_which_causes() {
    let folder = cases("text");
    let output = batch(&folder, &[".", "--quiet", "--all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!("batch_text", text(&output));
    insta::assert_snapshot!("batch_csv", text(&batch(&folder, &[".", "--quiet", "--format", "csv"])));
    insta::assert_snapshot!(
        "batch_markdown",
        text(&batch(&folder, &[".", "--quiet", "--format", "markdown"]))
    );
    let html = text(&batch(&folder, &[".", "--quiet", "--format", "html"]));
    assert!(html.contains("<h1>") && html.ends_with("</html>\n") && !html.contains("<script"));
}

#[test]
fn verdicts_are_those_of_analyze() {
    let folder = cases("verdicts");
    let triage = json(&batch(&folder, &[".", "--quiet", "--format", "json"]));
    let captures = triage["captures"].as_array().unwrap();
    assert_eq!(captures.len(), CAPTURES.len() + 1);
    for capture in captures.iter().filter(|capture| capture["unreadable"] == false) {
        let mut alone = Command::new(env!("CARGO_BIN_EXE_tdscope"));
        alone.args(["analyze", "--format", "json", capture["name"].as_str().unwrap()]).current_dir(&folder);
        let alone = json(&alone.output().unwrap());
        let of = |findings: &Value| -> Vec<(Value, Value, Value)> {
            let findings = findings.as_array().unwrap().iter();
            findings
                .map(|one| (one["code"].clone(), one["confidence"].clone(), one["count"].clone()))
                .collect()
        };
        assert_eq!(of(&capture["findings"]), of(&alone["findings"]), "{}", capture["name"]);
    }
}

#[test]
fn one_job_and_many_write_the_same_bytes() {
    let folder = cases("jobs");
    let one = batch(&folder, &[".", "--quiet", "--format", "json", "--jobs", "1", "--max-memory", "1"]);
    for jobs in ["2", "7"] {
        let many = batch(&folder, &[".", "--quiet", "--format", "json", "--jobs", jobs]);
        assert_eq!(text(&many), text(&one));
    }
    let lines = text(&batch(&folder, &[".", "--quiet", "--format", "ndjson"]));
    assert_eq!(lines.lines().count(), json(&one)["captures"].as_array().unwrap().len());
}

#[test]
fn a_run_goes_on_where_another_ended() {
    let folder = cases("resume");
    let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("batch-resume.state");
    let _ = fs::remove_file(&state);
    let state = state.to_str().unwrap();
    let all = text(&batch(&folder, &[".", "--quiet", "--format", "json"]));
    // The first run sees one case, the second what is left.
    batch(&folder, &["contoso", "--quiet", "--resume", state]);
    let resumed =
        batch(&folder, &["./contoso", "contoso", "fabrikam", "--format", "json", "--resume", state]);
    let again = batch(&folder, &[".", "--format", "json", "--resume", state]);
    let third = batch(&folder, &[".", "--format", "json", "--resume", state]);
    assert_eq!(json(&resumed)["captures"].as_array().unwrap().len(), CAPTURES.len() + 1);
    assert_eq!(text(&again), all);
    assert_eq!(text(&third), all);
    let told = String::from_utf8(third.stderr).unwrap();
    assert_eq!(told.trim(), "tdscope: 6 captures have not changed since they were looked at");
}

#[test]
fn pages_are_written_and_linked() {
    let folder = cases("pages");
    let output = batch(&folder, &["contoso", "--quiet", "--reports", "pages"]);
    assert_eq!(output.status.code(), Some(1));
    let index = fs::read_to_string(folder.join("pages/index.html")).unwrap();
    let pages: Vec<String> = fs::read_dir(folder.join("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("pcap"))
        .collect();
    assert_eq!(pages.len(), 2, "{pages:?}");
    for page in &pages {
        assert!(index.contains(&format!("href=\"{page}\"")), "{page}");
        let page = fs::read_to_string(folder.join("pages").join(page)).unwrap();
        assert!(page.contains("ok-freetds") || page.contains("R1"));
    }
    for other in ["by-case.html", "by-name.html", "by-time.html"] {
        assert!(index.contains(other) && folder.join("pages").join(other).exists());
    }
}

#[cfg(unix)]
#[test]
fn hostile_names_are_harmless_in_every_form() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("batch-hostile");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let names = [
        "=cmd|' calc'!A0.pcap",
        "<script>alert(1).pcap",
        "a\u{202e}b\u{1b}[31m.pcap",
        "x\ny.pcap",
        "`](javascript:a).pcap",
    ];
    for name in names {
        fs::copy("fixtures/captures/r1-learned-rst.pcap", folder.join(name)).unwrap();
    }
    for form in ["text", "csv", "markdown", "html", "json", "ndjson"] {
        let output = batch(&folder, &["--quiet", "--format", form, "=cmd|' calc'!A0.pcap", "."]);
        let text = text(&output);
        assert!(!text.contains('\u{1b}'), "{form}");
        // JSON is for programs, and says what there is.
        assert!(form.ends_with("json") || !text.contains('\u{202e}'), "{form}");
        assert!(form != "html" || !text.contains("<script"), "{form}");
        assert!(
            form != "csv"
                || !text
                    .lines()
                    .any(|line| line.split(',').any(|cell| cell.trim_matches('"').starts_with('='))),
            "{text}"
        );
        assert!(form != "csv" || text.contains("'=cmd"), "{text}");
        let links = text.matches("](javascript:").count();
        let in_code = text.matches("`](javascript:a).pcap``").count();
        assert!(form != "markdown" || links == in_code && in_code > 0, "{text}");
    }
    let progress = batch(&folder, &["."]);
    let told = String::from_utf8(progress.stderr).unwrap();
    assert_eq!(told.lines().count(), names.len(), "{told}");
    assert!(!told.contains(['\u{202e}', '\u{1b}']));
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = cases("wrong");
    let none = batch(&folder, &["nothing-here", "--quiet"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none).contains("nothing-here: there is no such file or folder"));
    let over = batch(&folder, &["contoso", "-o", "contoso/ok-freetds.pcap"]);
    assert_eq!(over.status.code(), Some(2));
    assert!(fs::read(folder.join("contoso/ok-freetds.pcap")).unwrap().len() > 100);
    let healthy = batch(&folder, &["contoso/ok-freetds.pcap", "--quiet"]);
    assert_eq!(healthy.status.code(), Some(0));
    assert!(batch(&folder, &[]).status.code() == Some(2));
}

/// A folder with so many captures of so long names that what is told of them does not fit into a pipe.
#[cfg(unix)]
fn many(name: &str) -> PathBuf {
    const CAPTURES: usize = 700;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("batch-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (failed, healthy) = (folder.join("0-failed.pcap"), folder.join("0-healthy.pcap"));
    fs::copy("fixtures/captures/r1-learned-rst.pcap", &failed).unwrap();
    fs::copy("fixtures/captures/ok-freetds.pcap", &healthy).unwrap();
    for number in 2..CAPTURES {
        let link = folder.join(format!("{}-{number:03}.pcap", "long".repeat(45)));
        fs::hard_link(if number % 3 == 0 { &failed } else { &healthy }, link).unwrap();
    }
    folder
}

/// Starts a batch that waits, because nobody reads what it tells, and has looked at some of its captures by then.
#[cfg(unix)]
fn begun(folder: &Path, arguments: &[&str]) -> std::process::Child {
    use std::io::{BufRead, BufReader};
    let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
    command.args(["batch", ".", "--format", "json", "--jobs", "2"]).args(arguments).current_dir(folder);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::with_capacity(64, child.stderr.take().unwrap());
    let mut line = String::new();
    for _ in 0..5 {
        told.read_line(&mut line).unwrap();
    }
    child.stderr = Some(told.into_inner());
    child
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    let folder = many("killed");
    let state = folder.join("state.ndjson");
    let state = state.to_str().unwrap();
    let mut child = begun(&folder, &["--resume", state]);
    child.kill().unwrap();
    child.wait().unwrap();
    let done = fs::read_to_string(state).unwrap().lines().count();
    assert!(done >= 5, "{done}");
    let resumed = batch(&folder, &[".", "--format", "json", "--resume", state]);
    let told = String::from_utf8(resumed.stderr.clone()).unwrap();
    assert!(told.contains("captures have not changed since they were looked at"), "{told}");
    assert!(text(&resumed) == text(&batch(&folder, &[".", "--format", "json"])));
}

#[cfg(unix)]
#[test]
fn what_is_done_is_told_when_a_run_is_stopped() {
    let folder = many("stopped");
    for redact in [&[][..], &["--redact"]] {
        let child = begun(&folder, redact);
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        // The signal came before anything more is read, and so before the run could go on.
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("tdscope: stopping: the result has what is done so far"), "{told}");
        assert_eq!(output.status.code(), Some(130), "{told}");
        let triage = json(&output);
        let (looked, not) = (triage["captures"].as_array().unwrap().len(), &triage["not_looked_at"]);
        assert!(looked >= 5 && not.as_u64().unwrap() > 0, "{looked} {not}");
        assert_eq!(looked as u64 + not.as_u64().unwrap(), 700);
        assert!(triage["captures"].as_array().unwrap().iter().all(|capture| capture["unreadable"] == false));
    }
    let done = batch(&folder, &[".", "--quiet", "--format", "json"]);
    assert_eq!(json(&done)["not_looked_at"], 0);
}
