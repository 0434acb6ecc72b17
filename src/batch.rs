//! Many captures at once: which of them hold a cause of failure, which, at which server, since when.
//!
//! [`Inventory`] lists the captures in folders and archives; [`chained`] puts the files of a ring together; [`Batch`] looks
//! at them, several at a time, within one budget of memory; [`State`] remembers what was found, for a run that goes on
//! where another ended; [`Triage`] folds it. What is kept of a capture is a [`CaptureSummary`], whatever its size.

mod archive;
mod bounded;
mod chain;
mod inventory;
mod member;
mod run;
mod state;
mod summary;
#[cfg(test)]
mod tests;
mod triage;

pub use chain::chained;
pub use inventory::{Found, Inventory, Problem};
pub use member::{Entry, Member};
pub use run::{Batch, Job, Stop, Watcher};
pub use state::State;
pub use summary::{CaptureSummary, Cause};
pub use triage::{FoldedCause, Triage};
