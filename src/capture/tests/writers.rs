//! Writes captures in the formats of Network Monitor and snoop, for tests of their readers; no more than these need.

/// A packet to be written.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    /// Length on the wire.
    pub(crate) original: u32,
    /// Network Monitor's network type.
    pub(crate) network: u16,
    pub(crate) bytes: Vec<u8>,
}

/// A Network Monitor file of a version, major and minor: the header, its date `start` (nanoseconds since the epoch, cut to
/// milliseconds), the records, the frame table.
pub(crate) fn netmon(version: (u8, u8), start: i64, frames: &[Frame]) -> Vec<u8> {
    let start = start.div_euclid(1_000_000) * 1_000_000;
    let mut file = vec![0; 128];
    let mut table = Vec::new();
    for frame in frames {
        table.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
        file.extend(netmon_record(version, start, frame));
    }
    let network = frames.first().map_or(1, |frame| frame.network);
    let header = netmon_header(version, network, start, file.len(), table.len());
    file.splice(..header.len(), header);
    file.extend(table);
    file
}

fn netmon_header(version: (u8, u8), network: u16, start: i64, at: usize, length: usize) -> Vec<u8> {
    let magic = if version.0 == 1 { b"RTSS" } else { b"GMBU" };
    let mut header = magic.to_vec();
    header.extend([version.1, version.0]);
    // From 2.1 each record has its own; the header's is Ethernet then.
    header.extend(if version >= (2, 1) { 1 } else { network }.to_le_bytes());
    let date = jiff::Timestamp::from_nanosecond(start.into()).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let weekday = date.weekday().to_sunday_zero_offset();
    let fields: [i32; 8] = [
        date.year().into(),
        date.month().into(),
        weekday.into(),
        date.day().into(),
        date.hour().into(),
        date.minute().into(),
        date.second().into(),
        date.millisecond().into(),
    ];
    header.extend(fields.iter().flat_map(|field| u16::try_from(*field).unwrap().to_le_bytes()));
    header.extend([at, length].iter().flat_map(|word| u32::try_from(*word).unwrap().to_le_bytes()));
    header
}

/// One record.
pub(crate) fn netmon_record(version: (u8, u8), start: i64, frame: &Frame) -> Vec<u8> {
    let delta = (frame.time - start).div_euclid(1_000);
    let captured = u32::try_from(frame.bytes.len()).unwrap();
    let mut record = Vec::new();
    if version.0 == 1 {
        record.extend(u32::try_from(delta / 1_000).unwrap().to_le_bytes());
        record.extend(u16::try_from(frame.original).unwrap().to_le_bytes());
        record.extend(u16::try_from(captured).unwrap().to_le_bytes());
    } else {
        record.extend(delta.to_le_bytes());
        record.extend(frame.original.to_le_bytes());
        record.extend(captured.to_le_bytes());
    }
    record.extend(&frame.bytes);
    let mut trailer = frame.network.to_le_bytes().to_vec();
    trailer.extend(7_u32.to_le_bytes());
    trailer.extend((frame.time / 100 + 116_444_736_000_000_000).to_le_bytes());
    trailer.push(1);
    let length = match version {
        (1, _) | (2, 0) => 0,
        (2, 1) => 2,
        (2, 2) => 6,
        _ => 15,
    };
    record.extend(&trailer[..length]);
    record
}

/// An event that carries a packet (Microsoft-Windows-NDIS-PacketCapture, 1001), as a record of type 0xFFE0 holds it.
pub(crate) fn ndis_event(keywords: u64, items: &[&[u8]], fragment: &[u8]) -> Vec<u8> {
    let mut event = vec![0; 89];
    event[24..40].copy_from_slice(&[
        0x6E, 0x00, 0xD6, 0x2E, 0x29, 0x47, 0x09, 0x46, 0xB4, 0x23, 0x3E, 0xE7, 0xBC, 0xD6, 0x78, 0xEF,
    ]);
    event[40..42].copy_from_slice(&1001_u16.to_le_bytes());
    event[48..56].copy_from_slice(&keywords.to_le_bytes());
    event[84..86].copy_from_slice(&u16::try_from(items.len()).unwrap().to_le_bytes());
    event[86..88].copy_from_slice(&u16::try_from(12 + fragment.len()).unwrap().to_le_bytes());
    for item in items {
        event.extend([0, 0, 1, 0, 0, 0]);
        event.extend(u16::try_from(item.len()).unwrap().to_le_bytes());
        event.extend(*item);
    }
    event.extend([5, 0, 0, 0, 6, 0, 0, 0]);
    event.extend(u32::try_from(fragment.len()).unwrap().to_le_bytes());
    event.extend(fragment);
    event
}

/// A snoop file of a datalink type; times are cut to microseconds.
pub(crate) fn snoop(datalink: u32, frames: &[Frame]) -> Vec<u8> {
    let mut file = b"snoop\0\0\0\0\0\0\x02".to_vec();
    file.extend(datalink.to_be_bytes());
    frames.iter().for_each(|frame| file.extend(snoop_record(frame, 0)));
    file
}

/// One record, after `drops` packets that were dropped.
pub(crate) fn snoop_record(frame: &Frame, drops: u32) -> Vec<u8> {
    let captured = u32::try_from(frame.bytes.len()).unwrap();
    let length = (24 + captured).next_multiple_of(4);
    let seconds = u32::try_from(frame.time.div_euclid(1_000_000_000)).unwrap();
    let microseconds = u32::try_from(frame.time.rem_euclid(1_000_000_000) / 1_000).unwrap();
    let words = [frame.original, captured, length, drops, seconds, microseconds];
    let mut record: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    record.extend(&frame.bytes);
    record.resize(length as usize, 0);
    record
}
