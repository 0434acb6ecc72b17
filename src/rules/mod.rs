//! What the facts mean: one file a rule, one verdict a connection.
//!
//! A rule sees facts, never a packet, and gives a [`Verdict`] or nothing. When several explain one
//! connection, [`Rank`] and then the order of [`RULES`] decides.

mod alike;
mod allowed;
mod browser_unanswered;
mod capture_incomplete;
mod certificate;
mod certificate_rejected_by_client;
mod client_certificate_missing;
mod client_hello_intolerance;
mod closed_after_client_hello;
mod deprecated_tls;
mod dh_group_too_small;
mod dhe_leading_zero;
mod dhe_statistics;
mod dhe_suite_hazard;
mod extended_master_secret_mismatch;
mod finding;
mod handshake_closed;
mod host_drops;
mod login;
mod lookup;
mod losses;
mod no_common_cipher_suite;
mod no_common_group;
mod no_common_signature_algorithm;
mod no_common_tls_version;
mod page;
mod path;
mod phrase;
mod prelogin;
mod provenance;
mod refusal;
mod registry;
mod remedy;
mod selection;
mod stalled;
mod suite_remedy;
mod syn;
mod syn_dropped;
#[cfg(test)]
pub(crate) mod tests;
mod weak_hash_certificate;

pub use alike::Alike;
pub use dhe_statistics::{DheRate, DheStatistics};
pub use finding::{
    Candidate, Clients, Compared, Confidence, Evidence, Finding, Lists, RuledOut, Severity, Step, Verdict,
};
pub(crate) use host_drops::tell_drops;
pub use lookup::{UnknownRule, find, nearest};
pub(crate) use losses::{tell_losses, weigh_losses};
pub use page::{Explanation, HEADINGS};
pub(crate) use phrase::duration;
pub(crate) use provenance::weigh as weigh_reset;
pub(crate) use registry::declare_rule;
pub use registry::{CaptureCase, Case, Check, Note, Rank, Rule, Ruling, ServerCase};
pub use selection::Selection;

/// Every rule, in order of code.
pub static RULES: &[&Rule] = &[
    &no_common_tls_version::RULE,
    &no_common_cipher_suite::RULE,
    &dhe_suite_hazard::RULE,
    &weak_hash_certificate::RULE,
    &dhe_leading_zero::RULE,
    &syn_dropped::RULE,
    &path::MIDDLEBOX,
    &path::NETWORK_LOSS,
    &syn::PORT_CLOSED,
    &syn::HOST_SILENT,
    &syn::HOST_UNREACHABLE,
    &syn::PORT_REUSE,
    &stalled::PRELOGIN_UNANSWERED,
    &prelogin::CLOSED,
    &prelogin::NOT_TDS,
    &prelogin::ENCRYPTION,
    &prelogin::STRICT_REQUIRED,
    &prelogin::STRICT_UNSUPPORTED,
    &browser_unanswered::RULE,
    &closed_after_client_hello::RULE,
    &no_common_group::RULE,
    &no_common_signature_algorithm::RULE,
    &dh_group_too_small::RULE,
    &certificate_rejected_by_client::RULE,
    &client_certificate_missing::RULE,
    &extended_master_secret_mismatch::RULE,
    &client_hello_intolerance::RULE,
    &stalled::HANDSHAKE_STALLED,
    &handshake_closed::BY_SERVER,
    &handshake_closed::BY_CLIENT,
    &deprecated_tls::RULE,
    &login::FAILED,
    &stalled::LOGIN_STALLED,
    &login::CLOSED_BY_SERVER,
    &login::CLIENT_CLOSED,
    &login::SESSION_CLOSED,
    &stalled::SESSION_STALLED,
    &path::IDLE_RESET,
    &login::REDIRECTED,
    &login::PLAINTEXT,
    &capture_incomplete::RULE,
];
