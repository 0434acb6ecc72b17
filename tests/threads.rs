//! The report is the same, byte for byte, whatever the number of threads.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use tdscope::analysis::{Analyzer, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::json;
use tdscope::rules::Severity;
use tdscope::stream::Limits;

/// Every capture of this repository, some of them long enough to be dealt out in several parcels.
fn captures() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 100);
    paths
}

fn report(paths: &[PathBuf], settings: Settings) -> String {
    let open = |(index, path): (u32, &PathBuf)| {
        (path.display().to_string(), open(&Input::Path(path.clone()), index))
    };
    let mut chain = Chain::new((0..).zip(paths).map(open).collect());
    let analysis = Analyzer::new(settings).run(&mut chain, &mut |_| {});
    let mut bytes = Vec::new();
    json::write(&analysis, Severity::Info, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_report_does_not_depend_on_the_number_of_threads() {
    for path in captures() {
        let paths = [path];
        let with = |threads| report(&paths, Settings { threads, ..Settings::default() });
        let alone = with(1);
        for threads in [2, 3, 16] {
            assert!(with(threads) == alone, "{}: {threads} threads", paths[0].display());
        }
    }
}

#[test]
fn nor_do_limits_that_bite() {
    // All captures as one, with room for next to nothing.
    let paths: Vec<PathBuf> =
        captures().into_iter().filter(|path| path.to_str().unwrap().ends_with(".pcap")).collect();
    let limits = Limits { connections: 64, state_bytes: 200_000, total_bytes: 16_384, ..Limits::default() };
    let with = |threads| {
        let settings = Settings { threads, limits, max_pending: 64, max_servers: 16, ..Settings::default() };
        report(&paths, settings)
    };
    let alone = with(1);
    for limit in ["evicted", "judged_early", "unlearnt", "reassembly"] {
        assert!(alone.contains(&format!("    \"{limit}\": ")), "{limit} is not told");
    }
    for threads in [2, 7, 16] {
        assert!(with(threads) == alone, "{threads} threads");
    }
}
