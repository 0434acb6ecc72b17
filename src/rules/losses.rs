//! What makes a verdict less sure: packets that were dropped, and packets that somebody else sent in the name of one end.

use super::{Case, Confidence, Evidence, Verdict};
use crate::facts::EndedHow;

/// How sure a verdict is that would be so sure had nothing been dropped or forged: what was dropped may have said something else,
/// and what was forged is none of the other end's word.
pub(crate) fn weigh_losses(case: &Case<'_>, confidence: Confidence) -> Confidence {
    let doubt = case.dropped || case.connection.tcp.disputed().is_some() || has_odd_reset(case);
    if doubt { confidence.min(Confidence::Likely) } else { confidence }
}

/// Says why a verdict is less sure than it might be.
pub(crate) fn tell_losses(case: &Case<'_>, mut verdict: Verdict) -> Verdict {
    verdict.confidence = weigh_losses(case, verdict.confidence);
    if case.dropped && !verdict.detail.is_empty() {
        verdict.detail.push_str(
            " Packets were dropped at that time, before they could be read; some may be of this connection.",
        );
    }
    tell_forged(case, verdict)
}

/// The RST that ended it has a number that was not due: its receiver asks for another one (RFC 5961 3.2), and whoever guesses
/// numbers sends such.
fn has_odd_reset(case: &Case<'_>) -> bool {
    let connection = case.connection;
    let ending = connection.tcp.resets.iter().find(|reset| Some(reset.moment) == connection.ended.at);
    connection.ended.how == EndedHow::Reset
        && ending.is_some_and(|reset| !matches!(reset.seq_offset, None | Some(0)))
}

/// Shows where something is disputed.
fn tell_forged(case: &Case<'_>, mut verdict: Verdict) -> Verdict {
    let tcp = &case.connection.tcp;
    if tcp.disputed().is_none() {
        return verdict;
    }
    if !verdict.detail.is_empty() {
        verdict
            .detail
            .push_str(" Somebody else has sent packets in the name of one end: this may be their doing.");
    }
    let lines = [
        (
            tcp.overlap_conflict,
            "",
            "contradicts what was said before at this place of the stream: one of the two is forged",
        ),
        (tcp.client.foreign_data, "client", "payload with a TTL unlike the client's other packets"),
        (tcp.server.foreign_data, "server", "payload with a TTL unlike the server's other packets"),
    ];
    lines
        .into_iter()
        .fold(verdict, |verdict, (at, who, text)| verdict.evidence(at.map(|at| Evidence::new(at, who, text))))
}
