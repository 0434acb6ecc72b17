//! The watch itself: packets in, news out, until somebody says stop.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tdscope::analysis::{Device, News, Watch};
use tdscope::capture::{Live, LiveSettings, LiveState, live_devices};
use tdscope::facts::Time;
use tdscope::live::privileges::{drop_to, resident_memory};
use tdscope::live::{Limit, Outcome, RecordedInterface, Recorder, RecorderSettings};
use tdscope::rules::{Evidence, Finding};
use tdscope::stream::Interest;

use super::figures::Figures;
use super::options::LiveOptions;
use super::outlet::Outlet;
use super::signals::Signals;
use super::status::{Standing, Status};
use crate::cli::{FAILED, UNREADABLE, complain, print};

/// Time between two looks at what ended or stalled.
const TICK: Duration = Duration::from_millis(200);
/// Time between two looks at counters.
const COUNT: Duration = Duration::from_secs(1);
/// Time between two complaints about dropped packets.
const COMPLAIN: Duration = Duration::from_secs(10);
/// How long what came before the end is read at most.
const DRAIN: Duration = Duration::from_secs(2);
/// How long to wait for packets.
const WAIT: Duration = Duration::from_millis(100);
/// How far behind the clock time passes where no packet moves it, in nanoseconds: what the kernel still collects is not late.
const LAG: i64 = 500_000_000;
/// Bytes kept of a packet of a session that is past its login: headers, all that counts there. Payload is encrypted, or is
/// data that is none of ours.
const HEADERS: usize = 128;

/// Lists the devices.
///
/// # Errors
/// When the list cannot be printed.
pub(super) fn list() -> io::Result<ExitCode> {
    let devices = match live_devices() {
        Ok(devices) => devices,
        Err(error) => {
            complain(&format!("tdscope: {error}"));
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    let mut text = String::new();
    for device in &devices {
        let state = match (device.up, device.running) {
            (true, true) => "up",
            (true, false) => "up, not connected",
            _ => "down",
        };
        let mut notes = vec![state.to_owned()];
        notes.extend(device.loopback.then(|| "loopback".to_owned()));
        notes.extend(device.addresses.iter().map(ToString::to_string));
        let description = device.description.as_ref().map(|text| format!("  ({text})")).unwrap_or_default();
        text.push_str(&format!("{:<16} {}{description}\n", device.name, notes.join(", ")));
    }
    if devices.is_empty() {
        complain("tdscope: no network devices that this user may read");
        return Ok(ExitCode::from(UNREADABLE));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Watches until it is told to stop.
///
/// # Errors
/// When nothing can be said any more.
pub(super) fn watch(options: &LiveOptions) -> io::Result<ExitCode> {
    match Watching::begin(options) {
        Ok(mut watching) => {
            let ended = watching.run();
            watching.status.done();
            match ended {
                // A reader that has seen enough, such as `head`: what was found is found.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                _ => Ok(watching.exit_code()),
            }
        }
        Err(message) => {
            complain(&format!("tdscope: {message}"));
            Ok(ExitCode::from(UNREADABLE))
        }
    }
}

struct Watching<'a> {
    options: &'a LiveOptions,
    names: Vec<String>,
    live: Live,
    watch: Watch,
    tape: Option<Tape>,
    outlet: Outlet,
    status: Status,
    signals: Signals,
    figures: Figures,
    /// When the period began, by the clock, and what devices had dropped by then.
    since: Time,
    dropped_before: Vec<u64>,
    /// When the counters were looked at last.
    counted: Time,
    /// Packets that were dropped when somebody last complained.
    complained: u64,
    failed: bool,
}

impl<'a> Watching<'a> {
    /// Opens everything, then gives up all rights.
    fn begin(options: &'a LiveOptions) -> Result<Self, String> {
        let mut settings = options.scope.settings()?;
        options.memory.apply(&mut settings);
        let names = options.interface.clone();
        let live = Live::open(&names, &live_settings(options)).map_err(|error| error.to_string())?;
        let outlet = Outlet::open(options).map_err(|error| error.to_string())?;
        if cfg!(target_os = "linux") {
            drop_to(options.user.as_deref()).map_err(|error| error.to_string())?;
        } else if options.user.is_some() {
            return Err("--user is for Linux only".to_owned());
        }
        let tape = options.record.as_deref().map(|folder| Tape::new(options, folder, &live)).transpose()?;
        let figures = Figures::new(options.metrics.as_deref(), clock())?;
        let signals = Signals::new().map_err(|error| format!("signals: {error}"))?;
        let dropped_before = vec![0; names.len()];
        Ok(Self {
            options,
            names,
            live,
            watch: Watch::new(settings),
            tape,
            outlet,
            status: Status::new(),
            signals,
            figures,
            since: clock(),
            dropped_before,
            counted: clock(),
            complained: 0,
            failed: false,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        self.outlet.started(clock(), &self.names)?;
        let (mut ticked, mut counted, mut complained, mut period) = (begun, begun, begun, begun);
        while !self.signals.stop() && !self.is_enough(begun) && !self.live.is_lost() {
            self.read();
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick(Time(clock().0 - LAG), false)?;
            }
            if counted.elapsed() >= COUNT {
                counted = Instant::now();
                self.count()?;
            }
            if complained.elapsed() >= COMPLAIN {
                complained = Instant::now();
                self.complain()?;
            }
            if period.elapsed() >= self.options.every {
                period = Instant::now();
                self.close_period()?;
            }
            if self.signals.summary() {
                self.summarize(true)?;
            }
        }
        // What the kernel has collected by now is part of it: it hands over what it has within the time of a wait.
        let deadline = Instant::now() + DRAIN;
        let mut empty = 0;
        while empty < 2 && Instant::now() < deadline {
            empty = if self.read() == 0 { empty + 1 } else { 0 };
        }
        self.ask_devices();
        self.tick(Time(clock().0 - LAG), true)?;
        self.count()?;
        self.complain()?;
        self.summarize(false)
    }

    fn is_enough(&self, begun: Instant) -> bool {
        let Self { options, figures, watch, .. } = self;
        options.duration.is_some_and(|duration| begun.elapsed() >= duration)
            || options.count.is_some_and(|count| figures.packets() >= count)
            || options.until.is_some_and(|until| watch.counts().failed >= until)
    }

    /// Takes the packets that are there; how many.
    fn read(&mut self) -> usize {
        let Self { live, watch, tape, figures, options, .. } = self;
        live.run(WAIT, &mut |packet| {
            if options.count.is_some_and(|count| figures.packets() >= count) {
                return;
            }
            figures.note(packet);
            let heed = watch.take(packet);
            if let (Some(heed), Some(tape)) = (heed, tape.as_mut()) {
                match heed.interest {
                    Interest::Payload => tape.recorder.keep(heed.flow, packet, usize::MAX),
                    Interest::Signals => tape.recorder.keep(heed.flow, packet, HEADERS),
                    Interest::Nothing => {}
                }
            }
        })
    }

    /// Says what is new; with `last` as if nothing more would come.
    fn tick(&mut self, now: Time, last: bool) -> io::Result<()> {
        let Self { watch, tape, outlet, status, .. } = self;
        let mut said = Ok(());
        let time = watch.last().unwrap_or(now).max(now);
        let mut tell = |news: News<'_>| {
            if said.is_ok() {
                let kept = tape.as_mut().and_then(|tape| tape.keep(&news, time));
                said = status.aside(|| outlet.news(&news, kept.as_deref(), time));
            }
        };
        if last {
            watch.conclude(now, &mut tell);
        } else {
            watch.tick(now, &mut tell);
        }
        said?;
        if outlet.owes(time) {
            status.aside(|| outlet.count_untold(time))?;
        }
        if let Some(text) = tape.as_mut().and_then(Tape::trouble) {
            status.aside(|| outlet.trouble(clock(), &text))?;
        }
        Ok(())
    }

    /// Asks the devices what they counted; the watch learns when packets were dropped.
    fn ask_devices(&mut self) {
        let before = self.figures.dropped();
        self.figures.counted(self.live.counters());
        let now = clock();
        if self.figures.dropped() > before {
            self.watch.dropped(self.counted, now);
        }
        self.counted = now;
    }

    /// Looks at counters and devices.
    fn count(&mut self) -> io::Result<()> {
        self.ask_devices();
        for (index, state) in self.live.changes() {
            let Some(name) = self.names.get(index) else { continue };
            let why = match &state {
                LiveState::Up => None,
                LiveState::Down(why) | LiveState::Lost(why) => Some(why.as_str()),
            };
            let Self { status, outlet, .. } = self;
            status.aside(|| outlet.device(clock(), name, why))?;
        }
        let counts = self.watch.counts();
        self.status.show(Standing {
            packets: self.figures.packets(),
            dropped: self.figures.dropped(),
            logged_in: counts.logged_in,
            failed: counts.failed,
            memory: resident_memory(),
        });
        let recorded = self.tape.as_ref().map(|tape| tape.recorder.counts()).unwrap_or_default();
        self.figures.publish(&self.names, &self.watch, recorded);
        Ok(())
    }

    /// Says how many packets were dropped since this was said last.
    fn complain(&mut self) -> io::Result<()> {
        let dropped = self.figures.dropped();
        let fresh = dropped - self.complained;
        if fresh == 0 {
            return Ok(());
        }
        self.complained = dropped;
        let text = format!(
            "{fresh} packets were dropped before they could be read, {dropped} in all: what they would have shown is \
             missing. A larger --buffer or a narrower --filter helps"
        );
        let Self { status, outlet, .. } = self;
        status.aside(|| outlet.trouble(clock(), &text))
    }

    /// Ends a period with its summary.
    fn close_period(&mut self) -> io::Result<()> {
        self.ask_devices();
        let devices = self.devices();
        let Self { watch, tape, outlet, status, .. } = self;
        let mut said = Ok(());
        let time = watch.last().unwrap_or_default();
        let analysis = watch.close_period(&devices, &mut |news| {
            if said.is_ok() {
                let kept = tape.as_mut().and_then(|tape| tape.keep(&news, time));
                said = status.aside(|| outlet.news(&news, kept.as_deref(), time));
            }
        });
        said?;
        self.dropped_before = self.figures.dropped_by_device();
        self.failed |= analysis.failed();
        let span = (self.since, clock());
        self.since = span.1;
        let counts = self.watch.counts();
        let Self { status, outlet, .. } = self;
        status.aside(|| outlet.summary(&analysis, span, false, &counts))
    }

    /// Says what the period is like so far.
    fn summarize(&mut self, interim: bool) -> io::Result<()> {
        self.ask_devices();
        let analysis = self.watch.interim(&self.devices());
        self.failed |= analysis.failed();
        let (span, counts) = ((self.since, clock()), self.watch.counts());
        let Self { status, outlet, .. } = self;
        status.aside(|| outlet.summary(&analysis, span, interim, &counts))
    }

    fn devices(&self) -> Vec<Device> {
        let dropped = self.figures.dropped_by_device();
        let before = &self.dropped_before;
        let names = self.names.iter().zip(dropped).zip(before);
        names.map(|((name, now), before)| Device { name: name.clone(), dropped: now - before }).collect()
    }

    fn exit_code(&self) -> ExitCode {
        let failed = self.failed || self.watch.counts().failed > 0;
        if self.live.is_lost() {
            ExitCode::from(UNREADABLE)
        } else if failed && !self.options.manner.exit_zero {
            ExitCode::from(FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// The flight recorder, and what there is to say of it.
struct Tape {
    recorder: Recorder,
    /// What went wrong, or which limit was reached, since it was last said.
    trouble: Option<String>,
    /// What was said last: the same thing is not said of every finding.
    said: Option<String>,
}

impl Tape {
    fn new(options: &LiveOptions, folder: &Path, live: &Live) -> Result<Self, String> {
        check_writable(folder)?;
        let settings = RecorderSettings {
            folder: folder.to_owned(),
            before: usize::try_from(options.record_before).unwrap_or(usize::MAX),
            max_files: options.record_files,
            max_bytes: options.record_bytes,
            per_minute: options.record_rate,
        };
        let snaplen = options.snaplen;
        let interfaces =
            live.devices().map(|(name, link)| RecordedInterface { name: name.to_owned(), link, snaplen });
        Ok(Self { recorder: Recorder::new(settings, interfaces.collect()), trouble: None, said: None })
    }

    /// Writes the packets of a failure; the file that has them.
    fn keep(&mut self, news: &News<'_>, now: Time) -> Option<String> {
        let (News::Failed { finding, connection, known_by, .. }
        | News::Refined { finding, connection, known_by, .. }) = news
        else {
            return None;
        };
        // A connection in which nothing was said does not show by itself that a SQL Server was called.
        let witness = known_by.map(|at| Evidence::new(at, "", "TDS is spoken at this listener"));
        let mut finding = Finding::clone(finding);
        finding.evidence.extend(witness);
        let trouble = match self.recorder.write(&finding, connection, now) {
            Outcome::Written { path, .. } => {
                self.said = None;
                return Some(path.display().to_string());
            }
            Outcome::Limited(limit) => match limit {
                Limit::Files => "no more packets are kept: --record-files is reached".to_owned(),
                Limit::Bytes => "no more packets are kept: --record-bytes is reached".to_owned(),
                Limit::Rate => "packets are not kept of every failure: --record-rate is reached".to_owned(),
            },
            Outcome::Failed(why) => format!("the packets of a failure could not be kept: {why}"),
        };
        self.trouble = Some(trouble);
        None
    }

    fn trouble(&mut self) -> Option<String> {
        let trouble = self.trouble.take().filter(|trouble| self.said.as_ref() != Some(trouble))?;
        self.said = Some(trouble.clone());
        Some(trouble)
    }
}

/// Makes the folder where there is none. Nobody wants to learn at 3 a.m. that it cannot be written to.
fn check_writable(folder: &Path) -> Result<(), String> {
    let name = folder.display();
    if !folder.exists() {
        make(folder).map_err(|error| format!("{name}: is not a folder, and cannot be made: {error}"))?;
    }
    if !folder.is_dir() {
        return Err(format!("{name}: is not a folder"));
    }
    let probe = folder.join(format!(".tdscope-{}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)
        .and_then(|mut file| file.write_all(b"?"));
    let _ = fs::remove_file(&probe);
    written.map_err(|error| format!("{name}: cannot be written to: {error}"))
}

/// Makes a folder that nobody else may read: packets are nobody else's business.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn live_settings(options: &LiveOptions) -> LiveSettings {
    LiveSettings {
        snaplen: options.snaplen,
        buffer: u32::try_from(options.buffer).unwrap_or(u32::MAX),
        immediate: options.immediate,
        promiscuous: options.promiscuous,
        filter: options.filter.clone(),
    }
}

/// The clock of this machine, which is the one that packets are dated by.
fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
