//! What commands that analyse have in common: whom to look at, what to hold it against, how much memory to take, how to
//! say it.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use tdscope::analysis::{Filter, Settings};
use tdscope::reference::Release;
use tdscope::reference::policy::{MAX_LEN, Policies, Policy};
use tdscope::report::text::Style;
use tdscope::rules::{Selection, Severity};
use tdscope::stream::Limits;

use super::terminal::style;

/// Whom to look at, and what to hold it against.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Show and count only findings of these rules: codes, names, or beginnings of codes such as N or T3.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    select: Vec<String>,

    /// Leave out findings of these rules, named as for --select. Every rule is still asked: a connection keeps
    /// the verdict of a rule that is left out (it stands in JSON) and gets no other rule's guess instead; the
    /// finding is not shown, is not counted, and does not make the exit code 1.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    ignore: Vec<String>,

    /// A port where SQL Server listens. TDS is recognised on any port; this adds certainty where nothing
    /// was said. May be given several times.
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    port: Vec<u16>,

    /// Only connections of this client. May be given several times.
    #[arg(long, value_name = "IP", value_delimiter = ',')]
    client: Vec<IpAddr>,

    /// Only connections to this server. May be given several times.
    #[arg(long, value_name = "IP[:PORT]", value_delimiter = ',', value_parser = server)]
    server: Vec<(IpAddr, Option<u16>)>,

    /// What the server allows, so that a refused ClientHello is compared with it: what PowerShell prints of the
    /// Functions value of a 00010002 key or of Get-TlsCipherSuite (as a table, a list or JSON), a registry export of that key
    /// or of SCHANNEL\Protocols, or one suite a line. It holds for every server of the capture: choose one with --server.
    #[arg(long, value_name = "FILE")]
    server_policy: Option<PathBuf>,

    /// The same of the client: completes a ClientHello that the capture cut, and is compared with a whole one.
    #[arg(long, value_name = "FILE")]
    client_policy: Option<PathBuf>,

    /// Take it that the server has the defaults of this release, where --server-policy says nothing.
    #[arg(long, value_enum, value_name = "RELEASE")]
    assume: Option<Assumed>,
}

/// How much memory to take.
#[derive(Debug, Args)]
pub(crate) struct Memory {
    /// Memory for the connections that are followed at once, in MiB; a connection takes 2 to 5 KiB. When it is full the
    /// ones go that were silent longest, and the report says how many.
    #[arg(long, value_name = "MIB", default_value_t = 32, help_heading = "Limits", value_parser = at_least(1))]
    max_state: usize,

    /// Memory for segments that wait for an earlier one, in MiB. When it is full what waits is read without it.
    #[arg(long, value_name = "MIB", default_value_t = 16, help_heading = "Limits", value_parser = at_least(1))]
    max_reassembly: usize,

    /// Connections known at once, also those of other traffic, of which only the addresses are kept.
    #[arg(long, value_name = "N", default_value_t = 131_072, help_heading = "Limits", value_parser = at_least(1024))]
    max_tracked: usize,

    /// Failing connections that are judged at the end, when all is known that others teach; more are judged when they
    /// end, and the report says how many.
    #[arg(long, value_name = "N", default_value_t = 8_192, help_heading = "Limits", value_parser = at_least(1))]
    max_held: usize,

    /// Listeners of which anything is learnt.
    #[arg(long, value_name = "N", default_value_t = 8_192, help_heading = "Limits", value_parser = at_least(1))]
    max_servers: usize,
}

/// How it is said.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Times in this machine's time zone, with the offset. JSON stays in UTC.
    #[arg(long)]
    pub(crate) local: bool,

    /// Symbols in ASCII.
    #[arg(long)]
    ascii: bool,

    /// Exit with 0 even when something failed.
    #[arg(long)]
    pub(crate) exit_zero: bool,
}

impl Manner {
    /// The style of text that goes to a terminal, or not; in a file there are no colours.
    pub(crate) fn style(&self, terminal: bool, file: bool, least: Severity) -> Style {
        let found = style(terminal);
        Style {
            color: !file && found.color,
            ascii: self.ascii || found.ascii,
            zone: self.zone(),
            least,
            ..found
        }
    }

    /// Zone of the times.
    pub(crate) fn zone(&self) -> jiff::tz::TimeZone {
        if self.local { jiff::tz::TimeZone::system() } else { jiff::tz::TimeZone::UTC }
    }
}

/// A release of Windows Server whose defaults are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Assumed {
    /// Windows Server 2012 R2.
    #[value(name = "windows-server-2012r2", alias = "2012r2")]
    Server2012R2,
    /// Windows Server 2016.
    #[value(name = "windows-server-2016", alias = "2016")]
    Server2016,
    /// Windows Server 2019.
    #[value(name = "windows-server-2019", alias = "2019")]
    Server2019,
    /// Windows Server 2022.
    #[value(name = "windows-server-2022", alias = "2022")]
    Server2022,
    /// Windows Server 2025.
    #[value(name = "windows-server-2025", alias = "2025")]
    Server2025,
}

impl Assumed {
    fn release(self) -> Option<&'static Release> {
        Release::named(match self {
            Self::Server2012R2 => "2012 R2",
            Self::Server2016 => "2016",
            Self::Server2019 => "2019",
            Self::Server2022 => "2022",
            Self::Server2025 => "2025",
        })
    }
}

impl Scope {
    /// Files that are read beside the captures.
    pub(crate) fn policy_files(&self) -> impl Iterator<Item = &Path> {
        [&self.server_policy, &self.client_policy].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Settings with this scope, all else as the library has it.
    ///
    /// # Errors
    /// When a rule or a policy cannot be understood.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        Ok(Settings {
            filter: Filter {
                ports: self.port.clone(),
                clients: self.client.clone(),
                servers: self.server.clone(),
                ..Filter::default()
            },
            rules: Selection::new(&self.select, &self.ignore).map_err(|error| error.to_string())?,
            policies: Policies {
                server: self.server_policy.as_deref().map(policy).transpose()?,
                client: self.client_policy.as_deref().map(policy).transpose()?,
                assumed: self.assume.and_then(Assumed::release),
            },
            ..Settings::default()
        })
    }
}

impl Memory {
    /// Sets the limits.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.max_pending = self.max_held;
        settings.max_servers = self.max_servers;
        settings.limits = Limits {
            connections: self.max_tracked,
            state_bytes: self.max_state.saturating_mul(1 << 20),
            total_bytes: self.max_reassembly.saturating_mul(1 << 20),
            ..Limits::default()
        };
    }
}

/// A limit of less would leave nothing to say.
fn at_least(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..)
}

/// Reads a policy, and no more of its file than a policy has.
fn policy(path: &Path) -> Result<Policy, String> {
    let name = path.display();
    let mut bytes = Vec::new();
    let most = MAX_LEN as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| format!("{name}: {error}"))?;
    Policy::parse(&name.to_string(), &bytes).map_err(|error| error.to_string())
}

fn server(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip, None));
    }
    text.parse::<std::net::SocketAddr>().map(|address| (address.ip(), Some(address.port()))).map_err(|_| {
        "expected an address such as 10.0.0.5, 10.0.0.5:1433, fd00::5 or [fd00::5]:1433".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_that_can_be_assumed_is_known() {
        for assumed in Assumed::value_variants() {
            assert!(assumed.release().is_some_and(|release| release.suites.is_some()), "{assumed:?}");
        }
    }

    #[test]
    fn servers_with_and_without_port() {
        assert_eq!(server("10.0.0.5"), Ok((IpAddr::from([10, 0, 0, 5]), None)));
        assert_eq!(server("10.0.0.5:1433"), Ok((IpAddr::from([10, 0, 0, 5]), Some(1433))));
        assert_eq!(server("[::1]:1433").map(|(_, port)| port), Ok(Some(1433)));
        assert!(server("sql1").is_err());
    }
}
