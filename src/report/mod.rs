//! One exporter a format, each a pure function of an [`Analysis`](crate::analysis::Analysis).

pub mod events;
pub mod json;
mod redact;
pub mod rules;
mod sanitize;
pub mod text;

pub use redact::Redactor;
pub(crate) use sanitize::one_line;
