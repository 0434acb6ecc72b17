//! Progress on standard error, when it is a terminal and the files are long.

use std::fs;
use std::io::{self, IsTerminal};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tdscope::analysis::Progress;
use tdscope::capture::Input;

/// A bar of bytes read.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar for these inputs; it draws nothing unless standard error is a terminal.
    pub(crate) fn new(inputs: &[Input]) -> Self {
        if !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        // Pipes have no length: then the bar only counts.
        let length = inputs.iter().try_fold(0_u64, |sum, input| match input {
            Input::Path(path) => {
                fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|data| sum + data.len())
            }
            Input::Stdin => None,
        });
        let (bar, template) = match length {
            Some(length) => {
                (ProgressBar::new(length), "{bar:30} {percent}% of {total_bytes}, {msg}, {eta} left")
            }
            None => (ProgressBar::new_spinner(), "{bytes} read, {msg}"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows how far the reading is.
    pub(crate) fn at(&self, progress: Progress) {
        self.bar.set_message(format!("{} packets", HumanCount(progress.packets)));
        self.bar.set_position(progress.bytes);
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
