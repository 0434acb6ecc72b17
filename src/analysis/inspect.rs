//! What a capture is, before anything is asked of it: format, links, times, what is missing, how much of it is SQL Server's.

use super::{Analyzer, Progress, Settings, Totals};
use crate::capture::{Source, Summary};
use crate::facts::{CaptureFacts, Endpoint, LoginCounts};

/// SQL Servers that are named.
const SERVERS: usize = 64;

/// A file, and what is in it.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// What was read, and how good it is.
    pub capture: CaptureFacts,
    /// Link types, in order of appearance.
    pub links: Vec<String>,
    /// The most that was recorded of a packet that was cut, in bytes; `None` when none was.
    pub cut_at: Option<u32>,
    /// Packets that the file itself calls copies of others, and that were not looked at.
    pub copies: u64,
    /// Counts.
    pub totals: Totals,
    /// Lookups of a SQL Browser.
    pub lookups: u64,
    /// SQL Servers, the first 64 by address, and their logins.
    pub servers: Vec<(Endpoint, LoginCounts)>,
    /// SQL Servers beyond those.
    pub servers_omitted: u64,
}

impl Inspection {
    /// Reads a file to its end.
    #[must_use]
    pub fn of(source: &mut dyn Source, settings: Settings, progress: &mut dyn FnMut(Progress)) -> Self {
        let settings = Settings { max_connections: 0, healthy_exemplars: 0, ..settings };
        let mut analysis = Analyzer::new(settings).run(source, progress);
        let summary = source.summaries().into_iter().next().unwrap_or_default();
        let Summary { link_types, cut_at, copies, .. } = summary;
        Self {
            capture: if analysis.captures.is_empty() {
                CaptureFacts::default()
            } else {
                analysis.captures.swap_remove(0)
            },
            links: link_types.iter().map(ToString::to_string).collect(),
            cut_at,
            copies,
            totals: analysis.totals,
            lookups: analysis.browser.len() as u64,
            servers_omitted: analysis.servers.len().saturating_sub(SERVERS) as u64,
            servers: analysis
                .servers
                .iter()
                .take(SERVERS)
                .map(|server| (server.endpoint, server.logins))
                .collect(),
        }
    }
}
