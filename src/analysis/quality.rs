//! What was decoded of each file, and what is to be said of it.

use crate::capture::{Error, Summary};
use crate::decode::Undecoded;
use crate::facts::{CaptureFacts, DamageFact, QualityFacts, Time};

/// What was decoded of each file.
#[derive(Debug, Clone, Default)]
pub(super) struct Qualities(pub(super) Vec<QualityFacts>);

impl Qualities {
    pub(super) fn of(&mut self, file: u32) -> &mut QualityFacts {
        let index = file as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, QualityFacts::default());
        }
        // Just made long enough.
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut self.0[index]
    }

    pub(super) fn undecoded(&mut self, file: u32, reason: Undecoded) {
        let quality = self.of(file);
        match reason {
            Undecoded::OtherProtocol => quality.other += 1,
            Undecoded::LinkType => quality.unknown_link += 1,
            Undecoded::Truncated => quality.truncated += 1,
            Undecoded::LaterFragment => quality.fragments += 1,
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (file, theirs) in (0..).zip(&other.0) {
            let mine = self.of(file);
            mine.tcp += theirs.tcp;
            mine.udp += theirs.udp;
            mine.other += theirs.other;
            mine.unknown_link += theirs.unknown_link;
            mine.truncated += theirs.truncated;
            mine.snapped += theirs.snapped;
            mine.fragments += theirs.fragments;
            mine.offloaded += theirs.offloaded;
        }
    }
}

/// What is to be said of each file.
pub(super) fn captures(
    summaries: Vec<Summary>,
    qualities: &Qualities,
    stopped: Option<&Error>,
) -> Vec<CaptureFacts> {
    let Qualities(mut qualities) = qualities.clone();
    qualities.resize(summaries.len().max(qualities.len()), QualityFacts::default());
    let mut captures: Vec<CaptureFacts> = summaries
        .into_iter()
        .zip(&qualities)
        .map(|(summary, quality)| CaptureFacts {
            quality: QualityFacts { dropped: summary.dropped, ..*quality },
            path: summary.path,
            format: summary.format,
            packets: summary.packets,
            bytes: summary.bytes,
            first: summary.first.map(Time),
            last: summary.last.map(Time),
            damage: summary
                .damage
                .into_iter()
                .map(|damage| DamageFact { offset: damage.offset, frame: damage.frame, what: damage.what })
                .collect(),
            error: summary.error.map(|error| error.to_string()),
        })
        .collect();
    if let (Some(error), [only]) = (stopped, captures.as_mut_slice()) {
        only.error.get_or_insert_with(|| error.to_string());
    }
    captures
}
