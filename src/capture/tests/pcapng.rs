use super::{Seen, damage, read_all};
use crate::capture::{ErrorKind, LinkType};

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

impl Order {
    fn u16(self, value: u16) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn u32(self, value: u32) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn u64(self, value: u64) -> Vec<u8> {
        if self.big { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn len(self, bytes: &[u8]) -> Vec<u8> {
        self.u32(u32::try_from(bytes.len()).unwrap())
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let body = padded(body);
        let length = self.u32(u32::try_from(body.len() + 12).unwrap());
        [self.u32(kind), length.clone(), body, length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        [self.u16(code), self.u16(u16::try_from(value.len()).unwrap()), padded(value)].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [self.u32(0x1A2B_3C4D), self.u16(1), self.u16(0), self.u64(u64::MAX)].concat();
        self.block(0x0A0D_0D0A, &body)
    }

    fn interface(self, link: u16, snap_length: u32, options: &[Vec<u8>]) -> Vec<u8> {
        self.block(1, &[self.u16(link), self.u16(0), self.u32(snap_length), options.concat()].concat())
    }

    fn packet(self, interface: u32, ticks: u64, bytes: &[u8], original: u32) -> Vec<u8> {
        let time = [self.u32(u32::try_from(ticks >> 32).unwrap()), self.u32(low(ticks))].concat();
        let lengths = [self.len(bytes), self.u32(original)].concat();
        self.block(6, &[self.u32(interface), time, lengths, padded(bytes)].concat())
    }

    fn obsolete_packet(self, interface: u16, ticks: u64, bytes: &[u8]) -> Vec<u8> {
        let head = [self.u16(interface), self.u16(3), self.u32(0), self.u32(low(ticks))].concat();
        self.block(2, &[head, self.len(bytes), self.len(bytes), padded(bytes)].concat())
    }

    fn simple_packet(self, bytes: &[u8], original: u32) -> Vec<u8> {
        self.block(3, &[self.u32(original), padded(bytes)].concat())
    }

    fn statistics(self, interface: u32, options: &[Vec<u8>]) -> Vec<u8> {
        self.block(5, &[self.u32(interface), self.u64(0), options.concat()].concat())
    }
}

fn low(ticks: u64) -> u32 {
    u32::try_from(ticks & 0xFFFF_FFFF).unwrap()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

const MICROSECONDS: u64 = 1_700_000_000_123_456;

#[test]
fn sections_in_both_byte_orders_with_interfaces_of_their_own() {
    let section = |order: Order, links: [u16; 2]| {
        [
            order.section(),
            order.interface(links[0], 0, &[]),
            order.block(0x0000_0BAD, &[1, 2, 3]),
            order.interface(links[1], 0, &[order.option(2, b"eth1"), order.option(0, &[])]),
            order.packet(1, MICROSECONDS, &[7; 5], 90),
            order.block(4, &[0; 8]),
            order.packet(0, MICROSECONDS + 1, &[8; 4], 4),
        ]
        .concat()
    };
    let (seen, summary) = read_all(&[section(LITTLE, [1, 101]), section(BIG, [113, 276])].concat());
    let first = Seen {
        time: 1_700_000_000_123_456_000,
        frame: 1,
        link: LinkType::RAW,
        interface: 1,
        original_len: 90,
        bytes: vec![7; 5],
    };
    assert_eq!(seen[0], first);
    let told: Vec<_> = seen.iter().map(|seen| (seen.frame, seen.link.0, seen.interface)).collect();
    assert_eq!(told, [(1, 101, 1), (2, 1, 0), (3, 276, 3), (4, 113, 2)]);
    assert_eq!((summary.format.as_str(), summary.snapped, summary.packets), ("pcapng", 2, 4));
    assert_eq!(summary.link_types, [1, 101, 113, 276].map(LinkType));
    assert_eq!((summary.damage, summary.error, summary.dropped), (vec![], None, None));
}

#[test]
fn resolutions_and_offsets_make_the_time() {
    let time = |options: &[Vec<u8>], ticks: u64| {
        let file =
            [LITTLE.section(), LITTLE.interface(1, 0, options), LITTLE.packet(0, ticks, &[], 0)].concat();
        read_all(&file).0[0].time
    };
    let resolution = |value: u8| LITTLE.option(9, &[value]);
    assert_eq!(time(&[], 5_000_001), 5_000_001_000);
    assert_eq!(time(&[resolution(0)], 5), 5_000_000_000);
    assert_eq!(time(&[resolution(3)], 5), 5_000_000);
    assert_eq!(time(&[resolution(9)], 5), 5);
    assert_eq!(time(&[resolution(12)], 5_999), 5);
    assert_eq!(time(&[resolution(0x80)], 5), 5_000_000_000);
    assert_eq!(time(&[resolution(0x8A)], 1025), 1_000_976_562);
    assert_eq!(time(&[resolution(0xFF), resolution(6)], 5), 5_000);
    let offset = |seconds: i64| LITTLE.option(14, &seconds.to_le_bytes());
    assert_eq!(time(&[resolution(9), offset(1_700_000_000)], 7), 1_700_000_000_000_000_007);
    assert_eq!(time(&[offset(-1)], 5), -999_995_000);
    // Far outside any calendar it saturates.
    assert_eq!(time(&[resolution(0)], u64::MAX), i64::MAX);
    assert_eq!(time(&[offset(i64::MIN)], 0), i64::MIN);
    assert_eq!(time(&[resolution(0x80 | 64)], u64::MAX), 999_999_999);
    assert_eq!(time(&[resolution(0xFF)], u64::MAX), 0);
    assert_eq!(time(&[resolution(0x7F)], u64::MAX), 0);
    let file = [
        BIG.section(),
        BIG.interface(1, 0, &[BIG.option(14, &1_i64.to_be_bytes())]),
        BIG.packet(0, 5, &[], 0),
    ];
    assert_eq!(read_all(&file.concat()).0[0].time, 1_000_005_000);
}

#[test]
fn simple_and_obsolete_packets_are_read() {
    for order in [LITTLE, BIG] {
        let file = [
            order.section(),
            order.interface(1, 6, &[]),
            order.obsolete_packet(0, 2_000_000, &[7; 3]),
            order.simple_packet(&[8; 6], 60),
            order.simple_packet(&[9; 4], 4),
        ];
        let (seen, summary) = read_all(&file.concat());
        let told: Vec<_> =
            seen.iter().map(|seen| (seen.bytes.clone(), seen.original_len, seen.time)).collect();
        // A simple packet has no time of its own: the latest before it.
        let expected =
            [(vec![7; 3], 3, 2_000_000_000), (vec![8; 6], 60, 2_000_000_000), (vec![9; 4], 4, 2_000_000_000)];
        assert_eq!(told, expected);
        assert_eq!((summary.snapped, summary.damage.len()), (1, 0));
    }
}

#[test]
fn drops_are_the_latest_of_each_interface_and_add_up() {
    let drops = |code: u16, count: u64| LITTLE.option(code, &count.to_le_bytes());
    let file = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        LITTLE.interface(1, 0, &[]),
        LITTLE.statistics(0, &[drops(5, 3)]),
        LITTLE.statistics(0, &[drops(4, 900), drops(5, 10), drops(7, 2)]),
        LITTLE.statistics(1, &[drops(5, 100)]),
        LITTLE.statistics(9, &[drops(5, 5_000)]),
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        LITTLE.statistics(0, &[drops(5, 1_000)]),
    ];
    assert_eq!(read_all(&file.concat()).1.dropped, Some(1_112));
    let silent = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.statistics(0, &[drops(4, 9)])];
    assert_eq!(read_all(&silent.concat()).1.dropped, None);
    let none = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.statistics(0, &[drops(5, 0)])];
    assert_eq!(read_all(&none.concat()).1.dropped, Some(0));
}

fn small() -> Vec<u8> {
    [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[LITTLE.option(9, &[9]), LITTLE.option(0, &[])]),
        LITTLE.packet(0, 5, &[7; 5], 5),
        LITTLE.block(4, &[0; 20]),
        LITTLE.packet(0, 6, &[8; 6], 6),
    ]
    .concat()
}

#[test]
fn cut_at_every_byte_what_was_whole_is_read_and_the_cut_is_told() {
    let whole = small();
    let bounds = [28, 60, 100, 132, 172];
    assert_eq!(whole.len(), 172);
    for cut in 0..whole.len() {
        if cut < 28 {
            assert!(super::open_bytes(&whole[..cut]).is_err(), "cut at {cut}");
            continue;
        }
        let (seen, summary) = read_all(&whole[..cut]);
        assert_eq!(seen.len(), usize::from(cut >= 100), "cut at {cut}");
        assert_eq!(summary.damage.is_empty(), bounds.contains(&cut), "cut at {cut}: {:?}", summary.damage);
    }
    let (_, summary) = read_all(&whole[..120]);
    assert_eq!(damage(&summary).1, "the file is cut in a block: 20 of 32 bytes are there");
    let (_, summary) = read_all(&whole[..160]);
    assert_eq!(damage(&summary), (132, "the file is cut in a block: 28 of 40 bytes are there"));
    let (_, summary) = read_all(&whole[..135]);
    assert_eq!(damage(&summary), (132, "the file is cut in a block header: 3 of 8 bytes are there"));
}

#[test]
fn lengths_that_do_not_agree_are_damage_and_reading_goes_on() {
    let mut trailer = small();
    trailer[96] += 4;
    let (seen, summary) = read_all(&trailer);
    assert_eq!((seen.len(), damage(&summary)), (2, (60, "a block of 40 bytes ends with another length, 44")));
    for (at, value) in [(80, 9), (68, 1)] {
        // More bytes than the block has room for (8 with the padding); an interface that was not described.
        let mut changed = small();
        changed[at] = value;
        let (seen, summary) = read_all(&changed);
        assert_eq!((seen.len(), seen[0].bytes.len(), damage(&summary).0), (1, 6, 60));
    }
}

#[test]
fn block_lengths_that_cannot_be_end_it() {
    for length in [0_u32, 8, 11, 0x0100_0004, 0xFFFF_FFFF] {
        let mut changed = small();
        changed[64..68].copy_from_slice(&length.to_le_bytes());
        let (seen, summary) = read_all(&changed);
        assert_eq!((seen.len(), damage(&summary).0), (0, 60), "{length}");
    }
    // A block of another kind is stepped over, however long it says it is.
    let mut changed = small();
    changed[104..108].copy_from_slice(&[0xFF; 4]);
    let (seen, summary) = read_all(&changed);
    assert_eq!(
        (seen.len(), damage(&summary).1),
        (1, "the file is cut in a block: 72 of 4294967296 bytes are there")
    );
}

#[test]
fn blocks_too_short_for_their_kind_are_left_out() {
    for (kind, least) in [(1, 20), (2, 32), (3, 16), (5, 24), (6, 32)] {
        let short = LITTLE.block(kind, &vec![0; least - 12 - 4]);
        let file =
            [LITTLE.section(), LITTLE.interface(1, 0, &[]), short, LITTLE.packet(0, 5, &[7; 5], 5)].concat();
        let (seen, summary) = read_all(&file);
        assert_eq!(
            (seen.len(), seen[0].link, seen[0].bytes.len()),
            (1, LinkType::ETHERNET, 5),
            "kind {kind}"
        );
        assert!(damage(&summary).1.contains(&format!("{least} at least were expected")));
        assert_eq!(summary.link_types, [LinkType::ETHERNET]);
    }
}

#[test]
fn malformed_options_end_the_options_only() {
    let resolution = LITTLE.option(9, &[9]);
    for options in [
        [LITTLE.u16(14), LITTLE.u16(0xFFFF), resolution.clone()].concat(),
        [LITTLE.option(0, &[]), resolution.clone()].concat(),
        [LITTLE.option(14, &[1; 7]), LITTLE.option(9, &[])].concat(),
        vec![9, 0, 1, 0],
        vec![9, 0],
    ] {
        let file =
            [LITTLE.section(), LITTLE.interface(1, 0, &[options]), LITTLE.packet(0, 5, &[7; 5], 5)].concat();
        let (seen, summary) = read_all(&file);
        assert_eq!((seen[0].time, summary.damage.len()), (5_000, 0));
    }
}

#[test]
fn section_headers_that_cannot_be_are_told() {
    let refused = |at: usize, bytes: &[u8]| {
        let mut file = small();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let Err(error) = super::open_bytes(&file) else { panic!("opened") };
        match error.kind {
            ErrorKind::Malformed { offset: 0, what } => what,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(8, &[1, 2, 3, 4]).contains("byte-order magic"));
    assert!(refused(12, &[2, 0]).contains("version other than 1"));
    assert!(refused(4, &[24, 0, 0, 0]).contains("length is not plausible"));
    assert!(refused(4, &[0xFF; 4]).contains("length is not plausible"));
    // Later in the file the same is damage: what was read stands.
    let mut second = LITTLE.section();
    second[12] = 2;
    let (seen, summary) = read_all(&[small(), second].concat());
    assert_eq!((seen.len(), damage(&summary).0), (2, 172));
    assert!(damage(&summary).1.ends_with("; reading stops"));
}

#[test]
fn any_byte_changed_is_survived() {
    let whole = small();
    for at in 0..whole.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut changed = whole.clone();
            changed[at] = value;
            if let Ok(mut source) = super::open_bytes(&changed) {
                assert!(super::drain(source.as_mut()).0.len() <= 3, "byte {at} as {value}");
            }
        }
    }
}
