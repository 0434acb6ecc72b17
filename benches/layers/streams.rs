//! From segments to events: the table of connections, with a handler that only counts.

use divan::Bencher;
use tdscope::decode::{Decoded, Segment, decode};
use tdscope::stream::{Event, Handler, Interest, Limits, Signal, Table};

use crate::sample;
use crate::shapes::Shape;

/// Hears everything, up to an interest.
struct Count {
    interest: Interest,
    bytes: usize,
}

impl Handler for Count {
    fn on_event(&mut self, event: &Event<'_>) -> Interest {
        if let Signal::Data { bytes, .. } = event.signal {
            self.bytes += bytes.len();
            return self.interest;
        }
        Interest::Payload
    }
}

/// Every byte of every stream is delivered.
#[divan::bench(args = sample::shapes())]
fn stream_payload(bencher: Bencher<'_, '_>, shape: &Shape) {
    run(bencher, *shape, Interest::Payload);
}

/// After the first bytes only signals are wanted, as of a session that has logged in.
#[divan::bench(args = sample::shapes())]
fn stream_signals(bencher: Bencher<'_, '_>, shape: &Shape) {
    run(bencher, *shape, Interest::Signals);
}

/// After the first bytes nothing is wanted, as of a connection that is not SQL Server's.
#[divan::bench(args = sample::shapes())]
fn stream_nothing(bencher: Bencher<'_, '_>, shape: &Shape) {
    run(bencher, *shape, Interest::Nothing);
}

fn run(bencher: Bencher<'_, '_>, shape: Shape, interest: Interest) {
    let sample = sample::of(shape);
    let segments: Vec<Segment<'_>> = sample
        .packets()
        .filter_map(|packet| match decode(&packet) {
            Decoded::Tcp(segment) => Some(segment),
            _ => None,
        })
        .collect();
    bencher.counter(sample.bytes_count()).counter(sample.packets_count()).bench_local(|| {
        let mut delivered = 0;
        let mut table = Table::new(Limits::default());
        for (number, segment) in (0..).zip(&segments) {
            table.segment(number, segment, &mut |_, _| Count { interest, bytes: 0 }, &mut |closed| {
                delivered += closed.handler.bytes;
            });
        }
        table.finish(&mut |closed| delivered += closed.handler.bytes);
        delivered
    });
}
