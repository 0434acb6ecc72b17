//! The report for people: the verdict first, in one sentence; then the packets that show it, what is ruled out,
//! what to do, and how to see it in Wireshark.

mod batch;
mod connections;
mod finding;
mod info;
mod news;
mod page;
mod rule;
mod summary;

use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::analysis::Analysis;
use crate::rules::Severity;

pub use batch::triage;
pub(in crate::report) use info::inspections;
pub use news::{news, remark, untold};
use page::Page;
pub use rule::{rule_list, rules};

/// How the text looks. The same analysis and style give the same bytes.
#[derive(Debug, Clone)]
pub struct Style {
    /// With ANSI colours. They only add: nothing is said by colour alone.
    pub color: bool,
    /// Symbols in ASCII.
    pub ascii: bool,
    /// Columns of the terminal; `None` when the text does not go to one.
    pub width: Option<usize>,
    /// Zone of the times.
    pub zone: TimeZone,
    /// Findings below this are left out.
    pub least: Severity,
    /// List every connection of the analysis, with its story.
    pub all_connections: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            ascii: false,
            width: None,
            zone: TimeZone::UTC,
            least: Severity::Info,
            all_connections: false,
        }
    }
}

/// Writes the report.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(analysis: &Analysis, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if analysis.captures.iter().all(|capture| capture.error.is_some() && capture.packets == 0) {
        return Ok(());
    }
    let mut page = Page::new(style, analysis);
    summary::heading(&mut page, analysis);
    summary::nothing_failed(&mut page, analysis);
    for finding in analysis.findings.iter().filter(|finding| finding.severity >= style.least) {
        finding::finding(&mut page, analysis, finding);
    }
    summary::capture(&mut page, analysis);
    summary::servers(&mut page, analysis);
    if style.all_connections {
        connections::list(&mut page, analysis);
    }
    summary::footer(&mut page, analysis);
    out.write_all(page.into_text().as_bytes())
}
