//! Looks at captures, several at a time.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::member::{Member, PACKED_ENDS};
use super::summary::CaptureSummary;
use crate::analysis::{Analysis, Analyzer, Progress, Settings};
use crate::capture::{Chain, Error, ErrorKind, Later, Source, open_reader, plain_text};

/// Memory that looking at a capture takes at least, and at most with the limits as they are set by default, in bytes.
const LEAST: u64 = 16 << 20;
const MOST: u64 = 128 << 20;
/// What is compressed is taken to be so many times as large.
const PACKED: u64 = 8;
/// What is said of a capture that showed a defect.
const DEFECT: &str = "tdscope failed on it: this is a defect";

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

    /// Bytes that it takes on disk; what an archive claims of its entries may be a lie.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).fold(0, u64::saturating_add)
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
            let packed = part.entry.is_some() || PACKED_ENDS.iter().any(|end| name.ends_with(end));
            part.size.saturating_mul(if packed { PACKED } else { 1 })
        };
        self.parts.iter().map(of).fold(LEAST, u64::saturating_add).min(MOST)
    }

    /// Looks at it; reading ends when it is stopped.
    fn look(&self, settings: Settings, stop: &Stop, progress: &mut dyn FnMut(Progress)) -> Analysis {
        let later = (0_u32..).zip(&self.parts).map(|(file, part)| {
            let (part, stop) = (part.clone(), stop.clone());
            let (path, begins) = (part.name(), part.begins.unwrap_or(i64::MIN));
            Later { path, begins, open: Box::new(move || opened(&part, file, stop)) }
        });
        Analyzer::new(settings).run(&mut Chain::in_turn(later.collect()), progress)
    }
}

/// A file of a capture, opened for reading until nobody wants more of it.
fn opened(part: &Member, file: u32, stop: Stop) -> Result<Box<dyn Source + Send>, Error> {
    let path = part.name();
    let failed = |error: io::Error| Error {
        path: path.clone(),
        kind: ErrorKind::Open { kind: error.kind(), text: plain_text(&error) },
    };
    let reader = part.open().map_err(failed)?;
    open_reader(Box::new(Stoppable { reader, stop }), path, file)
}

/// Ends a batch early, from any thread or signal handler.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// No more captures are looked at, and those that are being looked at are left; whether that was said before.
    pub fn stop(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether that was said.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What hears how far a batch is. Called from several threads.
pub trait Watcher: Sync {
    /// So many bytes more of the files were read.
    fn read(&self, bytes: u64);

    /// A capture was looked at. What is changed here is what its summary and [`Watcher::done`] see.
    fn looked(&self, analysis: &mut Analysis) {
        let _ = analysis;
    }

    /// The capture of this index is done; the analysis is there unless looking at it failed.
    fn done(&self, index: usize, summary: &mut CaptureSummary, analysis: Option<&Analysis>);
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
    /// The watcher hears of captures one at a time and always in the same order, whatever the number of workers.
    pub in_order: bool,
    /// What ends it early.
    pub stop: Stop,
}

impl Batch {
    /// Looks at captures, the largest first, and gives what was found in their order: nothing of those that it did not
    /// come to before it was stopped. What is found in one does not depend on the others, nor on how many are looked at at
    /// once.
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
        let tell = |index: usize, analysis: Option<Analysis>| {
            let (Some(job), Some(place)) = (jobs.get(index), found.get(index)) else { return };
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(told(job, index, analysis, watcher));
        };
        let turns = Turns::default();
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while !self.stop.is_stopped() {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        let Some(index) = order.get(turn).copied() else { return };
                        let Some(job) = jobs.get(index) else { return };
                        let memory = room.take(job.memory(), self.memory);
                        let analysis = self.looked(job, &settings, watcher);
                        room.give_back(memory);
                        if self.stop.is_stopped() {
                            turns.stop();
                        } else if self.in_order {
                            turns.take(turn, (index, analysis), &self.stop, &tell);
                        } else {
                            tell(index, analysis);
                        }
                    }
                });
            }
        });
        let whole =
            |place: Mutex<Option<CaptureSummary>>| place.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().filter_map(whole).collect()
    }

    /// What was found in a capture, unless looking at it failed.
    fn looked(&self, job: &Job, settings: &Settings, watcher: &dyn Watcher) -> Option<Analysis> {
        let mut told = 0;
        let mut progress = |progress: Progress| {
            watcher.read(progress.bytes.saturating_sub(told));
            told = told.max(progress.bytes);
        };
        // A defect that one capture shows must not cost the others their verdicts.
        let look = || job.look(settings.clone(), &self.stop, &mut progress);
        let analysis = catch_unwind(AssertUnwindSafe(look)).ok();
        watcher.read(job.size().saturating_sub(told));
        analysis
    }
}

/// The summary of what was found in a capture, once the watcher knows of it. A watcher that fails on what was found hears that
/// nothing was; those that wait for their turn must not wait for ever.
fn told(job: &Job, index: usize, analysis: Option<Analysis>, watcher: &dyn Watcher) -> CaptureSummary {
    let tell = |mut analysis: Option<Analysis>| {
        let mut summary = match &mut analysis {
            Some(analysis) => {
                watcher.looked(analysis);
                CaptureSummary::of(analysis)
            }
            None => CaptureSummary::unreadable(job.name(), DEFECT.to_owned()),
        };
        summary.case.clone_from(&job.case);
        watcher.done(index, &mut summary, analysis.as_ref());
        summary
    };
    let try_to = |analysis| catch_unwind(AssertUnwindSafe(|| tell(analysis))).ok();
    let summary = try_to(analysis).or_else(|| try_to(None));
    // Without its name: the watcher may have been about to replace it.
    summary.unwrap_or_else(|| CaptureSummary::unreadable(String::new(), DEFECT.to_owned()))
}

/// A capture that is read until nobody wants more of it.
struct Stoppable {
    reader: Box<dyn Read + Send>,
    stop: Stop,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_stopped() { Err(io::Error::other("stopped")) } else { self.reader.read(buffer) }
    }
}

/// Captures that were looked at, until it is their turn to be told of.
#[derive(Default)]
struct Turns {
    waiting: Mutex<Waiting>,
    moved: Condvar,
}

/// The capture of an index, and what was found in it.
type Looked = (usize, Option<Analysis>);

#[derive(Default)]
struct Waiting {
    /// By turn.
    looked: BTreeMap<usize, Looked>,
    /// Whose turn it is.
    next: usize,
    stopped: bool,
}

impl Turns {
    /// Captures that wait, at most.
    const MOST: usize = 64;

    /// Tells of a capture when those before it were told of, and of those that waited for it. Somebody is always at work
    /// at the one whose turn it is, and does not wait.
    fn take(&self, turn: usize, looked: Looked, stop: &Stop, tell: &dyn Fn(usize, Option<Analysis>)) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while turn != waiting.next && waiting.looked.len() >= Self::MOST && !waiting.stopped {
            waiting = self.moved.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.looked.insert(turn, looked);
        // The watcher may have enough in the middle of this.
        while !stop.is_stopped() {
            let next = waiting.next;
            let Some((index, analysis)) = waiting.looked.remove(&next) else { break };
            tell(index, analysis);
            waiting.next += 1;
        }
        waiting.stopped |= stop.is_stopped();
        self.moved.notify_all();
    }

    /// What waits is not told of any more.
    fn stop(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.moved.notify_all();
    }
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
