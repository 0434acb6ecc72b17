//! SQL Server error numbers that end logins (sys.messages; SQL Server troubleshooting articles).

/// What a login error means and what to do about it; `None` for a number that says nothing of the login.
#[must_use]
pub const fn login_error(number: u32) -> Option<(&'static str, &'static str)> {
    Some(match number {
        18456 => (
            "the login was refused",
            "Read the server's error log: the same 18456 stands there with the state that says why (5 no such login, 8 wrong password, 11 or 12 no server access, 38 database).",
        ),
        18452 => (
            "the login comes from an untrusted domain",
            "Windows authentication does not work between these two: check the trust, the clock, and the SPN (setspn -L), or that the server allows SQL logins.",
        ),
        18470 => ("the login is disabled", "Enable it: ALTER LOGIN name ENABLE."),
        18486 => ("the login is locked out", "Unlock it: ALTER LOGIN name WITH PASSWORD = '...' UNLOCK."),
        18487 | 18488 => ("the password has expired or must be changed", "Change the password of the login."),
        18461 => ("the server is in single user mode", "Wait, or restart it without -m."),
        4060 => (
            "the database asked for cannot be opened",
            "Does the database exist, is it online, and may this login use it? Check the name in the connection string.",
        ),
        4064 => (
            "the default database cannot be opened",
            "Name a database in the connection string, or repair the login's default.",
        ),
        17806 | 17807 => ("the SSPI handshake failed", "Check SPNs, the clock and the domain controllers."),
        17809 => (
            "the maximum number of connections is reached",
            "Raise user connections, or find who holds them.",
        ),
        17810 => ("the dedicated admin connection is in use", "Close the other one."),
        17813 => ("the service is stopped or paused", "Start it."),
        17828 => (
            "PRELOGIN was not valid",
            "Something in the path changes the packets, or the client is not a SQL client.",
        ),
        17830 => (
            "a network error came up while the connection was set up",
            "Its text in the error log splits the time by step.",
        ),
        17832 => (
            "the login packet was not valid",
            "Something in the path changes the packets, or a token is too large (MaxTokenSize).",
        ),
        17835 => ("encryption is required and the client has none", "Use a driver that encrypts."),
        17836 => ("a packet's length was not what was read", "Something in the path changes the packets."),
        17892 => ("a logon trigger refused the login", "Read the trigger's reason in the error log."),
        40613 | 40197 | 40501 | 40540 | 40143 | 40166 | 49918..=49920 | 10928 | 10929 | 4221 => {
            ("the Azure SQL database is not available at the moment", "Retry after some seconds.")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::login_error;

    #[test]
    fn every_remedy_is_a_sentence() {
        for number in [18456, 18452, 18470, 18486, 18487, 18461, 4060, 4064, 17806, 17830, 17892, 40613] {
            let (meaning, remedy) = login_error(number).unwrap();
            assert!(meaning.chars().next().unwrap().is_lowercase() && remedy.ends_with('.'), "{number}");
        }
        assert!(login_error(0).is_none());
    }
}
