//! A line at the bottom of the terminal: how the watch is doing.

use std::io::{self, IsTerminal};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line; nothing unless standard error is a terminal.
pub(super) struct Status {
    bar: ProgressBar,
}

/// What it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) packets: u64,
    pub(super) dropped: u64,
    pub(super) logged_in: u64,
    pub(super) failed: u64,
    pub(super) memory: Option<u64>,
}

impl Status {
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows how it stands.
    pub(super) fn show(&self, standing: Standing) {
        if self.bar.is_hidden() {
            return;
        }
        let Standing { packets, dropped, logged_in, failed, memory } = standing;
        let memory = memory.map_or_else(String::new, |bytes| format!(", {} of memory", HumanBytes(bytes)));
        self.bar.set_message(format!(
            "{} packets, {} dropped, {} logins, {} failed{memory}",
            HumanCount(packets),
            HumanCount(dropped),
            HumanCount(logged_in),
            HumanCount(failed),
        ));
        self.bar.tick();
    }

    /// Takes the line away while something is said.
    pub(super) fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        self.bar.suspend(say)
    }

    /// Takes it away.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
