//! What a process holds after it gave up its privileges. That cannot be undone, and cannot be done where threads run:
//! so this test has no harness, and each case is a process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one has to say itself what it does"
)]

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    println!("skipped: privileges are given up on Linux only");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::CString;
    use std::fs;
    use std::process::Command;

    use nix::unistd::{Gid, Uid, User, getgrouplist, setgid, setgroups, setuid};
    use rustix::process::{DumpableBehavior, dumpable_behavior};
    use rustix::thread::{
        CapabilitySet, CapabilitySets, capabilities, configure_capability_in_ambient_set, set_capabilities,
    };
    use tdscope::live::privileges::{PrivilegeError, drop_to, resident_memory};

    /// Names the case that a child is to run.
    const CASE: &str = "TDSCOPE_PRIVILEGES_CASE";

    const CASES: &[(&str, fn())] = &[
        ("a_user_is_all_that_is_left_of_root", a_user_is_all_that_is_left_of_root),
        ("root_without_capabilities_is_left_without_a_user", root_without_capabilities),
        ("root_is_no_user_to_drop_to", root_is_no_user_to_drop_to),
        ("what_is_given_up_twice_stays_so", what_is_given_up_twice_stays_so),
    ];

    pub(super) fn main() {
        if let Ok(wanted) = std::env::var(CASE) {
            let (_, case) = CASES.iter().find(|(name, _)| *name == wanted).expect("a case that there is");
            return case();
        }
        if !Uid::effective().is_root() {
            println!("skipped: only root can give up root");
            return;
        }
        for (name, _) in CASES {
            let status =
                Command::new(std::env::current_exe().unwrap()).env(CASE, name).status().expect("a child");
            assert!(status.success(), "{name}: {status}");
            println!("{name}: ok");
        }
    }

    fn a_user_is_all_that_is_left_of_root() {
        let user = User::from_name("nobody").unwrap().expect("every Linux has nobody");
        let groups = groups_of(&user);
        hold_everything();
        drop_to(Some("nobody")).unwrap();

        let status = status();
        assert_eq!(status["Uid"], [user.uid.to_string().as_str(); 4].join("\t"));
        assert_eq!(status["Gid"], [user.gid.to_string().as_str(); 4].join("\t"));
        let left: BTreeSet<String> = status["Groups"].split(' ').map(str::to_owned).collect();
        assert_eq!(left, groups);
        assert_nothing_left(&status);

        assert!(setuid(Uid::from_raw(0)).is_err());
        assert!(setgid(Gid::from_raw(0)).is_err());
        assert!(setgroups(&[Gid::from_raw(0)]).is_err());
        assert!(fs::File::open("/etc/shadow").is_err());
        assert!(resident_memory().is_some(), "figures are still told");
    }

    fn root_without_capabilities() {
        hold_everything();
        drop_to(None).unwrap();
        let status = status();
        assert_eq!(status["Uid"], "0\t0\t0\t0");
        assert_nothing_left(&status);
        let nobody = Uid::from_raw(65534);
        assert!(setuid(nobody).is_err(), "even that takes a capability");
    }

    fn root_is_no_user_to_drop_to() {
        assert!(matches!(drop_to(Some("root")), Err(PrivilegeError::Root(_))));
        assert!(matches!(drop_to(Some("no such user")), Err(PrivilegeError::UnknownUser(_))));
        assert!(matches!(drop_to(Some("no\0body")), Err(PrivilegeError::UnknownUser(_))));
    }

    fn what_is_given_up_twice_stays_so() {
        drop_to(Some("nobody")).unwrap();
        // Now it is started by nobody, as it were.
        drop_to(Some("nobody")).unwrap();
        drop_to(None).unwrap();
        assert_nothing_left(&status());
        let other = User::from_name("daemon").unwrap().expect("every Linux has daemon");
        assert!(matches!(drop_to(Some(&other.name)), Err(PrivilegeError::Refused { .. })));
    }

    /// Fills the sets that are empty when root starts a program.
    fn hold_everything() {
        let permitted = capabilities(None).unwrap().permitted;
        let all = CapabilitySets { effective: permitted, permitted, inheritable: permitted };
        set_capabilities(None, all).unwrap();
        configure_capability_in_ambient_set(CapabilitySet::SETUID, true).unwrap();
        assert_ne!(status()["CapAmb"], "0000000000000000");
    }

    fn assert_nothing_left(status: &BTreeMap<String, String>) {
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status[set], "0000000000000000", "{set}");
        }
        assert_eq!(status["NoNewPrivs"], "1");
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    fn groups_of(user: &User) -> BTreeSet<String> {
        let name = CString::new(user.name.as_str()).unwrap();
        getgrouplist(&name, user.gid).unwrap().iter().map(ToString::to_string).collect()
    }

    /// What the kernel says of this process (proc_pid_status(5)).
    fn status() -> BTreeMap<String, String> {
        let text = fs::read_to_string("/proc/self/status").unwrap();
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }
}
