//! Numbers that look random and are the same for the same seed.

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
pub(crate) struct Random(u64);

impl Random {
    /// Seeds that follow each other give numbers that have nothing to do with each other.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| _ = random.next());
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`; 0 when that is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (((self.next() >> 32) * limit as u64) >> 32) as usize
    }

    /// A number below `limit` that is more often small than large.
    pub(crate) fn near(&mut self, limit: usize) -> usize {
        let limit = if self.one_in(2) { limit.min(64) } else { limit };
        self.below(limit)
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A part of so many, not empty unless there are none.
    pub(crate) fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let begin = self.below(length);
        begin..(begin + 1 + self.near(length - begin)).min(length)
    }
}
