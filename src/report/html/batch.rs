//! A batch of captures as a page that links to their reports.

use std::io::{self, Write};

use super::table::{cell, row, table};
use super::writer::Html;
use super::{SHEET, policy};
use crate::batch::{CaptureSummary, Problem, Triage};
use crate::report::document::Style;
use crate::report::words::{
    Times, all_logins, cause_line, confidence, extent, grouped, other_files, servers_of, spread, symbol,
    triage_verdict,
};
use crate::rules::Severity;

/// Servers named of a cause.
const SERVERS: usize = 8;
/// Causes named of a capture.
const CAUSES: usize = 4;
/// Captures listed; JSON and CSV have all.
const CAPTURES: usize = 2_000;
/// What could not be looked at that is named.
const PROBLEMS: usize = 200;

/// What the captures of a page are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The worst first.
    Worst,
    /// By case, in each the worst first.
    Case,
    /// By name.
    Name,
    /// By the time of the first packet.
    Time,
}

impl Order {
    /// Every order, with the name that a link to it has and the file that it is in.
    pub const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Worst, "the worst first", "index.html"),
        (Self::Case, "by case", "by-case.html"),
        (Self::Name, "by name", "by-name.html"),
        (Self::Time, "by time", "by-time.html"),
    ];

    fn sort(self, captures: &mut [&CaptureSummary]) {
        match self {
            Self::Worst => {}
            Self::Case => captures.sort_by_key(|capture| capture.case.as_str()),
            Self::Name => captures.sort_by_key(|capture| capture.name.as_str()),
            Self::Time => captures.sort_by_key(|capture| (capture.first.is_none(), capture.first)),
        }
    }
}

/// Writes the triage. `link` says in which file the report of a capture is; with several pages `order` is that of this one,
/// and it links to the others.
///
/// # Errors
/// When `out` cannot be written to.
pub fn triage(
    triage: &Triage,
    style: &Style,
    order: Option<Order>,
    link: &dyn Fn(&CaptureSummary) -> Option<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut html = Html::document();
    let title = style.title.clone().unwrap_or_else(|| triage_verdict(triage));
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.void("meta", &[("charset", "utf-8")]);
            let policy = policy::policy(&SHEET);
            html.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
            html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            html.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
            html.words("title", &[], &title);
            html.style(&SHEET);
        });
        html.element("body", &[], |html| {
            html.words("a", &[("class", "skip"), ("href", "#report")], "Skip to the report");
            html.element("header", &[], |html| {
                html.words("h1", &[], &triage_verdict(triage));
                html.words("p", &[], &format!("{}. {}", extent(triage), all_logins(triage)));
            });
            html.element("main", &[("id", "report")], |html| {
                let times = Times::bare(&style.zone);
                causes(html, triage, style, &times);
                captures(html, triage, &times, order, link);
                problems(html, triage);
            });
            html.element("footer", &[], |html| {
                html.words("p", &[], concat!("Made by tdscope ", env!("CARGO_PKG_VERSION"), "."));
            });
        });
    });
    out.write_all(html.into_text().as_bytes())
}

fn causes(html: &mut Html, triage: &Triage, style: &Style, times: &Times) {
    let told: Vec<_> = triage.causes.iter().filter(|cause| cause.severity >= style.least).collect();
    if told.is_empty() {
        return;
    }
    html.element("section", &[("aria-labelledby", "causes")], |html| {
        html.words("h2", &[("id", "causes")], "Causes");
        table(
            html,
            "What was found, over all captures",
            &["Rule", "What", "How sure", "How much", "Since", "Servers"],
            |html| {
                for cause in told {
                    let sure =
                        if cause.severity == Severity::Error { confidence(cause.confidence) } else { "" };
                    let cells = [
                        cause.title.clone(),
                        sure.to_owned(),
                        spread(triage, cause),
                        times.date(cause.first.timestamp()),
                        servers_of(&cause.servers, cause.servers_count, SERVERS),
                    ];
                    row(html, &format!("{} {}", symbol(cause.severity), cause.code), &cells);
                }
            },
        );
    });
}

fn captures(
    html: &mut Html,
    triage: &Triage,
    times: &Times,
    order: Option<Order>,
    link: &dyn Fn(&CaptureSummary) -> Option<String>,
) {
    let mut sorted: Vec<&CaptureSummary> = triage.captures.iter().collect();
    order.unwrap_or(Order::Worst).sort(&mut sorted);
    html.element("section", &[("aria-labelledby", "captures")], |html| {
        html.words("h2", &[("id", "captures")], "Captures");
        if order.is_some() {
            html.element("nav", &[("aria-label", "Order of the captures")], |html| {
                html.element("ul", &[], |html| {
                    for (other, name, file) in Order::ALL {
                        html.element("li", &[], |html| match order {
                            Some(this) if this == other => html.words("b", &[("aria-current", "page")], name),
                            _ => html.words("a", &[("href", file)], name),
                        });
                    }
                });
            });
        }
        table(
            html,
            "Captures, with what was found in them",
            &["Capture", "Case", "From", "Logins", "Failed", "Found"],
            |html| {
                sorted.iter().take(CAPTURES).for_each(|capture| one(html, capture, times, link));
            },
        );
        if sorted.len() > CAPTURES {
            let more =
                format!("and {} more: CSV and JSON have all", grouped((sorted.len() - CAPTURES) as u64));
            html.words("p", &[], &more);
        }
    });
}

fn one(
    html: &mut Html,
    capture: &CaptureSummary,
    times: &Times,
    link: &dyn Fn(&CaptureSummary) -> Option<String>,
) {
    html.element("tr", &[], |html| {
        html.element("th", &[("scope", "row")], |html| match link(capture) {
            Some(file) => html.words("a", &[("href", &file)], &capture.name),
            None => html.text(&capture.name),
        });
        cell(html, &capture.case);
        cell(html, &capture.first.map(|first| times.date(first.timestamp())).unwrap_or_default());
        cell(html, &grouped(capture.logins));
        cell(html, &grouped(capture.failed));
        html.element("td", &[], |html| {
            html.element("ul", &[], |html| {
                for problem in capture.problems.iter().take(2) {
                    html.words("li", &[], &format!("✖ {problem}"));
                }
                let told = capture.findings.iter().filter(|cause| cause.severity > Severity::Info);
                for cause in told.take(CAUSES) {
                    let text = format!("{} {} {}", symbol(cause.severity), cause.code, cause_line(cause));
                    html.words("li", &[], &text);
                }
            });
        });
    });
}

fn problems(html: &mut Html, triage: &Triage) {
    let others = other_files(triage);
    if triage.problems.is_empty() && others.is_empty() {
        return;
    }
    html.element("section", &[("aria-labelledby", "problems")], |html| {
        html.words("h2", &[("id", "problems")], "Not looked at");
        if !triage.problems.is_empty() {
            table(html, "What could not be looked at", &["Name", "Why"], |html| {
                for Problem { name, why } in triage.problems.iter().take(PROBLEMS) {
                    row(html, name, std::slice::from_ref(why));
                }
            });
        }
        html.words("p", &[], &others);
    });
}
