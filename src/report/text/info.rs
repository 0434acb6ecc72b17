//! What captures are, for people.

use std::io::{self, Write};

use super::Style;
use super::page::{Page, Paint};
use crate::analysis::Inspection;
use crate::report::words::{count, flaws, grouped, stretch, taken, was_taken};

/// SQL Servers that are named.
const SERVERS: usize = 8;
/// What is wrong with a file that is told.
const DAMAGE: usize = 8;

/// Writes what each file is.
///
/// # Errors
/// When `out` cannot be written to.
pub(in crate::report) fn inspections(
    files: &[Inspection],
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::bare(style);
    for file in files {
        page.gap();
        inspection(&mut page, file);
    }
    out.write_all(page.into_text().as_bytes())
}

fn inspection(page: &mut Page<'_>, file: &Inspection) {
    let capture = &file.capture;
    page.paragraph(0, &capture.path, Paint::Bold);
    if let Some(error) = &capture.error {
        page.row("error", error, Paint::Error);
    }
    if capture.packets == 0 && capture.error.is_some() {
        return;
    }
    page.row("format", &format!("{}; {}", capture.format, links(file)), Paint::Plain);
    page.row("packets", &packets(file), Paint::Plain);
    if let (Some(first), Some(last)) = (capture.first, capture.last) {
        let (from, to) = (page.times.date(first.timestamp()), page.times.date(last.timestamp()));
        let text = format!("{from} to {to}: {}", stretch(last.since(first)));
        page.row("time", &text, Paint::Plain);
    }
    page.row("SQL", &sql_server(file), Paint::Plain);
    for (endpoint, logins) in file.servers.iter().take(SERVERS) {
        let logins = format!("{}, {} failed", count(logins.attempted, "login"), grouped(logins.failed));
        page.row("", &format!("{endpoint}: {logins}"), Paint::Plain);
    }
    let more = file.servers.len().saturating_sub(SERVERS) as u64 + file.servers_omitted;
    if more > 0 {
        page.row("", &format!("and {}", count(more, "more server")), Paint::Dim);
    }
    if was_taken(capture) {
        page.row("taken", taken(capture).strip_prefix("taken ").unwrap_or_default(), Paint::Plain);
    }
    let mut flaws = flaws(capture);
    if let Some(at) = file.cut_at {
        flaws.push(format!("at most {} of a packet that was cut", count(u64::from(at), "byte")));
    }
    if !flaws.is_empty() {
        page.row("flaws", &flaws.join("; "), Paint::Warning);
    }
    for damage in capture.damage.iter().take(DAMAGE) {
        let text = format!("offset {}, after frame {}: {}", damage.offset, damage.frame, damage.what);
        page.row("damage", &text, Paint::Warning);
    }
}

fn links(file: &Inspection) -> String {
    if file.links.is_empty() { "no link type".to_owned() } else { file.links.join(", ") }
}

/// `1,901,390 in 455,227,049 bytes: 1,900,000 TCP in 60,012 connections, 1,200 UDP, 190 other`.
fn packets(file: &Inspection) -> String {
    let (capture, quality) = (&file.capture, &file.capture.quality);
    let known = quality.udp + quality.other + quality.unknown_link + quality.truncated + quality.fragments;
    let tcp = capture.packets.saturating_sub(known + file.copies);
    let mut parts = vec![format!("{} TCP in {}", grouped(tcp), count(file.totals.connections, "connection"))];
    for (number, what) in [(quality.udp, "UDP"), (quality.other + quality.unknown_link, "other")] {
        if number > 0 {
            parts.push(format!("{} {what}", grouped(number)));
        }
    }
    format!("{} in {}: {}", grouped(capture.packets), count(capture.bytes, "byte"), parts.join(", "))
}

/// `92 % of the packets: 12 connections to 2 servers`.
fn sql_server(file: &Inspection) -> String {
    let totals = &file.totals;
    let lookups = count(file.lookups, "lookup");
    match (totals.tds, file.lookups) {
        (0, 0) => return "no SQL Server traffic".to_owned(),
        (0, _) => return format!("{lookups} of a SQL Browser"),
        _ => {}
    }
    let servers = file.servers.len() as u64 + file.servers_omitted;
    let share = totals.tds_packets.saturating_mul(100) / file.capture.packets.max(1);
    let share = if share == 0 { "less than 1".to_owned() } else { share.to_string() };
    format!("{share} % of the packets: {} to {}", count(totals.tds, "connection"), count(servers, "server"))
}
