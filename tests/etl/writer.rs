//! Writes trace logs as Windows does: buffers of each processor, an event for each packet or fragment.

/// Bytes of a buffer's header.
const HEADER: usize = 72;
/// Microsoft-Windows-NDIS-PacketCapture and Microsoft-PktMon-Events, as GUIDs are stored.
pub(crate) const NDIS: [u8; 16] =
    [0x6E, 0x00, 0xD6, 0x2E, 0x29, 0x47, 0x09, 0x46, 0xB4, 0x23, 0x3E, 0xE7, 0xBC, 0xD6, 0x78, 0xEF];
pub(crate) const PKTMON: [u8; 16] =
    [0xD9, 0x80, 0x4F, 0x4D, 0xBD, 0xC8, 0x73, 0x4D, 0xBB, 0x5B, 0x19, 0xC9, 0x04, 0x02, 0xC5, 0xAC];
/// Keywords of the packet capture.
pub(crate) const ETHERNET: u64 = 0x1;
pub(crate) const MOBILE: u64 = 0x200;
pub(crate) const FIRST: u64 = 0x4000_0000;
pub(crate) const LAST: u64 = 0x8000_0000;
/// FILETIME of 1970.
const EPOCH: i64 = 116_444_736_000_000_000;
/// What the performance counter shows when the trace begins.
const COUNTER: i64 = 987_654_321;

/// How a trace is written.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) buffer: usize,
    pub(crate) processors: usize,
    /// Ticks of the clock in a second; 0 for timestamps that are FILETIME.
    pub(crate) frequency: i64,
    /// Pointers of 8 bytes.
    pub(crate) wide: bool,
}

impl Form {
    pub(crate) const PLAIN: Self =
        Self { buffer: 64 << 10, processors: 1, frequency: 10_000_000, wide: true };
}

/// A trace log that is being written.
pub(crate) struct Writer {
    form: Form,
    start: i64,
    /// The buffer that each processor fills.
    open: Vec<Vec<u8>>,
    out: Vec<u8>,
    sequence: u64,
}

impl Writer {
    /// A trace that begins at `start`, nanoseconds since 1970.
    pub(crate) fn new(form: Form, start: i64) -> Self {
        let mut writer =
            Self { form, start, open: vec![Vec::new(); form.processors], out: Vec::new(), sequence: 0 };
        let record = writer.description();
        writer.flush(0, &record, 4);
        writer
    }

    /// The first record: TRACE_LOGFILE_HEADER behind a header of the kernel's.
    fn description(&self) -> Vec<u8> {
        let shift = if self.form.wide { 8 } else { 0 };
        let mut header = vec![0; 272 + shift];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &(self.form.buffer as u32).to_le_bytes());
        put(12, &(self.form.processors as u32).to_le_bytes());
        put(44, &(if self.form.wide { 8_u32 } else { 4 }).to_le_bytes());
        put(248 + shift, &self.form.frequency.to_le_bytes());
        put(256 + shift, &(EPOCH + self.start / 100).to_le_bytes());
        put(264 + shift, &(if self.form.frequency == 0 { 2_u32 } else { 1 }).to_le_bytes());
        let mut record = Vec::new();
        record.extend([2, 0, 2, 0xC0]);
        record.extend((32 + header.len() as u16).to_le_bytes());
        record.extend([0, 0]);
        record.extend([0; 8]);
        record.extend(self.ticks(self.start).to_le_bytes());
        record.extend([0; 8]);
        record.extend(header);
        record
    }

    fn ticks(&self, time: i64) -> i64 {
        match self.form.frequency {
            0 => EPOCH + time / 100,
            frequency => {
                let since = i128::from(time - self.start) * i128::from(frequency) / 1_000_000_000;
                COUNTER + i64::try_from(since).unwrap()
            }
        }
    }

    /// Writes an event of a thread that runs on a processor.
    pub(crate) fn event(
        &mut self,
        processor: usize,
        time: i64,
        provider: [u8; 16],
        id: u16,
        keyword: u64,
        data: &[u8],
    ) {
        let thread = 100 + processor as u32;
        self.event_of(thread, processor, time, provider, id, keyword, data);
    }

    #[allow(clippy::too_many_arguments, reason = "what an event header has")]
    pub(crate) fn event_of(
        &mut self,
        thread: u32,
        processor: usize,
        time: i64,
        provider: [u8; 16],
        id: u16,
        keyword: u64,
        data: &[u8],
    ) {
        // Every other event has an extended item, which readers must step over.
        let extended = data.len() % 2 == 1;
        let mut record = vec![0; 80];
        let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
        put(2, &[if self.form.wide { 0x13 } else { 0x12 }, 0xC0]);
        put(4, &u16::from(extended).to_le_bytes());
        put(8, &thread.to_le_bytes());
        put(12, &4_u32.to_le_bytes());
        put(16, &self.ticks(time).to_le_bytes());
        put(24, &provider);
        put(40, &id.to_le_bytes());
        put(48, &keyword.to_le_bytes());
        if extended {
            record.extend([0, 0, 5, 0, 0, 0, 3, 0, 1, 2, 3, 0, 0, 0, 0, 0]);
        }
        record.extend(data);
        let length = u16::try_from(record.len()).unwrap();
        record[0..2].copy_from_slice(&length.to_le_bytes());
        record.resize(record.len().next_multiple_of(8), 0);
        if HEADER + self.open[processor].len() + record.len() > self.form.buffer {
            let full = std::mem::take(&mut self.open[processor]);
            self.flush(processor, &full, 0);
        }
        self.open[processor].extend(record);
    }

    fn flush(&mut self, processor: usize, records: &[u8], kind: u16) {
        let used = (HEADER + records.len()) as u32;
        let mut header = vec![0; HEADER];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &(self.form.buffer as u32).to_le_bytes());
        put(4, &used.to_le_bytes());
        put(24, &self.sequence.to_le_bytes());
        put(40, &(processor as u32).to_le_bytes());
        put(48, &used.to_le_bytes());
        put(54, &kind.to_le_bytes());
        self.sequence += 1;
        let end = self.out.len() + self.form.buffer;
        self.out.extend(header);
        self.out.extend(records);
        self.out.resize(end, 0xFF);
    }

    /// The file. Buffers that are not full are written in the order of processors, the last first.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        for processor in (0..self.form.processors).rev() {
            let rest = std::mem::take(&mut self.open[processor]);
            self.flush(processor, &rest, 0);
        }
        self.out
    }
}

/// The data of event 1001: adapter, layer, length, bytes, two numbers of newer systems.
pub(crate) fn fragment(interface: u32, bytes: &[u8]) -> Vec<u8> {
    let mut data = [interface.to_le_bytes(), interface.to_le_bytes()].concat();
    data.extend((bytes.len() as u32).to_le_bytes());
    data.extend(bytes);
    data.extend([0; 16]);
    data
}

/// The data of event 1003: a packet at a virtual switch that goes to so many ports.
pub(crate) fn switched(bytes: &[u8], destinations: u32) -> Vec<u8> {
    let mut data: Vec<u8> = [7_u32, 7, 3].iter().flat_map(|number| number.to_le_bytes()).collect();
    for name in ["port", "nic", ""] {
        data.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    data.extend(destinations.to_le_bytes());
    for port in 0..destinations {
        data.extend(port.to_le_bytes());
        data.extend("x".encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    data.extend((bytes.len() as u32).to_le_bytes());
    data.extend(bytes);
    data.extend(8_u32.to_le_bytes());
    data.extend([9; 8]);
    data
}

/// The data of event 160, or of 170 with a reason: a packet at a component.
pub(crate) fn monitored(
    group: u64,
    component: u16,
    kind: u16,
    reason: u32,
    original: usize,
    bytes: &[u8],
) -> Vec<u8> {
    let mut data = group.to_le_bytes().to_vec();
    for number in [1, component, 1, kind, component, 1, 0] {
        data.extend(number.to_le_bytes());
    }
    data.extend([reason.to_le_bytes(), 0_u32.to_le_bytes()].concat());
    data.extend((original as u16).to_le_bytes());
    data.extend((bytes.len() as u16).to_le_bytes());
    data.extend(bytes);
    data
}
