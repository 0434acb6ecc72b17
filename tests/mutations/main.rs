//! No bytes make tdscope panic, hang or eat memory, and whatever they are, what is written of them is valid and harmless.
//!
//! Captures of `fixtures/` are changed at random, always in the same way for the same seed. `cargo test` tries a few hundred
//! of them. For a long run, on all processors, with checks of overflow:
//!
//! ```text
//! CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
//! CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
//! TDSCOPE_MUTATIONS=1000000 TDSCOPE_SEED=1 cargo test --release --test mutations -- --nocapture
//! ```
//!
//! Seeds follow each other. What failed is told with its seed, and stored beside the build: `TDSCOPE_SEED` with it and
//! `TDSCOPE_MUTATIONS=1` try it again. That memory is bounded is seen when there is little of it: build first, then run
//! the same command behind `ulimit -v 1000000` (KiB); on Linux the most that was taken is told at the end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "a test fails by panicking, a long run says how far it is, and writers are shared with others"
)]

mod change;
#[path = "../etl/writer.rs"]
mod etl_writer;
#[path = "../schema/fits.rs"]
mod fits;
mod random;
mod stock;
mod whole;
#[path = "../tunnels/wrap.rs"]
mod wrap;
#[path = "../../src/capture/tests/writers.rs"]
mod writers;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use random::Random;
use stock::Capture;
use whole::{Schemas, goes_well};

/// Mutations that are tried unless told otherwise.
const FEW: u64 = 400;
/// Failures after which no more are looked for.
const ENOUGH: usize = 20;
/// What takes so long hangs.
const HANGS: Duration = Duration::from_secs(60);
/// Time between two words of a long run.
const SILENCE: Duration = Duration::from_secs(30);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Mutations that are being tried.
struct Run<'a> {
    stock: &'a [Capture],
    schemas: &'a Schemas,
    first: u64,
    count: u64,
    /// The next that nobody tries yet.
    next: AtomicU64,
    /// What each worker is at, and since when.
    at: Vec<Mutex<Option<(u64, Instant)>>>,
    enough: AtomicBool,
    failures: Mutex<Vec<String>>,
}

impl Run<'_> {
    fn work(&self, worker: usize) {
        while !self.enough.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.count {
                return;
            }
            let seed = self.first.wrapping_add(number);
            *self.at[worker].lock().unwrap() = Some((seed, Instant::now()));
            let file = change::mutated(&mut Random::new(seed), self.stock);
            if let Err(why) = goes_well(seed, &file, self.schemas) {
                self.fail(seed, &file, &why);
            }
            *self.at[worker].lock().unwrap() = None;
        }
    }

    fn fail(&self, seed: u64, file: &[u8], why: &str) {
        let path = stored(seed, file);
        let text = format!("seed {seed} ({}): {why}", path.display());
        eprintln!("{text}");
        let mut failures = self.failures.lock().unwrap();
        failures.push(text);
        self.enough.fetch_or(failures.len() >= ENOUGH, Ordering::Relaxed);
    }

    /// Tells how far it is until there is nothing more to hear, and ends everything when somebody hangs.
    fn overlook(&self, done: &mpsc::Receiver<()>) {
        let (begun, mut told) = (Instant::now(), Instant::now());
        while done.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
            for at in &self.at {
                if let Some((seed, since)) = *at.lock().unwrap()
                    && since.elapsed() > HANGS
                {
                    let file = change::mutated(&mut Random::new(seed), self.stock);
                    eprintln!("seed {seed} ({}) hangs", stored(seed, &file).display());
                    std::process::abort();
                }
            }
            if told.elapsed() > SILENCE {
                told = Instant::now();
                let number = self.next.load(Ordering::Relaxed);
                let failed = self.failures.lock().unwrap().len();
                eprintln!(
                    "{number} of {} in {:?}, {failed} failed, {}",
                    self.count,
                    begun.elapsed(),
                    memory()
                );
            }
        }
    }
}

/// Keeps what failed.
fn stored(seed: u64, file: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("mutation-{seed}.bin"));
    std::fs::write(&path, file).unwrap();
    path
}

/// The most memory that was taken, where the system tells (Linux).
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    format!("at most {} of memory", peak.map_or("an unknown amount", str::trim))
}

#[test]
fn no_bytes_do_harm() {
    let stock = stock::captures();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let run = Run {
        stock: &stock,
        schemas: &Schemas::new(),
        first: number("TDSCOPE_SEED", 1),
        count: number("TDSCOPE_MUTATIONS", FEW),
        next: AtomicU64::new(0),
        at: (0..workers).map(|_| Mutex::new(None)).collect(),
        enough: AtomicBool::new(false),
        failures: Mutex::default(),
    };
    let (working, done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        for worker in 0..workers {
            let (run, working) = (&run, working.clone());
            scope.spawn(move || {
                run.work(worker);
                drop(working);
            });
        }
        drop(working);
        run.overlook(&done);
    });
    eprintln!("{} mutations from seed {}, {}", run.count, run.first, memory());
    let failures = run.failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_others_give_others() {
    let stock = stock::captures();
    let of = |seed| change::mutated(&mut Random::new(seed), &stock);
    let files: std::collections::BTreeSet<Vec<u8>> = (0..100).map(of).collect();
    assert!(files.len() > 90, "{}", files.len());
    assert!((0..100).all(|seed| files.contains(&of(seed))));
}
