use std::path::PathBuf;

use super::open_bytes;
use crate::capture::{Error, ErrorKind, Input, open};

fn refused(bytes: &[u8]) -> ErrorKind {
    let Err(error) = open_bytes(bytes) else { panic!("opened") };
    assert_eq!(error.path, "memory");
    error.kind
}

fn unsupported(bytes: &[u8]) -> &'static str {
    match refused(bytes) {
        ErrorKind::Unsupported { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_capture_is_named() {
    assert_eq!(refused(&[]), ErrorKind::Empty);
    assert_eq!(unsupported(b"\x02\x21\x4C\x18\0\0\0\0"), "an old LZ4 file");
    assert_eq!(unsupported(b"BZh91AY"), "bzip2-compressed");
    assert_eq!(unsupported(b"PK\x03\x04\x14\0"), "a zip archive");
    assert_eq!(unsupported(b"7z\xBC\xAF\x27\x1C"), "a 7z archive");
    let text = ErrorKind::UnknownFormat { found: "text".to_owned() };
    assert_eq!(refused(b"No.\tTime\tSource\r\n"), text);
    assert_eq!(refused(b"x"), text);
    assert_eq!(
        refused(&[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ErrorKind::UnknownFormat { found: "00 01 02 03 04 05 06 07".to_owned() }
    );
    assert_eq!(refused(&[0xFF]), ErrorKind::UnknownFormat { found: "ff".to_owned() });
    // Three of four bytes of a magic number are none.
    assert!(matches!(refused(&[0xD4, 0xC3, 0xB2]), ErrorKind::UnknownFormat { .. }));
}

#[test]
fn what_is_no_capture_is_told_by_its_first_bytes_however_many_came() {
    let text = ErrorKind::UnknownFormat { found: "text".to_owned() };
    assert_eq!(refused(&[&[b'v'; 72][..], &[0; 200]].concat()), text);
    let binary = ErrorKind::UnknownFormat { found: "76 76 76 76 76 76 76 76".to_owned() };
    assert_eq!(refused(&[&[b'v'; 71][..], &[0; 200]].concat()), binary);
}

#[test]
fn a_trace_log_is_told_by_its_first_buffer() {
    let etl = |size: u32, end: u32, kind: u8| {
        let mut bytes = vec![0; 80];
        bytes[..4].copy_from_slice(&size.to_le_bytes());
        bytes[48..52].copy_from_slice(&end.to_le_bytes());
        bytes[54] = kind;
        open_bytes(&bytes).is_ok()
    };
    assert!(etl(65_536, 544, 4) && etl(8_192, 72, 4));
    for (size, end, kind) in
        [(65_537, 544, 4), (512, 100, 4), (65_536, 65_537, 4), (65_536, 71, 4), (65_536, 544, 0)]
    {
        assert!(!etl(size, end, kind), "{size} {end} {kind}");
    }
}

#[test]
fn errors_say_what_and_where_in_one_line() {
    let text = |kind: ErrorKind| Error { path: "a.pcap".to_owned(), kind }.to_string();
    assert_eq!(text(ErrorKind::Empty), "a.pcap: offset 0: the file is empty, expected a capture");
    assert_eq!(
        text(refused(b"BZh91AY")),
        "a.pcap: offset 0: this is bzip2-compressed, which is not read yet; unpack it first: bzip2 -d FILE"
    );
    assert_eq!(text(refused(&[0, 1])), "a.pcap: offset 0: no capture format begins so: 00 01");
}

#[test]
fn directories_and_missing_files_are_told_apart() {
    let folder = std::env::temp_dir();
    let Err(error) = open(&Input::Path(folder.clone()), 0) else { panic!("opened") };
    assert_eq!(error, Error { path: folder.display().to_string(), kind: ErrorKind::Directory });
    let missing = folder.join("tdscope-no-such-file.pcap");
    let Err(error) = open(&Input::Path(missing), 0) else { panic!("opened") };
    let ErrorKind::Open { kind, text } = error.kind else { panic!("{error}") };
    assert_eq!(kind, std::io::ErrorKind::NotFound);
    assert!(!text.contains("os error"), "{text}");
    assert_eq!(Input::Stdin.name(), "-");
    assert_eq!(Input::Path(PathBuf::from("a/b.pcap")).name(), "a/b.pcap");
}
