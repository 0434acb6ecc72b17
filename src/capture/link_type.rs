//! Link types (`LINKTYPE_*`, registry of the tcpdump group: draft-ietf-opsawg-pcaplinktype).

/// How the bytes of a packet begin. Unknown values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback, address family in the capturing machine's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC framing.
    pub const PPP: Self = Self(9);
    /// Raw IP, as DLT_RAW on most BSDs.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, as DLT_RAW on OpenBSD.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// Raw IP, version in the first nibble.
    pub const RAW: Self = Self(101);
    /// Cisco's HDLC.
    pub const C_HDLC: Self = Self(104);
    /// IEEE 802.11, without what the radio says.
    pub const IEEE802_11: Self = Self(105);
    /// Frame Relay.
    pub const FRAME_RELAY: Self = Self(107);
    /// OpenBSD loopback, address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, `-i any`.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// What Linux's packet filter logs.
    pub const NFLOG: Self = Self(239);
    /// Apple's packet tap: a header that names another link type.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// Its usual name, when it is one that is read.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NULL => "BSD loopback",
            Self::ETHERNET => "Ethernet",
            Self::PPP | Self::PPP_HDLC => "PPP",
            Self::RAW | Self::RAW_BSD | Self::RAW_OPENBSD => "raw IP",
            Self::C_HDLC => "Cisco HDLC",
            Self::IEEE802_11 => "IEEE 802.11",
            Self::IEEE802_11_RADIOTAP => "IEEE 802.11 with radiotap",
            Self::FRAME_RELAY => "Frame Relay",
            Self::NFLOG => "NFLOG",
            Self::PKTAP => "PKTAP",
            Self::LOOP => "OpenBSD loopback",
            Self::LINUX_SLL => "Linux cooked",
            Self::LINUX_SLL2 => "Linux cooked v2",
            Self::IPV4 => "raw IPv4",
            Self::IPV6 => "raw IPv6",
            _ => return None,
        })
    }
}

impl std::fmt::Display for LinkType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "link type {}", self.0),
        }
    }
}
