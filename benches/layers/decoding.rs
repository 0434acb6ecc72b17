//! From packet records to segments.

use divan::{Bencher, black_box};
use tdscope::decode::decode;

use crate::sample;
use crate::shapes::Shape;

#[divan::bench(args = sample::shapes())]
fn decode_packets(bencher: Bencher<'_, '_>, shape: &Shape) {
    let sample = sample::of(*shape);
    bencher.counter(sample.bytes_count()).counter(sample.packets_count()).bench(|| {
        for packet in sample.packets() {
            black_box(decode(&packet));
        }
    });
}
