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
mod packets;
mod seen;

use self::buffer::{BufferHeader, HEADER, Record, Records};
use self::clock::Trace;
use self::event::{Held, held};
use self::order::{Order, Part};
use self::packets::Packets;
use super::source::Origin;
use super::window::{Chunk, Window};
use super::{Error, ErrorKind, Packet, Source, Summary};
use crate::steps::step;

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
    trace: Option<Trace>,
    order: Order,
    /// Emptied list, to be filled anew.
    spare: Vec<Part>,
    /// No more buffers come.
    ended: bool,
    /// Why reading ended early.
    failed: Option<Error>,
    packets: Packets,
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
            trace: None,
            order: Order::default(),
            spare: Vec::new(),
            ended: false,
            failed: None,
            packets: Packets::default(),
            told: Told::default(),
        }
    }

    /// Reads buffers until as many wait as may, or no more come.
    fn read_on(&mut self) {
        while !self.ended {
            step(1);
            if !self.window.fill(HEADER) {
                self.end(HEADER, "buffer header");
                return;
            }
            let Some(header) = BufferHeader::read(self.window.bytes()) else {
                let what = "no trace buffer begins here; reading stops".to_owned();
                self.packets.meter.damage(self.window.offset(), what);
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
            self.packets.meter.damage(offset, what.to_owned());
        }
        if header.compressed {
            if !self.told.compressed {
                self.told.compressed = true;
                let what = "buffers from here on are compressed, which is not read: convert the trace with etl2pcapng";
                self.packets.meter.damage(offset, what.to_owned());
            }
            return;
        }
        let (chunk, start) = self.window.chunk();
        let bytes = self.window.bytes();
        let used = bytes.get(..header.used.min(bytes.len())).unwrap_or_default();
        let mut parts = std::mem::take(&mut self.spare);
        let mut records = Records::of(used);
        for record in &mut records {
            step(1);
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
                self.packets.meter.damage(offset + at as u64, what);
            }
        }
        self.order.add(chunk, start..start + used.len(), &mut parts, header.size);
        self.spare = parts;
    }

    /// The stream ended where `need` bytes were expected.
    fn end(&mut self, need: usize, what: &str) {
        self.ended = true;
        self.failed = self.packets.meter.end(&self.origin, &mut self.window, need, what).err();
    }

    /// Fills the block anew.
    fn next_block(&mut self) {
        self.packets.block.clear();
        self.read_on();
        let trace = self.trace.unwrap_or(Trace::UNKNOWN);
        while self.packets.block.has_room() {
            step(1);
            let Some((part, chunk)) = self.order.first() else { break };
            let time = trace.time(part.timestamp);
            match &part.piece {
                Some(piece) => self.packets.take(part, piece, chunk, time),
                None => self.packets.meter.packet(time, 0, 0),
            }
            if self.order.pop() {
                self.read_on();
            }
        }
        self.packets.block.seal();
    }

    /// What can be said only when all is read.
    fn conclude(&mut self) {
        let trace = self.trace.unwrap_or(Trace::UNKNOWN);
        if trace.events_lost > 0 && self.packets.meter.packets > 0 {
            self.packets.meter.dropped = Some(u64::from(trace.events_lost));
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
            self.packets.meter.damage(self.window.offset(), note);
        }
    }
}

impl Source for EtlSource {
    fn advance(&mut self) -> Result<bool, Error> {
        if self.packets.block.advance() {
            return Ok(true);
        }
        if self.packets.meter.over {
            return Ok(false);
        }
        self.next_block();
        if self.packets.block.advance() {
            return Ok(true);
        }
        self.packets.meter.over = true;
        self.conclude();
        if self.packets.meter.packets == 0 && self.failed.is_none() {
            let what = "an ETL trace without packets: it was not one of netsh trace with capture=yes, of NDIS packet capture or of pktmon";
            let error = self.origin.error(ErrorKind::NoPackets { what });
            self.failed = Some(self.packets.meter.fail(error));
        }
        self.failed.take().map_or(Ok(false), Err)
    }

    fn packet(&self) -> Option<Packet<'_>> {
        let (ready, chunk) = self.packets.block.current()?;
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
        self.packets.block.current().map(|(ready, chunk)| (chunk, ready.start))
    }

    fn summaries(&self) -> Vec<Summary> {
        vec![self.packets.meter.summary(&self.origin)]
    }
}
