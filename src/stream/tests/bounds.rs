//! Memory and time stay bounded whatever the capture says.

use super::*;

fn data(seq: u32, payload: &[u8]) -> Packet {
    packet(CLIENT, PSH_ACK, seq, 5001).with(payload)
}

/// Every byte from 0 to `total` was delivered or named missing, once and in order.
fn assert_complete(closed: &Closed<Recorder>, total: u64) {
    let mut stretches: Vec<(u64, u64)> =
        closed.handler.data.iter().map(|(_, offset, bytes)| (*offset, bytes.len() as u64)).collect();
    stretches.extend(closed.handler.gaps.iter().map(|(_, offset, len, _)| (*offset, *len)));
    stretches.sort_unstable();
    let end = stretches.iter().fold(0, |next, (offset, len)| {
        assert_eq!(*offset, next);
        offset + len
    });
    assert_eq!(end, total);
}

#[test]
fn the_segments_that_wait_are_bounded() {
    let mut bench = Bench::limited(Limits { out_of_order_segments: 10, ..Limits::default() });
    bench.handshake(50_000, 1000, 5000);
    for index in 0..5000 {
        bench.send(data(1002 + 2 * index, b"x"));
    }
    assert_eq!(bench.table.counts().reassembly_limit, 4990);
    let closed = bench.only();
    assert_complete(&closed, 10_000);
    let full = closed.handler.gaps.iter().filter(|gap| gap.3 == GapReason::BufferFull).count();
    assert_eq!((full, closed.handler.gaps.len()), (4990, 5000));
}

#[test]
fn the_bytes_that_wait_are_bounded() {
    let mut bench = Bench::limited(Limits { out_of_order_bytes: 1000, ..Limits::default() });
    bench.handshake(50_000, 1000, 5000);
    bench.send(data(1002, &[b'x'; 1]));
    bench.send(data(1010, &[b'x'; 999]));
    assert_eq!(bench.table.counts().reassembly_limit, 0);
    bench.send(data(2100, &[b'x'; 500]));
    // One hole is not enough: the second is given up too.
    assert_eq!(bench.table.counts().reassembly_limit, 2);
    assert_complete(&bench.only(), 1599);
}

#[test]
fn the_bytes_of_all_connections_are_bounded() {
    let mut bench = Bench::limited(Limits { total_bytes: 1000, ..Limits::default() });
    for port in 1..=3 {
        bench.handshake(port, 1000, 5000);
        bench.send(Packet { client_port: port, ..data(1002, &[b'x'; 400]) });
    }
    assert_eq!(bench.table.counts().reassembly_limit, 1);
    assert_eq!(bench.table.counts().evicted, 0);
    let reasons: Vec<GapReason> = bench.finish().iter().map(|closed| closed.handler.gaps[0].3).collect();
    assert_eq!(reasons, [GapReason::Lost, GapReason::Lost, GapReason::BufferFull]);
}

#[test]
fn one_byte_segments_in_any_number_are_delivered_at_once() {
    let mut bench = Bench::open();
    for index in 0..20_000 {
        bench.send(data(1001 + index, b"x"));
    }
    let closed = bench.only();
    assert_eq!(closed.handler.data.len(), 20_000);
    assert_complete(&closed, 20_000);
}

/// A handler that keeps what it hears.
struct Hoarder(usize);

impl Handler for Hoarder {
    fn on_event(&mut self, event: &Event<'_>) -> Interest {
        if let Signal::Data { bytes, .. } = event.signal {
            self.0 += bytes.len();
        }
        Interest::Payload
    }

    fn held_bytes(&self) -> usize {
        self.0
    }
}

/// A segment of a connection of its own for each port, in the order of numbers.
fn from_port(number: u16, port: u16, seq: u32, payload: &[u8]) -> Segment<'_> {
    Segment {
        at: At { time: i64::from(number), place: Place::new(0, u64::from(number) + 1) },
        interface: 0,
        ip: IpInfo {
            src: CLIENT_IP,
            dst: SERVER_IP,
            ttl: 64,
            id: u32::from(number),
            fragment: Fragment::No,
            zero_length: false,
        },
        tcp: TcpHeader {
            src_port: port,
            dst_port: 1433,
            seq,
            ack: 1,
            flags: PSH_ACK,
            window: 1,
            checksum: None,
            options: &[],
        },
        payload,
        payload_len: payload.len() as u32,
        quality: Quality::default(),
        tunnel: None,
    }
}

#[test]
fn what_handlers_hold_is_bounded() {
    let mut table = Table::new(Limits { total_bytes: 1000, ..Limits::default() });
    let mut gone = Vec::new();
    for index in 0..5_u16 {
        let number = table.counts().connections;
        let segment = from_port(index, 1000 + index, 1, &[7; 300]);
        table.segment(number, &segment, &mut |_, _| Hoarder(0), &mut |closed| {
            gone.push((closed.number, closed.evicted));
        });
    }
    // The fourth makes it 1200; the two that were silent longest go.
    assert_eq!(gone, [(0, true), (1, true), (2, true)]);
    assert_eq!(table.counts().evicted, 3);
}

/// A handler that knows more with every byte.
struct Scholar(usize);

impl Handler for Scholar {
    fn on_event(&mut self, event: &Event<'_>) -> Interest {
        if let Signal::Data { bytes, .. } = event.signal {
            self.0 += bytes.len();
        }
        Interest::Payload
    }

    fn state_bytes(&self) -> usize {
        self.0
    }
}

#[test]
fn what_handlers_learn_from_what_waited_is_counted() {
    let mut table = Table::new(Limits { total_bytes: 1000, ..Limits::default() });
    let mut evicted = 0;
    // What waits behind the hole is too much, so that it is heard at once, when the table sees to its bounds.
    let rounds: [(u32, &[u8]); 3] = [(1, &[7; 10]), (20, &[7; 900]), (1000, &[7; 900])];
    for (index, (seq, payload)) in (0..).zip(rounds) {
        let segment = from_port(index, 1000, seq, payload);
        table.segment(0, &segment, &mut |_, _| Scholar(0), &mut |closed| {
            evicted += u64::from(closed.evicted);
        });
    }
    assert_eq!((table.counts().reassembly_limit, evicted), (1, 0));
    let mut learnt = Vec::new();
    // Counts that do not match would overflow here.
    table.finish(&mut |closed| learnt.push(closed.handler.0));
    assert_eq!(learnt, [1810]);
}

#[test]
fn the_queues_do_not_outgrow_the_connections() {
    let mut bench = Bench::new();
    for round in 0..2000_u32 {
        // Some end and are let go, some end and are replaced on their tuple, some are not ours.
        bench.after_data = if round % 3 == 0 { Interest::Nothing } else { Interest::Payload };
        let client_port = 1000 + u16::try_from(round % 7).unwrap();
        bench.handshake(client_port, 1000 * (round + 1), 5000);
        let next = 1000 * (round + 1) + 1;
        bench.send(Packet { client_port, ..packet(CLIENT, PSH_ACK, next, 5001).with(b"x") });
        bench.send(Packet { client_port, ..packet(CLIENT, RST_ACK, next + 1, 5001) });
        bench.wait(if round % 5 == 0 { 61 * SECOND } else { 0 });
    }
    let (slots, entries) = bench.table.sizes();
    assert!(slots <= 7, "{slots} slots");
    assert!(entries <= 2 * slots + 64, "{entries} entries");
    assert_eq!(bench.table.counts().connections, 2000);
}
