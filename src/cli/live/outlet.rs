//! Where a watch says what it has to say: lines for people, or lines of JSON.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};

use tdscope::analysis::{Analysis, Counts, News};
use tdscope::facts::{Endpoint, Time};
use tdscope::report::events::Event;
use tdscope::report::text;
use tdscope::rules::{Confidence, Finding, Severity};

use super::options::{LiveFormat, LiveOptions};
use crate::cli::complain;

/// Failures told to people one by one in a second; of more only the number.
const A_SECOND: u32 = 20;
/// A cause is told in words again after this time, in nanoseconds: 10 minutes.
const FORGOTTEN: i64 = 600_000_000_000;
/// Causes remembered as told.
const REMEMBERED: usize = 1 << 12;

/// What a cause is known by.
type Cause = (&'static str, Option<Endpoint>, Confidence);

/// Where things are said.
pub(super) struct Outlet {
    out: Box<dyn Write>,
    format: LiveFormat,
    style: text::Style,
    /// Lines that could not be written since the last that could.
    lost: u64,
    /// Causes that were told in words, and when.
    told: BTreeMap<Cause, Time>,
    /// The second that failures are counted in, how many were told in it, and those that were not, by code.
    second: i64,
    in_second: u32,
    untold: BTreeMap<&'static str, u64>,
}

impl Outlet {
    /// Opens it.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub(super) fn open(options: &LiveOptions) -> io::Result<Self> {
        let terminal = options.output.is_none() && io::stdout().is_terminal();
        let out: Box<dyn Write> =
            match &options.output {
                Some(path) => {
                    let file = OpenOptions::new().append(true).create(true).open(path);
                    Box::new(file.map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    })?)
                }
                None => Box::new(io::stdout()),
            };
        let least = Severity::from(options.min_severity);
        let style = options.manner.style(terminal, options.output.is_some(), least);
        Ok(Self {
            out,
            format: options.format,
            style,
            lost: 0,
            told: BTreeMap::new(),
            second: 0,
            in_second: 0,
            untold: BTreeMap::new(),
        })
    }

    /// The watch began.
    pub(super) fn started(&mut self, time: Time, devices: &[String]) -> io::Result<()> {
        match self.format {
            LiveFormat::Text => {
                let text = format!("watching {}; Ctrl-C ends it with a summary", devices.join(", "));
                self.say(&text::remark(time, &text, &self.style))
            }
            LiveFormat::Ndjson => {
                let version = env!("CARGO_PKG_VERSION");
                self.say(&Event::Started { time, version, devices: devices.to_vec() }.line())
            }
        }
    }

    /// A piece of news, and the file that has the packets.
    pub(super) fn news(&mut self, news: &News<'_>, kept: Option<&str>, now: Time) -> io::Result<()> {
        if severity(news) < self.style.least {
            return Ok(());
        }
        match self.format {
            LiveFormat::Ndjson => self.say(&Event::of(news, kept).line()),
            LiveFormat::Text => {
                self.count_untold(now)?;
                // Of a flood of failures the causes are told, and how many there are of each.
                if let News::Failed { finding, .. } = news
                    && self.in_second >= A_SECOND
                    && self.knows(finding, now)
                {
                    *self.untold.entry(finding.code).or_default() += 1;
                    return Ok(());
                }
                self.in_second += 1;
                let again = match news {
                    News::Failed { finding, .. } => self.is_told(finding, now),
                    _ => false,
                };
                self.say(&text::news(news, again, kept, &self.style))
            }
        }
    }

    /// A device cannot be read any more, or again.
    pub(super) fn device(&mut self, time: Time, device: &str, why: Option<&str>) -> io::Result<()> {
        match self.format {
            LiveFormat::Ndjson => self.say(&Event::Device { time, device, up: why.is_none(), why }.line()),
            LiveFormat::Text => {
                let text = match why {
                    Some(why) => format!("{device} cannot be read: {why}"),
                    None => format!("{device} is read again"),
                };
                self.say(&text::remark(time, &text, &self.style))
            }
        }
    }

    /// Something is wrong with the watch itself.
    pub(super) fn trouble(&mut self, time: Time, text: &str) -> io::Result<()> {
        match self.format {
            LiveFormat::Ndjson => self.say(&Event::Trouble { time, text }.line()),
            LiveFormat::Text => self.say(&text::remark(time, text, &self.style)),
        }
    }

    /// What a period was like; `interim` when it goes on.
    pub(super) fn summary(
        &mut self,
        analysis: &Analysis,
        (since, until): (Time, Time),
        interim: bool,
        counts: &Counts,
    ) -> io::Result<()> {
        match self.format {
            LiveFormat::Ndjson => {
                self.say(&Event::summary(analysis, (since, until), interim, counts, self.style.least).line())
            }
            LiveFormat::Text => {
                self.flush_untold()?;
                let mut page = Vec::new();
                text::write(analysis, &self.style, &mut page)?;
                let since = since.timestamp().to_zoned(self.style.zone.clone());
                let heading = format!("summary since {}", since.strftime("%Y-%m-%d %H:%M:%S %Z"));
                let mut text = format!("\n{}\n", text::remark(until, &heading, &self.style));
                text.push_str(&String::from_utf8_lossy(&page));
                self.say(&text)
            }
        }
    }

    /// Whether something was not told one by one, and its second is over.
    pub(super) fn owes(&self, now: Time) -> bool {
        !self.untold.is_empty() && now.0.div_euclid(1_000_000_000) != self.second
    }

    /// Says how many were not told one by one, when their second is over.
    pub(super) fn count_untold(&mut self, now: Time) -> io::Result<()> {
        let second = now.0.div_euclid(1_000_000_000);
        if second == self.second {
            return Ok(());
        }
        self.second = second;
        self.in_second = 0;
        self.flush_untold()
    }

    fn flush_untold(&mut self) -> io::Result<()> {
        if self.untold.is_empty() {
            return Ok(());
        }
        let causes: Vec<(&'static str, u64)> = std::mem::take(&mut self.untold).into_iter().collect();
        self.say(&text::untold(&causes, &self.style))
    }

    /// Whether this cause was told in words a short while ago.
    fn knows(&self, finding: &Finding, now: Time) -> bool {
        let told = self.told.get(&(finding.code, finding.server, finding.confidence));
        told.is_some_and(|told| now.since(*told) < FORGOTTEN)
    }

    /// The same; notes that it is told now.
    fn is_told(&mut self, finding: &Finding, now: Time) -> bool {
        if self.knows(finding, now) {
            return true;
        }
        if self.told.len() >= REMEMBERED {
            self.told.clear();
        }
        self.told.insert((finding.code, finding.server, finding.confidence), now);
        false
    }

    /// What is said is out at once: it may be the last thing before the lights go out. A disk that is full may have room
    /// again later: only a reader that is gone is an error.
    fn say(&mut self, text: &str) -> io::Result<()> {
        let lost = self.lost;
        if lost > 0 {
            // Half of a line may stand there.
            let again = self.out.write_all(b"\n").and_then(|()| self.out.flush());
            if again.is_err() {
                self.lost += 1;
                return Ok(());
            }
            self.lost = 0;
            complain(&format!("tdscope: what is found can be written again; {lost} lines could not"));
        }
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error),
            Err(error) => {
                self.lost += 1;
                if lost == 0 {
                    complain(&format!(
                        "tdscope: what is found cannot be written: {error}; it goes on, and tries again"
                    ));
                }
                Ok(())
            }
        }
    }
}

fn severity(news: &News<'_>) -> Severity {
    match news {
        News::Noticed { finding } => finding.severity,
        News::Failed { .. } | News::Refined { .. } | News::Withdrawn { .. } => Severity::Error,
    }
}
