//! What the shapes are made of: messages as bytes, conversations of segments, and the capture they go into.

mod capture;
pub(crate) mod certificate;
mod connection;
mod crowd;
mod random;
mod script;
pub(crate) mod tds;
pub(crate) mod tls;

pub(crate) use capture::{ACK, Capture, Endpoint, PSH, SYN, Segment};
pub(crate) use connection::Connection;
pub(crate) use crowd::{Crowd, Disorder, Kind, Truth};
pub(crate) use random::Random;
pub(crate) use script::{From, MSS, Script};
