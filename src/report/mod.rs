//! One exporter a format, each a pure function of an [`Analysis`](crate::analysis::Analysis) or a [`Triage`](crate::batch::Triage).

pub mod batch;
mod document;
pub mod events;
#[cfg(test)]
mod hostile;
pub mod html;
pub mod info;
pub mod json;
pub mod markdown;
#[cfg(feature = "parquet")]
pub mod parquet;
mod redact;
pub mod rules;
pub mod text;
mod words;

pub use crate::sanitize::one_line;
pub use redact::Redactor;
