//! The chart of connections: how many were called for, and what became of them.

use super::Report;
use super::chart::{BOTTOM, Chart, height, left, round_up, shape};
use super::windows::Windows;
use super::writer::Html;
use crate::facts::LoadWindow;
use crate::report::words::{count, grouped};

/// What is stacked, from below.
const LEGEND: [(&str, &str); 5] = [
    ("bar accepted", "accepted"),
    ("bar late", "accepted late"),
    ("bar refused", "refused"),
    ("bar unanswered", "never answered"),
    ("bar stalled", "stalled after that"),
];

/// Draws it.
pub(super) fn draw(html: &mut Html, report: &Report<'_>, windows: &Windows, endpoint: &str, id: &str) {
    let tallest = windows.windows.iter().map(|(_, window)| stack(window).iter().sum::<u64>()).max();
    let most = round_up(tallest.unwrap_or_default());
    let marks = [0, most / 2, most];
    let chart = Chart {
        id: format!("{id}-outcomes"),
        title: format!("Connections to {endpoint} over time, and what became of them"),
        description: describe(report, windows),
        legend: &LEGEND,
        marks: marks.into_iter().map(|mark| (BOTTOM - height(mark, most), grouped(mark))).collect(),
    };
    chart.draw(html, report, windows, |html| {
        for (place, window) in &windows.windows {
            let (from, to) = (left(windows, *place), left(windows, place + 1));
            let mut below = 0;
            for (part, (class, _)) in stack(window).into_iter().zip(LEGEND) {
                let (low, high) = (height(below, most), height(below + part, most));
                below += part;
                if part > 0 {
                    // Something is seen, however few of many.
                    shape(html, class, (from, BOTTOM - high), ((to - from - 1).max(1), (high - low).max(1)));
                }
            }
        }
    });
}

/// Heights in the order of the legend. What stalled was accepted, so it is taken from there.
fn stack(window: &LoadWindow) -> [u64; 5] {
    let stalled = window.stalled.min(window.accepted);
    let late = window.late.min(window.accepted - stalled);
    [window.accepted - stalled - late, late, window.refused, window.unanswered, stalled]
}

fn describe(report: &Report<'_>, windows: &Windows) -> String {
    let mut text = String::new();
    if let Some((place, window)) = windows.windows.iter().max_by_key(|(place, window)| (window.syns, -place))
    {
        let at = report.times.second(windows.begin(*place));
        text.push_str(&format!("Most are called for from {at} on: {}. ", count(window.syns, "SYN")));
    }
    let failed = |window: &LoadWindow| window.failed() + window.stalled;
    let worst = windows.windows.iter().max_by_key(|(place, window)| (failed(window), -place));
    match worst.filter(|(_, window)| failed(window) > 0) {
        Some((place, window)) => {
            let at = report.times.second(windows.begin(*place));
            text.push_str(&format!(
                "Most fail from {at} on: {} refused, {} never answered, {} stalled.",
                grouped(window.refused),
                grouped(window.unanswered),
                grouped(window.stalled)
            ));
        }
        None => text.push_str("None is refused, left without an answer or stalled."),
    }
    text
}
