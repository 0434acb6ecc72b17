//! What the command line accepts. Every option exists in the library first.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tdscope::analysis::{Settings, TimeBound};
use tdscope::capture::Input;
use tdscope::facts::Time;
use tdscope::rules::Severity;

use super::batch::BatchOptions;
use super::extract::ExtractOptions;
use super::info::InfoOptions;
use super::live::LiveOptions;
use super::rule::RuleOptions;
use super::scope::{Manner, Memory, Scope};

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
    /// Look at folders and archives of captures and say which of them hold a cause of failure.
    Batch(Box<BatchOptions>),
    /// Say what captures are: format, times, what is missing, how much of it is SQL Server's.
    Info(Box<InfoOptions>),
    /// Write the packets of a finding or of a connection to a capture of their own, the evidence as comments on them.
    Extract(Box<ExtractOptions>),
    /// Watch network devices and say at once what fails and why.
    Live(Box<LiveOptions>),
    /// Print the page of a rule, or list all rules.
    Rule(RuleOptions),
    /// Print the JSON Schema of the JSON report.
    Schema {
        /// Of a line of `tdscope live --format ndjson` instead.
        #[arg(long)]
        live: bool,
        /// Of the JSON of `tdscope batch` instead.
        #[arg(long, conflicts_with = "live")]
        batch: bool,
        /// Of the JSON of `tdscope info` instead.
        #[arg(long, conflicts_with_all = ["live", "batch"])]
        info: bool,
    },
    /// Print a script that completes commands and options in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write manual pages.
    Man {
        /// The folder to write them to; it is made if there is none.
        folder: PathBuf,
    },
}

/// Options of `tdscope analyze`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct AnalyzeOptions {
    /// Captures (pcap, pcapng, ETL, Network Monitor, snoop; also compressed); several are read as one, by time; `-` is standard
    /// input.
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

    #[command(flatten)]
    pub(crate) scope: Scope,

    #[command(flatten)]
    pub(crate) extent: Extent,

    /// Replace addresses and names by others, everywhere in the same way, so that the report can be shown to strangers:
    /// hosts, users, databases, instances, certificates, files. Messages of unknown numbers are left out.
    #[arg(long)]
    pub(crate) redact: bool,

    #[command(flatten)]
    memory: Memory,

    #[command(flatten)]
    pub(crate) manner: Manner,
}

/// Which part of the captures, and how much of it is listed.
#[derive(Debug, Args)]
pub(crate) struct Extent {
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

    /// List every connection, not only failing ones and a few healthy ones.
    #[arg(long)]
    pub(crate) all_connections: bool,

    /// List at most this many failing connections.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_connections: usize,

    /// Threads, with the one that reads; more than eight are of no use [default: as many as there are processors]. The report
    /// is the same for any number.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
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
    /// For people with a browser: one file that needs no other.
    Html,
    /// For tickets.
    Markdown,
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
        inputs(&self.files)
    }

    /// What the library is asked.
    ///
    /// # Errors
    /// When a time, a rule or a policy cannot be understood, or standard input is named twice.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        if self.inputs().iter().filter(|input| **input == Input::Stdin).count() > 1 {
            return Err("standard input (-) can be read only once".to_owned());
        }
        let mut settings = self.scope.settings()?;
        self.memory.apply(&mut settings);
        self.extent.apply(&mut settings, self.manner.local)?;
        Ok(settings)
    }
}

/// What files on the command line mean.
pub(crate) fn inputs(files: &[PathBuf]) -> Vec<Input> {
    let input = |path: &PathBuf| match path.to_str() {
        Some("-") => Input::Stdin,
        _ => Input::Path(path.clone()),
    };
    files.iter().map(input).collect()
}

impl Extent {
    /// Sets what is reported, and how much; times without an offset are `local` or UTC.
    ///
    /// # Errors
    /// When a time cannot be understood.
    pub(crate) fn apply(&self, settings: &mut Settings, local: bool) -> Result<(), String> {
        settings.filter.since = bound("--since", self.since.as_deref(), local)?;
        settings.filter.until = bound("--until", self.until.as_deref(), local)?;
        settings.filter.client_connection_id.clone_from(&self.client_connection_id);
        settings.max_connections = self.max_connections;
        settings.all_connections = self.all_connections;
        settings.threads = self.threads;
        Ok(())
    }
}

fn bound(option: &str, text: Option<&str>, local: bool) -> Result<Option<TimeBound>, String> {
    let zone = if local { jiff::tz::TimeZone::system() } else { jiff::tz::TimeZone::UTC };
    text.map(|text| {
        time_bound(text.trim(), &zone).ok_or_else(|| {
            format!(
                "{option} '{text}': expected 02:14, 02:14:07, \"2026-03-01 02:14\" or 2026-03-01T02:14:07Z"
            )
        })
    })
    .transpose()
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
    use tdscope::stream::Limits;

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
    fn guids_as_drivers_print_them() {
        let plain = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(guid("{0F8FAD5B-D9CB-469F-A165-70867728950E}").as_deref(), Ok(plain));
        assert!(guid("0f8fad5b").is_err());
    }
}
