//! `tdscope batch`: from folders and archives of captures to a triage.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};
use tdscope::analysis::{Analysis, Settings};
use tdscope::batch::{Batch, CaptureSummary, Found, Inventory, Job, State, Triage, Watcher, chained};
use tdscope::report::{batch, html, markdown, one_line, text};
use tdscope::rules::Severity;

use super::arguments::Least;
use super::scope::{Manner, Memory, Scope};
use super::{FAILED, UNREADABLE, complain};

/// Failing connections of a capture that are at hand for its page.
const SHOWN: usize = 500;
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
    format: Form,

    /// Write the result to this file instead of standard output, when it is complete.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What a case is: captures are counted by it.
    #[arg(long, value_enum, default_value_t = CaseBy::Folder, value_name = "WHAT")]
    case_by: CaseBy,

    /// Take every file for a capture of its own. Otherwise the files of a ring (dumpcap, Wireshark, tcpdump), told by their
    /// names and times, are read as one.
    #[arg(long)]
    no_chain: bool,

    /// Remember in this file what was found, and do not look again at captures that have not changed since (name, size, time;
    /// same options and version): a run that was stopped goes on.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,

    /// Write to this folder a page for each capture that was read, and an index of them: index.html.
    #[arg(long, value_name = "FOLDER")]
    reports: Option<PathBuf>,

    /// List captures in which nothing failed, too.
    #[arg(long)]
    all: bool,

    /// Show findings of at least this severity. The exit code does not change.
    #[arg(long, value_enum, default_value_t = Least::Info, value_name = "SEVERITY")]
    min_severity: Least,

    /// Captures that are looked at at once [default: as many as there are processors].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,

    /// Memory for all captures that are looked at at once, in MiB: large ones wait for each other.
    #[arg(long, value_name = "MIB", default_value_t = 512, help_heading = "Limits",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    max_memory: u64,

    /// No progress on standard error.
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    memory: Memory,

    #[command(flatten)]
    manner: Manner,
}

const EXIT_CODES: &str = "Exit code: 0 nothing failed, 1 a cause of failure was found in a capture, 2 no capture could be read or the usage is wrong.";

/// Form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
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

/// Looks at all captures, writes the result, and says by the exit code what was found.
///
/// # Errors
/// When the result cannot be written.
pub(crate) fn run(options: &BatchOptions) -> io::Result<ExitCode> {
    match prepared(options) {
        Ok((settings, inventory)) => triage(options, &settings, inventory),
        Err(message) => {
            complain(&format!("tdscope: {message}"));
            Ok(ExitCode::from(UNREADABLE))
        }
    }
}

/// What is asked, and of which captures.
fn prepared(options: &BatchOptions) -> Result<(Settings, Inventory), String> {
    let mut settings = options.scope.settings()?;
    options.memory.apply(&mut settings);
    // What is kept of a capture is its findings, and of connections what a page shows.
    settings.max_connections = if options.reports.is_some() { SHOWN } else { 0 };
    settings.healthy_exemplars = 0;
    let mut paths = options.paths.clone();
    if let Some(list) = &options.files_from {
        paths.extend(listed(list).map_err(|error| format!("{}: {error}", list.display()))?);
    }
    let inventory = Inventory::of(&paths);
    if let Some(output) =
        options.output.iter().chain(&options.resume).find(|path| is_capture(path, &inventory))
    {
        return Err(format!("{}: is one of the files read; name another", output.display()));
    }
    Ok((settings, inventory))
}

fn triage(options: &BatchOptions, settings: &Settings, inventory: Inventory) -> io::Result<ExitCode> {
    let jobs: Vec<Job> = chained(inventory.members, !options.no_chain)
        .into_iter()
        .filter_map(|parts| Some(Job { case: options.case_of(parts.first()?), parts: members(parts) }))
        .collect();
    let state = options.resume.as_deref().map(|path| State::open(path, settings)).transpose();
    let state = match state {
        Ok(state) => state,
        Err(error) => {
            let path = options.resume.as_deref().unwrap_or(Path::new(""));
            complain(&format!("tdscope: {}: {error}", path.display()));
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    let (mut known, mut fresh) = (Vec::new(), Vec::new());
    for job in jobs {
        match state.as_ref().and_then(|state| state.found(&job)) {
            // A page that is missing is written.
            Some(found)
                if options
                    .reports
                    .as_deref()
                    .is_none_or(|folder| found.unreadable || folder.join(page_of(&found)).exists()) =>
            {
                known.push(found);
            }
            Some(_) => fresh.push(job),
            None => fresh.push(job),
        }
    }
    let batch = Batch { settings: settings.clone(), workers: options.jobs, memory: options.max_memory << 20 };
    if let Some(folder) = &options.reports {
        fs::create_dir_all(folder)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    }
    let pages = options.reports.as_deref().map(|folder| (folder, options.document()));
    let desk = Desk { pages, ..Desk::new(&fresh, known.len(), state.as_ref(), options.quiet) };
    let mut found = batch.run(&fresh, &desk);
    desk.bar.finish_and_clear();
    found.append(&mut known);
    let problems = inventory.problems.into_iter().map(|problem| (problem.name, problem.why)).collect();
    let triage = Triage::of(found, problems, inventory.others);
    index(options, &triage)?;
    write(options, &triage)?;
    Ok(exit_code(options, &triage))
}

/// Writes the pages that link to those of the captures, in every order.
fn index(options: &BatchOptions, triage: &Triage) -> io::Result<()> {
    let Some(folder) = &options.reports else { return Ok(()) };
    let link = |capture: &CaptureSummary| {
        let file = page_of(capture);
        folder.join(&file).exists().then_some(file)
    };
    for (order, _, file) in html::Order::ALL {
        let path = folder.join(file);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut out = BufWriter::new(File::create(&path).map_err(named)?);
        html::triage(triage, &options.document(), Some(order), &link, &mut out).map_err(named)?;
        out.flush().map_err(named)?;
    }
    Ok(())
}

/// The file of a capture's page: letters of its name that every file system takes, and a digest of all of it.
fn page_of(capture: &CaptureSummary) -> String {
    let last = capture.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let letters: String = last.chars().take(60).map(plain).collect();
    let digest = Sha256::digest(capture.files.join("\n").as_bytes());
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{letters}-{digest}.html")
}

fn members(parts: Vec<Found>) -> Vec<tdscope::batch::Member> {
    parts.into_iter().map(|found| found.member).collect()
}

fn exit_code(options: &BatchOptions, triage: &Triage) -> ExitCode {
    if triage.is_unreadable() {
        ExitCode::from(UNREADABLE)
    } else if triage.has_failed() && !options.manner.exit_zero {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

impl BatchOptions {
    /// How a page looks.
    fn document(&self) -> html::Style {
        html::Style { title: None, zone: self.manner.zone(), least: Severity::from(self.min_severity) }
    }

    fn case_of(&self, first: &Found) -> String {
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

/// Writes the result: to a file only when it is complete.
fn write(options: &BatchOptions, triage: &Triage) -> io::Result<()> {
    let Some(path) = &options.output else {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let mut out = BufWriter::new(stdout.lock());
        report(options, triage, terminal, &mut out)?;
        return out.flush();
    };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut out = BufWriter::new(File::create(&part).map_err(named)?);
    report(options, triage, false, &mut out).and_then(|()| out.flush()).map_err(named)?;
    fs::rename(&part, path).map_err(named)
}

fn report(options: &BatchOptions, triage: &Triage, terminal: bool, out: &mut dyn Write) -> io::Result<()> {
    match options.format {
        Form::Json => batch::json(triage, out),
        Form::Ndjson => batch::lines(triage, out),
        Form::Csv => batch::csv(triage, out),
        Form::Markdown => markdown::triage(triage, &options.document(), out),
        Form::Html => html::triage(triage, &options.document(), None, &|_| None, out),
        Form::Text => {
            let least = Severity::from(options.min_severity);
            let style = options.manner.style(terminal, options.output.is_some(), least);
            text::triage(triage, &text::Style { all_connections: options.all, ..style }, out)
        }
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

fn is_capture(output: &Path, inventory: &Inventory) -> bool {
    let Ok(output) = fs::canonicalize(output) else { return false };
    let mut paths = inventory.members.iter().map(|found| &found.member.path);
    paths.any(|path| fs::canonicalize(path).is_ok_and(|path| path == output))
}

/// Where it stands what is done: on standard error, and in the state file.
struct Desk<'a> {
    jobs: &'a [Job],
    state: Option<&'a State>,
    /// Where the pages of captures are written, and how they look.
    pages: Option<(&'a Path, html::Style)>,
    bar: ProgressBar,
    /// Lines instead of a bar.
    lines: bool,
    done: AtomicU64,
    /// The worst so far: severity, logins, and how to say it.
    worst: Mutex<Option<(Severity, u64, String)>>,
    /// It was told that the state cannot be written.
    told: AtomicBool,
}

impl<'a> Desk<'a> {
    fn new(jobs: &'a [Job], known: usize, state: Option<&'a State>, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        if known > 0 && !quiet {
            complain(&format!("tdscope: {known} captures have not changed since they were looked at"));
        }
        let bar = if terminal && !quiet {
            let bar = ProgressBar::with_draw_target(
                Some(jobs.iter().map(Job::size).sum()),
                ProgressDrawTarget::stderr(),
            );
            if let Ok(style) =
                ProgressStyle::with_template("{bar:24} {percent}% of {total_bytes}, {eta} left, {wide_msg}")
            {
                bar.set_style(style);
            }
            bar
        } else {
            ProgressBar::hidden()
        };
        let lines = !terminal && !quiet;
        Self {
            pages: None,
            jobs,
            state,
            bar,
            lines,
            done: AtomicU64::new(0),
            worst: Mutex::default(),
            told: AtomicBool::new(false),
        }
    }

    /// Remembers the worst; what is the worst now.
    fn worst(&self, summary: &CaptureSummary) -> String {
        let Ok(mut worst) = self.worst.lock() else { return String::new() };
        if let Some(cause) = summary.worst() {
            let new = (cause.severity, cause.logins);
            if worst.as_ref().is_none_or(|(severity, logins, _)| (*severity, *logins) < new) {
                let text = format!("{} {} in {}", cause.code, cause.title, summary.name);
                *worst = Some((cause.severity, cause.logins, text));
            }
        }
        worst.as_ref().map(|(_, _, text)| format!(", worst: {text}")).unwrap_or_default()
    }
}

impl Watcher for Desk<'_> {
    fn read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn done(&self, index: usize, summary: &CaptureSummary, analysis: Option<&Analysis>) {
        if let (Some((folder, style)), Some(analysis), false) = (&self.pages, analysis, summary.unreadable) {
            let path = folder.join(page_of(summary));
            let written = File::create(&path).and_then(|file| {
                let mut out = BufWriter::new(file);
                html::write(analysis, style, &mut out).and_then(|()| out.flush())
            });
            if let Err(error) = written {
                complain(&format!("tdscope: {}: {error}", path.display()));
            }
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let worst = self.worst(summary);
        let all = self.jobs.len();
        self.bar.set_message(one_line(&format!("{done} of {all} captures{worst}")));
        if self.lines {
            let what = match (summary.unreadable, summary.worst()) {
                (true, _) => "cannot be read".to_owned(),
                (false, Some(cause)) => format!("{} failed; {} {}", summary.failed, cause.code, cause.title),
                (false, None) => "nothing failed".to_owned(),
            };
            complain(&format!("tdscope: {done}/{all} {}: {what}", summary.name));
        }
        let noted = self.state.zip(self.jobs.get(index)).map(|(state, job)| state.note(job, summary));
        if let Some(Err(error)) = noted
            && !self.told.swap(true, Ordering::Relaxed)
        {
            complain(&format!("tdscope: what is done cannot be remembered: {error}"));
        }
    }
}
