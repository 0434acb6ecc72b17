//! What a watch says while it goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::counts::Ledger;
use crate::facts::{At, ConnectionFacts, Endpoint, Moment, Time};
use crate::rules::{Finding, Ruling};

/// Something that is new.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// A connection failed, or stalled: the cause, as far as it is known by now.
    Failed {
        /// What was found, of this connection alone.
        finding: &'a Finding,
        /// The connection.
        connection: &'a ConnectionFacts,
        /// The verdict.
        ruling: Ruling,
        /// What shows that the listener is a SQL Server, when this connection does not itself.
        known_by: Option<Moment>,
    },
    /// More is known of a connection that failed: the cause is another, or surer.
    Refined {
        /// What was told before.
        was: Ruling,
        /// What was found now, of this connection alone.
        finding: &'a Finding,
        /// The connection.
        connection: &'a ConnectionFacts,
        /// The verdict.
        ruling: Ruling,
        /// What shows that the listener is a SQL Server, when this connection does not itself.
        known_by: Option<Moment>,
    },
    /// A connection of which was told that it failed did not: it had only stalled, or what was learnt since explains it.
    Withdrawn {
        /// What was told before.
        was: Ruling,
        /// The connection.
        of: Reference,
    },
    /// Something that is no failure, seen for the first time.
    Noticed {
        /// What was found so far.
        finding: &'a Finding,
    },
}

/// A connection of which something was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Number of the connection in the order of first packets.
    pub id: u64,
    /// The end that calls.
    pub client: Endpoint,
    /// The end that listens.
    pub server: Endpoint,
    /// Its first packet.
    pub first_frame: At,
    /// When that was.
    pub start: Time,
}

/// What was told, by connection: of those that are open or held. Never more than there are of these.
#[derive(Debug, Default)]
pub(super) struct Told {
    of: BTreeMap<u64, Line>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    ruling: Ruling,
    reference: Reference,
    /// The connection is over.
    over: bool,
}

impl Told {
    /// Tells what is known now of this connection, if it is news: `finding` puts it in words. `over` when nothing more of the
    /// connection is to come.
    pub(super) fn hear(
        &mut self,
        connection: &ConnectionFacts,
        (ruling, over, known_by): (Option<Ruling>, bool, Option<Moment>),
        finding: impl FnOnce() -> Option<Finding>,
        ledger: &mut Ledger,
        tell: &mut dyn FnMut(News<'_>),
    ) {
        let Some(ruling) = ruling else {
            self.withdraw(connection.id, ledger, tell);
            return;
        };
        if let Some(line) = self.of.get_mut(&connection.id)
            && same(&line.ruling, &ruling)
        {
            line.over |= over;
            return;
        }
        let Some(finding) = finding() else { return };
        let reference = Reference {
            id: connection.id,
            client: connection.client,
            server: connection.server,
            first_frame: connection.first.at,
            start: connection.first.time,
        };
        let known = self.of.insert(connection.id, Line { ruling, reference, over });
        match known.map(|line| line.ruling) {
            None => {
                ledger.failed(connection.server, ruling.rule.slug);
                tell(News::Failed { finding: &finding, connection, ruling, known_by });
            }
            Some(was) => tell(News::Refined { was, finding: &finding, connection, ruling, known_by }),
        }
    }

    /// How many connections something is told of.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    /// The connections of which something was told that are not over.
    pub(super) fn standing(&self) -> BTreeSet<u64> {
        self.of.iter().filter(|(_, line)| !line.over).map(|(id, _)| *id).collect()
    }

    /// Whether something was told of this connection, and it is not over.
    pub(super) fn is_standing(&self, id: u64) -> bool {
        self.of.get(&id).is_some_and(|line| !line.over)
    }

    /// The connection did not fail.
    pub(super) fn withdraw(&mut self, id: u64, ledger: &mut Ledger, tell: &mut dyn FnMut(News<'_>)) {
        if let Some(line) = self.of.remove(&id) {
            ledger.withdrawn();
            tell(News::Withdrawn { was: line.ruling, of: line.reference });
        }
    }

    /// Forgets all connections but those that go on.
    pub(super) fn forget_over(&mut self, goes_on: impl Fn(u64) -> bool) {
        self.of.retain(|id, line| !line.over && goes_on(*id));
    }

    /// Forgets this connection: it is not held, so that nothing more will be known of it.
    pub(super) fn forget(&mut self, id: u64) {
        self.of.remove(&id);
    }
}

/// Whether two rulings say the same.
fn same(one: &Ruling, other: &Ruling) -> bool {
    one.rule.code == other.rule.code && one.confidence == other.confidence
}
