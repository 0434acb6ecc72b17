//! A watch that is over: a capture went by the recorder, and its analysis is there.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::Folder;
use crate::analysis::{Analysis, Analyzer, Settings};
use crate::capture::{Chain, Input, LinkType, Packet, Source, open};
use crate::decode::{Decoded, Flow, decode};
use crate::facts::{ConnectionFacts, Time};
use crate::live::{Outcome, RecordedInterface, Recorder, RecorderSettings};
use crate::rules::Finding;

/// When the findings are told: 2026-11-28T02:14:07.123456789Z.
pub(super) const NOW: Time = Time(1_795_832_047_123_456_789);

pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures").join(name)
}

fn chain(paths: &[PathBuf]) -> Chain {
    let open =
        |(file, path): (u32, &PathBuf)| (path.display().to_string(), open(&Input::Path(path.clone()), file));
    Chain::new((0..).zip(paths).map(open).collect())
}

/// Everything that files show together.
pub(super) fn analyze(paths: &[PathBuf]) -> Analysis {
    let settings = Settings { all_connections: true, threads: 1, ..Settings::default() };
    Analyzer::new(settings).run(&mut chain(paths), &mut |_| {})
}

/// The flow that a packet is kept under; `None` when it has none.
pub(super) fn flow(packet: &Packet<'_>) -> Option<Flow> {
    Some(match decode(packet) {
        Decoded::Tcp(segment) => {
            let (src, dst) = (segment.ip.src, segment.ip.dst);
            Flow::between((src, segment.tcp.src_port), (dst, segment.tcp.dst_port))
        }
        Decoded::Icmp(icmp) => Flow::between((icmp.src, icmp.src_port), (icmp.dst, icmp.dst_port)),
        _ => return None,
    })
}

/// Files as the packets of one interface each.
pub(super) struct Watch {
    pub(super) recorder: Recorder,
    pub(super) analysis: Analysis,
    paths: Vec<PathBuf>,
}

impl Watch {
    /// Over captures of `fixtures/`.
    pub(super) fn new(settings: RecorderSettings, names: &[&str]) -> Self {
        let paths: Vec<PathBuf> = names.iter().map(|name| fixture(name)).collect();
        let analysis = analyze(&paths);
        let recorder = Recorder::new(settings, interfaces(&paths));
        let mut watch = Self { recorder, analysis, paths };
        watch.replay(usize::MAX);
        watch
    }

    /// Shows the recorder every packet, of which it keeps at most `most` bytes.
    pub(super) fn replay(&mut self, most: usize) {
        let mut source = chain(&self.paths);
        while source.advance().unwrap() {
            let packet = source.packet().unwrap();
            if let Some(flow) = flow(&packet) {
                self.recorder.keep(flow, &packet, most);
            }
        }
    }

    /// The first finding of this slug, and the first of its connections.
    pub(super) fn finding(&self, slug: &str) -> (Finding, ConnectionFacts) {
        let is_it = |finding: &&Finding| finding.slug == slug;
        let finding = self.analysis.findings.iter().find(is_it).unwrap_or_else(|| panic!("no {slug}"));
        let judged = &self.analysis.connections;
        let first = judged.iter().find(|judged| judged.facts.id == finding.exemplars[0]).unwrap();
        (finding.clone(), (*first.facts).clone())
    }

    /// Writes the first finding of this slug.
    pub(super) fn write(&mut self, slug: &str) -> Outcome {
        let (finding, connection) = self.finding(slug);
        self.recorder.write(&finding, &connection, NOW)
    }
}

/// One interface a file, of its first packet's link type.
fn interfaces(paths: &[PathBuf]) -> Vec<RecordedInterface> {
    let link = |path: &PathBuf| {
        let mut source = open(&Input::Path(path.clone()), 0).unwrap();
        assert!(source.advance().unwrap());
        source.packet().unwrap().link
    };
    (0..)
        .zip(paths)
        .map(|(index, path)| RecordedInterface { name: format!("eth{index}"), link: link(path), snaplen: 0 })
        .collect()
}

pub(super) fn ethernet() -> Vec<RecordedInterface> {
    vec![RecordedInterface { name: "eth0".to_owned(), link: LinkType::ETHERNET, snaplen: 262_144 }]
}

/// The usual settings with less memory.
pub(super) fn settings(folder: &Folder) -> RecorderSettings {
    RecorderSettings { before: 8 << 20, ..RecorderSettings::new(folder.path()) }
}

/// A file that was written: its path, packets, and whether it is whole.
pub(super) fn written(outcome: Outcome) -> (PathBuf, u64, bool) {
    let Outcome::Written { path, packets, bytes, whole } = outcome else { panic!("{outcome:?}") };
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    (path, packets, whole)
}

/// A packet of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) time: i64,
    pub(super) link: LinkType,
    pub(super) original_len: u32,
    pub(super) bytes: Vec<u8>,
}

impl Owned {
    pub(super) fn packet(&self) -> Packet<'_> {
        let Self { time, link, original_len, .. } = *self;
        Packet { time, file: 0, frame: 0, link, interface: 0, original_len, bytes: &self.bytes }
    }
}

pub(super) fn packets(path: &Path) -> Vec<Owned> {
    packets_with_interfaces(path).into_iter().map(|(_, packet)| packet).collect()
}

pub(super) fn packets_with_interfaces(path: &Path) -> Vec<(u32, Owned)> {
    let mut source = open(&Input::Path(path.to_owned()), 0).unwrap();
    let mut packets = Vec::new();
    while source.advance().unwrap() {
        let Packet { time, link, interface, original_len, bytes, .. } = source.packet().unwrap();
        packets.push((interface, Owned { time, link, original_len, bytes: bytes.to_vec() }));
    }
    packets
}

/// Packets of a connection, duplicates included.
pub(super) fn packets_of(connection: &ConnectionFacts) -> u64 {
    let (client, server) = (&connection.tcp.client, &connection.tcp.server);
    client.packets + client.duplicates + server.packets + server.duplicates
}

pub(super) fn is_between(packet: &Owned, ends: [(IpAddr, u16); 2]) -> bool {
    let Decoded::Tcp(segment) = decode(&packet.packet()) else { return false };
    let found = [(segment.ip.src, segment.tcp.src_port), (segment.ip.dst, segment.tcp.dst_port)];
    found == ends || found == [ends[1], ends[0]]
}
