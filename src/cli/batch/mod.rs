//! `tdscope batch`: from folders and archives of captures to a triage.

mod desk;
mod options;
mod outputs;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use tdscope::analysis::Settings;
use tdscope::batch::{Batch, CaptureSummary, Inventory, Job, State, Stop, Triage, chained};
use tdscope::report::Redactor;

use super::analyze::redactor;
use super::{FAILED, INTERRUPTED, UNREADABLE, complain};
use desk::Desk;
pub(crate) use options::BatchOptions;
use outputs::Folders;

/// Looks at all captures, writes the result, and says by the exit code what was found.
///
/// # Errors
/// When the result cannot be written.
pub(crate) fn run(options: &BatchOptions) -> io::Result<ExitCode> {
    match prepared(options) {
        Ok(prepared) => triage(options, prepared),
        Err(message) => {
            complain(&format!("tdscope: {message}"));
            Ok(ExitCode::from(UNREADABLE))
        }
    }
}

/// What is to be done.
struct Prepared<'a> {
    settings: Settings,
    inventory: Inventory,
    folders: Folders<'a>,
    state: Option<State>,
}

/// What is asked, and of which captures.
fn prepared(options: &BatchOptions) -> Result<Prepared<'_>, String> {
    let mut settings = options.scope.settings()?;
    options.memory.apply(&mut settings);
    let inventory = Inventory::of(&options.paths()?);
    let mut written = options.output.iter().chain(&options.resume);
    if let Some(output) = written.find(|path| is_capture(path, &inventory)) {
        return Err(format!("{}: is one of the files read; name another", output.display()));
    }
    let folders = Folders::prepared(options)?;
    // What is kept of a capture is its findings, and of connections what is written of them.
    settings.max_connections = folders.connections();
    if !folders.healthy() {
        settings.healthy_exemplars = 0;
    }
    let state = options
        .resume
        .as_deref()
        .map(|path| State::open(path, &settings).map_err(|error| format!("{}: {error}", path.display())));
    Ok(Prepared { settings, inventory, folders, state: state.transpose()? })
}

fn triage(options: &BatchOptions, prepared: Prepared<'_>) -> io::Result<ExitCode> {
    let Prepared { settings, inventory, folders, state } = prepared;
    let jobs = jobs(options, inventory.members);
    let (mut found, fresh) = known(jobs, state.as_ref(), &folders);
    let stop = Stop::default();
    stop_on_interrupt(&stop);
    let batch = Batch {
        settings,
        workers: options.jobs,
        memory: options.max_memory << 20,
        in_order: options.redact,
        stop: stop.clone(),
    };
    let mut desk = Desk::new(&fresh, found.len(), state.as_ref(), &folders, options.quiet);
    if options.redact {
        desk = desk.redacting(redactor(options.scope.policy_files()));
    }
    let done = batch.run(&fresh, &desk);
    desk.bar.finish_and_clear();
    let not_looked_at = fresh.len().saturating_sub(done.len()) as u64;
    found.extend(done);
    let mut problems = inventory.problems;
    if let Some(redactor) = desk.into_redactor() {
        redact(redactor, &mut problems);
    }
    let triage = Triage { not_looked_at, ..Triage::of(found, problems, inventory.others) };
    folders.all(&triage)?;
    for stranger in folders.strangers(&triage) {
        complain(&format!("tdscope: {}: belongs to no capture of this run: remove it", stranger.display()));
    }
    outputs::result(options, &triage)?;
    Ok(exit_code(options, &triage, &stop))
}

fn jobs(options: &BatchOptions, members: Vec<tdscope::batch::Found>) -> Vec<Job> {
    chained(members, !options.no_chain)
        .into_iter()
        .filter_map(|parts| {
            let case = options.case_of(parts.first()?);
            Some(Job { case, parts: parts.into_iter().map(|found| found.member).collect() })
        })
        .collect()
}

/// What an earlier run found, as far as what it wrote is there, and what is to be looked at.
fn known(jobs: Vec<Job>, state: Option<&State>, folders: &Folders<'_>) -> (Vec<CaptureSummary>, Vec<Job>) {
    let (mut known, mut fresh) = (Vec::new(), Vec::new());
    for job in jobs {
        match state.and_then(|state| state.found(&job)).filter(|found| folders.have(found)) {
            Some(found) => known.push(found),
            None => fresh.push(job),
        }
    }
    (known, fresh)
}

/// The first Ctrl-C ends the batch with what is done; the second ends the process.
fn stop_on_interrupt(stop: &Stop) {
    let stop = stop.clone();
    let handled = ctrlc::set_handler(move || {
        if stop.stop() {
            #[expect(clippy::exit, reason = "whoever asks twice wants it now; what is written is whole")]
            std::process::exit(i32::from(INTERRUPTED));
        }
        complain("tdscope: stopping: the result has what is done so far; again to leave at once");
    });
    // Without a handler it ends as any program does.
    drop(handled);
}

fn redact(mut redactor: Redactor, problems: &mut [tdscope::batch::Problem]) {
    for problem in problems {
        let name = redactor.file(&problem.name);
        problem.why = redactor.text(&problem.why);
        problem.name = name;
    }
}

fn exit_code(options: &BatchOptions, triage: &Triage, stop: &Stop) -> ExitCode {
    if stop.is_stopped() {
        ExitCode::from(INTERRUPTED)
    } else if triage.is_unreadable() {
        ExitCode::from(UNREADABLE)
    } else if triage.has_failed() && !options.manner.exit_zero {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

fn is_capture(output: &Path, inventory: &Inventory) -> bool {
    let Ok(output) = fs::canonicalize(output) else { return false };
    let mut paths = inventory.members.iter().map(|found| &found.member.path);
    paths.any(|path| fs::canonicalize(path).is_ok_and(|path| path == output))
}
