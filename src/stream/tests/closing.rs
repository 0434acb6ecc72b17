//! FIN, RST and ICMP.

use super::*;

fn shape(bench: Bench) -> ResetShape {
    *bench.only().handler.resets.last().unwrap()
}

/// A connection on which both sides have said something: the next numbers are 1006 and 5006.
fn talk() -> Bench {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1006).with(b"world"));
    bench.send(packet(CLIENT, ACK, 1006, 5006));
    bench
}

#[test]
fn a_fin_waits_for_the_data_before_it() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, FIN_ACK, 1004, 5001).with(b"def"));
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"abc"));
    bench.send(packet(SERVER, FIN_ACK, 5001, 1008));
    bench.send(packet(CLIENT, ACK, 1008, 5002));
    assert_eq!(bench.told(), [">data 0 abc", ">data 3 def", ">FIN", "<FIN"]);
}

#[test]
fn a_fin_whose_data_never_comes_is_told_after_the_gap() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, FIN_ACK, 1004, 5001));
    assert_eq!(bench.told(), [">gap 0+3 Lost", ">FIN"]);
}

#[test]
fn a_fin_sent_again_is_a_retransmission() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
    bench.wait(SECOND);
    bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
    bench.wait(SECOND);
    bench.send_twice(packet(CLIENT, FIN_ACK, 1001, 5001));
    let closed = bench.only();
    assert_eq!(closed.handler.told[3..], [">FIN", ">again 0 x1", ">again 0 x2"]);
    assert_eq!((closed.halves[0].retransmissions, closed.halves[0].max_repeats), (2, 2));
}

#[test]
fn the_fin_counts_as_unacknowledged_until_it_is_acknowledged() {
    for (ack, unacknowledged) in [(1001, 1), (1002, 0)] {
        let mut bench = Bench::open();
        bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
        bench.send(packet(SERVER, ACK, 5001, ack));
        let closed = bench.only();
        assert_eq!(closed.halves[0].unacknowledged, unacknowledged);
        assert_eq!(closed.halves[0].missing, 0);
    }
}

#[test]
fn an_uncaptured_fin_is_no_gap() {
    let mut bench = talk();
    bench.send(packet(SERVER, ACK, 5006, 1007));
    for _ in 0..20 {
        bench.send(packet(SERVER, ACK, 5006, 1007));
    }
    let closed = bench.only();
    assert!(closed.handler.gaps.is_empty());
}

#[test]
fn a_refused_syn() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(SERVER, RST_ACK, 0, 1001));
    bench.wait(SECOND / 2);
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(SERVER, RST_ACK, 0, 1001));
    let closed = bench.only();
    assert_eq!(closed.handler.told, [">SYN 1", "<RST", ">SYN 2", "<RST"]);
    let [first, second] = closed.handler.resets[..] else { panic!("two resets") };
    assert!(first.refuses_syn && !first.repeated && !first.ack_implausible);
    assert_eq!((first.seq_offset, first.host_ttl), (None, None));
    assert!(second.refuses_syn && second.repeated);
}

#[test]
fn a_rst_after_the_syn_ack_refuses_nothing() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, RST_ACK, 5001, 1001));
    let shape = shape(bench);
    assert!(!shape.refuses_syn);
    assert_eq!(shape.seq_offset, Some(0));
}

#[test]
fn a_rst_is_exact_at_every_number_that_its_receiver_may_expect() {
    // Delivered up to 5006; seven more were sent, which the receiver may not have got.
    for (seq, offset) in [(5006, 0), (5016, 0), (5010, 4), (5000, -6), (5000 + 70_000, 69_994)] {
        let mut bench = talk();
        bench.send(packet(SERVER, PSH_ACK, 5009, 1006).with(b"7 bytes"));
        bench.send(Packet { window: 0, ..packet(SERVER, RST, seq, 0) });
        let closed = bench.only();
        let shape = closed.handler.resets[0];
        assert_eq!(shape.seq_offset, Some(offset), "RST at {seq}");
        assert_eq!((shape.receiver_window, shape.ack), (8192, false));
    }
}

#[test]
fn the_acknowledgment_of_a_rst_is_weighed() {
    for (ack, implausible) in [(1006, false), (1007, true), (1005, true), (0, true), (900_000, true)] {
        let mut bench = talk();
        bench.send(packet(SERVER, RST_ACK, 5006, ack));
        assert_eq!(shape(bench).ack_implausible, implausible, "ack {ack}");
    }
}

#[test]
fn an_acknowledgment_of_what_was_not_captured_is_plausible() {
    let mut bench = talk();
    bench.send(packet(SERVER, ACK, 5006, 1100));
    bench.send(packet(SERVER, RST_ACK, 5006, 1100));
    assert!(!shape(bench).ack_implausible);
}

#[test]
fn a_rst_after_fins_says_whose() {
    let mut bench = talk();
    bench.send(packet(SERVER, RST_ACK, 5006, 1006));
    let before = shape(bench);
    assert!(!before.after_own_fin && !before.after_peer_fin && !before.after_both_fins);

    let mut bench = talk();
    bench.send(packet(CLIENT, FIN_ACK, 1006, 5006));
    bench.send(packet(SERVER, RST_ACK, 5006, 1007));
    let answer = shape(bench);
    assert!(!answer.after_own_fin && answer.after_peer_fin && !answer.after_both_fins);
    assert!(!answer.answers_late_data && !answer.ack_implausible);

    let mut bench = talk();
    bench.send(packet(CLIENT, FIN_ACK, 1006, 5006));
    bench.send(packet(SERVER, FIN_ACK, 5006, 1007));
    bench.send(packet(CLIENT, RST_ACK, 1007, 5007));
    let last = shape(bench);
    assert!(last.after_own_fin && last.after_peer_fin && last.after_both_fins);
}

#[test]
fn a_rst_that_answers_late_data_is_told() {
    let mut bench = talk();
    bench.send(packet(CLIENT, FIN_ACK, 1006, 5006));
    bench.send(packet(SERVER, PSH_ACK, 5006, 1007).with(b"late"));
    bench.send(packet(CLIENT, RST, 1007, 0));
    let shape = shape(bench);
    assert!(shape.answers_late_data && shape.after_own_fin && !shape.after_peer_fin);
    assert_eq!(shape.seq_offset, Some(0));
}

#[test]
fn a_rst_that_comes_without_late_data_answers_none() {
    let mut bench = talk();
    bench.send(packet(CLIENT, FIN_ACK, 1006, 5006));
    bench.send(packet(CLIENT, RST, 1007, 0));
    assert!(!shape(bench).answers_late_data);
}

#[test]
fn the_ttl_of_a_rst_stands_next_to_its_hosts() {
    let mut bench = talk();
    bench.send(Packet { ttl: 60, ..packet(SERVER, ACK, 5006, 1006) });
    bench.send(Packet { ttl: 249, id: Some(4242), ..packet(SERVER, RST, 5006, 0) });
    let closed = bench.only();
    let shape = closed.handler.resets[0];
    assert_eq!((shape.ttl, shape.host_ttl, shape.ip_id), (249, Some((60, 64)), 4242));
    assert_eq!(closed.halves[1].ttl, Some((60, 64)));
}

#[test]
fn the_silence_before_a_rst_counts_packets_that_tell_nothing() {
    let mut bench = talk();
    bench.wait(300 * SECOND);
    bench.send(packet(CLIENT, ACK, 1006, 5006));
    bench.wait(2 * SECOND);
    bench.send(packet(SERVER, RST, 5006, 0));
    assert_eq!(shape(bench).silence, 2 * SECOND + MILLISECOND);
}

#[test]
fn the_silence_before_a_rst_counts_payload_that_is_not_wanted() {
    let mut bench = Bench::new();
    bench.after_data = Interest::Signals;
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
    bench.wait(300 * SECOND);
    bench.send(packet(CLIENT, PSH_ACK, 1006, 5001).with(b"hello"));
    bench.send(packet(SERVER, RST, 5001, 0));
    assert_eq!(shape(bench).silence, MILLISECOND);
}

#[test]
fn what_waited_is_delivered_before_the_rst() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5004, 1001).with(b"def"));
    bench.send(packet(SERVER, RST, 5007, 0));
    assert_eq!(bench.told(), ["<gap 0+3 Lost", "<data 3 def", "<RST"]);
}

#[test]
fn an_icmp_error_is_told_to_the_connection_it_quotes() {
    let mut bench = Bench::new();
    let unreachable = IcmpReason::Unreachable { code: 13, v6: false };
    assert!(!bench.icmp(CLIENT, unreachable));
    bench.send(packet(CLIENT, SYN, 1000, 0));
    assert!(bench.icmp(CLIENT, unreachable));
    assert!(bench.icmp(SERVER, IcmpReason::PacketTooBig { mtu: 1400 }));
    let closed = bench.only();
    assert_eq!(closed.handler.told[1], ">ICMP 192.0.2.1 Unreachable { code: 13, v6: false }");
    assert_eq!(closed.handler.told[2], "<ICMP 192.0.2.1 PacketTooBig { mtu: 1400 }");
    assert_eq!(closed.last.place.frame(), 4);
}

#[test]
fn a_connection_that_goes_on_after_a_long_silence_is_said_to() {
    let mut bench = talk();
    bench.wait(IDLE - MILLISECOND);
    bench.send(packet(SERVER, PSH_ACK, 5006, 1006).with(b"x"));
    bench.wait(IDLE - 2 * MILLISECOND);
    bench.send(packet(SERVER, PSH_ACK, 5007, 1006).with(b"y"));
    bench.wait(60 * SECOND);
    bench.send(packet(CLIENT, PSH_ACK, 1006, 5008).with(b"z"));
    let silent_to_the_end = |mut bench: Bench| {
        bench.wait(60 * SECOND);
        bench.send(packet(SERVER, RST, 5008, 0));
        bench.only().woke
    };
    let woke = silent_to_the_end(bench).unwrap();
    assert_eq!((woke.dir, woke.silence), (CLIENT, 60 * SECOND + MILLISECOND));
    assert_eq!(silent_to_the_end(talk()), None, "a RST ends the connection, it does not go on");
}

#[test]
fn the_identifications_of_a_host_are_remembered_but_for_its_resets() {
    let mut bench = talk();
    for id in [65_530, 65_533, 0, 2] {
        bench.send(Packet { id: Some(id), ..packet(SERVER, PSH_ACK, 5006, 1006).with(b"x") });
    }
    bench.send(Packet { id: Some(40_000), ..packet(SERVER, RST, 5006, 0) });
    let shape = shape(bench);
    let ids = shape.host_ids.unwrap();
    assert_eq!((ids.last, shape.ip_id), (2, 40_000));
    assert!(ids.largest_step > 5 && ids.steps >= 3, "{ids:?}");
}

#[test]
fn a_fin_that_acknowledges_the_other_came_second_wherever_it_stands() {
    let client = packet(CLIENT, FIN_ACK, 1006, 5006);
    let server = packet(SERVER, FIN_ACK, 5006, 1007);
    for order in [[client.clone(), server.clone()], [server.clone(), client]] {
        let mut bench = talk();
        for packet in order {
            bench.send(packet);
        }
        // Sent again, it acknowledges the answer too.
        bench.send(packet(CLIENT, FIN_ACK, 1006, 5007));
        let closed = bench.only();
        assert_eq!(closed.halves.map(|half| half.answers_fin), [false, true]);
    }
    // The client's is not in the capture.
    let mut bench = talk();
    bench.send(server);
    bench.send(packet(CLIENT, ACK, 1007, 5007));
    assert_eq!(bench.only().halves.map(|half| half.answers_fin), [false, true]);
}

#[test]
fn fins_that_do_not_know_of_each_other_answer_nothing() {
    let mut bench = talk();
    bench.send(packet(CLIENT, FIN_ACK, 1006, 5006));
    bench.send(packet(SERVER, FIN_ACK, 5006, 1006));
    assert_eq!(bench.only().halves.map(|half| half.answers_fin), [false, false]);
}

#[test]
fn a_fin_waits_for_the_bytes_that_it_acknowledges() {
    let mut bench = talk();
    bench.send(packet(CLIENT, FIN_ACK, 1006, 5009));
    bench.send(packet(SERVER, PSH_ACK, 5006, 1006).with(b"bye"));
    let told = bench.told();
    assert_eq!(told[2..], ["<data 5 bye", ">FIN"]);
}

#[test]
fn a_fin_that_acknowledges_what_was_lost_may_answer_a_lost_fin() {
    for after_data in [Interest::Payload, Interest::Signals] {
        let mut bench = Bench::new();
        bench.after_data = after_data;
        bench.handshake(50_000, 1000, 5000);
        bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"hello"));
        bench.send(packet(SERVER, PSH_ACK, 5001, 1006).with(b"world"));
        bench.send(packet(SERVER, FIN_ACK, 5006, 1106));
        assert_eq!(bench.only().halves.map(|half| half.answers_fin), [false, true]);
    }
}
