use super::{failing, open_bytes, pcap};
use crate::capture::{Chain, Error, ErrorKind, Source, open_reader};

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
