//! The parsers of TDS and TLS, on the messages of a login.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use tdscope::tds::{PACKET_HEADER_LEN, Prelogin, recognize_client};
use tdscope::tls::{ClientHello, RecordReader, TlsEvent, parse_certificate_list};

use crate::wire::tls::{SCHANNEL_SUITES, TLS_1_2};
use crate::wire::{Random, certificate, tds, tls};

/// Lengths of a record's and of a handshake message's header.
const RECORD: usize = 5;
const MESSAGE: usize = 4;
const HOST: &str = "sql1.example.net";

#[divan::bench(sample_count = 100)]
fn recognize(bencher: Bencher<'_, '_>) {
    let message = tds::prelogin();
    bencher.counter(BytesCount::new(message.len())).bench(|| recognize_client(black_box(&message)));
}

#[divan::bench(sample_count = 100)]
fn prelogin(bencher: Bencher<'_, '_>) {
    let message = tds::prelogin();
    let body = &message[PACKET_HEADER_LEN..];
    bencher.counter(BytesCount::new(body.len())).bench(|| Prelogin::parse(black_box(body), false));
}

#[divan::bench(sample_count = 100)]
fn client_hello(bencher: Bencher<'_, '_>) {
    let hello = hello();
    let body = &hello[RECORD + MESSAGE..];
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| ClientHello::parse(black_box(body), body.len() as u32));
}

#[divan::bench(sample_count = 100)]
fn fingerprint(bencher: Bencher<'_, '_>) {
    let hello = hello();
    let body = &hello[RECORD + MESSAGE..];
    let parsed = ClientHello::parse(body, body.len() as u32);
    bencher.bench(|| black_box(&parsed).fingerprint());
}

#[divan::bench(sample_count = 100)]
fn certificate_list(bencher: Bencher<'_, '_>) {
    let certificate = certificate::self_signed(HOST, &mut Random::new(1));
    let length = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
    let list = [&length(certificate.len() + 3)[..], &length(certificate.len()), &certificate].concat();
    bencher.counter(BytesCount::new(list.len())).bench(|| parse_certificate_list(black_box(&list)));
}

/// The records of a server's first flight, whole and in segments of one byte.
#[divan::bench(args = [usize::MAX, 1460, 1], sample_count = 100)]
fn records(bencher: Bencher<'_, '_>, segment: usize) {
    let mut random = Random::new(1);
    let certificate = certificate::self_signed(HOST, &mut random);
    let flight = tls::server_flight(&certificate, &mut random);
    bencher.counter(BytesCount::new(flight.len())).bench(|| {
        let mut messages = 0_u32;
        let mut reader = RecordReader::default();
        for part in black_box(&flight).chunks(segment) {
            reader.push(part, &mut |event| {
                messages += u32::from(matches!(event, TlsEvent::Handshake { .. }));
            });
        }
        assert_eq!(messages, 4);
    });
}

fn hello() -> Vec<u8> {
    tls::client_hello(TLS_1_2, SCHANNEL_SUITES, HOST, None, &mut Random::new(1))
}
