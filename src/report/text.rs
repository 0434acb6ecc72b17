//! placeholder
use std::io::{self, Write};
use crate::analysis::Analysis;
use crate::rules::Severity;
/// How the text looks.
#[derive(Debug, Clone)]
pub struct Style {
    /// Colour.
    pub color: bool,
    /// ASCII.
    pub ascii: bool,
    /// Width.
    pub width: Option<usize>,
    /// Zone.
    pub zone: jiff::tz::TimeZone,
    /// Least.
    pub least: Severity,
    /// All.
    pub all_connections: bool,
}
/// Writes.
pub fn write(analysis: &Analysis, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for f in &analysis.findings { if f.severity >= style.least { writeln!(out, "{f:#?}")?; } }
    Ok(())
}
