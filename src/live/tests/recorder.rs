//! What stands in the files.

use std::fs;

use super::Folder;
use super::watch::*;
use crate::analysis::JudgedConnection;
use crate::capture::tests::blocks::{packet_comments, section_comment};
use crate::capture::{LinkType, Packet};
use crate::decode::Flow;
use crate::facts::{At, Moment, Time};
use crate::live::{RecordedInterface, Recorder, RecorderSettings};
use crate::rules::{Evidence, Finding};

/// Captures whose verdict can be read from the packets of the connection and those that its evidence quotes.
const CAPTURES: &[(&str, &str)] = &[
    ("r1-alert-70.pcap", "no-common-tls-version"),
    ("r1-alone-rst.pcap", "no-common-tls-version"),
    ("r1-server-older.pcap", "no-common-tls-version"),
    ("r1-learned-rst.pcap", "no-common-tls-version"),
    ("r1-learned-fin.pcap", "no-common-tls-version"),
    ("built-qinq.pcap", "no-common-tls-version"),
    ("r2-alert-40.pcap", "no-common-cipher-suite"),
    ("r2-alert-71.pcap", "no-common-cipher-suite"),
    ("r2-learned-rst.pcap", "no-common-cipher-suite"),
    ("r2-ecdsa-only-alert.pcap", "no-common-cipher-suite"),
    ("ok-dhe.pcap", "dhe-suite-hazard"),
    ("r4-md5-pytds.pcap", "weak-hash-certificate"),
    ("r4-md5-alert.pcap", "weak-hash-certificate"),
    ("r4-sha512-fin.pcap", "weak-hash-certificate"),
    ("r6-syn-dropped.pcap", "syn-dropped"),
    ("r6-syn-refused.pcap", "syn-dropped"),
    ("host-unreachable.pcap", "host-unreachable"),
    ("port-closed.pcap", "port-closed"),
    ("middlebox-login.pcap", "reset-by-middlebox"),
    ("login-failed-clear.pcap", "login-failed"),
    ("login-closed-rst.pcap", "login-closed-by-server"),
    ("session-stalled.pcap", "session-stalled"),
    ("idle-keepalive.pcap", "idle-connection-reset"),
    ("built-reuse-challenged.pcap", "port-reuse"),
];

#[test]
fn a_file_alone_gives_the_verdict_it_was_written_for() {
    let folder = Folder::new("verdicts");
    for (name, slug) in CAPTURES {
        let mut watch = Watch::new(settings(&folder), &[name]);
        let (finding, connection) = watch.finding(slug);
        let (path, packets, whole) = written(watch.write(slug));
        assert!(whole, "{name}");
        let again = analyze(std::slice::from_ref(&path));
        assert_eq!(again.captures[0].packets, packets, "{name}");
        assert_eq!((&again.captures[0].damage, &again.captures[0].error), (&vec![], &None), "{name}");
        let is_it = |told: &&Finding| told.slug == *slug && told.severity == finding.severity;
        let told = again.findings.iter().find(is_it).unwrap_or_else(|| panic!("{name}: no {slug} any more"));
        assert_eq!(told.confidence, finding.confidence, "{name}");
        let same = again.connections.iter().find(|judged| judged.facts.first.time == connection.first.time);
        assert_eq!(same.unwrap().facts.story, connection.story, "{name}");
        assert_eq!(same.unwrap().facts.tcp.icmp.len(), connection.tcp.icmp.len(), "{name}");
    }
}

#[test]
fn the_packets_are_those_of_the_connection_with_their_evidence_as_comments() {
    let folder = Folder::new("comments");
    for (name, slug) in CAPTURES {
        let mut watch = Watch::new(settings(&folder), &[name]);
        let (finding, _) = watch.finding(slug);
        let (path, ..) = written(watch.write(slug));
        let comments = packet_comments(&fs::read(&path).unwrap());
        let file = packets(&path);
        assert_eq!(file.len(), comments.len());
        let original = packets(&fixture(name));
        for (packet, comments) in file.iter().zip(&comments) {
            let is_it = |(frame, other): &(u64, &Owned)| {
                *other == packet
                    && (comments.is_empty()
                        || finding.evidence.iter().any(|line| line.moment.at.frame() == *frame))
            };
            let (frame, _) =
                (1..).zip(&original).find(is_it).unwrap_or_else(|| panic!("{name}: not in the capture"));
            let lines = finding.evidence.iter().filter(|line| line.moment.at.frame() == frame);
            let expected: Vec<String> =
                lines.map(|line| format!("tdscope {}: {}", finding.code, line.text)).collect();
            assert_eq!(comments, &expected, "{name}");
        }
        let said: usize = comments.iter().map(Vec::len).sum();
        assert_eq!(said, finding.evidence.len(), "{name}");
        assert!(said > 0, "{name}");
        assert!(file.iter().map(|packet| packet.time).is_sorted(), "{name}");
    }
}

#[test]
fn the_file_says_what_it_proves() {
    let folder = Folder::new("says");
    let mut watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (finding, connection) = watch.finding("no-common-tls-version");
    let (path, packets, whole) = written(watch.write("no-common-tls-version"));
    let tcp = &connection.tcp;
    assert_eq!((packets, whole), (tcp.client.packets + tcp.server.packets, true));
    let expected = format!(
        "R1 no-common-tls-version (certain): No TLS version in common\n{}\nConnection: {} to {}, first packet at {}.",
        finding.detail, connection.client, connection.server, connection.first.time
    );
    assert_eq!(section_comment(&fs::read(&path).unwrap()), expected);
    assert_eq!(folder.names(), ["20261128T021407.123Z-000001-no-common-tls-version.pcapng"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn what_is_no_longer_in_memory_is_told() {
    let folder = Folder::new("gone");
    let all = packets(&fixture("r1-alert-70.pcap"));
    let sizes: Vec<usize> = all.iter().map(|packet| packet.bytes.len() + 48).collect();
    let mut partly = 0;
    for last in 0..all.len() {
        let before = sizes.iter().rev().take(last).sum();
        let mut watch = Watch::new(RecorderSettings { before, ..settings(&folder) }, &["r1-alert-70.pcap"]);
        let (finding, connection) = watch.finding("no-common-tls-version");
        let (path, kept, whole) = written(watch.write("no-common-tls-version"));
        let total = connection.tcp.client.packets + connection.tcp.server.packets;
        let comment = section_comment(&fs::read(&path).unwrap());
        let missing = total - kept;
        let told = format!(
            "\nOf {total} packets of this connection, {missing}, the first among them, were no longer in memory and are not here."
        );
        assert_eq!(comment.contains(&told), missing > 0, "{last}: {comment}");
        assert_eq!(whole, missing == 0);
        partly += u64::from(kept > 0 && missing > 0);
        let first_kept = (all.len() - last + 1) as u64;
        for line in &finding.evidence {
            let told = format!(
                "\nNo longer in memory: frame {} (tdscope R1: {})",
                line.moment.at.frame(),
                line.text
            );
            assert_eq!(comment.contains(&told), line.moment.at.frame() < first_kept, "{last}: {comment}");
        }
    }
    assert!(partly > 3);
}

#[test]
fn ipv6_is_found_behind_extension_headers_too() {
    let folder = Folder::new("ipv6");
    let (finding, _) = Watch::new(settings(&folder), &["r1-alert-70.pcap"]).finding("no-common-tls-version");
    for name in ["ok-ipv6.pcap", "built-ipv6-extensions.pcap"] {
        let mut watch = Watch::new(settings(&folder), &[name]);
        let connection = watch.analysis.connections[0].facts.clone();
        assert!(connection.client.ip.is_ipv6());
        let none = Finding { evidence: Vec::new(), ..finding.clone() };
        let (path, packets, whole) = written(watch.recorder.write(&none, &connection, NOW));
        assert!(whole);
        assert_eq!(packets, connection.tcp.client.packets + connection.tcp.server.packets);
        let again = analyze(&[path]);
        assert_eq!(again.connections[0].facts.story, connection.story);
    }
}

#[test]
fn each_interface_keeps_its_packets_and_its_way_to_begin() {
    let folder = Folder::new("interfaces");
    // The same connection on two cards, and others on a third of another kind.
    let mut watch =
        Watch::new(settings(&folder), &["r1-alert-70.pcap", "r1-alert-70.pcap", "built-null.pcap"]);
    let (finding, connection) = watch.finding("no-common-tls-version");
    let (path, packets, whole) = written(watch.write("no-common-tls-version"));
    assert!(whole);
    let file = packets_with_interfaces(&path);
    let on = |index: u32, link: LinkType| {
        let is_it = |(interface, packet): &&(u32, Owned)| *interface == index && packet.link == link;
        file.iter().filter(is_it).count() as u64
    };
    let [first, second] = [0, 1].map(|index| on(index, LinkType::ETHERNET));
    assert_eq!((first, first + second), (second, packets_of(&connection)));
    // The evidence quotes a login on the third.
    let third = on(2, LinkType::NULL);
    assert!(third > 3);
    assert_eq!(packets, first + second + third);
    let mut commented = Vec::new();
    for ((interface, _), comments) in file.iter().zip(packet_comments(&fs::read(&path).unwrap())) {
        commented.extend(comments.iter().map(|_| *interface));
    }
    let mut quoted: Vec<u32> = finding.evidence.iter().map(|line| line.moment.at.file()).collect();
    quoted.sort_unstable();
    commented.sort_unstable();
    assert_eq!(commented, quoted);
    let summary = analyze(&[path]).captures.remove(0);
    assert_eq!(summary.damage, []);

    // A frame that is gone is named with its interface.
    let mut empty = Watch::new(
        RecorderSettings { before: 0, ..settings(&folder) },
        &["r1-alert-70.pcap", "built-null.pcap"],
    );
    let (path, packets, whole) = written(empty.write("no-common-tls-version"));
    assert_eq!((packets, whole), (0, false));
    assert!(section_comment(&fs::read(&path).unwrap()).contains("\nNo longer in memory: frame "));
    assert!(section_comment(&fs::read(&path).unwrap()).contains(" of eth0 (tdscope R1: "));
}

#[test]
fn only_the_connection_itself_is_taken_from_its_flow() {
    let folder = Folder::new("flow");
    let watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (finding, connection) = watch.finding("no-common-tls-version");
    let ours = packets(&fixture("r1-alert-70.pcap"));
    let others = packets(&fixture("r2-alert-71.pcap"));
    let ends = [connection.client, connection.server].map(|end| (end.ip, end.port));
    let flow = Flow::between(ends[0], ends[1]);

    let mut recorder = Recorder::new(settings(&folder), ethernet());
    let hour = 3_600_000_000_000;
    let mut keep = |packets: &[Owned], first_frame: u64, shift: i64| {
        for (frame, packet) in (first_frame..).zip(packets) {
            let packet = Packet { frame, time: packet.time + shift, ..packet.packet() };
            recorder.keep(flow, &packet, usize::MAX);
        }
    };
    // An older connection on the same ports, and another one that shares the number of the flow.
    keep(&ours, 1_000, -hour);
    keep(&others, 2_000, connection.first.time.0 - others[0].time);
    keep(&ours, 1, 0);
    let (path, packets_written, whole) = written(recorder.write(&finding, &connection, NOW));
    assert!(whole);
    assert_eq!(packets_written, packets_of(&connection));
    let expected: Vec<Owned> = ours.into_iter().filter(|packet| is_between(packet, ends)).collect();
    assert_eq!(packets(&path), expected);
}

#[test]
fn packets_out_of_order_are_not_lost() {
    let folder = Folder::new("order");
    let watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (finding, connection) = watch.finding("no-common-tls-version");
    let mut recorder = Recorder::new(settings(&folder), ethernet());
    for (frame, packet) in (1..).zip(packets(&fixture("r1-alert-70.pcap"))) {
        // All but the first bear times from before it.
        let time =
            if frame == connection.first.at.frame() { packet.time } else { packet.time - 5_000_000_000 };
        recorder.keep(
            flow(&packet.packet()).unwrap(),
            &Packet { frame, time, ..packet.packet() },
            usize::MAX,
        );
    }
    let (_, packets, whole) = written(recorder.write(&finding, &connection, NOW));
    assert_eq!((packets, whole), (packets_of(&connection), true));
}

#[test]
fn only_headers_are_kept_where_more_is_of_no_use() {
    let folder = Folder::new("headers");
    let mut watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (finding, connection) = watch.finding("no-common-tls-version");
    watch.recorder = Recorder::new(settings(&folder), ethernet());
    watch.replay(70);
    let (path, count, whole) = written(watch.recorder.write(&finding, &connection, NOW));
    assert_eq!((count, whole), (packets_of(&connection), true));
    let original = packets(&fixture("r1-alert-70.pcap"));
    let (mut cut, mut same) = (0, 0);
    for packet in packets(&path) {
        let whole =
            original.iter().find(|other| other.time == packet.time && other.bytes.starts_with(&packet.bytes));
        let whole = whole.unwrap();
        assert_eq!(packet.original_len, whole.original_len);
        assert_eq!(packet.bytes.len(), whole.bytes.len().min(70));
        cut += u32::from(whole.bytes.len() > 70);
        same += u32::from(whole.bytes.len() <= 70);
    }
    assert!(cut > 0 && same > 0);
}

#[test]
fn a_handful_of_other_connections_that_the_evidence_quotes_comes_along() {
    let folder = Folder::new("quoted");
    let mut watch = Watch::new(settings(&folder), &["r5-leading-zero.pcapng.gz"]);
    let (finding, connection) = watch.finding("dhe-leading-zero");
    let quote = |at: Moment| Evidence::new(at, "", "an example");
    let others: Vec<_> = watch
        .analysis
        .connections
        .iter()
        .map(|judged| judged.facts.clone())
        .filter(|other| other.id != connection.id)
        .take(12)
        .collect();
    assert_eq!(others.len(), 12);
    let evidence = others.iter().map(|other| quote(other.tcp.established.unwrap())).collect();
    let finding = Finding { evidence, ..finding };
    let (path, _, whole) = written(watch.recorder.write(&finding, &connection, NOW));
    assert!(whole);
    let again = analyze(std::slice::from_ref(&path));
    // Those beyond are there with the one frame that is quoted.
    let stories: Vec<usize> = others
        .iter()
        .map(|other| {
            let is_it = |judged: &&JudgedConnection| judged.facts.client == other.client;
            again
                .connections
                .iter()
                .find(is_it)
                .map_or(0, |judged| if judged.facts.story == other.story { 2 } else { 1 })
        })
        .collect();
    assert_eq!(stories.iter().filter(|story| **story == 2).count(), 8, "{stories:?}");
    let quoted = packet_comments(&fs::read(&path).unwrap()).iter().flatten().count();
    assert_eq!(quoted, 12);
}

#[test]
fn of_another_connection_only_what_is_near_the_quoted_frame_comes_along() {
    let folder = Folder::new("near");
    let watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (finding, connection) = watch.finding("no-common-tls-version");
    let mut recorder = Recorder::new(settings(&folder), ethernet());
    let second = 1_000_000_000;
    let other = packets(&fixture("r2-alert-71.pcap")).remove(0);
    let key = flow(&other.packet()).unwrap();
    for (frame, seconds) in (1..).zip([0, 20, 50, 79, 81, 200, 1_000]) {
        let packet = Packet { frame, time: other.time + seconds * second, ..other.packet() };
        recorder.keep(key, &packet, usize::MAX);
    }
    let quote = |frame, seconds: i64| {
        let time = Time(other.time + seconds * second);
        Evidence::new(Moment { time, at: At::new(0, frame) }, "", "an example")
    };
    let mut taken = |evidence: Vec<Evidence>| {
        let finding = Finding { evidence, ..finding.clone() };
        let (path, ..) = written(recorder.write(&finding, &connection, NOW));
        let times = packets(&path).into_iter().map(|packet| (packet.time - other.time) / second);
        times.collect::<Vec<i64>>()
    };
    assert_eq!(taken(vec![quote(3, 50)]), [20, 50, 79]);
    assert_eq!(taken(vec![quote(1, 0), quote(3, 50)]), [0, 20, 50, 79]);
    assert_eq!(taken(vec![quote(7, 1_000), quote(1, 0)]), [0, 20, 1_000]);
    assert_eq!(taken(vec![]), [0; 0]);
}

#[test]
fn nothing_hostile_gets_into_a_comment() {
    let folder = Folder::new("hostile");
    let mut watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (mut finding, connection) = watch.finding("no-common-tls-version");
    finding.detail = "a\u{1b}[31m\nNo longer in memory: \u{202e}x".to_owned();
    finding.evidence[0].text = "b\u{7}\nc".to_owned();
    let hostile = RecordedInterface { name: "eth\u{1b}0".to_owned(), ..ethernet().remove(0) };
    watch.recorder = Recorder::new(settings(&folder), vec![hostile]);
    watch.replay(usize::MAX);
    let (path, ..) = written(watch.recorder.write(&finding, &connection, NOW));
    let bytes = fs::read(&path).unwrap();
    let comment = section_comment(&bytes);
    assert_eq!(comment.lines().nth(1), Some("a\\u{1b}[31m No longer in memory: \\u{202e}x"));
    assert!(comment.lines().count() == 3);
    let comments: Vec<String> = packet_comments(&bytes).into_iter().flatten().collect();
    assert!(comments.contains(&"tdscope R1: b\\u{7} c".to_owned()), "{comments:?}");
    let name = b"eth\\u{1b}0";
    assert!(bytes.windows(name.len()).any(|window| window == name));
}
