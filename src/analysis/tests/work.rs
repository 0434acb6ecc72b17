//! What hostile bytes cost grows with their number, and no faster.

use std::io::Cursor;

use super::shapes::SHAPES;
use crate::analysis::{Analyzer, News, Settings, Watch};
use crate::capture::{Chain, Source, open_reader};
use crate::facts::Time;
use crate::report::{json, text};
use crate::rules::Severity;
use crate::steps::taken;

/// How much of a shape is compared with four times as much.
const SOME: usize = 4_000;
/// Four times as much may cost so many times as many steps: there is more work for less where room was still left for all.
const GROWTH: u64 = 6;
/// Steps that a byte of a capture may cost, however it was made.
const A_BYTE: u64 = 32;

fn chain(file: &[u8]) -> Chain {
    let name = || "shape".to_owned();
    Chain::new(vec![(name(), open_reader(Box::new(Cursor::new(file.to_vec())), name(), 0))])
}

/// An analysis and its reports.
fn analyzed(file: &[u8], _: i64) {
    let settings = Settings { threads: 1, all_connections: true, ..Settings::default() };
    let analysis = Analyzer::new(settings).run(&mut chain(file), &mut |_| {});
    json::write(&analysis, Severity::Info, &mut std::io::sink()).unwrap();
    text::write(&analysis, &text::Style::default(), &mut std::io::sink()).unwrap();
}

/// A watch of the same packets, so many times as fast: every second it looks at all that it holds, so that what more packets
/// cost shows in the same time.
fn watched(file: &[u8], pace: i64) {
    let mut watch = Watch::new(Settings::default());
    let mut said = |_: News<'_>| {};
    let mut source = chain(file);
    let mut ticked = i64::MIN;
    let mut first = None;
    let mut now = Time(0);
    while source.advance().unwrap_or(false) {
        let Some(mut packet) = source.packet() else { continue };
        let first = *first.get_or_insert(packet.time);
        packet.time = first + (packet.time - first) / pace;
        now = Time(packet.time);
        watch.take(&packet);
        if now.0.saturating_sub(ticked) >= 250_000_000 {
            ticked = now.0;
            watch.tick(now, &mut said);
        }
    }
    watch.conclude(now, &mut said);
}

/// What grows faster than the capture, or costs too much for a byte of it.
fn excessive(look: fn(&[u8], i64)) -> Vec<String> {
    let mut wrong = Vec::new();
    for (shape, make) in SHAPES {
        let (short, long) = (make(SOME), make(4 * SOME));
        let (few, many) = (taken(|| look(&short, 1)), taken(|| look(&long, 4)));
        let bytes = long.len() as u64;
        if many > GROWTH * few || many > A_BYTE * bytes {
            wrong.push(format!("{shape}: {few} and {many} steps for {bytes} bytes"));
        }
    }
    wrong
}

#[test]
fn steps_grow_with_the_bytes() {
    let wrong = excessive(analyzed);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn steps_of_a_watch_grow_with_the_bytes() {
    let wrong = excessive(watched);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn steps_are_counted() {
    // One record more costs a step more, at least: the counters are not idle.
    let of = |count| taken(|| analyzed(&SHAPES[0].1(count), 1));
    assert!(of(101) > of(100), "{} {}", of(100), of(101));
}
