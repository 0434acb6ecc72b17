//! What the table keeps of connections that nobody listens to: of those that are not ours, and of those that are over.

use hashbrown::HashSet;

use super::Handler;
use super::entry::{Entry, What};
use super::table::Table;
use crate::decode::At;
use crate::steps::step;

/// Of the tuples that are known, one in so many may be of a connection that is over: more than a busy client has ports.
const OVER_SHARE: usize = 4;

impl<H: Handler> Table<H> {
    /// Nobody listens any more: what is left is a tombstone.
    pub(super) fn bury(&mut self, place: u32) {
        let Some(connection) = self.slots.get(place) else { return };
        self.held -= connection.totals.held;
        self.state -= connection.totals.state;
        let (hash, At { time, place: frame }) = (connection.hash, connection.last);
        self.slots.remove(place);
        if let Some(entry) = self.index.find_mut(hash, |entry| entry.hash == hash) {
            entry.what = What::Foreign { time, place: frame, seen: false };
            self.buried.push_back(hash);
        }
        // Tombstones whose tuples were used anew leave entries behind.
        let Self { index, buried, .. } = self;
        if buried.len() > 2 * index.len() + 64 {
            let mut kept = HashSet::new();
            buried.retain(|hash| {
                let found = index.find(*hash, |entry| entry.hash == *hash);
                matches!(found, Some(Entry { what: What::Foreign { .. }, .. })) && kept.insert(*hash)
            });
        }
    }

    /// A tombstone takes the place of a connection that is over.
    pub(super) fn entomb(&mut self, hash: u64, last: At, isn: Option<u32>) {
        let Some(entry) = self.index.find_mut(hash, |entry| entry.hash == hash) else { return };
        let At { time, place } = last;
        entry.what = What::Over { time, place, isn: isn.unwrap_or_default(), known: isn.is_some() };
        if self.over.len() >= self.limits.connections / OVER_SHARE {
            self.forget_over();
        }
        self.over.push_back((time.saturating_add(self.limits.linger), hash));
    }

    /// Forgets the oldest tombstone of what is over; whether there was one.
    fn forget_over(&mut self) -> bool {
        while let Some((_, hash)) = self.over.pop_front() {
            step(1);
            if self.over_since(hash).is_some() {
                self.forget(hash);
                return true;
            }
        }
        false
    }

    /// Forgets what is over, and was not heard of for so long that what comes now is no more of it.
    pub(super) fn forget_overdue(&mut self) {
        while let Some((due, hash)) = self.over.front().copied() {
            step(1);
            if due >= self.now {
                return;
            }
            self.over.pop_front();
            let Some(time) = self.over_since(hash) else { continue };
            let quiet_until = time.saturating_add(self.limits.linger);
            if quiet_until >= self.now {
                self.over.push_back((quiet_until, hash));
            } else {
                self.forget(hash);
            }
        }
    }

    /// When a connection that is over was last seen; `None` when its tuple was used anew.
    fn over_since(&self, hash: u64) -> Option<i64> {
        match self.index.find(hash, |entry| entry.hash == hash)?.what {
            What::Over { time, .. } => Some(time),
            _ => None,
        }
    }

    pub(super) fn forget(&mut self, hash: u64) {
        if let Ok(entry) = self.index.find_entry(hash, |entry| entry.hash == hash) {
            entry.remove();
        }
    }

    /// Forgets the tombstone that was silent longest, as far as the order in which they were looked at tells.
    pub(super) fn dig_up(&mut self) {
        if self.forget_over() {
            return; // it was handed out whole
        }
        while let Some(hash) = self.buried.pop_front() {
            step(1);
            let found = self.index.find_mut(hash, |entry| entry.hash == hash);
            match found.map(|entry| &mut entry.what) {
                Some(What::Foreign { seen: seen @ true, .. }) => {
                    *seen = false;
                    self.buried.push_back(hash);
                }
                Some(What::Foreign { .. }) => {
                    self.counts.evicted += 1;
                    self.forget(hash);
                    return;
                }
                // Its tuple was used anew.
                Some(What::Over { .. } | What::Live(_)) | None => {}
            }
        }
    }
}
