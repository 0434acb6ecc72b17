use proptest::prelude::*;

use super::{message, record};
use crate::tls::{HandshakeType, PartialMessage, RecordReader, starts_like_record};

fn events(chunks: &[&[u8]]) -> Vec<String> {
    let mut reader = RecordReader::default();
    let mut seen = Vec::new();
    for chunk in chunks {
        reader.push(chunk, &mut |event| seen.push(format!("{event:?}")));
    }
    seen
}

fn flight() -> Vec<u8> {
    let messages = [message(2, &[1; 40]), message(11, &[2; 300]), message(14, &[])].concat();
    let (a, b) = messages.split_at(100);
    let (b, c) = b.split_at(3);
    [
        record(22, a),
        record(22, b),
        record(22, c),
        record(20, &[1]),
        record(22, &[9; 40]),
        record(23, &[7; 500]),
    ]
    .concat()
}

#[test]
fn messages_span_and_share_records() {
    let seen = events(&[&flight()]);
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(seen[0].contains("HandshakeType(2)"));
    assert!(seen[1].contains("HandshakeType(11)"));
    assert!(seen[2].contains("HandshakeType(14)"));
    assert_eq!(seen[3], "ChangeCipherSpec");
    assert_eq!(seen[4], "EncryptedHandshake { len: 40 }");
    assert_eq!(seen[5], "ApplicationData { len: 500 }");
}

#[test]
fn split_at_every_byte_the_events_are_the_same() {
    let flight =
        [flight(), record(21, &[1, 0]), record(24, &[1, 0, 1]), record(22, &[]), record(23, &[])].concat();
    let expected = events(&[&flight]);
    assert_eq!(expected.len(), 9);
    for cut in 0..=flight.len() {
        let (before, after) = flight.split_at(cut);
        assert_eq!(events(&[before, after]), expected, "split at {cut}");
    }
    let bytes: Vec<&[u8]> = flight.chunks(1).collect();
    assert_eq!(events(&bytes), expected);
}

#[test]
fn zero_length_records_carry_nothing() {
    let hello = message(2, &[1; 40]);
    let bytes = [record(22, &hello[..9]), record(22, &[]), record(24, &[]), record(22, &hello[9..])].concat();
    assert!(matches!(&events(&[&bytes])[..], [only] if only.contains("HandshakeType(2)")));
    let empty = events(&[&[record(23, &[]), record(20, &[]), record(22, &[]), record(21, &[])].concat()]);
    assert_eq!(
        empty[..3],
        ["ApplicationData { len: 0 }", "ChangeCipherSpec", "EncryptedHandshake { len: 0 }"]
    );
    assert!(empty[3].contains("alert of less than two bytes"));
}

#[test]
fn second_hellos_after_change_cipher_spec_are_in_clear() {
    // A client's, and the server's after its HelloRetryRequest.
    for kind in [1, 2] {
        let bytes = [record(20, &[1]), record(22, &message(kind, &[5; 60])), record(23, &[7; 30])].concat();
        let seen = events(&[&bytes]);
        assert!(seen[1].contains(&format!("HandshakeType({kind})")), "{seen:?}");
        assert_eq!(seen[2], "ApplicationData { len: 30 }");
    }
    let other =
        [record(20, &[1]), record(22, &message(20, &[5; 12])), record(22, &message(1, &[5; 60])[..63])]
            .concat();
    assert_eq!(events(&[&other])[1..], ["EncryptedHandshake { len: 16 }", "EncryptedHandshake { len: 63 }"]);
}

#[test]
fn alerts_in_clear_and_encrypted() {
    assert!(events(&[&record(21, &[2, 40])])[0].contains("AlertDescription(40)"));
    assert_eq!(events(&[&record(21, &[9; 26])])[0], "EncryptedAlert { len: 26 }");
    let after = [record(20, &[1]), record(21, &[2, 20])].concat();
    assert!(events(&[&after])[1].contains("AlertDescription(20)"));
    // Two bytes are never encrypted, whatever they say.
    assert!(events(&[&record(21, &[9, 200])])[0].contains("AlertLevel(9)"));
    let short = events(&[&[record(21, &[2]), record(21, &[2, 40])].concat()]);
    assert!(short[0].contains("Malformed") && short[1].contains("AlertDescription(40)"));
}

#[test]
fn an_alert_in_the_middle_of_a_message_does_not_mix_with_it() {
    let hello = message(11, &[1; 90]);
    let bytes = [record(22, &hello[..50]), record(21, &[1, 112]), record(22, &hello[50..])].concat();
    let seen = events(&[&bytes]);
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].contains("AlertDescription(112)") && seen[1].contains("HandshakeType(11)"));
    // What was seen of the message can still be had after the alert, and while one is on its way.
    let body = |seen: usize| {
        let mut reader = RecordReader::default();
        reader.push(&bytes[..seen], &mut |_| {});
        reader.partial().map(|partial| (partial.declared_len, partial.body.len()))
    };
    assert_eq!([55, 61, 62, 67, 68].map(body), [46, 46, 46, 46, 47].map(|len| Some((90, len))));
}

#[test]
fn bytes_that_are_no_tls_end_it() {
    let seen = events(&[b"HTTP/1.1 200 OK\r\n", &record(21, &[2, 40])]);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains("Malformed"));
    assert!(events(&[&[22, 3, 3, 0xFF, 0xFF]])[0].contains("record length"));
    // 2^14 + 2048 is the largest fragment.
    assert!(events(&[&[22, 3, 3, 0x48, 0x00]]).is_empty());
    assert!(events(&[&[22, 3, 3, 0x48, 0x01]])[0].contains("record length"));
    // A ClientHello in SSLv2 format is no record.
    assert!(events(&[&[0x80, 46, 1, 3, 1, 0, 21]])[0].contains("record header"));
    // Each of the first three bytes can say so alone.
    for header in [&[19][..], &[25], &[22, 2], &[22, 3, 5]] {
        assert!(!starts_like_record(header) && events(&[header])[0].contains("record header"));
    }
    assert!(starts_like_record(&[]) && starts_like_record(&[24, 3, 4, 0xFF]));
}

#[test]
fn a_gap_inside_a_record_is_stepped_over() {
    let mut reader = RecordReader::default();
    let mut seen = Vec::new();
    let bytes = record(22, &message(2, &[1; 200]));
    reader.push(&bytes[..60], &mut |event| seen.push(format!("{event:?}")));
    let partial = PartialMessage { kind: HandshakeType::SERVER_HELLO, declared_len: 200, body: &[1; 51] };
    assert_eq!(reader.partial(), Some(partial));
    reader.gap(bytes.len() as u64 - 60);
    assert!(reader.at_boundary() && !reader.is_dead());
    reader.push(&record(21, &[2, 80]), &mut |event| seen.push(format!("{event:?}")));
    assert_eq!(seen.len(), 1);
    reader.gap(1);
    assert!(reader.is_dead());
}

/// Events of `bytes` when those from `from` to `to` never came.
fn with_gap(bytes: &[u8], from: usize, to: usize) -> Vec<String> {
    let mut reader = RecordReader::default();
    let mut seen = Vec::new();
    reader.push(&bytes[..from], &mut |event| seen.push(format!("{event:?}")));
    reader.gap((to - from) as u64);
    reader.push(&bytes[to..], &mut |event| seen.push(format!("{event:?}")));
    seen
}

#[test]
fn a_gap_inside_a_message_loses_that_message_only() {
    // ServerHello at 5, Certificate at 49, ServerHelloDone at 353, in one record; then another.
    let messages = [message(2, &[1; 40]), message(11, &[2; 300]), message(14, &[])].concat();
    let bytes = [record(22, &messages), record(22, &message(4, &[3; 20])), record(20, &[1])].concat();
    for (from, to) in [(60, 61), (60, 353), (53, 353), (200, 300)] {
        let seen = with_gap(&bytes, from, to);
        assert_eq!(seen.len(), 4, "{from} to {to}: {seen:?}");
        assert!(seen[0].contains("HandshakeType(2)") && seen[1].contains("HandshakeType(14)"));
        assert!(seen[2].contains("HandshakeType(4)") && seen[3] == "ChangeCipherSpec");
    }
    // A message that spans records: the gap is in the first of them.
    let (a, b) = messages.split_at(100);
    let spanning = [record(22, a), record(22, b)].concat();
    let seen = with_gap(&spanning, 70, 90);
    assert!(matches!(&seen[..], [first, last] if first.contains("(2)") && last.contains("(14)")), "{seen:?}");
}

#[test]
fn a_gap_over_the_boundary_of_messages_ends_reading_them() {
    let messages = [message(2, &[1; 40]), message(11, &[2; 300]), message(14, &[])].concat();
    let (a, b) = messages.split_at(200);
    let rest = [record(22, b), record(21, &[1, 112]), record(20, &[1]), record(22, &[9; 40])].concat();
    let bytes = [record(22, a), rest].concat();
    // Inside the ServerHello and beyond it; the Certificate's header; exactly between the two.
    for (from, to) in [(30, 60), (50, 100), (49, 60)] {
        let seen = with_gap(&bytes, from, to);
        let messages = seen.iter().filter(|event| event.starts_with("Handshake")).count();
        assert_eq!(messages, usize::from(from >= 49), "{from} to {to}: {seen:?}");
        let (_, after) = seen.split_at(messages);
        assert!(after[0].contains("AlertDescription(112)"));
        assert_eq!(after[1..], ["ChangeCipherSpec", "EncryptedHandshake { len: 40 }"]);
    }
}

#[test]
fn gaps_in_other_records_do_no_harm() {
    // The one byte of ChangeCipherSpec: its header has said it.
    let bytes = [record(20, &[1]), record(22, &[9; 40]), record(23, &[7; 50]), record(21, &[2, 40])].concat();
    let expected = events(&[&bytes]);
    assert_eq!(with_gap(&bytes, 5, 6), expected);
    assert_eq!(with_gap(&bytes, 60, 70), expected);
    let handshake = with_gap(&bytes, 20, 30);
    assert_eq!((handshake.len(), &handshake[1..]), (3, &expected[2..]));
    let alert = bytes.len() - 2;
    assert_eq!(with_gap(&bytes, alert, alert + 1).len(), 3);
    // Over a header, or between records, there is no going on.
    for (from, to) in [(3, 4), (5, 7), (6, 7), (50, 120)] {
        let mut reader = RecordReader::default();
        reader.push(&bytes[..from], &mut |_| {});
        reader.gap((to - from) as u64);
        assert!(reader.is_dead() && reader.buffered() == 0, "{from} to {to}");
    }
    let mut untouched = RecordReader::default();
    untouched.gap(0);
    assert!(!untouched.is_dead());
}

#[test]
fn what_is_missing_is_known_at_every_byte() {
    let bytes = record(23, &[7; 50]);
    let mut reader = RecordReader::default();
    for at in 0..bytes.len() {
        let expected = if at == 0 {
            0
        } else if at < 5 {
            5 - at
        } else {
            bytes.len() - at
        };
        assert_eq!((reader.missing(), reader.at_boundary()), (expected, at == 0));
        reader.push(&bytes[at..=at], &mut |_| {});
    }
    assert!(reader.at_boundary());
}

#[test]
fn an_endless_message_is_not_held() {
    let mut reader = RecordReader::default();
    let huge = [&[11, 0xFF, 0xFF, 0xFF][..], &[0; 1000]].concat();
    let mut count = 0;
    reader.push(&record(22, &huge), &mut |_| count += 1);
    for _ in 0..50 {
        reader.push(&record(22, &[0; 16_000]), &mut |_| count += 1);
    }
    assert_eq!(count, 1);
    assert!(reader.buffered() < 20_000);
}

proptest! {
    #[test]
    fn chunks_do_not_matter(cuts in proptest::collection::vec(1_usize..60, 1..200)) {
        let bytes = flight();
        let mut rest = bytes.as_slice();
        let mut chunks = Vec::new();
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            chunks.push(now);
            rest = later;
        }
        chunks.push(rest);
        prop_assert_eq!(events(&chunks), events(&[&bytes]));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400) {
        let (a, b) = bytes.split_at(cut.min(bytes.len()));
        let mut reader = RecordReader::default();
        reader.push(a, &mut |_| {});
        reader.gap(3);
        reader.push(b, &mut |_| {});
        prop_assert!(reader.buffered() < 40_000);
    }
}
