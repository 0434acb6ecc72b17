//! The whole way that a capture goes, to every report.

use std::sync::OnceLock;

use crate::whole::{Schemas, goes_well};

/// A capture file. Its last byte also picks what is looked at, as every file has one.
pub fn whole(data: &[u8]) {
    let seed = data.last().copied().unwrap_or_default();
    reported(u64::from(seed), data);
}

/// Analyses a capture and writes what is found in every form.
pub(super) fn reported(seed: u64, file: &[u8]) {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    if let Err(why) = goes_well(seed, file, SCHEMAS.get_or_init(Schemas::new)) {
        panic!("{why}");
    }
}
