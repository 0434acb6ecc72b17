//! Policy files.

use tdscope::reference::policy::{MAX_LEN, Policy, Role};
use tdscope::tls::ProtocolVersion;

/// Any text in any of the formats.
pub fn policy(data: &[u8]) {
    let lines = data.len() + 1;
    match Policy::parse("fuzz", data) {
        Ok(policy) => {
            assert!(data.len() <= MAX_LEN);
            assert_eq!(policy.source, "fuzz");
            let suites = policy.suites.as_deref().unwrap_or_default();
            assert!(no_doubles(suites), "a suite twice: {suites:?}");
            let forbidden = suites.iter().find(|suite| policy.forbids(**suite));
            assert!(forbidden.is_none(), "{forbidden:?} is allowed and forbidden");
            let groups = policy.groups.as_deref().unwrap_or_default();
            assert!(no_doubles(groups), "a curve twice: {groups:?}");
            for version in [ProtocolVersion::TLS12, ProtocolVersion::TLS13] {
                let _ =
                    (policy.versions.get(version, Role::Server), policy.versions.get(version, Role::Client));
            }
        }
        Err(error) => {
            assert!(error.line().is_none_or(|line| (1..=lines).contains(&line)), "{error}");
            let said = error.to_string();
            assert!(!said.contains(char::is_control), "{said:?} is no line");
            assert!(said.len() < 2_000, "{} bytes of error", said.len());
        }
    }
}

fn no_doubles<T: PartialEq>(list: &[T]) -> bool {
    list.iter().enumerate().all(|(index, one)| !list[..index].contains(one))
}
