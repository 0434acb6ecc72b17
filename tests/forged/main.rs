//! Packets that somebody else sends in the name of a client or a server: what they plant is never certain, and what they hide is told.
//!
//! The attacker injects single packets, from beside the path with numbers that are guessed, or from the path with those that are due; he
//! does not hold back what the two ends say themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../build/file.rs"]
#[allow(dead_code, reason = "shared with tests/build")]
mod file;
mod lookups;
mod message;
mod opening;
mod scene;
mod sweep;
#[path = "../build/talk.rs"]
#[allow(dead_code, reason = "shared with tests/build")]
mod talk;
mod teaching;
#[path = "../build/wire.rs"]
#[allow(dead_code, reason = "shared with tests/build")]
mod wire;

use std::io::Cursor;

use tdscope::analysis::{Analysis, Analyzer, Settings};
use tdscope::capture::{LinkType, open_reader};
use tdscope::rules::{Confidence, Severity};

use file::{Frame, Order, pcap};

/// What an analysis of these frames says.
fn analyze(frames: &[Frame]) -> Analysis {
    let bytes = pcap(Order::Little, LinkType::ETHERNET, frames);
    let mut source = open_reader(Box::new(Cursor::new(bytes)), "forged.pcap".to_owned(), 0).unwrap();
    let settings = Settings { all_connections: true, threads: 1, ..Settings::default() };
    Analyzer::new(settings).run(source.as_mut(), &mut |_| {})
}

/// Slugs of the findings that say what made connections fail, and how sure each is.
fn errors(analysis: &Analysis) -> Vec<(&'static str, Confidence)> {
    let errors = analysis.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| (finding.slug, finding.confidence)).collect()
}
