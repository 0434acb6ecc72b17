//! What each layer costs, on each shape of capture: `cargo bench --bench layers`, or a part of it, such as
//! `cargo bench --bench layers -- stream`. The layers are measured through the crate's public interface, each on what
//! the one before it gives.

#![allow(clippy::indexing_slicing, reason = "what is indexed here was made here")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::panic, reason = "likewise")]

#[allow(dead_code, reason = "`generate` uses the rest")]
#[path = "../shapes/mod.rs"]
mod shapes;
#[path = "../wire/mod.rs"]
mod wire;

mod decoding;
mod line;
mod messages;
mod reading;
mod sample;
mod streams;

/// Runs of each, unless `--sample-count` says otherwise: most take tens of milliseconds.
const SAMPLES: u32 = 20;

fn main() {
    divan::Divan::default().sample_count(SAMPLES).config_with_args().main();
}
