//! Defaults of Windows Server: cipher suites (Microsoft: "TLS Cipher Suites in Windows ...", one page a release),
//! protocol versions ("Protocols in TLS/SSL (Schannel SSP)"), curves, and which have the fix for leading zeros in
//! Diffie-Hellman secrets (KB4557473). A hardened machine allows less. Windows uses the suites in this order.

use crate::tls::{Authentication, CipherSuite, NamedGroup, ProtocolVersion};

/// A release of Windows Server and what it allows unless told otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// Name, without "Windows Server".
    pub name: &'static str,
    /// Default suites, by IANA number; `None` where the page was not at hand.
    pub suites: Option<&'static [u16]>,
    /// Protocol versions.
    pub protocols: Protocols,
    /// Curves that its default suites are bound to; `None` where curves have a list of their own or nothing is known.
    pub groups: Option<&'static [NamedGroup]>,
    /// Whether it keeps leading zeros of a Diffie-Hellman secret.
    pub leading_zeros: LeadingZeros,
}

/// Which versions are on by default; `None` where no source says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols {
    /// SSL 2.0.
    pub ssl2: Option<bool>,
    /// SSL 3.0.
    pub ssl3: Option<bool>,
    /// TLS 1.0.
    pub tls10: Option<bool>,
    /// TLS 1.1.
    pub tls11: Option<bool>,
    /// TLS 1.2.
    pub tls12: Option<bool>,
    /// TLS 1.3.
    pub tls13: Option<bool>,
}

/// The fix for leading zeros in Diffie-Hellman secrets (KB4557473).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadingZeros {
    /// Never fixed.
    Unfixed,
    /// Fixed from this build of Windows on, as (build, revision), by this update.
    FixedFrom(u32, u32, &'static str),
    /// Fixed from its first build on.
    Fixed,
}

/// Whether an offer meets the defaults of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// A version and a suite are in common.
    Yes,
    /// Only suites for a certificate that is not RSA are, and SQL Server's own certificate is.
    OtherCertificate,
    /// Nothing is.
    No,
    /// The sources do not say.
    Unknown,
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

/// On: TLS 1.0; TLS 1.1 and later do not exist there.
const PROTOCOLS_2008: Protocols = Protocols {
    ssl2: None,
    ssl3: Some(true),
    tls10: Some(true),
    tls11: Some(false),
    tls12: Some(false),
    tls13: Some(false),
};
/// TLS 1.0 to 1.2 are on.
const PROTOCOLS_2012: Protocols = Protocols { tls11: Some(true), tls12: Some(true), ..PROTOCOLS_2008 };
/// SSL 2.0 is gone, SSL 3.0 is off.
const PROTOCOLS_2016: Protocols = Protocols { ssl2: Some(false), ssl3: Some(false), ..PROTOCOLS_2012 };
/// TLS 1.3 is on.
const PROTOCOLS_2022: Protocols = Protocols { tls13: Some(true), ..PROTOCOLS_2016 };
/// The table ends with 2022. The default suites have those of TLS 1.2 and 1.3; of older versions nothing is known.
const PROTOCOLS_2025: Protocols = Protocols { tls10: None, tls11: None, ..PROTOCOLS_2022 };

/// Curves in the names of the suites before 2016.
const GROUPS_BEFORE_2016: &[NamedGroup] = &[NamedGroup::SECP256R1, NamedGroup::SECP384R1];

/// Releases of Windows Server on which SQL Servers run, oldest first.
pub const RELEASES: &[Release] = &[
    Release {
        name: "2008",
        suites: None,
        protocols: PROTOCOLS_2008,
        groups: None,
        leading_zeros: LeadingZeros::Unfixed,
    },
    Release {
        name: "2008 R2",
        suites: Some(BEFORE_2016),
        // TLS 1.1 and 1.2 exist and are off.
        protocols: PROTOCOLS_2008,
        groups: Some(GROUPS_BEFORE_2016),
        leading_zeros: LeadingZeros::Unfixed,
    },
    Release {
        name: "2012",
        suites: Some(SERVER_2012),
        protocols: PROTOCOLS_2012,
        groups: Some(GROUPS_BEFORE_2016),
        leading_zeros: LeadingZeros::Unfixed,
    },
    Release {
        name: "2012 R2",
        suites: Some(BEFORE_2016),
        protocols: PROTOCOLS_2012,
        groups: Some(GROUPS_BEFORE_2016),
        leading_zeros: LeadingZeros::Unfixed,
    },
    Release {
        name: "2016",
        suites: Some(SERVER_2016),
        protocols: PROTOCOLS_2016,
        groups: None,
        leading_zeros: LeadingZeros::FixedFrom(14_393, 3542, "KB4537806"),
    },
    Release {
        name: "2019",
        suites: Some(SERVER_2019),
        protocols: PROTOCOLS_2016,
        groups: None,
        leading_zeros: LeadingZeros::Fixed,
    },
    Release {
        name: "2022",
        suites: Some(SERVER_2022),
        protocols: PROTOCOLS_2022,
        groups: None,
        leading_zeros: LeadingZeros::Fixed,
    },
    Release {
        name: "2025",
        suites: Some(SERVER_2025),
        protocols: PROTOCOLS_2025,
        groups: None,
        leading_zeros: LeadingZeros::Fixed,
    },
];

impl Protocols {
    /// Whether a version is on by default.
    #[must_use]
    pub const fn get(&self, version: ProtocolVersion) -> Option<bool> {
        match version {
            ProtocolVersion::SSL2 => self.ssl2,
            ProtocolVersion::SSL3 => self.ssl3,
            ProtocolVersion::TLS10 => self.tls10,
            ProtocolVersion::TLS11 => self.tls11,
            ProtocolVersion::TLS12 => self.tls12,
            ProtocolVersion::TLS13 => self.tls13,
            _ => None,
        }
    }
}

impl Release {
    /// The release of this name, such as `2012 R2`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        RELEASES.iter().find(|release| release.name.eq_ignore_ascii_case(name))
    }

    /// Whether the suite is in its default list.
    #[must_use]
    pub fn has_suite(&self, suite: CipherSuite) -> bool {
        self.suites.is_some_and(|suites| suites.contains(&suite.0))
    }

    /// Whether a client that offers these versions and suites meets the defaults: a suite counts with a version that
    /// it can be used with.
    #[must_use]
    pub fn meets(&self, versions: &[ProtocolVersion], suites: &[CipherSuite]) -> Match {
        let on: Vec<ProtocolVersion> =
            versions.iter().copied().filter(|version| self.protocols.get(*version) == Some(true)).collect();
        let unknown = versions.iter().any(|version| self.protocols.get(*version).is_none());
        let Some(_) = self.suites else {
            return if on.is_empty() && !unknown { Match::No } else { Match::Unknown };
        };
        let common: Vec<CipherSuite> = suites
            .iter()
            .copied()
            .filter(|suite| self.has_suite(*suite) && on.iter().any(|version| suite.works_with(*version)))
            .collect();
        let for_rsa = |suite: &CipherSuite| {
            !matches!(suite.authentication(), Authentication::Ecdsa | Authentication::Dss)
        };
        match common.as_slice() {
            [] if unknown => Match::Unknown,
            [] => Match::No,
            common if common.iter().any(for_rsa) => Match::Yes,
            _ => Match::OtherCertificate,
        }
    }
}

/// Whether any release has the suite in its default list.
#[must_use]
pub fn is_default_suite(suite: u16) -> bool {
    RELEASES.iter().any(|release| release.has_suite(CipherSuite(suite)))
}

/// Names of the releases whose defaults an offer meets in this way, oldest first.
#[must_use]
pub fn releases_that(meet: Match, versions: &[ProtocolVersion], suites: &[CipherSuite]) -> Vec<&'static str> {
    RELEASES
        .iter()
        .filter(|release| release.meets(versions, suites) == meet)
        .map(|release| release.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_a_name_and_stands_once() {
        for release in RELEASES {
            let suites = release.suites.unwrap_or_default();
            for (index, suite) in suites.iter().enumerate() {
                assert!(CipherSuite(*suite).name().is_some(), "{} 0x{suite:04X}", release.name);
                assert!(!suites[..index].contains(suite), "{} 0x{suite:04X} twice", release.name);
            }
        }
    }

    /// What a release has that another has not.
    fn beyond(newer: &str, older: &str) -> Vec<u16> {
        let suites = |name| Release::named(name).unwrap().suites.unwrap();
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

    const TLS10: ProtocolVersion = ProtocolVersion::TLS10;
    const TLS12: ProtocolVersion = ProtocolVersion::TLS12;
    const TLS13: ProtocolVersion = ProtocolVersion::TLS13;
    /// TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.
    const RSA_GCM: CipherSuite = CipherSuite(0xC030);
    /// TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384.
    const ECDSA_GCM: CipherSuite = CipherSuite(0xC02C);

    #[test]
    fn ecdhe_rsa_with_gcm_came_with_2016() {
        assert_eq!(releases_that(Match::Yes, &[TLS12], &[RSA_GCM]), ["2016", "2019", "2022", "2025"]);
        assert_eq!(
            releases_that(Match::OtherCertificate, &[TLS12], &[RSA_GCM, ECDSA_GCM]),
            ["2012", "2012 R2"]
        );
        assert!(is_default_suite(0x0005));
        assert!(!is_default_suite(0xCCA8));
    }

    #[test]
    fn a_suite_counts_only_with_a_version_that_is_on() {
        let rsa = CipherSuite(0x0035);
        assert_eq!(
            releases_that(Match::Yes, &[TLS10], &[rsa]),
            ["2008 R2", "2012", "2012 R2", "2016", "2019", "2022"]
        );
        assert_eq!(releases_that(Match::Unknown, &[TLS10], &[rsa]), ["2008", "2025"]);
        // GCM came with TLS 1.2, and TLS 1.3 has suites of its own.
        assert!(releases_that(Match::Yes, &[TLS10], &[RSA_GCM]).is_empty());
        assert!(releases_that(Match::Yes, &[TLS13], &[RSA_GCM]).is_empty());
        assert!(releases_that(Match::Yes, &[TLS12], &[CipherSuite(0x1302)]).is_empty());
        assert_eq!(releases_that(Match::Yes, &[TLS13], &[CipherSuite(0x1302)]), ["2022", "2025"]);
        // Off by default in 2008 R2, not there in 2008.
        assert_eq!(releases_that(Match::No, &[TLS12], &[rsa]), ["2008", "2008 R2"]);
    }

    #[test]
    fn a_version_once_on_stays_on_as_far_as_is_known() {
        for version in [TLS10, ProtocolVersion::TLS11, TLS12, TLS13] {
            let known: Vec<bool> =
                RELEASES.iter().filter_map(|release| release.protocols.get(version)).collect();
            assert!(known.is_sorted(), "{version}: {known:?}");
        }
        let ssl3: Vec<bool> =
            RELEASES.iter().filter_map(|release| release.protocols.get(ProtocolVersion::SSL3)).collect();
        assert_eq!(ssl3, [true, true, true, true, false, false, false, false]);
    }

    #[test]
    fn a_release_has_suites_of_tls_1_3_just_when_it_speaks_it() {
        for release in RELEASES.iter().filter(|release| release.suites.is_some()) {
            let suites = release.suites.unwrap().iter().map(|suite| CipherSuite(*suite));
            let has = suites.into_iter().any(|suite| suite.works_with(TLS13));
            assert_eq!(Some(has), release.protocols.get(TLS13), "{}", release.name);
        }
    }

    #[test]
    fn the_fix_for_leading_zeros_came_with_2016() {
        let fixes: Vec<LeadingZeros> = RELEASES.iter().map(|release| release.leading_zeros).collect();
        assert_eq!(fixes[..4], [LeadingZeros::Unfixed; 4]);
        assert_eq!(fixes[4], LeadingZeros::FixedFrom(14_393, 3542, "KB4537806"));
        assert_eq!(fixes[5..], [LeadingZeros::Fixed; 3]);
    }
}
