//! What the table knows of a tuple.

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use hashbrown::DefaultHashBuilder;

use super::Dir;
use crate::capture::Place;
use crate::decode::{At, Ends, Segment, TcpFlags};

/// Small, since each packet looks at one that is most likely not in the cache. The hash stands for its tuple: it is
/// keyed, so that two tuples with the same one cannot be made, nor come by chance in any number of captures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// A connection that somebody listens to, by its place in the slots.
    Live(u32),
    /// Not ours: only its tuple's next use matters.
    Foreign {
        /// When it was last seen.
        time: i64,
        /// On which frame.
        place: Place,
        /// It was seen since it was last looked at.
        seen: bool,
    },
    /// Ours, and over: what comes for it now is late.
    Over {
        /// When it was last seen.
        time: i64,
        /// On which frame.
        place: Place,
        /// The client's initial sequence number, if it is known.
        isn: u32,
        known: bool,
    },
}

/// Time and place of the later of two packets.
pub(super) fn later(one: At, other: At) -> (i64, Place) {
    let At { time, place } = if other.time >= one.time { other } else { one };
    (time, place)
}

/// Whether a SYN, or the SYN-ACK that answers it, is that of a connection of this initial sequence number again.
pub(super) fn is_syn_of(isn: u32, segment: &Segment<'_>) -> bool {
    if segment.tcp.flags.has(TcpFlags::ACK) {
        segment.tcp.ack.wrapping_sub(1) == isn
    } else {
        segment.tcp.seq == isn
    }
}

/// What tuples are hashed with: keyed anew in every process, since a capture's author may be hostile.
#[derive(Debug, Clone, Default)]
pub struct TupleHasher(pub(super) DefaultHashBuilder);

impl TupleHasher {
    /// The connection and direction of a packet between these ends.
    #[must_use]
    #[inline]
    pub fn tuple(&self, ends: Ends) -> Tuple {
        Tuple::of(&self.0, ends)
    }
}

/// Which connection a packet is of, and which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// The keyed hash of its two ends, in whichever order.
    pub(super) hash: u64,
    pub(super) dir: Dir,
}

impl Tuple {
    /// That of a packet from `src` to `dst`. The two families hash different numbers of words: an IPv4 address is not the IPv6
    /// address that maps it.
    #[inline]
    pub(super) fn new(hasher: &DefaultHashBuilder, src: SocketAddr, dst: SocketAddr) -> Self {
        if let (SocketAddr::V4(src), SocketAddr::V4(dst)) = (src, dst) {
            let word = |end: SocketAddrV4| (u64::from(u32::from(*end.ip())) << 16) | u64::from(end.port());
            return Self::of(hasher, Ends { src: word(src), dst: word(dst) });
        }
        let word = |end: SocketAddr| match end.ip() {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), end.port()),
            IpAddr::V6(ip) => (u128::from(ip), end.port()),
        };
        let (src, dst) = (word(src), word(dst));
        let (low, high, dir) = if src <= dst { (src, dst, Dir::A) } else { (dst, src, Dir::B) };
        let mut state = hasher.build_hasher();
        state.write_u128(low.0);
        state.write_u128(high.0);
        state.write_u64((u64::from(low.1) << 16) | u64::from(high.1));
        Self { hash: state.finish(), dir }
    }

    /// That of a packet between these ends.
    #[inline]
    pub(super) fn of(hasher: &DefaultHashBuilder, Ends { src, dst }: Ends) -> Self {
        let (low, high, dir) = if src <= dst { (src, dst, Dir::A) } else { (dst, src, Dir::B) };
        let mut state = hasher.build_hasher();
        state.write_u64(low);
        state.write_u64(high);
        Self { hash: state.finish(), dir }
    }
}

/// What has to be known of a packet to find out whether anybody wants to hear more of it.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// Its connection and direction.
    pub tuple: Tuple,
    /// Where [`Table::fetch`](super::Table::fetch) found its connection, when it did. What was found may be gone.
    pub place: Option<u32>,
    /// Where it stands.
    pub at: At,
    /// Its control bits.
    pub flags: TcpFlags,
}
