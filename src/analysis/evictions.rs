//! Connections that left the table to make room, and what may be the rest of them.

use crate::facts::{ConnectionFacts, EndedHow, Time};
use crate::session::KnownPorts;

/// When the first one went.
#[derive(Debug, Clone, Default)]
pub(super) struct Evictions {
    first: Option<Time>,
}

impl Evictions {
    /// Marks what may be the rest of an evicted connection; whether this one is none, was evicted before it was over, and
    /// is, or may be, one of a SQL Server.
    pub(super) fn note(&mut self, connection: &mut ConnectionFacts, known: &KnownPorts) -> bool {
        connection.rest =
            connection.tcp.syn.is_none() && self.first.is_some_and(|first| connection.first.time >= first);
        let evicted = connection.evicted && connection.ended.how == EndedHow::Open;
        if evicted {
            let last = connection.last.time;
            self.first = Some(self.first.map_or(last, |first| first.min(last)));
        }
        evicted && !connection.rest && (connection.tds.recognized || known.has(connection.server.port))
    }
}
