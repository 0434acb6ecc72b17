//! The opening: answers to SYNs, and ICMP errors, that quote what was never sent.

use etherparse::{Icmpv4Type, PacketBuilder, icmpv4};
use tdscope::rules::Confidence;

use crate::file::Frame;
use crate::talk::{Flags, From, MILLISECOND, SECOND, START, Talk};
use crate::wire::{ENCRYPT_ON, prelogin};
use crate::{analyze, errors};

const CLIENT: &str = "10.20.1.10:50000";
const SERVER: &str = "10.20.2.20:1433";

/// SYNs that nobody answers.
fn silent() -> Talk {
    let mut talk = Talk::new(CLIENT, SERVER, START);
    let isn = talk.client_seq;
    for pause in [1, 2, 4, 8] {
        talk.segment(From::Client, Flags::Syn, isn, 0, &[]);
        talk.wait(pause * SECOND);
    }
    talk
}

/// A router's word that the host cannot be reached, about a segment with this number.
fn unreachable(time: i64, seq: u32) -> Frame {
    let quoted =
        PacketBuilder::ipv4([10, 20, 1, 10], [10, 20, 2, 20], 60).tcp(50_000, 1433, seq, 64_240).syn();
    let mut quote = Vec::new();
    quoted.write(&mut quote, &[]).unwrap();
    let message = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Host);
    let packet =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 20, 9, 9], [10, 20, 1, 10], 200).icmpv4(message);
    let mut bytes = Vec::new();
    packet.write(&mut bytes, &quote).unwrap();
    Frame { time, bytes, interface: 0 }
}

#[test]
fn an_icmp_error_about_what_was_never_sent_is_nobody_s_word() {
    let talk = silent();
    let isn = talk.client_seq;
    assert_eq!(errors(&analyze(&talk.frames)), [("host-silent", Confidence::Certain)]);
    for (seq, said) in [(isn, "host-unreachable"), (isn ^ 0x4000_0000, "host-silent"), (0, "host-silent")] {
        let mut frames = talk.frames.clone();
        frames.insert(1, unreachable(START + 30 * MILLISECOND, seq));
        assert_eq!(errors(&analyze(&frames)), [(said, Confidence::Certain)], "{seq}");
    }
}

#[test]
fn an_answer_to_another_syn_opens_nothing() {
    let mut talk = silent();
    talk.frames.truncate(1);
    talk.now = START + MILLISECOND;
    let (isn, other) = (talk.client_seq, 0x1234_5678);
    talk.segment(From::Server, Flags::SynAck, other, isn.wrapping_add(70_000), &[]);
    let forged = talk.frames.remove(1);
    let mut frames = silent().frames;
    frames.insert(1, forged.clone());
    assert_eq!(errors(&analyze(&frames)), errors(&analyze(&silent().frames)));

    // The genuine answer comes after it, and a server that leaves PRELOGIN without one.
    let mut talk = Talk::new(CLIENT, SERVER, START);
    talk.open();
    talk.say(From::Client, &prelogin(ENCRYPT_ON, false));
    talk.wait(20 * MILLISECOND);
    talk.send(From::Server, Flags::FinAck, &[]);
    talk.send(From::Client, Flags::FinAck, &[]);
    let genuine = errors(&analyze(&talk.frames));
    assert_eq!(genuine, [("prelogin-closed", Confidence::Certain)]);
    let mut frames = talk.frames.clone();
    frames.insert(1, Frame { time: START + MILLISECOND / 10, ..forged });
    assert_eq!(errors(&analyze(&frames)), genuine);
}

#[test]
fn a_reset_that_answers_another_syn_is_not_certain() {
    let mut talk = silent();
    talk.frames.truncate(1);
    talk.now = START + MILLISECOND;
    let isn = talk.client_seq;
    for (flags, ack) in [(Flags::RstAck, isn.wrapping_add(70_000)), (Flags::Rst, 0)] {
        talk.segment(From::Server, flags, 0, ack, &[]);
        let forged = talk.frames.remove(1);
        let mut frames = silent().frames;
        frames.insert(1, forged);
        let said = errors(&analyze(&frames));
        assert!(said.iter().all(|(_, confidence)| *confidence < Confidence::Certain), "{said:?}");
        assert!(!said.is_empty());
    }
}
