//! Several captures as one: a merge by time.

use super::source::one_by_one;
use super::{Chunk, Error, Packet, Source, Summary, Take};
use crate::steps::step;

/// Merges sources by timestamp, ties in argument order. Inputs that could not be opened, or break off, take
/// their place in [`Source::summaries`]; the others go on. What has been read to its end is let go, so that a long
/// ring takes no more memory than the files that overlap.
pub struct Chain {
    links: Vec<Link>,
    current: Option<usize>,
    started: bool,
}

/// An input as it was opened, or why it could not be: its path first.
pub type Opened = (String, Result<Box<dyn Source + Send>, Error>);

/// An input that is opened when its turn comes.
pub struct Later {
    /// Its path.
    pub path: String,
    /// Time of its earliest packet, in nanoseconds since 1970.
    pub begins: i64,
    /// Opens it.
    pub open: Box<dyn FnOnce() -> Result<Box<dyn Source + Send>, Error> + Send>,
}

struct Link {
    state: State,
    /// Time of the packet that it stands at, or any when it is the only link; `None` at its end and before its turn.
    time: Option<i64>,
    error: Option<Error>,
}

enum State {
    Waits(Option<Later>),
    Open(Box<dyn Source + Send>),
    Over(Vec<Summary>),
}

impl Chain {
    /// A chain of what was opened, in argument order.
    #[must_use]
    pub fn new(inputs: Vec<Opened>) -> Self {
        let links = inputs.into_iter().map(|(path, source)| Link::new(path, source)).collect();
        Self { links, current: None, started: false }
    }

    /// A chain of inputs of which each is opened no earlier than its packets are due. What comes out is the same as if all were
    /// open from the beginning.
    #[must_use]
    pub fn in_turn(inputs: Vec<Later>) -> Self {
        let waits = |later| Link { state: State::Waits(Some(later)), time: None, error: None };
        Self { links: inputs.into_iter().map(waits).collect(), current: None, started: false }
    }

    /// The errors of inputs that could not be read, or no further, in argument order.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        self.links.iter().filter_map(|link| link.error.as_ref())
    }

    /// The link whose packet is the earliest.
    fn earliest(&self) -> Option<(i64, usize)> {
        // A handful of files that overlap: a scan beats a heap, and keeps argument order on ties.
        self.links.iter().enumerate().filter_map(|(index, link)| link.time.map(|time| (time, index))).min()
    }

    /// Opens what may have a packet that is due before this time, the first of all if nothing else is open.
    fn open_due(&mut self) {
        loop {
            step(1);
            let due = self.earliest().map(|(time, _)| time);
            let waiting = self.links.iter_mut().filter_map(|link| Some((link.begins()?, link)));
            let Some((begins, link)) = waiting.min_by_key(|(begins, _)| *begins) else { return };
            if due.is_some_and(|due| due < begins) {
                return;
            }
            link.open();
            link.step(false);
        }
    }
}

impl Link {
    fn new(path: String, source: Result<Box<dyn Source + Send>, Error>) -> Self {
        match source {
            Ok(source) => Self { state: State::Open(source), time: None, error: None },
            Err(error) => {
                let summary = Summary { path, error: Some(error.clone()), ..Summary::default() };
                Self { state: State::Over(vec![summary]), time: None, error: Some(error) }
            }
        }
    }

    /// When its first packet is due, before it was opened.
    fn begins(&self) -> Option<i64> {
        match &self.state {
            State::Waits(later) => later.as_ref().map(|later| later.begins),
            State::Open(_) | State::Over(_) => None,
        }
    }

    fn open(&mut self) {
        if let State::Waits(later) = &mut self.state
            && let Some(later) = later.take()
        {
            *self = Self::new(later.path, (later.open)());
        }
    }

    fn source(&self) -> Option<&(dyn Source + Send)> {
        match &self.state {
            State::Open(source) => Some(source.as_ref()),
            State::Waits(_) | State::Over(_) => None,
        }
    }

    /// Moves to the next packet; `alone` when there is no other link, so that nobody asks for its time.
    fn step(&mut self, alone: bool) {
        let State::Open(source) = &mut self.state else { return };
        self.time = match source.advance() {
            Ok(true) if alone => Some(0),
            Ok(true) => source.packet().map(|packet| packet.time),
            Ok(false) => None,
            Err(error) => {
                self.error = Some(error);
                None
            }
        };
        if self.time.is_none() {
            self.state = State::Over(source.summaries());
        }
    }
}

impl Source for Chain {
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        if let [only] = self.links.as_mut_slice() {
            only.open();
            only.step(true);
            self.current = only.time.map(|_| 0);
            return Ok(self.current.is_some());
        }
        if self.started {
            if let Some(link) = self.current.and_then(|index| self.links.get_mut(index)) {
                link.step(false);
            }
        } else {
            self.started = true;
            self.links.iter_mut().for_each(|link| link.step(false));
        }
        self.open_due();
        self.current = self.earliest().map(|(_, index)| index);
        Ok(self.current.is_some())
    }

    fn run(&mut self, most: usize, take: &mut Take<'_>) -> Result<bool, Error> {
        let [link] = self.links.as_mut_slice() else { return one_by_one(self, most, take) };
        // Nobody to merge with: the packets of the only one as they come.
        self.current = Some(0);
        link.open();
        let State::Open(source) = &mut link.state else { return Ok(false) };
        match source.run(most, take) {
            Ok(more) => Ok(more),
            Err(error) => {
                link.error = Some(error);
                Ok(false)
            }
        }
    }

    #[inline]
    fn packet(&self) -> Option<Packet<'_>> {
        self.links.get(self.current?)?.source()?.packet()
    }

    #[inline]
    fn chunk(&self) -> Option<(&Chunk, usize)> {
        self.links.get(self.current?)?.source()?.chunk()
    }

    fn summaries(&self) -> Vec<Summary> {
        self.links
            .iter()
            .flat_map(|link| match &link.state {
                State::Open(source) => source.summaries(),
                State::Over(summaries) => summaries.clone(),
                State::Waits(later) => {
                    let path = later.as_ref().map(|later| later.path.clone()).unwrap_or_default();
                    vec![Summary { path, ..Summary::default() }]
                }
            })
            .collect()
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("links", &self.links.len()).finish_non_exhaustive()
    }
}
