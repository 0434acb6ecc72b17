//! What somebody else sends in the name of one end.

use super::*;

#[test]
fn what_comes_again_with_other_content_is_told_after_delivery_too() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"alert"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"server hello"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"alert"));
    assert_eq!(bench.told(), ["<data 0 alert", "<conflict 0", "<data 5 r hello", "<again 0+5 x1"]);
}

#[test]
fn a_true_repeat_is_no_conflict() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"server"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"server hello"));
    assert_eq!(bench.told(), ["<data 0 server", "<data 6  hello"]);
}

#[test]
fn nothing_of_a_segment_beyond_the_window_counts() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5001 + (1 << 30), 1001).with(b"alert"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001 + (1 << 30)).with(b"alert"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"hello"));
    let closed = bench.only();
    assert_eq!(closed.handler.told[3..], ["<stray", "<stray", "<data 0 hello"]);
    let server = closed.halves[SERVER.index()];
    assert_eq!((server.packets, server.missing, server.bytes), (2, 0, 5));
}

#[test]
fn where_the_capture_lost_more_than_a_window_the_second_packet_is_believed() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5001 + (1 << 20), 1001).with(b"abc"));
    bench.send(packet(SERVER, PSH_ACK, 5004 + (1 << 20), 1001).with(b"def"));
    let told = bench.told();
    assert_eq!(told[0], "<stray");
    assert_eq!(told.last().unwrap(), &format!("<data {} def", (1 << 20) + 3));
}

#[test]
fn a_syn_ack_that_answers_another_syn_is_none() {
    let mut bench = Bench::new();
    bench.send(packet(CLIENT, SYN, 1000, 0));
    bench.send(packet(SERVER, SYN_ACK, 9000, 70_000));
    bench.send(packet(SERVER, SYN_ACK, 5000, 1001));
    bench.send(packet(CLIENT, ACK, 1001, 5001));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"hi"));
    let told = bench.only().handler.told;
    assert_eq!(told, [">SYN 1", "<stray", "<SYN-ACK 1", ">open", "<data 0 hi"]);
}

#[test]
fn an_icmp_error_about_what_was_never_sent_is_not_told() {
    let mut bench = Bench::open();
    let unreachable = IcmpReason::Unreachable { code: 1, v6: false };
    bench.icmp_about(CLIENT, unreachable, 1000 + (1 << 24));
    bench.icmp_about(CLIENT, unreachable, 1000);
    assert_eq!(bench.told().len(), 1);
}

#[test]
fn nothing_comes_behind_a_fin() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"bye"));
    bench.send(packet(SERVER, FIN_ACK, 5004, 1001));
    bench.send(packet(SERVER, PSH_ACK, 5005, 1001).with(b"alert"));
    bench.send(packet(SERVER, PSH_ACK, 5004, 1001).with(b"more"));
    assert_eq!(bench.told()[..4], ["<data 0 bye", "<FIN", "<stray", "<conflict 3"]);
}

#[test]
fn a_host_s_own_number_disowns_what_was_told_beyond_it() {
    let forged = |last: Packet| {
        let mut bench = Bench::open();
        bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"alert"));
        bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"login"));
        bench.send(last);
        bench.told().contains(&"<conflict 0".to_owned())
    };
    assert!(forged(packet(SERVER, ACK, 5001, 1006)));
    // It may have been sent before, and recorded late.
    assert!(!forged(packet(SERVER, ACK, 5001, 1001)));
    assert!(forged(packet(SERVER, FIN_ACK, 5001, 1001)));
    assert!(forged(packet(SERVER, RST, 5001, 0)));
    assert!(!forged(packet(SERVER, ACK, 5006, 1006)));
    assert!(!forged(packet(SERVER, FIN_ACK, 5006, 1001)));
    assert!(!forged(packet(SERVER, RST, 5006, 0)));
}

#[test]
fn a_rst_beyond_the_window_ends_nothing() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, RST, 5001 + (1 << 30), 0));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"hi"));
    let closed = bench.only();
    assert_eq!(closed.handler.told[3..], ["<RST", "<data 0 hi"]);
    assert!(closed.handler.resets[0].out_of_window);
}

#[test]
fn whoever_goes_on_after_a_rst_is_said_to() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, RST, 5001, 0));
    bench.send(packet(SERVER, RST, 5001, 0));
    bench.send(packet(CLIENT, ACK, 1001, 5001));
    assert_eq!(bench.told(), ["<RST", "<RST"]);
    let mut bench = Bench::open();
    bench.send(packet(SERVER, RST, 5001, 0));
    bench.send(packet(SERVER, ACK, 5001, 1001));
    assert_eq!(bench.told(), ["<RST", "<went on"]);
}
