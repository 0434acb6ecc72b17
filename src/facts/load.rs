//! What a listener had to bear, and how fast it answered, over time.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::server::earlier;
use super::{Moment, Time};

/// What happened at a listener in one stretch of time. What is counted of a connection is counted where its SYN
/// stands, but for its end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct LoadWindow {
    /// Where it begins.
    pub start: Time,
    /// How long it is, in seconds.
    pub seconds: u32,
    /// First SYNs of connections.
    pub syns: u64,
    /// Answered by SYN-ACK.
    pub accepted: u64,
    /// Of these, answered only after the SYN was sent again, or more than a second after it.
    pub late: u64,
    /// SYN packets sent again.
    pub retried: u64,
    /// Answered by RST.
    pub refused: u64,
    /// Never answered.
    pub unanswered: u64,
    /// PRELOGIN or a handshake message was not answered for 2 s or more.
    pub stalled: u64,
    /// Connections open at its end; those that began before the capture count from their first packet on.
    pub open: u64,
    /// From PRELOGIN to the answer to it.
    #[serde(skip_serializing_if = "Latency::is_empty")]
    pub prelogin: Latency,
    /// From ClientHello to ServerHello.
    #[serde(skip_serializing_if = "Latency::is_empty")]
    pub handshake: Latency,
    /// Connections that were opened in it.
    #[serde(skip)]
    pub opened: u64,
    /// Connections that were over in it.
    #[serde(skip)]
    pub closed: u64,
    /// The first SYN in it that was accepted.
    #[serde(skip)]
    pub first_accepted: Option<Moment>,
    /// The first SYN in it that was refused or never answered.
    #[serde(skip)]
    pub first_failed: Option<Moment>,
}

impl LoadWindow {
    /// Where it ends.
    #[must_use]
    pub const fn end(&self) -> Time {
        Time(self.start.0.saturating_add(self.seconds as i64 * 1_000_000_000))
    }

    /// SYNs that were refused or never answered.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.refused + self.unanswered
    }

    /// Takes in what else happened, in another window or in another part of the capture; `start` and `seconds` stay.
    pub fn absorb(&mut self, other: &Self) {
        self.syns += other.syns;
        self.accepted += other.accepted;
        self.late += other.late;
        self.retried += other.retried;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.stalled += other.stalled;
        self.open = self.open.max(other.open);
        self.prelogin.merge(&other.prelogin);
        self.handshake.merge(&other.handshake);
        self.opened += other.opened;
        self.closed += other.closed;
        self.first_accepted = earlier(self.first_accepted, other.first_accepted);
        self.first_failed = earlier(self.first_failed, other.first_failed);
    }

    /// All windows as one, from the first to the last; `open` is the most at the end of any.
    #[must_use]
    pub fn sum(windows: &[Self]) -> Option<Self> {
        let (first, rest) = windows.split_first()?;
        let mut sum = first.clone();
        for window in rest {
            sum.absorb(window);
        }
        let whole = rest.last().unwrap_or(first).end().since(first.start) / 1_000_000_000;
        sum.seconds = u32::try_from(whole).unwrap_or(u32::MAX);
        Some(sum)
    }
}

/// Times between a question and its answer, as a histogram: eight buckets for each doubling, so that a quantile is
/// off by at most one part in sixteen (6.25 %), and a few hundred buckets hold any number of times. Merging two
/// gives what one that saw everything would have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latency {
    /// Those that are not empty, in order, and how many times each holds.
    buckets: Vec<(u16, u64)>,
    /// The longest, in nanoseconds, and the answer that took it.
    pub slowest: Option<(i64, Moment)>,
}

/// Buckets for each doubling, as a power of two.
const SHIFT: u32 = 3;

impl Latency {
    /// Notes a time in nanoseconds and the answer it was taken at; a negative one counts as 0.
    pub fn note(&mut self, nanoseconds: i64, answer: Moment) {
        self.add(bucket(nanoseconds), 1);
        self.slower(nanoseconds.max(0), answer);
    }

    /// Takes in the times of another part.
    pub fn merge(&mut self, other: &Self) {
        // Both are in order.
        let mut index = 0;
        for (bucket, count) in &other.buckets {
            let rest = self.buckets.get(index..).unwrap_or_default();
            index += rest.iter().take_while(|(known, _)| known < bucket).count();
            match self.buckets.get_mut(index).filter(|(known, _)| known == bucket) {
                Some((_, inside)) => *inside += count,
                None => self.buckets.insert(index, (*bucket, *count)),
            }
        }
        if let Some((nanoseconds, answer)) = other.slowest {
            self.slower(nanoseconds, answer);
        }
    }

    fn add(&mut self, bucket: u16, count: u64) {
        let index = self.buckets.partition_point(|(other, _)| *other < bucket);
        match self.buckets.get_mut(index).filter(|(other, _)| *other == bucket) {
            Some((_, inside)) => *inside += count,
            None => self.buckets.insert(index, (bucket, count)),
        }
    }

    fn slower(&mut self, nanoseconds: i64, answer: Moment) {
        let longer = |(known, at): (i64, Moment)| nanoseconds > known || nanoseconds == known && answer < at;
        if self.slowest.is_none_or(longer) {
            self.slowest = Some((nanoseconds, answer));
        }
    }

    /// Whether no time was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, inside)| inside).sum()
    }

    /// The times as they are kept, the shortest first: the middle of each bucket in nanoseconds, and how many the bucket
    /// holds. A time is off by at most 6.25 %; the longest too, so that a time stands where it stood when longer ones come.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u64)> {
        self.buckets.iter().map(|(bucket, inside)| (middle(*bucket), *inside))
    }

    /// The time, in nanoseconds, that this many of a thousand do not exceed; `None` when none was noted.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> Option<i64> {
        let (longest, _) = self.slowest?;
        let count = self.count();
        let rank = count.saturating_mul(per_mille).div_ceil(1000).max(1);
        if rank >= count {
            return Some(longest);
        }
        let mut below = 0;
        let found = self.buckets.iter().find(|(_, inside)| {
            below += *inside;
            below >= rank
        });
        found.map(|(bucket, _)| middle(*bucket).min(longest))
    }
}

/// The bucket of a time: below 8 ns its own, then the exponent and the three bits after the first.
fn bucket(nanoseconds: i64) -> u16 {
    let value = u64::try_from(nanoseconds).unwrap_or_default();
    let exponent = value.checked_ilog2().unwrap_or_default();
    if exponent < SHIFT {
        return u16::try_from(value).unwrap_or_default();
    }
    let fine = (value >> (exponent - SHIFT)) & ((1 << SHIFT) - 1);
    let coarse = u64::from(exponent - SHIFT + 1) << SHIFT;
    u16::try_from(coarse + fine).unwrap_or(u16::MAX)
}

/// The middle of a bucket, in nanoseconds.
fn middle(bucket: u16) -> i64 {
    let coarse = u32::from(bucket >> SHIFT);
    let fine = i64::from(bucket & ((1 << SHIFT) - 1));
    let Some(shift) = coarse.checked_sub(1) else { return fine };
    let low = ((1 << SHIFT) + fine).checked_shl(shift).unwrap_or(i64::MAX);
    low.saturating_add((1_i64.checked_shl(shift).unwrap_or_default()) / 2)
}

/// How a [`Latency`] stands in the report.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Latency")]
struct Quantiles {
    /// How many.
    count: u64,
    /// Half of them took at most this long, in nanoseconds; off by at most 6.25 %.
    p50: i64,
    /// 99 of 100 took at most this long, in nanoseconds; off by at most 6.25 %.
    p99: i64,
    /// The longest, in nanoseconds, exactly.
    max: i64,
    /// The answer that took longest.
    slowest: Option<Moment>,
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Quantiles {
            count: self.count(),
            p50: self.quantile(500).unwrap_or_default(),
            p99: self.quantile(990).unwrap_or_default(),
            max: self.slowest.map_or(0, |(longest, _)| longest),
            slowest: self.slowest.map(|(_, answer)| answer),
        }
        .serialize(serializer)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> Cow<'static, str> {
        Quantiles::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Quantiles::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::At;

    fn at(frame: u64) -> Moment {
        Moment { time: Time(0), at: At::new(0, frame) }
    }

    fn latency(times: impl IntoIterator<Item = i64>) -> Latency {
        let mut latency = Latency::default();
        for (frame, time) in (1..).zip(times) {
            latency.note(time, at(frame));
        }
        latency
    }

    #[test]
    fn every_time_lies_in_a_bucket_whose_middle_is_near_it() {
        let powers = (0..63)
            .flat_map(|power| [0, 1, 3].map(|more| (1_i64 << power).saturating_add(more << power >> 2)));
        for time in (0..5000).chain(powers).chain([i64::MAX]) {
            let found = middle(bucket(time));
            let off = (found - time).abs();
            assert!(off <= time / 16 + 1, "{time} ns is taken for {found}");
        }
        assert_eq!(bucket(-5), bucket(0));
        let buckets: Vec<u16> = (0..100_000).map(bucket).collect();
        assert!(buckets.is_sorted());
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        // 1 to 1000 ms.
        let latency = latency((1..=1000).map(|ms| ms * 1_000_000));
        for (per_mille, ms) in [(500, 500), (990, 990), (10, 10)] {
            let found = latency.quantile(per_mille).unwrap();
            let wanted = ms * 1_000_000;
            assert!((found - wanted).abs() <= wanted / 16, "{per_mille}: {found}");
        }
        assert_eq!(latency.quantile(1000), Some(1_000_000_000), "the longest is exact");
        assert_eq!(latency.slowest, Some((1_000_000_000, at(1000))));
        assert_eq!(latency.count(), 1000);
    }

    #[test]
    fn one_time_is_every_quantile_and_none_is_no_quantile() {
        let one = latency([1_234_567]);
        assert_eq!([one.quantile(500), one.quantile(990)], [Some(1_234_567); 2]);
        assert_eq!(Latency::default().quantile(500), None);
        assert!(Latency::default().is_empty());
    }

    #[test]
    fn merged_parts_are_the_whole_in_any_order() {
        let times: Vec<i64> = (0..300).map(|i| (i * 7919) % 1_000_003 * 1000).collect();
        let whole = latency(times.iter().copied());
        let part = |range: std::ops::Range<usize>| {
            let mut part = Latency::default();
            for i in range {
                part.note(times[i], at(i as u64 + 1));
            }
            part
        };
        let mut forwards = part(0..100);
        forwards.merge(&part(100..300));
        let mut backwards = part(100..300);
        backwards.merge(&part(0..100));
        assert_eq!(forwards, whole);
        assert_eq!(backwards, whole);
    }

    #[test]
    fn what_is_walked_is_what_was_noted() {
        let latency = latency([3, 3, 1_000_000, 1_000_001, 2_000_000]);
        let walked: Vec<(i64, u64)> = latency.iter().collect();
        assert_eq!(walked.iter().map(|(_, inside)| inside).sum::<u64>(), latency.count());
        assert!(walked.is_sorted());
        assert_eq!(walked.first(), Some(&(3, 2)), "small ones are exact");
        let (middle, inside) = walked[1];
        assert_eq!(inside, 2);
        assert!((middle - 1_000_000).abs() <= 1_000_000 / 16, "{middle}");
        let (longest, _) = walked[2];
        assert!((longest - 2_000_000).abs() <= 2_000_000 / 16, "{longest}");
        assert_eq!(Latency::default().iter().count(), 0);
    }

    #[test]
    fn memory_is_bounded_by_the_range_of_times() {
        // From 1 µs to 100 s.
        let many = latency((0..200_000_i64).map(|i| 1000 + i * 500_000));
        assert!(many.buckets.len() <= 27 * 8, "{}", many.buckets.len());
    }

    #[test]
    fn windows_add_up() {
        let window = |start: i64, syns, open| LoadWindow {
            start: Time(start * 1_000_000_000),
            seconds: 2,
            syns,
            open,
            ..LoadWindow::default()
        };
        let sum = LoadWindow::sum(&[window(10, 3, 5), window(14, 4, 2)]).unwrap();
        assert_eq!((sum.start, sum.seconds, sum.syns, sum.open), (Time(10_000_000_000), 6, 7, 5));
        assert_eq!(LoadWindow::sum(&[]), None);
    }
}
