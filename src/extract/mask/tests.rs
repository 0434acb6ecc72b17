use super::*;

/// What can be shown of a direction.
fn shown(bytes: &[u8]) -> Vec<u8> {
    let mut mask = Mask::default();
    mask.fill(0, bytes);
    mask.read(Hidden::Names, &mut Letters::default());
    mask.shown(0, bytes).0
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1, length[0], length[1], 0, 0, 1, 0][..], body].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]][..], body].concat()
}

#[test]
fn data_is_blank_and_its_frames_stay() {
    let bytes = [record(0x17, b"secret"), record(0x15, &[2, 40])].concat();
    assert_eq!(shown(&bytes), [record(0x17, &[0; 6]), record(0x15, &[2, 40])].concat());
    let batch = [packet(1, b"SELECT name"), packet(6, &[])].concat();
    assert_eq!(shown(&batch), [packet(1, &[0; 11]), packet(6, &[])].concat());
}

#[test]
fn what_is_no_frame_is_not_shown() {
    assert_eq!(shown(b"HTTP/1.1 corp"), b"HTTP/1.\0\0\0\0\0\0");
    assert_eq!(shown(b"SSH-2.0-corp"), b"SSH-2.0-\0\0\0\0");
    assert_eq!(shown(b"220 mail.corp.example"), b"");
    let bytes = [record(0x15, &[2, 40]), b"corp".to_vec()].concat();
    assert_eq!(shown(&bytes), record(0x15, &[2, 40]));
}

#[test]
fn encrypted_handshake_and_alert_are_blank() {
    let bytes = [record(0x14, &[1]), record(0x16, b"finished"), record(0x15, b"closing")].concat();
    assert_eq!(shown(&bytes), [record(0x14, &[1]), record(0x16, &[0; 8]), record(0x15, &[0; 7])].concat());
}

#[test]
fn bytes_that_differ_from_those_joined_are_not_shown() {
    let bytes = record(0x15, &[2, 40]);
    let mut mask = Mask::default();
    mask.fill(0, &bytes);
    mask.read(Hidden::Names, &mut Letters::default());
    assert_eq!(mask.shown(0, b"corp"), (Vec::new(), 0));
    assert_eq!(mask.shown(5, &[2, 40]), (vec![2, 40], 0));
    assert_eq!(mask.shown(7, b"x"), (Vec::new(), 0));
}

#[test]
fn a_gap_in_a_body_leaves_what_follows() {
    let whole = [record(0x17, b"secret"), record(0x15, &[2, 40])].concat();
    let mut mask = Mask::default();
    mask.fill(0, &whole[..7]);
    mask.fill(10, &whole[10..]);
    mask.read(Hidden::Names, &mut Letters::default());
    assert_eq!(mask.shown(11, &whole[11..]).0, record(0x15, &[2, 40]));
}

#[test]
fn a_wrapped_handshake_goes_on_over_packets() {
    let hello = [&[11, 0, 0, 9, 0, 0, 6, 0, 0, 3][..], b"abc"].concat();
    let wrapped = record(0x16, &hello);
    let (one, other) = wrapped.split_at(8);
    let bytes = [packet(0x12, one), packet(0x12, other)].concat();
    let blank = record(0x16, &[11, 0, 0, 9, 0, 0, 6, 0, 0, 3, 0, 0, 0]);
    let (one, other) = blank.split_at(8);
    assert_eq!(shown(&bytes), [packet(0x12, one), packet(0x12, other)].concat());
}
