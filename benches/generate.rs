//! Writes a capture of some shape to standard output, as large as asked and the same for the same seed:
//! `cargo run --release --example generate -- logins --connections 60000 > logins.pcap`.
//! What it was meant to show goes to standard error, one line a kind of connection.

#![allow(clippy::indexing_slicing, reason = "what is indexed here was made here")]
#![allow(clippy::print_stderr, reason = "it is a command")]

mod shapes;
mod wire;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Parser;

use shapes::{Choices, Shape, Size};
use wire::Disorder;

/// Writes a capture to standard output, as pcap.
#[derive(Debug, Parser)]
struct Arguments {
    /// What traffic there is.
    shape: Shape,
    /// Size of the file: 500k, 100M, 10G (powers of ten).
    #[arg(long, value_parser = bytes, conflicts_with = "connections", default_value = "100M")]
    bytes: u64,
    /// Connections, instead of a size.
    #[arg(long)]
    connections: Option<u64>,
    /// Where the pseudo-random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Packets a second, instead of what is usual for the shape.
    #[arg(long)]
    rate: Option<u64>,
    /// Of disorder: segments of a connection that are shuffled together.
    #[arg(long)]
    window: Option<usize>,
    /// Of disorder: segments of a thousand that come twice.
    #[arg(long)]
    twice: Option<usize>,
    /// Of disorder: segments of a thousand that are lost.
    #[arg(long)]
    lost: Option<usize>,
}

impl Arguments {
    fn choices(&self) -> Choices {
        let usual = Choices::default();
        let disorder = Disorder {
            window: self.window.unwrap_or(usual.disorder.window),
            twice: self.twice.unwrap_or(usual.disorder.twice),
            lost: self.lost.unwrap_or(usual.disorder.lost),
        };
        Choices { seed: self.seed, rate: self.rate, disorder }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let size = arguments.connections.map_or(Size::Bytes(arguments.bytes), Size::Connections);
    match arguments.shape.write(size, arguments.choices(), io::stdout().lock()) {
        Ok(written) => {
            eprintln!("packets {}\nbytes {}", written.packets, written.bytes);
            for (name, count) in written.truth {
                eprintln!("{name} {count}");
            }
            ExitCode::SUCCESS
        }
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((end, 'k')) => (&text[..end], 1000),
        Some((end, 'M')) => (&text[..end], 1_000_000),
        Some((end, 'G')) => (&text[..end], 1_000_000_000),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "a number, then k, M or G".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}
