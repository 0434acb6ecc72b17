//! One exporter a format, each a pure function of an [`Analysis`](crate::analysis::Analysis).

pub mod json;
pub mod rules;
mod sanitize;
pub mod text;
