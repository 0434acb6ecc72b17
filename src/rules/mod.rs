//! What the facts mean: one file a rule, one verdict a connection.
//!
//! A rule sees facts, never a packet, and gives a [`Verdict`] or nothing. When several explain one
//! connection, [`Rank`] and then the order of [`RULES`] decides.

mod finding;
mod registry;

pub use finding::{Candidate, Clients, Confidence, Evidence, Finding, RuledOut, Severity, Verdict};
pub use registry::{CaptureCase, Case, Check, Note, Rank, Rule, Ruling, ServerCase};

/// Every rule, in order of code.
pub static RULES: &[&Rule] = &[];
