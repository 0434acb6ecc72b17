//! Where each recorded capture was taken, against where it is known to have been taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use tdscope::analysis::{Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::facts::TakenAt;

/// Whether what is said of a capture is what the truth says; `None` when nothing is said.
fn is_right(said: TakenAt, truth: &str) -> Option<bool> {
    match said {
        TakenAt::Unknown => None,
        TakenAt::Client => Some(truth == "client"),
        TakenAt::Server => Some(truth == "server"),
        TakenAt::Between => Some(truth == "router"),
    }
}

#[test]
fn what_is_said_of_a_recorded_capture_is_true() {
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read("fixtures/truth.json").unwrap()).unwrap();
    let mut said: BTreeMap<Option<bool>, Vec<String>> = BTreeMap::new();
    for fixture in truth["captures"].as_array().unwrap() {
        let Some(place) = fixture["captured"].as_str() else { continue };
        for file in fixture["files"].as_array().unwrap() {
            let input = Input::Path(Path::new("fixtures").join(file.as_str().unwrap()));
            let opened = vec![(input.name(), open(&input, 0))];
            let analysis = Analyzer::new(Settings::default()).run(&mut Chain::new(opened), &mut |_| {});
            let quality = &analysis.captures[0].quality;
            assert_eq!(quality.taken_at_shown_by.is_some(), quality.taken_at != TakenAt::Unknown);
            let right = is_right(quality.taken_at, place);
            said.entry(right).or_default().push(format!("{file} {:?} at the {place}", quality.taken_at));
        }
    }
    assert_eq!(said.get(&Some(false)), None);
    let known = said.get(&Some(true)).map_or(0, Vec::len);
    assert!(known >= 80, "only of {known} it is known; not of {:#?}", said.get(&None));
}
