//! One direction taken apart: units in any chunks.

use super::super::lane::{Lane, Unit};
use super::wire::*;

/// What a lane gives, in words.
#[derive(Default)]
pub(super) struct Seen {
    lane: Lane,
    pub(super) units: Vec<String>,
}

impl Seen {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let units = &mut self.units;
        self.lane.take(bytes, &mut |unit| units.push(word(&unit)));
    }

    pub(super) fn gap(&mut self, missing: u64) {
        let units = &mut self.units;
        self.lane.gap(missing, &mut |unit| units.push(word(&unit)));
    }

    pub(super) fn flush(&mut self) {
        let units = &mut self.units;
        self.lane.flush(&mut |unit| units.push(word(&unit)));
    }

    pub(super) fn held(&self) -> usize {
        self.lane.held()
    }
}

fn word(unit: &Unit<'_>) -> String {
    match unit {
        Unit::Message { kind, payload, len, cut } => {
            format!("message {} {}/{len}{}", kind.0, payload.len(), if *cut { " cut" } else { "" })
        }
        Unit::Tls { event, .. } => {
            let event = format!("{event:?}");
            event.split([' ', '(']).next().unwrap_or_default().to_owned()
        }
        Unit::TlsMessageEnd => "end".to_owned(),
        Unit::Smp(header) => format!("smp {}", header.flags),
        Unit::Foreign(bytes) => format!("foreign {}", bytes.len()),
    }
}

fn everything() -> Vec<u8> {
    [
        prelogin(1),
        chunked(PRELOGIN, &record(HANDSHAKE, &server_flight(9000))),
        tds(PRELOGIN, &server_finish()),
        record(DATA, &[0x53; 700]),
        smp(1, b""),
        smp(8, &batch()),
        chunked(BATCH, &[0x16; 9000]),
        record(ALERT, &[0; 26]),
        chunked(RESPONSE, &[0xFD; 20_000]),
    ]
    .concat()
}

const UNITS: [&str; 13] = [
    "message 18 18/18",
    "Handshake",
    "Handshake",
    "Handshake",
    "end",
    "ChangeCipherSpec",
    "EncryptedHandshake",
    "end",
    "ApplicationData",
    "smp 1",
    "smp 8",
    "message 1 0/9000",
    "EncryptedAlert",
];

#[test]
fn chunks_of_any_size_give_the_same_units() {
    let bytes = everything();
    for size in [1, 2, 5, 8, 9, 100, 4096, 4097, bytes.len()] {
        let mut seen = Seen::default();
        for chunk in bytes.chunks(size) {
            seen.take(chunk);
        }
        assert_eq!(seen.units[..13], UNITS, "chunks of {size}");
        assert_eq!(seen.units[13..], ["message 4 16384/20000"]);
    }
}

#[test]
fn the_second_packet_of_a_clear_message_is_clear_whatever_it_begins_with() {
    let mut seen = Seen::default();
    seen.take(&packet(RESPONSE, 0, &[0x81; 100]));
    seen.take(&packet(RESPONSE, 1, &[0x16; 100]));
    seen.take(&tds(RESPONSE, &[0xFD; 13]));
    assert_eq!(seen.units, ["message 4 200/200", "message 4 13/13"]);
}

#[test]
fn a_message_without_end_is_cut_by_the_next() {
    let mut seen = Seen::default();
    seen.take(&packet(RESPONSE, 0, &[0x81; 100]));
    seen.take(&tds(PRELOGIN, &server_finish()));
    seen.take(&packet(RESPONSE, 0, &[0x81; 50]));
    seen.flush();
    assert_eq!(
        seen.units,
        ["message 4 100/100 cut", "ChangeCipherSpec", "EncryptedHandshake", "end", "message 4 50/50 cut"]
    );
}

#[test]
fn bytes_of_something_else_end_it() {
    let mut seen = Seen::default();
    seen.take(&prelogin(1));
    seen.take(b"HTTP/1.1 400 Bad Request\r\n");
    seen.take(&prelogin(1));
    assert_eq!(seen.units, ["message 18 18/18", "foreign 26"]);
}

#[test]
fn large_buffers_are_let_go_with_their_message() {
    let mut seen = Seen::default();
    seen.take(&packet(RESPONSE, 0, &[0xFD; 15_000]));
    assert!(seen.held() >= 15_000);
    seen.take(&packet(RESPONSE, 1, &[0xFD; 10]));
    assert!(seen.held() < 1000, "{} held", seen.held());
    seen.take(&packet(RESPONSE, 0, &vec![0xFD; 60_000]));
    assert!(seen.held() < 20_000, "{} held", seen.held());
}
