//! What the system asks of the watch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cli::INTERRUPTED;

/// Signals that came.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    summary: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on. A second SIGINT or SIGTERM ends the process at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn new() -> io::Result<Self> {
        let signals = Self { stop: Arc::default(), summary: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(&signals.stop))?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGUSR1, Arc::clone(&signals.summary))?;
        Ok(signals)
    }

    /// Whether to stop.
    pub(super) fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether somebody asked for a summary since this was asked last.
    pub(super) fn summary(&self) -> bool {
        self.summary.swap(false, Ordering::Relaxed)
    }
}
