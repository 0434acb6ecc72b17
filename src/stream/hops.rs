//! The TTLs with which packets of one direction arrive: what another machine sends in its name arrives with another.

use crate::decode::At;

/// Classes of TTLs kept.
const CLASSES: usize = 4;
/// Routes change by one or two hops; another machine's starting value differs by tens.
pub(super) const SAME_HOST: u8 = 5;

/// TTLs of a direction, in classes of near ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Hops {
    first: Class,
    /// Few directions have any.
    others: Vec<Class>,
}

/// Packets whose TTLs lie near each other.
#[derive(Debug, Clone, Copy, Default)]
struct Class {
    low: u8,
    high: u8,
    packets: u32,
    /// Its first packet with payload.
    data: Option<At>,
}

impl Class {
    /// Whether a packet says nothing new.
    fn knows(&self, ttl: u8, payload: bool) -> bool {
        self.packets > 0 && (self.low..=self.high).contains(&ttl) && (self.data.is_some() || !payload)
    }

    fn takes(&self, ttl: u8) -> bool {
        self.packets == 0 || self.low.saturating_sub(ttl).max(ttl.saturating_sub(self.high)) <= SAME_HOST
    }

    fn note(&mut self, ttl: u8, at: At, payload: bool) {
        let (low, high) = if self.packets == 0 { (ttl, ttl) } else { (self.low, self.high) };
        (self.low, self.high) = (low.min(ttl), high.max(ttl));
        self.packets = self.packets.saturating_add(1);
        if payload {
            self.data.get_or_insert(at);
        }
    }
}

impl Hops {
    /// A number that depends on what is there, to look at it.
    #[inline]
    pub(super) fn fetch(&self) -> u64 {
        u64::from(self.first.packets)
    }

    /// Notes a packet.
    #[inline]
    pub(super) fn note(&mut self, ttl: u8, at: At, payload: bool) {
        if self.first.knows(ttl, payload) {
            self.first.packets = self.first.packets.saturating_add(1);
        } else if self.first.takes(ttl) {
            self.first.note(ttl, at, payload);
        } else {
            self.note_other(ttl, at, payload);
        }
    }

    #[cold]
    fn note_other(&mut self, ttl: u8, at: At, payload: bool) {
        if let Some(class) = self.others.iter_mut().find(|class| class.takes(ttl)) {
            class.note(ttl, at, payload);
        } else if self.others.len() < CLASSES - 1 {
            let mut class = Class::default();
            class.note(ttl, at, payload);
            self.others.push(class);
        }
    }

    /// Smallest and largest TTL of the host itself: of the class that most of its packets are of, the first of two equal ones.
    pub(super) fn host(&self) -> Option<(u8, u8)> {
        let main = self.main();
        (main.packets > 0).then_some((main.low, main.high))
    }

    /// The first payload that came with another TTL than at least half of the packets.
    pub(super) fn foreign_data(&self) -> Option<At> {
        if self.others.is_empty() {
            return None;
        }
        let main = self.main();
        let others = std::iter::once(&self.first).chain(&self.others).filter(|class| class.low != main.low);
        others.filter_map(|class| class.data).min()
    }

    fn main(&self) -> Class {
        let others = self.others.iter().copied();
        others.fold(self.first, |main, class| if class.packets > main.packets { class } else { main })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::capture::Place;

    fn at(frame: u64) -> At {
        At { time: frame.cast_signed(), place: Place::new(0, frame) }
    }

    fn noted(packets: &[(u8, bool)]) -> Hops {
        let mut hops = Hops::default();
        for (frame, (ttl, payload)) in (1..).zip(packets) {
            hops.note(*ttl, at(frame), *payload);
        }
        hops
    }

    #[test]
    fn a_change_of_route_is_the_same_host() {
        let hops = noted(&[(64, false), (63, true), (60, true), (64, true)]);
        assert_eq!((hops.host(), hops.foreign_data()), (Some((60, 64)), None));
    }

    #[test]
    fn what_few_packets_have_is_another_machine_s() {
        let hops = noted(&[(64, false), (243, true), (64, true), (243, false)]);
        assert_eq!((hops.host(), hops.foreign_data()), (Some((64, 64)), Some(at(2))));
        // A device answers the SYN in the host's name, which speaks then.
        let hops = noted(&[(255, false), (120, true), (120, true)]);
        assert_eq!((hops.host(), hops.foreign_data()), (Some((120, 120)), None));
    }

    #[test]
    fn any_number_of_them_is_bounded() {
        let packets: Vec<(u8, bool)> = (0..=250).step_by(10).map(|ttl| (ttl, true)).collect();
        assert_eq!(noted(&packets).host(), Some((0, 0)));
        assert_eq!(Hops::default().host(), None);
    }
}
