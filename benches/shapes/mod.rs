//! Captures of any size, written as they are made: each shape is the same for the same seed.

mod disorder;
mod elephant;
mod foreign;
mod halfopen;
mod logins;
mod synflood;
mod tiny;

use std::io::{self, Write};

use crate::wire::{Capture, Disorder, Random, Truth};

/// How much to write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// Bytes of the file. Connections that have begun by then are played to their end where that is short.
    Bytes(u64),
    /// Connections.
    Connections(u64),
}

impl Size {
    /// Whether another connection may begin.
    pub(crate) fn has_room(self, connections: u64, bytes: u64) -> bool {
        match self {
            Self::Bytes(limit) => bytes < limit,
            Self::Connections(limit) => connections < limit,
        }
    }
}

/// What traffic there is in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// SQL Server logins of every outcome.
    Logins,
    /// Web traffic, nothing of which is SQL Server's.
    Foreign,
    /// Segments of one byte, of logins and of what is not.
    Tiny,
    /// SYNs to a SQL Server, each from another address.
    Synflood,
    /// Connections to one server that all stop after PRELOGIN.
    Halfopen,
    /// The same, each to a server of its own.
    HalfopenServers,
    /// One session that carries everything.
    Elephant,
    /// Logins, recorded out of order, some segments twice, some not at all.
    Disorder,
}

/// What else can be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    /// Where the pseudo-random numbers begin.
    pub(crate) seed: u64,
    /// Packets a second; `None` for what is usual for the shape.
    pub(crate) rate: Option<u64>,
    /// What [`Shape::Disorder`] has of it.
    pub(crate) disorder: Disorder,
}

impl Default for Choices {
    fn default() -> Self {
        Self { seed: 1, rate: None, disorder: disorder::DISORDER }
    }
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Connections, by what became of them.
    pub(crate) truth: Truth,
}

impl Shape {
    /// Writes a capture of this shape.
    pub(crate) fn write<W: Write>(self, size: Size, choices: Choices, out: W) -> io::Result<Written> {
        let Choices { seed, rate, disorder } = choices;
        let mut random = Random::new(seed);
        let mut capture = Capture::new(out, rate.unwrap_or_else(|| self.rate()));
        let to = &mut capture;
        let truth = match self {
            Self::Logins => logins::write(size, &mut random, to)?,
            Self::Foreign => foreign::write(size, &mut random, to)?,
            Self::Tiny => tiny::write(size, &mut random, to)?,
            Self::Synflood => synflood::write(size, &mut random, to)?,
            Self::Halfopen => halfopen::write(size, false, to)?,
            Self::HalfopenServers => halfopen::write(size, true, to)?,
            Self::Elephant => elephant::write(size, &mut random, to)?,
            Self::Disorder => disorder::write(size, disorder, &mut random, to)?,
        };
        let (packets, bytes) = capture.finish()?;
        Ok(Written { packets, bytes, truth })
    }

    /// Packets a second: some hundred logins, or a network card that is well filled.
    fn rate(self) -> u64 {
        match self {
            Self::Logins | Self::Tiny | Self::Disorder => 20_000,
            Self::Foreign | Self::Elephant | Self::Synflood => 120_000,
            Self::Halfopen | Self::HalfopenServers => 400_000,
        }
    }
}
