//! Payload in order, sent again, overlapping, missing; probes and windows.

use super::*;

fn data(seq: u32, payload: &[u8]) -> Packet {
    packet(CLIENT, PSH_ACK, seq, 5001).with(payload)
}

fn acked(ack: u32) -> Packet {
    packet(SERVER, ACK, 5001, ack)
}

#[test]
fn repeats_without_an_answer_are_counted_in_a_row() {
    let mut bench = Bench::open();
    bench.send(data(1001, b"abc"));
    for _ in 0..3 {
        bench.wait(SECOND);
        bench.send_twice(data(1001, b"abc"));
    }
    bench.send(acked(1004));
    bench.send(data(1004, b"def"));
    bench.wait(SECOND);
    bench.send(data(1004, b"def"));
    let closed = bench.only();
    let told =
        [">data 0 abc", ">again 0+3 x1", ">again 0+3 x2", ">again 0+3 x3", ">data 3 def", ">again 3+3 x1"];
    assert_eq!(closed.handler.told[3..], told);
    let half = closed.halves[0];
    assert_eq!((half.retransmissions, half.max_repeats, half.duplicates), (4, 3, 3));
    assert_eq!((half.bytes, half.unacknowledged), (6, 3));
}

#[test]
fn without_an_ip_id_only_a_packet_at_the_same_time_is_a_duplicate() {
    let mut bench = Bench::open();
    bench.send_twice(Packet { id: Some(0), ..data(1001, b"abc") });
    bench.wait(200 * MILLISECOND);
    bench.send(Packet { id: Some(0), ..data(1001, b"abc") });
    assert_eq!(bench.told(), [">data 0 abc", ">again 0+3 x1"]);
}

#[test]
fn a_repeat_with_more_in_it_brings_only_what_is_new() {
    let mut bench = Bench::open();
    bench.send(data(1001, b"abc"));
    bench.wait(SECOND);
    bench.send(data(1001, b"abcdef"));
    assert_eq!(bench.told(), [">data 0 abc", ">data 3 def"]);
}

#[test]
fn data_that_waits_and_comes_again_is_a_retransmission() {
    let mut bench = Bench::open();
    bench.send(data(1004, b"de"));
    bench.send(data(1006, b"f"));
    bench.wait(SECOND);
    bench.send(data(1004, b"def"));
    bench.send(data(1001, b"abc"));
    let told = [">again 3+3 x1", ">data 0 abc", ">data 3 de", ">data 5 f"];
    assert_eq!(bench.told(), told);
}

#[test]
fn of_overlapping_bytes_the_first_are_kept_and_the_conflict_is_told() {
    let mut bench = Bench::open();
    bench.send(data(1004, b"def"));
    bench.send(data(1004, b"dXf"));
    bench.send(data(1001, b"abcDe"));
    let told = [">conflict 4", ">again 3+3 x1", ">conflict 3", ">data 0 abc", ">data 3 def"];
    assert_eq!(bench.told(), told);
}

#[test]
fn what_the_snap_length_cut_is_a_gap() {
    let mut bench = Bench::open();
    bench.send(Packet { cut: 7, ..data(1001, b"abc") });
    bench.send(Packet { cut: 10, ..data(1011, b"") });
    bench.send(data(1021, b"xyz"));
    let closed = bench.only();
    let told = [">data 0 abc", ">gap 3+7 SnapLength", ">gap 10+10 SnapLength", ">data 20 xyz"];
    assert_eq!(closed.handler.told[3..], told);
    let half = closed.halves[0];
    assert_eq!((half.bytes, half.missing, half.largest_segment), (6, 17, 10));
}

#[test]
fn a_cut_segment_out_of_order_is_a_gap_of_its_own_kind() {
    let mut bench = Bench::open();
    bench.send(Packet { cut: 7, ..data(1004, b"def") });
    bench.send(data(1014, b"xyz"));
    bench.send(Packet { cut: 1, ..data(1001, b"ab") });
    let told = [">data 0 ab", ">gap 2+1 SnapLength", ">data 3 def", ">gap 6+7 SnapLength", ">data 13 xyz"];
    assert_eq!(bench.told(), told);
}

#[test]
fn a_hole_that_was_acknowledged_is_given_up_after_some_packets() {
    let mut bench = Bench::open();
    bench.send(data(1004, b"def"));
    bench.send(acked(1007));
    for _ in 0..15 {
        bench.send(acked(1007));
    }
    assert_eq!(bench.told(), [">gap 0+3 NotCaptured", ">data 3 def"].map(String::from));

    let mut bench = Bench::open();
    bench.send(data(1004, b"def"));
    for _ in 0..16 {
        bench.send(acked(1007));
    }
    bench.send(data(1001, b"abc"));
    // The 16th packet after the acknowledgment is the late segment itself.
    assert_eq!(bench.told(), [">data 0 abc", ">data 3 def"]);
}

#[test]
fn a_hole_that_was_acknowledged_is_given_up_after_some_time() {
    let mut bench = Bench::open();
    bench.send(data(1004, b"def"));
    bench.send(acked(1007));
    bench.wait(SECOND / 2);
    bench.send(packet(SERVER, PSH_ACK, 5001, 1007).with(b"ok"));
    bench.send(data(1007, b"ghi"));
    let told = [">gap 0+3 NotCaptured", ">data 3 def", "<data 0 ok", ">data 6 ghi"];
    assert_eq!(bench.told(), told);
}

#[test]
fn many_holes_are_given_up_together() {
    let mut bench = Bench::open();
    for index in 0..40 {
        bench.send(data(1002 + 2 * index, b"x"));
    }
    bench.send(acked(1001 + 80));
    bench.wait(SECOND);
    bench.send(acked(1001 + 80));
    let closed = bench.only();
    let at_once = closed.handler.gaps.iter().filter(|gap| gap.3 == GapReason::NotCaptured).count();
    assert_eq!(at_once, 40);
    assert_eq!(closed.halves[0].missing, 40);
}

#[test]
fn a_retransmission_that_fills_an_old_hole_is_taken_though_its_ack_was_recorded_first() {
    let mut bench = Bench::open();
    bench.send(data(1004, b"def"));
    bench.wait(SECOND);
    bench.send(acked(1007));
    bench.send(data(1001, b"abc"));
    assert_eq!(bench.told(), [">data 0 abc", ">data 3 def"]);
}

#[test]
fn a_hole_that_nobody_acknowledged_is_lost_at_the_end() {
    let mut bench = Bench::open();
    bench.send(data(1004, b"def"));
    for _ in 0..40 {
        bench.send(acked(1001));
    }
    let closed = bench.only();
    assert_eq!(closed.handler.told[3..], [">gap 0+3 Lost", ">data 3 def"]);
}

#[test]
fn a_probe_of_an_idle_connection_is_a_keep_alive() {
    for garbage in [&b""[..], b"\0"] {
        let mut bench = Bench::open();
        bench.send(data(1001, b"abc"));
        bench.send(acked(1004));
        for _ in 0..2 {
            bench.wait(30 * SECOND);
            bench.send(packet(CLIENT, ACK, 1003, 5001).with(garbage));
        }
        bench.send(acked(1004));
        bench.wait(30 * SECOND);
        bench.send(packet(CLIENT, ACK, 1003, 5001).with(garbage));
        let closed = bench.only();
        let told = [">data 0 abc", ">keep-alive 1", ">keep-alive 2", "<answered", ">keep-alive 1"];
        assert_eq!(closed.handler.told[3..], told);
        assert_eq!((closed.halves[0].keep_alives, closed.halves[0].retransmissions), (3, 0));
    }
}

#[test]
fn a_connection_without_data_is_probed_too() {
    let mut bench = Bench::open();
    bench.wait(30 * SECOND);
    bench.send(packet(SERVER, ACK, 5000, 1001).with(b"\0"));
    assert_eq!(bench.told(), ["<keep-alive 1"]);
}

#[test]
fn the_last_byte_sent_again_before_it_was_acknowledged_is_no_keep_alive() {
    let mut bench = Bench::open();
    bench.send(data(1001, b"a"));
    bench.wait(SECOND);
    bench.send(data(1001, b"a"));
    assert_eq!(bench.told(), [">data 0 a", ">again 0+1 x1"]);
}

#[test]
fn keep_alives_are_known_in_the_middle_of_a_connection() {
    // With a byte of garbage, which is not the stream's.
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, ACK, 1003, 5001).with(b"\0"));
    bench.send(acked(1004));
    bench.wait(30 * SECOND);
    bench.send(packet(CLIENT, ACK, 1003, 5001).with(b"\0"));
    bench.send(data(1004, b"abc"));
    let told = [">keep-alive 1", "<answered", ">keep-alive 1", ">data 0 abc"];
    assert_eq!(bench.only().handler.told, told);

    // Without: the other side's answer has told what it expects.
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, ACK, 1003, 5001));
    bench.send(acked(1004));
    bench.wait(30 * SECOND);
    bench.send(packet(CLIENT, ACK, 1003, 5001));
    bench.send(data(1004, b"abc"));
    assert_eq!(bench.only().handler.told, [">keep-alive 1", ">data 0 abc"]);
}

#[test]
fn a_closed_window_is_told_and_its_probes_are_no_keep_alives() {
    let mut bench = Bench::open();
    bench.send(data(1001, b"abc"));
    for _ in 0..2 {
        bench.send(Packet { window: 0, ..acked(1004) });
    }
    bench.wait(SECOND);
    bench.send(packet(CLIENT, ACK, 1003, 5001));
    bench.send(data(1004, b"d"));
    bench.send(Packet { window: 0, ..acked(1004) });
    bench.wait(SECOND);
    bench.send(data(1004, b"d"));
    bench.send(acked(1004));
    bench.send(data(1004, b"def"));
    bench.send(Packet { window: 0, ..acked(1007) });
    let closed = bench.only();
    let told = [">data 0 abc", "<zero window", ">data 3 d", ">data 4 ef", "<zero window"];
    assert_eq!(closed.handler.told[3..], told);
    assert_eq!((closed.halves[1].zero_windows, closed.halves[0].keep_alives), (2, 0));
}

#[test]
fn the_largest_segment_that_got_through_is_known() {
    let mut bench = Bench::open();
    bench.send(data(1001, &[b'a'; 100]));
    bench.send(acked(1101));
    bench.send(data(1101, &[b'b'; 300]));
    let half = bench.only().halves[0];
    assert_eq!((half.largest_segment, half.largest_acknowledged, half.unacknowledged), (300, 100, 300));
}

#[test]
fn an_answer_waits_for_its_question() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5004, 1007).with(b"!!!"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1007).with(b"yes"));
    bench.send(data(1001, b"really"));
    assert_eq!(bench.told(), [">data 0 really", "<data 0 yes", "<data 3 !!!"]);
}

#[test]
fn a_conversation_recorded_backwards_is_told_forwards() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5004, 1007).with(b"end"));
    bench.send(packet(CLIENT, PSH_ACK, 1004, 5004).with(b"two"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1004).with(b"one"));
    bench.send(data(1001, b"out"));
    assert_eq!(bench.told(), [">data 0 out", "<data 0 one", ">data 3 two", "<data 3 end"]);
}

#[test]
fn an_answer_does_not_wait_for_a_side_that_is_not_recorded() {
    let mut bench = Bench::new();
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1048).with(b"yes"));
    bench.send(packet(SERVER, PSH_ACK, 5004, 1090).with(b"no"));
    assert_eq!(bench.only().handler.told[1..3], ["<data 0 yes", "<data 3 no"]);
}

#[test]
fn an_answer_waits_no_longer_than_for_bytes_that_were_not_captured() {
    // Given up after some time, or when the capture ends.
    for later in [true, false] {
        let mut bench = Bench::open();
        bench.send(packet(SERVER, PSH_ACK, 5001, 1007).with(b"yes"));
        if later {
            bench.wait(SECOND / 2);
            bench.send(packet(CLIENT, ACK, 1007, 5004));
            bench.send(data(1001, b"really"));
        }
        let told = bench.told();
        assert_eq!(told[..2], [">gap 0+6 NotCaptured", "<data 0 yes"]);
    }
}

#[test]
fn an_answer_told_after_a_rst_came_before_it() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5001, 1007).with(b"no"));
    bench.send(packet(SERVER, RST_ACK, 5003, 1007));
    let rst = bench.frame;
    bench.send(data(1001, b"really"));
    let closed = bench.only();
    assert_eq!(closed.handler.told[3..], ["<RST", ">data 0 really", "<data 0 no"]);
    assert_eq!(closed.handler.frames[1], rst - 1);
}

#[test]
fn answers_that_fill_the_buffer_wait_no_more() {
    let mut bench = Bench::limited(Limits { out_of_order_bytes: 4, ..Limits::default() });
    bench.handshake(50_000, 1000, 5000);
    bench.send(packet(SERVER, PSH_ACK, 5001, 1007).with(b"yes"));
    bench.send(packet(SERVER, PSH_ACK, 5004, 1007).with(b"no"));
    assert_eq!(bench.told()[..2], ["<data 0 yes", ">gap 0+6 NotCaptured"]);
}
