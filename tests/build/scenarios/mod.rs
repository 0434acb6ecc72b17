//! The captures, by what they are about.

pub(crate) mod formats;
pub(crate) mod handshake;
pub(crate) mod links;
pub(crate) mod login;
pub(crate) mod path;
