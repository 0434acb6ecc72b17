//! Captures that are looked at, and what is remembered of them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

use super::super::{Batch, CaptureSummary, Inventory, Job, State, Stop, Triage, Watcher, chained};
use super::{Folder, fixture, pcap};
use crate::analysis::{Analysis, Settings};
use crate::facts::Time;

/// Hears which captures are done, and how many bytes were read.
#[derive(Default)]
struct Log(Mutex<(Vec<usize>, u64)>);

impl Watcher for Log {
    fn read(&self, bytes: u64) {
        self.0.lock().unwrap().1 += bytes;
    }

    fn done(&self, index: usize, _: &mut CaptureSummary, analysis: Option<&Analysis>) {
        assert!(analysis.is_some());
        self.0.lock().unwrap().0.push(index);
    }
}

fn jobs(folder: &Folder) -> Vec<Job> {
    let found = Inventory::of(&[folder.path().to_owned()]).members;
    let parts = |parts: Vec<super::super::Found>| parts.into_iter().map(|found| found.member).collect();
    chained(found, true)
        .into_iter()
        .map(|found| Job { case: "a case".to_owned(), parts: parts(found) })
        .collect()
}

fn captures() -> Folder {
    let folder = Folder::new();
    for entry in fs::read_dir("fixtures/captures").unwrap().take(24) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        folder.put(&name, &fixture(&name));
    }
    folder.put("empty.pcap", b"");
    folder.put("trace.etl", b"no capture at all");
    folder
}

fn batch(workers: usize, memory: u64) -> Batch {
    Batch { settings: Settings::default(), workers, memory, in_order: false, stop: Stop::default() }
}

#[test]
fn what_is_found_does_not_depend_on_how_many_are_looked_at_at_once() {
    let folder = captures();
    let jobs = jobs(&folder);
    let log = Log::default();
    let alone = batch(1, 1).run(&jobs, &log);
    assert_eq!(alone.len(), jobs.len());
    for (workers, memory) in [(2, 1), (5, 40 << 20), (0, u64::MAX)] {
        let log = Log::default();
        assert_eq!(batch(workers, memory).run(&jobs, &log), alone, "{workers} {memory}");
        let (mut done, read) = log.0.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, (0..jobs.len()).collect::<Vec<_>>());
        assert_eq!(read, jobs.iter().map(Job::size).sum::<u64>(), "the bar ends where it should");
    }
    let unreadable: Vec<&str> =
        alone.iter().filter(|capture| capture.unreadable).map(|capture| capture.name.as_str()).collect();
    assert_eq!(unreadable.len(), 2, "{unreadable:?}");
}

#[test]
fn a_triage_has_the_worst_first_and_counts_each_capture_once() {
    let folder = captures();
    let found = batch(0, u64::MAX).run(&jobs(&folder), &Log::default());
    let mut other_way = found.clone();
    other_way.reverse();
    let triage = Triage::of(found, Vec::new(), 0);
    assert_eq!(triage, Triage::of(other_way, Vec::new(), 0));
    let severities: Vec<_> =
        triage.captures.iter().map(|capture| capture.worst().map(|cause| cause.severity)).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    for cause in &triage.causes {
        let shows = |capture: &&CaptureSummary| {
            capture.findings.iter().any(|found| found.code == cause.code && found.severity == cause.severity)
        };
        assert_eq!(cause.captures, triage.captures.iter().filter(shows).count() as u64, "{}", cause.code);
        assert_eq!(cause.cases, 1);
    }
    assert!(triage.has_failed() && !triage.is_unreadable());
}

#[test]
fn what_was_found_is_remembered_until_something_changes() {
    let folder = captures();
    let state = folder.path().join("state.ndjson");
    let settings = Settings::default();
    let jobs = jobs(&folder);
    let found = batch(0, u64::MAX).run(&jobs, &Log::default());
    let half = jobs.len() / 2;
    {
        let state = State::open(&state, &settings).unwrap();
        assert!(jobs.iter().all(|job| state.found(job).is_none()));
        jobs.iter().zip(&found).take(half).for_each(|(job, found)| state.note(job, found).unwrap());
    }
    // Killed in the middle of a line.
    OpenOptions::new().append(true).open(&state).unwrap().write_all(b"{\"key\":{\"fi").unwrap();
    {
        let state = State::open(&state, &settings).unwrap();
        for (index, (job, found)) in jobs.iter().zip(&found).enumerate() {
            assert_eq!(state.found(job).as_ref(), (index < half).then_some(found));
        }
        jobs.iter().zip(&found).skip(half).for_each(|(job, found)| state.note(job, found).unwrap());
    }
    let again = State::open(&state, &Settings { threads: 7, ..settings.clone() }).unwrap();
    assert!(jobs.iter().zip(&found).all(|(job, found)| again.found(job).as_ref() == Some(found)));
    // Other options, another size, another time.
    let other = State::open(&state, &Settings { max_servers: 1, ..settings }).unwrap();
    assert!(jobs.iter().all(|job| other.found(job).is_none()));
    let mut job = jobs[0].clone();
    job.parts[0].size += 1;
    assert!(again.found(&job).is_none());
    let mut job = jobs[0].clone();
    job.parts[0].modified += 1;
    assert!(again.found(&job).is_none());
}

#[test]
fn files_of_a_ring_are_one_capture() {
    let folder = Folder::new();
    folder.put("x.pcap", &pcap(&[1_000_000_000, 2_000_000_000]));
    folder.put("x.pcap1", &pcap(&[3_000_000_000]));
    let found = batch(1, 1).run(&jobs(&folder), &Log::default());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].files.len(), found[0].packets), (2, 3));
    assert_eq!((found[0].first, found[0].last), (Some(Time(1_000_000_000)), Some(Time(3_000_000_000))));
}

#[test]
fn whoever_listens_in_order_hears_in_the_same_order_whatever_the_workers() {
    let folder = captures();
    let jobs = jobs(&folder);
    let heard = |workers: usize| {
        let log = Log::default();
        let found = Batch { in_order: true, ..batch(workers, u64::MAX) }.run(&jobs, &log);
        assert_eq!(found.len(), jobs.len());
        log.0.into_inner().unwrap().0
    };
    let alone = heard(1);
    assert_eq!(alone.len(), jobs.len());
    for workers in [2, 5, 16] {
        assert_eq!(heard(workers), alone);
    }
}

/// Stops the batch when the third capture is done.
struct Impatient<'a>(&'a Stop, Mutex<usize>);

impl Watcher for Impatient<'_> {
    fn read(&self, _: u64) {}

    fn done(&self, _: usize, _: &mut CaptureSummary, _: Option<&Analysis>) {
        let mut done = self.1.lock().unwrap();
        *done += 1;
        if *done == 3 {
            assert!(!self.0.stop());
        }
    }
}

#[test]
fn a_batch_that_is_stopped_gives_what_it_has() {
    let folder = captures();
    let jobs = jobs(&folder);
    for (workers, in_order) in [(1, false), (1, true), (4, false), (4, true)] {
        let batch = Batch { in_order, ..batch(workers, u64::MAX) };
        let found = batch.run(&jobs, &Impatient(&batch.stop, Mutex::new(0)));
        assert!((3..3 + workers).contains(&found.len()), "{} of {workers} {in_order}", found.len());
        assert!(found.iter().all(|capture| !capture.problems.contains(&"stopped".to_owned())));
        assert!(batch.run(&jobs, &Log::default()).is_empty(), "it stays stopped");
    }
}

/// Fails on some captures, and on those of which nothing is known too when it is `helpless`.
struct Clumsy {
    helpless: bool,
}

impl Watcher for Clumsy {
    fn read(&self, _: u64) {}

    fn done(&self, index: usize, _: &mut CaptureSummary, analysis: Option<&Analysis>) {
        assert!(index % 5 != 2 || (analysis.is_none() && !self.helpless), "meant to be");
    }
}

#[test]
fn a_watcher_that_fails_on_one_capture_hears_of_the_others() {
    let folder = captures();
    let jobs = jobs(&folder);
    let good = batch(1, 1).run(&jobs, &Log::default());
    for (workers, in_order, helpless) in [(1, false, false), (4, true, false), (4, true, true)] {
        let found = Batch { in_order, ..batch(workers, u64::MAX) }.run(&jobs, &Clumsy { helpless });
        assert_eq!(found.len(), jobs.len());
        for (index, (found, good)) in found.iter().zip(&good).enumerate() {
            if index % 5 == 2 {
                assert!(found.unreadable && found.problems[0].contains("this is a defect"), "{found:?}");
                assert_eq!(found.name, if helpless { "" } else { good.name.as_str() });
            } else {
                assert_eq!(found, good);
            }
        }
    }
}

#[test]
fn sizes_that_an_archive_lies_about_are_added_up_all_the_same() {
    let mut archive = Vec::new();
    for (name, size, at) in [("x.pcap", None, 1), ("x.pcap1", Some(1 << 63), 2)] {
        // As many packets as fill blocks of 512 bytes.
        let bytes = pcap(&[at * 1_000_000_000; 94]);
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(size.unwrap_or(bytes.len() as u64));
        header.set_cksum();
        archive.extend(header.as_bytes());
        archive.extend(bytes);
    }
    let folder = Folder::new();
    folder.put("x.tar", &archive);
    let jobs = jobs(&folder);
    let found = batch(1, 1).run(&jobs, &Log::default());
    assert_eq!((found.len(), found[0].files.len(), found[0].packets), (1, 2, 188));
    assert!(jobs[0].size() > 1 << 63);
}
