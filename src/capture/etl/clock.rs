//! What the trace says of itself: when it began, how its clock runs, what it lost (TRACE_LOGFILE_HEADER, evntrace.h).

use super::buffer::{i64_at, u32_at};

/// FILETIME of 1970-01-01T00:00:00Z, in units of 100 ns since 1601.
const EPOCH: i64 = 116_444_736_000_000_000;
/// Kinds of clocks (ReservedFlags): the time of day, the processor's cycles; otherwise the performance counter.
const TIME_OF_DAY: u32 = 2;
const CYCLES: u32 = 3;

/// The description of a trace, as far as it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trace {
    clock: Clock,
    pub(super) events_lost: u32,
    pub(super) buffers_lost: u32,
}

/// From timestamps to times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// They are FILETIME.
    FileTime,
    /// They count; `first` was at `start`.
    Counter { start: i64, first: i64, frequency: i64 },
}

impl Trace {
    /// A trace without a description: its timestamps are taken for FILETIME.
    pub(super) const UNKNOWN: Self = Self { clock: Clock::FileTime, events_lost: 0, buffers_lost: 0 };

    /// Reads the header that was written when the clock showed `timestamp`; `None` when it is cut.
    pub(super) fn read(header: &[u8], timestamp: i64) -> Option<Self> {
        // Pointers before the time zone shift what follows.
        let shift = if u32_at(header, 44)? == 4 { 0 } else { 8 };
        let start = i64_at(header, 256 + shift)?;
        let frequency = match u32_at(header, 264 + shift)? {
            TIME_OF_DAY => 0,
            CYCLES => i64::from(u32_at(header, 52)?).saturating_mul(1_000_000),
            _ => i64_at(header, 248 + shift)?,
        };
        let clock = if frequency > 0 {
            Clock::Counter { start, first: timestamp, frequency }
        } else {
            Clock::FileTime
        };
        Some(Self {
            clock,
            events_lost: u32_at(header, 48)?,
            buffers_lost: u32_at(header, 268 + shift).unwrap_or_default(),
        })
    }

    /// A timestamp as nanoseconds since 1970.
    pub(super) fn time(&self, timestamp: i64) -> i64 {
        let nanoseconds = match self.clock {
            Clock::FileTime => (i128::from(timestamp) - i128::from(EPOCH)) * 100,
            Clock::Counter { start, first, frequency } => {
                let since = i128::from(timestamp) - i128::from(first);
                (i128::from(start) - i128::from(EPOCH)) * 100 + since * 1_000_000_000 / i128::from(frequency)
            }
        };
        i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
    }
}
