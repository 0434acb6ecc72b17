//! SQL Server builds (Microsoft: "Determine which version and edition of SQL Server is running", "TLS 1.2
//! support for Microsoft SQL Server", KB3135244).

use crate::tds::ProductBuild;

/// Name of the product that has this build; `None` for one that is not known.
#[must_use]
pub const fn product_name(build: ProductBuild) -> Option<&'static str> {
    Some(match (build.major, build.minor) {
        (8, _) => "SQL Server 2000",
        (9, _) => "SQL Server 2005",
        (10, 50) => "SQL Server 2008 R2",
        (10, _) => "SQL Server 2008",
        (11, _) => "SQL Server 2012",
        (12, _) => "SQL Server 2014 or Azure SQL Database",
        (13, _) => "SQL Server 2016",
        (14, _) => "SQL Server 2017",
        (15, _) => "SQL Server 2019",
        (16, _) => "SQL Server 2022",
        (17, _) => "SQL Server 2025",
        _ => return None,
    })
}

/// Whether a build speaks TLS 1.2; `None` where branches overlap and the build alone does not tell.
/// Each product has service packs with a GDR and a CU branch; the first build of each that has it is listed.
#[must_use]
pub const fn supports_tls12(build: ProductBuild) -> Option<bool> {
    let number = build.build;
    match (build.major, build.minor) {
        (0..=9, _) => Some(false),
        // 2008: SP4 GDR 6547; SP3 for IA-64 5545 and 5896.
        (10, 0) => match number {
            6547.. => Some(true),
            5545..=5999 => None,
            _ => Some(false),
        },
        // 2008 R2: SP3 6542; SP2 for IA-64 4047 and 4344.
        (10, _) => match number {
            6542.. => Some(true),
            4047..=4999 => None,
            _ => Some(false),
        },
        // 2012: SP2 GDR 5352, CU10 5644; SP3 GDR 6216, CU1 6518; SP4.
        (11, _) => match number {
            6518.. | 5644..=5999 => Some(true),
            5352..=5643 | 6216..=6517 => None,
            _ => Some(false),
        },
        // 2014: RTM GDR 2271, CU12 2564; SP1 GDR 4219, CU5 4439; SP2 and later.
        (12, _) => match number {
            4439.. | 2564..=3999 => Some(true),
            2271..=2563 | 4219..=4438 => None,
            _ => Some(false),
        },
        _ => Some(true),
    }
}

/// Whether a build speaks TLS 1.3, and then with TDS 8.0 (strict encryption) alone: SQL Server 2022 and later
/// (Microsoft: "TLS 1.3 support", "TDS 8.0"). In TDS 7 no build does.
#[must_use]
pub const fn supports_tls13(build: ProductBuild) -> bool {
    build.major >= 16
}

/// SQL Server 2019 and later accept logins with a pool of dispatchers, so that one busy completion thread no
/// longer starves the listener (article, scenario 6).
#[must_use]
pub const fn has_login_dispatcher_pool(build: ProductBuild) -> bool {
    build.major >= 15
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn build(major: u8, minor: u8, build: u16) -> ProductBuild {
        ProductBuild { major, minor, build, sub_build: 0 }
    }

    #[test]
    fn boundaries_are_the_documented_ones() {
        assert_eq!(supports_tls12(build(9, 0, 5000)), Some(false));
        assert_eq!(supports_tls12(build(10, 0, 6546)), Some(false));
        assert_eq!(supports_tls12(build(10, 0, 6547)), Some(true));
        assert_eq!(supports_tls12(build(10, 50, 6542)), Some(true));
        assert_eq!(supports_tls12(build(11, 0, 5400)), None);
        assert_eq!(supports_tls12(build(11, 0, 5644)), Some(true));
        assert_eq!(supports_tls12(build(12, 0, 2000)), Some(false));
        assert_eq!(supports_tls12(build(12, 0, 2564)), Some(true));
        assert_eq!(supports_tls12(build(12, 0, 4100)), Some(false));
        assert_eq!(supports_tls12(build(13, 0, 1601)), Some(true));
    }

    #[test]
    fn where_branches_overlap_the_build_does_not_tell() {
        for (major, minor, number) in
            [(10, 0, 5545), (10, 50, 4047), (11, 0, 5352), (11, 0, 6216), (12, 0, 2271), (12, 0, 4219)]
        {
            assert_eq!(supports_tls12(build(major, minor, number)), None, "{major}.{minor}.{number}");
            assert_eq!(
                supports_tls12(build(major, minor, number - 1)),
                Some(false),
                "{major}.{minor}.{number} - 1"
            );
        }
        for (major, minor, number) in
            [(11, 0, 6518), (11, 0, 7001), (12, 0, 4439), (12, 0, 5000), (14, 0, 1000), (17, 0, 1000)]
        {
            assert_eq!(supports_tls12(build(major, minor, number)), Some(true), "{major}.{minor}.{number}");
        }
    }

    #[test]
    fn every_product_that_speaks_tds7_has_a_name() {
        for major in 8..=17 {
            assert!(product_name(build(major, 0, 1)).is_some(), "{major}");
        }
        assert_eq!(product_name(build(10, 50, 1600)), Some("SQL Server 2008 R2"));
        assert!(product_name(build(99, 0, 0)).is_none());
    }

    #[test]
    fn tls_1_3_came_with_2022() {
        assert!(!supports_tls13(build(15, 0, 4470)));
        assert!(supports_tls13(build(16, 0, 1000)) && supports_tls13(build(17, 0, 1000)));
        assert!((8..=17).all(|major| !supports_tls13(build(major, 0, 9000))
            || supports_tls12(build(major, 0, 9000)) == Some(true)));
    }

    #[test]
    fn the_dispatcher_pool_came_with_2019() {
        assert!(!has_login_dispatcher_pool(build(14, 0, 3456)));
        assert!(has_login_dispatcher_pool(build(15, 0, 2000)));
    }
}
