//! The words that every report for people says: text, HTML and Markdown lay them out, and do not choose their own.

mod batch;
mod capture;
mod connection;
mod finding;
mod quantity;
mod server;
mod steps;
mod summary;
mod times;

pub(super) use batch::{
    all_logins, cause_line, extent, other_files, servers_of, since, spread, triage_verdict,
};
pub(super) use capture::{flaws, taken, was_taken};
pub(super) use connection::{ended, phase};
pub(super) use finding::{
    affected, cause, confidence, fits, more_like_it, names, same_remedy, short_names, span, symbol, who,
};
pub(super) use quantity::{count, grouped, stretch, times};
pub(super) use server::{accepted, by_need, certificate, day, flood, logged_in, what};
pub(super) use steps::{Ladder, Sender, Standing, Step as LadderStep};
pub(super) use summary::{Outcome, health_checks, input, left_out, logins, outcome, read, seen, verdict};
pub(super) use times::Times;
