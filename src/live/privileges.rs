//! Gives up what was needed to open the devices.
//!
//! A watch runs for weeks over bytes that anybody may send, so once its devices are open it keeps nothing that would
//! be of use to whoever took it over. `unsafe` is forbidden here, so two crates make the system calls. `rustix`, which
//! the command line draws in anyway, has capabilities, `no_new_privs` and `dumpable`; `caps` has but the first. It does
//! not look up users, and reading `/etc/passwd` would miss those of a directory (sssd, Active Directory): `nix` asks
//! the C library, and changes user by it.

#[cfg(all(target_os = "linux", feature = "live"))]
mod linux;

#[cfg(all(target_os = "linux", feature = "live"))]
pub use linux::{drop_to, resident_memory};

use std::io;

/// Why privileges were not given up. The process must not go on: some may be gone and others not.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Linux alone, and with the feature `live`.
    #[error("privileges cannot be given up on this system")]
    Unsupported,
    /// The system knows nobody of this name.
    #[error("there is no user {0:?}")]
    UnknownUser(String),
    /// The user named is root itself.
    #[error("user {0:?} is root: nothing would be given up")]
    Root(String),
    /// Each thread has privileges of its own, and only those of the calling one can be given up.
    #[error("privileges cannot be given up: {0} threads are running")]
    Threads(usize),
    /// The system refused a step.
    #[error("cannot {step}: {error}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// All steps succeeded, and still this is left.
    #[error("{0} not given up, though the system said so")]
    Kept(&'static str),
}

/// Says that it is not possible here.
///
/// # Errors
/// Always.
#[cfg(not(all(target_os = "linux", feature = "live")))]
pub const fn drop_to(_user: Option<&str>) -> Result<(), PrivilegeError> {
    Err(PrivilegeError::Unsupported)
}

/// Resident memory of this process in bytes: not known here.
#[cfg(not(all(target_os = "linux", feature = "live")))]
#[must_use]
pub const fn resident_memory() -> Option<u64> {
    None
}

#[cfg(all(test, not(all(target_os = "linux", feature = "live"))))]
mod tests {
    use super::*;

    #[test]
    fn where_it_cannot_be_done_it_is_said() {
        assert!(matches!(drop_to(None), Err(PrivilegeError::Unsupported)));
        assert_eq!(resident_memory(), None);
    }
}
