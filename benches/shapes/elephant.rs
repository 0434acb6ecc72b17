//! One session that carries everything after its login: long answers and bulk inserts by turns.

use std::io::{self, Write};

use super::{Size, logins};
use crate::wire::{ACK, Capture, Connection, Endpoint, From, MSS, PSH, Random, Truth, tls};

/// Encrypted TDS packets of 4096 bytes, one a record, that one side sends before the other has its turn.
const RECORDS: usize = 64;
/// Bytes a connection carries when only connections are counted.
const BYTES: u64 = 100 << 20;
const CLIENT: Endpoint = Endpoint { ip: 0x0A01_0001, port: 50_000 };

pub(crate) fn write<W: Write>(size: Size, random: &mut Random, out: &mut Capture<W>) -> io::Result<Truth> {
    let limit = match size {
        Size::Bytes(bytes) => bytes,
        Size::Connections(connections) => connections * BYTES,
    };
    let turn: Vec<u8> = (0..RECORDS).flat_map(|_| tls::encrypted(4096, random)).collect();
    let mut connection = Connection::new(CLIENT, logins::servers()[0], random);
    let login = logins::logged_in(random, MSS);
    for step in &login.steps {
        connection.record(&login, step, out)?;
    }
    let mut next = login.next();
    let mut from = From::Client;
    while out.bytes < limit {
        for (number, part) in turn.chunks(MSS).enumerate() {
            let [mine, other] = [next[from as usize], next[from.other() as usize]];
            connection.send(from, ACK | PSH, mine, other, part, out)?;
            let end = mine.wrapping_add(part.len() as u32);
            next[from as usize] = end;
            if number % 2 == 1 {
                connection.send(from.other(), ACK, other, end, &[], out)?;
            }
        }
        from = from.other();
    }
    Ok(Truth::from([("accepted", 1)]))
}
