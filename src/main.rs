//! The `tdscope` command.

use std::process::ExitCode;

mod cli;

/// Connections come and go by the million, each with what was read of it: a tenth of all time went into the system's allocator.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
