//! What a live watch keeps and tells.
//!
//! A watch sees packets once. The [`Recorder`] holds the latest of them in a `ring` of a fixed size; for a finding
//! it makes a `survey` of what the ring has to do with it, and writes that to a `new_file` which explains itself.
//! [`metrics`] puts the figures of a watch into the words of Prometheus, the [`exporter`] serves them, and
//! [`privileges`] are given up before any of it begins.

pub mod exporter;
pub mod metrics;
mod new_file;
pub mod privileges;
mod recorder;
mod ring;
mod survey;
#[cfg(test)]
mod tests;

pub use recorder::{Counts, Limit, Outcome, RecordedInterface, Recorder, RecorderSettings};
