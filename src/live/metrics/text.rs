//! Figures as text: the Prometheus text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};

use super::{Histogram, InterfaceMetrics, Metrics, ServerMetrics};
use crate::facts::{Endpoint, Time};

/// Nanoseconds of a second.
const SECOND: u128 = 1_000_000_000;

/// Characters that are told of an interface's name: Linux has 15 (`IFNAMSIZ`), Windows `\Device\NPF_{GUID}` has 50.
const INTERFACE_NAME: usize = 64;

/// The text for Prometheus, servers being chosen anew: those with the most logins, of [`Names::MOST`] at the most, by
/// name, and all others as `other`. A watch tells its figures time and again and keeps [`Names`] for it.
#[must_use]
pub fn render(metrics: &Metrics) -> String {
    Names::default().render(metrics)
}

/// Which servers are told by name. Once named, a server stays so: if it moved to `other` and back, the counters of
/// `other` would go down, which Prometheus takes for a restart and then counts everything again.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeSet<Endpoint>);

impl Names {
    /// Most servers that are told by name. Each is some sixty time series.
    pub const MOST: usize = 64;

    /// The text for Prometheus. As long as there is room, those with the most logins get a name first, then the lower
    /// address.
    #[must_use]
    pub fn render(&mut self, metrics: &Metrics) -> String {
        self.choose(&metrics.servers);
        let mut text = Text::default();
        write_watch(&mut text, metrics);
        write_interfaces(&mut text, &by_name(&metrics.interfaces));
        write_servers(&mut text, &self.told(&metrics.servers, &metrics.forgotten));
        write_recorder(&mut text, metrics);
        text.0
    }

    fn choose(&mut self, servers: &[ServerMetrics]) {
        let mut logins: BTreeMap<Endpoint, u64> = BTreeMap::new();
        // Who was forgotten is counted among the others from now on.
        self.0.retain(|named| servers.iter().any(|server| server.server == *named));
        let unnamed = servers.iter().filter(|server| !self.0.contains(&server.server));
        // Whoever calls many addresses must not use up the names.
        for server in unnamed.filter(|server| server.logins() > 0) {
            let sum = logins.entry(server.server).or_default();
            *sum = sum.saturating_add(server.logins());
        }
        // The sort is stable: of as many logins, the lower address stays first.
        let mut ranked: Vec<(Endpoint, u64)> = logins.into_iter().collect();
        ranked.sort_by_key(|(_, logins)| std::cmp::Reverse(*logins));
        let room = Self::MOST.saturating_sub(self.0.len());
        self.0.extend(ranked.into_iter().take(room).map(|(server, _)| server));
    }

    /// The servers by the label they have, in order of their addresses, the sum of the others last.
    fn told(
        &self,
        servers: &[ServerMetrics],
        forgotten: &Option<ServerMetrics>,
    ) -> Vec<(String, ServerMetrics)> {
        let mut named: BTreeMap<Endpoint, ServerMetrics> = BTreeMap::new();
        let mut other = forgotten.clone();
        for server in servers {
            let empty = || ServerMetrics::new(server.server);
            let sum = if self.0.contains(&server.server) {
                named.entry(server.server).or_insert_with(empty)
            } else {
                other.get_or_insert_with(empty)
            };
            sum.absorb(server);
        }
        let named = named.into_iter().map(|(address, sum)| (address.to_string(), sum));
        named.chain(other.map(|sum| ("other".to_owned(), sum))).collect()
    }
}

/// Interfaces by the name that is told of them. Two samples of the same labels would spoil the whole text, so those of
/// one name are summed.
fn by_name(interfaces: &[InterfaceMetrics]) -> BTreeMap<String, InterfaceMetrics> {
    let mut named: BTreeMap<String, InterfaceMetrics> = BTreeMap::new();
    for interface in interfaces {
        named.entry(plain_name(&interface.name)).or_default().absorb(interface);
    }
    named
}

/// Whatever is not visible ASCII is told as `_`.
fn plain_name(name: &str) -> String {
    let visible = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
    name.chars().take(INTERFACE_NAME).map(visible).collect()
}

fn write_watch(text: &mut Text, metrics: &Metrics) {
    text.family("tdscope_build_info", GAUGE, "Always 1; the version of tdscope is its label.");
    text.sample("tdscope_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family(
        "tdscope_start_time_seconds",
        GAUGE,
        "When the watch began, in seconds since 1970-01-01 UTC.",
    );
    text.sample("tdscope_start_time_seconds", &[], epoch(metrics.started));
    if let Some(last) = metrics.last_packet {
        let help = "Capture time of the latest packet, in seconds since 1970-01-01 UTC.";
        text.family("tdscope_last_packet_time_seconds", GAUGE, help);
        text.sample("tdscope_last_packet_time_seconds", &[], epoch(last));
    }
    if let Some(memory) = metrics.memory {
        text.family("tdscope_resident_memory_bytes", GAUGE, "Resident memory of tdscope.");
        text.sample("tdscope_resident_memory_bytes", &[], memory);
    }
    let help = "Connections that were counted as failed and turned out not to have.";
    text.family("tdscope_withdrawn_failures_total", COUNTER, help);
    text.sample("tdscope_withdrawn_failures_total", &[], metrics.withdrawn);
    text.family("tdscope_connections_total", COUNTER, "TCP connections seen.");
    text.sample("tdscope_connections_total", &[], metrics.connections);
    text.family("tdscope_known_connections", GAUGE, "TCP connections that are kept now.");
    text.sample("tdscope_known_connections", &[], metrics.connections_known);
}

fn write_interfaces(text: &mut Text, interfaces: &BTreeMap<String, InterfaceMetrics>) {
    let mut counter = |name: &str, help: &str, of: fn(&InterfaceMetrics) -> u64| {
        text.family(name, COUNTER, help);
        for (interface, figures) in interfaces {
            text.sample(name, &[("interface", interface)], of(figures));
        }
    };
    counter("tdscope_packets_total", "Packets analysed.", |figures| figures.packets);
    counter("tdscope_packet_bytes_total", "Bytes captured of the packets analysed.", |figures| figures.bytes);
    let help = "Packets that passed the kernel's filter, delivered or not, as libpcap says.";
    counter("tdscope_received_packets_total", help, |figures| figures.received);

    let name = "tdscope_dropped_packets_total";
    let help =
        "Packets lost: by the kernel (buffer full), by the interface or its driver, or by tdscope itself.";
    text.family(name, COUNTER, help);
    for (interface, figures) in interfaces {
        let dropped = [
            ("kernel", figures.dropped_kernel),
            ("interface", figures.dropped_interface),
            ("tdscope", figures.dropped_own),
        ];
        for (by, packets) in dropped {
            text.sample(name, &[("interface", interface), ("by", by)], packets);
        }
    }
}

fn write_servers(text: &mut Text, servers: &[(String, ServerMetrics)]) {
    write_logins(text, servers);
    write_syns(text, servers);
    let help = "From PRELOGIN to the answer to it. Times are known to 6.25 %, so the sum is approximate.";
    write_histograms(text, "tdscope_prelogin_seconds", help, servers, |figures| &figures.prelogin);
    let help = "From ClientHello to ServerHello. Times are known to 6.25 %, so the sum is approximate.";
    write_histograms(text, "tdscope_handshake_seconds", help, servers, |figures| &figures.handshake);
}

fn write_logins(text: &mut Text, servers: &[(String, ServerMetrics)]) {
    text.family("tdscope_logins_total", COUNTER, "Logins by how they ended.");
    for (server, figures) in servers {
        for (outcome, logins) in [("succeeded", figures.succeeded), ("failed", figures.failures())] {
            text.sample("tdscope_logins_total", &[("server", server), ("outcome", outcome)], logins);
        }
    }
    let help = "Failed logins by the rule that found the cause; tdscope rule <rule> explains it.";
    text.family("tdscope_login_failures_total", COUNTER, help);
    for (server, figures) in servers {
        for (rule, logins) in &figures.failed {
            text.sample("tdscope_login_failures_total", &[("server", server), ("rule", rule)], logins);
        }
    }
}

/// Outcomes exclude each other, so that their sum means something; what is late was accepted, and stands apart.
fn write_syns(text: &mut Text, servers: &[(String, ServerMetrics)]) {
    let name = "tdscope_syn_total";
    text.family(name, COUNTER, "First SYNs of connections by how they were answered.");
    for (server, figures) in servers {
        let syn = figures.syn;
        let outcomes = [("accepted", syn.accepted), ("refused", syn.refused), ("unanswered", syn.unanswered)];
        for (outcome, syns) in outcomes {
            text.sample(name, &[("server", server), ("outcome", outcome)], syns);
        }
    }
    let mut counter = |name: &str, help: &str, of: fn(&ServerMetrics) -> u64| {
        text.family(name, COUNTER, help);
        for (server, figures) in servers {
            text.sample(name, &[("server", server)], of(figures));
        }
    };
    let help = "SYNs that were accepted only when sent again, or more than a second later.";
    counter("tdscope_syn_late_total", help, |figures| figures.syn.late);
    counter("tdscope_syn_retried_total", "SYN packets sent again.", |figures| figures.syn.retried);
}

fn write_histograms(
    text: &mut Text,
    name: &str,
    help: &str,
    servers: &[(String, ServerMetrics)],
    of: fn(&ServerMetrics) -> &Histogram,
) {
    text.family(name, "histogram", help);
    for (server, figures) in servers {
        let histogram = of(figures);
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.cumulative() {
            let bound = seconds(u128::from(bound.unsigned_abs()));
            text.sample(&bucket, &[("server", server), ("le", &bound)], count);
        }
        text.sample(&bucket, &[("server", server), ("le", "+Inf")], histogram.count());
        text.sample(&format!("{name}_sum"), &[("server", server)], seconds(histogram.sum()));
        text.sample(&format!("{name}_count"), &[("server", server)], histogram.count());
    }
}

fn write_recorder(text: &mut Text, metrics: &Metrics) {
    let recorder = metrics.recorder;
    text.family("tdscope_recordings_total", COUNTER, "Files recorded of failed connections.");
    text.sample("tdscope_recordings_total", &[], recorder.files);
    text.family("tdscope_recorded_bytes_total", COUNTER, "Bytes recorded of failed connections.");
    text.sample("tdscope_recorded_bytes_total", &[], recorder.bytes);
    let name = "tdscope_recordings_skipped_total";
    text.family(
        name,
        COUNTER,
        "Recordings not made: a limit was reached (limited), or writing failed (failed).",
    );
    text.sample(name, &[("why", "limited")], recorder.limited);
    text.sample(name, &[("why", "failed")], recorder.failed);
}

/// Goes up only, but for a restart.
const COUNTER: &str = "counter";
/// Goes up and down.
const GAUGE: &str = "gauge";

/// Lines of the format.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Begins the samples of a name. `help` is one line without backslashes.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let pair = |(label, value): &(&str, &str)| format!("{label}=\"{}\"", escaped(value));
        let pairs: Vec<String> = labels.iter().map(pair).collect();
        if pairs.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{}}} {value}", pairs.join(",")));
        }
    }

    /// Writing into a string does not fail.
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}");
    }
}

/// A label's value as it stands between quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A time as seconds since the epoch.
fn epoch(time: Time) -> String {
    let sign = if time.0 < 0 { "-" } else { "" };
    format!("{sign}{}", seconds(u128::from(time.0.unsigned_abs())))
}

/// Nanoseconds as seconds, exactly, without zeros at the end.
fn seconds(nanoseconds: u128) -> String {
    let (whole, part) = (nanoseconds / SECOND, nanoseconds % SECOND);
    if part == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{part:09}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests;
