//! Ways in which a capture could have come out as well.

use std::collections::{BTreeMap, VecDeque};

use tdscope::capture::LinkType;

use crate::record::{Flow, Record};

/// Connections move by less than this, in nanoseconds: what is "at about the same time" stays so.
const MOVE: u64 = 2_000_000_000;

/// A small generator (xorshift64*; Vigna 2016): the same seed, the same arrangement.
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// Nanoseconds from the first to the last record.
pub(crate) fn span(records: &[Record]) -> i64 {
    end(records) - start(records)
}

fn start(records: &[Record]) -> i64 {
    records.iter().map(|record| record.time).min().unwrap_or_default()
}

fn end(records: &[Record]) -> i64 {
    records.iter().map(|record| record.time).max().unwrap_or_default()
}

/// Every connection happens a little earlier, each by a time of its own; the capture ends when it did.
pub(crate) fn shifted(records: &[Record], seed: &mut Seed) -> Vec<Record> {
    let mut moves: BTreeMap<Flow, i64> = BTreeMap::new();
    let mut moved: Vec<Record> = records
        .iter()
        .map(|record| {
            let by = *moves.entry(record.flow()).or_insert_with(|| seed.below(MOVE).cast_signed());
            Record { time: record.time - by, ..record.clone() }
        })
        .collect();
    moved.sort_by_key(|record| record.time);
    let link = records.first().map_or(LinkType::ETHERNET, |record| record.link);
    moved.push(Record::foreign(end(records), link));
    moved
}

/// The records of the connections in another order, that of each connection kept, with their times: the file is
/// out of time order.
pub(crate) fn interleaved(records: &[Record], seed: &mut Seed) -> Vec<Record> {
    let mut flows: BTreeMap<Flow, VecDeque<Record>> = BTreeMap::new();
    for record in records {
        flows.entry(record.flow()).or_default().push_back(record.clone());
    }
    let mut queues: Vec<VecDeque<Record>> = flows.into_values().collect();
    let mut order = Vec::new();
    while !queues.is_empty() {
        let chosen = usize::try_from(seed.below(queues.len() as u64)).unwrap();
        // Several of one connection in a row are as likely as one.
        for _ in 0..=seed.below(6) {
            order.extend(queues[chosen].pop_front());
        }
        queues.retain(|queue| !queue.is_empty());
    }
    order
}

/// Interleaved in another way, and the times given out anew, so that the file is in time order.
pub(crate) fn retimed(records: &[Record], seed: &mut Seed) -> Vec<Record> {
    let mut order = interleaved(records, seed);
    let mut times: Vec<i64> = records.iter().map(|record| record.time).collect();
    times.sort_unstable();
    for (record, time) in order.iter_mut().zip(times) {
        record.time = time;
    }
    order
}

/// Two captures as one file, the second after the first, though it was recorded at the same time.
pub(crate) fn overlapping(first: &[Record], second: &[Record]) -> Vec<Record> {
    let by = start(first) - start(second);
    let mut both = first.to_vec();
    both.extend(second.iter().map(|record| Record { time: record.time + by, ..record.clone() }));
    both
}

/// The same between other hosts: 10.20.0.0/16 becomes 10.21.0.0/16, also where an ICMP error quotes it.
pub(crate) fn elsewhere(records: &[Record]) -> Vec<Record> {
    /// Ethernet header, then source and destination of IPv4 (RFC 791 3.1).
    const ADDRESSES: usize = 14 + 12;
    /// The same of the packet that an ICMP error quotes, behind two more headers (RFC 792).
    const QUOTED: usize = ADDRESSES + 20 + 8;
    records
        .iter()
        .map(|record| {
            assert_eq!(record.link, LinkType::ETHERNET);
            let mut record = record.clone();
            let is_icmp = record.bytes.get(23) == Some(&1);
            let places = if is_icmp {
                vec![ADDRESSES, ADDRESSES + 4, QUOTED, QUOTED + 4]
            } else {
                vec![ADDRESSES, ADDRESSES + 4]
            };
            for place in places {
                if let Some(two) = record.bytes.get_mut(place..place + 2).filter(|two| **two == [10, 20]) {
                    two[1] = 21;
                }
            }
            record
        })
        .collect()
}

/// Three files, as if written in turn. The records must be in time order: files are merged by time.
pub(crate) fn dealt(records: &[Record]) -> Vec<Vec<Record>> {
    let mut files = vec![Vec::new(); 3];
    for (index, record) in records.iter().enumerate() {
        files[index % 3].push(record.clone());
    }
    files
}

/// Three files, one after the other.
pub(crate) fn thirds(records: &[Record]) -> Vec<Vec<Record>> {
    records.chunks(records.len().div_ceil(3)).map(<[Record]>::to_vec).collect()
}

/// Neighbours of one connection change places, and times, in pairs that begin with its `first` packet. Datagrams stay:
/// nothing in them tells their order.
pub(crate) fn swapped(records: &[Record], first: usize) -> Vec<Record> {
    let mut places = std::collections::BTreeMap::<Flow, Vec<usize>>::new();
    for (index, record) in records.iter().enumerate() {
        if is_tcp(&record.flow()) {
            places.entry(record.flow()).or_default().push(index);
        }
    }
    let mut swapped = records.to_vec();
    for pair in places.values().flat_map(|places| places.get(first..).unwrap_or_default().chunks_exact(2)) {
        swapped[pair[0]] = Record { time: records[pair[0]].time, ..records[pair[1]].clone() };
        swapped[pair[1]] = Record { time: records[pair[1]].time, ..records[pair[0]].clone() };
    }
    swapped
}

/// Not a lookup of the SQL Browser (UDP 1434).
fn is_tcp(flow: &Flow) -> bool {
    matches!(flow, Flow::Between(a, b) if a.port() != 1434 && b.port() != 1434)
}
