//! Packets from network devices, through libpcap (feature `live`).
//!
//! Devices are read in turn by one thread, without blocking: packets are shown where the kernel put them, nothing is
//! copied, and what is not read in time the kernel drops and counts.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use pcap::{Active, Capture, IfFlags, Precision};

use super::{LinkType, Packet};

/// Packets that are taken from a device before the next has its turn.
const TURN: usize = 4096;
/// Time between two tries to read a device that is down, or to open one that is gone.
const RETRY: Duration = Duration::from_millis(500);
/// Milliseconds for which the kernel collects packets before it hands them over; those of a full block come at once.
const COLLECT: i32 = 100;

/// What tdscope needs: TDS may be on any TCP port, SQL Browser lookups (UDP 1434), and ICMP errors that explain; each also
/// behind one or two VLAN tags, which the kernel may have left in the packet.
pub const NEEDED: &str = "tcp or udp port 1434 or icmp or icmp6 \
    or (vlan and (tcp or udp port 1434 or icmp or icmp6)) \
    or (vlan and (tcp or udp port 1434 or icmp or icmp6))";
/// The same for link types that have no tags.
const NEEDED_WITHOUT_TAGS: &str = "tcp or udp port 1434 or icmp or icmp6";

/// A device that packets can be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDevice {
    /// Its name, as `-i` takes it.
    pub name: String,
    /// What the system says of it.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// It is up.
    pub up: bool,
    /// It is up and connected.
    pub running: bool,
    /// It is the loopback device.
    pub loopback: bool,
}

/// The devices of this machine, as libpcap orders them: the likeliest first.
///
/// # Errors
/// When the system does not tell.
pub fn live_devices() -> Result<Vec<LiveDevice>, LiveError> {
    let devices = pcap::Device::list().map_err(|error| LiveError::List { text: words(&error) })?;
    let device = |device: pcap::Device| LiveDevice {
        name: device.name,
        description: device.desc,
        addresses: device.addresses.iter().map(|address| address.addr).collect(),
        up: device.flags.if_flags.contains(IfFlags::UP),
        running: device.flags.if_flags.contains(IfFlags::RUNNING),
        loopback: device.flags.if_flags.contains(IfFlags::LOOPBACK),
    };
    Ok(devices.into_iter().map(device).collect())
}

/// How devices are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    /// Bytes of each packet that are kept.
    pub snaplen: u32,
    /// Bytes that the kernel buffers for each device.
    pub buffer: u32,
    /// Packets are handed over one by one, as they come, which costs more.
    pub immediate: bool,
    /// Packets that are not for this machine are read too.
    pub promiscuous: bool,
    /// Which packets are read, in the language of `pcap-filter`(7); [`NEEDED`] when `None`.
    pub filter: Option<String>,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            // What tcpdump keeps (MAXIMUM_SNAPLEN): offloaded sends and receives are up to 64 KiB and more.
            snaplen: 262_144,
            buffer: 32 << 20,
            immediate: false,
            promiscuous: false,
            filter: None,
        }
    }
}

/// Why devices cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// The devices are not told.
    #[error("the network devices of this machine cannot be listed: {text}")]
    List {
        /// What libpcap says.
        text: String,
    },
    /// There is no such device.
    #[error("there is no network device {name}; `tdscope live --list` names those that there are")]
    Missing {
        /// Its name.
        name: String,
    },
    /// It may not be read.
    #[error(
        "no permission to read packets from {name}: run this as root, or give the program the right once: \
        sudo setcap cap_net_raw+ep {program}"
    )]
    Permission {
        /// The device.
        name: String,
        /// This program's file.
        program: String,
    },
    /// The filter is wrong.
    #[error("the filter '{filter}' is not one of pcap-filter(7): {text}")]
    Filter {
        /// The filter.
        filter: String,
        /// What libpcap says.
        text: String,
    },
    /// It cannot be opened, or read any more.
    #[error("{name} cannot be read: {text}")]
    Device {
        /// The device.
        name: String,
        /// What libpcap says.
        text: String,
    },
}

/// What a device counted since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveCounters {
    /// Packets that passed the filter, those that were dropped included on some systems.
    pub received: u64,
    /// Packets that the kernel dropped since nobody read them in time.
    pub dropped: u64,
    /// Packets that the device or its driver dropped.
    pub dropped_by_device: u64,
}

/// How a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveState {
    /// It is read.
    Up,
    /// It is down, or gone: why. It is tried again.
    Down(String),
    /// It was gone and is there again, but may not be opened any more: the right to was given up.
    Lost(String),
}

/// Devices that are read.
pub struct Live {
    devices: Vec<Opened>,
    settings: LiveSettings,
}

struct Opened {
    name: String,
    capture: Capture<Active>,
    link: LinkType,
    state: LiveState,
    /// When to try again, when it is down.
    retry: Option<Instant>,
    frames: u64,
    counters: LiveCounters,
    /// What libpcap counted, in 32 bits, when it was asked last.
    raw: [u32; 3],
    /// The system called it up once.
    was_up: bool,
    /// The state has changed since somebody asked.
    changed: bool,
}

impl Live {
    /// Opens devices; a packet's `file` is the place of its device in `names`.
    ///
    /// # Errors
    /// When one cannot be opened, or the filter is wrong.
    pub fn open(names: &[String], settings: &LiveSettings) -> Result<Self, LiveError> {
        let devices = names.iter().map(|name| Opened::new(name, settings)).collect::<Result<_, _>>()?;
        Ok(Self { devices, settings: settings.clone() })
    }

    /// Names and link types of the devices.
    pub fn devices(&self) -> impl Iterator<Item = (&str, LinkType)> {
        self.devices.iter().map(|device| (device.name.as_str(), device.link))
    }

    /// Shows the packets that are there; waits for some up to `wait` when there are none. How many there were.
    pub fn run(&mut self, wait: Duration, take: &mut dyn FnMut(&Packet<'_>)) -> usize {
        let Self { devices, settings } = self;
        let mut shown = 0;
        for (file, device) in (0..).zip(devices.iter_mut()) {
            shown += device.run(file, settings, take);
        }
        if shown == 0 {
            wait_for_any(devices, wait);
        }
        shown
    }

    /// Whether no device will ever be read again.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.devices.iter().all(|device| matches!(device.state, LiveState::Lost(_)))
    }

    /// What each device counted; also looks whether they are up. To be asked now and then.
    pub fn counters(&mut self) -> Vec<LiveCounters> {
        let there = pcap::Device::list().unwrap_or_default();
        for device in &mut self.devices {
            let known = there.iter().find(|known| known.name == device.name);
            let up = known.is_some_and(|known| known.flags.if_flags.contains(IfFlags::UP));
            device.was_up |= up;
            // Some that can be read, such as nflog, are never called up.
            if !up && device.was_up && known.is_some() && device.state == LiveState::Up {
                device.turn(LiveState::Down("it is down".to_owned()));
            }
        }
        self.devices.iter_mut().map(Opened::count).collect()
    }

    /// Devices whose state has changed since this was asked: their places and how they are.
    pub fn changes(&mut self) -> Vec<(usize, LiveState)> {
        let changed = self.devices.iter_mut().enumerate().filter(|(_, device)| device.changed);
        changed
            .map(|(index, device)| {
                device.changed = false;
                (index, device.state.clone())
            })
            .collect()
    }
}

impl Opened {
    fn new(name: &str, settings: &LiveSettings) -> Result<Self, LiveError> {
        let capture = open(name, settings)?;
        let link = link_of(capture.get_datalink().0);
        Ok(Self {
            name: name.to_owned(),
            capture,
            link,
            state: LiveState::Up,
            retry: None,
            frames: 0,
            counters: LiveCounters::default(),
            raw: [0; 3],
            was_up: false,
            changed: false,
        })
    }

    fn run(&mut self, file: u32, settings: &LiveSettings, take: &mut dyn FnMut(&Packet<'_>)) -> usize {
        if self.retry.is_some_and(|retry| Instant::now() < retry) {
            return 0;
        }
        let Self { capture, frames, link, .. } = self;
        let link = *link;
        let read = capture.dispatch(Some(TURN), |packet| {
            *frames += 1;
            let header = packet.header;
            take(&Packet {
                time: nanoseconds(header.ts.tv_sec, header.ts.tv_usec),
                file,
                frame: *frames,
                link,
                interface: 0,
                original_len: header.len,
                bytes: packet.data,
            });
        });
        match read {
            Ok(packets) => {
                if packets > 0 || self.retry.is_some() {
                    let up = packets > 0 || self.is_up();
                    self.turn(if up { LiveState::Up } else { self.state.clone() });
                }
                packets
            }
            Err(pcap::Error::TimeoutExpired) => 0,
            Err(error) => {
                self.fail(&error, settings);
                0
            }
        }
    }

    /// Whether the system says that the device is up; asked seldom.
    fn is_up(&self) -> bool {
        let devices = pcap::Device::list().unwrap_or_default();
        devices.iter().any(|device| device.name == self.name && device.flags.if_flags.contains(IfFlags::UP))
    }

    /// It could not be read: it is down, or gone. One that is back under its name is another, and opened anew.
    fn fail(&mut self, error: &pcap::Error, settings: &LiveSettings) {
        self.count();
        let again = (self.retry.is_some() && self.is_up()).then(|| open(&self.name, settings));
        let state = match again {
            Some(Ok(capture)) => {
                (self.capture, self.raw) = (capture, [0; 3]);
                self.link = link_of(self.capture.get_datalink().0);
                LiveState::Up
            }
            Some(Err(LiveError::Permission { .. })) => {
                LiveState::Lost("it was made anew, and the right to open it was given up".to_owned())
            }
            _ => LiveState::Down(words(error)),
        };
        self.turn(state);
    }

    fn turn(&mut self, state: LiveState) {
        self.retry = (state != LiveState::Up).then(|| Instant::now() + RETRY);
        let same = std::mem::discriminant(&self.state) == std::mem::discriminant(&state);
        if !same {
            self.changed = true;
            self.state = state;
        }
    }

    /// Asks what libpcap counted, and adds what is new: its counters have 32 bits and turn over.
    fn count(&mut self) -> LiveCounters {
        if let Ok(stats) = self.capture.stats() {
            let raw = [stats.received, stats.dropped, stats.if_dropped];
            let [received, dropped, dropped_by_device] = &mut self.raw;
            self.counters.received += step(*received, raw[0]);
            self.counters.dropped += step(*dropped, raw[1]);
            self.counters.dropped_by_device += step(*dropped_by_device, raw[2]);
            self.raw = raw;
        }
        self.counters
    }
}

/// How far a counter of 32 bits went on, that may have turned over. What seems a step of more than half its range is one that
/// began anew: those of devices do when a driver is loaded.
fn step(before: u32, now: u32) -> u64 {
    let step = now.wrapping_sub(before);
    u64::from(if step > u32::MAX / 2 { 0 } else { step })
}

fn open(name: &str, settings: &LiveSettings) -> Result<Capture<Active>, LiveError> {
    let refused = |error: &pcap::Error| refusal(name, error);
    let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let capture = Capture::from_device(name)
        .map_err(|error| refused(&error))?
        .snaplen(int(settings.snaplen))
        .buffer_size(int(settings.buffer))
        .promisc(settings.promiscuous)
        .immediate_mode(settings.immediate)
        .precision(Precision::Nano)
        .timeout(COLLECT);
    let mut capture = capture.open().map_err(|error| refused(&error))?;
    set_filter(&mut capture, settings)?;
    capture.setnonblock().map_err(|error| refused(&error))
}

fn set_filter(capture: &mut Capture<Active>, settings: &LiveSettings) -> Result<(), LiveError> {
    let given = settings.filter.as_deref();
    let wrong = |filter: &str, error: &pcap::Error| LiveError::Filter {
        filter: filter.to_owned(),
        text: words(error),
    };
    match given {
        Some(filter) => capture.filter(filter, true).map_err(|error| wrong(filter, &error)),
        None if capture.filter(NEEDED, true).is_ok() => Ok(()),
        None => {
            let filter = NEEDED_WITHOUT_TAGS;
            capture.filter(filter, true).map_err(|error| wrong(filter, &error))
        }
    }
}

/// libpcap says in words alone why it cannot open a device.
fn refusal(name: &str, error: &pcap::Error) -> LiveError {
    let text = words(error);
    let says = |what: &[&str]| what.iter().any(|what| text.to_ascii_lowercase().contains(what));
    let name = name.to_owned();
    if says(&["not permitted", "permission denied", "don't have permission"]) {
        let program =
            std::env::current_exe().map_or_else(|_| "tdscope".to_owned(), |path| path.display().to_string());
        LiveError::Permission { name, program }
    } else if says(&["no such device", "not found", "doesn't exist"]) {
        LiveError::Missing { name }
    } else {
        LiveError::Device { name, text }
    }
}

fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

/// The link type of a DLT: the same number, but for raw IP, whose DLT differs between systems.
fn link_of(dlt: i32) -> LinkType {
    match u32::try_from(dlt).map_or(LinkType(u32::MAX), LinkType) {
        LinkType::RAW_BSD | LinkType::RAW_OPENBSD => LinkType::RAW,
        link => link,
    }
}

/// With nanosecond precision the second field of a packet's time holds nanoseconds.
fn nanoseconds(seconds: impl Into<i64>, fraction: impl Into<i64>) -> i64 {
    seconds.into().saturating_mul(1_000_000_000).saturating_add(fraction.into())
}

/// Waits until a device has packets, or time is up.
#[cfg(target_os = "linux")]
fn wait_for_any(devices: &[Opened], wait: Duration) {
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let up = devices.iter().filter(|device| device.retry.is_none());
    let mut fds: Vec<PollFd<'_>> =
        up.map(|device| PollFd::from_borrowed_fd(device.capture.as_fd(), PollFlags::IN)).collect();
    if fds.is_empty() {
        thread::sleep(wait);
        return;
    }
    let wait = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    };
    // A signal ends the wait too, and is no error.
    let _ = poll(&mut fds, Some(&wait));
}

/// Waits a little: not every system can tell when a device has packets.
#[cfg(not(target_os = "linux"))]
fn wait_for_any(_: &[Opened], wait: Duration) {
    thread::sleep(wait.min(Duration::from_millis(20)));
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("devices", &self.devices().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
