//! Connections as they stand: shown before they are let go, for those who watch a wire.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::connection::Connection;
use super::{Closed, Handler, Interest, Table};
use crate::steps::step;

impl<H: Handler + Clone> Table<H> {
    /// From now on the table remembers which connections have ended and linger, for [`Table::glimpse`].
    pub fn watch(&mut self) {
        self.lingering.get_or_insert_default();
    }

    /// Shows connections as if they were over now, and keeps them: those that ended a short while ago and linger for late
    /// packets, and with `quiet`, a time in nanoseconds, those that have not ended, whose payload is still wanted, and that
    /// were silent for so long. Each is shown once, and once more when it went on since.
    pub fn glimpse(&mut self, quiet: Option<i64>, show: &mut dyn FnMut(Closed<H>)) {
        let lingering = self.lingering.as_mut().map(std::mem::take).unwrap_or_default();
        let mut places: Vec<(u64, u32)> = lingering
            .into_iter()
            .filter(|(place, number)| self.slots.holds(*place, *number))
            .map(|(place, number)| (number, place))
            .collect();
        if let Some(quiet) = quiet {
            let since = self.now.saturating_sub(quiet);
            let stalled =
                |connection: &Connection<H>| !connection.ended && connection.interest == Interest::Payload;
            let silent = |connection: &Connection<H>| connection.last.time <= since;
            let stalled =
                self.slots.iter().filter(|(_, connection)| stalled(connection) && silent(connection));
            places.extend(stalled.map(|(place, connection)| (connection.number, place)));
        }
        places.sort_unstable();
        self.show_once(&places, show);
    }

    /// Shows every connection that is listened to and was not shown as it stands, in the order of their numbers.
    pub fn glimpse_all(&mut self, show: &mut dyn FnMut(Closed<H>)) {
        let connections =
            self.slots.iter().filter(|(_, connection)| connection.interest != Interest::Nothing);
        let mut places: Vec<(u64, u32)> =
            connections.map(|(place, connection)| (connection.number, place)).collect();
        places.sort_unstable();
        self.show_once(&places, show);
    }

    fn show_once(&mut self, places: &[(u64, u32)], show: &mut dyn FnMut(Closed<H>)) {
        for (_, place) in places {
            step(1);
            let Some(connection) = self.slots.get_mut(*place) else { continue };
            if connection.shown != connection.packets {
                connection.shown = connection.packets;
                show_as_over(connection, show);
            }
        }
    }

    /// Sets the clock back, after a step of the capture's: what is dated later counts as of now.
    pub fn set_back(&mut self, now: i64) {
        self.now = now;
        for connection in self.slots.iter_mut() {
            step(1);
            connection.last.time = connection.last.time.min(now);
        }
        let ended = std::mem::take(&mut self.ended).into_iter();
        self.ended =
            ended.map(|Reverse((due, number, place))| Reverse((due.min(now), number, place))).collect();
    }

    /// Shows the connections that are listened to, in no order; of those that were not accepted (there was a SYN, and no answer)
    /// at most `silent`.
    pub fn glimpse_followed(&self, silent: usize, show: &mut dyn FnMut(Closed<H>)) {
        let mut left = silent;
        for (_, connection) in self.slots.iter() {
            step(1);
            let accepted = connection.syn_acks > 0 || connection.initiator.is_none();
            if connection.interest == Interest::Nothing || !accepted && left == 0 {
                continue;
            }
            left -= usize::from(!accepted);
            show_as_over(connection, show);
        }
    }

    /// Shows the connections of these numbers once more, in their order.
    pub fn glimpse_again(&self, numbers: &BTreeSet<u64>, show: &mut dyn FnMut(Closed<H>)) {
        let connections = self.slots.iter().map(|(_, connection)| connection);
        let mut again: Vec<&Connection<H>> =
            connections.filter(|connection| numbers.contains(&connection.number)).collect();
        again.sort_unstable_by_key(|connection| connection.number);
        again.into_iter().for_each(|connection| show_as_over(connection, show));
    }
}

fn show_as_over<H: Handler + Clone>(connection: &Connection<H>, show: &mut dyn FnMut(Closed<H>)) {
    if let Some(over) = connection.clone().conclude(false) {
        show(over);
    }
}
