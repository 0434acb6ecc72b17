//! Which driver calls, by what only it sends. A hint and never a verdict: anybody may send the same.
//!
//! Most of it was seen on the wire: msodbcsql 18.6.2 (Linux), mssql-tds, FreeTDS 1.3 and 1.5 (`tsql`, tdsodbc,
//! pymssql 2.4), python-tds 1.17, tedious 6.7 and 19.2, tiberius 0.13, jTDS 1.3. What was read instead in a driver's
//! own source says so.

use std::ops::RangeInclusive;

use crate::tds::ProductBuild;

/// What a client shows of itself before its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientSigns<'a> {
    /// VERSION of its PRELOGIN.
    pub version: Option<ProductBuild>,
    /// Option tokens of its PRELOGIN in the order sent (MS-TDS 2.2.6.5).
    pub options: &'a [u8],
    /// INSTOPT of its PRELOGIN, when it is not empty.
    pub instance: Option<&'a str>,
    /// JA4 of its ClientHello.
    pub ja4: Option<&'a str>,
}

/// The driver that sends these, such as `tedious 19.2`; `None` when nothing distinctive was sent.
#[must_use]
pub fn driver(signs: &ClientSigns<'_>) -> Option<String> {
    let Some(version) = signs.version else {
        // TDS 8.0 hides PRELOGIN: only the ClientHello is left.
        let hello = HELLOS.iter().find(|(ja4, _)| signs.ja4 == Some(*ja4));
        return hello.map(|(_, name)| (*name).to_owned());
    };
    let shape = SHAPES.iter().find(|shape| shape.fits(version, signs))?;
    Some(match shape.version {
        Version::Exactly(_) => shape.name.to_owned(),
        Version::Own(_) => format!("{} {}.{}", shape.name, version.major, version.minor),
        Version::Backwards => format!("{} {}.{}", shape.name, version.build & 0xFF, version.build >> 8),
    })
}

/// A PRELOGIN that one driver sends, or a family of them.
struct Shape {
    name: &'static str,
    version: Version,
    options: &'static [&'static [u8]],
    instance: Instance,
}

enum Version {
    /// A constant of its source: major, minor, build, sub-build.
    Exactly([u16; 4]),
    /// Its own release, whose major number lies here.
    Own(RangeInclusive<u8>),
    /// Its own release 1.x, least byte first: revision (two bytes; so far below 10), minor, major.
    Backwards,
}

/// INSTOPT of a client that was given no instance name.
enum Instance {
    /// Not looked at.
    Any,
    /// Empty.
    Absent,
    /// This word.
    Is(&'static str),
}

impl Shape {
    fn fits(&self, version: ProductBuild, signs: &ClientSigns<'_>) -> bool {
        let numbers = [version.major.into(), version.minor.into(), version.build, version.sub_build];
        let versions = match &self.version {
            Version::Exactly(exactly) => numbers == *exactly,
            Version::Own(majors) => majors.contains(&version.major),
            Version::Backwards => {
                version.major < 10
                    && version.minor == 0
                    && version.build & 0xFF == 1
                    && version.sub_build == 0
            }
        };
        let instance = match self.instance {
            Instance::Any => true,
            Instance::Absent => signs.instance.is_none(),
            Instance::Is(word) => signs.instance == Some(word),
        };
        versions && instance && self.options.contains(&signs.options)
    }
}

/// The word that several drivers send as INSTOPT when no instance was named.
const DEFAULT_INSTANCE: &str = "MSSQLServer";

/// VERSION to MARS.
const TO_MARS: &[u8] = &[0, 1, 2, 3, 4];

const SHAPES: &[Shape] = &[
    // 9.0 is a constant for TDS 7.2 and newer (`netlib9` in FreeTDS' login.c); seen.
    Shape {
        name: "FreeTDS (or pymssql, which is built on it)",
        version: Version::Exactly([9, 0, 0, 0]),
        options: &[TO_MARS],
        instance: Instance::Any,
    },
    // 8.0.341 is a constant of FreeTDS for TDS 7.1 (`netlib8` in its login.c), and of those who copied it: impacket,
    // and the probe for SQL Server in port scanners. Without the default's name: jTDS, seen.
    Shape {
        name: "FreeTDS with TDS 7.1, impacket or a port scanner",
        version: Version::Exactly([8, 0, 341, 0]),
        options: &[&[0, 1, 2, 3]],
        instance: Instance::Is(DEFAULT_INSTANCE),
    },
    Shape {
        name: "jTDS",
        version: Version::Exactly([8, 0, 341, 0]),
        options: &[&[0, 1, 2, 3]],
        instance: Instance::Absent,
    },
    // Seen of python-tds 1.17.
    Shape {
        name: "python-tds",
        version: Version::Exactly([1, 0, 0, 0]),
        options: &[TO_MARS],
        instance: Instance::Is(DEFAULT_INSTANCE),
    },
    // Seen of tiberius 0.13, with every setting of encryption.
    Shape {
        name: "tiberius",
        version: Version::Exactly([0, 0, 3328, 0]),
        options: &[TO_MARS],
        instance: Instance::Any,
    },
    // Seen of mssql-tds.
    Shape {
        name: "mssql-tds (Microsoft's Rust driver)",
        version: Version::Exactly([0, 0, 0, 256]),
        options: &[&[0, 1, 2, 3, 4, 5, 6]],
        instance: Instance::Any,
    },
    // Seen of tedious 6.7: a constant and no TRACEID. Seen of 19.2: its own release.
    Shape {
        name: "an old tedious",
        version: Version::Exactly([0, 0, 1, 256]),
        options: &[&[0, 1, 2, 3, 4, 6]],
        instance: Instance::Any,
    },
    Shape {
        name: "tedious",
        version: Version::Own(14..=16),
        options: &[&[0, 1, 2, 3, 4, 5, 6]],
        instance: Instance::Any,
    },
    // These numbers are those of Microsoft's ODBC driver too, which may send FEDAUTHREQUIRED when it is to log in with a
    // token (MS-TDS 2.2.6.5; not seen).
    Shape {
        name: "tedious or Microsoft's ODBC driver",
        version: Version::Own(17..=18),
        options: &[&[0, 1, 2, 3, 4, 5, 6]],
        instance: Instance::Any,
    },
    Shape {
        name: "tedious",
        version: Version::Own(19..=29),
        options: &[&[0, 1, 2, 3, 4, 5, 6]],
        instance: Instance::Any,
    },
    // Seen of msodbcsql 18.6 on Linux; the OLE DB driver shares its network library and its range of releases.
    Shape {
        name: "Microsoft's ODBC (or OLE DB) driver",
        version: Version::Own(17..=19),
        options: &[&[0, 1, 2, 3, 4, 5]],
        instance: Instance::Any,
    },
    // `SendPreLoginHandshake` in SqlClient's TdsParser.cs: every option, and the version of its assembly (4.x of .NET
    // Framework and System.Data.SqlClient, 1 to 7 of Microsoft.Data.SqlClient); not seen.
    Shape {
        name: ".NET SqlClient",
        version: Version::Own(1..=9),
        options: &[&[0, 1, 2, 3, 4, 5, 6]],
        instance: Instance::Any,
    },
    // `preparePreloginFields` in go-mssqldb's tds.go; not seen. TRACEID can be switched off.
    Shape {
        name: "go-mssqldb",
        version: Version::Backwards,
        options: &[&[0, 1, 2, 3, 4, 5], TO_MARS],
        instance: Instance::Any,
    },
    // The same before its release 1.0; others took the code over.
    Shape {
        name: "an old go-mssqldb (or a program that imitates it)",
        version: Version::Exactly([0, 0, 0, 0]),
        options: &[TO_MARS],
        instance: Instance::Any,
    },
    // The JDBC driver alone sends no INSTOPT (`Prelogin` in its SQLServerConnection.java; not seen).
    Shape {
        name: "Microsoft's JDBC driver",
        version: Version::Own(4..=29),
        options: &[&[0, 1, 5], &[0, 1, 5, 6]],
        instance: Instance::Absent,
    },
];

/// JA4 of ClientHellos that offer `tds/8.0`, as seen; the TLS library's release is part of it.
const HELLOS: &[(&str, &str)] = &[
    ("t13d3111t0_e8f1e7e78f70_1f22a2ca17c4", "Microsoft's ODBC driver 18 with OpenSSL 3"),
    ("t13d5911t0_a33745022dd6_1f22a2ca17c4", "tedious on Node.js 20"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(version: [u16; 4], options: &[u8], instance: Option<&str>) -> Option<String> {
        let [major, minor, build, sub_build] = version;
        let byte = |number: u16| u8::try_from(number).unwrap();
        let version = ProductBuild { major: byte(major), minor: byte(minor), build, sub_build };
        driver(&ClientSigns { version: Some(version), options, instance, ja4: None })
    }

    #[test]
    fn what_was_seen_is_named() {
        let all = [0, 1, 2, 3, 4, 5, 6];
        let default = Some("MSSQLServer");
        for (version, options, instance, name) in [
            ([9, 0, 0, 0], TO_MARS, default, "FreeTDS (or pymssql, which is built on it)"),
            ([9, 0, 0, 0], TO_MARS, Some("PAYROLL"), "FreeTDS (or pymssql, which is built on it)"),
            ([8, 0, 341, 0], &all[..4], None, "jTDS"),
            ([8, 0, 341, 0], &all[..4], default, "FreeTDS with TDS 7.1, impacket or a port scanner"),
            ([1, 0, 0, 0], TO_MARS, default, "python-tds"),
            ([0, 0, 3328, 0], TO_MARS, None, "tiberius"),
            ([0, 0, 0, 256], &all, default, "mssql-tds (Microsoft's Rust driver)"),
            ([0, 0, 1, 256], &[0, 1, 2, 3, 4, 6], None, "an old tedious"),
            ([19, 2, 2, 0], &all, None, "tedious 19.2"),
            ([18, 3, 0, 0], &all, None, "tedious or Microsoft's ODBC driver 18.3"),
            ([16, 7, 0, 0], &all, None, "tedious 16.7"),
            ([18, 6, 2, 0], &all[..6], None, "Microsoft's ODBC (or OLE DB) driver 18.6"),
            ([5, 1, 0, 0], &all, None, ".NET SqlClient 5.1"),
            ([4, 8, 4084, 0], &all, default, ".NET SqlClient 4.8"),
            ([2, 0, 0x0701, 0], &all[..6], None, "go-mssqldb 1.7"),
            ([0, 0, 0, 0], TO_MARS, None, "an old go-mssqldb (or a program that imitates it)"),
            ([12, 8, 1, 0], &[0, 1, 5], None, "Microsoft's JDBC driver 12.8"),
        ] {
            assert_eq!(named(version, options, instance).as_deref(), Some(name), "{version:?}");
        }
    }

    #[test]
    fn what_is_not_distinctive_is_not_named() {
        // The version of one with the options or the instance of another.
        assert_eq!(named([18, 6, 2, 0], TO_MARS, None), None);
        assert_eq!(named([9, 0, 0, 1], TO_MARS, None), None);
        assert_eq!(named([8, 0, 341, 0], &[0, 1, 2, 3], Some("PAYROLL")), None);
        assert_eq!(named([1, 0, 0, 0], TO_MARS, None), None);
        assert_eq!(named([5, 1, 0, 0], &[0, 1, 2, 3, 4, 5], None), None);
        assert_eq!(named([2, 0, 0x0701, 1], &[0, 1, 2, 3, 4, 5], None), None);
        assert_eq!(named([19, 2, 2, 0], &[], None), None);
        assert_eq!(driver(&ClientSigns::default()), None);
    }

    #[test]
    fn without_prelogin_the_hello_speaks() {
        let strict = |ja4| driver(&ClientSigns { ja4: Some(ja4), ..ClientSigns::default() });
        let known = "t13d3111t0_e8f1e7e78f70_1f22a2ca17c4";
        assert_eq!(strict(known).as_deref(), Some("Microsoft's ODBC driver 18 with OpenSSL 3"));
        assert_eq!(strict("t13d3111t0_e8f1e7e78f70_000000000000"), None);
        // Where PRELOGIN can be read, it decides.
        let version = Some(ProductBuild { major: 18, minor: 0, build: 1, sub_build: 0 });
        assert_eq!(
            driver(&ClientSigns { version, options: TO_MARS, ja4: Some(known), instance: None }),
            None
        );
    }

    #[test]
    fn no_shape_hides_another() {
        for (index, shape) in SHAPES.iter().enumerate() {
            for other in &SHAPES[..index] {
                let same_options = shape.options.iter().any(|options| other.options.contains(options));
                let same_version = match (&shape.version, &other.version) {
                    (Version::Exactly(one), Version::Exactly(other)) => one == other,
                    (Version::Own(one), Version::Own(other)) => {
                        one.start() <= other.end() && other.start() <= one.end()
                    }
                    (Version::Exactly(one), Version::Own(majors))
                    | (Version::Own(majors), Version::Exactly(one)) => {
                        majors.contains(&u8::try_from(one[0]).unwrap())
                    }
                    (Version::Backwards, Version::Exactly([revision, 0, build, 0]))
                    | (Version::Exactly([revision, 0, build, 0]), Version::Backwards) => {
                        *revision < 10 && build & 0xFF == 1
                    }
                    (Version::Backwards, Version::Own(majors))
                    | (Version::Own(majors), Version::Backwards) => *majors.start() < 10,
                    (Version::Backwards, _) | (_, Version::Backwards) => false,
                };
                let same_instance = match (&shape.instance, &other.instance) {
                    (Instance::Absent, Instance::Is(_)) | (Instance::Is(_), Instance::Absent) => false,
                    (Instance::Is(one), Instance::Is(other)) => one == other,
                    _ => true,
                };
                assert!(!(same_options && same_version && same_instance), "{} {}", shape.name, other.name);
            }
        }
    }
}
