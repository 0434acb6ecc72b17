//! The captures of `fixtures/`, packet by packet, to be written otherwise and judged again. Shared by several tests.

use std::io::Cursor;
use std::path::Path;

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Chain, Input, LinkType, Packet, PcapngWriter, open, open_reader};
use tdscope::rules::Confidence;

/// Of each capture of `fixtures/truth.json` the files that are read as one; those of Ethernet frames.
pub(crate) fn captures() -> Vec<(String, Vec<Vec<Record>>)> {
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
pub(crate) struct Record {
    pub(crate) time: i64,
    pub(crate) link: LinkType,
    pub(crate) interface: u32,
    pub(crate) original_len: u32,
    pub(crate) bytes: Vec<u8>,
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
pub(crate) fn analyze(files: &[Vec<Record>], threads: usize) -> Analysis {
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
pub(crate) struct Gist {
    pub(crate) findings: Vec<(&'static str, Confidence, u64)>,
    pub(crate) logins: u64,
    pub(crate) failed: u64,
    pub(crate) connections: usize,
    pub(crate) lookups: usize,
}

pub(crate) fn gist(analysis: &Analysis) -> Gist {
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

pub(crate) fn map(files: &[Vec<Record>], change: impl Fn(usize, &Record) -> Vec<Record>) -> Vec<Vec<Record>> {
    let each = |records: &Vec<Record>| {
        records.iter().enumerate().flat_map(|(index, record)| change(index, record)).collect()
    };
    files.iter().map(each).collect()
}
