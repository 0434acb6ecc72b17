//! What the command line accepts. Every option exists in the library first.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use tdscope::analysis::{Filter, Settings, TimeBound};
use tdscope::capture::Input;
use tdscope::facts::Time;
use tdscope::reference::Release;
use tdscope::reference::policy::{MAX_LEN, Policies, Policy};
use tdscope::rules::{Selection, Severity};
use tdscope::stream::Limits;

use super::rule::RuleOptions;

/// Says from a packet capture why SQL Server logins were forcibly closed (OS error 10054).
#[derive(Debug, Parser)]
#[command(name = "tdscope", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read captures and say what failed and why.
    Analyze(Box<AnalyzeOptions>),
    /// Print the page of a rule, or list all rules.
    Rule(RuleOptions),
    /// Print the JSON Schema of the JSON report.
    Schema,
}

/// Options of `tdscope analyze`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct AnalyzeOptions {
    /// Captures (pcap or pcapng, also gzipped); several are read as one, by time; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Form of the report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// Write the report to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Show findings of at least this severity. The exit code does not change.
    #[arg(long, value_enum, default_value_t = Least::Info, value_name = "SEVERITY")]
    pub(crate) min_severity: Least,

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

    /// Only connections that were still alive at this time: 02:14, 02:14:07 (on the capture's first day),
    /// "2026-03-01 02:14" or 2026-03-01T02:14:07Z. UTC unless --local or an offset is given.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only connections that had begun by this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Only the connection with this ClientConnectionId, as the driver printed it.
    #[arg(long, value_name = "GUID", value_parser = guid)]
    client_connection_id: Option<String>,

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

    /// List every connection, not only failing ones and a few healthy ones.
    #[arg(long)]
    pub(crate) all_connections: bool,

    /// List at most this many failing connections.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_connections: usize,

    /// Threads that work beside the one that reads [default: as many as there are processors]. 1 for none. The report
    /// is the same for any number.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,

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

    /// Times in this machine's time zone, with the offset. The JSON report stays in UTC.
    #[arg(long)]
    pub(crate) local: bool,

    /// Symbols in ASCII.
    #[arg(long)]
    pub(crate) ascii: bool,

    /// Exit with 0 even when something failed.
    #[arg(long)]
    pub(crate) exit_zero: bool,
}

const EXIT_CODES: &str = "Exit code: 0 nothing failed, 1 a cause of failure was found (by a rule that is not left out), 2 an input could not be read \
at all or the usage is wrong.";

/// Form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: schema tdscope/1 (`tdscope schema`).
    Json,
}

/// Least severity to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Least {
    /// Everything.
    Info,
    /// What will make connections fail, and what did.
    Warning,
    /// What made connections fail.
    Error,
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

impl From<Least> for Severity {
    fn from(least: Least) -> Self {
        match least {
            Least::Info => Self::Info,
            Least::Warning => Self::Warning,
            Least::Error => Self::Error,
        }
    }
}

impl AnalyzeOptions {
    /// The inputs in order.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let input = |path: &PathBuf| match path.to_str() {
            Some("-") => Input::Stdin,
            _ => Input::Path(path.clone()),
        };
        self.files.iter().map(input).collect()
    }

    /// Files that are read beside the captures.
    pub(crate) fn policy_files(&self) -> impl Iterator<Item = &Path> {
        [&self.server_policy, &self.client_policy].into_iter().flatten().map(PathBuf::as_path)
    }

    /// What the library is asked.
    ///
    /// # Errors
    /// When a time, a rule or a policy cannot be understood, or standard input is named twice.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        if self.inputs().iter().filter(|input| **input == Input::Stdin).count() > 1 {
            return Err("standard input (-) can be read only once".to_owned());
        }
        Ok(Settings {
            filter: Filter {
                ports: self.port.clone(),
                clients: self.client.clone(),
                servers: self.server.clone(),
                since: self.bound("--since", self.since.as_deref())?,
                until: self.bound("--until", self.until.as_deref())?,
                client_connection_id: self.client_connection_id.clone(),
            },
            rules: Selection::new(&self.select, &self.ignore).map_err(|error| error.to_string())?,
            policies: Policies {
                server: self.server_policy.as_deref().map(policy).transpose()?,
                client: self.client_policy.as_deref().map(policy).transpose()?,
                assumed: self.assume.and_then(Assumed::release),
            },
            max_connections: self.max_connections,
            all_connections: self.all_connections,
            max_pending: self.max_held,
            max_servers: self.max_servers,
            limits: self.limits(),
            threads: self.threads,
            ..Settings::default()
        })
    }

    fn limits(&self) -> Limits {
        Limits {
            connections: self.max_tracked,
            state_bytes: self.max_state.saturating_mul(1 << 20),
            total_bytes: self.max_reassembly.saturating_mul(1 << 20),
            ..Limits::default()
        }
    }

    fn bound(&self, option: &str, text: Option<&str>) -> Result<Option<TimeBound>, String> {
        let zone = if self.local { jiff::tz::TimeZone::system() } else { jiff::tz::TimeZone::UTC };
        text.map(|text| {
            time_bound(text.trim(), &zone).ok_or_else(|| {
                format!("{option} '{text}': expected 02:14, 02:14:07, \"2026-03-01 02:14\" or 2026-03-01T02:14:07Z")
            })
        })
        .transpose()
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

fn time_bound(text: &str, zone: &jiff::tz::TimeZone) -> Option<TimeBound> {
    let time = |timestamp: jiff::Timestamp| i64::try_from(timestamp.as_nanosecond()).ok().map(Time);
    // A time of day comes first: jiff reads `2026` in `2026-03-01` as one otherwise.
    if !text.contains('-') {
        let of_day = text.parse::<jiff::civil::Time>().ok()?;
        let offset = zone.to_offset(jiff::Timestamp::now()).seconds();
        let nanoseconds = of_day.duration_since(jiff::civil::Time::midnight()).as_nanos();
        return Some(TimeBound::OfDay { nanoseconds: i64::try_from(nanoseconds).ok()?, offset });
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return time(timestamp).map(TimeBound::Absolute);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    time(civil.to_zoned(zone.clone()).ok()?.timestamp()).map(TimeBound::Absolute)
}

fn server(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip, None));
    }
    text.parse::<std::net::SocketAddr>().map(|address| (address.ip(), Some(address.port()))).map_err(|_| {
        "expected an address such as 10.0.0.5, 10.0.0.5:1433, fd00::5 or [fd00::5]:1433".to_owned()
    })
}

fn guid(text: &str) -> Result<String, String> {
    let bare = text.trim().trim_start_matches('{').trim_end_matches('}');
    let groups: Vec<&str> = bare.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hexadecimal = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if lengths == [8, 4, 4, 4, 12] && hexadecimal {
        Ok(bare.to_ascii_lowercase())
    } else {
        Err("expected a GUID such as 0f8fad5b-d9cb-469f-a165-70867728950e".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_library() {
        let Command::Analyze(options) = Arguments::parse_from(["tdscope", "analyze", "x.pcap"]).command
        else {
            panic!("another command");
        };
        let (settings, library) = (options.settings().unwrap(), Settings::default());
        let limits = |limits: Limits| (limits.connections, limits.state_bytes, limits.total_bytes);
        assert_eq!(limits(settings.limits), limits(library.limits));
        assert_eq!(settings.max_pending, library.max_pending);
        assert_eq!(settings.max_servers, library.max_servers);
        assert_eq!(settings.max_connections, library.max_connections);
        assert_eq!(settings.threads, library.threads);
    }

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_release_that_can_be_assumed_is_known() {
        for assumed in Assumed::value_variants() {
            assert!(assumed.release().is_some_and(|release| release.suites.is_some()), "{assumed:?}");
        }
    }

    #[test]
    fn times_in_every_form() {
        let utc = jiff::tz::TimeZone::UTC;
        let of_day = |nanoseconds| Some(TimeBound::OfDay { nanoseconds, offset: 0 });
        assert_eq!(time_bound("02:14", &utc), of_day(8_040_000_000_000));
        assert_eq!(time_bound("02:14:07", &utc), of_day(8_047_000_000_000));
        let absolute = Some(TimeBound::Absolute(Time(1_772_331_247_000_000_000)));
        assert_eq!(time_bound("2026-03-01T02:14:07Z", &utc), absolute);
        assert_eq!(time_bound("2026-03-01 02:14:07", &utc), absolute);
        assert_eq!(time_bound("2026-03-01T04:14:07+02:00", &utc), absolute);
        assert_eq!(time_bound("yesterday", &utc), None);
        assert_eq!(time_bound("25:00", &utc), None);
    }

    #[test]
    fn servers_with_and_without_port() {
        assert_eq!(server("10.0.0.5"), Ok((IpAddr::from([10, 0, 0, 5]), None)));
        assert_eq!(server("10.0.0.5:1433"), Ok((IpAddr::from([10, 0, 0, 5]), Some(1433))));
        assert_eq!(server("[::1]:1433").map(|(_, port)| port), Ok(Some(1433)));
        assert!(server("sql1").is_err());
    }

    #[test]
    fn guids_as_drivers_print_them() {
        let plain = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(guid("{0F8FAD5B-D9CB-469F-A165-70867728950E}").as_deref(), Ok(plain));
        assert!(guid("0f8fad5b").is_err());
    }
}
