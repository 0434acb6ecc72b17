//! What is said of a capture.

use super::quantity::{count, grouped};
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

/// What is not as in a perfect capture, and how often: `3 packets cut by the snap length`.
pub(in crate::report) fn flaws(capture: &CaptureFacts) -> Vec<String> {
    let quality = &capture.quality;
    let counts = [
        (quality.dropped.unwrap_or_default(), "dropped by the machine that captured"),
        (quality.unknown_link, "of a link type that is not read"),
        (quality.truncated, "cut before their ports"),
        (quality.snapped, "cut by the snap length"),
        (quality.duplicates, "recorded more than once"),
        (quality.offloaded, "sent by offloading, larger than the network carries"),
    ];
    let packets = counts.iter().filter(|(number, _)| *number > 0);
    let mut flaws: Vec<String> =
        packets.map(|(number, what)| format!("{} {what}", count(*number, "packet"))).collect();
    for (number, what) in [
        (quality.midstream, "begun before the capture"),
        (quality.one_sided, "of which one direction was recorded"),
        (quality.gapped, "with bytes missing"),
    ] {
        if number > 0 {
            flaws.push(format!("{} {what}", count(number, "connection")));
        }
    }
    if quality.fragments > 0 {
        flaws.push(format!("{} IP fragments", grouped(quality.fragments)));
    }
    flaws
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
