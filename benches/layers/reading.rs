//! From a file's bytes to packet records.

use divan::Bencher;

use crate::sample;
use crate::shapes::Shape;

#[divan::bench(args = sample::shapes())]
fn read(bencher: Bencher<'_, '_>, shape: &Shape) {
    let sample = sample::of(*shape);
    bencher.counter(sample.bytes_count()).counter(sample.packets_count()).bench(|| {
        let mut source = sample.source();
        let mut bytes = 0;
        while source.advance().unwrap() {
            bytes += source.packet().map_or(0, |packet| packet.bytes.len());
        }
        bytes
    });
}
