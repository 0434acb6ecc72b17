//! Looks at captures, several at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::member::Member;
use super::summary::CaptureSummary;
use crate::analysis::{Analysis, Analyzer, Progress, Settings};
use crate::capture::{Chain, Error, ErrorKind, open_reader, plain_text};

/// Memory that looking at a capture takes at least, and at most with the limits as they are set by default, in bytes.
const LEAST: u64 = 16 << 20;
const MOST: u64 = 128 << 20;
/// What is compressed is taken to be so many times as large.
const PACKED: u64 = 8;

/// A capture to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The case that it belongs to.
    pub case: String,
    /// Its files in order.
    pub parts: Vec<Member>,
}

impl Job {
    /// The name of its first file.
    #[must_use]
    pub fn name(&self) -> String {
        self.parts.first().map(Member::name).unwrap_or_default()
    }

    /// Bytes that it takes on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }

    /// What decides when it is looked at: the largest first. What stands in one archive stays together and in its order,
    /// since a tar archive is read from its beginning to its end.
    fn weight(&self) -> u64 {
        let in_archive = self.parts.iter().any(|part| part.entry.is_some());
        let stored = self.parts.first().map(|part| part.stored).unwrap_or_default();
        if in_archive { stored } else { self.size() }
    }

    /// Memory that it may take.
    fn memory(&self) -> u64 {
        let of = |part: &Member| {
            let name = part.file_name().to_ascii_lowercase();
            let packed = part.entry.is_some() || name.ends_with(".gz") || name.ends_with(".zst");
            part.size.saturating_mul(if packed { PACKED } else { 1 })
        };
        self.parts.iter().map(of).sum::<u64>().saturating_add(LEAST).min(MOST)
    }

    /// Looks at it.
    fn look(&self, settings: Settings, progress: &mut dyn FnMut(Progress)) -> Analysis {
        let opened = (0_u32..).zip(&self.parts).map(|(file, part)| {
            let name = part.name();
            let source = part.open().map_err(|error| Error {
                path: name.clone(),
                kind: ErrorKind::Open { kind: error.kind(), text: plain_text(&error) },
            });
            let source = source.and_then(|reader| open_reader(reader, name.clone(), file));
            (name, source)
        });
        let mut chain = Chain::new(opened.collect());
        Analyzer::new(settings).run(&mut chain, progress)
    }
}

/// What hears how far a batch is. Called from several threads.
pub trait Watcher: Sync {
    /// So many bytes more of the files were read.
    fn read(&self, bytes: u64);

    /// The capture of this index is done; the analysis is there unless looking at it failed.
    fn done(&self, index: usize, summary: &CaptureSummary, analysis: Option<&Analysis>);
}

/// How captures are looked at.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What is asked of each.
    pub settings: Settings,
    /// Captures that are looked at at once; 0 for as many as there are processors.
    pub workers: usize,
    /// Bytes of memory for all that are looked at at once. One is looked at whatever it takes.
    pub memory: u64,
}

impl Batch {
    /// Looks at captures, the largest first, and gives what was found in their order. What is found in one does not depend
    /// on the others, nor on how many are looked at at once.
    #[must_use]
    pub fn run(&self, jobs: &[Job], watcher: &dyn Watcher) -> Vec<CaptureSummary> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers = if self.workers == 0 { processors } else { self.workers }.min(jobs.len()).max(1);
        // Few captures are looked at with several threads each.
        let settings = Settings { threads: (processors / workers).max(1), ..self.settings.clone() };
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|index| (std::cmp::Reverse(jobs.get(*index).map(Job::weight)), *index));
        let next = AtomicUsize::new(0);
        let room = Room { free: Mutex::new((self.memory, 0)), freed: Condvar::new() };
        let found: Vec<Mutex<Option<CaptureSummary>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                        let (Some(job), Some(place)) = (jobs.get(index), found.get(index)) else { return };
                        let memory = room.take(job.memory(), self.memory);
                        let summary = one(job, index, &settings, watcher);
                        room.give_back(memory);
                        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
                    }
                });
            }
        });
        let whole =
            |place: Mutex<Option<CaptureSummary>>| place.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().filter_map(whole).collect()
    }
}

fn one(job: &Job, index: usize, settings: &Settings, watcher: &dyn Watcher) -> CaptureSummary {
    let mut told = 0;
    let mut progress = |progress: Progress| {
        watcher.read(progress.bytes.saturating_sub(told));
        told = told.max(progress.bytes);
    };
    // A defect that one capture shows must not cost the others their verdicts.
    let looked = catch_unwind(AssertUnwindSafe(|| job.look(settings.clone(), &mut progress)));
    let analysis = looked.ok();
    let mut summary = match &analysis {
        Some(analysis) => CaptureSummary::of(analysis),
        None => CaptureSummary::unreadable(job.name(), "tdscope failed on it: this is a defect".to_owned()),
    };
    summary.case.clone_from(&job.case);
    watcher.read(job.size().saturating_sub(told));
    watcher.done(index, &summary, analysis.as_ref());
    summary
}

/// Memory that is shared: what is free, and how many have some.
struct Room {
    free: Mutex<(u64, usize)>,
    freed: Condvar,
}

impl Room {
    /// Waits until there is room, or nobody else has any; what was taken.
    fn take(&self, wanted: u64, all: u64) -> u64 {
        let wanted = wanted.min(all);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while free.0 < wanted && free.1 > 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free = (free.0.saturating_sub(wanted), free.1 + 1);
        wanted
    }

    fn give_back(&self, taken: u64) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = (free.0.saturating_add(taken), free.1.saturating_sub(1));
        self.freed.notify_all();
    }
}
