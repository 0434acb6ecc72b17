use super::{failing, open_bytes, pcap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::capture::{Chain, Error, ErrorKind, Later, Source, open_reader};

fn chain(files: &[Vec<u8>]) -> Chain {
    let open = |(index, bytes): (usize, &Vec<u8>)| {
        let file = u32::try_from(index).unwrap();
        let reader = Box::new(std::io::Cursor::new(bytes.clone()));
        (format!("file{index}"), open_reader(reader, format!("file{index}"), file))
    };
    Chain::new(files.iter().enumerate().map(open).collect())
}

/// File, frame and time in microseconds of every packet.
fn order(chain: &mut Chain) -> Vec<(u32, u64, i64)> {
    let mut order = Vec::new();
    while chain.advance().unwrap() {
        let packet = chain.packet().unwrap();
        order.push((packet.file, packet.frame, packet.time / 1000));
    }
    assert!(chain.packet().is_none() && !chain.advance().unwrap());
    order
}

#[test]
fn packets_come_by_time_and_ties_in_argument_order() {
    let first = pcap(&[(10, &[1]), (30, &[1]), (30, &[1])]);
    let second = pcap(&[(20, &[2]), (30, &[2]), (40, &[2])]);
    let expected = [(0, 1, 10), (1, 1, 20), (0, 2, 30), (0, 3, 30), (1, 2, 30), (1, 3, 40)];
    assert_eq!(order(&mut chain(&[first.clone(), second.clone()])), expected);
    let expected = [(1, 1, 10), (0, 1, 20), (0, 2, 30), (1, 2, 30), (1, 3, 30), (0, 3, 40)];
    assert_eq!(order(&mut chain(&[second, first])), expected);
}

#[test]
fn a_file_keeps_its_own_order_when_its_times_go_back() {
    let mut merged = chain(&[pcap(&[(50, &[]), (10, &[]), (60, &[])]), pcap(&[(20, &[]), (55, &[])])]);
    assert_eq!(order(&mut merged), [(1, 1, 20), (0, 1, 50), (0, 2, 10), (1, 2, 55), (0, 3, 60)]);
}

#[test]
fn one_file_and_none_are_chains_too() {
    assert_eq!(order(&mut chain(&[pcap(&[(2, &[]), (1, &[])])])), [(0, 1, 2), (0, 2, 1)]);
    assert_eq!(order(&mut chain(&[pcap(&[])])), []);
    assert_eq!(order(&mut chain(&[])), []);
}

#[test]
fn a_broken_input_takes_its_place_and_the_others_go_on() {
    let healthy = pcap(&[(10, &[1]), (20, &[1])]);
    let breaking = pcap(&[(5, &[2]), (15, &[2]), (25, &[2])]);
    let inputs = vec![
        ("text".to_owned(), open_bytes(b"no capture")),
        ("healthy".to_owned(), open_bytes(&healthy)),
        // The stream fails inside the second packet's header.
        ("breaking".to_owned(), open_reader(failing(&breaking[..50]), "breaking".to_owned(), 2)),
    ];
    let mut merged = Chain::new(inputs);
    assert_eq!(order(&mut merged), [(2, 1, 5), (0, 1, 10), (0, 2, 20)]);
    let kinds: Vec<_> = merged.errors().map(|error| (error.path.as_str(), error.kind.clone())).collect();
    assert!(matches!(
        &kinds[..],
        [("memory", ErrorKind::UnknownFormat { .. }), ("breaking", ErrorKind::Io { .. })]
    ));
    let summaries = merged.summaries();
    assert_eq!(summaries.iter().map(|summary| summary.packets).collect::<Vec<_>>(), [0, 2, 1]);
    assert_eq!(summaries[0].path, "text");
    assert!(summaries[0].error.is_some() && summaries[1].error.is_none() && summaries[2].error.is_some());
}

#[test]
fn nothing_but_broken_inputs_is_empty() {
    let error = Error { path: "gone".to_owned(), kind: ErrorKind::Empty };
    let mut merged = Chain::new(vec![("gone".to_owned(), Err(error.clone()))]);
    assert!(!merged.advance().unwrap());
    assert_eq!(merged.errors().collect::<Vec<_>>(), [&error]);
}

/// A reader that counts how many like it there are.
struct Counted(std::io::Cursor<Vec<u8>>, Arc<AtomicUsize>);

impl std::io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The same files, opened one by one; what counts how many are open.
fn in_turn(files: &[Vec<u8>], begins: &[i64]) -> (Chain, Arc<AtomicUsize>) {
    let open = Arc::new(AtomicUsize::new(0));
    let later = files.iter().zip(begins).enumerate().map(|(index, (bytes, begins))| {
        let (bytes, open, path) = (bytes.clone(), Arc::clone(&open), format!("file{index}"));
        let name = path.clone();
        let file = u32::try_from(index).unwrap();
        let opens = move || {
            open.fetch_add(1, Ordering::Relaxed);
            open_reader(Box::new(Counted(std::io::Cursor::new(bytes), open)), name, file)
        };
        Later { path, begins: begins * 1000, open: Box::new(opens) }
    });
    (Chain::in_turn(later.collect()), open)
}

#[test]
fn a_long_ring_has_no_more_files_open_than_overlap() {
    let files: Vec<_> = (0..50)
        .map(|file| pcap(&[(file * 10, &[1]), (file * 10 + 5, &[2]), (file * 10 + 11, &[3])]))
        .collect();
    let begins: Vec<i64> = (0..50).map(|file| file * 10).collect();
    let (mut chain, open) = in_turn(&files, &begins);
    let mut most = 0;
    let mut last = i64::MIN;
    while chain.advance().unwrap() {
        most = most.max(open.load(Ordering::Relaxed));
        let time = chain.packet().unwrap().time;
        assert!(last <= time, "{last} {time}");
        last = time;
    }
    assert_eq!((most, open.load(Ordering::Relaxed)), (2, 0));
    let summaries = chain.summaries();
    assert!(summaries.len() == 50 && summaries.iter().all(|summary| summary.packets == 3));
}

#[test]
fn files_that_are_opened_in_turn_come_as_if_all_were_open() {
    // Out of order, overlapping, the same times, an empty one between, and one whose own times go back.
    let files = [
        pcap(&[(50, &[]), (60, &[])]),
        pcap(&[(10, &[]), (50, &[]), (55, &[])]),
        pcap(&[]),
        pcap(&[(30, &[]), (20, &[]), (70, &[])]),
    ];
    let (mut turns, _) = in_turn(&files, &[50, 10, 40, 20]);
    assert_eq!(order(&mut turns), order(&mut chain(&files)));
    // What is said to begin too early costs nothing but an open file.
    let (mut early, _) = in_turn(&files, &[i64::MIN / 1000; 4]);
    assert_eq!(order(&mut early), order(&mut chain(&files)));
    let (mut broken, _) = in_turn(&[b"no capture".to_vec(), files[0].clone()], &[0, 50]);
    assert_eq!(order(&mut broken), [(1, 1, 50), (1, 2, 60)]);
    assert_eq!(broken.errors().count(), 1);
}
