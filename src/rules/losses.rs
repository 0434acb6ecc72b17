//! What packets that were dropped do to a verdict.

use super::{Case, Confidence, Verdict};

/// How sure a verdict is that would be so sure had nothing been dropped: what was dropped may have said something else.
pub(crate) fn weigh_losses(case: &Case<'_>, confidence: Confidence) -> Confidence {
    if case.dropped { confidence.min(Confidence::Likely) } else { confidence }
}

/// Says why a verdict is less sure than it might be.
pub(crate) fn tell_losses(case: &Case<'_>, mut verdict: Verdict) -> Verdict {
    if case.dropped {
        verdict.confidence = weigh_losses(case, verdict.confidence);
        if !verdict.detail.is_empty() {
            verdict.detail.push_str(" Packets were dropped at that time, before they could be read; some may be of this connection.");
        }
    }
    verdict
}
