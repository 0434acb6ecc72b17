//! Every rule against literal facts: a case in which it speaks, and the neighbour that one would take for it.
//!
//! [`case`] builds the facts step by step; each file holds the cases of one group of rules as a table.

pub(crate) mod case;
mod certificate;
pub(crate) mod connection;
mod dhe;
mod dialogue;
mod handshake;
mod login;
mod notes;
pub(crate) mod offers;
mod path;
mod policies;
mod prelogin;
mod provenance;
mod registry;
mod remedies;
pub(crate) mod server;
mod stalled;
mod syn;
mod tls_refusal;
mod unheard;

use case::Example;

/// The cases of all groups.
pub(crate) fn examples() -> Vec<Example> {
    [
        tls_refusal::examples(),
        certificate::examples(),
        dhe::examples(),
        handshake::examples(),
        stalled::examples(),
        syn::examples(),
        path::examples(),
        prelogin::examples(),
        login::examples(),
        notes::examples(),
    ]
    .concat()
}
