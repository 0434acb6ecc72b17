//! `tdscope info`: what captures are.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tdscope::analysis::{Inspection, Progress, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::info;
use tdscope::rules::Severity;

use super::UNREADABLE;
use super::arguments::inputs;
use super::progress::Bar;
use super::scope::Memory;
use super::terminal::style;

/// Options of `tdscope info`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 every file was read, 2 one could not be read at all or the usage is wrong."
)]
pub(crate) struct InfoOptions {
    /// Captures, each by itself; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Form of the report.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,

    /// A port where SQL Server listens. TDS is recognised on any port; this adds certainty where nothing was said. May be
    /// given several times.
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    port: Vec<u16>,

    /// Times in this machine's time zone, with the offset. JSON stays in UTC.
    #[arg(long)]
    local: bool,

    #[command(flatten)]
    memory: Memory,
}

/// Form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs: schema tdscope-info/1 (`tdscope schema --info`).
    Json,
}

/// Reads each file and says what it is.
///
/// # Errors
/// When the report cannot be written.
pub(crate) fn run(options: &InfoOptions) -> io::Result<ExitCode> {
    let mut settings = Settings::default();
    options.memory.apply(&mut settings);
    settings.filter.ports.clone_from(&options.port);
    let files: Vec<Inspection> =
        inputs(&options.files).iter().map(|input| inspected(input, &settings)).collect();
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = BufWriter::new(stdout.lock());
    match options.format {
        Form::Json => info::json(&files, &mut out)?,
        Form::Text => {
            let zone = if options.local { jiff::tz::TimeZone::system() } else { jiff::tz::TimeZone::UTC };
            let style = tdscope::report::text::Style { zone, least: Severity::Info, ..style(terminal) };
            info::text(&files, &style, &mut out)?;
        }
    }
    out.flush()?;
    let unreadable = files.iter().any(|file| file.capture.error.is_some() && file.capture.packets == 0);
    Ok(if unreadable { ExitCode::from(UNREADABLE) } else { ExitCode::SUCCESS })
}

fn inspected(input: &Input, settings: &Settings) -> Inspection {
    let mut chain = Chain::new(vec![(input.name(), open(input, 0))]);
    let bar = Bar::new(std::slice::from_ref(input));
    let inspection = Inspection::of(&mut chain, settings.clone(), &mut |progress: Progress| bar.at(progress));
    bar.done();
    inspection
}
