//! Of two hosts that are honest nothing is disputed, whatever the capture did to the order and the number of their packets.

use proptest::prelude::*;

use super::*;

/// Places by which a capture puts packets out of order, at most.
const SHIFT: usize = 6;

/// What a host does next.
#[derive(Debug, Clone)]
enum Act {
    Say {
        len: usize,
    },
    Acknowledge,
    /// The last segment that it sent, with what it acknowledges now.
    SayAgain,
    /// After a silence, with a byte of garbage or none.
    Probe {
        garbage: bool,
    },
    Close,
    Reset {
        ack: bool,
    },
}

/// What becomes of a packet in the capture.
#[derive(Debug, Clone)]
struct Fate {
    shift: usize,
    lost: bool,
    twice: bool,
}

#[derive(Debug, Clone)]
struct Turn {
    server: bool,
    act: Act,
    /// Of what is on its way it has taken so much, in quarters.
    taken: u32,
    fate: Fate,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let act = prop_oneof![
        8 => (1..300_usize).prop_map(|len| Act::Say { len }),
        6 => Just(Act::Acknowledge),
        3 => Just(Act::SayAgain),
        2 => any::<bool>().prop_map(|garbage| Act::Probe { garbage }),
        1 => Just(Act::Close),
        1 => any::<bool>().prop_map(|ack| Act::Reset { ack }),
    ];
    let fate = (0..=SHIFT, prop::bool::weighted(0.15), prop::bool::weighted(0.15));
    let fate = fate.prop_map(|(shift, lost, twice)| Fate { shift, lost, twice });
    let turn = (any::<bool>(), act, 0..=4_u32, fate);
    let turn = turn.prop_map(|(server, act, taken, fate)| Turn { server, act, taken, fate });
    prop::collection::vec(turn, 1..60)
}

/// One end, by its own account; offsets count from the byte behind its SYN.
#[derive(Debug, Clone, Copy, Default)]
struct Host {
    sent: u32,
    /// What it has taken of the other's.
    taken: u32,
    /// Where its last segment with payload begins.
    last: Option<u32>,
    closed: bool,
    reset: bool,
}

/// A packet on the wire.
struct Step {
    /// Packets are put out of order between two silences only.
    silence: usize,
    place: usize,
    packet: Packet,
    twice: bool,
}

fn byte(offset: u32) -> u8 {
    (offset * 37 % 251) as u8
}

fn bytes(from: u32, to: u32) -> Vec<u8> {
    (from..to).map(byte).collect()
}

/// What the two hosts send, as it is recorded.
fn script(turns: &[Turn]) -> Vec<Step> {
    let (mut hosts, mut silence, mut steps) = ([Host::default(); 2], 0, Vec::new());
    for (place, turn) in turns.iter().enumerate() {
        let dir = if turn.server { SERVER } else { CLIENT };
        let other = hosts[dir.other().index()];
        let host = &mut hosts[dir.index()];
        if host.reset || other.reset {
            break;
        }
        let on_its_way = other.sent + u32::from(other.closed) - host.taken;
        let all = matches!(turn.act, Act::Probe { .. });
        host.taken += if all { on_its_way } else { on_its_way * turn.taken / 4 };
        let (own, others) = if turn.server { (5001, 1001) } else { (1001, 5001) };
        let (next, ack) = (own + host.sent + u32::from(host.closed), others + host.taken);
        let packet = match turn.act {
            Act::Say { len } if !host.closed => {
                let end = host.sent + u32::try_from(len).unwrap();
                let payload = bytes(host.sent, end);
                host.last = Some(host.sent);
                host.sent = end;
                packet(dir, PSH_ACK, next, ack).with(&payload)
            }
            Act::SayAgain if host.last.is_some() => {
                let last = host.last.unwrap();
                let flags = if host.closed { FIN_ACK } else { PSH_ACK };
                packet(dir, flags, own + last, ack).with(&bytes(last, host.sent))
            }
            Act::Probe { garbage } => {
                // Nothing is outstanding then, of either.
                let end = host.sent + u32::from(host.closed);
                host.last = None;
                let other = &mut hosts[dir.other().index()];
                (other.taken, other.last) = (end, None);
                silence += 1;
                let payload: &[u8] = if garbage { b"\xFF" } else { b"" };
                packet(dir, ACK, next - 1, ack).with(payload)
            }
            Act::Close if !host.closed => {
                host.closed = true;
                packet(dir, FIN_ACK, next, ack)
            }
            Act::Reset { ack: acknowledges } => {
                host.reset = true;
                packet(
                    dir,
                    if acknowledges { RST_ACK } else { RST },
                    next,
                    if acknowledges { ack } else { 0 },
                )
            }
            _ => packet(dir, ACK, next, ack),
        };
        if !turn.fate.lost {
            steps.push(Step { silence, place: place + turn.fate.shift, packet, twice: turn.fate.twice });
        }
    }
    steps.sort_by_key(|step| (step.silence, step.place));
    steps
}

fn run(mut bench: Bench, steps: Vec<Step>) -> Vec<Closed<Recorder>> {
    let mut silence = 0;
    for step in steps {
        if step.silence > silence {
            silence = step.silence;
            bench.wait(30 * SECOND);
        }
        if step.twice { bench.send_twice(step.packet) } else { bench.send(step.packet) }
    }
    bench.finish()
}

#[test]
fn a_packet_that_is_recorded_before_an_earlier_one_is_not_disowned() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, PSH_ACK, 1001, 5001).with(b"pre"));
    bench.send(packet(CLIENT, PSH_ACK, 1004, 5001).with(b"login"));
    bench.send(packet(SERVER, PSH_ACK, 5006, 1009).with(b"second"));
    bench.send(packet(SERVER, PSH_ACK, 5001, 1001).with(b"first"));
    bench.send(packet(SERVER, ACK, 5006, 1004));
    assert_eq!(bench.told(), [">data 0 pre", ">data 3 login", "<data 0 first", "<data 5 second"]);
}

#[test]
fn the_garbage_of_a_probe_differs_from_no_byte() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, PSH_ACK, 1004, 5001).with(b"login"));
    bench.wait(30 * SECOND);
    bench.send(packet(CLIENT, ACK, 1008, 5001).with(b"\0"));
    bench.send(packet(SERVER, ACK, 5001, 1009));
    let told = bench.told();
    assert!(!told.iter().any(|told| told.contains("conflict")), "{told:?}");
    assert_eq!(told.last().unwrap(), ">data 3 login");
}

#[test]
fn who_has_closed_may_probe_with_garbage() {
    let mut bench = Bench::open();
    bench.send(packet(CLIENT, FIN_ACK, 1001, 5001));
    bench.send(packet(SERVER, ACK, 5001, 1002));
    bench.wait(30 * SECOND);
    bench.send(packet(CLIENT, ACK, 1001, 5001).with(b"\0"));
    assert_eq!(bench.told(), [">FIN", ">keep-alive 1"]);
}

#[test]
fn a_fin_sent_again_after_what_was_not_captured_is_no_forgery() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, ACK, 5001, 1102));
    bench.wait(SECOND);
    bench.send(packet(SERVER, PSH_ACK, 5001, 1102).with(b"bye"));
    bench.send(packet(CLIENT, FIN_ACK, 1101, 5001));
    let told = bench.told();
    assert_eq!(told, [">gap 0+101 NotCaptured", "<data 0 bye", ">FIN"]);
}

#[test]
fn a_fin_that_comes_before_its_hole_is_given_up_is_no_part_of_it() {
    let mut bench = Bench::open();
    bench.send(packet(SERVER, ACK, 5001, 1102));
    bench.send(packet(CLIENT, FIN_ACK, 1101, 5001));
    bench.wait(SECOND);
    bench.send(packet(SERVER, PSH_ACK, 5001, 1102).with(b"bye"));
    assert_eq!(bench.told()[..2], [">gap 0+100 NotCaptured", ">FIN"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn of_honest_hosts_nothing_is_disputed(turns in turns(), handshake in 0..3_u8, silent in prop::bool::weighted(0.2)) {
        let mut steps = script(&turns);
        steps.retain(|step| !silent || step.packet.from == CLIENT);
        let mut bench = Bench::new();
        match handshake {
            0 => bench.handshake(50_000, 1000, 5000),
            1 => bench.send(packet(SERVER, SYN_ACK, 5000, 1001)),
            _ => {}
        }
        for closed in run(bench, steps) {
            let told = &closed.handler.told;
            let disputed = told.iter().any(|told| told.ends_with("stray") || told.contains("conflict"));
            prop_assert!(!disputed, "{told:?}");
        }
    }

    /// But for what a RST shows that its sender has not taken. What is recorded after its gap was told is no news.
    #[test]
    fn of_honest_hosts_nothing_is_left_out(mut turns in turns()) {
        turns.retain(|turn| !matches!(turn.act, Act::Probe { garbage: true } | Act::Reset { ack: true }));
        let steps = script(&turns);
        let mut ends = [0; 2];
        for Step { packet, .. } in steps.iter().filter(|step| !step.packet.payload.is_empty()) {
            let first = if packet.from == SERVER { 5001 } else { 1001 };
            let end = packet.seq + u32::try_from(packet.payload.len()).unwrap() - first;
            let known = &mut ends[packet.from.index()];
            *known = end.max(*known);
        }
        let closed = run(Bench::open(), steps).remove(0);
        for (dir, end) in [CLIENT, SERVER].into_iter().zip(ends) {
            let mut told = 0;
            for (_, offset, data) in closed.handler.data.iter().filter(|data| data.0 == dir) {
                let start = u32::try_from(*offset).unwrap();
                let stop = start + u32::try_from(data.len()).unwrap();
                prop_assert_eq!(data, &bytes(start, stop));
                told = told.max(stop);
            }
            let gaps = closed.handler.gaps.iter().filter(|gap| gap.0 == dir);
            let told = gaps.map(|gap| u32::try_from(gap.1 + gap.2).unwrap()).fold(told, u32::max);
            prop_assert!(told >= end, "{told} of {end}: {:?}", closed.handler.told);
        }
    }
}
