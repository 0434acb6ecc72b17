//! Logins in clear: what encryption would hide.

use tdscope::capture::LinkType;

use crate::file::{Frame, Order, pcap};
use crate::talk::{Flags, From, START, Talk};
use crate::wire::{
    ENCRYPT_NOT_SUP, Smp, TDS_7_0, TDS_7_4, batch, batch_answer, login_ack, login7, old_error, prelogin,
    prelogin_answer, smp,
};

fn file(frames: &[Frame]) -> Vec<u8> {
    pcap(Order::Little, LinkType::ETHERNET, frames)
}

/// A connection up to LOGIN7.
fn until_login(mars: bool) -> Talk {
    let mut talk = Talk::new("10.20.1.10:50122", "10.20.2.20:1433", START);
    talk.open();
    talk.say(From::Client, &prelogin(ENCRYPT_NOT_SUP, mars));
    talk.say(From::Server, &prelogin_answer(ENCRYPT_NOT_SUP, mars));
    talk.say(From::Client, &login7(TDS_7_4));
    talk
}

/// A MARS session that is closed as drivers do: SMP FIN from both, TCP FIN, and a RST from the client's kernel
/// for what came when the socket was gone.
pub(crate) fn mars_closed() -> Vec<u8> {
    let mut talk = until_login(true);
    talk.say(From::Server, &login_ack(None));
    talk.say(From::Client, &[smp(Smp::Syn, 0, &[]), smp(Smp::Data, 1, &batch())].concat());
    talk.say(From::Server, &smp(Smp::Data, 1, &batch_answer()));
    talk.say(From::Client, &smp(Smp::Data, 2, &batch()));
    talk.say(From::Server, &smp(Smp::Data, 2, &batch_answer()));
    talk.send(From::Client, Flags::Data, &smp(Smp::Fin, 2, &[]));
    talk.send(From::Client, Flags::FinAck, &[]);
    talk.send(From::Server, Flags::Data, &smp(Smp::Fin, 2, &[]));
    let gone = talk.client_seq;
    talk.segment(From::Client, Flags::Rst, gone, 0, &[]);
    talk.send(From::Server, Flags::FinAck, &[]);
    talk.segment(From::Client, Flags::Rst, gone, 0, &[]);
    file(&talk.frames)
}

/// The login is accepted and sent elsewhere; the client leaves, and nothing of it is seen again.
pub(crate) fn redirected_and_gone() -> Vec<u8> {
    let mut talk = until_login(false);
    talk.say(From::Server, &login_ack(Some(("sql7.example.net", 1477))));
    talk.close();
    file(&talk.frames)
}

/// A client of the nineties: LOGIN7 is the first thing it says. The server wants encryption and refuses.
pub(crate) fn no_prelogin() -> Vec<u8> {
    let mut talk = Talk::new("10.20.1.10:50122", "10.20.2.20:1433", START);
    talk.open();
    talk.say(From::Client, &login7(TDS_7_0));
    let said = "Encryption is required to connect to this server but the client library does not support \
                encryption; the connection has been closed. Please upgrade your client library.";
    talk.say(From::Server, &old_error(17835, said));
    talk.send(From::Server, Flags::FinAck, &[]);
    talk.send(From::Client, Flags::FinAck, &[]);
    talk.send(From::Server, Flags::Ack, &[]);
    file(&talk.frames)
}
