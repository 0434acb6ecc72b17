//! Tests of the readers: captures are built here, byte by byte, and read from memory.

pub(crate) mod blocks;
mod chain;
mod compressed;
mod netmon;
mod open;
mod pcap;
mod pcapng;
mod pcapng_writer;
mod snoop;
mod window;
mod writers;

use std::io::{self, Read};

use super::{Error, LinkType, Source, Summary, open_reader};

/// A packet as a source gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    time: i64,
    frame: u64,
    link: LinkType,
    interface: u32,
    original_len: u32,
    bytes: Vec<u8>,
}

fn open_bytes(bytes: &[u8]) -> Result<Box<dyn Source + Send>, Error> {
    open_reader(Box::new(io::Cursor::new(bytes.to_vec())), "memory".to_owned(), 0)
}

/// Everything that a capture in memory gives.
fn read_all(bytes: &[u8]) -> (Vec<Seen>, Summary) {
    drain(open_bytes(bytes).unwrap().as_mut())
}

fn drain(source: &mut dyn Source) -> (Vec<Seen>, Summary) {
    assert!(source.packet().is_none());
    let mut seen = Vec::new();
    while let Ok(true) = source.advance() {
        let packet = source.packet().unwrap();
        seen.push(Seen {
            time: packet.time,
            frame: packet.frame,
            link: packet.link,
            interface: packet.interface,
            original_len: packet.original_len,
            bytes: packet.bytes.to_vec(),
        });
    }
    assert!(source.packet().is_none());
    assert!(!matches!(source.advance(), Ok(true)));
    (seen, source.summaries().remove(0))
}

/// The one damage of a summary: its offset and what it says.
fn damage(summary: &Summary) -> (u64, &str) {
    let [damage] = summary.damage.as_slice() else { panic!("{:?}", summary.damage) };
    (damage.offset, &damage.what)
}

/// A stream that fails after its bytes.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::from_raw_os_error(5)),
            read => Ok(read),
        }
    }
}

fn failing(bytes: &[u8]) -> Box<dyn Read + Send> {
    Box::new(Failing(io::Cursor::new(bytes.to_vec())))
}

/// pcap, little-endian, microseconds, Ethernet: packets of these times (in microseconds) and bytes.
fn pcap(packets: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = pcap::header(u32::to_le_bytes, 0xA1B2_C3D4, 65_535, 1);
    for (time, bytes) in packets {
        file.extend(pcap::record(u32::to_le_bytes, time / 1_000_000, time % 1_000_000, bytes, bytes.len()));
    }
    file
}
