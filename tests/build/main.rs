//! Captures that no stack or kernel at hand produces, made frame by frame or by rewrapping recorded ones.
//!
//! The captures are checked in, as `built-*` in `fixtures/captures`, so that `tests/fixtures.rs` and other tools can
//! read them. The test here holds them to what would be written now; `TDSCOPE_UPDATE_BUILT=1` writes them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod file;
mod scenarios;
mod talk;
mod wire;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use scenarios::{formats, handshake, links, login, path};

/// Makes the bytes of a capture file.
type Make = fn() -> Vec<u8>;

/// File name, and what makes it. Names that end in `.gz` are compressed.
const BUILT: &[(&str, Make)] = &[
    ("built-vlan.pcap", links::vlan),
    ("built-qinq.pcap", links::qinq),
    ("built-null.pcap", links::null),
    ("built-ppp.pcap", links::ppp),
    ("built-ipv6-extensions.pcap", links::ipv6_extensions),
    ("built-offloaded.pcap", links::offloaded),
    ("built-big-endian.pcap", formats::big_endian),
    ("built-packet-blocks.pcapng", formats::packet_blocks),
    ("built-two-interfaces.pcapng", formats::two_interfaces),
    ("built-twice.pcapng", formats::twice),
    ("built-mars-closed.pcap", login::mars_closed),
    ("built-redirected-and-gone.pcap", login::redirected_and_gone),
    ("built-no-prelogin.pcap", login::no_prelogin),
    ("built-long-hello-dies.pcap", handshake::long_hello_dies),
    ("built-any-hello-dies.pcap", handshake::any_hello_dies),
    ("built-resumed-without-ems.pcap", handshake::resumed_without_extended_master_secret),
    ("built-resumed-without-ems-alert.pcap", handshake::resumed_without_extended_master_secret_alert),
    ("built-resumed-with-ems.pcap", handshake::resumed_with_extended_master_secret),
    ("built-reuse-challenged.pcap", path::reuse_challenged),
    ("built-reuse-refused.pcap", path::reuse_refused),
    ("built-reuse-after-close.pcap", path::reuse_after_close),
    ("built-reuse-stopped.pcap", path::reuse_of_a_stopped_service),
    ("built-scan.pcap.gz", path::scan),
    ("built-health-checks.pcap.gz", path::health_checks),
    ("built-forged-reset.pcap", path::forged_reset),
];

#[test]
fn the_checked_in_captures_are_not_stale() {
    let update = std::env::var_os("TDSCOPE_UPDATE_BUILT").is_some();
    let mut stale = Vec::new();
    for (name, make) in BUILT {
        let path = Path::new("fixtures/captures").join(name);
        let made = make();
        if stored(&path) != made && update {
            std::fs::write(&path, packed(&path, &made)).unwrap();
        }
        if stored(&path) != made {
            stale.push(*name);
        }
    }
    assert!(stale.is_empty(), "run TDSCOPE_UPDATE_BUILT=1 cargo test --test build; stale: {stale:?}");
}

#[test]
fn every_built_capture_is_made_here() {
    let mut kept: Vec<String> = std::fs::read_dir("fixtures/captures")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("built-"))
        .collect();
    kept.sort();
    let mut made: Vec<&str> = BUILT.iter().map(|(name, _)| *name).collect();
    made.sort_unstable();
    assert_eq!(kept, made);
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// What the file holds, unpacked; nothing when there is none.
fn stored(path: &PathBuf) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_default();
    if !is_packed(path) {
        return bytes;
    }
    let mut unpacked = Vec::new();
    let _ = flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked);
    unpacked
}

fn packed(path: &Path, bytes: &[u8]) -> Vec<u8> {
    if !is_packed(path) {
        return bytes.to_vec();
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
