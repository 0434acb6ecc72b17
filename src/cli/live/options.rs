//! What `tdscope live` accepts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::arguments::Least;
use crate::cli::scope::{Manner, Memory, Scope};

/// Options of `tdscope live`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct LiveOptions {
    /// List the network devices of this machine, and do nothing else.
    #[arg(long)]
    pub(crate) list: bool,

    /// A device to watch; `any` for all of them (Linux). May be given several times.
    #[arg(short, long, value_name = "NAME", value_delimiter = ',', required_unless_present = "list")]
    pub(crate) interface: Vec<String>,

    /// Which packets to read, in the language of pcap-filter(7) [default: what is needed, which is TCP on any port, UDP
    /// 1434 and ICMP, with VLAN tags or without]. `tcp port 1433` costs less on a busy device.
    #[arg(long, value_name = "BPF")]
    pub(crate) filter: Option<String>,

    /// Form of what is said.
    #[arg(long, value_enum, default_value_t = LiveFormat::Text)]
    pub(crate) format: LiveFormat,

    /// Write it to the end of this file instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Say only what has at least this severity. The exit code does not change.
    #[arg(long, value_enum, default_value_t = Least::Warning, value_name = "SEVERITY")]
    pub(crate) min_severity: Least,

    #[command(flatten)]
    pub(crate) scope: Scope,

    /// Give a summary of each stretch of this length: 1h, 30m, 1h 30m. Counts begin anew; what servers showed is
    /// remembered for one stretch more. SIGUSR1 asks for a summary in between.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) every: Duration,

    /// Stop after this time.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// Stop after this many packets.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,

    /// Stop when this many connections have failed.
    #[arg(long, value_name = "FINDINGS")]
    pub(crate) until: Option<u64>,

    /// Keep the latest packets of SQL Server connections in memory, and for each that fails write its own to a pcapng file
    /// in this folder, which is made where there is none, with the verdict and the evidence as comments.
    #[arg(long, value_name = "DIR", help_heading = "Flight recorder")]
    pub(crate) record: Option<PathBuf>,

    /// Memory for these packets: 64MB, 1GB, 256MiB.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", help_heading = "Flight recorder", value_parser = size)]
    pub(crate) record_before: u64,

    /// Write at most this many files,
    #[arg(long, value_name = "N", default_value_t = 1000, help_heading = "Flight recorder")]
    pub(crate) record_files: u64,

    /// with at most this many bytes in all,
    #[arg(long, value_name = "SIZE", default_value = "1GiB", help_heading = "Flight recorder", value_parser = size)]
    pub(crate) record_bytes: u64,

    /// and at most this many a minute.
    #[arg(long, value_name = "N", default_value_t = 60, help_heading = "Flight recorder")]
    pub(crate) record_rate: u32,

    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9465, as /metrics.
    #[arg(long, value_name = "ADDRESS", help_heading = "Service")]
    pub(crate) metrics: Option<String>,

    /// Become this user when the devices are open. All capabilities are given up in any case.
    #[arg(long, value_name = "USER", help_heading = "Service")]
    pub(crate) user: Option<String>,

    /// Bytes of each packet to read.
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, help_heading = "Device", value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub(crate) snaplen: u32,

    /// Memory in the kernel for packets that wait, for each device: 32MiB. More when packets are dropped.
    #[arg(long, value_name = "SIZE", default_value = "32MiB", help_heading = "Device", value_parser = size)]
    pub(crate) buffer: u64,

    /// Have packets handed over one by one, as they come, instead of a tenth of a second's at a time: costs more.
    #[arg(long, help_heading = "Device")]
    pub(crate) immediate: bool,

    /// Read packets that are not for this machine too: on a mirror port.
    #[arg(long, help_heading = "Device")]
    pub(crate) promiscuous: bool,

    #[command(flatten)]
    pub(crate) memory: Memory,

    #[command(flatten)]
    pub(crate) manner: Manner,
}

const AFTER: &str = "Stops at Ctrl-C (SIGINT) or SIGTERM, with a summary.\n\n\
Exit code: 0 nothing failed, 1 a cause of failure was found (by a rule that is not left out), 2 the devices cannot be read \
or the usage is wrong.";

/// Form of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LiveFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line (`tdscope schema --live`).
    Ndjson,
}

/// A length of time as people write it.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no time: expected 30s, 15m, 1h, 1h 30m or 1d");
    // jiff's durations have no days, since these may be longer or shorter.
    let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok());
    let time = match days {
        Some(days) => Duration::from_secs(days.checked_mul(86_400).ok_or_else(wrong)?),
        None => {
            let time: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
            Duration::try_from(time).map_err(|_| wrong())?
        }
    };
    if time < Duration::from_secs(1) { Err("at least a second".to_owned()) } else { Ok(time) }
}

/// A number of bytes as people write it: powers of ten, or of two with an `i`.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no size: expected 500k, 64MB, 64MiB or 1GB");
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1000 * 1000,
        "g" | "gb" => 1000 * 1000 * 1000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let seconds = |text| duration(text).map(|time| time.as_secs()).ok();
        assert_eq!(seconds("30s"), Some(30));
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("1h 30m"), Some(5400));
        assert_eq!(seconds("2d"), Some(172_800));
        for wrong in ["", "5", "-1h", "1x", "0s", "10ms", "99999999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_as_people_write_them() {
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("1g"), Ok(1_000_000_000));
        assert_eq!(size("512"), Ok(512));
        for wrong in ["", "MB", "1.5GB", "-1", "0", "99999999999GiB", "1TB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
