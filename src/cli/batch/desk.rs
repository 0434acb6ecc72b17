//! Where it stands what is done: on standard error, in the state file, in pages and tables.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tdscope::analysis::Analysis;
use tdscope::batch::{CaptureSummary, Job, State, Watcher};
use tdscope::report::{Redactor, one_line};
use tdscope::rules::Severity;

use super::outputs::Folders;
use crate::cli::complain;

/// Hears what is done, and writes it down.
pub(super) struct Desk<'a> {
    jobs: &'a [Job],
    state: Option<&'a State>,
    folders: &'a Folders<'a>,
    /// What replaces names, when they are to be replaced.
    redactor: Option<Mutex<Redactor>>,
    pub(super) bar: ProgressBar,
    /// Lines instead of a bar.
    lines: bool,
    done: AtomicU64,
    /// The worst so far: severity, logins, and how to say it.
    worst: Mutex<Option<(Severity, u64, String)>>,
    /// It was told that the state cannot be written.
    told: AtomicBool,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        jobs: &'a [Job],
        known: usize,
        state: Option<&'a State>,
        folders: &'a Folders<'a>,
        quiet: bool,
    ) -> Self {
        let terminal = io::stderr().is_terminal();
        if known > 0 && !quiet {
            complain(&format!("tdscope: {known} captures have not changed since they were looked at"));
        }
        let bar = if terminal && !quiet {
            let bar = ProgressBar::with_draw_target(
                Some(jobs.iter().map(Job::size).fold(0, u64::saturating_add)),
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
            jobs,
            state,
            folders,
            redactor: None,
            bar,
            lines,
            done: AtomicU64::new(0),
            worst: Mutex::default(),
            told: AtomicBool::new(false),
        }
    }

    /// One that replaces names; captures must be told in order.
    pub(super) fn redacting(self, redactor: Redactor) -> Self {
        Self { redactor: Some(Mutex::new(redactor)), ..self }
    }

    /// What replaced names, and knows them all.
    pub(super) fn into_redactor(self) -> Option<Redactor> {
        self.redactor.map(|redactor| redactor.into_inner().unwrap_or_else(PoisonError::into_inner))
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

    fn looked(&self, analysis: &mut Analysis) {
        if let Some(redactor) = &self.redactor {
            redactor.lock().unwrap_or_else(PoisonError::into_inner).redact(analysis);
        }
    }

    fn done(&self, index: usize, summary: &mut CaptureSummary, analysis: Option<&Analysis>) {
        let job = self.jobs.get(index);
        if let Some(redactor) = &self.redactor {
            let mut redactor = redactor.lock().unwrap_or_else(PoisonError::into_inner);
            summary.case = redactor.case(&summary.case);
            if analysis.is_none() {
                summary.name = redactor.capture(&summary.name);
                summary.files = vec![summary.name.clone()];
            }
        }
        let readable = analysis.filter(|_| !summary.unreadable);
        if let Some(Err(error)) = readable.map(|analysis| self.folders.capture(summary, analysis)) {
            complain(&format!("tdscope: {error}"));
        }
        let noted = self.state.zip(job).map(|(state, job)| state.note(job, summary));
        if let Some(Err(error)) = noted
            && !self.told.swap(true, Ordering::Relaxed)
        {
            complain(&format!("tdscope: what is done cannot be remembered: {error}"));
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
            // Whoever reads this must know which file it is, and what it is called in the result.
            let name = job.map(Job::name).filter(|name| *name != summary.name);
            let name = name.map_or_else(|| summary.name.clone(), |name| format!("{name} ({})", summary.name));
            complain(&format!("tdscope: {done}/{all} {name}: {what}"));
        }
    }
}
