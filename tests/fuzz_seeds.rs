//! Every fuzz target on everything that it begins with, and on every input that once broke it: as `fuzz/` runs them, without
//! libFuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "a test fails by panicking, and targets are shared with fuzz/"
)]

#[path = "schema/fits.rs"]
mod fits;
#[path = "mutations/random.rs"]
mod random;
#[path = "../fuzz/src/targets/mod.rs"]
mod targets;
#[path = "mutations/whole.rs"]
mod whole;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use random::Random;
use targets::{TARGETS, Target};

/// Places at which a seed is cut.
const CUTS: usize = 12;
/// Times that a seed is changed at random, in the same way each time.
const CHANGES: u64 = 24;

/// The files of a folder of `fuzz/`, in the order of their names.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn names(folder: &str) -> BTreeSet<String> {
    files(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Runs a target on a file and on what is left of it when it is cut; why that went wrong, if it did.
fn runs(run: Target, path: &Path) -> Result<(), String> {
    let bytes = fs::read(path).unwrap();
    let cuts = (0..CUTS).map(|cut| bytes.len() * cut / CUTS);
    for length in cuts.chain([bytes.len().saturating_sub(1), bytes.len()]) {
        let done = catch_unwind(AssertUnwindSafe(|| run(&bytes[..length])));
        done.map_err(|_| format!("{}, the first {length} bytes", path.display()))?;
    }
    for seed in 0..CHANGES {
        let changed = changed(&mut Random::new(seed), &bytes);
        let done = catch_unwind(AssertUnwindSafe(|| run(&changed)));
        done.map_err(|_| format!("{}, changed by {seed}", path.display()))?;
    }
    Ok(())
}

/// Bytes with a few changes: other bytes, lengths that are at a bound, parts that are gone, or there twice.
fn changed(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..=random.below(6) {
        let range = random.range(changed.len());
        match random.below(4) {
            0 => changed[range].iter_mut().take(4).for_each(|byte| *byte = random.next() as u8),
            1 => {
                let bound = *random.pick(&[0, 1, 0x7F, 0x80, 0xFF]);
                changed[range].iter_mut().take(4).for_each(|byte| *byte = bound);
            }
            2 => drop(changed.drain(range)),
            _ => {
                let part = changed[range.clone()].to_vec();
                changed.splice(range.start..range.start, part);
            }
        }
    }
    changed
}

#[test]
fn no_seed_and_no_regression_breaks_its_target() {
    let of = |(name, run): &(&str, Target)| {
        let all = files(&format!("seeds/{name}")).into_iter().chain(files(&format!("regressions/{name}")));
        all.map(|path| (*run, path)).collect::<Vec<_>>()
    };
    let all: Vec<(Target, PathBuf)> = TARGETS.iter().flat_map(of).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failures = Vec::new();
        while let Some((run, path)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(runs(*run, path).err());
        }
        failures
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_target_has_a_file_and_seeds_and_nothing_else_does() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
    assert!(names("regressions").is_subset(&targets), "{:?}", names("regressions"));
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target} is not built");
    }
}

#[test]
fn seeds_are_small() {
    let mut all = 0;
    for (name, _) in TARGETS {
        for path in files(&format!("seeds/{name}")) {
            let length = fs::metadata(&path).unwrap().len();
            assert!(length <= 32 << 10, "{} has {length} bytes", path.display());
            all += length;
        }
    }
    assert!(all <= 3 << 19, "{all} bytes of seeds");
}
