//! What the facts mean: one file a rule, one verdict a connection.
//!
//! A rule sees facts, never a packet, and gives a [`Verdict`] or nothing. When several explain one
//! connection, [`Rank`] and then the order of [`RULES`] decides.

mod certificate;
mod certificate_rejected_by_client;
mod closed_after_client_hello;
mod dh_group_too_small;
mod dhe_leading_zero;
mod dhe_suite_hazard;
mod finding;
mod handshake_closed;
mod no_common_cipher_suite;
mod no_common_group;
mod no_common_signature_algorithm;
mod no_common_tls_version;
mod phrase;
mod refusal;
mod registry;
mod stalled;
mod weak_hash_certificate;

pub use finding::{Candidate, Clients, Confidence, Evidence, Finding, RuledOut, Severity, Verdict};
pub(crate) use registry::declare_rule;
pub use registry::{CaptureCase, Case, Check, Note, Rank, Rule, Ruling, ServerCase};

/// Every rule, in order of code.
pub static RULES: &[&Rule] = &[];
