//! Users, capabilities (capabilities(7)) and what else a Linux process holds.

use std::ffi::CString;
use std::{fs, io};

use nix::unistd::{self, Gid, Uid, User};
use rustix::io::Errno;
use rustix::process::{self, DumpableBehavior};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use super::PrivilegeError;

/// Makes this process `user`'s, with that user's groups, when one is given, and in any case takes all capabilities from
/// it, now and for any program it might run, and keeps others from looking into it: no core dump, no debugger.
///
/// Open devices and files stay open. To be called after they were opened, and before any thread is started. Whoever
/// calls it as root without a user still owns root's files. A process that is the user's already, and nobody else's,
/// stays so.
///
/// # Errors
/// When the user does not exist or is root, when there are threads, when the system refuses, or when something could be
/// taken back afterwards. Then the process must end.
pub fn drop_to(user: Option<&str>) -> Result<(), PrivilegeError> {
    alone()?;
    let user = user.map(look_up).transpose()?;
    // Looking up users may have loaded anything.
    alone()?;
    // Needs privileges that changing user takes away.
    empty_bounding_set()?;
    thread::clear_ambient_capability_set().map_err(refused("clear the ambient capabilities"))?;
    if let Some(user) = &user {
        become_user(user)?;
    }
    thread::set_capabilities(None, NOTHING).map_err(refused("give up capabilities"))?;
    thread::set_no_new_privs(true).map_err(refused("set no_new_privs"))?;
    // Changing user resets it, so this comes last.
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(refused("forbid core dumps"))?;
    verify(user.as_ref())
}

/// Resident memory of this process in bytes, from `/proc/self/statm` (proc_pid_statm(5)): its second figure, in pages.
#[must_use]
pub fn resident_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

/// No capability in any of the three sets.
const NOTHING: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// A thread keeps the capabilities that it was started with, whatever others do.
fn alone() -> Result<(), PrivilegeError> {
    let threads = fs::read_dir("/proc/self/task").map_err(refused("count threads"))?.count();
    if threads == 1 { Ok(()) } else { Err(PrivilegeError::Threads(threads)) }
}

fn look_up(name: &str) -> Result<User, PrivilegeError> {
    let unknown = || PrivilegeError::UnknownUser(name.to_owned());
    let user = User::from_name(name).map_err(refused("look up the user"))?.ok_or_else(unknown)?;
    if user.uid.is_root() { Err(PrivilegeError::Root(name.to_owned())) } else { Ok(user) }
}

/// Takes every capability that the kernel knows from those that a program run later might get. Without `CAP_SETPCAP`
/// this is not allowed, nor is it needed then: `no_new_privs` keeps a program from getting any.
fn empty_bounding_set() -> Result<(), PrivilegeError> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match thread::remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Beyond the last that the kernel knows (prctl(2)), or not allowed.
            Err(Errno::INVAL | Errno::PERM) => break,
            Err(error) => return Err(refused("empty the bounding set")(error)),
        }
    }
    Ok(())
}

/// Groups before the user, as only root may change them.
fn become_user(user: &User) -> Result<(), PrivilegeError> {
    if is_all(user)? {
        return Ok(());
    }
    let name = CString::new(user.name.as_str()).map_err(refused("read the user's name"))?;
    unistd::initgroups(&name, user.gid).map_err(refused("change supplementary groups"))?;
    unistd::setresgid(user.gid, user.gid, user.gid).map_err(refused("change group"))?;
    unistd::setresuid(user.uid, user.uid, user.uid).map_err(refused("change user"))
}

/// Whether real, effective and saved user and group are this user's.
fn is_all(user: &User) -> Result<bool, PrivilegeError> {
    let users = unistd::getresuid().map_err(refused("read the user"))?;
    let groups = unistd::getresgid().map_err(refused("read the group"))?;
    Ok([users.real, users.effective, users.saved] == [user.uid; 3]
        && [groups.real, groups.effective, groups.saved] == [user.gid; 3])
}

/// Looks at what is left, and tries to take back what is gone.
fn verify(user: Option<&User>) -> Result<(), PrivilegeError> {
    if thread::capabilities(None).map_err(refused("read capabilities"))? != NOTHING {
        return Err(PrivilegeError::Kept("capabilities were"));
    }
    if !thread::no_new_privs().map_err(refused("read no_new_privs"))? {
        return Err(PrivilegeError::Kept("new privileges were"));
    }
    let Some(user) = user else { return Ok(()) };
    let root = Uid::from_raw(0);
    if !is_all(user)? || unistd::setresuid(root, root, root).is_ok() || unistd::seteuid(root).is_ok() {
        return Err(PrivilegeError::Kept("root's user was"));
    }
    let root = Gid::from_raw(0);
    if user.gid != root && (unistd::setresgid(root, root, root).is_ok() || unistd::setegid(root).is_ok()) {
        return Err(PrivilegeError::Kept("root's group was"));
    }
    Ok(())
}

/// Makes an error of what the system said.
fn refused<E: Into<io::Error>>(step: &'static str) -> impl Fn(E) -> PrivilegeError {
    move |error| PrivilegeError::Refused { step, error: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_some_megabytes() {
        let bytes = resident_memory().unwrap();
        assert!((500_000..100_000_000_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_process_with_threads_is_left_as_it_is() {
        // The harness runs each test on a thread of its own.
        let before = thread::capabilities(None).unwrap();
        assert!(matches!(drop_to(None), Err(PrivilegeError::Threads(2..))));
        assert_eq!(thread::capabilities(None).unwrap(), before);
        assert!(!thread::no_new_privs().unwrap() || before == NOTHING);
    }

    #[test]
    fn nobody_becomes_root_or_a_stranger() {
        assert!(matches!(look_up("root"), Err(PrivilegeError::Root(_))));
        assert!(matches!(look_up("no such user"), Err(PrivilegeError::UnknownUser(_))));
        assert!(matches!(look_up(""), Err(PrivilegeError::UnknownUser(_))));
    }
}
