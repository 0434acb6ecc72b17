//! Default cipher suites of Windows Server (Microsoft: "TLS Cipher Suites in Windows ...", one page a release).
//! A hardened machine has fewer. Windows uses them in this order.

/// A release of Windows Server and its default suites, by IANA number.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// Name, without "Windows Server".
    pub name: &'static str,
    /// Default suites.
    pub suites: &'static [u16],
}

/// ECDHE_RSA with CBC: AES 256 SHA-384, 128 SHA-256, 256 SHA, 128 SHA.
const ECDHE_RSA_CBC: [u16; 4] = [0xC028, 0xC027, 0xC014, 0xC013];
/// RSA: AES GCM 256 and 128, CBC SHA-256 256 and 128, CBC SHA 256 and 128.
const RSA: [u16; 6] = [0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F];

/// 2008 R2 with KB3042058, 2012, 2012 R2 with KB2919355: no ECDHE_RSA with GCM.
const BEFORE_2016: &[u16] = &[
    ECDHE_RSA_CBC[0],
    ECDHE_RSA_CBC[1],
    ECDHE_RSA_CBC[2],
    ECDHE_RSA_CBC[3],
    0x009F,
    0x009E,
    0x0039,
    0x0033,
    RSA[0],
    RSA[1],
    RSA[2],
    RSA[3],
    RSA[4],
    RSA[5],
    0xC02C,
    0xC02B,
    0xC024,
    0xC023,
    0xC00A,
    0xC009,
    0x006A,
    0x0040,
    0x0038,
    0x0032,
    0x000A,
    0x0013,
    0x0005,
    0x0004,
];
/// 2012 lacks DHE_RSA with CBC.
const SERVER_2012: &[u16] = &[
    ECDHE_RSA_CBC[0],
    ECDHE_RSA_CBC[1],
    ECDHE_RSA_CBC[2],
    ECDHE_RSA_CBC[3],
    0x009F,
    0x009E,
    RSA[0],
    RSA[1],
    RSA[2],
    RSA[3],
    RSA[4],
    RSA[5],
    0xC02C,
    0xC02B,
    0xC024,
    0xC023,
    0xC00A,
    0xC009,
    0x006A,
    0x0040,
    0x0038,
    0x0032,
    0x000A,
    0x0013,
    0x0005,
    0x0004,
];
/// 2016 (1607).
const SERVER_2016: &[u16] = &[
    0xC02C, 0xC02B, 0xC030, 0xC02F, 0x009F, 0x009E, 0xC024, 0xC023, 0xC028, 0xC027, 0xC00A, 0xC009, 0xC014,
    0xC013, 0x0039, 0x0033, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x000A, 0x006A, 0x0040, 0x0038,
    0x0032, 0x0013, 0x0005, 0x0004,
];
/// 2019 (1809).
const SERVER_2019: &[u16] = &[
    0xC02C, 0xC02B, 0xC030, 0xC02F, 0x009F, 0x009E, 0xC024, 0xC023, 0xC028, 0xC027, 0xC00A, 0xC009, 0xC014,
    0xC013, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x000A,
];
/// 2022: TLS 1.3 first, then as 2019.
const SERVER_2022: &[u16] = &[
    0x1302, 0x1301, 0xC02C, 0xC02B, 0xC030, 0xC02F, 0x009F, 0x009E, 0xC024, 0xC023, 0xC028, 0xC027, 0xC00A,
    0xC009, 0xC014, 0xC013, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F, 0x000A,
];
/// 2025: as 2022 without DHE_RSA and 3DES.
const SERVER_2025: &[u16] = &[
    0x1302, 0x1301, 0xC02C, 0xC02B, 0xC030, 0xC02F, 0xC024, 0xC023, 0xC028, 0xC027, 0xC00A, 0xC009, 0xC014,
    0xC013, 0x009D, 0x009C, 0x003D, 0x003C, 0x0035, 0x002F,
];

/// Releases of Windows Server on which supported SQL Servers run, oldest first.
pub const RELEASES: &[Release] = &[
    Release { name: "2008 R2", suites: BEFORE_2016 },
    Release { name: "2012", suites: SERVER_2012 },
    Release { name: "2012 R2", suites: BEFORE_2016 },
    Release { name: "2016", suites: SERVER_2016 },
    Release { name: "2019", suites: SERVER_2019 },
    Release { name: "2022", suites: SERVER_2022 },
    Release { name: "2025", suites: SERVER_2025 },
];

/// Whether any release has the suite in its default list.
#[must_use]
pub fn is_default_suite(suite: u16) -> bool {
    RELEASES.iter().any(|release| release.suites.contains(&suite))
}

/// Names of the releases whose default list has one of these suites, oldest first.
#[must_use]
pub fn releases_with_a_suite(suites: &[u16]) -> Vec<&'static str> {
    RELEASES
        .iter()
        .filter(|release| suites.iter().any(|suite| release.suites.contains(suite)))
        .map(|release| release.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_a_name_and_stands_once() {
        for release in RELEASES {
            for (index, suite) in release.suites.iter().enumerate() {
                assert!(crate::tls::CipherSuite(*suite).name().is_some(), "{} 0x{suite:04X}", release.name);
                assert!(!release.suites[..index].contains(suite), "{} 0x{suite:04X} twice", release.name);
            }
        }
    }

    /// What a release has that another has not.
    fn beyond(newer: &str, older: &str) -> Vec<u16> {
        let suites = |name| RELEASES.iter().find(|release| release.name == name).unwrap().suites;
        let mut beyond: Vec<u16> =
            suites(newer).iter().copied().filter(|suite| !suites(older).contains(suite)).collect();
        beyond.sort_unstable();
        beyond
    }

    #[test]
    fn releases_differ_as_their_pages_say() {
        // 2012 has no DHE_RSA with CBC; 2012 R2 is 2008 R2.
        assert_eq!(beyond("2008 R2", "2012"), [0x0033, 0x0039]);
        assert_eq!(beyond("2012", "2008 R2"), [0_u16; 0]);
        assert_eq!(beyond("2012 R2", "2008 R2"), [0_u16; 0]);
        // 2016 brought ECDHE_RSA with GCM.
        assert_eq!(beyond("2016", "2012 R2"), [0xC02F, 0xC030]);
        // 2019 lost RC4, DHE_DSS and DHE_RSA with CBC.
        assert_eq!(
            beyond("2016", "2019"),
            [0x0004, 0x0005, 0x0013, 0x0032, 0x0033, 0x0038, 0x0039, 0x0040, 0x006A]
        );
        assert_eq!(beyond("2019", "2016"), [0_u16; 0]);
        // 2022 brought TLS 1.3; 2025 lost 3DES and DHE.
        assert_eq!(beyond("2022", "2019"), [0x1301, 0x1302]);
        assert_eq!(beyond("2022", "2025"), [0x000A, 0x009E, 0x009F]);
    }

    #[test]
    fn ecdhe_rsa_with_gcm_came_with_2016() {
        assert_eq!(releases_with_a_suite(&[0xC030]), ["2016", "2019", "2022", "2025"]);
        assert!(is_default_suite(0x0005));
        assert!(!is_default_suite(0xCCA8));
    }
}
