//! What one finished connection adds to the load of its listener.

use super::learning::earliest;
use crate::facts::{ConnectionFacts, EndedHow, LoadWindow, Moment, Owing, ServerFacts, Side, Time};
use crate::steps::step;

/// Windows of load kept for a server; when more are needed the windows become twice as long.
const WINDOWS: usize = 512;
/// Windows of all servers of a shard, about, unless there are so many that the least that each has is more: with many
/// servers each has fewer and longer ones. A window takes about a kilobyte.
const WINDOWS_OF_ALL: usize = 1024;
/// Windows that a server always has.
const LEAST: usize = 16;
/// A SYN-ACK that comes later than this after the SYN is late, in nanoseconds: the first retry of a SYN follows after
/// one second (RFC 6298 2).
const LATE: i64 = 1_000_000_000;
/// An answer that is owed for longer stalls the login, in nanoseconds: the client that leaves then has given up.
const STALL: i64 = 2_000_000_000;

/// How many windows one of so many servers may have.
pub(super) fn windows_of(servers: usize) -> usize {
    (WINDOWS_OF_ALL / servers.max(1)).clamp(LEAST, WINDOWS)
}

/// Takes in how a connection began, how fast it was answered, and when it was over; its server keeps `most` windows.
pub(super) fn learn_load(server: &mut ServerFacts, connection: &ConnectionFacts, most: usize) {
    let tcp = &connection.tcp;
    let syn = tcp.syn.or(tcp.syn_ack);
    let accepted = tcp.syn_ack.is_some();
    let stands = accepted || connection.tds.recognized;
    let Some(begun) = syn.or_else(|| stands.then_some(connection.first)) else { return };
    let window = window_at(&mut server.load, begun.time, most);
    if let Some(syn) = syn {
        count_syn(window, connection, syn);
    }
    time_answers(window, connection);
    window.stalled += u64::from(is_stalled(connection));
    window.opened += u64::from(stands);
    if let Some(end) = over(connection).filter(|_| stands) {
        window_at(&mut server.load, end, most).closed += 1;
    }
}

/// Takes in the windows of another part of the capture: as long as the longer of both.
pub(super) fn merge_load(windows: &mut Vec<LoadWindow>, others: Vec<LoadWindow>) {
    if windows.is_empty() {
        *windows = others;
        return;
    }
    let longest = others.first().map_or(1, |other| other.seconds);
    while windows.first().is_some_and(|window| window.seconds < longest) {
        step(1);
        *windows = twice_as_long(windows);
    }
    for other in &others {
        step(1);
        window_at(windows, other.start, WINDOWS).absorb(other);
    }
}

/// Counts the connections open at the end of each window, once all are known.
pub(super) fn count_open(windows: &mut [LoadWindow]) {
    let mut open = 0_u64;
    for window in windows {
        step(1);
        open = (open + window.opened).saturating_sub(window.closed);
        window.open = open;
    }
}

fn count_syn(window: &mut LoadWindow, connection: &ConnectionFacts, syn: Moment) {
    let tcp = &connection.tcp;
    let refused = tcp.resets.iter().any(|reset| reset.refuses_syn);
    // The SYN of what was let go since was counted.
    window.syns += u64::from(!connection.rest);
    window.retried += u64::from(tcp.syns.saturating_sub(1));
    match tcp.syn_ack {
        Some(answer) => {
            let retried = tcp.last_syn.is_some_and(|retry| retry < answer);
            window.accepted += 1;
            window.late += u64::from(retried || answer.time.since(syn.time) > LATE);
            earliest(&mut window.first_accepted, syn);
        }
        None if connection.evicted && !refused => {}
        None => {
            window.refused += u64::from(refused);
            window.unanswered += u64::from(!refused);
            earliest(&mut window.first_failed, syn);
        }
    }
}

fn time_answers(window: &mut LoadWindow, connection: &ConnectionFacts) {
    if let (Some(question), Some(answer)) = (&connection.tds.prelogin, &connection.tds.response) {
        window.prelogin.note(answer.moment.time.since(question.moment.time), answer.moment);
    }
    if let (Some(question), Some(answer)) = (&connection.tls.client, &connection.tls.server) {
        window.handshake.note(answer.moment.time.since(question.moment.time), answer.moment);
    }
}

fn is_stalled(connection: &ConnectionFacts) -> bool {
    connection.owed.is_some_and(|owed| {
        let answer =
            matches!(owed.what, Owing::PreloginResponse | Owing::ServerHello | Owing::ServerFinished);
        owed.by == Side::Server && answer && owed.waited >= STALL
    })
}

/// When it was over; what left the table to make room counts as over with its last packet.
fn over(connection: &ConnectionFacts) -> Option<Time> {
    let open = matches!(connection.ended.how, EndedHow::Open | EndedHow::Silence);
    (!open || connection.evicted).then_some(connection.last.time)
}

fn window_at(windows: &mut Vec<LoadWindow>, time: Time, most: usize) -> &mut LoadWindow {
    loop {
        step(1);
        let seconds = windows.first().map_or(1, |window| window.seconds);
        let start = start_of(seconds, time);
        // Connections come nearly in the order of time.
        let index = match windows.last() {
            Some(last) if last.start == start => windows.len() - 1,
            _ => windows.partition_point(|window| window.start < start),
        };
        let exists = windows.get(index).is_some_and(|window| window.start == start);
        // Five of the widest are all the time that there is: no wider ones would ever be fewer.
        if exists || windows.len() < most || seconds == u32::MAX {
            if !exists {
                if windows.is_empty() {
                    windows.reserve_exact(1); // most listeners of a flood have no other
                }
                windows.insert(index, LoadWindow { start, seconds, ..LoadWindow::default() });
            }
            // Found or just inserted.
            #[expect(clippy::indexing_slicing, reason = "index was found or inserted above")]
            return &mut windows[index];
        }
        *windows = twice_as_long(windows);
    }
}

fn twice_as_long(windows: &[LoadWindow]) -> Vec<LoadWindow> {
    let mut merged: Vec<LoadWindow> = Vec::with_capacity(windows.len() / 2 + 1);
    for window in windows {
        step(1);
        let seconds = window.seconds.saturating_mul(2);
        let start = start_of(seconds, window.start);
        match merged.last_mut().filter(|last| last.start == start) {
            Some(last) => last.absorb(window),
            None => merged.push(LoadWindow { start, seconds, ..window.clone() }),
        }
    }
    merged
}

fn start_of(seconds: u32, time: Time) -> Time {
    let width = i64::from(seconds) * 1_000_000_000;
    Time(time.0.div_euclid(width).saturating_mul(width))
}
