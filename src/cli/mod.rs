//! The command line: one file a command. The only place that prints.

mod analyze;
mod arguments;
mod extract;
mod live;
mod progress;
mod rule;
mod scope;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use tdscope::report::{events, json};

/// A cause of failure was found.
const FAILED: u8 = 1;
/// Usage was wrong, or an input could not be read at all.
const UNREADABLE: u8 = 2;

/// Parses the arguments, runs a command, and maps the outcome to an exit code.
pub(crate) fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Analyze(options) => analyze::run(&options),
        Command::Extract(options) => extract::run(&options),
        Command::Rule(options) => rule::run(&options),
        Command::Live(options) => live::run(&options),
        Command::Schema { live } => {
            let schema = if live { events::schema() } else { json::schema() };
            print(&schema).map(|()| ExitCode::SUCCESS)
        }
    };
    match outcome {
        Ok(code) => code,
        // A reader that has seen enough, such as `head`, is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("tdscope: {error}"));
            ExitCode::from(UNREADABLE)
        }
    }
}

/// Prints to standard output.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a line to standard error; if even that fails there is nobody to tell.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
