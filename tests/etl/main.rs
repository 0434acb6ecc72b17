//! Trace logs of Windows: every fixture as `netsh trace` and pktmon would have stored it must get the verdicts that it gets as
//! it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod writer;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{Input, LinkType, open, open_reader};
use tdscope::rules::{Confidence, Severity};
use writer::{ETHERNET, FIRST, Form, LAST, MOBILE, NDIS, PKTMON, Writer, fragment, monitored, switched};

/// A packet of a fixture.
struct Packet {
    time: i64,
    link: LinkType,
    original: usize,
    bytes: Vec<u8>,
}

/// Captures of one file whose packets a trace of Windows can hold, in the order of time: traces have no other.
fn captures() -> Vec<(PathBuf, Vec<Packet>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut captures = Vec::new();
    for path in paths {
        let Ok(mut source) = open(&Input::Path(path.clone()), 0) else { continue };
        let mut packets = Vec::new();
        while source.advance().unwrap() {
            let packet = source.packet().unwrap();
            packets.push(Packet {
                time: packet.time,
                link: packet.link,
                original: packet.original_len as usize,
                bytes: packet.bytes.to_vec(),
            });
        }
        let held = |packet: &Packet| [LinkType::ETHERNET, LinkType::RAW].contains(&packet.link);
        if packets.iter().all(held) && packets.is_sorted_by_key(|packet| packet.time) && !packets.is_empty() {
            captures.push((path, packets));
        }
    }
    assert!(captures.len() > 60, "{}", captures.len());
    captures
}

fn analyze(bytes: &[u8]) -> Analysis {
    let mut source = open_reader(Box::new(Cursor::new(bytes.to_vec())), "trace.etl".to_owned(), 0).unwrap();
    Analyzer::new(Settings { threads: 1, ..Settings::default() }).run(source.as_mut(), &mut |_| {})
}

fn original(path: &Path) -> Analysis {
    let mut source = open(&Input::Path(path.to_owned()), 0).unwrap();
    Analyzer::new(Settings { threads: 1, ..Settings::default() }).run(source.as_mut(), &mut |_| {})
}

/// What was found, but for what is said of the capture itself.
fn found(analysis: &Analysis) -> Vec<(&'static str, Confidence, u64, u64)> {
    let findings = analysis.findings.iter().filter(|finding| !finding.code.starts_with('C'));
    findings.map(|finding| (finding.code, finding.confidence, finding.count, finding.logins)).collect()
}

/// Writes every fixture by `write` and compares; packets are counted with `copies` records for one.
fn same_verdicts(form: Form, copies: u64, write: impl Fn(&mut Writer, usize, &Packet)) {
    let mut wrong = Vec::new();
    for (path, packets) in captures() {
        let mut writer = Writer::new(form, packets[0].time);
        for (index, packet) in packets.iter().enumerate() {
            write(&mut writer, index, packet);
        }
        let analysis = analyze(&writer.finish());
        let capture = &analysis.captures[0];
        assert!(capture.error.is_none() && capture.damage.is_empty(), "{}: {capture:?}", path.display());
        let first = packets[0].time / 100 * 100;
        let apart = capture.first.unwrap().0 - first;
        assert!(apart.abs() <= 100, "{}: the first packet is {apart} ns off", path.display());
        let (is, was) = (found(&analysis), found(&original(&path)));
        if is != was || capture.packets != packets.len() as u64 * copies {
            wrong.push(format!("{}: {} packets, {was:?} became {is:?}", path.display(), capture.packets));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn keyword(packet: &Packet) -> u64 {
    if packet.link == LinkType::ETHERNET { ETHERNET } else { MOBILE }
}

fn whole(writer: &mut Writer, processor: usize, packet: &Packet) {
    let keyword = keyword(packet) | FIRST | LAST;
    writer.event(processor, packet.time, NDIS, 1001, keyword, &fragment(7, &packet.bytes));
}

#[test]
fn one_processor() {
    same_verdicts(Form::PLAIN, 1, |writer, _, packet| whole(writer, 0, packet));
}

#[test]
fn many_processors_and_small_buffers_that_are_full_at_different_times() {
    let form = Form { buffer: 72 << 10, processors: 5, ..Form::PLAIN };
    same_verdicts(form, 1, |writer, index, packet| {
        // Some processors have little to do, and their buffers stand at the end of the file.
        let processor = [0, 1, 0, 2, 0, 1, 3, 0, 4][index % 9];
        whole(writer, processor, packet);
    });
}

#[test]
fn every_clock() {
    for (frequency, wide) in [(0, true), (0, false), (1_000_000_000, true), (3_579_545, false)] {
        let form = Form { frequency, wide, ..Form::PLAIN };
        let (path, packets) = captures().swap_remove(0);
        let mut writer = Writer::new(form, packets[0].time - 1_000_000_000);
        packets.iter().for_each(|packet| whole(&mut writer, 0, packet));
        let analysis = analyze(&writer.finish());
        let last = analysis.captures[0].last.unwrap().0;
        assert!((last - packets[packets.len() - 1].time).abs() < 1_000, "{frequency}");
        assert_eq!(found(&analysis), found(&original(&path)));
    }
}

#[test]
fn packets_in_fragments() {
    // Two threads write at a time on one processor, and only the thread tells which fragment belongs to what.
    let form = Form { processors: 1, ..Form::PLAIN };
    let mut wrong = Vec::new();
    for (path, packets) in captures() {
        let mut writer = Writer::new(form, packets[0].time);
        let mut events = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let cuts = packet.bytes.chunks(packet.bytes.len().div_ceil(3).max(1));
            let count = cuts.len();
            for (number, cut) in cuts.enumerate() {
                let mut keyword = keyword(packet);
                keyword |= if number == 0 { FIRST } else { 0 };
                keyword |= if number + 1 == count { LAST } else { 0 };
                events.push((packet.time, number, index % 2, keyword, fragment(7, cut)));
            }
        }
        // Fragments of two packets that come at about the same time, in turns.
        let mut at = 0;
        while at < events.len() {
            let together =
                events[at..].iter().take_while(|event| event.0 - events[at].0 < 10_000).count().min(6);
            let mut several: Vec<_> = events[at..at + together].iter().collect();
            several.sort_by_key(|(_, number, ..)| *number);
            let time = several.iter().map(|event| event.0).max().unwrap();
            for (_, _, thread, keyword, data) in several {
                writer.event_of(*thread as u32, 0, time, NDIS, 1001, *keyword, data);
            }
            at += together;
        }
        let analysis = analyze(&writer.finish());
        let codes = |analysis: &Analysis| -> Vec<&str> {
            analysis
                .findings
                .iter()
                .filter(|one| one.severity == Severity::Error)
                .map(|one| one.code)
                .collect()
        };
        if analysis.captures[0].packets != packets.len() as u64 || codes(&analysis) != codes(&original(&path))
        {
            wrong.push(format!("{} {}", path.display(), analysis.captures[0].packets));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_virtual_switch() {
    let whole = |writer: &mut Writer, index: usize, packet: &Packet| {
        let keyword = keyword(packet) | FIRST | LAST;
        let data = switched(&packet.bytes, (index % 3) as u32);
        writer.event(0, packet.time, NDIS, 1003, keyword, &data);
    };
    same_verdicts(Form::PLAIN, 1, whole);
}

#[test]
fn pktmon_at_three_components() {
    same_verdicts(Form { processors: 2, ..Form::PLAIN }, 3, |writer, index, packet| {
        let kind = if packet.link == LinkType::ETHERNET { 1 } else { 3 };
        for component in 0..3 {
            let data = monitored(index as u64 + 1, component, kind, 0, packet.original, &packet.bytes);
            writer.event(index % 2, packet.time + i64::from(component) * 200, PKTMON, 160, 0, &data);
        }
    });
}

#[test]
fn the_same_packet_at_two_adapters_is_one() {
    for (path, packets) in captures() {
        let mut writer = Writer::new(Form::PLAIN, packets[0].time);
        for packet in &packets {
            for adapter in [7, 12] {
                let data = fragment(adapter, &packet.bytes);
                writer.event(0, packet.time, NDIS, 1001, keyword(packet) | FIRST | LAST, &data);
            }
        }
        let analysis = analyze(&writer.finish());
        assert_eq!(found(&analysis), found(&original(&path)), "{}", path.display());
    }
}

/// What is said of whole packets, and what may be said of them where what it rests on was cut: that the one end or the
/// other left, and in answer to what.
const LESS: [(&str, &[&str]); 8] = [
    ("R4", &["T305"]),
    ("T302", &["T301"]),
    ("T303", &["T301"]),
    ("T304", &["T311"]),
    ("T305", &["T311"]),
    ("T306", &["T310"]),
    ("T307", &["T311"]),
    ("T308", &["T311"]),
];

/// `netsh` cuts packets to 250 bytes, other tools to 180, and the trace does not say so.
#[test]
fn cut_packets_give_no_wrong_verdict() {
    let mut wrong = Vec::new();
    for snap in [96, 128, 180, 250] {
        for (path, packets) in captures() {
            let mut writer = Writer::new(Form::PLAIN, packets[0].time);
            for packet in &packets {
                let cut = Packet { bytes: packet.bytes[..snap.min(packet.bytes.len())].to_vec(), ..*packet };
                whole(&mut writer, 0, &cut);
            }
            let (is, was) = (analyze(&writer.finish()), original(&path));
            let known: Vec<&str> = was.findings.iter().map(|finding| finding.code).collect();
            let less = LESS.iter().filter(|(code, _)| known.contains(code)).flat_map(|(_, less)| *less);
            let allowed: Vec<&str> = known.iter().chain(less).copied().collect();
            for finding in is.findings.iter().filter(|finding| finding.severity == Severity::Error) {
                if finding.confidence > Confidence::Possible && !allowed.contains(&finding.code) {
                    wrong.push(format!(
                        "{} at {snap}: {} {:?}, where whole packets say {known:?}: {}",
                        path.display(),
                        finding.code,
                        finding.confidence,
                        finding.detail
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_trace_that_is_cut_or_damaged_anywhere_is_read_as_far_as_it_goes() {
    let (_, packets) = captures().swap_remove(0);
    let mut writer = Writer::new(Form { buffer: 4096, ..Form::PLAIN }, packets[0].time);
    packets.iter().take(12).for_each(|packet| whole(&mut writer, 0, packet));
    let bytes = writer.finish();
    for length in 0..bytes.len() {
        let Ok(mut source) = open_reader(Box::new(Cursor::new(bytes[..length].to_vec())), String::new(), 0)
        else {
            assert!(length <= 72, "{length}");
            continue;
        };
        while matches!(source.advance(), Ok(true)) {
            assert!(source.packet().is_some());
        }
    }
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            if let Ok(mut source) = open_reader(Box::new(Cursor::new(damaged)), String::new(), 0) {
                while matches!(source.advance(), Ok(true)) {
                    assert!(source.packet().is_some());
                }
                let _ = source.summaries();
            }
        }
    }
}

#[test]
fn what_a_trace_lost_is_said() {
    let (_, packets) = captures().swap_remove(0);
    let mut writer = Writer::new(Form::PLAIN, packets[0].time);
    packets.iter().for_each(|packet| whole(&mut writer, 0, packet));
    let mut bytes = writer.finish();
    // EventsLost and BuffersLost of the description, behind the headers of buffer and record.
    bytes[72 + 32 + 48] = 5;
    bytes[72 + 32 + 276] = 2;
    let analysis = analyze(&bytes);
    assert_eq!(analysis.captures[0].quality.dropped, Some(5));
    assert!(analysis.captures[0].damage[0].what.contains("lost 2 of its buffers"));
    // A buffer that is compressed.
    bytes[(64 << 10) + 52] = 0x40;
    let analysis = analyze(&bytes);
    let told: Vec<&str> = analysis.captures[0].damage.iter().map(|damage| damage.what.as_str()).collect();
    assert!(told[0].contains("compressed"), "{told:?}");
}

#[test]
fn a_trace_without_packets_is_named() {
    let mut writer = Writer::new(Form::PLAIN, 0);
    writer.event(0, 1_000, [9; 16], 1001, 0, &[0; 40]);
    let analysis = analyze(&writer.finish());
    assert!(analysis.captures[0].error.as_ref().unwrap().contains("an ETL trace without packets"));
}

/// Pktmon logs that the server's own firewall dropped the SYNs: with the packets, and in a trace of drops alone.
#[test]
fn what_the_host_dropped_is_told_with_the_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let (path, packets) =
        captures().into_iter().find(|(path, _)| *path == folder.join("host-silent.pcap")).unwrap();
    for packets_too in [true, false] {
        let mut writer = Writer::new(Form::PLAIN, packets[0].time);
        for (group, packet) in (1..).zip(&packets) {
            let event = |reason| monitored(group, 5, 1, reason, packet.original, &packet.bytes);
            if packets_too {
                writer.event(0, packet.time, PKTMON, 160, 0, &event(0));
            }
            writer.event(0, packet.time + 300, PKTMON, 170, 0, &event(1231));
            writer.event(0, packet.time + 600, PKTMON, 170, 0, &event(1231));
        }
        let analysis = analyze(&writer.finish());
        assert_eq!(found(&analysis), found(&original(&path)));
        let finding = &analysis.findings[0];
        let told: Vec<&str> = finding.evidence.iter().map(|evidence| evidence.text.as_str()).collect();
        assert!(told.contains(&"dropped a packet of the client: INET_AcceptInspection (1231)"), "{told:?}");
        assert!(finding.remedy[0].text.contains("Look at its firewall"), "{}", finding.remedy[0].text);
        let facts = &analysis.connections[0].facts;
        assert_eq!(facts.tcp.dropped.len(), (facts.tcp.syns as usize).min(4));
        assert!(facts.story.starts_with(">S >DROP"), "{}", facts.story);
        let json = serde_json::to_value(facts.tcp.dropped[0]).unwrap();
        assert_eq!(
            (json["from"].as_str(), json["reason"].as_str()),
            (Some("client"), Some("INET_AcceptInspection (1231)"))
        );
    }
}
