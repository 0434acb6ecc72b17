//! How good the capture is.

use super::Report;
use super::table::{profile, row, table};
use super::writer::Html;
use crate::facts::CaptureFacts;
use crate::report::document::FILES;
use crate::report::words::{self, Times};

/// Damages of a file shown.
const DAMAGE: usize = 20;

/// Writes what is known of the files.
pub(super) fn captures(html: &mut Html, report: &Report<'_>) {
    let captures = &report.analysis.captures;
    if captures.is_empty() {
        return;
    }
    html.element("section", &[("id", "capture"), ("aria-labelledby", "capture-name")], |html| {
        html.words("h2", &[("id", "capture-name")], "The capture");
        for (index, capture) in captures.iter().take(FILES).enumerate() {
            let number = if captures.len() > 1 { format!("[{}] ", index + 1) } else { String::new() };
            let name = format!("{number}{}", capture.path);
            html.words("h3", &[], &name);
            profile(html, &format!("How good {name} is"), &quality(capture, &report.times));
            damage(html, capture);
        }
        if let Some(more) = captures.len().checked_sub(FILES).filter(|more| *more > 0) {
            let more = words::count(more as u64, "more file");
            html.words("p", &[("class", "dim")], &format!("and {more} (--format json has all)"));
        }
    });
}

/// What was read and how well it was recorded; what did not happen is left out.
fn quality(capture: &CaptureFacts, times: &Times) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    rows.extend(capture.error.as_ref().map(|error| ("not read", error.clone())));
    rows.push(("packets", words::grouped(capture.packets)));
    rows.push(("bytes", words::grouped(capture.bytes)));
    if !capture.format.is_empty() {
        rows.push(("format", capture.format.clone()));
    }
    rows.extend(capture.first.map(|time| ("from", times.date(time.timestamp()))));
    rows.extend(capture.last.map(|time| ("to", times.date(time.timestamp()))));
    if words::was_taken(capture) {
        rows.push(("where", words::taken(capture)));
    }
    let quality = &capture.quality;
    let kinds = [(quality.tcp, "TCP"), (quality.udp, "UDP"), (quality.other, "other")];
    let kinds = kinds.map(|(number, kind)| format!("{} {kind}", words::grouped(number)));
    rows.push(("of these", kinds.join(", ")));
    let flaws = words::flaws(capture);
    rows.push(("flaws", if flaws.is_empty() { "none seen".to_owned() } else { flaws.join("; ") }));
    rows
}

fn damage(html: &mut Html, capture: &CaptureFacts) {
    if capture.damage.is_empty() {
        return;
    }
    table(html, &format!("Damage in {}", capture.path), &["after frame", "at byte", "what"], |html| {
        for damage in capture.damage.iter().take(DAMAGE) {
            let cells = [words::grouped(damage.offset), damage.what.clone()];
            row(html, &damage.frame.to_string(), &cells);
        }
    });
}
