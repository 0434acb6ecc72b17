//! How long answers took, in buckets that never change.

use super::add;
use crate::facts::Latency;

/// Times between a question and its answer in fixed buckets, as a Prometheus histogram wants them.
///
/// The bounds are 0.5 ms to 30 s, two or three for each decade. Below lies the round trip of one switch; 15 s is where
/// SqlClient gives up unless told otherwise (`Connect Timeout`, SqlConnection.ConnectionString), and 30 s is beyond
/// what any driver waits for by default. They must stay: a bound that moves breaks every recorded series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Times in each bucket alone, the last one being what exceeds every bound.
    counts: [u64; Self::BOUNDS.len() + 1],
    /// Sum of all times in nanoseconds: 2^64 ns are only a billion times of 18 s.
    sum: u128,
}

impl Histogram {
    /// The longest time that each bucket takes, in nanoseconds.
    pub const BOUNDS: [i64; 16] = [
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        10_000_000_000,
        15_000_000_000,
        30_000_000_000,
    ];

    /// Notes a time in nanoseconds; a negative one counts as 0.
    pub fn note(&mut self, nanoseconds: i64) {
        self.note_many(nanoseconds, 1);
    }

    /// Takes in the times of another.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            add(count, *more);
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Takes in times that are known to 6.25 %: one so near to a bound may stand on its other side, and the sum is off
    /// by as much.
    pub fn merge_latency(&mut self, latency: &Latency) {
        for (middle, count) in latency.iter() {
            self.note_many(middle, count);
        }
    }

    fn note_many(&mut self, nanoseconds: i64, times: u64) {
        let index = Self::BOUNDS.partition_point(|bound| *bound < nanoseconds);
        if let Some(count) = self.counts.get_mut(index) {
            add(count, times);
        }
        let nanoseconds = u128::try_from(nanoseconds).unwrap_or_default();
        self.sum = self.sum.saturating_add(nanoseconds.saturating_mul(u128::from(times)));
    }

    /// Each bound in nanoseconds, and how many times do not exceed it.
    pub fn cumulative(&self) -> impl Iterator<Item = (i64, u64)> {
        let mut below: u64 = 0;
        Self::BOUNDS.iter().zip(&self.counts).map(move |(bound, count)| {
            add(&mut below, *count);
            (*bound, below)
        })
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// The sum of all times, in nanoseconds.
    #[must_use]
    pub const fn sum(&self) -> u128 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::facts::{At, Moment, Time};

    fn below(histogram: &Histogram, bound: i64) -> u64 {
        histogram.cumulative().find(|(other, _)| *other == bound).unwrap().1
    }

    #[test]
    fn bounds_rise() {
        assert!(Histogram::BOUNDS.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let mut histogram = Histogram::default();
        for time in [1_000_000, 1_000_001] {
            histogram.note(time);
        }
        assert_eq!(below(&histogram, 500_000), 0);
        assert_eq!(below(&histogram, 1_000_000), 1);
        assert_eq!(below(&histogram, 2_500_000), 2);
        assert_eq!((histogram.count(), histogram.sum()), (2, 2_000_001));
    }

    #[test]
    fn what_is_out_of_range_is_counted_all_the_same() {
        let mut histogram = Histogram::default();
        for time in [-5, 0, 30_000_000_001, i64::MAX, i64::MIN] {
            histogram.note(time);
        }
        assert_eq!(below(&histogram, 500_000), 3);
        assert_eq!(below(&histogram, 30_000_000_000), 3);
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum(), 30_000_000_001 + i64::MAX as u128);
    }

    #[test]
    fn nothing_overflows() {
        let mut histogram = Histogram::default();
        histogram.note_many(i64::MAX, u64::MAX);
        let mut twice = histogram.clone();
        twice.merge(&histogram);
        assert_eq!(twice.count(), u64::MAX);
        assert_eq!(twice.sum(), 2 * histogram.sum());
    }

    proptest! {
        #[test]
        fn parts_make_the_whole(times in prop::collection::vec(0..60_000_000_000_i64, 0..200), cut in 0..200_usize) {
            let noted = |times: &[i64]| {
                let mut histogram = Histogram::default();
                times.iter().for_each(|time| histogram.note(*time));
                histogram
            };
            let (left, right) = times.split_at(cut.min(times.len()));
            let mut merged = noted(left);
            merged.merge(&noted(right));
            prop_assert_eq!(merged, noted(&times));
        }

        /// A bound divides times a sixteenth away from it, whatever the log histogram made of them.
        #[test]
        fn a_latency_is_taken_in_to_a_sixteenth(
            times in prop::collection::vec((0..36_u32, 1..2_000_i64).prop_map(|(power, part)| part << power >> 10), 0..200),
        ) {
            let mut latency = Latency::default();
            for time in &times {
                latency.note(*time, Moment { time: Time(0), at: At::new(0, 1) });
            }
            let mut histogram = Histogram::default();
            histogram.merge_latency(&latency);
            prop_assert_eq!(histogram.count(), times.len() as u64);
            for (bound, count) in histogram.cumulative() {
                let within = |limit: i64| times.iter().filter(|time| **time <= limit).count() as u64;
                prop_assert!(count >= within(bound - bound / 16), "{} of {:?}", bound, times);
                prop_assert!(count <= within(bound + bound / 16 + 2), "{} of {:?}", bound, times);
            }
            let exact: i64 = times.iter().sum();
            let off = (i64::try_from(histogram.sum()).unwrap() - exact).abs();
            prop_assert!(off <= exact / 16 + times.len() as i64, "{} of {}", off, exact);
        }
    }

    #[test]
    fn a_time_on_a_bound_may_stand_beyond_it_but_not_a_sixteenth_below() {
        for bound in Histogram::BOUNDS {
            let mut latency = Latency::default();
            latency.note(bound - bound / 16, Moment { time: Time(0), at: At::new(0, 1) });
            latency.note(bound + bound / 8, Moment { time: Time(0), at: At::new(0, 2) });
            let mut histogram = Histogram::default();
            histogram.merge_latency(&latency);
            assert_eq!(below(&histogram, bound), 1, "{bound}");
        }
    }
}
