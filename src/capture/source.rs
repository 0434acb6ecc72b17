//! What every capture format gives: packets, and a summary of what was read.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::window::{Chunk, Window};
use super::{Damage, Error, ErrorKind, LinkType};
use crate::steps::step;
use crate::unshown::Unshown;

/// One packet record, borrowed from its source until the next [`Source::advance`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Capture time, nanoseconds since 1970-01-01T00:00:00Z (the capture's clock, never this machine's).
    pub time: i64,
    /// Index of the file among those given, from 0.
    pub file: u32,
    /// Number of the record in its file, from 1: what Wireshark shows as "No.".
    pub frame: u64,
    /// How the bytes begin (`LINKTYPE_*`).
    pub link: LinkType,
    /// Index of the interface inside its file, from 0 (always 0 in pcap; over all sections in pcapng), or why the host
    /// dropped the packet: [`DropReason::of_interface`](super::DropReason::of_interface).
    pub interface: u32,
    /// Length on the wire, in bytes; more than `bytes.len()` when the snap length cut the packet.
    pub original_len: u32,
    /// What was recorded.
    pub bytes: &'a [u8],
}

impl std::fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("time", &self.time)
            .field("file", &self.file)
            .field("frame", &self.frame)
            .field("link", &self.link)
            .field("interface", &self.interface)
            .field("original_len", &self.original_len)
            .field("bytes", &Unshown(self.bytes))
            .finish()
    }
}

/// A stream of packet records.
///
/// Reading is split in two so that several sources can be merged by time: `advance` moves, `packet` looks.
pub trait Source {
    /// Moves to the next packet; `false` at the end. Damage that ends a file early is not an error: it
    /// ends the stream and stands in [`Source::summaries`].
    ///
    /// # Errors
    /// When the source cannot be read any further (I/O, a block that cannot be skipped).
    fn advance(&mut self) -> Result<bool, Error>;

    /// The packet moved to by the last `advance`; `None` before the first and after the last.
    fn packet(&self) -> Option<Packet<'_>>;

    /// The buffer that the packet's bytes stand in, and where in it they begin, for those who look at them after the
    /// next [`Source::advance`]; `None` when there is no packet, or its bytes have to be copied.
    fn chunk(&self) -> Option<(&Chunk, usize)> {
        None
    }

    /// Moves through the next packets, `most` at the most, and shows them to `take`; `false` at the end. Cheaper than a call
    /// of `advance` for every packet.
    ///
    /// # Errors
    /// As [`Source::advance`]; the packets before were shown.
    fn run(&mut self, most: usize, take: &mut Take<'_>) -> Result<bool, Error> {
        one_by_one(self, most, take)
    }

    /// What has been read so far, one entry a file, in argument order.
    fn summaries(&self) -> Vec<Summary>;
}

/// Runs by single steps.
pub(super) fn one_by_one<S: Source + ?Sized>(
    source: &mut S,
    most: usize,
    take: &mut Take<'_>,
) -> Result<bool, Error> {
    for _ in 0..most {
        step(1);
        if !source.advance()? {
            return Ok(false);
        }
        if let Some(packet) = source.packet() {
            let chunk = source.chunk();
            let shown = Shown { packet, start: chunk.map_or(0, |(_, start)| start) };
            take(&[shown], chunk.map(|(chunk, _)| chunk));
        }
    }
    Ok(true)
}

/// Looks at packets that follow each other, some at a time, at most [`TOGETHER`], and at the buffer that they stand in, as
/// [`Source::chunk`] gives it.
pub type Take<'t> = dyn FnMut(&[Shown<'_>], Option<&Chunk>) + 't;

/// Packets that are shown together, at most: what each of them needs can be fetched into the cache at the same time.
pub const TOGETHER: usize = 16;

/// A packet, and where in its buffer it begins, when there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The packet.
    pub packet: Packet<'a>,
    /// Offset of its bytes in the buffer.
    pub start: usize,
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The path as given; `-` for standard input.
    pub path: String,
    /// The format by its magic: `pcap`, `pcapng`, `pcap+gzip` ...
    pub format: String,
    /// Packet records read, of any kind.
    pub packets: u64,
    /// Bytes of the (compressed) file consumed.
    pub bytes: u64,
    /// Time of the earliest packet, nanoseconds since the epoch.
    pub first: Option<i64>,
    /// Time of the latest packet.
    pub last: Option<i64>,
    /// The wire was watched until then, though no packet came any more: known of what `tdscope live` recorded.
    pub until: Option<i64>,
    /// Packets whose recorded bytes are fewer than their length on the wire.
    pub snapped: u64,
    /// The most bytes that were recorded of one of those; `None` when there is none.
    pub cut_at: Option<u32>,
    /// Packets that the file says are copies of others, and that are not shown: pktmon logs a packet at every component.
    pub copies: u64,
    /// Packets the capturing machine says it dropped (pcapng interface statistics), when it says so.
    pub dropped: Option<u64>,
    /// Link types that the file's header or its interfaces name, in order of appearance.
    pub link_types: Vec<LinkType>,
    /// What was wrong with the file, and where.
    pub damage: Vec<Damage>,
    /// Why it could not be read at all, or no further.
    pub error: Option<Error>,
}

/// Which input a source reads.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) path: String,
    pub(super) file: u32,
    /// How it was packed, such as `+gzip`.
    pub(super) packed: &'static str,
    /// Bytes of the stored file read so far.
    pub(super) stored: Arc<AtomicU64>,
}

impl Origin {
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error { path: self.path.clone(), kind }
    }

    /// Why a file cannot be read at all: its stream failed, or else `what`.
    pub(super) fn unreadable(&self, window: &mut Window, what: &str) -> Error {
        let offset = window.offset();
        self.error(match window.take_failure() {
            Some(failure) => ErrorKind::io(offset, &failure),
            None => ErrorKind::Malformed { offset, what: what.to_owned() },
        })
    }
}

/// Counts what a source reads.
#[derive(Debug, Default)]
pub(super) struct Meter {
    format: &'static str,
    pub(super) packets: u64,
    /// Nothing more will come.
    pub(super) over: bool,
    /// Time of the earliest and of the latest packet, when there is one.
    times: Option<(i64, i64)>,
    snapped: u64,
    cut_at: Option<u32>,
    pub(super) copies: u64,
    /// The wire was watched until then.
    pub(super) until: Option<i64>,
    pub(super) dropped: Option<u64>,
    links: Vec<LinkType>,
    damage: Vec<Damage>,
    error: Option<Error>,
}

impl Meter {
    /// Damage notes kept of one file.
    const DAMAGE: usize = 32;

    pub(super) fn new(format: &'static str) -> Self {
        Self { format, ..Self::default() }
    }

    #[inline]
    pub(super) fn packet(&mut self, time: i64, captured: usize, original: u32) {
        self.packets += 1;
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
        if (captured as u64) < u64::from(original) {
            self.snapped += 1;
            self.cut_at = self.cut_at.max(u32::try_from(captured).ok());
        }
    }

    /// Time of the latest packet; the epoch before the first.
    pub(super) fn latest(&self) -> i64 {
        self.times.map_or(0, |(_, last)| last)
    }

    pub(super) fn link(&mut self, link: LinkType) {
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }

    pub(super) fn damage(&mut self, offset: u64, what: String) {
        if self.damage.len() < Self::DAMAGE {
            self.damage.push(Damage { offset, frame: self.packets, what });
        }
    }

    /// The stream failed: damage when a compressed file ends or breaks early, an error when it cannot be read.
    pub(super) fn failure(
        &mut self,
        origin: &Origin,
        offset: u64,
        failure: &io::Error,
    ) -> Result<bool, Error> {
        let broken = matches!(
            failure.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        );
        if broken && !origin.packed.is_empty() {
            self.damage(offset, format!("the compressed file is cut or broken here ({failure})"));
            return Ok(false);
        }
        Err(self.fail(origin.error(ErrorKind::io(offset, failure))))
    }

    /// The stream ended where `need` bytes of `what` were expected: it failed, or the file is cut, unless nothing is left.
    pub(super) fn end(
        &mut self,
        origin: &Origin,
        window: &mut Window,
        need: usize,
        what: &str,
    ) -> Result<bool, Error> {
        if let Some(failure) = window.take_failure() {
            return self.failure(origin, window.offset(), &failure);
        }
        let left = window.bytes().len();
        if left > 0 {
            let text = format!("the file is cut in a {what}: {left} of {need} bytes are there");
            self.damage(window.offset(), text);
        }
        Ok(false)
    }

    /// Reading ends with this error.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.error = Some(error.clone());
        error
    }

    pub(super) fn summary(&self, origin: &Origin) -> Summary {
        Summary {
            path: origin.path.clone(),
            format: format!("{}{}", self.format, origin.packed),
            packets: self.packets,
            bytes: origin.stored.load(Ordering::Relaxed),
            first: self.times.map(|(first, _)| first),
            last: self.times.map(|(_, last)| last),
            until: self.until,
            snapped: self.snapped,
            cut_at: self.cut_at,
            copies: self.copies,
            dropped: self.dropped,
            link_types: self.links.clone(),
            damage: self.damage.clone(),
            error: self.error.clone(),
        }
    }
}
