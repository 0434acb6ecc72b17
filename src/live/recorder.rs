//! The flight recorder: the packets that prove a finding, in a file of their own.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use super::new_file;
use super::ring::Ring;
use super::survey::Survey;
use crate::capture::{LinkType, Packet, PcapngWriter, plain_text};
use crate::decode::Flow;
use crate::facts::{At, ConnectionFacts, Time};
use crate::report::one_line;
use crate::rules::{Confidence, Finding};

/// Nanoseconds of a minute.
const MINUTE: u64 = 60_000_000_000;

/// Where files go, and how much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderSettings {
    /// Where files are written; it must exist.
    pub folder: PathBuf,
    /// Bytes of memory for packets, what is noted of each (48 bytes) included. They are taken once.
    pub before: usize,
    /// Files written, at most.
    pub max_files: u64,
    /// Bytes of all files together, at most.
    pub max_bytes: u64,
    /// Findings a minute, of the capture's time, for which a file is written or tried, at most.
    pub per_minute: u32,
}

impl RecorderSettings {
    /// 64 MiB: at 1,000 logins a second, each of some 40 packets and 10 kB, what came in the last five seconds; on a server
    /// with a login a second, more than an hour.
    pub const BEFORE: usize = 64 << 20;
    /// More files than anyone reads.
    pub const MAX_FILES: u64 = 1000;
    /// 1 GiB: 1,000 files of 1 MiB, where most have 10 kB.
    pub const MAX_BYTES: u64 = 1 << 30;
    /// A server where every login fails must not fill the limits in a moment: one a second tells as much.
    pub const PER_MINUTE: u32 = 60;

    /// The usual settings, with files in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            before: Self::BEFORE,
            max_files: Self::MAX_FILES,
            max_bytes: Self::MAX_BYTES,
            per_minute: Self::PER_MINUTE,
        }
    }
}

/// An interface whose packets are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedInterface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// How its packets begin.
    pub link: LinkType,
    /// The most bytes of a packet that it records; 0 for no limit.
    pub snaplen: u32,
}

/// Keeps the latest packets in memory, and writes those that prove a finding to a pcapng file that explains itself: the
/// verdict is the comment of the file, the evidence that of its packets.
#[derive(Debug)]
pub struct Recorder {
    settings: RecorderSettings,
    interfaces: Vec<RecordedInterface>,
    ring: Ring,
    counts: Counts,
    /// Number of the last file name.
    number: u64,
    /// When the minute began that the rate is counted in, and how many findings there were in it.
    minute: Time,
    in_minute: u32,
}

/// What became of a finding's packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// They are in a file.
    Written {
        /// Where.
        path: PathBuf,
        /// How many.
        packets: u64,
        /// Bytes of the file.
        bytes: u64,
        /// Every packet of the connection, and every one that the evidence names, was still in memory.
        whole: bool,
    },
    /// They were not written, to keep to a limit.
    Limited(Limit),
    /// They could not be written, and no file is left behind; where and why, in one sentence without a full stop.
    Failed(String),
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`RecorderSettings::max_files`].
    Files,
    /// [`RecorderSettings::max_bytes`].
    Bytes,
    /// [`RecorderSettings::per_minute`].
    Rate,
}

/// What a recorder did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Files written.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Findings without a file because of a limit.
    pub limited: u64,
    /// Findings whose file could not be written.
    pub failed: u64,
    /// Packets that could not be kept: larger than all the memory there is, or of an interface that was not named.
    pub unkept: u64,
}

impl Recorder {
    /// A recorder for these interfaces. It writes nothing until it is told of a finding.
    #[must_use]
    pub fn new(settings: RecorderSettings, mut interfaces: Vec<RecordedInterface>) -> Self {
        for interface in &mut interfaces {
            interface.name = one_line(&interface.name);
        }
        let ring = Ring::new(settings.before);
        let counts = Counts::default();
        Self { settings, interfaces, ring, counts, number: 0, minute: Time(0), in_minute: 0 }
    }

    /// Keeps a packet of the interface `packet.file`, and lets go of the oldest in its place. `flow` is that between its two
    /// ends, and for an ICMP error that of the packet it quotes. No more than `most` bytes are kept of it: a small number
    /// where only headers are of use, as in what is encrypted after a login.
    pub fn keep(&mut self, flow: Flow, packet: &Packet<'_>, most: usize) {
        let interface = self.interfaces.get(packet.file as usize);
        let known = interface.is_some_and(|interface| interface.link == packet.link);
        if !known || !self.ring.push(flow, packet, most) {
            self.counts.unkept += 1;
        }
    }

    /// Writes the kept packets of a connection since its first, ICMP errors that quote it among them, and those of the
    /// connections that the finding's evidence quotes (30 s before and after the quoted frame; 8 connections at most), in
    /// the order they were kept. `now` is the capture's time; the file is called after it.
    pub fn write(&mut self, finding: &Finding, connection: &ConnectionFacts, now: Time) -> Outcome {
        let outcome = match self.reached(now) {
            Some(limit) => Outcome::Limited(limit),
            None => self.record(finding, connection, now).unwrap_or_else(|error| {
                Outcome::Failed(format!("{}: {}", self.settings.folder.display(), plain_text(&error)))
            }),
        };
        match &outcome {
            Outcome::Written { bytes, .. } => {
                self.counts.files += 1;
                self.counts.bytes += bytes;
            }
            Outcome::Limited(_) => self.counts.limited += 1,
            Outcome::Failed(_) => self.counts.failed += 1,
        }
        outcome
    }

    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The limit that forbids one more file; if none does, it is counted.
    fn reached(&mut self, now: Time) -> Option<Limit> {
        if self.counts.files >= self.settings.max_files {
            return Some(Limit::Files);
        }
        // A clock that is set back begins a minute too; packets out of order do not.
        if now.since(self.minute).unsigned_abs() >= MINUTE {
            (self.minute, self.in_minute) = (now, 0);
        }
        if self.in_minute >= self.settings.per_minute {
            return Some(Limit::Rate);
        }
        self.in_minute += 1;
        None
    }

    fn record(&mut self, finding: &Finding, connection: &ConnectionFacts, now: Time) -> io::Result<Outcome> {
        let survey = Survey::new(&self.ring, finding, connection);
        let verdict = self.verdict(finding, connection, &survey);
        // Once into nothing, to know how long it gets.
        let (_, size) = self.fill(io::sink(), &survey, &verdict, now)?;
        if size > self.settings.max_bytes.saturating_sub(self.counts.bytes) {
            return Ok(Outcome::Limited(Limit::Bytes));
        }
        let mut number = self.number;
        let mut names = || {
            number += 1;
            file_name(now, number, finding.slug)
        };
        let written =
            new_file::write(&self.settings.folder, &mut names, |out| self.fill(out, &survey, &verdict, now));
        self.number = number;
        let (path, (packets, bytes)) = written?;
        Ok(Outcome::Written { path, packets, bytes, whole: survey.is_whole() })
    }

    /// Writes the file; how many packets and bytes it has.
    fn fill(&self, out: impl Write, survey: &Survey, verdict: &str, now: Time) -> io::Result<(u64, u64)> {
        let mut writer = PcapngWriter::new(out, Some(verdict))?;
        for interface in &self.interfaces {
            writer.interface(interface.link, interface.snaplen, &interface.name)?;
        }
        let mut packets = 0;
        survey.show(&self.ring, &mut |packet, comments| {
            packets += 1;
            writer.packet(packet, comments)
        })?;
        // The wire was silent until now: of a connection that stalled that is the evidence.
        for interface in (0..).take(self.interfaces.len()) {
            writer.statistics(interface, now.0, None, None)?;
        }
        let bytes = writer.written();
        writer.finish()?;
        Ok((packets, bytes))
    }

    /// What is to be said of the whole file.
    fn verdict(&self, finding: &Finding, connection: &ConnectionFacts, survey: &Survey) -> String {
        let confidence = match finding.confidence {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        };
        let mut text = format!(
            "{} {} ({confidence}): {}\n{}\nConnection: {} to {}, first packet at {}.",
            finding.code,
            finding.slug,
            finding.title,
            one_line(&finding.detail),
            connection.client,
            connection.server,
            connection.first.time,
        );
        let (missing, all) = survey.missing();
        if missing > 0 {
            let which = if survey.has_first() { "" } else { ", the first among them," };
            let _ = write!(
                text,
                "\nOf {all} packets of this connection, {missing}{which} were no longer in memory and are not here."
            );
        }
        for line in survey.unproven() {
            let _ = write!(text, "\nNo longer in memory: {} ({})", self.frame(line.at), line.text);
        }
        text
    }

    /// A frame of the watch, in words; its number is not that in the file.
    fn frame(&self, at: At) -> String {
        match self.interfaces.get(at.file() as usize) {
            Some(interface) if self.interfaces.len() > 1 => {
                format!("frame {} of {}", at.frame(), interface.name)
            }
            _ => format!("frame {}", at.frame()),
        }
    }
}

/// Time, number and rule: nothing that came off the wire.
fn file_name(now: Time, number: u64, slug: &str) -> String {
    format!("{}-{number:06}-{slug}.pcapng", now.timestamp().strftime("%Y%m%dT%H%M%S.%3fZ"))
}
