//! One exporter a format, each a pure function of an [`Analysis`](crate::analysis::Analysis) or a [`Triage`](crate::batch::Triage).

pub mod batch;
pub mod events;
pub mod json;
pub mod rules;
mod sanitize;
pub mod text;

pub use sanitize::one_line;
