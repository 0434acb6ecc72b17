//! Several captures as one: a merge by time.

use super::source::one_by_one;
use super::{Chunk, Error, Packet, Source, Summary, Take};

/// Merges sources by timestamp, ties in argument order. Inputs that could not be opened, or break off, take
/// their place in [`Source::summaries`]; the others go on.
pub struct Chain {
    links: Vec<Link>,
    current: Option<usize>,
    started: bool,
}

/// An input as it was opened, or why it could not be: its path first.
pub type Opened = (String, Result<Box<dyn Source + Send>, Error>);

struct Link {
    source: Result<Box<dyn Source + Send>, Summary>,
    /// Time of the packet that it stands at, or any when it is the only link; `None` at its end.
    time: Option<i64>,
    error: Option<Error>,
}

impl Chain {
    /// A chain of what was opened, in argument order.
    #[must_use]
    pub fn new(inputs: Vec<Opened>) -> Self {
        let links = inputs
            .into_iter()
            .map(|(path, source)| Link {
                source: source.map_err(|error| Summary { path, error: Some(error), ..Summary::default() }),
                time: None,
                error: None,
            })
            .collect();
        Self { links, current: None, started: false }
    }

    /// The errors of inputs that could not be read, or no further, in argument order.
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        self.links.iter().filter_map(|link| match &link.source {
            Ok(_) => link.error.as_ref(),
            Err(summary) => summary.error.as_ref(),
        })
    }
}

impl Link {
    /// Moves to the next packet; `alone` when there is no other link, so that nobody asks for its time.
    fn step(&mut self, alone: bool) {
        self.time = match &mut self.source {
            Ok(source) => match source.advance() {
                Ok(true) if alone => Some(0),
                Ok(true) => source.packet().map(|packet| packet.time),
                Ok(false) => None,
                Err(error) => {
                    self.error = Some(error);
                    None
                }
            },
            Err(_) => None,
        };
    }
}

impl Source for Chain {
    #[inline]
    fn advance(&mut self) -> Result<bool, Error> {
        let alone = self.links.len() == 1;
        if self.started {
            if let Some(link) = self.current.and_then(|index| self.links.get_mut(index)) {
                link.step(alone);
            }
        } else {
            self.started = true;
            self.links.iter_mut().for_each(|link| link.step(alone));
        }
        // A handful of files: a scan beats a heap, and keeps argument order on ties.
        self.current = match self.links.as_slice() {
            [only] => only.time.map(|_| 0),
            links => links
                .iter()
                .enumerate()
                .filter_map(|(index, link)| link.time.map(|time| (time, index)))
                .min()
                .map(|(_, index)| index),
        };
        Ok(self.current.is_some())
    }

    fn run(&mut self, most: usize, take: &mut Take<'_>) -> Result<bool, Error> {
        let [link] = self.links.as_mut_slice() else { return one_by_one(self, most, take) };
        // Nobody to merge with: the packets of the only one as they come.
        (self.started, self.current) = (true, Some(0));
        let Ok(source) = &mut link.source else { return Ok(false) };
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
        self.links.get(self.current?)?.source.as_ref().ok()?.packet()
    }

    #[inline]
    fn chunk(&self) -> Option<(&Chunk, usize)> {
        self.links.get(self.current?)?.source.as_ref().ok()?.chunk()
    }

    fn summaries(&self) -> Vec<Summary> {
        self.links
            .iter()
            .flat_map(|link| match &link.source {
                Ok(source) => source.summaries(),
                Err(summary) => vec![summary.clone()],
            })
            .collect()
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("links", &self.links.len()).finish_non_exhaustive()
    }
}
