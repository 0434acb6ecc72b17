//! The ring against a queue that forgets as it should.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::capture::{LinkType, Packet};
use crate::decode::Flow;
use crate::facts::At;
use crate::live::ring::{Entry, Ring};

/// A packet as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    flow: Flow,
    file: u32,
    frame: u64,
    time: i64,
    link: LinkType,
    original_len: u32,
    bytes: Vec<u8>,
}

impl Owned {
    /// Something different for every number.
    fn new(number: u64, length: usize) -> Self {
        let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            flow: Flow((number % 4).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            file: scattered as u32,
            frame: number,
            time: i64::try_from(number).unwrap_or_default() * 100_000_000 + i64::from(scattered as u8),
            link: LinkType(!scattered as u32),
            original_len: (scattered >> 32) as u32,
            bytes: (0..length).map(|at| (scattered >> (at % 8)) as u8 ^ at as u8).collect(),
        }
    }

    fn packet(&self) -> Packet<'_> {
        Packet {
            time: self.time,
            file: self.file,
            frame: self.frame,
            link: self.link,
            interface: 7,
            original_len: self.original_len,
            bytes: &self.bytes,
        }
    }
}

/// The plainest thing that does the same.
struct Model {
    bound: usize,
    kept: VecDeque<Owned>,
}

impl Model {
    fn new(bound: usize) -> Self {
        Self { bound, kept: VecDeque::new() }
    }

    fn push(&mut self, mut packet: Owned, most: usize) -> bool {
        packet.bytes.truncate(most);
        if Entry::SIZE + packet.bytes.len() > self.bound {
            return false;
        }
        self.kept.push_back(packet);
        while self.size() > self.bound {
            self.kept.pop_front();
        }
        true
    }

    fn size(&self) -> usize {
        self.kept.iter().map(|packet| Entry::SIZE + packet.bytes.len()).sum()
    }
}

/// What a ring holds; no more than there is room for.
fn held(ring: &Ring, bound: usize) -> Vec<Owned> {
    let mut room = vec![0xEE; 3];
    let held: Vec<Owned> = ring
        .iter()
        .map(|kept| {
            let packet = ring.packet(&kept, &mut room);
            assert_eq!(packet.interface, packet.file);
            let Packet { file, frame, time, link, original_len, bytes, .. } = packet;
            Owned { flow: kept.entry.flow, file, frame, time, link, original_len, bytes: bytes.to_vec() }
        })
        .collect();
    assert!(held.iter().map(|packet| Entry::SIZE + packet.bytes.len()).sum::<usize>() <= bound);
    held
}

proptest! {
    #[test]
    fn it_keeps_the_latest_that_fit(
        bound in 0_usize..600,
        packets in proptest::collection::vec((0_usize..260, prop_oneof![Just(usize::MAX), 0_usize..80]), 0..120)
    ) {
        let (mut ring, mut model) = (Ring::new(bound), Model::new(bound));
        for (number, (length, most)) in (1..).zip(packets) {
            let packet = Owned::new(number, length);
            let taken = ring.push(packet.flow, &packet.packet(), most);
            prop_assert_eq!(taken, model.push(packet, most));
            prop_assert_eq!(&model.kept, &held(&ring, bound));
            for flow in [0, 1, 2, 3].map(|flow| Owned::new(flow, 0).flow) {
                let of_flow = model.kept.iter().filter(|packet| packet.flow == flow);
                let frames: Vec<u64> = ring.of_flow(flow).iter().map(|kept| kept.entry.frame).collect();
                prop_assert_eq!(frames, of_flow.map(|packet| packet.frame).collect::<Vec<_>>());
            }
        }
        for packet in &model.kept {
            let found = ring.find(At::new(packet.file, packet.frame), packet.time);
            prop_assert_eq!(found.map(|kept| kept.entry.frame), Some(packet.frame));
        }
        prop_assert!(ring.find(At::new(0, 1 << 40), 0).is_none());
    }
}

#[test]
fn entries_and_packets_may_stand_across_the_end() {
    // 78 and 95 have no common factor: every way to be cut by the end comes up.
    let bound = 95;
    let (mut ring, mut model) = (Ring::new(bound), Model::new(bound));
    for number in 1..=200 {
        let packet = Owned::new(number, 30);
        assert!(ring.push(packet.flow, &packet.packet(), usize::MAX));
        assert!(model.push(packet, usize::MAX));
        assert_eq!(model.kept, held(&ring, bound));
        assert_eq!(model.kept.len(), 1);
    }
}

#[test]
fn what_is_larger_than_the_ring_drives_nothing_out() {
    let mut ring = Ring::new(108);
    let (small, fits, large) = (Owned::new(1, 10), Owned::new(2, 60), Owned::new(3, 61));
    assert!(ring.push(small.flow, &small.packet(), usize::MAX));
    assert!(!ring.push(large.flow, &large.packet(), usize::MAX));
    assert_eq!(held(&ring, 108), [small]);
    // Its beginning fits.
    assert!(ring.push(large.flow, &large.packet(), 60));
    assert_eq!(held(&ring, 108), [Owned { bytes: large.bytes[..60].to_vec(), ..large }]);
    assert!(ring.push(fits.flow, &fits.packet(), 61));
    assert_eq!(held(&ring, 108), [fits]);
}

#[test]
fn a_ring_without_room_keeps_nothing() {
    for bound in [0, 1, Entry::SIZE - 1] {
        let mut ring = Ring::new(bound);
        let empty = Owned::new(1, 0);
        assert!(!ring.push(empty.flow, &empty.packet(), usize::MAX));
        assert_eq!(ring.iter().count(), 0);
    }
    let (mut ring, empty) = (Ring::new(Entry::SIZE), Owned::new(1, 9));
    for _ in 0..3 {
        assert!(ring.push(empty.flow, &empty.packet(), 0));
        assert_eq!(held(&ring, Entry::SIZE), [Owned { bytes: vec![], ..empty.clone() }]);
    }
}
