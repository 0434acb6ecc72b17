//! The packets of a finding or a connection, in a file of their own.
//!
//! An analysis says which connections are meant; the captures are read again for their packets. The file explains itself:
//! the verdict is its comment, the evidence that of its packets. Passwords and statements that were sent in clear are left out
//! ([`Content`]). With a [`Redactor`] it can be shown to strangers: addresses are those of the redacted report, and of what was
//! said only that stays which names nobody (`mask`).

mod mask;
mod packet;
mod selection;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::analysis::Analysis;
use crate::capture::{Packet, PcapngWriter, Source};
use crate::decode::{Decoded, decode};
use crate::report::{Redactor, one_line};

pub use selection::{NotThere, Pick, Selection};

use mask::Hidden;
use packet::{Cards, Shown};
use streams::Streams;

/// Packets between two looks at whether the source is at its end.
const STEP: usize = 1 << 16;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Packets.
    pub packets: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Packets with a comment on what they are evidence of.
    pub evidence: u64,
}

/// What of the packets is written.
#[derive(Debug)]
pub enum Content<'a> {
    /// All of it, passwords and statements that were sent in clear, too.
    Everything,
    /// All but secrets: the passwords, tokens and tickets of logins in clear, what was asked once they were through, the
    /// answers, and what cannot be told from them. Their bytes are zero.
    WithoutSecrets,
    /// What names nobody. The redactor must have redacted the analysis (or a copy of it) before, so that names and addresses
    /// are the same.
    Redacted(&'a mut Redactor),
}

/// Why nothing was written, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A capture cannot be read again.
    #[error(transparent)]
    Capture(#[from] crate::capture::Error),
    /// The file cannot be written.
    #[error("{0}")]
    Output(#[from] io::Error),
    /// The captures have none of the packets any more: they changed since they were analysed.
    #[error("none of the packets is there any more: the captures changed while they were read")]
    Changed,
}

/// Writes what belongs to a selection to a pcapng file, with times, lengths, link types and interfaces as they were captured.
///
/// `open` opens the captures that `analysis` is of, each time anew, in the same order: they are read once to find what the
/// evidence quotes, once more to join what was said, so that what is hidden can be found, and once for the packets.
///
/// # Errors
/// When a capture cannot be read again, or `out` fails; then what was written is of no use.
pub fn extract(
    analysis: &Analysis,
    mut selection: Selection,
    open: &mut dyn FnMut() -> Box<dyn Source>,
    mut content: Content<'_>,
    out: impl Write,
) -> Result<Written, Error> {
    each(open().as_mut(), &mut |packet| {
        selection.look(packet);
        Ok(())
    })?;
    let mut streams = match content {
        Content::Everything => Streams::default(),
        Content::WithoutSecrets => streams(&selection, open().as_mut(), Hidden::Secrets)?,
        Content::Redacted(_) => streams(&selection, open().as_mut(), Hidden::Names)?,
    };
    let mut verdict = content.told(selection.verdict());
    if matches!(content, Content::Redacted(_)) {
        verdict.push_str(
            "\nRedacted: addresses and names are replaced, and what may hold names is blank or cut.",
        );
    }
    let mut file = File {
        writer: PcapngWriter::new(out, Some(&verdict))?,
        interfaces: BTreeMap::new(),
        written: Written::default(),
    };
    let mut cards = Cards::default();
    each(open().as_mut(), &mut |packet| {
        if !selection.has(packet) {
            return Ok(());
        }
        let mut comments: Vec<String> =
            selection.comments(packet).iter().map(|text| content.told(text)).collect();
        file.written.evidence += u64::from(!comments.is_empty());
        let name = interface_name(analysis, packet, &content);
        match &mut content {
            Content::Redacted(redactor) => {
                let Some(shown) = packet::shown(packet, &mut streams, redactor, &mut cards) else {
                    return Ok(());
                };
                comments.extend(what_is_missing("redacted", shown.blank, shown.cut));
                let Shown { bytes, link, original_len, .. } = &shown;
                let packet = Packet { bytes, link: *link, original_len: *original_len, ..*packet };
                file.packet(&packet, &name, &comments)
            }
            Content::WithoutSecrets => match packet::without_secrets(packet, &mut streams) {
                Some((bytes, blank)) => {
                    comments.extend(what_is_missing("secrets left out", blank, 0));
                    file.packet(&Packet { bytes: &bytes, ..*packet }, &name, &comments)
                }
                None => file.packet(packet, &name, &comments),
            },
            Content::Everything => file.packet(packet, &name, &comments),
        }
    })?;
    if file.written.packets == 0 {
        return Err(Error::Changed);
    }
    let end = analysis.captures.iter().filter_map(|capture| capture.last).max();
    Ok(file.finish(end.map(|end| end.0))?)
}

impl Content<'_> {
    /// A text about the packets.
    fn told(&self, text: &str) -> String {
        match self {
            Self::Redacted(redactor) => redactor.text(text),
            _ => text.to_owned(),
        }
    }
}

/// What was said on the connections of a selection, and what of it is hidden.
fn streams(selection: &Selection, source: &mut dyn Source, hidden: Hidden) -> Result<Streams, Error> {
    let mut streams = Streams::default();
    each(source, &mut |packet| {
        if selection.has(packet)
            && let Decoded::Tcp(segment) = decode(packet)
        {
            streams.collect(&segment);
        }
        Ok(())
    })?;
    streams.read(hidden);
    Ok(streams)
}

/// What was taken out of a packet.
fn what_is_missing(why: &str, blank: usize, cut: usize) -> Option<String> {
    let bytes = |count: usize| format!("{count} {}", if count == 1 { "byte" } else { "bytes" });
    let what = match (blank, cut) {
        (0, 0) => return None,
        (blank, 0) => format!("{} blank", bytes(blank)),
        (0, cut) => format!("{} cut", bytes(cut)),
        (blank, cut) => format!("{} blank and {cut} cut", bytes(blank)),
    };
    Some(format!("tdscope: {why}, {what}"))
}

/// What an interface is called: the capture it was in, and its number there when it is not the first.
fn interface_name(analysis: &Analysis, packet: &Packet<'_>, content: &Content<'_>) -> String {
    let path = analysis.captures.get(packet.file as usize).map_or("", |capture| capture.path.as_str());
    let path = content.told(path);
    let name = one_line(path.rsplit(['/', '\\']).next().unwrap_or_default());
    match packet.interface {
        0 => name,
        number => format!("{name} interface {number}"),
    }
}

/// Shows every packet of a source.
fn each(source: &mut dyn Source, take: &mut dyn FnMut(&Packet<'_>) -> io::Result<()>) -> Result<(), Error> {
    let mut failed = None;
    loop {
        let more = source.run(STEP, &mut |shown, _| {
            if failed.is_none() {
                failed = shown.iter().try_for_each(|shown| take(&shown.packet)).err();
            }
        })?;
        if let Some(error) = failed.take() {
            return Err(error.into());
        }
        if !more {
            return Ok(());
        }
    }
}

/// The file as it grows.
struct File<W: Write> {
    writer: PcapngWriter<W>,
    /// Of each file and interface the number here: they are described when their first packet comes.
    interfaces: BTreeMap<(u32, u32, u32), u32>,
    written: Written,
}

impl<W: Write> File<W> {
    fn packet(&mut self, packet: &Packet<'_>, name: &str, comments: &[String]) -> io::Result<()> {
        let key = (packet.file, packet.interface, packet.link.0);
        let interface = match self.interfaces.get(&key) {
            Some(interface) => *interface,
            None => {
                let interface = self.writer.interface(packet.link, 0, name)?;
                self.interfaces.insert(key, interface);
                interface
            }
        };
        self.written.packets += 1;
        self.writer.packet(&Packet { interface, ..*packet }, comments)
    }

    /// Ends the file. The wire was watched until `end`: of a connection that stalled that is the evidence.
    fn finish(mut self, end: Option<i64>) -> io::Result<Written> {
        if let Some(end) = end {
            for interface in self.interfaces.values() {
                self.writer.statistics(*interface, end, None, None)?;
            }
        }
        self.written.bytes = self.writer.written();
        self.writer.finish()?;
        Ok(self.written)
    }
}
