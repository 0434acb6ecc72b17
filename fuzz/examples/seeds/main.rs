//! Writes `seeds/`: what each target begins with, made of this repository's captures (`fixtures/`) and of what its tests
//! write. Seeds that stand there under other names are left alone.
//!
//! ```text
//! cd fuzz && cargo run --example seeds
//! ```

#![allow(dead_code, unreachable_pub, reason = "writers are shared with tests")]

#[path = "../../../src/batch/tests/archives.rs"]
mod archives;
#[path = "../../../tests/etl/writer.rs"]
mod etl_writer;
mod files;
mod messages;
mod steps;
mod talks;
#[path = "../../../tests/build/wire.rs"]
mod wire;
#[path = "../../../tests/tunnels/wrap.rs"]
mod wrap;
#[path = "../../../src/capture/tests/writers.rs"]
mod writers;

use std::fs;
use std::path::Path;

/// No seed is larger, in bytes: small ones are changed sooner in a place that matters.
const LARGEST: usize = 32 << 10;

fn main() {
    archived();
    files::write();
    messages::write();
    talks::write();
    steps::write();
}

/// Archives of small captures, one of which is compressed itself.
fn archived() {
    let (whole, packed) =
        (fixture("ok-browser.pcap"), archives::gzip(&fixture("r1-learned-rst.pcap")[..1500]));
    let long = "deep/".repeat(40) + "long.pcap";
    let files: [(&str, &[u8]); 4] = [
        ("one.pcap", &whole[..2000]),
        ("two.pcap.gz", &packed),
        ("read.me", b"hello"),
        (&long, &whole[..900]),
    ];
    let archives = [
        ("stored.zip", 0, archives::zip(&files, false, 0)),
        ("deflated.zip", 0, archives::zip(&files, true, 0)),
        ("encrypted.zip", 0, archives::zip(&files[..1], true, 1)),
        ("plain.tar", 1, archives::tar(&files)),
        ("packed.tgz", 2, archives::gzip(&archives::tar(&files))),
        ("packed.tar.zst", 2, archives::zstd(&archives::tar(&files))),
    ];
    for (name, kind, bytes) in archives {
        seed("archive", name, &[&[kind], bytes.as_slice()].concat());
    }
}

/// A folder of the repository.
fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Writes a seed of a target.
fn seed(target: &str, name: &str, bytes: &[u8]) {
    assert!(bytes.len() <= LARGEST, "{target}/{name} has {} bytes", bytes.len());
    let folder = folder("seeds").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

/// A capture of `fixtures/`.
fn fixture(name: &str) -> Vec<u8> {
    let path = folder("../fixtures/captures").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
