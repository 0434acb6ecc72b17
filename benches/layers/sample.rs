//! A capture of every shape, made once and held in memory.

use std::sync::OnceLock;

use clap::ValueEnum;
use divan::counter::{BytesCount, ItemsCount};
use tdscope::capture::{LinkType, Packet, Source, open_reader};

use crate::shapes::{Choices, Shape, Size};

/// Bytes of each capture: many times what the processor's caches hold.
const BYTES: u64 = 32_000_000;

/// A capture in memory.
pub(crate) struct Sample {
    pub(crate) file: Vec<u8>,
    /// Where the packets begin and end in it, and their times.
    packets: Vec<(usize, usize, i64)>,
}

/// Those that a benchmark runs over.
pub(crate) fn shapes() -> &'static [Shape] {
    Shape::value_variants()
}

/// The capture of this shape.
pub(crate) fn of(shape: Shape) -> &'static Sample {
    static SAMPLES: [OnceLock<Sample>; 8] = [const { OnceLock::new() }; 8];
    SAMPLES[shape as usize].get_or_init(|| Sample::new(shape))
}

impl Sample {
    fn new(shape: Shape) -> Self {
        let mut file = Vec::new();
        shape.write(Size::Bytes(BYTES), Choices::default(), &mut file).unwrap();
        let word = |at: usize| u32::from_le_bytes(*file[at..].first_chunk().unwrap());
        let mut packets = Vec::new();
        let mut at = 24;
        while at < file.len() {
            let time = i64::from(word(at)) * 1_000_000_000 + i64::from(word(at + 4)) * 1000;
            let end = at + 16 + word(at + 8) as usize;
            packets.push((at + 16, end, time));
            at = end;
        }
        Self { file, packets }
    }

    /// A source that reads it from its beginning.
    pub(crate) fn source(&'static self) -> Box<dyn Source + Send> {
        open_reader(Box::new(self.file.as_slice()), "sample".to_owned(), 0).unwrap()
    }

    /// Its packets, as a source gives them.
    pub(crate) fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        self.packets.iter().zip(1..).map(|((begin, end, time), frame)| Packet {
            time: *time,
            file: 0,
            frame,
            link: LinkType::ETHERNET,
            interface: 0,
            original_len: (end - begin) as u32,
            bytes: &self.file[*begin..*end],
        })
    }

    pub(crate) fn bytes_count(&self) -> BytesCount {
        BytesCount::new(self.file.len())
    }

    pub(crate) fn packets_count(&self) -> ItemsCount {
        ItemsCount::new(self.packets.len())
    }
}
