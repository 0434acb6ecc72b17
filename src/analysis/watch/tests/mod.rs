use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Device, News, Watch};
use crate::analysis::{Analysis, Analyzer, Settings};
use crate::capture::{Chain, Input, LinkType, Packet, Source, open};
use crate::decode::{Decoded, Segment, TcpFlags, decode};
use crate::facts::Time;
use crate::report::json;
use crate::rules::Severity;

/// Nanoseconds between two ticks.
const TICK: i64 = 100_000_000;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new("fixtures/captures");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 100, "{}", files.len());
    files
}

fn source(file: &Path) -> Chain {
    let input = Input::Path(file.to_owned());
    Chain::new(vec![(input.name(), open(&input, 0))])
}

/// What was told last of each connection: code and confidence.
type Verdicts = BTreeMap<u64, String>;

#[derive(Default)]
struct Heard {
    verdicts: Verdicts,
    refined: usize,
    withdrawn: usize,
    noticed: BTreeSet<&'static str>,
}

impl Heard {
    fn hear(&mut self, news: News<'_>) {
        let words = |ruling: crate::rules::Ruling| format!("{} {:?}", ruling.rule.code, ruling.confidence);
        match news {
            News::Failed { finding, connection, ruling, .. } => {
                assert_eq!((finding.code, finding.count), (ruling.rule.code, 1));
                assert!(!finding.evidence.is_empty() && !finding.detail.is_empty(), "{}", finding.code);
                assert_eq!(self.verdicts.insert(connection.id, words(ruling)), None, "told twice");
            }
            News::Refined { was, connection, ruling, .. } => {
                self.refined += 1;
                assert_eq!(self.verdicts.insert(connection.id, words(ruling)), Some(words(was)));
            }
            News::Withdrawn { was, of } => {
                self.withdrawn += 1;
                assert_eq!(self.verdicts.remove(&of.id), Some(words(was)));
            }
            News::Noticed { finding } => {
                assert!(finding.severity < Severity::Error);
                self.noticed.insert(finding.slug);
            }
        }
    }
}

/// Watches the packets of a file, with a tick whenever the capture's clock has moved by [`TICK`].
fn watch(source: &mut dyn Source, watch: &mut Watch, heard: &mut Heard) -> Device {
    let mut next = i64::MIN;
    while source.advance().unwrap() {
        let Some(packet) = source.packet() else { break };
        if packet.time >= next {
            next = packet.time.saturating_add(TICK);
            watch.tick(Time(packet.time), &mut |news| heard.hear(news));
        }
        watch.take(&packet);
    }
    device(source)
}

fn device(source: &dyn Source) -> Device {
    let summary = source.summaries().remove(0);
    Device { name: summary.path, dropped: summary.dropped.unwrap_or_default() }
}

fn verdicts(analysis: &Analysis) -> Verdicts {
    let judged = analysis.connections.iter();
    let told = judged.filter_map(|judged| {
        let ruling = judged.verdict?;
        Some((judged.facts.id, format!("{} {:?}", ruling.rule.code, ruling.confidence)))
    });
    told.collect()
}

/// The report without what the file itself is.
fn report(analysis: &Analysis) -> Value {
    let mut report = serde_json::to_value(json::report(analysis, Severity::Info)).unwrap();
    for capture in report["captures"].as_array_mut().unwrap() {
        for field in ["format", "bytes", "damage", "path"] {
            capture[field] = Value::Null;
        }
        capture["quality"]["dropped"] = Value::Null;
    }
    report
}

/// Both are the same; says where they are not.
fn same(one: &Value, other: &Value, path: &str) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{path}");
            one.iter().for_each(|(key, value)| same(value, &other[key], &format!("{path}/{key}")));
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{path}");
            let pairs = one.iter().zip(other).enumerate();
            pairs.for_each(|(index, (one, other))| same(one, other, &format!("{path}/{index}")));
        }
        _ => assert_eq!(one, other, "{path}"),
    }
}

#[test]
fn the_summary_is_what_the_analysis_of_the_file_says() {
    for file in fixtures() {
        let whole = Analyzer::new(Settings::default()).run(&mut source(&file), &mut |_| {});
        let mut watched = Watch::new(Settings::default());
        let device = watch(&mut source(&file), &mut watched, &mut Heard::default());
        let last = watched.interim(&[device]);
        same(&report(&last), &report(&whole), &file.display().to_string());
    }
}

#[test]
fn what_was_told_is_what_the_analysis_of_the_file_says() {
    let mut told = 0;
    for file in fixtures() {
        let whole = Analyzer::new(Settings::default()).run(&mut source(&file), &mut |_| {});
        let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
        watch(&mut source(&file), &mut watched, &mut heard);
        // The wire is silent from here on.
        let last = watched.last().unwrap();
        for seconds in 1..=30 {
            watched.tick(Time(last.0 + seconds * 1_000_000_000), &mut |news| heard.hear(news));
        }
        watched.conclude(Time(last.0 + 30_000_000_000), &mut |news| heard.hear(news));
        let expected = verdicts(&whole);
        assert_eq!(heard.verdicts, expected, "{}", file.display());
        told += expected.len();
        assert_eq!(watched.counts().failed as usize, heard.verdicts.len(), "{}", file.display());
    }
    assert!(told > 100, "{told}");
}

/// Runs a watch over the packets of a fixture that `keep` keeps, until long after the last.
fn watch_some(file: &str, keep: impl Fn(&Segment<'_>) -> bool) -> (Watch, Heard) {
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    let mut source = source(Path::new(file));
    while source.advance().unwrap() {
        let Some(packet) = source.packet() else { break };
        if matches!(decode(&packet), Decoded::Tcp(segment) if !keep(&segment)) {
            continue;
        }
        watched.take(&packet);
        watched.tick(Time(packet.time), &mut |news| heard.hear(news));
    }
    let last = watched.last().unwrap();
    for seconds in 1..=12 {
        watched.tick(Time(last.0 + seconds * 1_000_000_000), &mut |news| heard.hear(news));
    }
    (watched, heard)
}

#[test]
fn sessions_that_stand_teach_too() {
    let file = "fixtures/captures/r1-learned-rst.pcap";
    let whole = Analyzer::new(Settings::default()).run(&mut source(Path::new(file)), &mut |_| {});
    let failing: Vec<u16> = whole
        .connections
        .iter()
        .filter(|judged| judged.verdict.is_some())
        .map(|judged| judged.facts.client.port)
        .collect();
    assert_eq!(failing.len(), 2);
    // The others never end: nothing of them is taken in but what they show while they stand.
    let (watched, heard) = watch_some(file, |segment| {
        let fails = failing.contains(&segment.tcp.src_port) || failing.contains(&segment.tcp.dst_port);
        fails || !(segment.tcp.flags.has(TcpFlags::FIN) || segment.tcp.flags.has(TcpFlags::RST))
    });
    let verdicts: Vec<&str> = heard.verdicts.values().map(String::as_str).collect();
    assert_eq!(verdicts, ["R1 Likely", "R1 Likely"]);
    assert_eq!(watched.counts().failed, 2);
}

#[test]
fn a_period_begins_anew_and_knows_its_servers() {
    let file = Path::new("fixtures/captures/r1-learned-rst.pcap");
    let whole = Analyzer::new(Settings::default()).run(&mut source(file), &mut |_| {});
    let mut watched = Watch::new(Settings::default());
    let device = [watch(&mut source(file), &mut watched, &mut Heard::default())];
    let over = Time(watched.last().unwrap().0 + 60_000_000_000);
    watched.tick(over, &mut |_| {});

    let first = watched.close_period(&device, &mut |_| {});
    same(&report(&first), &report(&whole), "the first period");
    let servers = watched.servers();
    let server = servers.values().next().unwrap();
    assert_eq!((server.succeeded, server.failed.get("no-common-tls-version")), (2, Some(&2)));

    let second = watched.close_period(&device, &mut |_| {});
    assert!(second.findings.is_empty() && second.connections.is_empty(), "nothing happened in the second");
    assert_eq!(second.captures[0].packets, 0);
    assert_eq!(second.totals.connections, 0);
    assert!(watched.shard.collector.servers.is_empty(), "who is not heard for a period is forgotten");
    assert!(watched.servers().is_empty());
    assert_eq!(watched.counts().failed, 2, "the total stays");
}

#[test]
fn what_a_server_showed_explains_a_failure_of_the_next_period() {
    let file = "fixtures/captures/r1-learned-rst.pcap";
    let whole = Analyzer::new(Settings::default()).run(&mut source(Path::new(file)), &mut |_| {});
    let split = whole.connections.iter().find(|judged| judged.verdict.is_some()).unwrap().facts.first.time;
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    let mut source = source(Path::new(file));
    let mut closed = false;
    while source.advance().unwrap() {
        let Some(packet) = source.packet() else { break };
        if packet.time >= split.0 && !closed {
            watched.tick(split, &mut |news| heard.hear(news));
            let period = watched.close_period(&[], &mut |news| heard.hear(news));
            assert_eq!(period.totals.failed, 0);
            closed = true;
        }
        watched.take(&packet);
        watched.tick(Time(packet.time), &mut |news| heard.hear(news));
    }
    let over = Time(watched.last().unwrap().0 + 60_000_000_000);
    watched.tick(over, &mut |news| heard.hear(news));
    assert!(heard.verdicts.values().any(|verdict| verdict == "R1 Likely"), "{:?}", heard.verdicts);
}

#[test]
fn a_watch_of_failures_without_end_stays_as_small_as_it_was() {
    // A failing login over and over, each from another port, and more of them than are held.
    let settings = Settings { max_pending: 64, ..Settings::default() };
    let (mut watched, mut heard) = (Watch::new(settings), Heard::default());
    let mut source = source(Path::new("fixtures/captures/r1-learned-rst.pcap"));
    let mut packets = Vec::new();
    while source.advance().unwrap() {
        packets.extend(source.packet().map(|packet| (packet.time, packet.bytes.to_vec())));
    }
    let span = packets.last().unwrap().0 - packets[0].0 + 1_000_000_000;
    let mut frame = 0;
    for round in 0..300_i64 {
        for (time, bytes) in &packets {
            frame += 1;
            let mut bytes = bytes.clone();
            // The third byte of both addresses tells the rounds apart: 14 of Ethernet, 12 to the source, 16 to the target.
            for at in [14 + 12 + 2, 14 + 16 + 2] {
                bytes[at] = bytes[at].wrapping_add(u8::try_from(round % 200).unwrap());
            }
            let packet = Packet {
                time: time + round * span,
                file: 0,
                frame,
                link: LinkType::ETHERNET,
                interface: 0,
                original_len: u32::try_from(bytes.len()).unwrap(),
                bytes: &bytes,
            };
            watched.take(&packet);
            watched.tick(Time(packet.time), &mut |news| heard.hear(news));
        }
        assert!(watched.told.len() <= 64 + 8, "round {round}: {}", watched.told.len());
        assert!(watched.shard.collector.pending.len() <= 64);
    }
    let over = Time(watched.last().unwrap().0 + 60_000_000_000);
    watched.tick(over, &mut |news| heard.hear(news));
    assert_eq!(heard.verdicts.len(), 600);
    let last = watched.interim(&[]);
    assert_eq!(
        last.findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.count).sum::<u64>(),
        600
    );
}

/// The packets of a fixture, whose connections' segments `edit` may change, or leave out: offsets of the bytes of Ethernet and
/// IPv4 without options.
fn edited(file: &str, mut edit: impl FnMut(&Segment<'_>, &mut Vec<u8>) -> bool) -> Vec<(i64, Vec<u8>)> {
    let mut source = source(Path::new(file));
    let mut packets = Vec::new();
    while source.advance().unwrap() {
        let Some(packet) = source.packet() else { break };
        let mut bytes = packet.bytes.to_vec();
        let kept = match decode(&packet) {
            Decoded::Tcp(segment) => edit(&segment, &mut bytes),
            _ => true,
        };
        packets.extend(kept.then_some((packet.time, bytes)));
    }
    packets
}

fn feed(watched: &mut Watch, frame: u64, time: i64, bytes: &[u8]) {
    watched.take(&Packet {
        time,
        file: 0,
        frame,
        link: LinkType::ETHERNET,
        interface: 0,
        original_len: u32::try_from(bytes.len()).unwrap(),
        bytes,
    });
}

#[test]
fn a_session_that_stands_makes_its_listener_known_on_any_port() {
    // 1433 becomes 14330, and accepted connections never end.
    let packets = edited("fixtures/captures/r6-syn-refused.pcap", |segment, bytes| {
        for at in [34, 36] {
            if bytes[at..at + 2] == 1433_u16.to_be_bytes() {
                bytes[at..at + 2].copy_from_slice(&14_330_u16.to_be_bytes());
            }
        }
        let refusal = segment.tcp.src_port == 1433 && segment.tcp.seq == 0;
        refusal || !(segment.tcp.flags.has(TcpFlags::FIN) || segment.tcp.flags.has(TcpFlags::RST))
    });
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    for (frame, (time, bytes)) in (1..).zip(&packets) {
        feed(&mut watched, frame, *time, bytes);
        watched.tick(Time(*time), &mut |news| heard.hear(news));
    }
    let last = watched.last().unwrap();
    for seconds in 1..=12 {
        watched.tick(Time(last.0 + seconds * 1_000_000_000), &mut |news| heard.hear(news));
    }
    assert!(heard.verdicts.values().any(|verdict| verdict.starts_with("R6")), "{:?}", heard.verdicts);
    let before = heard.verdicts.clone();
    watched.conclude(Time(last.0 + 12_000_000_000), &mut |news| heard.hear(news));
    assert_eq!(heard.verdicts, before, "there was no need to wait for the end");
}

#[test]
fn a_query_that_takes_its_time_is_no_failure_until_the_end() {
    let file = Path::new("fixtures/captures/session-stalled.pcap");
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    let mut stalled = source(file);
    while stalled.advance().unwrap() {
        watched.take(&stalled.packet().unwrap());
        if watched.last().is_some_and(|last| last.0 % 7 == 0) {
            let now = watched.last().unwrap();
            watched.tick(now, &mut |news| heard.hear(news));
        }
    }
    assert_eq!(heard.verdicts, Verdicts::new());
    let last = watched.last().unwrap();
    watched.conclude(last, &mut |news| heard.hear(news));
    let whole = Analyzer::new(Settings::default()).run(&mut source(file), &mut |_| {});
    assert_eq!(heard.verdicts, verdicts(&whole));
}

#[test]
fn what_ended_just_now_is_said_at_the_end() {
    for file in fixtures() {
        // With ticks before it and without, by a clock that is half a second behind.
        for ticks in [false, true] {
            let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
            let mut packets = source(&file);
            while packets.advance().unwrap() {
                let packet = packets.packet().unwrap();
                if ticks {
                    watched.tick(Time(packet.time - 500_000_000), &mut |news| heard.hear(news));
                }
                watched.take(&packet);
            }
            let last = watched.last().unwrap();
            watched.conclude(Time(last.0 - 500_000_000), &mut |news| heard.hear(news));
            let whole = Analyzer::new(Settings::default()).run(&mut source(&file), &mut |_| {});
            assert_eq!(heard.verdicts, verdicts(&whole), "{}", file.display());
        }
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_the_watch() {
    const HOURS: i64 = 7_200_000_000_000;
    let file = "fixtures/captures/r1-learned-rst.pcap";
    let packets = edited(file, |_, _| true);
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    // The first login by a clock that is two hours ahead, as that of a machine that has just started.
    for (frame, (time, bytes)) in (1..).zip(packets.iter().take(12)) {
        feed(&mut watched, frame, time + HOURS, bytes);
        watched.tick(Time(time + HOURS), &mut |news| heard.hear(news));
    }
    for (frame, (time, bytes)) in (13..).zip(packets.iter().skip(12)) {
        feed(&mut watched, frame, *time, bytes);
        watched.tick(Time(*time), &mut |news| heard.hear(news));
    }
    let last = packets.last().unwrap().0;
    for seconds in 1..=12 {
        watched.tick(Time(last + seconds * 1_000_000_000), &mut |news| heard.hear(news));
    }
    assert_eq!(heard.verdicts.len(), 2, "{:?}", heard.verdicts);
}

#[test]
fn a_stall_that_becomes_something_else_is_withdrawn() {
    // A SYN that nobody answers for five seconds; then a connection that is a health check.
    let packets = edited("fixtures/captures/r1-learned-rst.pcap", |_, _| true);
    let opening: Vec<&(i64, Vec<u8>)> = packets.iter().take(3).collect();
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    let start = opening[0].0;
    feed(&mut watched, 1, start, &opening[0].1);
    feed(&mut watched, 2, start + 1_000_000_000, &opening[0].1);
    for seconds in 1..=6 {
        watched.tick(Time(start + seconds * 1_000_000_000), &mut |news| heard.hear(news));
    }
    assert_eq!(heard.verdicts.len(), 1, "{:?}", heard.verdicts);
    let later = start + 7_000_000_000;
    feed(&mut watched, 3, later, &opening[1].1);
    feed(&mut watched, 4, later + 1_000_000, &opening[2].1);
    // FIN in place of the ACK, both ways: flags stand 13 bytes into the TCP header.
    for (frame, (step, template)) in (5..).zip([(2, &opening[2].1), (3, &opening[1].1), (4, &opening[2].1)]) {
        let mut bytes = template.clone();
        bytes[14 + 20 + 13] = 0x11;
        if step == 3 {
            let next = u32::from_be_bytes(bytes[38..42].try_into().unwrap()).wrapping_add(1);
            bytes[38..42].copy_from_slice(&next.to_be_bytes());
            let ack = u32::from_be_bytes(bytes[42..46].try_into().unwrap()).wrapping_add(1);
            bytes[42..46].copy_from_slice(&ack.to_be_bytes());
        }
        feed(&mut watched, frame, later + step * 1_000_000, &bytes);
    }
    for seconds in 8..=30 {
        watched.tick(Time(start + seconds * 1_000_000_000), &mut |news| heard.hear(news));
    }
    assert_eq!((heard.verdicts.len(), heard.withdrawn), (0, 1), "{:?}", heard.verdicts);
    let counts = watched.counts();
    assert_eq!((counts.failed, counts.withdrawn), (0, 1));
}

#[test]
fn what_went_on_while_packets_were_dropped_is_not_certain() {
    let file = Path::new("fixtures/captures/r1-alert-70.pcap");
    let (mut watched, mut heard) = (Watch::new(Settings::default()), Heard::default());
    let device = watch(&mut source(file), &mut watched, &mut heard);
    let last = watched.last().unwrap();
    watched.conclude(last, &mut |news| heard.hear(news));
    let told: BTreeSet<String> = heard.verdicts.values().cloned().collect();
    assert_eq!(told, BTreeSet::from(["R1 Certain".to_owned()]));

    // The counters come a second later: what was told is put right, and the summary says the same.
    watched.dropped(Time(last.0 - 200_000_000), Time(last.0 + 800_000_000));
    watched.conclude(Time(last.0 + 1_000_000_000), &mut |news| heard.hear(news));
    let summary = watched.interim(&[device]);
    assert_eq!(heard.verdicts, verdicts(&summary));
    assert_eq!(heard.refined, heard.verdicts.len());
    let finding = summary.findings.iter().find(|finding| finding.code == "R1").unwrap();
    assert!(finding.detail.contains("Packets were dropped at that time"), "{}", finding.detail);
    assert_eq!(finding.confidence, crate::rules::Confidence::Likely);
}
