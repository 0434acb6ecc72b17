//! SYNs to a SQL Server, each from an address and a port that never come again; half are answered.

use std::io::{self, Write};

use super::{Size, logins};
use crate::wire::{ACK, Capture, Endpoint, Random, SYN, Segment, Truth};

pub(crate) fn write<W: Write>(size: Size, random: &mut Random, out: &mut Capture<W>) -> io::Result<Truth> {
    let server = logins::servers()[0];
    let mut truth = Truth::default();
    let mut begun = 0_u64;
    while size.has_room(begun, out.bytes) {
        let numbers = random.next();
        // An odd multiplier makes every number another address (modulo 2^32); 0x80000000 keeps them apart from
        // the server's network.
        let ip = (begun as u32).wrapping_mul(0x9E37_79B1) | 0x8000_0000;
        let client = Endpoint { ip, port: 1024 + (numbers >> 49) as u16 };
        let syn = Segment {
            src: client,
            dst: server,
            seq: numbers as u32,
            ack: 0,
            flags: SYN,
            ttl: 64 + (numbers >> 40) as u8 % 64,
            id: numbers as u16,
            payload: &[],
        };
        out.segment(&syn)?;
        let answered = numbers & 1 << 32 != 0;
        if answered {
            out.segment(&Segment {
                src: server,
                dst: client,
                seq: (numbers >> 16) as u32,
                ack: syn.seq.wrapping_add(1),
                flags: SYN | ACK,
                ttl: 128,
                ..syn
            })?;
        }
        *truth.entry(if answered { "answered" } else { "unanswered" }).or_default() += 1;
        begun += 1;
    }
    Ok(truth)
}
