//! `reg export` (Windows Registry Editor version 5): `Functions` and `EccCurves` of a `00010002` key, `Enabled` and
//! `DisabledByDefault` under `SCHANNEL\Protocols`, and `Enabled` under `Ciphers`, `Hashes` and `KeyExchangeAlgorithms`
//! (Microsoft: "Transport Layer Security (TLS) registry settings").

use std::collections::BTreeMap;

use super::algorithms::{self, Algorithm};
use super::error::Fault;
use super::suite_name::{self, Entry};
use super::{Role, Said, VersionSettings};
use crate::tls::{NamedGroup, ProtocolVersion};

/// First line of an export.
const SIGNATURE: &str = "Windows Registry Editor Version 5.00";
/// First line of an export in the format of Windows NT 4, in the machine's own code page.
const OLD_SIGNATURE: &str = "REGEDIT4";

/// Where group policy keeps the suites; it outweighs [`LOCAL_SUITES`].
const POLICY_SUITES: &str = r"\policies\microsoft\cryptography\configuration\ssl\00010002";
/// Where the machine keeps them.
const LOCAL_SUITES: &str = r"\control\cryptography\configuration\local\ssl\00010002";
/// Where protocols and algorithms are switched.
const SCHANNEL: &str = r"\securityproviders\schannel\";

/// Protocols that Schannel has a key for and that no TDS connection speaks.
const OTHER_PROTOCOLS: [&str; 5] =
    ["PCT 1.0", "Multi-Protocol Unified Hello", "DTLS 1.0", "DTLS 1.2", "DTLS 1.3"];

/// What the first line of an export is.
pub(super) fn recognizes(text: &str) -> bool {
    text.starts_with(SIGNATURE) || text.starts_with(OLD_SIGNATURE)
}

/// Reads what is said of suites and protocols; other keys are skipped.
pub(super) fn read(text: &str) -> Result<Said, Fault> {
    if text.trim_start().starts_with(OLD_SIGNATURE) {
        let what = "an export in the old format REGEDIT4; export it with 'reg export'".to_owned();
        return Err(Fault::Malformed { line: 1, what });
    }
    let mut found = Found::default();
    let mut key = Key::Other;
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if let Some(path) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            key = Key::of(path, number)?;
        } else if let Some((name, first)) = entry(line) {
            let mut value = vec![(number, first)];
            while value.last().is_some_and(|(_, part)| part.ends_with('\\')) && first.starts_with("hex") {
                match lines.next() {
                    Some((number, part)) => value.push((number, part.trim())),
                    None => break,
                }
            }
            found.take(key, name, &value)?;
        }
    }
    Ok(found.into_said())
}

/// `"Name"=value`.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('"')?.split_once("\"=")?;
    Some((name, value))
}

/// What a key is about.
#[derive(Debug, Clone, Copy)]
enum Key {
    PolicySuites,
    LocalSuites,
    Protocol(ProtocolVersion, Role),
    Algorithm(Algorithm),
    Other,
}

impl Key {
    fn of(path: &str, line: usize) -> Result<Self, Fault> {
        let lower = path.to_ascii_lowercase();
        if lower.ends_with(POLICY_SUITES) {
            return Ok(Self::PolicySuites);
        }
        if lower.ends_with(LOCAL_SUITES) {
            return Ok(Self::LocalSuites);
        }
        let Some(at) = lower.find(SCHANNEL) else { return Ok(Self::Other) };
        let below = path.get(at + SCHANNEL.len()..).unwrap_or_default();
        let Some((kind, below)) = below.split_once('\\') else { return Ok(Self::Other) };
        if !kind.eq_ignore_ascii_case("Protocols") {
            return Ok(Algorithm::of_key(kind, below).map_or(Self::Other, Self::Algorithm));
        }
        let (name, end) = below.split_once('\\').unwrap_or((below, ""));
        let role = match end.to_ascii_lowercase().as_str() {
            "server" => Some(Role::Server),
            "client" => Some(Role::Client),
            _ => None,
        };
        Ok(match (protocol(name, line)?, role) {
            (Some(version), Some(role)) => Self::Protocol(version, role),
            _ => Self::Other,
        })
    }
}

fn protocol(name: &str, line: usize) -> Result<Option<ProtocolVersion>, Fault> {
    let versions = [
        ProtocolVersion::SSL2,
        ProtocolVersion::SSL3,
        ProtocolVersion::TLS10,
        ProtocolVersion::TLS11,
        ProtocolVersion::TLS12,
        ProtocolVersion::TLS13,
    ];
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    let version = versions.into_iter().find(|version| version.name().is_some_and(same));
    if version.is_none() && !OTHER_PROTOCOLS.into_iter().any(same) {
        return Err(Fault::UnknownProtocol { line, name: name.to_owned() });
    }
    Ok(version)
}

#[derive(Debug, Default)]
struct Found {
    policy: Option<Vec<Entry>>,
    local: Option<Vec<Entry>>,
    policy_curves: Option<Vec<NamedGroup>>,
    local_curves: Option<Vec<NamedGroup>>,
    off: Vec<Algorithm>,
    enabled: BTreeMap<(ProtocolVersion, Role), bool>,
    off_by_default: BTreeMap<(ProtocolVersion, Role), bool>,
}

impl Found {
    fn take(&mut self, key: Key, name: &str, value: &[(usize, &str)]) -> Result<(), Fault> {
        match key {
            Key::PolicySuites if name.eq_ignore_ascii_case("Functions") => self.policy = Some(suites(value)?),
            Key::LocalSuites if name.eq_ignore_ascii_case("Functions") => self.local = Some(suites(value)?),
            Key::PolicySuites if name.eq_ignore_ascii_case("EccCurves") => {
                self.policy_curves = Some(curves(value)?);
            }
            Key::LocalSuites if name.eq_ignore_ascii_case("EccCurves") => {
                self.local_curves = Some(curves(value)?);
            }
            Key::Algorithm(algorithm) if name.eq_ignore_ascii_case("Enabled") && dword(value)? == 0 => {
                self.off.push(algorithm);
            }
            Key::Protocol(version, role) if name.eq_ignore_ascii_case("Enabled") => {
                self.enabled.insert((version, role), dword(value)? != 0);
            }
            Key::Protocol(version, role) if name.eq_ignore_ascii_case("DisabledByDefault") => {
                self.off_by_default.insert((version, role), dword(value)? != 0);
            }
            _ => {}
        }
        Ok(())
    }

    fn into_said(self) -> Said {
        let mut versions = VersionSettings::default();
        // What is off by default only a program that asks for it gets; SQL Server takes the system's defaults.
        for ((version, role), off) in self.off_by_default {
            versions.set(version, role, !off);
        }
        for ((version, role), on) in self.enabled {
            let off = !on || versions.get(version, role) == super::Setting::Disabled;
            versions.set(version, role, !off);
        }
        // An empty list is none: Schannel then takes its default.
        let named = |entries: &Vec<Entry>| !entries.is_empty();
        let listed = |curves: &Vec<NamedGroup>| !curves.is_empty();
        Said {
            entries: self.policy.filter(named).or(self.local.filter(named)),
            versions,
            curves: self.policy_curves.filter(listed).or(self.local_curves.filter(listed)),
            off: self.off,
        }
    }
}

/// `dword:00000001`.
fn dword(value: &[(usize, &str)]) -> Result<u32, Fault> {
    let (line, text) = value.first().copied().unwrap_or((1, ""));
    let number = text.strip_prefix("dword:").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| Fault::Malformed { line, what: "expected dword: and eight digits".to_owned() })
}

fn suites(value: &[(usize, &str)]) -> Result<Vec<Entry>, Fault> {
    let names = names("Functions", value)?;
    names.iter().map(|(line, name)| suite_name::read(name, *line)).collect()
}

fn curves(value: &[(usize, &str)]) -> Result<Vec<NamedGroup>, Fault> {
    let names = names("EccCurves", value)?;
    let known = |(line, name): &(usize, String)| {
        algorithms::curve(name).ok_or_else(|| Fault::UnknownCurve { line: *line, name: name.clone() })
    };
    names.iter().map(known).collect()
}

/// The names in a value, each with its line: `hex(7):` with a multi-string, `hex(2):` or `hex(1):` with a string, or a
/// string in quotes. A value set by hand may hold several names in one string.
fn names(of: &str, value: &[(usize, &str)]) -> Result<Vec<(usize, String)>, Fault> {
    let (line, first) = value.first().copied().unwrap_or((1, ""));
    if let Some(text) = first.strip_prefix('"') {
        return Ok(words(line, text.strip_suffix('"').unwrap_or(text)).collect());
    }
    let known = ["hex(7):", "hex(2):", "hex(1):"].into_iter().find_map(|kind| first.strip_prefix(kind));
    let Some(start) = known else {
        let what = format!("{of} is neither a string nor a multi-string (hex(7))");
        return Err(Fault::Malformed { line, what });
    };
    let mut units = Units::default();
    units.take(line, start)?;
    for (line, part) in value.iter().skip(1) {
        units.take(*line, part)?;
    }
    Ok(units.strings().iter().flat_map(|(line, text)| words(*line, text)).collect())
}

fn words(line: usize, text: &str) -> impl Iterator<Item = (usize, String)> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(move |name| (line, name.to_owned()))
}

/// UTF-16LE code units, each with the line it stands on.
#[derive(Debug, Default)]
struct Units {
    units: Vec<(usize, u16)>,
    low: Option<(usize, u8)>,
}

impl Units {
    /// Takes a line of bytes in hexadecimal with commas between them.
    fn take(&mut self, line: usize, part: &str) -> Result<(), Fault> {
        let digits = part.trim_end_matches('\\').split(',').map(str::trim).filter(|byte| !byte.is_empty());
        for byte in digits {
            let byte = u8::from_str_radix(byte, 16).map_err(|_| Fault::Malformed {
                line,
                what: "expected bytes in hexadecimal with commas between them".to_owned(),
            })?;
            match self.low.take() {
                None => self.low = Some((line, byte)),
                Some((line, low)) => self.units.push((line, u16::from_le_bytes([low, byte]))),
            }
        }
        Ok(())
    }

    fn strings(&self) -> Vec<(usize, String)> {
        let strings = self.units.split(|(_, unit)| *unit == 0);
        let text = |string: &[(usize, u16)]| {
            let units: Vec<u16> = string.iter().map(|(_, unit)| *unit).collect();
            Some((string.first()?.0, String::from_utf16_lossy(&units)))
        };
        strings.filter_map(text).collect()
    }
}
