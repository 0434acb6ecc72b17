//! From the SYN to the handshake, and tuples that are used anew.

use super::*;

#[test]
fn syn_retries_are_counted_and_the_handshake_is_told() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, SYN, 1000, 0));
    for seconds in [1, 2, 4] {
        bench.wait(seconds * SECOND);
        bench.send(packet(CLIENT, SYN, 1000, 0));
    }
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.wait(SECOND);
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.send(packet(CLIENT, ACK, 1001, 5001));
    bench.send(packet(CLIENT, ACK, 1001, 5001));
    let closed = bench.only();
    let told = [">SYN 1", ">SYN 2", ">SYN 3", ">SYN 4", "<SYN-ACK 1", "<SYN-ACK 2", ">open"];
    assert_eq!(closed.handler.told, told);
    assert_eq!(closed.initiator, Some(CLIENT));
    assert_eq!(closed.halves[0].packets, 6);
}

#[test]
fn a_syn_recorded_twice_is_one_try() {
    let mut bench = Bench::new();
    bench.send_twice(packet(CLIENT, SYN, 1000, 0));
    bench.send_twice(packet(SERVER, SYN_ACK, 5000, 1001));
    let closed = bench.only();
    assert_eq!(closed.handler.told, [">SYN 1", "<SYN-ACK 1"]);
    assert_eq!((closed.halves[0].duplicates, closed.halves[1].duplicates), (1, 1));
}

#[test]
fn the_options_of_a_syn_are_kept() {
    let mut bench = Bench::new();
    bench.send(Packet { options: &[2, 4, 5, 180, 1, 3, 3, 7], ..packet(CLIENT, SYN, 1000, 0) });
    bench.send(Packet { window: 100, ..packet(CLIENT, ACK, 1001, 5001) });
    bench.send(packet(SERVER, RST, 5001, 0));
    let closed = bench.only();
    assert_eq!(closed.halves[0].mss, Some(1460));
    assert_eq!(closed.handler.resets[0].receiver_window, 100 << 7);
}

#[test]
fn a_syn_ack_recorded_before_its_syn_belongs_to_the_same_connection() {
    let mut bench = Bench::new();
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(CLIENT, ACK, 1001, 5001));
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
    let closed = bench.only();
    assert_eq!(closed.handler.told, ["<SYN-ACK 1", ">SYN 1", ">open", ">data 0 hello"]);
    assert_eq!(closed.initiator, Some(CLIENT));
}

#[test]
fn data_of_a_syn_that_was_not_captured_begins_where_the_syn_ack_says() {
    let mut bench = Bench::new();
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.send(packet(CLIENT, PSH_ACK, 1006, 5001).with(b"world"));
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
    let told = bench.only().handler.told;
    assert_eq!(told, ["<SYN-ACK 1", ">open", ">data 0 hello", ">data 5 world"]);
}

#[test]
fn both_sides_may_open_at_once() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(SERVER, SYN, 5000, 0));
    bench.send(packet(CLIENT, SYN_ACK, 1000, 5001));
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    let closed = bench.only();
    assert_eq!(closed.initiator, Some(CLIENT));
    assert_eq!(closed.handler.told[..3], [">SYN 1", "<SYN 2", ">SYN-ACK 1"]);
}

#[test]
fn another_isn_on_the_same_tuple_is_another_connection() {
    for ended in [false, true] {
        let mut bench = Bench::open();
        if ended {
            bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
            bench.send(packet(SERVER, FIN_ACK, 5001, 1002));
            bench.send(packet(CLIENT, ACK, 1002, 5002));
        }
        let last = bench.time;
        bench.wait(SECOND);
        bench.handshake(50_000, 70_000, 9000);
        bench.send(packet(CLIENT, PSH_ACK, 70_001, 9001).with(b"new"));
        let all = bench.finish();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].number, all[0].previous), (0, None));
        let previous = all[1].previous.unwrap();
        assert_eq!((previous.ended, previous.foreign, previous.last.time), (ended, false, last));
        assert_eq!(all[1].handler.told, [">SYN 1", "<SYN-ACK 1", ">open", ">data 0 new"]);
    }
}

#[test]
fn a_syn_after_the_middle_of_a_connection_opens_another() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, PSH_ACK, 900, 80).with(b"old"));
    bench.send(packet(CLIENT, SYN, 7000, 0));
    let all = bench.finish();
    assert_eq!(all.len(), 2);
    assert!(!all[1].previous.unwrap().ended);
}

#[test]
fn the_old_connections_ack_challenges_a_new_syn() {
    let mut bench = Bench::open();
    bench.wait(30 * SECOND);
    bench.send(packet(CLIENT, SYN, 70_000, 0));
    bench.send(packet(SERVER, ACK, 5001, 1001));
    bench.send(packet(CLIENT, RST, 1001, 0));
    let all = bench.finish();
    assert_eq!(all[1].handler.told, [">SYN 1", "<challenge", ">RST"]);
}

#[test]
fn a_challenge_is_known_when_the_old_connection_was_not_captured() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, SYN, 70_000, 0));
    bench.send(packet(SERVER, ACK, 5001, 900_000_000));
    assert_eq!(bench.only().handler.told, [">SYN 1", "<challenge"]);
}

#[test]
fn a_server_that_goes_on_after_an_uncaptured_syn_ack_does_not_challenge() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(SERVER, ACK, 5001, 1048));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1048).with(b"answer"));
    let told = bench.only().handler.told;
    assert_eq!(told, [">SYN 1", ">gap 0+47 NotCaptured", "<data 0 answer"]);
}

#[test]
fn what_the_old_connection_sends_does_not_disturb_the_new_one() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, SYN, 70_000, 0));
    bench.send(packet(SERVER, FIN_ACK, 5001, 1001).with(b"bye"));
    bench.send(packet(SERVER, SYN_ACK, 9000, 70_001));
    bench.send(packet(SERVER, PSH_ACK, 9001, 70_001).with(b"new"));
    let all = bench.finish();
    assert_eq!(all[1].handler.told, [">SYN 1", "<SYN-ACK 1", "<data 0 new"]);
}

#[test]
fn a_syn_ack_after_the_middle_of_a_connection_belongs_to_another() {
    let mut bench = Bench::new();
    bench.send(packet(SERVER, PSH_ACK, 900, 80).with(b"old"));
    bench.send(packet(SERVER, SYN_ACK, 7000, 1001));
    bench.send(packet(SERVER, PSH_ACK, 7001, 1001).with(b"new"));
    let all = bench.finish();
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].handler.told, ["<SYN-ACK 1", "<data 0 new"]);
}

#[test]
fn a_syn_recorded_after_packets_of_its_own_connection_opens_it() {
    let first = packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello");
    let answer = packet(SERVER, PSH_ACK, 5001, 1006).with(b"world");
    let acknowledgment = packet(CLIENT, ACK, 1001, 5001);
    for before in [vec![first.clone()], vec![answer.clone()], vec![answer, first], vec![acknowledgment]] {
        let mut bench = Bench::new();
        for packet in before {
            bench.send(packet);
        }
        bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
        bench.send(packet(CLIENT, SYN, 1000, 0));
        bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
        let closed = bench.only();
        assert_eq!((closed.initiator, closed.previous), (Some(CLIENT), None));
        assert_eq!(closed.handler.data[0].1, 0);
    }
    // Before the SYN-ACK too.
    let mut bench = Bench::new();
    bench.send(packet(SERVER, ACK, 5001, 1006));
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
    assert_eq!(bench.only().handler.told, [">SYN 1", "<SYN-ACK 1", ">open", ">data 0 hello"]);
}

#[test]
fn a_syn_that_comes_much_later_or_elsewhere_opens_another_connection() {
    for (wait, isn) in [(SECOND, 1000), (0, 1001), (0, 999), (0, 900_000)] {
        let mut bench = Bench::new();
        bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
        bench.wait(wait);
        bench.send(packet(CLIENT, SYN, isn, 0));
        assert_eq!(bench.finish().len(), 2, "{wait} {isn}");
    }
    // Of the client only what the server acknowledges is known: a connection that comes later has larger numbers.
    let mut bench = Bench::new();
    bench.send(packet(SERVER, PSH_ACK, 5001, 1006).with(b"world"));
    bench.send(packet(CLIENT, SYN, 70_000, 0));
    assert_eq!(bench.finish().len(), 2);
}

#[test]
fn copies_out_of_a_tunnel_are_copies() {
    use crate::decode::{Tunnel, TunnelKind};
    let (src, dst) = ("198.51.100.1".parse().unwrap(), "198.51.100.2".parse().unwrap());
    let tunnel = Tunnel { kind: TunnelKind::Vxlan, src, dst, network: Some(7) };
    let mut bench = Bench::open();
    for seq in 0..3 {
        let sent = Packet { id: Some(90 + seq), ..packet(CLIENT, PSH_ACK, 1001 + seq, 5001).with(b"x") };
        bench.send(sent.clone());
        bench.send(Packet { tunnel: Some(tunnel), ttl: 64 - (seq as u8 % 2), ..sent });
    }
    let closed = bench.only();
    assert_eq!((closed.halves[0].duplicates, closed.halves[0].bytes), (3, 3));
    assert_eq!(closed.halves[0].retransmissions, 0);
    let tunnelled = *closed.tunnelled.unwrap();
    assert_eq!((tunnelled.dir, tunnelled.tunnel, tunnelled.at.place), (CLIENT, tunnel, Place::new(0, 5)));
}
