//! Options of `tdscope batch`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use tdscope::batch::Found;
use tdscope::report::html;
use tdscope::rules::Severity;

use crate::cli::arguments::Least;
use crate::cli::scope::{Manner, Memory, Scope};

/// Bytes of a list of files, at most.
const LIST: u64 = 64 << 20;

/// Options of `tdscope batch`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BatchOptions {
    /// Captures, folders with captures in them at any depth, archives (.zip, .tar, .tar.gz, .tar.zst: read in place), or
    /// patterns such as 'traces/*.pcapng'.
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,

    /// Read more paths from this file, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,

    /// Form of the result.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub(super) format: Form,

    /// Write the result to this file instead of standard output, when it is complete.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// What a case is: captures are counted by it.
    #[arg(long, value_enum, default_value_t = CaseBy::Folder, value_name = "WHAT")]
    case_by: CaseBy,

    /// Take every file for a capture of its own. Otherwise the files of a ring (dumpcap, Wireshark, tcpdump), told by their
    /// names and times, are read as one.
    #[arg(long)]
    pub(super) no_chain: bool,

    /// Remember in this file what was found, and do not look again at captures that have not changed since (name, size, time;
    /// same options and version): a run that was stopped goes on.
    #[arg(long, value_name = "FILE")]
    pub(super) resume: Option<PathBuf>,

    /// Write to this folder a page for each capture that was read, and an index of them: index.html.
    #[arg(long, value_name = "FOLDER")]
    pub(super) reports: Option<PathBuf>,

    /// Write to this folder tables in Apache Parquet, for DuckDB, Spark or pandas: captures.parquet, findings.parquet, and
    /// in connections/ a file for each capture with its failing connections (at most 10,000) and some that did not fail.
    #[arg(long, value_name = "FOLDER")]
    pub(super) parquet: Option<PathBuf>,

    /// Replace addresses and the names of hosts, users, databases, applications, files and cases by others, everywhere in the
    /// same way: in the result, in pages and in tables. Progress on standard error keeps the names of files.
    #[arg(long, conflicts_with = "resume")]
    pub(super) redact: bool,

    /// List captures in which nothing failed, too.
    #[arg(long)]
    pub(super) all: bool,

    /// Show findings of at least this severity. The exit code does not change.
    #[arg(long, value_enum, default_value_t = Least::Info, value_name = "SEVERITY")]
    pub(super) min_severity: Least,

    /// Captures that are looked at at once [default: as many as there are processors].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) jobs: usize,

    /// Memory for all captures that are looked at at once, in MiB: large ones wait for each other.
    #[arg(long, value_name = "MIB", default_value_t = 512, help_heading = "Limits",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(super) max_memory: u64,

    /// No progress on standard error.
    #[arg(short, long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) scope: Scope,

    #[command(flatten)]
    pub(super) memory: Memory,

    #[command(flatten)]
    pub(super) manner: Manner,
}

const EXIT_CODES: &str = "Exit code: 0 nothing failed, 1 a cause of failure was found in a capture, 2 no capture could be read or the usage is wrong, \
130 stopped by Ctrl-C: what was done until then is in the result, which says how much was not.";

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people.
    Text,
    /// For programs: schema tdscope-batch/1 (`tdscope schema --batch`).
    Json,
    /// A line of JSON for each capture.
    Ndjson,
    /// A row for each finding of each capture.
    Csv,
    /// For a ticket.
    Markdown,
    /// A page for a browser.
    Html,
}

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CaseBy {
    /// The folder or the archive that a capture is in.
    Folder,
    /// What was named on the command line, or the first folder in it.
    Top,
    /// Each capture.
    File,
    /// All captures are one case.
    None,
}

impl BatchOptions {
    /// What was named, on the command line and in the list.
    pub(super) fn paths(&self) -> Result<Vec<PathBuf>, String> {
        let mut paths = self.paths.clone();
        if let Some(list) = &self.files_from {
            paths.extend(listed(list).map_err(|error| format!("{}: {error}", list.display()))?);
        }
        Ok(paths)
    }

    /// How a page looks.
    pub(super) fn document(&self) -> html::Style {
        html::Style { title: None, zone: self.manner.zone(), least: Severity::from(self.min_severity) }
    }

    pub(super) fn case_of(&self, first: &Found) -> String {
        let member = &first.member;
        let folder = match &member.entry {
            Some(_) => member.path.as_path(),
            None => member.path.parent().unwrap_or(Path::new("")),
        };
        let case = match self.case_by {
            CaseBy::File => return member.name(),
            CaseBy::None => return String::new(),
            CaseBy::Folder => folder.to_owned(),
            CaseBy::Top => {
                let below = folder.strip_prefix(&first.root).ok();
                let top = below.and_then(|below| below.components().next());
                top.map_or_else(|| first.root.clone(), |top| first.root.join(top))
            }
        };
        if case.as_os_str().is_empty() { ".".to_owned() } else { case.display().to_string() }
    }
}

/// Paths, one a line, and no more of them than a list has.
fn listed(list: &Path) -> io::Result<Vec<PathBuf>> {
    let reader: Box<dyn io::Read> =
        if list == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(list)?) };
    let lines = BufReader::new(io::Read::take(reader, LIST)).lines();
    let paths = lines.map(|line| line.map(|line| PathBuf::from(line.trim_end_matches('\r'))));
    paths.filter(|path| path.as_ref().map_or(true, |path| !path.as_os_str().is_empty())).collect()
}
