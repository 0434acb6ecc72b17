//! Every capture of `fixtures/` with a clock that steps, stands still or is wrong, and as a ring of files that overlap, are
//! given in any order, or lack one: what is said stays the same where the packets still show it, and is never something else.
//!
//! All mismatches are collected, so that one run shows everything that is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod recorded;

use std::collections::BTreeSet;
use std::io::Cursor;

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::open_reader;
use tdscope::rules::{Confidence, Severity};

use recorded::{Record, analyze, captures, gist};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const YEAR: i64 = 365 * 24 * HOUR;

/// Codes of what is said to have gone wrong, and how surely.
fn claims(analysis: &Analysis) -> BTreeSet<(&'static str, Confidence)> {
    let errors = analysis.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| (finding.code, finding.confidence)).collect()
}

fn how_surely(claims: &BTreeSet<(&'static str, Confidence)>, code: &str) -> Option<Confidence> {
    claims.iter().filter(|(claimed, _)| *claimed == code).map(|(_, confidence)| *confidence).max()
}

/// What is claimed here more surely than there, or only here, and more than possible.
fn more(here: &Analysis, there: &Analysis) -> Vec<(&'static str, Confidence)> {
    let (here, there) = (claims(here), claims(there));
    here.into_iter()
        .filter(|(code, confidence)| {
            *confidence > Confidence::Possible
                && how_surely(&there, code).is_none_or(|other| other < *confidence)
        })
        .collect()
}

/// What is said instead of something else because the packets that are there show no more, and is true: capture, code.
type Instead = [(&'static str, &'static str)];

/// Without times, or by times that are wrong.
const TIMELESS: &Instead = &[
    // By that clock its certificate is not valid yet.
    ("r1-server-older-fin", "T305"),
    // A reset in the server's name: that it came after a long silence is what the clock would tell.
    ("idle-reset", "L405"),
    // Whether the listener still accepted others at that time, or had been stopped.
    ("built-reuse-stopped", "R6"),
    // Those that were accepted were so an hour before or after.
    ("r6-syn-dropped", "N104"),
];

/// Without a file of the ring.
const LESS: &Instead = &[
    // Strict encryption shows in another connection.
    ("strict-required", "P202"),
    // The SYN that was accepted is gone.
    ("r6-syn-dropped", "N104"),
];

fn is_true(instead: &Instead, name: &str, code: &str) -> bool {
    instead.contains(&(name, code))
}

fn changed(files: &[Vec<Record>], change: impl Fn(usize, i64) -> i64) -> Vec<Vec<Record>> {
    recorded::map(files, |index, record| vec![Record { time: change(index, record.time), ..record.clone() }])
}

fn first_time(files: &[Vec<Record>]) -> i64 {
    files.iter().flatten().map(|record| record.time).min().unwrap_or_default()
}

#[test]
fn a_clock_that_is_wrong_throughout_changes_nothing() {
    let mut wrong = Vec::new();
    for (name, files) in captures() {
        let expected = gist(&analyze(&files, 1));
        let first = first_time(&files);
        // 1970, and the last year that fits nanoseconds.
        for begins in [0, SECOND / 2, 291 * YEAR] {
            let said = gist(&analyze(&changed(&files, |_, time| time - first + begins), 1));
            // By a clock of 1970 its certificate is not valid yet.
            if said != expected && name != "r1-server-older-fin" {
                wrong.push(format!("{name} from {begins}: {said:?}\n    instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_clock_that_steps_or_stands_still_plants_no_verdict() {
    let mut wrong = Vec::new();
    for (name, files) in captures().into_iter().filter(|(_, files)| files.len() == 1) {
        let whole = analyze(&files, 1);
        let half = files[0].len() / 2;
        let step = |by: i64| move |index: usize, time: i64| if index < half { time } else { time + by };
        let now_and_then = |index: usize, time: i64| if index % 7 == 3 { time - HOUR } else { time };
        let clocks: [(&str, Vec<Vec<Record>>); 6] = [
            ("stands still", changed(&files, |_, _| 1_795_579_200 * SECOND)),
            ("is zero", changed(&files, |_, _| 0)),
            ("steps back an hour", changed(&files, step(-HOUR))),
            ("steps back ten years", changed(&files, step(-10 * YEAR))),
            ("steps back a millisecond", changed(&files, step(-1_000_000))),
            ("is back for a packet in seven", changed(&files, now_and_then)),
        ];
        for (clock, files) in clocks {
            for threads in [1, 2] {
                let analysis = analyze(&files, threads);
                let mut planted = more(&analysis, &whole);
                planted.retain(|(code, _)| !is_true(TIMELESS, &name, code));
                if !planted.is_empty() {
                    wrong.push(format!(
                        "{name}, the clock {clock}: {planted:?}, and before {:?}",
                        claims(&whole)
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// Without what is said of each file.
fn of_connections(mut gist: recorded::Gist) -> recorded::Gist {
    gist.findings.retain(|(code, ..)| !code.starts_with('C'));
    gist
}

/// A capture in three files of about the same size.
fn ring(records: &[Record]) -> Vec<Vec<Record>> {
    records.chunks(records.len().div_ceil(3).max(1)).map(<[Record]>::to_vec).collect()
}

#[test]
fn a_ring_is_one_capture_in_any_order_and_where_its_files_overlap() {
    let mut wrong = Vec::new();
    for (name, files) in captures().into_iter().filter(|(_, files)| files.len() == 1) {
        // Files are merged by time: what a card gave out of order within one file has its place there.
        if !files[0].is_sorted_by_key(|record| record.time) {
            continue;
        }
        let expected = of_connections(gist(&analyze(&files, 1)));
        let parts = ring(&files[0]);
        let backwards: Vec<_> = parts.iter().rev().cloned().collect();
        // Each file begins with the last packets of the one before.
        let overlapping: Vec<Vec<Record>> = (0..parts.len())
            .map(|index| {
                let before = index.checked_sub(1).map_or(&[][..], |before| &parts[before][..]);
                let again = before.len().saturating_sub(5);
                [&before[again..], &parts[index][..]].concat()
            })
            .collect();
        for (how, files) in [("backwards", backwards), ("overlapping", overlapping)] {
            for threads in [1, 2] {
                let said = of_connections(gist(&analyze(&files, threads)));
                if said != expected {
                    wrong.push(format!("{name} {how}: {said:?}\n    instead of {expected:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_ring_that_lacks_a_file_plants_no_verdict() {
    let mut wrong = Vec::new();
    for (name, files) in captures().into_iter().filter(|(_, files)| files.len() == 1) {
        let whole = analyze(&files, 1);
        let parts = ring(&files[0]);
        for gone in 0..parts.len() {
            let left: Vec<_> = parts
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != gone)
                .map(|(_, part)| part.clone())
                .collect();
            let analysis = analyze(&left, 1);
            let certain: Vec<_> = more(&analysis, &whole)
                .into_iter()
                .filter(|(code, confidence)| {
                    *confidence == Confidence::Certain && !is_true(LESS, &name, code)
                })
                .collect();
            if !certain.is_empty() {
                wrong.push(format!(
                    "{name} without file {gone}: {certain:?}, and before {:?}",
                    claims(&whole)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// A pcapng file whose packets were taken by turns at interfaces with clocks of these resolutions (`if_tsresol`).
fn of_resolutions(records: &[Record], resolutions: &[u8]) -> Vec<u8> {
    fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
        let length = u32::try_from(12 + body.len().next_multiple_of(4)).unwrap();
        out.extend([kind.to_le_bytes(), length.to_le_bytes()].concat());
        out.extend(body);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(length.to_le_bytes());
    }
    let mut out = Vec::new();
    block(
        0x0A0D_0D0A,
        &[0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
        &mut out,
    );
    for resolution in resolutions {
        block(1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, *resolution, 0, 0, 0, 0, 0, 0, 0], &mut out);
    }
    for (index, record) in records.iter().enumerate() {
        let interface = index % resolutions.len();
        let units = match resolutions[interface] {
            binary if binary & 0x80 != 0 => 1_i128 << (binary & 0x7F),
            decimal => 10_i128.pow(u32::from(decimal)),
        };
        let time = (i128::from(record.time) * units / i128::from(SECOND)) as u64;
        let recorded = u32::try_from(record.bytes.len()).unwrap();
        let words = [interface as u32, (time >> 32) as u32, time as u32, recorded, record.original_len];
        let mut body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        body.extend(&record.bytes);
        block(6, &body, &mut out);
    }
    out
}

#[test]
fn interfaces_of_other_resolutions_tell_the_same() {
    let mut wrong = Vec::new();
    for (name, files) in captures().into_iter().filter(|(_, files)| files.len() == 1) {
        let expected = gist(&analyze(&files, 1));
        for resolutions in [&[6, 9][..], &[9, 0x94, 7], &[0xA0], &[10, 6]] {
            let file = of_resolutions(&files[0], resolutions);
            let mut source = open_reader(Box::new(Cursor::new(file)), "memory".to_owned(), 0).unwrap();
            let settings = Settings { all_connections: true, ..Settings::default() };
            let said = gist(&Analyzer::new(settings).run(source.as_mut(), &mut |_| {}));
            if said != expected {
                wrong.push(format!("{name} by {resolutions:?}: {said:?}\n    instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}
