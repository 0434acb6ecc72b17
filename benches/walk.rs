//! Reads a pcap file from its first byte to its last and looks at nothing but the record headers: what any reader
//! must do at least. `cargo run --release --example walk -- FILE`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;

/// Bytes asked for at a time.
const BLOCK: usize = 256 << 10;
/// Lengths of the file's header and of a record's (draft-ietf-opsawg-pcap).
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

fn main() -> ExitCode {
    let Some(path) = env::args_os().nth(1) else {
        eprintln!("usage: walk FILE");
        return ExitCode::from(2);
    };
    match File::open(path).and_then(walk) {
        Ok((packets, bytes)) => {
            println!("packets {packets}\nbytes {bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("walk: {error}");
            ExitCode::from(2)
        }
    }
}

/// Counts the records of a little-endian file, and the bytes that they recorded.
fn walk(mut file: File) -> io::Result<(u64, u64)> {
    file.read_exact(&mut [0; FILE_HEADER])?;
    let mut block = vec![0; BLOCK];
    let (mut begin, mut end) = (0, 0);
    let (mut packets, mut bytes) = (0, 0);
    // What is left of a record that began in an earlier block.
    let mut skip = 0;
    loop {
        let there = block.get(begin..end).unwrap_or_default();
        let header = there.get(skip..).and_then(<[u8]>::first_chunk::<RECORD_HEADER>);
        if let Some([.., a, b, c, d, _, _, _, _]) = header {
            let recorded = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            packets += 1;
            bytes += recorded as u64;
            begin += skip + RECORD_HEADER;
            skip = recorded;
            continue;
        }
        let used = there.len().min(skip);
        skip -= used;
        block.copy_within(begin + used..end, 0);
        end -= begin + used;
        begin = 0;
        let read = file.read(block.get_mut(end..).unwrap_or_default())?;
        if read == 0 {
            return Ok((packets, bytes));
        }
        end += read;
    }
}
