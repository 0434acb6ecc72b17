//! `tdscope extract`: the packets of a finding, in a capture that explains itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tdscope::analysis::{Analysis, Analyzer, Progress, Settings};
use tdscope::capture::{Chain, Input, open};
use tdscope::extract::{Content, Pick, Selection, Written, extract};

use super::analyze::{is_input, redactor};
use super::arguments::{Extent, inputs};
use super::progress::Bar;
use super::scope::{Memory, Scope};
use super::{UNREADABLE, complain, print};

/// Options of `tdscope extract`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ExtractOptions {
    /// Captures (as for analyze); several are read as one, by time. They are read more than once, so they must be
    /// files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    pick: Picked,

    /// With --finding: every connection of it that is listed, not only the first ten.
    #[arg(long, requires = "finding")]
    all: bool,

    /// Only packets of these connections: without the conversations that the evidence quotes, from which the cause may have
    /// been learnt.
    #[arg(long)]
    alone: bool,

    /// Write the packets to this file (pcapng).
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace addresses and names by others, as analyze --redact does with the same options, and blank what may hold names:
    /// logins, messages, data, certificate names. What cannot be read is cut.
    #[arg(long)]
    redact: bool,

    /// Write packets as they were captured. Otherwise passwords, tokens, statements and answers that were sent in clear are
    /// blank (zeros), and what cannot be told from them.
    #[arg(long, conflicts_with = "redact")]
    keep_secrets: bool,

    /// Times in this machine's time zone.
    #[arg(long)]
    local: bool,

    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    extent: Extent,

    #[command(flatten)]
    memory: Memory,
}

/// What is extracted.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Picked {
    /// This finding: 1 for the first of the report, 2 for the next.
    #[arg(long, value_name = "N")]
    finding: Option<usize>,

    /// This connection, by its id in the JSON report.
    #[arg(long, value_name = "ID")]
    connection: Option<u64>,
}

const EXIT_CODES: &str = "Exit code: 0 the packets were written, 2 there is no such finding or connection, a capture could not be read or \
the usage is wrong. Findings are counted as analyze shows them with the same options.";

/// Reads the captures, picks, and writes.
///
/// # Errors
/// When the outcome cannot be printed.
pub(crate) fn run(options: &ExtractOptions) -> io::Result<ExitCode> {
    match options.written() {
        Ok(written) => {
            print(&format!(
                "{}: {} packets, {} of them evidence, {} bytes\n",
                options.output.display(),
                written.packets,
                written.evidence,
                written.bytes
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(message) => {
            complain(&format!("tdscope: {message}"));
            Ok(ExitCode::from(UNREADABLE))
        }
    }
}

impl ExtractOptions {
    /// What the library is asked.
    fn settings(&self) -> Result<Settings, String> {
        let mut settings = self.scope.settings()?;
        self.memory.apply(&mut settings);
        self.extent.apply(&mut settings, self.local)?;
        Ok(settings)
    }

    fn written(&self) -> Result<Written, String> {
        let settings = self.settings()?;
        let inputs = inputs(&self.files);
        inputs.iter().try_for_each(readable_again)?;
        if is_input(&self.output, &self.scope, &inputs) {
            let name = self.output.display();
            return Err(format!("{name}: is one of the files read; name another for the packets"));
        }
        let bar = Bar::new(&inputs);
        let mut analysis =
            Analyzer::new(settings).run(&mut chain(&inputs), &mut |progress: Progress| bar.at(progress));
        bar.done();
        if let Some(error) = analysis.captures.iter().find_map(|capture| capture.error.as_ref()) {
            return Err(error.clone());
        }
        let pick = match (self.pick.finding, self.pick.connection) {
            (Some(number), _) => Pick::Finding { number, all: self.all },
            (None, id) => Pick::Connection(id.unwrap_or_default()),
        };
        let selection = Selection::new(&analysis, pick, !self.alone).map_err(|error| error.to_string())?;
        self.write(&mut analysis, selection, &inputs)
    }

    /// Writes under another name and renames: a file that bears its name is whole.
    fn write(
        &self,
        analysis: &mut Analysis,
        selection: Selection,
        inputs: &[Input],
    ) -> Result<Written, String> {
        let mut redactor = self.redact.then(|| redactor(self.scope.policy_files()));
        if let Some(redactor) = &mut redactor {
            redactor.redact(analysis);
        }
        let content = match &mut redactor {
            Some(redactor) => Content::Redacted(redactor),
            None if self.keep_secrets => Content::Everything,
            None => Content::WithoutSecrets,
        };
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", self.output.display());
        let part = part(&self.output);
        let file = create(&part).map_err(|error| format!("{}: {error}", part.display()))?;
        let mut out = BufWriter::new(file);
        let outcome = extract(analysis, selection, &mut || Box::new(chain(inputs)), content, &mut out)
            .map_err(|error| named(&error))
            .and_then(|written| {
                out.flush().map_err(|error| named(&error))?;
                drop(out);
                fs::rename(&part, &self.output).map_err(|error| named(&error))?;
                Ok(written)
            });
        if outcome.is_err() {
            // It was renamed, or nothing can be done.
            let _ = fs::remove_file(&part);
        }
        outcome
    }
}

fn chain(inputs: &[Input]) -> Chain {
    Chain::new((0_u32..).zip(inputs).map(|(file, input)| (input.name(), open(input, file))).collect())
}

/// Packets are looked up in a second reading.
fn readable_again(input: &Input) -> Result<(), String> {
    match input {
        Input::Stdin => {
            Err("standard input (-) can be read only once, and extract reads captures again: store it in a \
                             file first"
                .to_owned())
        }
        Input::Path(path) if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) => {
            let name = path.display();
            Err(format!(
                "{name}: is a pipe or device, and extract reads captures again: store it in a file first"
            ))
        }
        Input::Path(_) => Ok(()),
    }
}

fn part(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// Opens a new file. On Unix nobody but its owner can read it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
