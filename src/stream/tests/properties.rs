//! Any stream, cut and ordered in any way, comes out as it went in; what is missing is named.

use proptest::prelude::*;

use super::*;

/// One segment of the stream under test.
#[derive(Debug, Clone)]
struct Piece {
    len: usize,
    /// Places by which the capture may put it behind its successors.
    shift: usize,
    recorded_twice: bool,
    sent_again: bool,
    lost: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    isn: u32,
    pieces: Vec<Piece>,
    /// The SYNs are in the capture.
    begins: bool,
    /// The other side's acknowledgments are in the capture.
    acked: bool,
    /// The host numbers its IP packets.
    numbered: bool,
}

/// Places by which packets are put out of order, at most.
const SHIFT: usize = 6;

fn pieces(loss: bool) -> impl Strategy<Value = Vec<Piece>> {
    let lost = if loss { prop::bool::weighted(0.2).boxed() } else { Just(false).boxed() };
    let len = prop_oneof![3 => 1..8_usize, 2 => 8..400_usize];
    let piece = (len, 0..=SHIFT, prop::bool::weighted(0.2), prop::bool::weighted(0.2), lost);
    let piece = piece.prop_map(|(len, shift, recorded_twice, sent_again, lost)| Piece {
        len,
        shift,
        recorded_twice,
        sent_again: sent_again && !lost,
        lost,
    });
    prop::collection::vec(piece, 1..40)
}

fn plan(loss: bool) -> impl Strategy<Value = Plan> {
    let isn = prop_oneof![any::<u32>(), (u32::MAX - 3000)..=u32::MAX];
    (isn, pieces(loss), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(isn, pieces, begins, acked, numbered)| Plan { isn, pieces, begins, acked, numbered })
}

fn stream(len: usize) -> Vec<u8> {
    // No byte equals its neighbours, nor those a short way off: a shifted copy cannot pass for the stream.
    (0..len).map(|index| (index * 37 % 251) as u8).collect()
}

enum Step {
    Once(Packet),
    /// Recorded twice.
    Twice(Packet),
    /// After a retransmission timer.
    Later(Packet),
}

/// The packets in the order of the capture, with the number of repeats and of double records among them.
fn script(plan: &Plan, bytes: &[u8]) -> (Vec<Step>, u64, u64) {
    let mut steps: Vec<(usize, Step)> = Vec::new();
    let mut again: Vec<(usize, Step)> = Vec::new();
    let (mut offset, mut place, mut duplicates) = (0, 0, 0);
    for (index, piece) in plan.pieces.iter().enumerate() {
        let seq = plan.isn.wrapping_add(1 + u32::try_from(offset).unwrap());
        let id = (!plan.numbered).then_some(0);
        let data =
            Packet { id, ..packet(CLIENT, PSH_ACK, seq, 5001).with(&bytes[offset..offset + piece.len]) };
        offset += piece.len;
        // Where no SYN is seen, the first segment says where the stream begins.
        let shift = if index == 0 && !plan.begins { 0 } else { piece.shift };
        if !piece.lost {
            // One byte below an idle connection's next is a keep-alive by definition.
            if piece.sent_again && piece.len > 1 {
                again.push((place + 3 * SHIFT, Step::Later(data.clone())));
            }
            duplicates += u64::from(piece.recorded_twice);
            let step = if piece.recorded_twice { Step::Twice(data) } else { Step::Once(data) };
            steps.push((place + shift, step));
        }
        place += 1;
        if plan.acked {
            let ack = plan.isn.wrapping_add(1 + u32::try_from(offset).unwrap());
            steps.push((place + piece.shift / 2, Step::Once(packet(SERVER, ACK, 5001, ack))));
            place += 1;
        }
    }
    let repeats = again.len() as u64;
    let end = plan.isn.wrapping_add(1 + u32::try_from(offset).unwrap());
    steps.push((place + 5 * SHIFT, Step::Once(packet(CLIENT, FIN_ACK, end, 5001))));
    steps.extend(again);
    steps.sort_by_key(|(place, _)| *place);
    (steps.into_iter().map(|(_, step)| step).collect(), repeats, duplicates)
}

fn run(plan: &Plan, steps: Vec<Step>) -> Closed<Recorder> {
    let mut bench = Bench::new();
    if plan.begins {
        bench.handshake(50_000, plan.isn, 5000);
    }
    for step in steps {
        match step {
            Step::Once(packet) => bench.send(packet),
            Step::Twice(packet) => bench.send_twice(packet),
            Step::Later(packet) => {
                bench.wait(10 * MILLISECOND);
                bench.send(packet);
            }
        }
    }
    bench.only()
}

/// The stretches that are missing, neighbours joined.
fn joined(gaps: impl IntoIterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = Vec::new();
    for (offset, len) in gaps {
        match all.last_mut() {
            Some((start, before)) if *start + *before == offset => *before += len,
            _ => all.push((offset, len)),
        }
    }
    all
}

/// Data and gaps, in the order told, follow each other without a break; data equals the stream.
fn check_order(closed: &Closed<Recorder>, bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut next = 0;
    let (mut data, mut gaps) = (closed.handler.data.iter(), closed.handler.gaps.iter());
    for told in
        closed.handler.told.iter().filter(|told| told.starts_with(">data") || told.starts_with(">gap"))
    {
        let (offset, len) = if told.starts_with(">data") {
            let (_, offset, held) = data.next().unwrap();
            let start = usize::try_from(*offset).unwrap();
            prop_assert_eq!(held.as_slice(), &bytes[start..start + held.len()]);
            (*offset, held.len() as u64)
        } else {
            let (_, offset, len, _) = gaps.next().unwrap();
            (*offset, *len)
        };
        prop_assert_eq!(offset, next, "in {:?}", closed.handler.told);
        next += len;
    }
    prop_assert_eq!(next, bytes.len() as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_stream_comes_out_as_it_went_in(plan in plan(false)) {
        let bytes = stream(plan.pieces.iter().map(|piece| piece.len).sum());
        let (steps, repeats, duplicates) = script(&plan, &bytes);
        let closed = run(&plan, steps);
        prop_assert!(closed.handler.gaps.is_empty(), "{:?}", closed.handler.told);
        check_order(&closed, &bytes)?;
        let half = closed.halves[0];
        prop_assert_eq!(half.bytes, bytes.len() as u64);
        prop_assert_eq!(half.duplicates, duplicates);
        prop_assert_eq!(half.retransmissions, repeats);
        prop_assert_eq!(half.missing, 0);
        prop_assert_eq!(closed.handler.told.last().map(String::as_str), Some(">FIN"));
    }

    #[test]
    fn what_is_missing_is_named(mut plan in plan(true)) {
        if !plan.begins {
            plan.pieces[0].lost = false;
        }
        let bytes = stream(plan.pieces.iter().map(|piece| piece.len).sum());
        let (steps, _, _) = script(&plan, &bytes);
        let closed = run(&plan, steps);
        check_order(&closed, &bytes)?;
        let mut offset = 0;
        let lost = plan.pieces.iter().filter_map(|piece| {
            let start = offset;
            offset += piece.len as u64;
            piece.lost.then_some((start, piece.len as u64))
        });
        let lost = joined(lost);
        let gaps = joined(closed.handler.gaps.iter().map(|(_, offset, len, _)| (*offset, *len)));
        prop_assert_eq!(&gaps, &lost, "{:?}", closed.handler.told);
        let reason = if plan.acked { GapReason::NotCaptured } else { GapReason::Lost };
        prop_assert!(closed.handler.gaps.iter().all(|gap| gap.3 == reason));
        prop_assert_eq!(closed.halves[0].missing, lost.iter().map(|(_, len)| len).sum::<u64>());
    }

    #[test]
    fn of_any_overlaps_the_first_bytes_are_kept(
        isn in any::<u32>(),
        pieces in prop::collection::vec((0..120_usize, 1..40_usize, any::<u8>()), 1..60),
    ) {
        let mut first = [None; 160];
        let mut conflict = false;
        let mut bench = Bench::new();
        bench.handshake(50_000, isn, 5000);
        for (start, len, fill) in pieces {
            let seq = isn.wrapping_add(1 + u32::try_from(start).unwrap());
            bench.send(packet(CLIENT, PSH_ACK, seq, 5001).with(&vec![fill; len]));
            for slot in &mut first[start..start + len] {
                conflict |= slot.is_some_and(|byte| byte != fill);
                slot.get_or_insert(fill);
            }
        }
        let closed = bench.only();
        for (_, offset, bytes) in &closed.handler.data {
            let start = usize::try_from(*offset).unwrap();
            let expected: Vec<u8> = first[start..start + bytes.len()].iter().map(|byte| byte.unwrap()).collect();
            prop_assert_eq!(bytes, &expected);
        }
        let delivered: usize = closed.handler.data.iter().map(|(_, _, bytes)| bytes.len()).sum();
        prop_assert_eq!(delivered, first.iter().flatten().count());
        let flagged = closed.handler.told.iter().any(|told| told.starts_with(">conflict"));
        prop_assert!(conflict || !flagged, "a conflict without one");
    }

    #[test]
    fn no_sequence_of_segments_breaks_the_table(
        packets in prop::collection::vec(
            (any::<bool>(), any::<u8>(), any::<u32>(), any::<u32>(), 0..300_usize, 0..3000_u32, 0..3_i64), 1..60),
    ) {
        let mut bench = Bench::limited(Limits { out_of_order_segments: 4, out_of_order_bytes: 500, ..Limits::default() });
        for (client, flags, seq, ack, len, cut, wait) in packets {
            let from = if client { CLIENT } else { SERVER };
            // Numbers near each other and near the wrap, now and then anywhere.
            let near = |number: u32| if number.is_multiple_of(8) { number } else { (number % 4000).wrapping_sub(2000) };
            bench.wait(wait * 400 * MILLISECOND);
            let sent = packet(from, TcpFlags(flags), near(seq), near(ack)).with(&vec![1; len]);
            bench.send(Packet { cut, window: u16::try_from(cut).unwrap(), ..sent });
        }
        for closed in bench.finish() {
            for dir in [CLIENT, SERVER] {
                let mut stretches: Vec<(u64, u64)> = Vec::new();
                stretches.extend(closed.handler.data.iter().filter(|data| data.0 == dir).map(|data| (data.1, data.2.len() as u64)));
                stretches.extend(closed.handler.gaps.iter().filter(|gap| gap.0 == dir).map(|gap| (gap.1, gap.2)));
                stretches.sort_unstable();
                let mut next = 0;
                for (offset, len) in stretches {
                    prop_assert_eq!(offset, next);
                    next = offset + len;
                }
            }
        }
    }
}
