//! Packet records out of a capture, and back into one.

use std::net::SocketAddr;
use std::path::Path;

use tdscope::capture::{Chain, Input, LinkType, Packet, open, open_reader};
use tdscope::decode::{Decoded, decode};

/// A packet record that stands alone.
#[derive(Clone, PartialEq)]
pub(crate) struct Record {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) link: LinkType,
    pub(crate) original_len: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Records of one flow keep their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flow {
    /// The two ends of a connection, or of an exchange of datagrams.
    Between(SocketAddr, SocketAddr),
    /// Nothing that is read: its place does not matter.
    Other,
}

/// The records of a capture.
pub(crate) fn read(path: &Path) -> Vec<Record> {
    let mut source = open(&Input::Path(path.to_owned()), 0).unwrap();
    let mut records = Vec::new();
    while source.advance().unwrap() {
        let packet = source.packet().unwrap();
        records.push(Record {
            time: packet.time,
            link: packet.link,
            original_len: packet.original_len,
            bytes: packet.bytes.to_vec(),
        });
    }
    records
}

/// The captures, one a list of records, as one chain.
pub(crate) fn chain(files: &[Vec<Record>]) -> Chain {
    let opened = (0_u32..)
        .zip(files)
        .map(|(file, records)| {
            let name = format!("{file}.pcap");
            (name.clone(), open_reader(Box::new(std::io::Cursor::new(pcap(records))), name, file))
        })
        .collect();
    Chain::new(opened)
}

/// A nanosecond pcap file.
fn pcap(records: &[Record]) -> Vec<u8> {
    let link = records.first().map_or(LinkType::ETHERNET, |record| record.link);
    assert!(records.iter().all(|record| record.link == link), "pcap has one link type");
    let mut file = Vec::new();
    file.extend(0xA1B2_3C4D_u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.0.to_le_bytes());
    for record in records {
        let seconds = u32::try_from(record.time.div_euclid(1_000_000_000)).unwrap();
        let nanoseconds = u32::try_from(record.time.rem_euclid(1_000_000_000)).unwrap();
        let recorded = u32::try_from(record.bytes.len()).unwrap();
        for word in [seconds, nanoseconds, recorded, record.original_len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&record.bytes);
    }
    file
}

impl Record {
    /// A record of nothing that is read, at `time`: the capture went on until then.
    pub(crate) fn foreign(time: i64, link: LinkType) -> Self {
        Self { time, link, original_len: 64, bytes: vec![0xFF; 64] }
    }

    /// The flow that it belongs to; an ICMP error belongs to what it quotes.
    pub(crate) fn flow(&self) -> Flow {
        let packet = Packet {
            time: self.time,
            file: 0,
            frame: 1,
            link: self.link,
            interface: 0,
            original_len: self.original_len,
            bytes: &self.bytes,
        };
        let (a, b) = match decode(&packet) {
            Decoded::Tcp(segment) => (
                SocketAddr::new(segment.ip.src, segment.tcp.src_port),
                SocketAddr::new(segment.ip.dst, segment.tcp.dst_port),
            ),
            Decoded::Udp(datagram) => (
                SocketAddr::new(datagram.ip.src, datagram.src_port),
                SocketAddr::new(datagram.ip.dst, datagram.dst_port),
            ),
            Decoded::Icmp(icmp) => {
                (SocketAddr::new(icmp.src, icmp.src_port), SocketAddr::new(icmp.dst, icmp.dst_port))
            }
            Decoded::Other(_) => return Flow::Other,
        };
        Flow::Between(a.min(b), a.max(b))
    }
}
