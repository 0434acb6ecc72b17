//! The whole way that a capture goes, and what must hold of everything that comes out of it.

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde_json::Value;
use tdscope::analysis::{Analysis, Analyzer, Device, Inspection, News, Settings, Watch};
use tdscope::batch::{CaptureSummary, Triage};
use tdscope::capture::{Chain, Source, open_reader};
use tdscope::extract::{Content, Pick, Selection, extract};
use tdscope::facts::Time;
use tdscope::report::events::Event;
use tdscope::report::{Redactor, batch, events, html, info, json, markdown, text};
use tdscope::rules::Severity;
use tdscope::stream::Limits;

use crate::fits::fits;
use crate::random::Random;

/// A small capture that takes longer than this, again and again, is one that makes tdscope slow.
const LONG: Duration = Duration::from_secs(2);

/// The schemas that JSON is held to.
pub(crate) struct Schemas {
    report: Value,
    event: Value,
    batch: Value,
    info: Value,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let of = |text: String| serde_json::from_str(&text).unwrap();
        Self {
            report: of(json::schema()),
            event: of(events::schema()),
            batch: of(batch::schema()),
            info: of(info::schema()),
        }
    }
}

/// Looks at bytes in every way; why that went wrong, if it did.
pub(crate) fn goes_well(seed: u64, file: &[u8], schemas: &Schemas) -> Result<(), String> {
    let look = || {
        let begun = Instant::now();
        look(&mut Random::new(!seed), file, schemas);
        begun.elapsed()
    };
    let took = catch_unwind(AssertUnwindSafe(|| {
        let took = look();
        // Somebody else may have had the processors.
        (0..3).fold(took, |took, _| if took > LONG { took.min(look()) } else { took })
    }));
    match took {
        Ok(took) if took > LONG => Err(format!("it took {took:?}")),
        Ok(_) => Ok(()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
        }
    }
}

fn look(random: &mut Random, file: &[u8], schemas: &Schemas) {
    let settings = settings(random);
    // Now and then it is captured at two places.
    let files = if random.one_in(16) { vec![file, file] } else { vec![file] };
    let mut analysis = analyzed(&files, Settings { threads: 1, ..settings.clone() });
    // Nothing but parsing what is written costs much: not all is looked at every time.
    let strict = random.one_in(8);
    let report = report(&analysis, &schemas.report, strict);
    if random.one_in(32) {
        let other = analyzed(&files, Settings { threads: 2, ..settings.clone() });
        assert!(self::report(&other, &schemas.report, false) == report, "two threads say something else");
    }
    texts(random, &analysis);
    if random.one_in(4) {
        watched(random, &files, settings, &schemas.event);
    }
    if random.one_in(8) {
        triaged(&analysis, &schemas.batch);
    }
    if random.one_in(8) {
        inspected(files[0], &schemas.info);
    }
    if random.one_in(4) {
        let mut redactor = random.one_in(2).then(Redactor::new);
        if let Some(redactor) = &mut redactor {
            redactor.redact(&mut analysis);
            self::report(&analysis, &schemas.report, strict);
            texts(random, &analysis);
        }
        extracted(random, &analysis, &files, redactor.as_mut());
    }
}

/// As they are by default, or with room for next to nothing.
fn settings(random: &mut Random) -> Settings {
    let all_connections = random.one_in(2);
    if random.one_in(8) {
        let limits = Limits { connections: 8, state_bytes: 20_000, total_bytes: 8_192, ..Limits::default() };
        return Settings { all_connections, limits, max_pending: 4, max_servers: 2, ..Settings::default() };
    }
    Settings { all_connections, ..Settings::default() }
}

/// The files, read as one.
fn chain(files: &[&[u8]]) -> Chain {
    let open = |(index, file): (u32, &&[u8])| {
        let name = format!("mutation-{index}");
        (name.clone(), open_reader(Box::new(Cursor::new(file.to_vec())), name, index))
    };
    Chain::new((0..).zip(files).map(open).collect())
}

fn analyzed(files: &[&[u8]], settings: Settings) -> Analysis {
    Analyzer::new(settings).run(&mut chain(files), &mut |_| {})
}

/// The JSON report.
fn report(analysis: &Analysis, schema: &Value, strict: bool) -> String {
    let text = written(|out| json::write(analysis, Severity::Info, out));
    let value = serde_json::from_str(&text).expect("the report is JSON");
    if strict && let Err(why) = fits(&value, schema, schema, "$") {
        panic!("the report keeps not to its schema: {why}");
    }
    text
}

/// The reports for people.
fn texts(random: &mut Random, analysis: &Analysis) {
    let style = text::Style {
        ascii: random.one_in(4),
        width: *random.pick(&[None, Some(1), Some(40), Some(120)]),
        all_connections: random.one_in(2),
        ..text::Style::default()
    };
    harmless("text", &written(|out| text::write(analysis, &style, out)));
    harmless("Markdown", &written(|out| markdown::write(analysis, &markdown::Style::default(), out)));
    let page = written(|out| html::write(analysis, &html::Style::default(), out));
    harmless("HTML", &page);
    // No capture, no page.
    assert!(page.is_empty() || page.ends_with("</html>\n") && !page.contains("<script"), "{page}");
}

/// What a watch says of the same packets.
fn watched(random: &mut Random, files: &[&[u8]], settings: Settings, schema: &Value) {
    let mut lines = String::new();
    let mut said = |news: News<'_>| {
        harmless("news", &text::news(&news, false, None, &text::Style::default()));
        lines.push_str(&Event::of(&news, None).line());
    };
    let mut watch = Watch::new(settings);
    let mut source = chain(files);
    let every = 1 + random.below(32) as u64;
    let mut now = Time(0);
    while source.advance().unwrap_or(false) {
        let Some(packet) = source.packet() else { continue };
        watch.take(&packet);
        now = Time(packet.time);
        if packet.frame.is_multiple_of(every) {
            watch.tick(now, &mut said);
        }
    }
    let devices = [Device { name: "eth0".to_owned(), dropped: 0 }];
    let interim = watch.interim(&devices);
    watch.conclude(now, &mut said);
    let period = watch.close_period(&devices, &mut said);
    for (analysis, goes_on) in [(&interim, true), (&period, false)] {
        let times = (Time(0), now);
        lines.push_str(&Event::summary(analysis, times, goes_on, &watch.counts(), Severity::Info).line());
    }
    for line in lines.lines() {
        let value = serde_json::from_str(line).expect("an event is JSON");
        if let Err(why) = fits(&value, schema, schema, "$") {
            panic!("an event keeps not to its schema: {why}");
        }
    }
}

/// What a batch says of it.
fn triaged(analysis: &Analysis, schema: &Value) {
    let unreadable = CaptureSummary::unreadable("other".to_owned(), "cannot be read".to_owned());
    let triage = Triage::of(vec![CaptureSummary::of(analysis), unreadable], Vec::new(), 0);
    let value = serde_json::from_str(&written(|out| batch::json(&triage, out))).expect("a triage is JSON");
    if let Err(why) = fits(&value, schema, schema, "$") {
        panic!("the triage keeps not to its schema: {why}");
    }
    for line in written(|out| batch::lines(&triage, out)).lines() {
        serde_json::from_str::<CaptureSummary>(line).expect("a line is a capture");
    }
    harmless("CSV", &written(|out| batch::csv(&triage, out)));
    harmless("text", &written(|out| text::triage(&triage, &text::Style::default(), out)));
    harmless("Markdown", &written(|out| markdown::triage(&triage, &markdown::Style::default(), out)));
    let page = |out: &mut dyn io::Write| {
        html::triage(&triage, &html::Style::default(), Some(html::Order::Worst), &|_| None, out)
    };
    harmless("HTML", &written(page));
}

/// What is said of the file before anything is asked of it.
fn inspected(file: &[u8], schema: &Value) {
    let inspection =
        Inspection::of(&mut chain(&[file]), Settings { threads: 1, ..Settings::default() }, &mut |_| {});
    let files = [inspection];
    let value = serde_json::from_str(&written(|out| info::json(&files, out))).expect("an inspection is JSON");
    if let Err(why) = fits(&value, schema, schema, "$") {
        panic!("the inspection keeps not to its schema: {why}");
    }
    harmless("text", &written(|out| info::text(&files, &text::Style::default(), out)));
}

/// The packets of a finding or a connection are a capture again.
fn extracted(random: &mut Random, analysis: &Analysis, files: &[&[u8]], redactor: Option<&mut Redactor>) {
    let pick = match analysis.connections.as_slice() {
        [] => Pick::Finding { number: 1, all: true },
        connections if random.one_in(2) => Pick::Connection(random.pick(connections).facts.id),
        _ => Pick::Finding { number: 1 + random.below(analysis.findings.len()), all: random.one_in(2) },
    };
    let Ok(selection) = Selection::new(analysis, pick, random.one_in(2)) else { return };
    let mut out = Vec::new();
    let again = &mut || Box::new(chain(files)) as Box<dyn Source>;
    let content = match redactor {
        Some(redactor) => Content::Redacted(redactor),
        None if random.one_in(4) => Content::Everything,
        None => Content::WithoutSecrets,
    };
    let Ok(count) = extract(analysis, selection, again, content, &mut out) else { return };
    let analysis = analyzed(&[&out], Settings::default());
    let capture = &analysis.captures[0];
    assert!(capture.error.is_none() && capture.damage.is_empty(), "the extract is damaged: {capture:?}");
    assert_eq!(capture.packets, count.packets, "the extract has other packets than was said");
}

/// What is written, as text.
fn written(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory can be written to");
    String::from_utf8(out).expect("what is written is UTF-8")
}

/// Nothing that moves a cursor, changes colours, turns text around, or hides it. RFC 4180 ends lines with CR LF, and the
/// writer with LF.
fn harmless(what: &str, text: &str) {
    let harmful = |letter: &char| {
        (letter.is_control() && *letter != '\n')
            || matches!(
                *letter,
                '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
                    | '\u{E0000}'..='\u{E007F}'
            )
    };
    if let Some((at, letter)) = text.char_indices().find(|(_, letter)| harmful(letter)) {
        let line = text[..at].lines().count();
        panic!("{what} has {letter:?} in line {line}");
    }
}
