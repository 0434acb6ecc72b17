//! The order in which packets of different connections stand in a capture, and how a capture is cut into files,
//! changes no verdict.
//!
//! Every small fixture is rearranged in ways that a capture could have come out as well, and judged again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod arrange;
mod record;
mod summary;

use std::path::{Path, PathBuf};

use arrange::{Seed, dealt, interleaved, overlapping, retimed, shifted, swapped, thirds};
use record::{Record, read};
use summary::{Summary, summary};

/// Larger captures are left out: a hundred rearrangements of each would take too long.
const SMALL: u64 = 30_000;
const SEEDS: u64 = 4;
/// Within this time, in nanoseconds, no silence is long enough to mean anything.
const QUICK: i64 = 3_000_000_000;

fn small_captures() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir("fixtures/captures")
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.metadata().unwrap().len() < SMALL)
        .map(|entry| entry.path())
        .filter(|path| has_one_link_type(path))
        .collect();
    paths.sort();
    assert!(paths.len() > 90, "only {} captures", paths.len());
    paths
}

/// What is rearranged is written as pcap, which has no place for a second link type.
fn has_one_link_type(path: &Path) -> bool {
    let records = read(path);
    records.iter().all(|record| record.link == records[0].link)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Collects what differs, so that one run shows everything.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare(&mut self, what: &str, expected: &Summary, files: &[Vec<Record>]) {
        let found = summary(files);
        if found != *expected {
            self.0.push(format!("{what}:\n  was {expected}\n  now {found}"));
        }
    }

    fn assert_none(self) {
        assert!(
            self.0.is_empty(),
            "{} rearrangements change a verdict:\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

#[test]
fn connections_may_interleave_in_any_way() {
    let mut differences = Differences::default();
    for path in small_captures() {
        let records = read(&path);
        let expected = summary(std::slice::from_ref(&records));
        for seed in 0..SEEDS {
            let what = |how: &str| format!("{} {how}, seed {seed}", name(&path));
            let mut random = Seed::new(seed);
            differences.compare(&what("shifted"), &expected, &[shifted(&records, &mut random)]);
            differences.compare(&what("out of time order"), &expected, &[interleaved(&records, &mut random)]);
            if arrange::span(&records) < QUICK {
                differences.compare(&what("retimed"), &expected, &[retimed(&records, &mut random)]);
            }
        }
    }
    differences.assert_none();
}

#[test]
fn a_capture_may_be_cut_into_files_in_any_way() {
    let mut differences = Differences::default();
    for path in small_captures() {
        let records = read(&path);
        let expected = summary(std::slice::from_ref(&records));
        let mut dealt = dealt(&records);
        differences.compare(&format!("{} dealt to three files", name(&path)), &expected, &dealt);
        dealt.reverse();
        differences.compare(&format!("{} dealt, files reversed", name(&path)), &expected, &dealt);
        let mut thirds = thirds(&records);
        differences.compare(&format!("{} in thirds", name(&path)), &expected, &thirds);
        thirds.reverse();
        differences.compare(&format!("{} in thirds, files reversed", name(&path)), &expected, &thirds);
    }
    differences.assert_none();
}

/// Captures of different servers, recorded at the same time, tell what each tells alone.
#[test]
fn two_captures_in_one_tell_what_each_tells() {
    let pairs = [
        ("mixed.pcap", "r1-learned-rst.pcap"),
        ("r2-learned-rst.pcap", "r1-learned-fin.pcap"),
        ("ok-dhe.pcap", "dhe-one-reset.pcap"),
        ("r6-syn-refused.pcap", "port-closed.pcap"),
        ("mixed.pcap", "mixed.pcap"),
        ("login-failed-clear.pcap", "undecided-rst.pcap"),
        ("host-unreachable.pcap", "r6-syn-dropped.pcap"),
        ("browser-refused.pcap", "group-learned-alert.pcap"),
        ("session-stalled.pcap", "middlebox-login.pcap"),
    ];
    let mut differences = Differences::default();
    for (first, second) in pairs {
        let folder = Path::new("fixtures/captures");
        let (left, right) = (read(&folder.join(first)), arrange::elsewhere(&read(&folder.join(second))));
        let expected = summary(std::slice::from_ref(&left)).and(summary(std::slice::from_ref(&right)));
        let what = |how: &str| format!("{first} and {second} {how}");
        let together = overlapping(&left, &right);
        differences.compare(&what("one after the other"), &expected, std::slice::from_ref(&together));
        differences.compare(&what("as two files"), &expected, &[left, right]);
        let mut in_time_order = together.clone();
        in_time_order.sort_by_key(|record| record.time);
        differences.compare(&what("dealt to three files"), &expected, &dealt(&in_time_order));
        differences.compare(&what("in thirds"), &expected, &thirds(&in_time_order));
        for seed in 0..SEEDS {
            let mut random = Seed::new(seed);
            let what = |how: &str| format!("{first} and {second} {how}, seed {seed}");
            differences.compare(&what("shifted"), &expected, &[shifted(&together, &mut random)]);
            differences.compare(
                &what("out of time order"),
                &expected,
                &[interleaved(&together, &mut random)],
            );
        }
    }
    differences.assert_none();
}

/// A file that goes back in time by an hour tells the same as one in time order.
#[test]
fn the_later_of_two_captures_may_stand_first() {
    const HOUR: i64 = 3_600_000_000_000;
    let mut differences = Differences::default();
    let second = arrange::elsewhere(&read(Path::new("fixtures/captures/mixed.pcap")));
    for path in small_captures() {
        let first = read(&path);
        if first.iter().any(|record| record.link != second[0].link) {
            continue;
        }
        let together = overlapping(&first, &second);
        let (first, second) = together.split_at(first.len());
        let second: Vec<Record> =
            second.iter().map(|record| Record { time: record.time + HOUR, ..record.clone() }).collect();
        let expected = summary(&[[first, &second].concat()]);
        differences.compare(&name(&path), &expected, &[[&second, first].concat()]);
        differences.compare(&name(&path), &expected, &[second, first.to_vec()]);
    }
    differences.assert_none();
}

/// A capture may record neighbouring packets of a login in the wrong order.
#[test]
fn neighbours_may_change_places() {
    let mut differences = Differences::default();
    for path in small_captures() {
        let records = read(&path);
        if !name(&path).starts_with("ok-") && !name(&path).starts_with("login-failed") {
            continue;
        }
        let expected = summary(std::slice::from_ref(&records));
        for first in [0, 1] {
            let what = format!("{} swapped from packet {first}", name(&path));
            differences.compare(&what, &expected, &[swapped(&records, first)]);
        }
    }
    differences.assert_none();
}
