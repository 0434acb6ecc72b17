//! How a report looks that is a document: HTML or Markdown.

use jiff::tz::TimeZone;

use crate::analysis::Analysis;
use crate::report::words::{self, Outcome};
use crate::rules::{Finding, Severity};

/// How a document looks. The same analysis and style give the same bytes.
#[derive(Debug, Clone)]
pub struct Style {
    /// Title of the document; made from the verdict and the file's name when `None`.
    pub title: Option<String>,
    /// Zone of the times.
    pub zone: TimeZone,
    /// Findings below this are left out.
    pub least: Severity,
}

impl Default for Style {
    fn default() -> Self {
        Self { title: None, zone: TimeZone::UTC, least: Severity::Info }
    }
}

/// Findings told in full; the JSON report has all.
const FINDINGS: usize = 100;
/// Servers told in full, as in the text report; the JSON report has all.
pub(super) const SERVERS: usize = 12;
/// Files told of; the JSON report has all.
pub(super) const FILES: usize = 20;

/// The findings that are told, and how many more there are.
pub(super) fn findings<'a>(analysis: &'a Analysis, style: &Style) -> (Vec<&'a Finding>, u64) {
    let mut told: Vec<&Finding> =
        analysis.findings.iter().filter(|finding| finding.severity >= style.least).collect();
    let more = told.len().saturating_sub(FINDINGS) as u64;
    told.truncate(FINDINGS);
    (told, more)
}

/// The verdict on all that was read, which stands first, and how bad it is; `None` where nothing is known.
pub(super) fn verdict(analysis: &Analysis) -> (String, Option<Severity>) {
    if let Some(verdict) = words::verdict(analysis) {
        return (verdict, Some(Severity::Error));
    }
    match words::outcome(analysis) {
        Some(Outcome::Good(text)) => (text.to_owned(), Some(Severity::Info)),
        Some(Outcome::Open(text)) => (text.to_owned(), None),
        None => ("no SQL Server logins were seen".to_owned(), None),
    }
}

/// The title.
pub(super) fn title(analysis: &Analysis, style: &Style) -> String {
    style.title.clone().unwrap_or_else(|| format!("{} – {}", verdict(analysis).0, words::input(analysis)))
}
