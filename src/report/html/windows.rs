//! Windows of load, joined until a chart can show them.

use super::Report;
use super::table::{row, scrolling};
use super::writer::Html;
use crate::facts::{Latency, LoadWindow, Time};
use crate::report::words;
use crate::rules::duration;

/// Points of a chart, and rows of its table.
const POINTS: i64 = 120;
/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Windows of the same length, in order of time; where nothing happened there may be none.
#[derive(Debug)]
pub(super) struct Windows {
    /// Where the first begins.
    pub(super) start: Time,
    /// Length of each, in seconds.
    pub(super) seconds: i64,
    /// How many places there are from the first to the last.
    pub(super) places: i64,
    /// The windows, each with its place.
    pub(super) windows: Vec<(i64, LoadWindow)>,
}

impl Windows {
    /// Joins windows to [`POINTS`] places at most.
    pub(super) fn of(load: &[LoadWindow]) -> Self {
        let start = load.first().map(|window| window.start).unwrap_or_default();
        let end = load.last().map_or(start, LoadWindow::end);
        let longest = load.iter().map(|window| i64::from(window.seconds)).max().unwrap_or_default();
        let span = end.since(start).max(0) / SECOND;
        let longest = longest.max(1);
        // A whole number of windows, so that none is split.
        let seconds = (span / POINTS / longest + 1) * longest;
        let mut windows: Vec<(i64, LoadWindow)> = Vec::new();
        for window in load {
            let place = window.start.since(start).max(0) / SECOND / seconds;
            match windows.last_mut().filter(|(last, _)| *last == place) {
                Some((_, joined)) => joined.absorb(window),
                None => windows.push((place, window.clone())),
            }
        }
        let places = windows.last().map_or(0, |(place, _)| place + 1);
        Self { start, seconds, places, windows }
    }

    /// A chart of one or two says nothing that the sentence above it does not.
    pub(super) fn are_enough(&self) -> bool {
        self.windows.len() >= 3
    }

    /// When a place begins.
    pub(super) fn begin(&self, place: i64) -> Time {
        Time(self.start.0.saturating_add(place.saturating_mul(self.seconds).saturating_mul(SECOND)))
    }

    /// The numbers behind the charts.
    pub(super) fn table(&self, html: &mut Html, report: &Report<'_>, endpoint: &str) {
        let caption = format!("Load of {endpoint}, in steps of {}", words::stretch(self.seconds * SECOND));
        html.element("details", &[], |html| {
            html.words("summary", &[], "The numbers behind the charts");
            scrolling(html, &caption, |html| {
                html.element("table", &[("class", "numbers")], |html| {
                    html.words("caption", &[], &caption);
                    html.element("thead", &[], |html| {
                        html.element("tr", &[], |html| {
                            for column in COLUMNS {
                                html.words("th", &[("scope", "col")], column);
                            }
                        });
                    });
                    html.element("tbody", &[], |html| {
                        for (place, window) in &self.windows {
                            row(html, &report.times.second(self.begin(*place)), &cells(window));
                        }
                    });
                });
            });
        });
    }
}

/// Of the table of numbers.
const COLUMNS: [&str; 10] = [
    "from",
    "SYNs",
    "accepted",
    "late",
    "refused",
    "unanswered",
    "stalled",
    "open",
    "PRELOGIN answered (median, 99 %)",
    "ClientHello answered (median, 99 %)",
];

fn cells(window: &LoadWindow) -> Vec<String> {
    let counts = [
        window.syns,
        window.accepted,
        window.late,
        window.refused,
        window.unanswered,
        window.stalled,
        window.open,
    ];
    let mut cells: Vec<String> = counts.into_iter().map(words::grouped).collect();
    cells.extend([&window.prelogin, &window.handshake].map(quantiles));
    cells
}

fn quantiles(latency: &Latency) -> String {
    match (latency.quantile(500), latency.quantile(990)) {
        (Some(half), Some(most)) => format!("{}, {}", duration(half), duration(most)),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(second: i64, seconds: u32, syns: u64) -> LoadWindow {
        LoadWindow { start: Time(second * SECOND), seconds, syns, ..LoadWindow::default() }
    }

    #[test]
    fn few_windows_stay_as_they_are() {
        let windows = Windows::of(&[window(10, 2, 1), window(12, 2, 2), window(40, 2, 3)]);
        let places: Vec<(i64, u64)> =
            windows.windows.iter().map(|(place, window)| (*place, window.syns)).collect();
        assert_eq!((windows.seconds, windows.places), (2, 16));
        assert_eq!(places, [(0, 1), (1, 2), (15, 3)]);
        assert_eq!(windows.begin(15), Time(40 * SECOND));
    }

    #[test]
    fn many_windows_are_joined_and_none_is_lost() {
        for count in [119, 120, 121, 1000, 100_000_u32] {
            let load: Vec<LoadWindow> = (0..i64::from(count)).map(|index| window(index * 3, 3, 1)).collect();
            let windows = Windows::of(&load);
            assert!(windows.places <= POINTS, "{count}: {}", windows.places);
            assert!(windows.windows.len() <= 120);
            let syns: u64 = windows.windows.iter().map(|(_, window)| window.syns).sum();
            assert_eq!(syns, u64::from(count));
            assert_eq!(windows.seconds % 3, 0);
        }
    }

    #[test]
    fn no_windows_are_no_chart() {
        let windows = Windows::of(&[]);
        assert_eq!(windows.places, 0);
        assert!(!windows.are_enough());
    }
}
