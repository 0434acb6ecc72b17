//! What is counted while the watch goes on, and served as metrics.

use std::net::{IpAddr, Ipv4Addr};

use tdscope::analysis::{ServerCounts, Watch};
use tdscope::capture::{LiveCounters, Packet};
use tdscope::facts::{Endpoint, Time};
use tdscope::live::Counts as Recorded;
use tdscope::live::exporter::Exporter;
use tdscope::live::metrics::{InterfaceMetrics, Metrics, Names, RecorderMetrics, ServerMetrics, SynOutcomes};
use tdscope::live::privileges::resident_memory;

/// Counts by device, and who is told.
pub(super) struct Figures {
    exporter: Option<Exporter>,
    names: Names,
    started: Time,
    /// Packets and bytes of each device.
    read: Vec<(u64, u64)>,
    packets: u64,
    counters: Vec<LiveCounters>,
}

impl Figures {
    /// Nothing counted yet; serves metrics at `address`.
    pub(super) fn new(address: Option<&str>, started: Time) -> Result<Self, String> {
        let bind = |address: &str| {
            Exporter::bind(address).map_err(|error| format!("metrics cannot be served at {address}: {error}"))
        };
        Ok(Self {
            exporter: address.map(bind).transpose()?,
            names: Names::default(),
            started,
            read: Vec::new(),
            packets: 0,
            counters: Vec::new(),
        })
    }

    /// A packet was read.
    #[inline]
    pub(super) fn note(&mut self, packet: &Packet<'_>) {
        self.packets += 1;
        let device = packet.file as usize;
        if self.read.len() <= device {
            self.read.resize(device + 1, (0, 0));
        }
        if let Some((packets, bytes)) = self.read.get_mut(device) {
            *packets += 1;
            *bytes += packet.bytes.len() as u64;
        }
    }

    /// The devices were asked what they counted.
    pub(super) fn counted(&mut self, counters: Vec<LiveCounters>) {
        self.counters = counters;
    }

    /// Packets read.
    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets dropped, by all devices.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped_by_device().iter().sum()
    }

    /// Packets dropped by each device, or by the kernel for it.
    pub(super) fn dropped_by_device(&self) -> Vec<u64> {
        self.counters.iter().map(|counters| counters.dropped + counters.dropped_by_device).collect()
    }

    /// Serves how it stands.
    pub(super) fn publish(&mut self, devices: &[String], watch: &Watch, recorded: Recorded) {
        let Some(exporter) = &self.exporter else { return };
        let counts = watch.counts();
        let interfaces = devices.iter().enumerate().map(|(index, name)| {
            let (packets, bytes) = self.read.get(index).copied().unwrap_or_default();
            let counters = self.counters.get(index).copied().unwrap_or_default();
            InterfaceMetrics {
                name: name.clone(),
                packets,
                bytes,
                received: counters.received,
                dropped_kernel: counters.dropped,
                dropped_interface: counters.dropped_by_device,
                // Nothing is: what is not read in time the kernel drops.
                dropped_own: 0,
            }
        });
        let metrics = Metrics {
            interfaces: interfaces.collect(),
            connections: counts.connections,
            connections_known: counts.known,
            memory: resident_memory(),
            servers: watch.servers().iter().map(|(address, counts)| server(*address, counts)).collect(),
            forgotten: Some(server(NOBODY, watch.forgotten())).filter(|forgotten| forgotten.logins() > 0),
            withdrawn: counts.withdrawn,
            recorder: RecorderMetrics {
                files: recorded.files,
                bytes: recorded.bytes,
                limited: recorded.limited,
                failed: recorded.failed,
            },
            started: self.started,
            last_packet: watch.last(),
        };
        exporter.publish(self.names.render(&metrics));
    }
}

/// The address of all that have none.
const NOBODY: Endpoint = Endpoint { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };

fn server(address: Endpoint, counts: &ServerCounts) -> ServerMetrics {
    let mut metrics = ServerMetrics::new(address);
    metrics.succeeded = counts.succeeded;
    metrics.failed.clone_from(&counts.failed);
    let load = &counts.load;
    metrics.syn = SynOutcomes {
        accepted: load.accepted,
        late: load.late,
        refused: load.refused,
        unanswered: load.unanswered,
        retried: load.retried,
    };
    metrics.prelogin.merge_latency(&load.prelogin);
    metrics.handshake.merge_latency(&load.handshake);
    metrics
}
