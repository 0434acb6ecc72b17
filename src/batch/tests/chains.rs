//! Which files are one capture.

use super::super::{Inventory, chained};
use super::{Folder, pcap};

const S: i64 = 1_000_000_000;

/// The captures that are made of these files, by name, first packet and last packet in seconds.
fn chains(files: &[(&str, i64, i64)]) -> Vec<Vec<String>> {
    let folder = Folder::new();
    for (name, first, last) in files {
        folder.put(name, &pcap(&[1_700_000_000 * S + first * S, 1_700_000_000 * S + last * S]));
    }
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
    let captures = chained(inventory.members, true);
    captures.iter().map(|parts| parts.iter().map(|part| part.member.file_name()).collect()).collect()
}

#[test]
fn rings_of_every_recorder_are_one_capture() {
    let dumpcap = [
        ("t_00009_20231114221320.pcapng", 0, 10),
        ("t_00010_20231114221330.pcapng", 10, 20),
        ("t_00011_20231114221340.pcapng", 21, 30),
    ];
    assert_eq!(chains(&dumpcap).len(), 1);
    let tcpdump = [("x.pcap", 0, 10), ("x.pcap1", 10, 20), ("x.pcap10", 30, 40), ("x.pcap2", 20, 30)];
    assert_eq!(chains(&tcpdump), [["x.pcap", "x.pcap1", "x.pcap2", "x.pcap10"]]);
    let logman = [("t_000001.etl", 0, 10), ("t_000002.etl", 10, 20), ("t_000010.etl", 20, 30)];
    assert_eq!(chains(&logman), [["t_000001.etl", "t_000002.etl", "t_000010.etl"]]);
    let nmcap = [("t(1).cap", 10, 20), ("t(10).cap", 30, 40), ("t(2).cap", 20, 30), ("t.cap", 0, 10)];
    assert_eq!(chains(&nmcap), [["t.cap", "t(1).cap", "t(2).cap", "t(10).cap"]]);
    let by_time = [("a-2023-11-14_22-13-20.pcap", 0, 10), ("a-2023-11-14_22-13-30.pcap", 10, 20)];
    assert_eq!(chains(&by_time).len(), 1);
}

#[test]
fn names_without_times_and_times_without_names_are_not_enough() {
    // Two machines, recorded at the same time.
    let at_once = [("t_00001_20231114221320.pcapng", 0, 10), ("t_00002_20231114221320.pcapng", 0, 10)];
    assert_eq!(chains(&at_once).len(), 2);
    // A day between them.
    let apart = [("t_00001_20231114221320.pcapng", 0, 10), ("t_00002_20231115221320.pcapng", 86_400, 86_410)];
    assert_eq!(chains(&apart).len(), 2);
    // Names that people give.
    let people = [("server1.pcap", 0, 10), ("server2.pcap", 10, 20), ("copy (1).pcap", 20, 30)];
    assert_eq!(chains(&people).len(), 3);
    let people =
        [("trace.cap", 0, 10), ("trace (1).cap", 10, 20), ("trace1.etl", 0, 10), ("trace2.etl", 10, 20)];
    assert_eq!(chains(&people).len(), 4);
    // The same capture twice, once compressed.
    assert_eq!(chains(&[("x.pcap", 0, 0), ("x.pcap.gz", 0, 0)]).len(), 2);
    // Other folders are other captures.
    assert_eq!(chains(&[("a/x.pcap", 0, 10), ("b/x.pcap1", 10, 20)]).len(), 2);
}

#[test]
fn a_ring_that_was_interrupted_is_two_captures() {
    let files = [
        ("t_00001_20231114221320.pcapng", 0, 10),
        ("t_00002_20231114221330.pcapng", 10, 20),
        ("t_00003_20231115221330.pcapng", 90_000, 90_010),
        ("t_00004_20231115221340.pcapng", 90_010, 90_020),
    ];
    let captures = chains(&files);
    assert_eq!(captures.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn every_file_is_one_when_asked() {
    let folder = Folder::new();
    folder.put("x.pcap", &pcap(&[0]));
    folder.put("x.pcap1", &pcap(&[S]));
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    assert_eq!(chained(inventory.members.clone(), true).len(), 1);
    assert_eq!(chained(inventory.members, false).len(), 2);
}
