//! How long the table keeps a connection, and what it keeps of one that is not ours.

use super::*;

#[test]
fn an_ended_connection_lingers_for_late_packets() {
    let linger = Limits::default().linger_ended;
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, RST_ACK, 1001, 5001));
    bench.wait(linger / 2);
    bench.send(packet(SERVER, ACK, 5001, 1001));
    // A packet of another connection moves the clock.
    bench.wait(linger - SECOND);
    bench.handshake(50_001, 1, 1);
    assert!(bench.closed.is_empty(), "it was heard of less than its linger time ago");
    // They are looked at a little later.
    bench.wait(3 * SECOND);
    bench.send(Packet { client_port: 50_001, ..packet(CLIENT, ACK, 2, 2) });
    assert_eq!(bench.closed.len(), 1);
    assert_eq!((bench.closed[0].number, bench.closed[0].evicted), (0, false));
    assert_eq!(bench.closed[0].halves[1].packets, 2);
}

#[test]
fn an_open_connection_does_not_expire() {
    let mut bench = Bench::open();
    bench.wait(24 * 3600 * SECOND);
    bench.handshake(50_001, 1, 1);
    assert!(bench.closed.is_empty());
}

#[test]
fn one_packet_with_a_time_far_ahead_does_not_keep_the_others() {
    let mut bench = Bench::open();
    let now = bench.time;
    bench.wait(1_000_000 * SECOND);
    bench.send(packet(CLIENT, RST_ACK, 1001, 5001));
    let ahead = bench.time;
    bench.time = now;
    bench.handshake(50_001, 1, 1);
    bench.send(Packet { client_port: 50_001, ..packet(CLIENT, RST_ACK, 2, 2) });
    bench.time = ahead;
    bench.handshake(50_002, 1, 1);
    assert_eq!(bench.closed.iter().map(|closed| closed.number).collect::<Vec<_>>(), [1]);
}

#[test]
fn at_the_limit_the_longest_idle_connection_goes() {
    let mut bench = Bench::limited(Limits { connections: 3, ..Limits::default() });
    for port in [1, 2, 3] {
        bench.handshake(port, 100, 200);
    }
    // The second is the one that was silent longest.
    bench.send(Packet { client_port: 1, ..packet(CLIENT, ACK, 101, 201) });
    bench.wait(SECOND);
    bench.send(Packet { client_port: 3, ..packet(CLIENT, ACK, 101, 201) });
    bench.handshake(4, 100, 200);
    assert_eq!(
        bench.closed.iter().map(|closed| (closed.number, closed.evicted)).collect::<Vec<_>>(),
        [(1, true)]
    );
    // Next the first, though its entry was put right after that of the third.
    bench.handshake(5, 100, 200);
    assert_eq!(bench.closed[1].number, 0);
    assert_eq!((bench.table.counts().evicted, bench.table.counts().connections), (2, 5));
    let numbers: Vec<u64> = bench.finish().iter().map(|closed| closed.number).collect();
    assert_eq!(numbers, [1, 0, 2, 3, 4]);
}

#[test]
fn what_is_not_ours_is_a_tombstone_until_its_tuple_is_used_anew() {
    let mut bench = Bench::new();
    bench.after_data = Interest::Nothing;
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"GET /"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1006).with(b"HTTP/1.1"));
    bench.send(packet(SERVER, FIN_ACK, 5009, 1006));
    assert!(!bench.icmp(CLIENT, IcmpReason::TimeExceeded));
    assert_eq!(bench.table.counts().connections, 1);
    let last = bench.time - MILLISECOND;
    bench.after_data = Interest::Payload;
    bench.handshake(50_000, 70_000, 9000);
    let closed = bench.only();
    let previous = closed.previous.unwrap();
    assert_eq!((closed.number, previous.foreign, previous.ended), (1, true, true));
    assert_eq!(previous.last.time, last);
    assert_eq!(closed.handler.told, [">SYN 1", "<SYN-ACK 1", ">open"]);
}

#[test]
fn a_handler_that_wants_signals_gets_no_payload() {
    let mut bench = Bench::new();
    bench.after_data = Interest::Signals;
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(CLIENT, PSH_ACK, 1004, 5001).with(b"def"));
    bench.send(packet(CLIENT, PSH_ACK, 1010, 5001).with(b"jkl"));
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"abc"));
    bench.send(packet(CLIENT, PSH_ACK, 1013, 5001).with(b"mno"));
    bench.wait(SECOND);
    bench.send(packet(CLIENT, PSH_ACK, 1013, 5001).with(b"mno"));
    bench.send(packet(CLIENT, FIN_ACK, 1016, 5001));
    let closed = bench.only();
    assert_eq!(closed.handler.told[3..], [">data 0 abc", ">again 12+3 x1", ">FIN"]);
    assert_eq!(closed.halves[0].last_data.unwrap().place.frame(), 8);
}

#[test]
fn interest_never_rises_again() {
    let mut bench = Bench::new();
    bench.after_data = Interest::Signals;
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"abc"));
    bench.after_data = Interest::Payload;
    bench.send(packet(CLIENT, PSH_ACK, 1004, 5001).with(b"def"));
    assert_eq!(bench.told(), [">data 0 abc"]);
}

#[test]
fn at_the_limit_what_is_not_ours_goes_first() {
    let mut bench = Bench::limited(Limits { connections: 3, ..Limits::default() });
    bench.handshake(1, 100, 200);
    bench.after_data = Interest::Nothing;
    for port in [2, 3] {
        bench.handshake(port, 100, 200);
        bench.send(Packet { client_port: port, ..packet(CLIENT, PSH_ACK, 101, 201).with(b"GET /") });
    }
    bench.send(Packet { client_port: 2, ..packet(CLIENT, ACK, 106, 201) });
    bench.after_data = Interest::Payload;
    // The third connection's tombstone is older than the second's, and both go before what is alive.
    bench.handshake(4, 100, 200);
    bench.send(Packet { client_port: 2, ..packet(CLIENT, PSH_ACK, 106, 201).with(b"x") });
    assert_eq!((bench.table.counts().connections, bench.table.counts().evicted), (4, 1));
    bench.handshake(5, 100, 200);
    assert_eq!(bench.table.counts().evicted, 2);
    let all = bench.finish();
    let left: Vec<(u64, bool)> = all.iter().map(|closed| (closed.number, closed.evicted)).collect();
    assert_eq!(left, [(0, false), (3, false), (4, false)]);
}

/// A connection that both sides close, and what it takes for the table to look at it.
fn closed(bench: &mut Bench, port: u16) {
    bench.handshake(port, 1000, 5000);
    bench.send(Packet { client_port: port, ..packet(CLIENT, FIN_ACK, 1001, 5001) });
    bench.send(Packet { client_port: port, ..packet(SERVER, FIN_ACK, 5001, 1002) });
    bench.send(Packet { client_port: port, ..packet(CLIENT, ACK, 1002, 5002) });
    bench.wait(SECOND);
    bench.handshake(1, 7, 7);
    bench.send(Packet { client_port: 1, ..packet(CLIENT, RST_ACK, 8, 8) });
}

#[test]
fn what_both_sides_closed_is_over_soon_and_known_for_a_minute() {
    let mut bench = Bench::new();
    closed(&mut bench, 50_000);
    assert_eq!(bench.closed.len(), 1);
    assert_eq!((bench.closed[0].number, bench.closed[0].evicted), (0, false));
    // A late copy of its FIN is no connection.
    bench.send(packet(SERVER, FIN_ACK, 5001, 1002));
    assert_eq!(bench.table.counts().connections, 2);
    let late = bench.time;
    // Its tuple used anew is, and knows what was there.
    bench.wait(SECOND);
    bench.handshake(50_000, 90_000, 95_000);
    assert_eq!(bench.table.counts().connections, 3);
    let all = bench.finish();
    let previous = all.last().unwrap().previous.unwrap();
    assert_eq!((previous.ended, previous.foreign, previous.last.time), (true, false, late));
    assert!(all.iter().all(|closed| !closed.evicted));
}

#[test]
fn what_is_over_is_forgotten_after_a_minute_of_silence() {
    let mut bench = Bench::new();
    closed(&mut bench, 50_000);
    bench.wait(Limits::default().linger / 2);
    bench.send(packet(SERVER, FIN_ACK, 5001, 1002));
    bench.wait(Limits::default().linger - SECOND);
    closed(&mut bench, 50_001);
    assert_eq!(bench.table.counts().connections, 4, "the late FIN kept it known");
    bench.wait(3 * SECOND);
    closed(&mut bench, 50_002);
    assert_eq!(bench.table.counts().connections, 5);
    bench.send(packet(SERVER, FIN_ACK, 5001, 1002));
    assert_eq!(bench.table.counts().connections, 6, "and then it is one of a connection that was not seen");
    assert_eq!(bench.table.counts().evicted, 0);
}

#[test]
fn what_is_over_makes_room_first_and_counts_for_nothing() {
    let mut bench = Bench::limited(Limits { connections: 4, ..Limits::default() });
    for port in 50_000..50_100 {
        closed(&mut bench, port);
    }
    assert_eq!(bench.table.counts().evicted, 0);
    assert!(bench.table.sizes().1 <= 100, "{:?}", bench.table.sizes());
    assert_eq!(bench.finish().iter().filter(|closed| closed.evicted).count(), 0);
}

#[test]
fn a_late_copy_of_a_whole_connection_is_no_other_one() {
    let mut bench = Bench::new();
    closed(&mut bench, 50_000);
    let before = bench.table.counts().connections;
    // The other machine's file, a second later: the same sequence numbers.
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    assert_eq!(bench.table.counts().connections, before);
    bench.send(packet(CLIENT, SYN, 1007, 0));
    assert_eq!(bench.table.counts().connections, before + 1);
}

#[test]
fn what_is_forgotten_is_what_is_overdue() {
    let mut bench = Bench::new();
    closed(&mut bench, 50_000);
    bench.wait(20 * SECOND);
    // Heard of again, so that it is not overdue when its first time comes.
    bench.send(packet(SERVER, FIN_ACK, 5001, 1002));
    bench.wait(20 * SECOND);
    closed(&mut bench, 50_001);
    bench.wait(25 * SECOND);
    closed(&mut bench, 50_002);
    let before = bench.table.counts().connections;
    for port in [50_000, 50_001] {
        bench.send(Packet { client_port: port, ..packet(SERVER, FIN_ACK, 5001, 1002) });
    }
    assert_eq!(bench.table.counts().connections, before, "both are known still");
}

#[test]
fn nothing_is_overdue_by_a_clock_that_stepped_back() {
    let mut bench = Bench::new();
    bench.wait(1000 * SECOND);
    bench.handshake(1, 7, 7);
    bench.time -= 500 * SECOND;
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(CLIENT, RST_ACK, 1001, 5001));
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"abc"));
    assert!(bench.closed.is_empty());
    assert_eq!(bench.finish()[1].handler.told.last().unwrap(), ">data 0 abc");
}

#[test]
fn what_is_closed_before_its_data_came_waits_for_it() {
    let mut bench = Bench::new();
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(SERVER, FIN_ACK, 5004, 1001));
    bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
    bench.wait(SECOND / 2);
    // What was lost is sent again.
    bench.send(packet(SERVER, PSH_ACK, 5001, 1002).with(b"abc"));
    let closed = bench.only();
    assert!(closed.handler.told.contains(&"<data 0 abc".to_owned()), "{:?}", closed.handler.told);
}
