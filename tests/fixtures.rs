//! Every capture of `fixtures/truth.json` against what really happened in it.
//!
//! All mismatches are collected, so that one run shows everything that is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::rules::{Confidence, Severity};

/// The truth file.
#[derive(Deserialize)]
struct Truths {
    captures: Vec<Truth>,
}

/// What is true of one capture; `fixtures/README.md` describes the fields.
#[derive(Deserialize)]
struct Truth {
    name: String,
    files: Vec<PathBuf>,
    healthy: bool,
    failing: u64,
    accept: BTreeMap<String, Allowed>,
    logins: u64,
    shows: Vec<String>,
}

/// The highest confidence that the wire allows.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Allowed {
    Possible,
    Likely,
    Certain,
}

impl Allowed {
    fn covers(self, claimed: Confidence) -> bool {
        claimed
            <= match self {
                Self::Possible => Confidence::Possible,
                Self::Likely => Confidence::Likely,
                Self::Certain => Confidence::Certain,
            }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn truths() -> Vec<Truth> {
    let text = std::fs::read_to_string(fixtures().join("truth.json")).unwrap_or_default();
    serde_json::from_str::<Truths>(&text).map(|truths| truths.captures).unwrap_or_default()
}

fn analyze(files: &[PathBuf]) -> Analysis {
    let opened = (0_u32..)
        .zip(files)
        .map(|(file, path)| {
            let input = Input::Path(fixtures().join(path));
            (input.name(), open(&input, file))
        })
        .collect();
    let settings = Settings { all_connections: true, ..Settings::default() };
    Analyzer::new(settings).run(&mut Chain::new(opened), &mut |_| {})
}

/// What the analysis says that is not so, one line each.
fn mismatches(truth: &Truth, analysis: &Analysis) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    for capture in &analysis.captures {
        if let Some(error) = &capture.error {
            wrong.insert(format!("unreadable: {error}"));
        }
    }
    let verdicts: Vec<_> = analysis.connections.iter().filter_map(|judged| judged.verdict.as_ref()).collect();
    let errors: Vec<_> =
        analysis.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let claims = verdicts
        .iter()
        .map(|verdict| (verdict.rule.slug, verdict.confidence))
        .chain(errors.iter().map(|finding| (finding.slug, finding.confidence)));
    for (slug, confidence) in claims {
        match truth.accept.get(slug) {
            None => wrong.insert(format!("says {slug}")),
            Some(allowed) if !allowed.covers(confidence) => {
                wrong.insert(format!("overclaims: {slug} {confidence:?}"))
            }
            Some(_) => false,
        };
    }
    if !truth.healthy && errors.is_empty() {
        wrong.insert("finds no cause".to_owned());
    }
    let failing = u64::try_from(verdicts.len()).unwrap_or(u64::MAX);
    if failing != truth.failing || analysis.totals.failed != truth.failing {
        wrong.insert(format!(
            "{failing} connections fail (total {}), not {}",
            analysis.totals.failed, truth.failing
        ));
    }
    for slug in &truth.shows {
        if !analysis
            .findings
            .iter()
            .any(|finding| finding.slug == slug && finding.severity != Severity::Error)
        {
            wrong.insert(format!("does not show {slug}"));
        }
    }
    // An incomplete capture may not show that a login succeeded.
    let incomplete = truth.shows.iter().any(|slug| slug == "capture-incomplete");
    if analysis.totals.logged_in != truth.logins && !incomplete {
        wrong.insert(format!("{} logins succeed, not {}", analysis.totals.logged_in, truth.logins));
    }
    wrong
}

#[test]
fn every_capture_is_judged_as_it_happened() {
    let truths = truths();
    assert!(!truths.is_empty(), "fixtures/truth.json cannot be read");
    let mut report = String::new();
    let mut wrong_captures = 0;
    for truth in &truths {
        let analysis = analyze(&truth.files);
        let wrong = mismatches(truth, &analysis);
        if wrong.is_empty() {
            continue;
        }
        wrong_captures += 1;
        let accepted: Vec<_> = truth.accept.keys().map(String::as_str).collect();
        let expected = if truth.healthy { "healthy".to_owned() } else { accepted.join(" or ") };
        writeln!(report, "{} ({expected}):", truth.name).unwrap();
        for line in wrong {
            writeln!(report, "    {line}").unwrap();
        }
        for judged in &analysis.connections {
            let verdict = judged.verdict.as_ref().map_or("-", |verdict| verdict.rule.slug);
            writeln!(report, "    {verdict}: {}", judged.facts.story).unwrap();
        }
    }
    assert!(report.is_empty(), "{wrong_captures} of {} captures are misjudged:\n{report}", truths.len());
}

#[test]
fn truth_and_captures_name_the_same_files() {
    let told: BTreeSet<_> = truths().into_iter().flat_map(|truth| truth.files).collect();
    let kept: BTreeSet<_> = std::fs::read_dir(fixtures().join("captures"))
        .unwrap()
        .map(|entry| Path::new("captures").join(entry.unwrap().file_name()))
        .collect();
    assert_eq!(told, kept);
}
