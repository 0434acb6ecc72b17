//! Steps of work, which tests count: what hostile bytes cost must grow with their number and no faster.
//!
//! Every loop whose rounds depend on what came over the wire says so here. Outside of the tests of this crate it costs nothing.

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// So many steps are taken: a round of a loop, bytes that are copied, an entry that is looked at.
#[inline(always)]
pub(crate) fn step(count: usize) {
    #[cfg(test)]
    TAKEN.set(TAKEN.get() + count as u64);
    #[cfg(not(test))]
    let _ = count;
}

/// The steps that this thread takes in doing something.
#[cfg(test)]
pub(crate) fn taken(work: impl FnOnce()) -> u64 {
    let before = TAKEN.get();
    work();
    TAKEN.get() - before
}
