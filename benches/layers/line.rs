//! The whole line, from a file's bytes to findings and their report.

use divan::Bencher;
use tdscope::analysis::{Analyzer, Settings};
use tdscope::report::json;
use tdscope::rules::Severity;

use crate::sample;
use crate::shapes::Shape;

#[divan::bench(args = sample::shapes())]
fn analyze(bencher: Bencher<'_, '_>, shape: &Shape) {
    let sample = sample::of(*shape);
    bencher.counter(sample.bytes_count()).counter(sample.packets_count()).bench(|| {
        let mut source = sample.source();
        Analyzer::new(Settings::default()).run(source.as_mut(), &mut |_| {})
    });
}

#[divan::bench(args = sample::shapes())]
fn report_json(bencher: Bencher<'_, '_>, shape: &Shape) {
    let sample = sample::of(*shape);
    let mut source = sample.source();
    let analysis = Analyzer::new(Settings::default()).run(source.as_mut(), &mut |_| {});
    bencher.bench_local(|| {
        let mut out = Vec::new();
        json::write(&analysis, Severity::Info, &mut out).unwrap();
        out
    });
}
