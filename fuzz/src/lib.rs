//! What the fuzz targets of `fuzz_targets/` do, as plain functions on bytes: `tests/fuzz_seeds.rs` runs the same on every
//! seed, without libFuzzer.
//!
//! A target fails by panicking: when tdscope panics, and when what it says cannot be true of the bytes.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[path = "../../tests/schema/fits.rs"]
mod fits;
#[path = "../../tests/mutations/random.rs"]
#[allow(dead_code, reason = "what changes captures is not needed here")]
mod random;
pub mod targets;
#[path = "../../tests/mutations/whole.rs"]
mod whole;
