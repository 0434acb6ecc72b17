//! Every capture of `fixtures/` as it would have come through a tunnel, a mirror port or a switch's tags: the analysis says the same.
//!
//! All mismatches are collected, so that one run shows everything that is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../recorded/mod.rs"]
mod recorded;
mod wrap;

use std::collections::BTreeSet;

use tdscope::analysis::Analysis;
use tdscope::rules::{Confidence, Severity};

use recorded::{Record, analyze, captures, gist, map};
use wrap::{WRAPS, Wrap};

/// A record in another wrapping; as it is where that has no place for it.
fn wrapped(wrap: &Wrap, index: usize, record: &Record) -> Record {
    match (wrap.of)(&record.bytes, index) {
        Some(bytes) => {
            let more = u32::try_from(bytes.len() - record.bytes.len().min(bytes.len())).unwrap();
            let less = u32::try_from(record.bytes.len().saturating_sub(bytes.len())).unwrap();
            Record { original_len: record.original_len + more - less, bytes, ..record.clone() }
        }
        None => record.clone(),
    }
}

#[test]
fn a_wrapped_capture_is_judged_as_it_is() {
    let mut wrong = Vec::new();
    for (name, files) in captures() {
        let expected = gist(&analyze(&files, 1));
        for (number, wrap) in WRAPS.iter().enumerate() {
            let changed = map(&files, |index, record| vec![wrapped(wrap, index, record)]);
            let analysis = analyze(&changed, 1 + number % 2);
            let said = gist(&analysis);
            if said != expected {
                wrong.push(format!("{name} in {}: {said:?}\n    instead of {expected:?}", wrap.name));
            }
            for judged in analysis.connections.iter().filter(|_| wrap.tunnel) {
                let tunnel = judged.facts.tcp.tunnel.as_ref();
                if !tunnel
                    .is_some_and(|tunnel| tunnel.source == wrap::OUTER[0] || tunnel.source == wrap::OUTER[1])
                {
                    wrong.push(format!("{name} in {}: connection of {tunnel:?}", wrap.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_capture_with_every_packet_in_and_out_of_a_tunnel_is_judged_as_it_is() {
    let vxlan = WRAPS.iter().find(|wrap| wrap.name == "VXLAN").unwrap();
    let mut wrong = Vec::new();
    for (name, files) in captures() {
        let original = analyze(&files, 1);
        for hops in [0, 1] {
            let changed = map(&files, |index, record| {
                let mut inside = record.clone();
                wrap::route(&mut inside.bytes, hops);
                vec![record.clone(), wrapped(vxlan, index, &inside)]
            });
            let analysis = analyze(&changed, 2);
            let (said, expected) = (gist(&analysis), gist(&original));
            if said != expected {
                wrong.push(format!("{name}, {hops} hops: {said:?}\n    instead of {expected:?}"));
            }
            for (before, after) in original.connections.iter().zip(&analysis.connections) {
                let [before, after] =
                    [before, after].map(|judged| [&judged.facts.tcp.client, &judged.facts.tcp.server]);
                for (before, after) in before.into_iter().zip(after) {
                    let all = 2 * (before.packets + before.duplicates);
                    if after.packets != before.packets || after.packets + after.duplicates != all {
                        wrong.push(format!("{name}: {} packets, {} copies", after.packets, after.duplicates));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// Captures that say something else when every packet of them is cut, in a tunnel or not: what they said whole is in bytes that
/// are not there. These only say which end left, and in answer to what.
const CUT: &[(&str, &str)] = &[
    ("signature-learned-alert", "T301"),
    ("r4-md5-alert", "T305"),
    ("certificate-self-signed-mssql-python", "T311"),
    ("certificate-self-signed-freetds", "T311"),
    ("client-certificate-missing", "T310"),
    ("dh-512-fin", "T311"),
    ("dh-768-tedious", "T311"),
    ("dh-1024-alert", "T311"),
    ("built-resumed-without-ems", "T311"),
    ("built-resumed-without-ems-alert", "T311"),
];

/// Codes of what is said to be certain or likely.
fn claims(analysis: &Analysis) -> BTreeSet<&'static str> {
    let errors = analysis.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.filter(|finding| finding.confidence >= Confidence::Likely).map(|finding| finding.code).collect()
}

#[test]
fn a_tunnel_cut_by_the_snap_length_is_judged_as_the_packet_in_it() {
    let mut wrong = Vec::new();
    for (name, files) in captures() {
        let whole = claims(&analyze(&files, 1));
        for snap in [96, 128, 180, 250] {
            let cut = |record: &Record, more: usize| {
                let mut record = record.clone();
                record.bytes.truncate(snap + more);
                record
            };
            let plain = analyze(&map(&files, |_, record| vec![cut(record, 0)]), 1);
            for wrap in WRAPS.iter().filter(|wrap| wrap.snapped) {
                let changed = map(&files, |index, record| {
                    let full = wrapped(wrap, index, record);
                    let more = full.bytes.len().saturating_sub(record.bytes.len());
                    vec![cut(&full, more)]
                });
                let inside = analyze(&changed, 1);
                if gist(&inside) != gist(&plain) {
                    wrong.push(format!(
                        "{name} at {snap} in {}: {:?}\n    plain {:?}",
                        wrap.name,
                        gist(&inside),
                        gist(&plain)
                    ));
                }
            }
            let known = |code: &&str| CUT.contains(&(name.as_str(), *code));
            let others: Vec<_> =
                claims(&plain).difference(&whole).copied().filter(|code| !known(code)).collect();
            if !others.is_empty() {
                wrong.push(format!("{name} at {snap}: says {others:?}, whole {whole:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}
