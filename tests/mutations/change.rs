//! What is changed: bytes of a file that may be anything, or packets in a file that stays whole, so that what reads TCP, TLS
//! and TDS is reached.

use tdscope::capture::LinkType;

use crate::random::Random;
use crate::stock::{Capture, Record, written};
use crate::wrap::WRAPS;

/// Large files are changed rarely: what can be wrong with them can be wrong with small ones.
const SMALL: usize = 32 << 10;
/// Link types that are read, and one that is not.
const LINKS: [u32; 19] =
    [0, 1, 9, 12, 14, 50, 101, 104, 105, 107, 108, 113, 127, 147, 228, 229, 239, 258, 276];
/// Kinds of records and messages of TLS and TDS, tokens of TDS, flags of TCP.
const KINDS: [u8; 24] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x07, 0x0B, 0x0C, 0x0E, 0x10, 0x11, 0x12, 0x14, 0x15, 0x16, 0x17, 0x53,
    0x79, 0x81, 0xAA, 0xAD, 0xE3, 0xFD, 0xFF,
];
/// Text that means something to a terminal, a page, a table, or JSON.
const TEXTS: [&str; 8] = [
    "\u{1b}[31m",
    "\u{202e}\u{2066}",
    "<script>",
    "=1+1\r\n",
    "`|`\n# x",
    "\"\\\u{0}",
    "\u{feff}\u{200b}\u{e0041}",
    "\u{9b}31m\u{7f}",
];

/// Bytes that are to be read as a capture; the same for the same seed.
pub(crate) fn mutated(random: &mut Random, stock: &[Capture]) -> Vec<u8> {
    if random.one_in(5) {
        return of_file(random, stock);
    }
    let mut records = of_packets(random, stock);
    // Wrapping and cutting into fragments needs packets that are whole.
    match random.below(10) {
        0 => wrap(random, &mut records),
        1 => records = records.iter().flat_map(|record| fragments(random, record)).collect(),
        _ => {}
    }
    let changes = 1 + random.near(24);
    (0..changes).for_each(|_| change_records(random, &mut records, stock));
    let mut file = written(random, &records);
    if random.one_in(16) {
        change(random, &mut file);
    }
    file
}

fn small<'a>(random: &mut Random, stock: &'a [Capture]) -> &'a Capture {
    loop {
        let capture = random.pick(stock);
        if capture.file.len() <= SMALL || random.one_in(40) {
            return capture;
        }
    }
}

/// A file as it is, or in another format, with bytes changed anywhere.
fn of_file(random: &mut Random, stock: &[Capture]) -> Vec<u8> {
    let capture = small(random, stock);
    let mut file = match random.below(3) {
        0 => capture.file.clone(),
        _ => written(random, &capture.records),
    };
    if random.one_in(8) {
        let other = &small(random, stock).file;
        let (here, there) = (random.below(file.len()), random.below(other.len()));
        file.truncate(here);
        file.extend(&other[there..]);
    }
    (0..=random.near(32)).for_each(|_| change(random, &mut file));
    file
}

/// Packets of one capture or of several.
fn of_packets(random: &mut Random, stock: &[Capture]) -> Vec<Record> {
    let mut records = small(random, stock).records.clone();
    if random.one_in(8) {
        records.extend(small(random, stock).records.iter().cloned());
        if random.one_in(2) {
            records.sort_by_key(|record| record.time);
        }
    }
    records
}

fn wrap(random: &mut Random, records: &mut [Record]) {
    let wrap = random.pick(WRAPS);
    let whole = |record: &Record| record.link == LinkType::ETHERNET && record.bytes.len() >= 34;
    for (index, record) in records.iter_mut().enumerate().filter(|(_, record)| whole(record)) {
        if let Some(bytes) = (wrap.of)(&record.bytes, index) {
            record.original = record.original.max(bytes.len() as u32);
            record.bytes = bytes;
        }
    }
}

/// A packet in fragments of a few sizes, when it is plain IPv4.
fn fragments(random: &mut Random, record: &Record) -> Vec<Record> {
    let whole = record.link == LinkType::ETHERNET
        && record.bytes.len() > 54
        && record.bytes[12..15] == [8, 0, 0x45]
        && random.one_in(2);
    if !whole {
        return vec![record.clone()];
    }
    let (head, payload) = record.bytes.split_at(34);
    let size = 8 * (1 + random.below(40));
    let count = payload.len().div_ceil(size);
    let of = |(index, part): (usize, &[u8])| {
        let mut bytes = [head, part].concat();
        bytes[16..18].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        let more = if index + 1 < count { 0x2000 } else { 0 };
        bytes[20..22].copy_from_slice(&(more | (index * size / 8) as u16).to_be_bytes());
        Record { original: bytes.len() as u32, bytes, ..record.clone() }
    };
    payload.chunks(size).enumerate().map(of).collect()
}

/// Changes packets, or what is said of them, or which there are.
fn change_records(random: &mut Random, records: &mut Vec<Record>, stock: &[Capture]) {
    if records.is_empty() {
        return;
    }
    let at = random.below(records.len());
    match random.below(24) {
        0 => _ = records.remove(at),
        1 => records.insert(at, records[at].clone()),
        2 => {
            let other = random.below(records.len());
            records.swap(at, other);
        }
        3 => {
            let range = random.range(records.len());
            records.drain(range);
        }
        4 => {
            let other = small(random, stock);
            if !other.records.is_empty() {
                records.insert(at, random.pick(&other.records).clone());
            }
        }
        5 => records[at].original = *random.pick(&[0, 1, 60, 1514, 65_535, 1 << 24, u32::MAX]),
        6 => {
            let apart = *random.pick(&[1, 1_000, 1_000_000_000, 61_000_000_000, 1 << 50, 1 << 62]);
            let apart = if random.one_in(2) { apart } else { -apart };
            let to = if random.one_in(2) { at + 1 } else { records.len() };
            for record in &mut records[at..to] {
                record.time = record.time.saturating_add(apart);
            }
        }
        7 => {
            let link = LinkType(*random.pick(&LINKS));
            let to = if random.one_in(2) { at + 1 } else { records.len() };
            records[if to == at + 1 { at } else { 0 }..to].iter_mut().for_each(|record| record.link = link);
        }
        8 => {
            let length = random.below(records[at].bytes.len() + 1);
            records[at].bytes.truncate(length);
        }
        9 => {
            // Every packet, as a snap length does.
            let length = 40 + random.below(200);
            records.iter_mut().for_each(|record| record.bytes.truncate(length));
        }
        _ => change_packet(random, &mut records[at]),
    }
}

/// Changes the bytes of a packet, most often behind its headers.
fn change_packet(random: &mut Random, record: &mut Record) {
    let begin = if random.one_in(4) { 0 } else { payload(record).unwrap_or(0) };
    let (head, body) = record.bytes.split_at(begin.min(record.bytes.len()));
    let mut body = body.to_vec();
    let before = body.len();
    change(random, &mut body);
    let mut bytes = [head, &body].concat();
    // A packet that grew says so, most of the time: what was put in is looked at then.
    if begin > 0 && body.len() != before && bytes.len() >= 20 && !random.one_in(4) {
        let told = bytes.len().saturating_sub(14).min(0xFFFF) as u16;
        match bytes[14] >> 4 {
            4 => bytes[16..18].copy_from_slice(&told.to_be_bytes()),
            _ => bytes[18..20].copy_from_slice(&told.saturating_sub(40).to_be_bytes()),
        }
        record.original = bytes.len() as u32;
    }
    record.bytes = bytes;
}

/// Where in a plain Ethernet frame the bytes that TCP carries begin.
fn payload(record: &Record) -> Option<usize> {
    let bytes = &record.bytes;
    let tcp = match bytes.get(12..15)? {
        [0x08, 0x00, first] => 14 + usize::from(first & 0x0F) * 4,
        [0x86, 0xDD, _] => 54,
        _ => return None,
    };
    let begin = tcp + usize::from(bytes.get(tcp + 12)? >> 4) * 4;
    (record.link == LinkType::ETHERNET && begin < bytes.len()).then_some(begin)
}

/// Changes bytes.
fn change(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.extend(random.next().to_le_bytes());
        return;
    }
    let at = random.near(bytes.len());
    match random.below(14) {
        0 | 1 => bytes[at] = random.next() as u8,
        2 | 3 => bytes[at] ^= 1 << random.below(8),
        4 => bytes[at] = *random.pick(&KINDS),
        5..8 => change_number(random, &mut bytes[at..]),
        8 => {
            let range = random.range(bytes.len());
            bytes.drain(range);
        }
        9 => {
            let range = random.range(bytes.len());
            let again = bytes[range].to_vec();
            bytes.splice(at..at, again);
        }
        10 => {
            let length = random.below(bytes.len());
            bytes.truncate(length);
        }
        11 => {
            let range = random.range(bytes.len());
            let fill = *random.pick(&[0, 0xFF, b'A']);
            bytes[range].fill(fill);
        }
        12 => {
            // Over what is there, or in between; as UTF-16 where a LOGIN7 or a token has text.
            let text = *random.pick(&TEXTS);
            let text: Vec<u8> = if random.one_in(2) {
                text.encode_utf16().flat_map(u16::to_le_bytes).collect()
            } else {
                text.as_bytes().to_vec()
            };
            let end = if random.one_in(2) { at } else { (at + text.len()).min(bytes.len()) };
            bytes.splice(at..end, text);
        }
        _ => {
            let range = random.range(bytes.len());
            bytes[range].iter_mut().for_each(|byte| *byte = random.next() as u8);
        }
    }
}

/// Changes the number that bytes begin with: of two, three, four or eight bytes, in either order.
fn change_number(random: &mut Random, bytes: &mut [u8]) {
    let width = (*random.pick(&[2, 2, 3, 4, 4, 8])).min(bytes.len());
    let bytes = &mut bytes[..width];
    let big = random.one_in(2);
    if !big {
        bytes.reverse();
    }
    let old = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let new = match random.below(8) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => u64::MAX >> (65 - 8 * width),
        4 => old.wrapping_add(1),
        5 => old.wrapping_sub(1),
        6 => old.wrapping_mul(2),
        _ => old.wrapping_add(random.near(4096) as u64),
    };
    bytes.copy_from_slice(&new.to_be_bytes()[8 - width..]);
    if !big {
        bytes.reverse();
    }
}
