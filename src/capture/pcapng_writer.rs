//! Writes pcapng: one section, little-endian (draft-ietf-opsawg-pcapng).

use std::io::{self, Write};

use super::pcapng::SECTION;
use super::window::MAX_RECORD;
use super::{LinkType, Packet};

/// Block types (draft-ietf-opsawg-pcapng 4.2, 4.6, 4.3).
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// Byte-order magic, version 1.0 and a section length that is not given (draft-ietf-opsawg-pcapng 4.1).
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const MAJOR: u16 = 1;
const MINOR: u16 = 0;
const LENGTH_UNKNOWN: u64 = u64::MAX;
/// Option codes (draft-ietf-opsawg-pcapng 3.5, 4.1, 4.2, 4.6).
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
/// if_tsresol of nanoseconds: 10 to the power of -9.
const NANOSECONDS: u8 = 9;
/// Who wrote the file.
const APPLICATION: &str = concat!("tdscope ", env!("CARGO_PKG_VERSION"));
/// Type and length before the body of a block, and the length again behind it.
const FRAME: usize = 12;

/// Writes a pcapng file: its section header at once, then interfaces, packets and statistics as they are given.
///
/// Blocks are written in several pieces, so `W` had better be buffered. After an error the output ends somewhere in a
/// block: nothing more should be written to it.
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    out: W,
    /// Link types of the interfaces described so far.
    links: Vec<LinkType>,
    /// Body of the block that is made up.
    body: Vec<u8>,
    written: u64,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file, with what is to be said about all of it. A comment is cut after 65,535 bytes, the most that an option
    /// can have, at the end of a character.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn new(out: W, comment: Option<&str>) -> io::Result<Self> {
        Self::by(APPLICATION, out, comment)
    }

    /// The same, written by another application.
    pub(super) fn by(application: &str, out: W, comment: Option<&str>) -> io::Result<Self> {
        let mut writer = Self { out, links: Vec::new(), body: Vec::new(), written: 0 };
        writer.put(&BYTE_ORDER.to_le_bytes());
        writer.put(&MAJOR.to_le_bytes());
        writer.put(&MINOR.to_le_bytes());
        writer.put(&LENGTH_UNKNOWN.to_le_bytes());
        if let Some(comment) = comment {
            writer.text(COMMENT, comment);
        }
        writer.text(SHB_USERAPPL, application);
        writer.option(END_OF_OPTIONS, &[]);
        writer.block(u32::from_le_bytes(SECTION))?;
        Ok(writer)
    }

    /// Describes the next interface and gives its index, from 0, which its packets name. `snaplen` is the most bytes of a
    /// packet that it records, 0 for no limit. Times of its packets are in nanoseconds.
    ///
    /// # Errors
    /// When `out` fails, or the link type is larger than a pcapng file can say (65,535).
    pub fn interface(&mut self, link: LinkType, snaplen: u32, name: &str) -> io::Result<u32> {
        let Ok(short) = u16::try_from(link.0) else {
            return Err(refused(format!("link type {} does not fit into a pcapng file", link.0)));
        };
        let index = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        self.put(&short.to_le_bytes());
        self.put(&[0; 2]);
        self.put(&snaplen.to_le_bytes());
        self.text(IF_NAME, name);
        self.option(IF_TSRESOL, &[NANOSECONDS]);
        self.option(END_OF_OPTIONS, &[]);
        self.block(INTERFACE)?;
        self.links.push(link);
        Ok(index)
    }

    /// Writes a packet of the interface `packet.interface`, with any number of comments, each cut as that of the file is.
    /// A time before 1970, which a packet cannot have here, becomes 1970.
    ///
    /// # Errors
    /// When `out` fails, when the interface was not described or has another link type, or when packet and comments are
    /// together more than a reader takes for sane (16 MiB). But for the first, nothing is written.
    pub fn packet(&mut self, packet: &Packet<'_>, comments: &[impl AsRef<str>]) -> io::Result<()> {
        self.known(packet.interface, Some(packet.link))?;
        let Ok(captured) = u32::try_from(packet.bytes.len()) else { return Err(too_large()) };
        self.put(&packet.interface.to_le_bytes());
        self.time(packet.time);
        self.put(&captured.to_le_bytes());
        self.put(&packet.original_len.to_le_bytes());
        self.put(packet.bytes);
        self.pad();
        for comment in comments {
            self.text(COMMENT, comment.as_ref());
        }
        if !comments.is_empty() {
            self.option(END_OF_OPTIONS, &[]);
        }
        self.block(ENHANCED_PACKET)
    }

    /// Says how many packets an interface had received at a time (nanoseconds since 1970), and how many of them were lost for
    /// want of room, since the capture began; `None` for what is not known.
    ///
    /// # Errors
    /// When `out` fails, or the interface was not described.
    pub fn statistics(
        &mut self,
        interface: u32,
        time: i64,
        received: Option<u64>,
        dropped: Option<u64>,
    ) -> io::Result<()> {
        self.known(interface, None)?;
        self.put(&interface.to_le_bytes());
        self.time(time);
        for (code, count) in [(ISB_IFRECV, received), (ISB_IFDROP, dropped)] {
            if let Some(count) = count {
                self.option(code, &count.to_le_bytes());
            }
        }
        if received.or(dropped).is_some() {
            self.option(END_OF_OPTIONS, &[]);
        }
        self.block(STATISTICS)
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the file and gives back what it was written to, flushed.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    /// Whether an interface was described, and with this link type.
    fn known(&self, interface: u32, link: Option<LinkType>) -> io::Result<()> {
        match self.links.get(interface as usize) {
            None => Err(refused(format!("interface {interface} was not described"))),
            Some(known) if link.is_some_and(|link| link != *known) => {
                Err(refused(format!("interface {interface} has another link type than its packet")))
            }
            Some(_) => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }

    /// Fills up to four bytes.
    fn pad(&mut self) {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    /// A timestamp: its high half first, in either byte order (draft-ietf-opsawg-pcapng 4.3).
    fn time(&mut self, time: i64) {
        let ticks = u64::try_from(time).unwrap_or(0);
        self.put(&((ticks >> 32) as u32).to_le_bytes());
        self.put(&(ticks as u32).to_le_bytes());
    }

    /// An option whose value is text; what does not fit is left out.
    fn text(&mut self, code: u16, text: &str) {
        let mut end = text.len().min(usize::from(u16::MAX));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.option(code, text.get(..end).unwrap_or_default().as_bytes());
    }

    /// An option (draft-ietf-opsawg-pcapng 3.5): its value has 65,535 bytes at most.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.put(&code.to_le_bytes());
        self.put(&length.to_le_bytes());
        self.put(value);
        self.pad();
    }

    /// Writes the block that was made up.
    fn block(&mut self, kind: u32) -> io::Result<()> {
        let mut body = std::mem::take(&mut self.body);
        let outcome = self.framed(kind, &body);
        body.clear();
        self.body = body;
        outcome
    }

    fn framed(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let whole = body.len().saturating_add(FRAME);
        let length = u32::try_from(whole).ok().filter(|_| whole <= MAX_RECORD).ok_or_else(too_large)?;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.written += u64::from(length);
        Ok(())
    }
}

fn refused(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn too_large() -> io::Error {
    refused("a packet and its comments are more than a pcapng reader takes (16 MiB)".to_owned())
}
