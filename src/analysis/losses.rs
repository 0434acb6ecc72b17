//! When packets were dropped before they were seen: known of a wire that is watched.

use crate::facts::{ConnectionFacts, EndedHow, Time};

/// Stretches that are remembered; of more the oldest are joined.
const STRETCHES: usize = 256;
/// Stretches that lie nearer together, in nanoseconds, are one.
const NEAR: i64 = 1_000_000_000;

/// Stretches of time in which packets were dropped, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses {
    stretches: Vec<(Time, Time)>,
}

impl Losses {
    /// Packets were dropped at some time between these two; to be told in the order of time.
    pub(super) fn note(&mut self, from: Time, until: Time) {
        match self.stretches.last_mut() {
            Some(last) if from.since(last.1) <= NEAR => last.1 = last.1.max(until),
            _ => self.stretches.push((from, until)),
        }
        if self.stretches.len() > STRETCHES {
            let (_, until) = self.stretches.remove(1);
            if let Some(first) = self.stretches.first_mut() {
                first.1 = until;
            }
        }
    }

    /// Whether packets may have been dropped of this connection: while it went on, or just after, or at any time since when
    /// it did not end.
    pub(super) fn touch(&self, connection: &ConnectionFacts) -> bool {
        let first = self.stretches.partition_point(|(_, until)| *until < connection.first.time);
        let open = matches!(connection.ended.how, EndedHow::Open | EndedHow::Silence);
        let silence = connection.silence_after.max(0);
        let last = connection.last.time.0.saturating_add(if open { silence.max(NEAR) } else { NEAR });
        self.stretches.get(first).is_some_and(|(from, _)| from.0 <= last)
    }

    /// Forgets what lies before this time.
    pub(super) fn since(&self, time: Time) -> Self {
        let late = self.stretches.iter().filter(|(_, until)| *until >= time);
        Self { stretches: late.copied().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Moment;
    use crate::rules::tests::case::Connection;

    fn connection(first: i64, last: i64, how: EndedHow, silence: i64) -> ConnectionFacts {
        let mut facts = Connection::syn().facts;
        let at = |seconds: i64| Moment { time: Time(seconds * 1_000_000_000), ..Moment::default() };
        (facts.first, facts.last) = (at(first), at(last));
        facts.ended.how = how;
        facts.silence_after = silence * 1_000_000_000;
        facts
    }

    fn losses(stretches: &[(i64, i64)]) -> Losses {
        let mut losses = Losses::default();
        for (from, until) in stretches {
            losses.note(Time(from * 1_000_000_000), Time(until * 1_000_000_000));
        }
        losses
    }

    #[test]
    fn what_went_on_then_or_ended_just_before_is_touched() {
        let losses = losses(&[(10, 11), (20, 21)]);
        let touched = |first, last, how, silence| losses.touch(&connection(first, last, how, silence));
        assert!(touched(5, 15, EndedHow::Fin, 0));
        assert!(touched(9, 9, EndedHow::Reset, 9), "its end may be among what was dropped a moment later");
        assert!(!touched(5, 8, EndedHow::Reset, 50));
        assert!(!touched(12, 15, EndedHow::Fin, 50));
        assert!(touched(12, 15, EndedHow::Silence, 10), "the answer may have come at 20");
        assert!(!touched(12, 15, EndedHow::Silence, 4), "it was given up before");
        assert!(!touched(22, 30, EndedHow::Open, 0));
    }

    #[test]
    fn stretches_are_joined_and_bounded() {
        assert_eq!(losses(&[(1, 2), (3, 4), (9, 10)]).stretches.len(), 2);
        let many: Vec<(i64, i64)> = (0..5000).map(|number| (number * 10, number * 10 + 1)).collect();
        let many = losses(&many);
        assert_eq!(many.stretches.len(), STRETCHES);
        assert!(
            many.touch(&connection(5, 6, EndedHow::Fin, 0)),
            "what is far back is told rather than forgotten"
        );
        assert!(many.stretches.is_sorted());
        assert_eq!(many.since(Time(49_990_000_000_000)).stretches.len(), 1);
    }
}
