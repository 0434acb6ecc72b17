//! The first look at a packet: which flow it is of.

use super::browser::Browser;
use super::fragments::{Fragments, Stored};
use super::quality::Qualities;
use crate::capture::Packet;
use crate::decode::{Decoded, Flow, decode, fragment};
use crate::facts::Time;

/// Says which flow a packet is of, and takes what is of none.
#[derive(Debug, Clone)]
pub(super) struct Dealer {
    pub(super) browser: Browser,
    pub(super) qualities: Qualities,
    /// The latest time of a packet.
    pub(super) now: Time,
    /// Number of the packet in the order of reading, from 1.
    pub(super) ordinal: u64,
    fragments: Fragments,
}

impl Default for Dealer {
    fn default() -> Self {
        Self {
            browser: Browser::default(),
            qualities: Qualities::default(),
            now: Time(i64::MIN),
            ordinal: 0,
            fragments: Fragments::default(),
        }
    }
}

impl Dealer {
    /// Takes the next packet: its flow, when it is of a TCP connection.
    #[inline]
    pub(super) fn deal(&mut self, packet: &Packet<'_>) -> Option<Flow> {
        self.count(packet);
        match Flow::at_a_glance(packet) {
            Some(flow) => Some(flow),
            None => self.look(packet),
        }
    }

    /// Takes note of the next packet, which is known to be of a TCP connection.
    #[inline]
    pub(super) fn count(&mut self, packet: &Packet<'_>) {
        self.ordinal += 1;
        self.now = self.now.max(Time(packet.time));
        if (packet.bytes.len() as u64) < u64::from(packet.original_len) {
            self.qualities.of(packet.file).snapped += 1;
        }
    }

    /// A packet that became whole with the last one, and its flow when it is of a TCP connection: to be asked for until there
    /// is none, after every packet without a flow.
    #[cold]
    pub(super) fn joined(&mut self) -> Option<(Stored, Option<Flow>)> {
        let stored = self.fragments.ready()?;
        self.ordinal += 1;
        let flow = self.read(&stored.packet());
        Some((stored, flow))
    }

    /// No packet comes any more: what is not whole is joined as far as it is there.
    pub(super) fn give_up_fragments(&mut self) {
        self.fragments.give_up();
    }

    #[cold]
    fn look(&mut self, packet: &Packet<'_>) -> Option<Flow> {
        if let Some(fragment) = fragment(packet) {
            self.qualities.of(packet.file).fragments += u64::from(fragment.offset > 0);
            self.fragments.take(packet, &fragment);
            return None;
        }
        self.read(packet)
    }

    fn read(&mut self, packet: &Packet<'_>) -> Option<Flow> {
        match decode(packet) {
            Decoded::Tcp(segment) => {
                let (src, dst) = (segment.ip.src, segment.ip.dst);
                Some(Flow::between((src, segment.tcp.src_port), (dst, segment.tcp.dst_port)))
            }
            Decoded::Icmp(icmp) => {
                self.qualities.of(packet.file).other += 1;
                self.browser.icmp(&icmp);
                Some(Flow::between((icmp.src, icmp.src_port), (icmp.dst, icmp.dst_port)))
            }
            Decoded::Udp(datagram) => {
                self.qualities.of(packet.file).udp += 1;
                self.browser.datagram(&datagram);
                None
            }
            Decoded::Other(reason) => {
                self.qualities.undecoded(packet.file, reason);
                None
            }
        }
    }
}
