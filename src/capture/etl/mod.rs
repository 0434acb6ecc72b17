//! ETL: trace logs of Windows, with the packets that `netsh trace`, `logman` and pktmon put into them.
//!
//! A file is a sequence of buffers ([`buffer`]) with records of every provider that was enabled; some hold packets
//! ([`event`]). Each processor has buffers of its own, so events are put in the order of time ([`order`]), within a bounded
//! window and without reading the file twice. Only then fragments are joined, and packets numbered: a frame is the number
//! that a packet has in the order of time, as in what `etl2pcapng` and `pktmon etl2pcap` write.

mod block;
mod buffer;
mod clock;
mod event;
mod order;
mod seen;

use std::collections::BTreeMap;

use self::block::{Block, Ready};
use self::buffer::{BufferHeader, HEADER, Record, Records};
use self::clock::Trace;
use self::event::{Held, Piece, held};
use self::order::{Order, Part};
use self::seen::Seen;
use super::source::{Meter, Origin};
use super::window::{Chunk, Window};
use super::{DropReason, Error, ErrorKind, LinkType, Packet, Source, Summary};

/// Interfaces that are told apart.
const INTERFACES: usize = 4096;
/// Packets of which the last fragment is still to come: threads that write one at a time.
const OPEN: usize = 64;
/// Bytes of a packet in fragments, at most.
const MAX_PACKET: usize = 256 << 10;
/// Bit "protected" in the second byte of an 802.11 frame (IEEE 802.11 9.2.4.1): the frame was deciphered before it was
/// recorded, and the bit was left.
const PROTECTED: u8 = 0x40;

/// Whether a file that begins so is a trace log.
pub(super) fn is_etl(bytes: &[u8]) -> bool {
    BufferHeader::begins_file(bytes)
}

/// Bytes by which a trace log can be told.
pub(super) const MAGIC: usize = HEADER;

/// Reads ETL.
#[derive(Debug)]
pub(super) struct EtlSource {
    window: Window,
    origin: Origin,
    meter: Meter,
    trace: Option<Trace>,
    order: Order,
    /// Emptied list, to be filled anew.
    spare: Vec<Part>,
    /// No more buffers come.
    ended: bool,
    /// Why reading ended early.
    failed: Option<Error>,
    interfaces: BTreeMap<(u32, u32), u32>,
    /// Packets that are not whole, by who writes them.
    open: BTreeMap<u64, Vec<u8>>,
    seen: Seen,
    block: Block,
    told: Told,
}

/// What is told once.
#[derive(Debug, Default)]
struct Told {
    lost: bool,
    compressed: bool,
    broken: u64,
}

impl EtlSource {
    /// Begins with the first buffer.
    pub(super) fn new(window: Window, origin: Origin) -> Self {
        Self {
            window,
            origin,
            meter: Meter::new("etl"),
            trace: None,
            order: Order::default(),
            spare: Vec::new(),
            ended: false,
            failed: None,
            interfaces: BTreeMap::new(),
            open: BTreeMap::new(),
            seen: Seen::default(),
            block: Block::default(),
            told: Told::default(),
        }
    }

    /// Reads buffers until as many wait as may, or no more come.
    fn read_on(&mut self) {
        while !self.ended {
            if !self.window.fill(HEADER) {
                self.end(HEADER, "buffer header");
                return;
            }
            let Some(header) = BufferHeader::read(self.window.bytes()) else {
                let what = "no trace buffer begins here; reading stops".to_owned();
                self.meter.damage(self.window.offset(), what);
                self.ended = true;
                return;
            };
            if !self.order.has_room(header.size) {
                return;
            }
            // What is there of a buffer that was cut is read.
            let whole = self.window.fill(header.size);
            self.buffer(&header);
            self.window.consume(header.size);
            if !whole {
                self.end(header.size, "buffer");
            }
        }
    }

    fn buffer(&mut self, header: &BufferHeader) {
        let offset = self.window.offset();
        if header.lost && !self.told.lost {
            self.told.lost = true;
            let what = "events were lost from here on: the trace was written faster than it was stored";
            self.meter.damage(offset, what.to_owned());
        }
        if header.compressed {
            if !self.told.compressed {
                self.told.compressed = true;
                let what = "buffers from here on are compressed, which is not read: convert the trace with etl2pcapng";
                self.meter.damage(offset, what.to_owned());
            }
            return;
        }
        let (chunk, start) = self.window.chunk();
        let bytes = self.window.bytes();
        let used = bytes.get(..header.used.min(bytes.len())).unwrap_or_default();
        let mut parts = std::mem::take(&mut self.spare);
        let mut records = Records::of(used);
        for record in &mut records {
            match record {
                Record::Event(event) => {
                    let piece = match held(&event) {
                        Held::Piece(piece) => Some(piece),
                        Held::Unread => None,
                        Held::Nothing => continue,
                    };
                    let (timestamp, writer) = (event.timestamp, event.writer);
                    parts.push(Part { timestamp, writer, piece, at: event.at });
                }
                Record::Trace { timestamp, header } if self.trace.is_none() => {
                    self.trace = Trace::read(header, timestamp);
                }
                _ => {}
            }
        }
        if let Some(at) = records.broken {
            self.told.broken += 1;
            if self.told.broken == 1 {
                let what = "a record that cannot be one; the rest of the buffer is passed over".to_owned();
                self.meter.damage(offset + at as u64, what);
            }
        }
        self.order.add(chunk, start..start + used.len(), &mut parts, header.size);
        self.spare = parts;
    }

    /// The stream ended where `need` bytes were expected.
    fn end(&mut self, need: usize, what: &str) {
        self.ended = true;
        if let Some(failure) = self.window.take_failure() {
            self.failed = self.meter.failure(&self.origin, self.window.offset(), &failure).err();
            return;
        }
        let left = self.window.bytes().len();
        if left > 0 {
            let text = format!("the file is cut in a {what}: {left} of {need} bytes are there");
            self.meter.damage(self.window.offset(), text);
        }
    }

    /// Fills the block anew.
    fn next_block(&mut self) {
        self.block.clear();
        while self.block.has_room() {
            self.read_on();
            let Some((part, chunk)) = self.order.take() else { break };
            let time = self.trace.unwrap_or(Trace::UNKNOWN).time(part.timestamp);
            match part.piece {
                Some(ref piece) => self.take(&part, piece, &chunk, time),
                None => self.meter.packet(time, 0, 0),
            }
        }
        self.block.seal();
    }

    fn take(&mut self, part: &Part, piece: &Piece, chunk: &Chunk, time: i64) {
        let begins = part.at + piece.bytes.start;
        let bytes = chunk.get(begins..begins + piece.bytes.len()).unwrap_or_default();
        let joined;
        let whole = piece.first && piece.last;
        let middle = !piece.first && !piece.last;
        let bytes = if whole || middle && !self.open.contains_key(&part.writer) {
            bytes
        } else {
            let Some(packet) = self.join(part.writer, piece, bytes) else { return };
            joined = packet;
            &joined
        };
        let recorded = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let original = piece.original.unwrap_or_else(|| length_of(piece.link, bytes)).max(recorded);
        self.meter.packet(time, bytes.len(), original);
        self.meter.link(piece.link);
        if self.seen.again(piece) {
            self.meter.copies += 1;
            return;
        }
        let interface = match piece.dropped {
            Some(reason) => DropReason(reason).as_interface(),
            None => self.interface(piece.interface),
        };
        let (link, frame) = (piece.link, self.meter.packets);
        self.block.add(Ready { time, frame, link, interface, original, start: 0, length: 0 }, bytes);
        if link == LinkType::IEEE802_11
            && let Some(flags) = self.block.last_mut(1)
        {
            *flags &= !PROTECTED;
        }
    }

    /// A packet whose last fragment this is.
    fn join(&mut self, writer: u64, piece: &Piece, bytes: &[u8]) -> Option<Vec<u8>> {
        if piece.first {
            if self.open.len() >= OPEN {
                self.open.pop_first();
            }
            self.open.insert(writer, Vec::new());
        }
        // The beginning of what has none was lost.
        let open = self.open.get_mut(&writer)?;
        if open.len() + bytes.len() <= MAX_PACKET {
            open.extend_from_slice(bytes);
        }
        if piece.last { self.open.remove(&writer) } else { None }
    }

    fn interface(&mut self, known_as: (u32, u32)) -> u32 {
        let next = self.interfaces.len();
        if next >= INTERFACES {
            return self.interfaces.get(&known_as).copied().unwrap_or_default();
        }
        *self.interfaces.entry(known_as).or_insert(u32::try_from(next).unwrap_or_default())
    }

    /// What can be said only when all is read.
    fn conclude(&mut self) {
        let trace = self.trace.unwrap_or(Trace::UNKNOWN);
        if trace.events_lost > 0 && self.meter.packets > 0 {
            self.meter.dropped = Some(u64::from(trace.events_lost));
        }
        let mut notes = Vec::new();
        if trace.buffers_lost > 0 {
            notes.push(format!("the trace lost {} of its buffers", trace.buffers_lost));
        }
        if self.order.late > 0 {
            notes.push(format!(
                "{} packets stand too far behind to be put in the order of time",
                self.order.late
            ));
        }
        for note in notes {
            self.meter.damage(self.window.offset(), note);
        }
    }
}

impl Source for EtlSource {
    fn advance(&mut self) -> Result<bool, Error> {
        if self.block.advance() {
            return Ok(true);
        }
        if self.meter.over {
            return Ok(false);
        }
        self.next_block();
        if self.block.advance() {
            return Ok(true);
        }
        self.meter.over = true;
        self.conclude();
        if self.meter.packets == 0 && self.failed.is_none() {
            let what = "an ETL trace without packets: it was not one of netsh trace with capture=yes, of NDIS packet capture or of pktmon";
            let error = self.origin.error(ErrorKind::NoPackets { what });
            self.failed = Some(self.meter.fail(error));
        }
        self.failed.take().map_or(Ok(false), Err)
    }

    fn packet(&self) -> Option<Packet<'_>> {
        let (ready, chunk) = self.block.current()?;
        Some(Packet {
            time: ready.time,
            file: self.origin.file,
            frame: ready.frame,
            link: ready.link,
            interface: ready.interface,
            original_len: ready.original,
            bytes: chunk.get(ready.start..ready.start + ready.length)?,
        })
    }

    fn chunk(&self) -> Option<(&Chunk, usize)> {
        self.block.current().map(|(ready, chunk)| (chunk, ready.start))
    }

    fn summaries(&self) -> Vec<Summary> {
        vec![self.meter.summary(&self.origin)]
    }
}

/// The bytes that a packet had, by its IP header: the trace cuts packets without saying so.
fn length_of(link: LinkType, bytes: &[u8]) -> u32 {
    let two = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two));
    let begins = match link {
        LinkType::RAW => Some(0),
        LinkType::ETHERNET => match two(12) {
            Some(0x0800 | 0x86DD) => Some(14),
            Some(0x8100) if matches!(two(16), Some(0x0800 | 0x86DD)) => Some(18),
            _ => None,
        },
        _ => None,
    };
    let length = begins.and_then(|at| {
        let length = match bytes.get(at)? >> 4 {
            4 => usize::from(two(at + 2)?),
            6 => 40 + usize::from(two(at + 4)?),
            _ => return None,
        };
        u32::try_from(at + length).ok()
    });
    length.unwrap_or_default()
}
