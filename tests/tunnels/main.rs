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

mod wrap;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Chain, Input, LinkType, Packet, PcapngWriter, open, open_reader};
use tdscope::rules::{Confidence, Severity};

use wrap::{WRAPS, Wrap};

/// Of each capture of `fixtures/truth.json` the files that are read as one; those of Ethernet frames.
fn captures() -> Vec<(String, Vec<Vec<Record>>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let of = |capture: &serde_json::Value| {
        let files = capture["files"].as_array().unwrap().iter();
        let files: Vec<_> = files.map(|file| read(&folder.join(file.as_str().unwrap()))).collect();
        let ethernet = files.iter().flatten().all(|record| record.link == LinkType::ETHERNET);
        ethernet.then(|| (capture["name"].as_str().unwrap().to_owned(), files))
    };
    let captures: Vec<_> = truth["captures"].as_array().unwrap().iter().filter_map(of).collect();
    assert!(captures.len() > 100, "{}", captures.len());
    captures
}

/// A packet record that stands alone.
#[derive(Clone)]
struct Record {
    time: i64,
    link: LinkType,
    interface: u32,
    original_len: u32,
    bytes: Vec<u8>,
}

fn read(path: &Path) -> Vec<Record> {
    let mut source = open(&Input::Path(path.to_owned()), 0).unwrap();
    let mut records = Vec::new();
    while source.advance().unwrap() {
        let Packet { time, link, interface, original_len, bytes, .. } = source.packet().unwrap();
        records.push(Record { time, link, interface, original_len, bytes: bytes.to_vec() });
    }
    records
}

/// A pcapng file of these records.
fn written(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = PcapngWriter::new(&mut out, None).unwrap();
    for number in 0..=records.iter().map(|record| record.interface).max().unwrap_or_default() {
        let link = records
            .iter()
            .find(|record| record.interface == number)
            .map_or(LinkType::ETHERNET, |record| record.link);
        writer.interface(link, 0, "eth0").unwrap();
    }
    for (frame, record) in (1..).zip(records) {
        let Record { time, link, interface, original_len, .. } = *record;
        let packet = Packet { time, file: 0, frame, link, interface, original_len, bytes: &record.bytes };
        writer.packet(&packet, &[] as &[&str]).unwrap();
    }
    writer.finish().unwrap();
    out
}

/// What an analysis of these files says, on one thread or two.
fn analyze(files: &[Vec<Record>], threads: usize) -> Analysis {
    let opened = (0_u32..)
        .zip(files)
        .map(|(file, records)| {
            let name = format!("{file}.pcapng");
            (name.clone(), open_reader(Box::new(Cursor::new(written(records))), name, file))
        })
        .collect();
    let settings = Settings { all_connections: true, threads, ..Settings::default() };
    Analyzer::new(settings).run(&mut Chain::new(opened), &mut |_| {})
}

/// What must not depend on how packets came.
#[derive(PartialEq, Debug)]
struct Gist {
    findings: Vec<(&'static str, Confidence, u64)>,
    logins: u64,
    failed: u64,
    connections: usize,
    lookups: usize,
}

fn gist(analysis: &Analysis) -> Gist {
    Gist {
        findings: analysis
            .findings
            .iter()
            .map(|finding| (finding.code, finding.confidence, finding.count))
            .collect(),
        logins: analysis.totals.logged_in,
        failed: analysis.totals.failed,
        connections: analysis.connections.len(),
        lookups: analysis.browser.len(),
    }
}

fn map(files: &[Vec<Record>], change: impl Fn(usize, &Record) -> Vec<Record>) -> Vec<Vec<Record>> {
    let each = |records: &Vec<Record>| {
        records.iter().enumerate().flat_map(|(index, record)| change(index, record)).collect()
    };
    files.iter().map(each).collect()
}

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
