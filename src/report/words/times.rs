//! Frames and times, as every report shows them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::analysis::Analysis;
use crate::facts::{At, Moment, Time};

/// How frames and times are shown.
#[derive(Debug, Clone)]
pub(in crate::report) struct Times {
    zone: TimeZone,
    /// Several files: a frame number needs its file.
    several: bool,
    /// The capture spans more than a day: a time needs its date.
    dated: bool,
}

impl Times {
    pub(in crate::report) fn new(analysis: &Analysis, zone: &TimeZone) -> Self {
        let first = analysis.captures.iter().filter_map(|capture| capture.first).min();
        let last = analysis.captures.iter().filter_map(|capture| capture.last).max();
        let day = |time: Option<Time>| time.map(|time| time.timestamp().to_zoned(zone.clone()).date());
        Self { zone: zone.clone(), several: analysis.captures.len() > 1, dated: day(first) != day(last) }
    }

    /// Of no capture in particular.
    pub(in crate::report) fn bare(zone: &TimeZone) -> Self {
        Self::new(&Analysis::default(), zone)
    }

    /// `#1204`, with the file's number when there are several.
    pub(in crate::report) fn frame(&self, at: At) -> String {
        if self.several { format!("[{}]#{}", at.file() + 1, at.frame()) } else { format!("#{}", at.frame()) }
    }

    /// `02:14:07.120`, with the date when the capture spans several days.
    pub(in crate::report) fn clock(&self, moment: Moment) -> String {
        let zoned = moment.time.timestamp().to_zoned(self.zone.clone());
        zoned.strftime(if self.dated { "%m-%d %H:%M:%S%.3f" } else { "%H:%M:%S%.3f" }).to_string()
    }

    /// `02:14:07`, with the date when the capture spans several days.
    pub(in crate::report) fn second(&self, time: Time) -> String {
        let zoned = time.timestamp().to_zoned(self.zone.clone());
        zoned.strftime(if self.dated { "%m-%d %H:%M:%S" } else { "%H:%M:%S" }).to_string()
    }

    /// `2026-03-01 02:14:07 UTC`, or with the zone's offset.
    pub(in crate::report) fn date(&self, time: Timestamp) -> String {
        let zoned = time.to_zoned(self.zone.clone());
        let zone = if self.zone == TimeZone::UTC { "UTC" } else { "%:z" };
        zoned.strftime(&format!("%Y-%m-%d %H:%M:%S {zone}")).to_string()
    }
}
