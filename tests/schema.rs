//! The JSON Schema that is checked in is the one of the types.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "schema/fits.rs"]
mod fits;

use std::fs;
use std::path::{Path, PathBuf};

use fits::fits;
use serde_json::Value;
use tdscope::analysis::{Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::{batch, events, info, json};
use tdscope::rules::Severity;
use tdscope::stream::Limits;

#[test]
fn the_checked_in_schemas_are_not_stale() {
    is_not_stale("schema/tdscope-1.json", &json::schema());
    is_not_stale("schema/tdscope-1-events.json", &events::schema());
    is_not_stale("schema/tdscope-batch-1.json", &batch::schema());
    is_not_stale("schema/tdscope-info-1.json", &info::schema());
}

fn is_not_stale(path: &str, current: &str) {
    let path = Path::new(path);
    if std::env::var_os("TDSCOPE_UPDATE_SCHEMA").is_some() {
        fs::write(path, current).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == current,
        "{} is stale: run TDSCOPE_UPDATE_SCHEMA=1 cargo test --test schema, and raise the schema's number if a \
         consumer would break",
        path.display()
    );
}

#[test]
fn every_report_keeps_to_the_schema() {
    let schema: Value = serde_json::from_str(&json::schema()).unwrap();
    let tight = Limits { connections: 64, state_bytes: 200_000, total_bytes: 16_384, ..Limits::default() };
    let captures = captures();
    for path in &captures {
        check(&schema, std::slice::from_ref(path), Settings::default());
    }
    check(
        &schema,
        &captures,
        Settings { limits: tight, max_pending: 64, max_servers: 16, ..Settings::default() },
    );
}

fn check(schema: &Value, paths: &[PathBuf], settings: Settings) {
    let opened = (0..).zip(paths).map(|(file, path)| {
        let input = Input::Path(path.clone());
        (input.name(), open(&input, file))
    });
    let analysis = Analyzer::new(settings).run(&mut Chain::new(opened.collect()), &mut |_| {});
    let mut bytes = Vec::new();
    json::write(&analysis, Severity::Info, &mut bytes).unwrap();
    let report: Value = serde_json::from_slice(&bytes).unwrap();
    if let Err(why) = fits(&report, schema, schema, "$") {
        panic!("{:?}: {why}", paths[0]);
    }
}

/// Every capture of this repository.
fn captures() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir("fixtures/captures").unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 100);
    paths
}
