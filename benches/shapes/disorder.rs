//! Logins whose segments were recorded out of order: a capture by several threads, or on several links.

use std::io::{self, Write};

use super::{Size, logins};
use crate::wire::{Capture, Crowd, Disorder, MSS, Random, Truth};

/// Six segments of a connection are shuffled together, two of a hundred come twice, two of a thousand are lost.
pub(super) const DISORDER: Disorder = Disorder { window: 6, twice: 20, lost: 2 };

pub(crate) fn write<W: Write>(
    size: Size,
    disorder: Disorder,
    random: &mut Random,
    out: &mut Capture<W>,
) -> io::Result<Truth> {
    Crowd { disorder, ..logins::crowd(random, MSS) }.write(size, random, out)
}
