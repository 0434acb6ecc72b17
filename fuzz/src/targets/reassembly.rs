//! The stream table against a model that knows what was sent.
//!
//! Three pairs of ends talk. Each stream's bytes are told by their offset; a segment carries those, or, of a liar, others. Of
//! what the table says of a connection must hold: its data are the first bytes that were recorded of each offset, in
//! order, each once; a gap lies where nothing had been recorded; and in the end nothing that was recorded is left out, but for what
//! contradicts itself (`model.rs`).

mod model;
mod plan;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use tdscope::capture::Place;
use tdscope::decode::{At, Fragment, IpInfo, Quality, Segment, TcpHeader};
use tdscope::stream::{Closed, Dir, Event, Handler, Interest, Key, Limits, Signal, Table};

use super::input::Input;
use model::{Half, Heard, Listener};
use plan::{Plan, Sent};

/// Bounds (one byte), then steps of six bytes: `plan.rs` says what they mean.
pub fn reassembly(data: &[u8]) {
    let mut input = Input(data);
    let limits = match input.u8() % 4 {
        0 | 1 => Limits::default(),
        2 => {
            Limits { out_of_order_bytes: 64, out_of_order_segments: 3, total_bytes: 128, ..Limits::default() }
        }
        _ => Limits { connections: 2, state_bytes: 6_000, out_of_order_segments: 4, ..Limits::default() },
    };
    let mut bench = Bench::new(limits);
    let mut plan = Plan::new();
    while !input.is_empty() {
        let step = std::array::from_fn(|_| input.u8());
        plan.step(step, &mut bench);
    }
    bench.finish();
}

/// Takes down what it hears.
struct Recorder(Rc<RefCell<Vec<Heard>>>);

impl Handler for Recorder {
    fn on_event(&mut self, event: &Event<'_>) -> Interest {
        let dir = event.dir;
        let heard = match &event.signal {
            Signal::Data { offset, bytes } => Heard::Data { dir, offset: *offset, bytes: bytes.to_vec() },
            Signal::Gap { offset, len, reason } => {
                Heard::Gap { dir, offset: *offset, len: *len, reason: *reason }
            }
            Signal::OverlapConflict { offset } => Heard::Conflict { dir, offset: *offset },
            Signal::Fin => Heard::Fin { dir },
            Signal::Stray => Heard::Stray,
            _ => return Interest::Payload,
        };
        self.0.borrow_mut().push(heard);
        Interest::Payload
    }
}

/// The table, and who listens to which connection.
struct Bench {
    table: Table<Recorder>,
    listeners: BTreeMap<u64, Listener>,
    logs: BTreeMap<u64, Rc<RefCell<Vec<Heard>>>>,
    /// The connection that each pair of ends has at the moment.
    current: [Option<u64>; plan::PAIRS],
    time: i64,
    frame: u64,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self {
            table: Table::new(limits),
            listeners: BTreeMap::new(),
            logs: BTreeMap::new(),
            current: [None; plan::PAIRS],
            time: 1_700_000_000_000_000_000,
            frame: 0,
        }
    }

    /// Whether a pair of ends has a connection that the table listens to.
    fn is_live(&self, pair: usize) -> bool {
        self.current[pair].is_some()
    }

    /// What is known of a direction of the pair's connection.
    fn half(&self, pair: usize, dir: Dir) -> Option<&Half> {
        let listener = self.listeners.get(&self.current[pair]?)?;
        Some(&listener.halves[dir.index()])
    }

    /// Records a segment, and looks at everything that was said because of it.
    fn record(&mut self, sent: &Sent) {
        self.frame += 1;
        let at = At { time: self.time, place: Place::new(0, self.frame) };
        let segment = segment(sent, at);
        let (frame, mut made, mut closed) = (self.frame, false, Vec::new());
        let logs = &mut self.logs;
        let mut make = |number: u64, _: &Key| {
            made = true;
            let log = Rc::new(RefCell::new(Vec::new()));
            logs.insert(number, Rc::clone(&log));
            Recorder(log)
        };
        self.table.segment(frame, &segment, &mut make, &mut |connection| closed.push(connection));
        let before = self.current[sent.pair];
        if made {
            self.current[sent.pair] = Some(frame);
            self.listeners.insert(frame, Listener::default());
        }
        // A connection may be let go before it gets the segment, which then nobody hears, or after.
        let fed = self.current[sent.pair].filter(|number| {
            let gone = closed.iter().find(|gone: &&Closed<Recorder>| gone.number == *number);
            gone.is_none_or(|gone| gone.last == at)
        });
        if let Some(old) = before.filter(|old| Some(*old) != fed) {
            self.check(old);
        }
        if let Some(number) = fed {
            let stray = self.logs[&number].borrow().iter().any(|heard| matches!(heard, Heard::Stray));
            let listener = self.listeners.get_mut(&number).expect("it is listened to");
            listener.recorded(sent, self.time, stray);
            self.check(number);
            self.listeners.get_mut(&number).expect("it is listened to").heard_all();
        }
        self.check_all();
        closed.into_iter().for_each(|gone| self.gone(&gone));
    }

    /// Time passes, with nothing recorded.
    fn pass(&mut self) {
        let mut closed = Vec::new();
        self.table.pass(self.time, &mut |connection| closed.push(connection));
        self.check_all();
        closed.into_iter().for_each(|gone| self.gone(&gone));
    }

    fn check_all(&mut self) {
        let numbers: Vec<u64> = self.logs.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.check(number));
    }

    /// Holds what was said of a connection since the last time against what was recorded of it.
    fn check(&mut self, number: u64) {
        let Some(log) = self.logs.get(&number) else { return };
        let Some(listener) = self.listeners.get_mut(&number) else { return };
        log.borrow_mut().drain(..).for_each(|heard| listener.hears(heard));
    }

    /// A connection that the table has let go: nothing is left out.
    fn gone(&mut self, closed: &Closed<Recorder>) {
        let listener = self.listeners.remove(&closed.number).expect("it was listened to");
        self.logs.remove(&closed.number);
        listener.ends(&closed.halves);
        for current in &mut self.current {
            *current = current.filter(|number| *number != closed.number);
        }
    }

    fn finish(mut self) {
        let table = std::mem::replace(&mut self.table, Table::new(Limits::default()));
        let mut closed = Vec::new();
        table.finish(&mut |connection| closed.push(connection));
        self.check_all();
        closed.into_iter().for_each(|gone| self.gone(&gone));
        assert!(self.listeners.is_empty(), "connections are never let go");
    }
}

/// The segment as decoding gives it.
fn segment(sent: &Sent, at: At) -> Segment<'_> {
    let ends = [(Ipv4Addr::new(10, 0, 0, 1), 50_000 + sent.pair as u16), (Ipv4Addr::new(10, 0, 0, 2), 1433)];
    let (src, dst) = (ends[sent.dir.index()], ends[1 - sent.dir.index()]);
    Segment {
        at,
        interface: 0,
        ip: IpInfo {
            src: IpAddr::V4(src.0),
            dst: IpAddr::V4(dst.0),
            ttl: 64,
            id: sent.id,
            fragment: Fragment::No,
            zero_length: false,
        },
        tcp: TcpHeader {
            src_port: src.1,
            dst_port: dst.1,
            seq: sent.seq,
            ack: sent.ack.unwrap_or_default(),
            flags: sent.flags,
            window: sent.window,
            checksum: None,
            options: &[],
        },
        payload: &sent.payload,
        payload_len: sent.payload.len() as u32 + sent.cut,
        quality: Quality { payload_cut: sent.cut > 0, ..Quality::default() },
        tunnel: None,
    }
}
