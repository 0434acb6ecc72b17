//! What is said of a capture.

use super::quantity::count;
use crate::facts::{CaptureFacts, QualityFacts, TakenAt, TakenAtProof};

/// Whether it is known where it was taken.
pub(in crate::report) fn was_taken(capture: &CaptureFacts) -> bool {
    capture.quality.taken_at != TakenAt::Unknown
}

/// Where it was taken, and how well.
pub(in crate::report) fn taken(capture: &CaptureFacts) -> String {
    let mut text = format!("taken {}", taken_at(&capture.quality));
    if capture.quality.dropped == Some(0) {
        text.push_str("; nothing was dropped");
    }
    if capture.quality.duplicates > 0 {
        text.push_str(&format!("; {} recorded more than once", count(capture.quality.duplicates, "packet")));
    }
    text
}

/// `at the server (its own checksums are not filled in)`.
fn taken_at(quality: &QualityFacts) -> String {
    let side = match quality.taken_at {
        TakenAt::Client => "client",
        TakenAt::Server => "server",
        TakenAt::Between => {
            return "between client and server (the packets of both have passed a router)".to_owned();
        }
        TakenAt::Unknown => return "nobody knows where".to_owned(),
    };
    match quality.taken_at_shown_by {
        Some(TakenAtProof::Checksums) => format!("at the {side} (its own checksums are not filled in)"),
        Some(TakenAtProof::Ttl) => format!("at the {side} or next to it (its packets have passed no router)"),
        Some(TakenAtProof::Delays) => {
            format!("at the {side} or near it (only the other end takes time to answer)")
        }
        None => format!("at the {side}"),
    }
}
