//! TCP connections rebuilt from segments: one table, two neutral directions, events.
//!
//! Read first: RFC 9293 3.8 (data communication), RFC 5961 (blind resets), RFC 7323 (timestamps). The table
//! knows nothing of TDS: it hands every connection's events to the [`Handler`] that was made for it, and the
//! handler says how much it still wants to hear ([`Interest`]).

mod connection;
mod delivery;
mod duplicate;
mod entry;
mod event;
mod glimpse;
mod half;
mod hops;
mod reset;
mod slots;
mod table;
mod tail;
#[cfg(test)]
mod tests;
mod tombstones;
mod waiting;

/// What events carry of the layer below.
pub use crate::capture::DropReason;
pub use crate::decode::{At, IcmpReason, Tunnel};
pub use entry::{Head, Tuple, TupleHasher};
pub use event::{
    Closed, Dir, Event, GapReason, HalfSummary, Handler, IDLE, Interest, IpIds, Key, Limits, Previous,
    ResetShape, Signal, TableCounts, Tunnelled, Woke,
};
pub use table::Table;
