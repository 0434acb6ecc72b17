//! `tdscope live`: from network devices to causes, at once.

mod options;

#[cfg(feature = "live")]
mod figures;
#[cfg(feature = "live")]
mod outlet;
#[cfg(feature = "live")]
mod signals;
#[cfg(feature = "live")]
mod status;
#[cfg(feature = "live")]
mod watching;

use std::io;
use std::process::ExitCode;

pub(crate) use options::LiveOptions;

/// Says how to get a build that can.
///
/// # Errors
/// Never.
#[cfg(not(feature = "live"))]
pub(crate) fn run(_: &LiveOptions) -> io::Result<ExitCode> {
    super::complain(
        "tdscope: this build reads files only, it was made without libpcap. With Rust and libpcap's headers at hand \
         (Debian, Ubuntu: sudo apt-get install libpcap-dev; Fedora, RHEL: sudo dnf install libpcap-devel), in the \
         source folder: cargo install --path . --features live",
    );
    Ok(ExitCode::from(super::UNREADABLE))
}

/// Lists the devices, or watches them until it is told to stop.
///
/// # Errors
/// When nothing can be written any more.
#[cfg(feature = "live")]
pub(crate) fn run(options: &LiveOptions) -> io::Result<ExitCode> {
    if options.list { watching::list() } else { watching::watch(options) }
}
