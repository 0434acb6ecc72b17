//! Capture files of every format, and packets of every link type.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tdscope::capture::{LinkType, Packet, PcapngWriter, open_reader};
use tdscope_fuzz::targets::decode::LINKS;

use crate::etl_writer::{
    ETHERNET, FIRST, Form, LAST, MOBILE, NDIS, PKTMON, Writer, fragment, monitored, switched,
};
use crate::writers::{Frame, ndis_event, netmon, snoop};
use crate::{fixture, seed, wrap};

/// The smallest that shows most of what there is: the whole way is gone with each of them.
const WHOLE: [&str; 30] = [
    "browser-refused.pcap",
    "built-mars-closed.pcap",
    "built-no-prelogin.pcap",
    "built-redirected-and-gone.pcap",
    "built-resumed-without-ems-alert.pcap",
    "built-reuse-refused.pcap",
    "certificate-expired-alert.pcap",
    "client-certificate-missing.pcap",
    "client-closed-prelogin.pcap",
    "dh-512-fin.pcap",
    "dh-1024-alert.pcap",
    "encryption-client-wants.pcap",
    "handshake-stalled.pcap",
    "host-silent.pcap",
    "host-unreachable.pcap",
    "idle-keepalive.pcap",
    "login-failed-clear.pcap",
    "login-failed-encrypted.pcap",
    "loss-client-hello.pcap",
    "middlebox-client-hello.pcap",
    "not-tds-http.pcap",
    "ok-browser.pcap",
    "ok-snapped.pcap",
    "ok-strict-tls13.pcap",
    "ok-unencrypted.pcap",
    "port-closed.pcap",
    "prelogin-closed-rst.pcap",
    "r1-alert-70.pcap",
    "r4-sha512-fin.pcap",
    "undecided-rst.pcap",
];

/// A packet record that stands alone.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) time: i64,
    pub(crate) link: LinkType,
    pub(crate) original: u32,
    pub(crate) bytes: Vec<u8>,
}

/// The first packets of a capture.
pub(crate) fn records(file: &[u8], most: usize) -> Vec<Record> {
    let mut source = open_reader(Box::new(Cursor::new(file.to_vec())), "seed".to_owned(), 0).unwrap();
    let mut records = Vec::new();
    while records.len() < most && source.advance().unwrap() {
        let Packet { time, link, original_len: original, bytes, .. } = source.packet().unwrap();
        records.push(Record { time, link, original, bytes: bytes.to_vec() });
    }
    records
}

pub(crate) fn write() {
    let few = records(&fixture("login-failed-clear.pcap"), 5);
    pcaps(&few);
    pcapngs(&few);
    old_formats(&few);
    traces(&few);
    packed(&few);
    packets(&few);
    for name in WHOLE {
        seed("whole", name, &fixture(name));
    }
    for name in ["built-packet-blocks.pcapng", "built-ipv6-extensions.pcap"] {
        seed("whole", name, &fixture(name));
    }
}

fn pcaps(few: &[Record]) {
    for big in [false, true] {
        let end = if big { "big" } else { "little" };
        let plain = [(0xA1B2_C3D4, "micro"), (0xA1B2_3C4D, "nano")];
        for (magic, name) in plain {
            seed("pcap", &format!("{name}-{end}"), &pcap(magic, big, 0, 0, few));
        }
        seed("pcap", &format!("modified-{end}"), &pcap(0xA1B2_CD34, big, 0, 8, few));
        seed("pcap", &format!("ixia-{end}"), &pcap(0x1C00_01AC, big, 4, 0, few));
    }
    let file = pcap(0xA1B2_C3D4, false, 0, 0, few);
    seed("pcap", "cut-in-a-packet", &file[..file.len() - 3]);
    let mut old = file.clone();
    old[6] = 2;
    seed("pcap", "version-2-2", &old);
    let mut nokia = file[..24].to_vec();
    for record in few {
        let length = (record.bytes.len() as u32).to_le_bytes();
        nokia.extend([[1, 0, 0, 0], [2, 0, 0, 0], length, length, 0x9FBF_B601_u32.to_le_bytes()].concat());
        nokia.extend(&record.bytes);
    }
    seed("pcap", "nokia", &nokia);
    seed("pcap", "snapped", &fixture("ok-snapped.pcap"));
}

/// A pcap file, with so many bytes more in its header and in those of its records.
fn pcap(magic: u32, big: bool, file_extra: usize, record_extra: usize, records: &[Record]) -> Vec<u8> {
    let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
    let link = records.first().map_or(LinkType::ETHERNET, |record| record.link).0;
    let version = if big { 0x0002_0004 } else { 0x0004_0002 };
    let mut file = [magic, version, 0, 0, 0x40000, link].map(word).concat();
    file.resize(file.len() + file_extra, 0);
    for record in records {
        let (seconds, rest) = (record.time / 1_000_000_000, record.time % 1_000_000_000);
        let rest = if magic == 0xA1B2_3C4D { rest } else { rest / 1_000 };
        let length = record.bytes.len() as u32;
        file.extend([seconds as u32, rest as u32, length, record.original].map(word).concat());
        file.resize(file.len() + record_extra, 0);
        file.extend(&record.bytes);
    }
    file
}

fn pcapngs(few: &[Record]) {
    let mut writer = PcapngWriter::new(Vec::new(), Some("a comment")).unwrap();
    writer.interface(LinkType::ETHERNET, 0, "eth0").unwrap();
    writer.interface(LinkType::RAW, 96, "tun0").unwrap();
    for (frame, record) in (1..).zip(few) {
        let Record { time, link, original, ref bytes } = *record;
        let packet = Packet { time, file: 0, frame, link, interface: 0, original_len: original, bytes };
        writer.packet(&packet, &["of a finding"]).unwrap();
    }
    let ours = writer.finish().unwrap();
    seed("pcapng", "ours", &ours);
    seed("pcapng", "two-sections", &[&ours[..], &ours].concat());
    seed("pcapng", "cut-in-a-block", &ours[..ours.len() - 5]);
    seed("pcapng", "packet-blocks", &fixture("built-packet-blocks.pcapng"));
    for big in [false, true] {
        seed("pcapng", if big { "blocks-big" } else { "blocks-little" }, &blocks(big, few));
    }
}

/// Every kind of block in either byte order: interfaces with units and offsets, packets of three kinds, statistics, one that
/// is not known.
fn blocks(big: bool, few: &[Record]) -> Vec<u8> {
    let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if big { half.to_be_bytes() } else { half.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = word(body.len() as u32 + 12);
        [&word(kind)[..], &length, &body, &length].concat()
    };
    let option = |code: u16, value: &[u8]| {
        let mut option = [half(code), half(value.len() as u16)].concat();
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    };
    let mut file = block(0x0A0D_0D0A, &[&word(0x1A2B_3C4D)[..], &half(1), &half(0), &[0xFF; 8]].concat());
    for units in [6, 9, 0x8A] {
        let fixed = [&half(1)[..], &half(0), &word(64)].concat();
        let options = [option(9, &[units]), option(14, &[0; 8]), option(0, &[])].concat();
        file.extend(block(1, &[fixed, options].concat()));
    }
    for (index, record) in few.iter().enumerate() {
        let bytes = &record.bytes[..record.bytes.len().min(64)];
        let (captured, original) = (word(bytes.len() as u32), word(record.original));
        let time = [word(0x0006_0000), word(index as u32)].concat();
        let enhanced = [&word(index as u32 % 3)[..], &time, &captured, &original, bytes].concat();
        let obsolete = [&half(1)[..], &half(0xFFFF), &time, &captured, &original, bytes].concat();
        let simple = [&original[..], bytes].concat();
        file.extend(match index % 3 {
            0 => block(6, &enhanced),
            1 => block(2, &obsolete),
            _ => block(3, &simple),
        });
    }
    let dropped = [option(5, &[1, 0, 0, 0, 0, 0, 0, 0]), option(7, &[0; 8]), option(0, &[])].concat();
    file.extend(block(5, &[&word(0)[..], &word(0), &word(9), &dropped].concat()));
    file.extend(block(0x0BAD, b"not known"));
    file
}

fn frames(few: &[Record]) -> Vec<Frame> {
    let frame = |record: &Record| Frame {
        time: record.time,
        original: record.original,
        network: 1,
        bytes: record.bytes.clone(),
    };
    few.iter().map(frame).collect()
}

fn old_formats(few: &[Record]) {
    let frames = frames(few);
    let start = few[0].time;
    for version in [(1, 1), (2, 0), (2, 1), (2, 2), (2, 3)] {
        let file = netmon(version, start, &frames);
        seed("netmon", &format!("version-{}-{}", version.0, version.1), &file);
        seed(
            "netmon",
            &format!("broken-{}-{}", version.0, version.1),
            &[&file[..150], &file[163..]].concat(),
        );
    }
    let event = ndis_event(0xC000_0001, &[&[1, 2, 3]], &few[0].bytes);
    let frame = Frame { time: start, original: event.len() as u32, network: 0xFFE0, bytes: event };
    let mut mixed = frames.clone();
    mixed.insert(1, frame);
    for (network, bytes) in [(0xE071, &few[0].bytes[14..]), (0xFFFB, &[0, 1][..]), (6, &few[0].bytes[..])] {
        mixed.push(Frame { time: start, original: bytes.len() as u32, network, bytes: bytes.to_vec() });
    }
    seed("netmon", "networks", &netmon((2, 3), start, &mixed));
    for datalink in [0, 4, 9, 16, 0x8000_0001] {
        seed("snoop", &format!("link-{datalink:x}"), &snoop(datalink, &frames));
    }
    let file = snoop(4, &frames);
    seed("snoop", "cut-in-a-packet", &file[..file.len() - 9]);
}

fn traces(few: &[Record]) {
    let start = few[0].time;
    let form = |processors, frequency, wide| Form { buffer: 2 << 10, processors, frequency, wide };
    let forms = [
        ("plain", form(1, 10_000_000, true)),
        ("narrow", form(2, 0, false)),
        ("three", form(3, 3_579_545, true)),
    ];
    for (name, form) in forms {
        let mut writer = Writer::new(form, start);
        for (index, record) in few.iter().enumerate() {
            let processor = (few.len() - index) % form.processors;
            let whole = ETHERNET | FIRST | LAST;
            writer.event(processor, record.time, NDIS, 1001, whole, &fragment(7, &record.bytes));
        }
        seed("etl", name, &writer.finish());
    }
    let mut writer = Writer::new(form(1, 10_000_000, true), start);
    for record in few {
        let parts = record.bytes.chunks(40);
        let count = parts.len();
        for (number, part) in parts.enumerate() {
            let first = if number == 0 { FIRST } else { 0 };
            let last = if number + 1 == count { LAST } else { 0 };
            writer.event(0, record.time, NDIS, 1001, ETHERNET | first | last, &fragment(7, part));
        }
        let inner = record.bytes.get(14..).unwrap_or_default();
        writer.event(0, record.time, NDIS, 1001, MOBILE | FIRST | LAST, &fragment(8, inner));
        writer.event(0, record.time, NDIS, 1003, ETHERNET | FIRST | LAST, &switched(&record.bytes, 2));
    }
    seed("etl", "fragments", &writer.finish());
    let mut writer = Writer::new(form(2, 10_000_000, true), start);
    for (index, record) in few.iter().enumerate() {
        for (component, reason) in [(1, 0), (2, 0), (3, 24)] {
            let kind = if component == 2 { 3 } else { 1 };
            let data =
                monitored(index as u64, component, kind, reason, record.original as usize, &record.bytes);
            let id = if reason == 0 { 160 } else { 170 };
            writer.event(index % 2, record.time, PKTMON, id, 0, &data);
        }
    }
    let file = writer.finish();
    seed("etl", "pktmon", &file);
    seed("etl", "cut", &file[..3_000]);
    seed("whole", "pktmon.etl", &file);
}

fn packed(few: &[Record]) {
    let file = pcap(0xA1B2_C3D4, false, 0, 0, few);
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| compress_to_vec(bytes, CompressionLevel::Fastest);
    let lz4 = |bytes: &[u8]| {
        let mut encoder = FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let xz = |bytes: &[u8]| {
        let mut options = XzOptions::with_preset(0);
        options.lzma_options.dict_size = 1 << 16;
        let mut writer = XzWriter::new(Vec::new(), options).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    };
    let skipped = b"\x53\x2A\x4D\x18\x05\0\0\0hello";
    let (left, right) = file.split_at(100);
    seed("compressed", "gzip", &gzip(&file));
    seed("compressed", "gzip-members", &[gzip(left), gzip(&[]), gzip(right)].concat());
    seed("compressed", "zstd", &zstd(&file));
    seed("compressed", "zstd-frames", &[&zstd(left)[..], skipped, &zstd(right)].concat());
    seed("compressed", "lz4", &lz4(&file));
    seed("compressed", "lz4-frames", &[&lz4(left)[..], skipped, &lz4(right)].concat());
    seed("compressed", "xz", &xz(&file));
    seed("compressed", "xz-streams", &[&xz(left)[..], &[0; 4], &xz(right)].concat());
    seed("compressed", "gzip-of-zstd", &gzip(&zstd(&file)));
    let packed = gzip(&file);
    seed("compressed", "cut", &packed[..packed.len() - 12]);
}

/// Packets, each behind its link type and how much of it was cut.
fn packets(few: &[Record]) {
    let write = |name: &str, link: LinkType, bytes: &[u8]| {
        let index = LINKS.iter().position(|known| *known == link.0).expect("a link type that is read") as u8;
        seed("decode", name, &[&[index, 0, 0], bytes].concat());
    };
    let data = few.iter().max_by_key(|record| record.bytes.len()).unwrap();
    for (name, record) in [("syn", &few[0]), ("data", data)] {
        write(name, record.link, &record.bytes);
    }
    let ip = &data.bytes[14..];
    for (name, link, head) in [
        ("null", LinkType::NULL, &[2, 0, 0, 0][..]),
        ("loop", LinkType::LOOP, &[0, 0, 0, 2]),
        ("ppp", LinkType::PPP, &[0xFF, 3, 0, 0x21]),
        ("hdlc", LinkType::C_HDLC, &[0x0F, 0, 8, 0]),
        ("frame-relay", LinkType::FRAME_RELAY, &[0x18, 0x41, 3, 0xCC]),
        ("raw", LinkType::RAW, &[]),
        ("sll", LinkType::LINUX_SLL, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 1, 10, 0, 0, 8, 0]),
        ("sll2", LinkType::LINUX_SLL2, &[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 1, 10, 0, 0]),
        ("nflog", LinkType::NFLOG, &[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0]),
    ] {
        write(name, link, &[head, ip].concat());
    }
    let wireless = [&[0x08, 0x41, 0, 0][..], &[2; 18], &[0, 0], &[0xAA, 0xAA, 3, 0, 0, 0, 8, 0], ip];
    write("wireless", LinkType::IEEE802_11, &wireless.concat());
    write(
        "radiotap",
        LinkType::IEEE802_11_RADIOTAP,
        &[&[0, 0, 8, 0, 0, 0, 0, 0][..], &wireless.concat()].concat(),
    );
    for wrap in wrap::WRAPS {
        if let Some(bytes) = (wrap.of)(&data.bytes, 1) {
            write(
                &format!("in-{}", wrap.name.to_lowercase().replace([' ', '/'], "-")),
                LinkType::ETHERNET,
                &bytes,
            );
        }
    }
    let v6 = records(&fixture("built-ipv6-extensions.pcap"), 4);
    write("extensions", v6[3].link, &v6[3].bytes);
    for name in ["host-unreachable.pcap", "browser-refused.pcap"] {
        for (index, record) in records(&fixture(name), 4).iter().enumerate() {
            write(&format!("{}-{index}", name.trim_end_matches(".pcap")), record.link, &record.bytes);
        }
    }
    let mut fragment = data.bytes.clone();
    fragment[20] = 0x20;
    write("first-fragment", LinkType::ETHERNET, &fragment);
}
