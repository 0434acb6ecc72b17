//! The command line: one file a command. The only place that prints.

mod analyze;
mod arguments;
mod batch;
mod extract;
mod info;
mod live;
mod progress;
mod rule;
mod scope;
mod terminal;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use tdscope::report::{self, events, json, one_line};

/// A cause of failure was found.
const FAILED: u8 = 1;
/// Usage was wrong, or an input could not be read at all.
const UNREADABLE: u8 = 2;
/// A Ctrl-C ended it (128 and the number of the signal, as shells have it).
const INTERRUPTED: u8 = 130;

/// Parses the arguments, runs a command, and maps the outcome to an exit code.
pub(crate) fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Analyze(options) => analyze::run(&options),
        Command::Extract(options) => extract::run(&options),
        Command::Info(options) => info::run(&options),
        Command::Rule(options) => rule::run(&options),
        Command::Live(options) => live::run(&options),
        Command::Batch(options) => batch::run(&options),
        Command::Schema { live, batch, info } => {
            let schema = match (live, batch) {
                (true, _) => events::schema(),
                (_, true) => report::batch::schema(),
                _ if info => report::info::schema(),
                _ => json::schema(),
            };
            print(&schema).map(|()| ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tdscope", &mut script);
            print(&String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
        }
        Command::Man { folder } => man(&folder).map(|()| ExitCode::SUCCESS),
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

/// Writes a page for the program and one for each command.
fn man(folder: &Path) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder))
        .map_err(named)
}

/// Prints to standard output.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a line to standard error, whatever the names in it are made of; if even that fails there is nobody to tell.
fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", one_line(line));
}
