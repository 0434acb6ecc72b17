//! Logins without secrets. Each function gives bytes of the same length as it takes, or fewer: what is missing is blank.

use super::tds::copy;
use crate::tds::Login7;

/// LOGIN7's fixed part, where offsets and lengths stand (MS-TDS 2.2.6.4). The older one is shorter; what follows it are names.
const FIXED: usize = 86;
/// Texts of a login before TDS 7.0 that are no passwords: host, user, application and server, each with its length behind.
const FIELDS: [usize; 4] = [0, 31, 140, 171];
const FIELD: usize = 31;
/// What follows the passwords for other servers (TDS 5.0, login record): version, library, and what the client is able to do.
const AFTER_PASSWORDS: usize = 458;

/// LOGIN7: its numbers and its names.
pub(super) fn login7(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    copy(bytes, &mut out, 0, FIXED);
    // Without all of the numbers it is not known where a new password stands.
    if bytes.len() > FIXED {
        Login7::names(bytes).iter().for_each(|name| copy(bytes, &mut out, name.start, name.len()));
    }
    out
}

/// A login before TDS 7.0, whose passwords are not even scrambled.
pub(super) fn old_login(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    FIELDS.iter().for_each(|at| copy(bytes, &mut out, *at, FIELD));
    copy(bytes, &mut out, AFTER_PASSWORDS, bytes.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_keeps_its_names_only() {
        let mut login: Vec<u8> = (0..200).map(|byte| byte | 0x80).collect();
        // Host, user, password; all others are empty, and what is changed to stands at the end.
        for (at, (offset, length)) in
            [(36, (94, 3)), (40, (100, 2)), (44, (104, 4)), (78, (150, 10)), (86, (160, 5))]
        {
            login[at..at + 4].copy_from_slice(&[offset, 0, length, 0]);
        }
        for at in [48, 52, 56, 60, 64, 68, 82] {
            login[at..at + 4].copy_from_slice(&[94, 0, 0, 0]);
        }
        let out = login7(&login);
        assert_eq!(out[..86], login[..86]);
        assert_eq!(out[94..104], login[94..104]);
        assert!(out[86..94].iter().chain(&out[104..]).all(|byte| *byte == 0));
        for cut in 0..login.len() {
            let out = login7(&login[..cut]);
            assert!(out.len() == cut && out.iter().skip(104).all(|byte| *byte == 0), "{cut}");
        }
    }

    #[test]
    fn an_old_login_keeps_no_password() {
        let login = vec![7; 600];
        let out = old_login(&login);
        assert!(out[62..124].iter().chain(&out[202..458]).all(|byte| *byte == 0));
        assert_eq!((&out[..62], &out[458..]), (&login[..62], &login[458..]));
        for cut in 0..login.len() {
            assert_eq!(old_login(&login[..cut]).len(), cut);
        }
    }
}
