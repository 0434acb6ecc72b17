//! From finished connections to findings: what is learnt, which rule wins, how findings fold.

mod browser;
mod calls;
mod evictions;
mod filter;
mod folding;
mod learning;
mod precedence;
mod scan;
mod shapes;
mod taken_at;
mod work;

use std::sync::Arc;

use super::collector::Collector;
use super::{Analysis, Settings, judge};
use crate::facts::CaptureFacts;
use crate::rules::tests::case::Connection;
use crate::session::{KnownPorts, Untold};
use crate::stream::TableCounts;

/// What comes out of these connections.
fn analysis(connections: impl IntoIterator<Item = Connection>) -> Analysis {
    analysis_with(Settings::default(), connections)
}

/// The same, with other settings.
fn analysis_with(settings: Settings, connections: impl IntoIterator<Item = Connection>) -> Analysis {
    let known = Arc::new(KnownPorts { ports: settings.filter.ports.clone() });
    let mut collector = Collector::new(settings, known);
    for connection in connections {
        collector.connection(Box::new(connection.facts), &Untold::default());
    }
    judge::judge(collector, vec![CaptureFacts::default()], TableCounts::default(), 1)
}

/// The verdicts, by connection, of those that have one.
fn verdicts(analysis: &Analysis) -> Vec<(u64, &'static str)> {
    let judged = analysis.connections.iter();
    judged.filter_map(|judged| Some((judged.facts.id, judged.verdict?.rule.slug))).collect()
}
