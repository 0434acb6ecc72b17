//! The report as one HTML file: it needs no network, no script and no other file, on screen and on paper.
//!
//! Its words are those of the text report. What came off the wire reaches it only through one writer that escapes it.

mod batch;
mod capture;
mod chart;
mod compared;
mod finding;
mod ladder;
mod latencies;
mod outcomes;
mod policy;
mod server;
mod table;
#[cfg(test)]
mod tests;
mod windows;
mod writer;

use std::io::{self, Write};

pub use super::document::Style;
use super::document::{findings, title, verdict};
use super::words::{self, Times};
use crate::analysis::Analysis;
use crate::rules::{Finding, Severity};
pub use batch::{Order, triage};
use writer::{Html, Sheet};

/// The style sheet.
static SHEET: Sheet = Sheet(include_str!("style.css"));

/// Writes the report.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(analysis: &Analysis, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let report = Report { analysis, style, times: Times::new(analysis, &style.zone) };
    let mut html = Html::document();
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(html, &report));
        html.element("body", &[], |html| body(html, &report));
    });
    out.write_all(html.into_text().as_bytes())
}

/// What the parts of the document are made from.
struct Report<'a> {
    analysis: &'a Analysis,
    style: &'a Style,
    times: Times,
}

fn head(html: &mut Html, report: &Report<'_>) {
    html.void("meta", &[("charset", "utf-8")]);
    let policy = policy::policy(&SHEET);
    html.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    html.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    html.void("meta", &[("name", "generator"), ("content", concat!("tdscope ", env!("CARGO_PKG_VERSION")))]);
    html.words("title", &[], &title(report.analysis, report.style));
    html.style(&SHEET);
}

fn body(html: &mut Html, report: &Report<'_>) {
    let (told, more) = findings(report.analysis, report.style);
    html.words("a", &[("class", "skip"), ("href", "#report")], "Skip to the report");
    html.element("header", &[], |html| heading(html, report));
    if !told.is_empty() {
        html.element("nav", &[("aria-label", "Findings")], |html| overview(html, report, &told, more));
    }
    html.element("main", &[("id", "report")], |html| {
        for (index, finding) in told.iter().enumerate() {
            finding::finding(html, report, finding, index + 1);
        }
        server::servers(html, report);
        capture::captures(html, report);
    });
    html.element("footer", &[], |html| {
        if let Some(text) = words::left_out(report.analysis) {
            html.words("p", &[], &text);
        }
        let made =
            concat!("Made by tdscope ", env!("CARGO_PKG_VERSION"), ". Frame numbers are those of Wireshark.");
        html.words("p", &[], made);
    });
}

fn heading(html: &mut Html, report: &Report<'_>) {
    let analysis = report.analysis;
    let (verdict, severity) = verdict(analysis);
    let (class, symbol) = match severity {
        Some(Severity::Error) => ("verdict error", "✖"),
        Some(_) => ("verdict good", "✔"),
        None => ("verdict", "·"),
    };
    html.element("h1", &[("class", class)], |html| {
        hidden(html, symbol);
        html.text(&verdict);
    });
    html.words("p", &[("class", "logins")], &words::logins(analysis));
    html.element("p", &[("class", "dim")], |html| {
        html.words("b", &[], &words::input(analysis));
        html.text(&format!("  {}", words::seen(analysis, &report.times)));
    });
    let checks = words::health_checks(analysis);
    if !checks.is_empty() {
        html.element("ul", &[("class", "dim")], |html| {
            for line in &checks {
                html.words("li", &[], line);
            }
        });
    }
}

/// All findings in a table, with links to them.
fn overview(html: &mut Html, report: &Report<'_>, told: &[&Finding], more: u64) {
    let columns = ["finding", "how bad", "how many", "server", "when"];
    table::table(html, "What was found", &columns, |html| {
        for (index, finding) in told.iter().enumerate() {
            html.element("tr", &[], |html| {
                html.element("th", &[("scope", "row")], |html| {
                    let target = format!("#{}", finding::id(index + 1));
                    html.words("a", &[("href", &target)], &format!("{} {}", finding.code, finding.title));
                });
                html.element("td", &[], |html| badge(html, finding.severity));
                table::cell(html, &words::affected(finding));
                table::cell(html, &finding.server.map(|server| server.to_string()).unwrap_or_default());
                table::cell(html, &words::span(finding, &report.times));
            });
        }
    });
    if more > 0 {
        let more = words::count(more, "more finding");
        html.words("p", &[("class", "dim")], &format!("and {more} (--format json has all)"));
    }
}

/// How bad it is, as a coloured word.
fn badge(html: &mut Html, severity: Severity) {
    let word = super::rules::severity(severity);
    html.element("span", &[("class", &format!("badge {word}"))], |html| {
        hidden(html, words::symbol(severity));
        html.text(word);
    });
}

/// A symbol that only repeats what words say.
fn hidden(html: &mut Html, symbol: &str) {
    html.element("span", &[("aria-hidden", "true")], |html| html.text(&format!("{symbol} ")));
}
