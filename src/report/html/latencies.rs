//! The chart of answers: how long the server took, on a logarithmic axis.

use super::Report;
use super::chart::{BOTTOM, Chart, TOP, left};
use super::windows::Windows;
use super::writer::Html;
use crate::facts::{Latency, LoadWindow};
use crate::report::words::count;
use crate::rules::duration;

/// A line: its class, its name, which times, and which quantile of them.
type Line = (&'static str, &'static str, fn(&LoadWindow) -> &Latency, u64);

/// What is drawn.
const LINES: [Line; 4] = [
    ("curve prelogin", "PRELOGIN, median", prelogin, 500),
    ("curve prelogin high", "PRELOGIN, 99 %", prelogin, 990),
    ("curve handshake", "ClientHello, median", handshake, 500),
    ("curve handshake high", "ClientHello, 99 %", handshake, 990),
];

fn prelogin(window: &LoadWindow) -> &Latency {
    &window.prelogin
}

fn handshake(window: &LoadWindow) -> &Latency {
    &window.handshake
}

/// Draws it, when anything was answered.
pub(super) fn draw(html: &mut Html, report: &Report<'_>, windows: &Windows, endpoint: &str, id: &str) {
    let Some(scale) = Scale::of(windows) else { return };
    let legend = LINES.map(|(class, name, ..)| (class, name));
    let chart = Chart {
        id: format!("{id}-latencies"),
        title: format!("How long {endpoint} took to answer"),
        description: describe(report, windows),
        legend: &legend,
        marks: scale.marks(),
    };
    chart.draw(html, report, windows, |html| {
        for (class, _, latency, quantile) in LINES {
            let points: Vec<(i64, i64)> = windows
                .windows
                .iter()
                .filter_map(|(place, window)| {
                    let x = (left(windows, *place) + left(windows, place + 1)) / 2;
                    Some((x, scale.y(latency(window).quantile(quantile)?)))
                })
                .collect();
            curve(html, class, &points);
        }
    });
}

/// A line through points, each of them marked.
fn curve(html: &mut Html, class: &str, points: &[(i64, i64)]) {
    let list: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    html.shape("polyline", &[("class", class), ("points", &list.join(" "))]);
    for (x, y) in points {
        let (x, y) = (x.to_string(), y.to_string());
        html.shape("circle", &[("class", class), ("cx", &x), ("cy", &y), ("r", "2")]);
    }
}

/// Whole powers of ten, in nanoseconds.
struct Scale {
    low: u32,
    high: u32,
}

impl Scale {
    /// From the power of ten below the shortest to the one above the longest; `None` when nothing was answered.
    fn of(windows: &Windows) -> Option<Self> {
        let times = || {
            windows.windows.iter().flat_map(|(_, window)| {
                LINES.iter().filter_map(|(_, _, latency, quantile)| latency(window).quantile(*quantile))
            })
        };
        // Below a microsecond no clock of a capture is exact.
        let low = times().min()?.max(1_000).ilog10();
        let high = (times().max()?.max(1_000).ilog10() + 1).max(low + 2);
        Some(Self { low, high })
    }

    /// The height of a time.
    fn y(&self, nanoseconds: i64) -> i64 {
        let room = (BOTTOM - TOP) as f64;
        let place = (nanoseconds.max(1_000) as f64).log10() - f64::from(self.low);
        let share = (place / f64::from(self.high - self.low)).clamp(0.0, 1.0);
        BOTTOM - (share * room).round() as i64
    }

    fn marks(&self) -> Vec<(i64, String)> {
        let power = |exponent| 10_i64.checked_pow(exponent).unwrap_or(i64::MAX);
        let label = |nanoseconds: i64| duration(nanoseconds).replace(".0 ", " ");
        (self.low..=self.high).map(power).map(|time| (self.y(time), label(time))).collect()
    }
}

fn describe(report: &Report<'_>, windows: &Windows) -> String {
    let mut text = Vec::new();
    for (name, latency) in [("PRELOGIN", prelogin as fn(&LoadWindow) -> &Latency), ("ClientHello", handshake)]
    {
        let slowest = windows.windows.iter().filter_map(|(place, window)| {
            Some((latency(window).quantile(500)?, -place, latency(window).count()))
        });
        let Some((half, place, answers)) = slowest.max() else { continue };
        let at = report.times.second(windows.begin(-place));
        text.push(format!(
            "{name} is answered most slowly from {at} on: half of {} within {}.",
            count(answers, "answer"),
            duration(half)
        ));
    }
    text.join(" ")
}
