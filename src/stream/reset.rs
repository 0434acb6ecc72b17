//! What a RST looks like.

use super::connection::Connection;
use super::{Dir, Handler, ResetShape, Signal};
use crate::decode::{Segment, TcpFlags};

impl<H: Handler> Connection<H> {
    /// Takes a RST that came so long after the connection's last packet.
    pub(super) fn reset(&mut self, dir: Dir, segment: &Segment<'_>, silence: i64) {
        let shape = ResetShape { silence, ..self.reset_shape(dir, segment) };
        if self.is_far(dir, segment) {
            // Every stack drops it (RFC 9293 3.10.7.4): nothing ends.
            self.tell(dir, segment.at, Signal::Reset(ResetShape { out_of_window: true, ..shape }));
            return;
        }
        let (half, other) = self.pair(dir);
        other.forget_untaken(segment);
        if let Some(offset) = half.end_by(segment)
            && half.forget_beyond(offset)
        {
            self.tell(dir, segment.at, Signal::OverlapConflict { offset });
        }
        // What the two sides had still in the buffers was said before.
        self.flush_side(dir, segment.at);
        self.pair(dir).0.reset_sent = true;
        self.ended = true;
        self.tell(dir, segment.at, Signal::Reset(shape));
    }

    fn is_far(&mut self, dir: Dir, segment: &Segment<'_>) -> bool {
        let (half, other) = self.pair(dir);
        half.is_far(other, segment)
    }

    fn reset_shape(&mut self, dir: Dir, segment: &Segment<'_>) -> ResetShape {
        let initiator = self.initiator;
        let accepted = self.syn_acks > 0;
        let (half, other) = self.pair(dir);
        let ack = segment.tcp.flags.has(TcpFlags::ACK);
        let seq_offset = half.offset(segment.tcp.seq).map(|offset| {
            let at = u64::try_from(offset).ok();
            let fits = at.is_some_and(|at| at == half.next || at == half.highest || Some(at) == half.acked);
            if fits { 0 } else { offset - half.next.cast_signed() }
        });
        let refuses_syn = ack
            && !accepted
            && initiator == Some(dir.other())
            && other.isn.is_some_and(|isn| isn.wrapping_add(1) == segment.tcp.ack);
        let ack_implausible = ack
            && other.offset(segment.tcp.ack).is_some_and(|offset| {
                let below = other.acked.is_some_and(|acked| offset < acked.cast_signed());
                offset > other.highest.max(other.acked.unwrap_or_default()).cast_signed() || below
            });
        let own_fin = half.fin_at.is_some();
        let peer_fin = other.fin_at.is_some();
        ResetShape {
            ack,
            ttl: segment.ip.ttl,
            host_ttl: half.hops.host(),
            ip_id: segment.ip.id,
            host_ids: half.summary.ip_ids,
            seq_offset,
            receiver_window: u32::from(other.window) << other.scale.min(14),
            refuses_syn,
            ack_implausible,
            after_both_fins: own_fin && peer_fin,
            after_own_fin: own_fin,
            after_peer_fin: peer_fin,
            answers_late_data: (own_fin || half.reset_sent) && other.late_data,
            repeated: half.reset_sent || other.reset_sent,
            out_of_window: false,
            silence: 0,
        }
    }
}
