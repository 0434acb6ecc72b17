//! What is found in folders and archives, and read there.

use std::io::{self, Read};

use super::super::Inventory;
use super::archives::{gzip, tar, zip, zstd};
use super::{Folder, pcap};

fn names(inventory: &Inventory) -> Vec<String> {
    inventory.members.iter().map(|found| found.member.file_name()).collect()
}

fn contents(inventory: &Inventory) -> Vec<Vec<u8>> {
    let read = |found: &super::super::Found| {
        let mut bytes = Vec::new();
        found.member.open().unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    inventory.members.iter().map(read).collect()
}

#[test]
fn captures_are_told_from_other_files() {
    let folder = Folder::new();
    for name in [
        "a.pcap",
        "deep/er/b.PcapNG",
        "c.cap7",
        "d.pcap.gz",
        "e.etl",
        "empty.pcap",
        "f.cap.lz4",
        "g.snoop.xz",
    ] {
        folder.put(name, if name == "empty.pcap" { b"" } else { b"x" });
    }
    folder.put("no-name", &pcap(&[1]));
    folder.put("no-name-2", b"GMBU\x03\x02");
    folder.put("no-name-3", b"snoop\0\0\0");
    folder.put("readme.txt", b"hello");
    folder.put("pcap", b"hello");
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    assert_eq!(
        names(&inventory),
        [
            "a.pcap",
            "c.cap7",
            "d.pcap.gz",
            "b.PcapNG",
            "e.etl",
            "empty.pcap",
            "f.cap.lz4",
            "g.snoop.xz",
            "no-name",
            "no-name-2",
            "no-name-3"
        ]
    );
    assert_eq!(inventory.others, 2);
    assert!(inventory.problems.is_empty());
}

#[test]
fn what_is_named_twice_is_looked_at_once_and_what_is_missing_is_told() {
    let folder = Folder::new();
    let file = folder.put("a.pcap", b"x");
    let pattern = folder.path().join("*.pcap");
    let missing = folder.path().join("none*.pcap");
    let inventory = Inventory::of(&[file.clone(), folder.path().to_owned(), pattern, file, missing]);
    assert_eq!(names(&inventory), ["a.pcap"]);
    assert_eq!(inventory.problems.len(), 1);
    assert!(inventory.problems[0].name.ends_with("none*.pcap"));
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_told_and_ends() {
    let folder = Folder::new();
    folder.put("in/a.pcap", b"x");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("in/back")).unwrap();
    std::os::unix::fs::symlink("nowhere.pcap", folder.path().join("dangling.pcap")).unwrap();
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    assert_eq!(names(&inventory), ["a.pcap"]);
    let told: Vec<&str> = inventory.problems.iter().map(|problem| problem.name.as_str()).collect();
    assert!(told[0].ends_with("dangling.pcap") && told[1].ends_with("in/back"), "{told:?}");
}

#[test]
fn archives_of_every_kind_hold_the_same() {
    let captures = [pcap(&[1, 2]), pcap(&[3]), pcap(&(0..5000).collect::<Vec<_>>())];
    let packed = gzip(&captures[1]);
    let files: [(&str, &[u8]); 4] = [
        ("one.pcap", &captures[0]),
        ("in/two.pcap.gz", &packed),
        ("in/readme.txt", b"hello"),
        ("in/three.pcap", &captures[2]),
    ];
    let archives = [
        ("x.zip", zip(&files, false, 0)),
        ("x-deflated.zip", zip(&files, true, 0)),
        ("x.tar", tar(&files)),
        ("x.tgz", gzip(&tar(&files))),
        ("x.tar.zst", zstd(&tar(&files))),
    ];
    for (name, bytes) in archives {
        let folder = Folder::new();
        folder.put(name, &bytes);
        let inventory = Inventory::of(&[folder.path().to_owned()]);
        assert_eq!(names(&inventory), ["one.pcap", "two.pcap.gz", "three.pcap"], "{name}");
        assert_eq!((inventory.others, inventory.problems.len()), (1, 0), "{name}");
        assert_eq!(contents(&inventory), captures, "{name}");
        // In another order, and again.
        let last = inventory.members[2].member.open().unwrap();
        let mut first = Vec::new();
        inventory.members[0].member.open().unwrap().read_to_end(&mut first).unwrap();
        assert_eq!(first, captures[0], "{name}");
        drop(last);
        assert_eq!(contents(&inventory), captures, "{name}");
    }
}

#[test]
fn broken_archives_are_told_and_give_what_they_have() {
    let capture = pcap(&[1, 2]);
    let files: [(&str, &[u8]); 2] = [("one.pcap", &capture), ("two.pcap", &capture)];
    let whole = tar(&files);
    let cut = &whole[..2 * 512 + 100]; // in the header of the second
    let cases: [(&str, Vec<u8>, usize, &str); 4] = [
        ("cut.zip", zip(&files, true, 0)[..80].to_vec(), 0, "cannot be read"),
        ("secret.zip", zip(&files, true, 1), 0, "encrypted"),
        ("cut.tar", cut.to_vec(), 1, "cannot be read further"),
        ("noise.tar.gz", b"\x1f\x8bnoise and more noise".to_vec(), 0, "cannot be read further"),
    ];
    for (name, bytes, members, why) in cases {
        let folder = Folder::new();
        folder.put(name, &bytes);
        let inventory = Inventory::of(&[folder.path().to_owned()]);
        assert_eq!(inventory.members.len(), members, "{name}");
        assert_eq!(inventory.problems.len(), 1, "{name}: {:?}", inventory.problems);
        assert!(inventory.problems[0].why.contains(why), "{name}: {:?}", inventory.problems);
    }
}

/// A tar archive whose only file is sparse, as long as a number can say, and has a list of its parts that goes on
/// (GNU tar, "Storing Sparse Files").
fn endless_sparse() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("one.pcap").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(u64::MAX - 2047);
    header.as_gnu_mut().unwrap().isextended[0] = 1;
    header.set_cksum();
    let mut more = tar::GnuExtSparseHeader::new();
    more.isextended[0] = 1;
    [header.as_bytes().as_slice(), &more.as_bytes().repeat(8)].concat()
}

#[test]
fn what_one_archive_does_to_its_reader_costs_no_other_capture() {
    let folder = Folder::new();
    folder.put("a.tar", &endless_sparse());
    folder.put("b.pcap", &pcap(&[1]));
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    assert_eq!(names(&inventory), ["b.pcap"]);
    assert_eq!(inventory.problems.len(), 1);
    assert!(inventory.problems[0].why.contains("cannot be read"), "{:?}", inventory.problems);
}

#[test]
fn entries_of_a_zip_archive_share_no_bytes() {
    let capture = pcap(&[1, 2, 3]);
    let whole = zip(&[("a.pcap", &capture)], false, 0);
    let at = |magic: &[u8]| whole.windows(4).position(|four| four == magic).unwrap();
    let (directory, end) = (at(b"PK\x01\x02"), at(b"PK\x05\x06"));
    let entry = &whole[directory..end];
    // The same bytes under another name; and an entry that claims more than there is.
    let other = [&entry[..46], b"b.pcap".as_slice()].concat();
    let mut longer = [&entry[..46], b"c.pcap".as_slice()].concat();
    longer[20..24].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    for second in [other, longer] {
        let mut end = whole[end..].to_vec();
        end[8..12].copy_from_slice(&[2, 0, 2, 0]);
        end[12..16].copy_from_slice(&(2 * entry.len() as u32).to_le_bytes());
        let folder = Folder::new();
        folder.put("x.zip", &[&whole[..directory], entry, &second, &end].concat());
        let inventory = Inventory::of(&[folder.path().to_owned()]);
        assert_eq!(names(&inventory), ["a.pcap"]);
        assert_eq!(inventory.problems.len(), 1);
        assert!(inventory.problems[0].why.contains("more bytes than"), "{:?}", inventory.problems);
    }
}

#[test]
fn names_of_an_archive_take_bounded_memory() {
    let name = "\u{e9}".repeat(4096);
    let files: Vec<(String, &[u8])> = (0..4200).map(|at| (format!("{at:04}{name}"), &[][..])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let folder = Folder::new();
    folder.put("x.tar", &tar(&files));
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    assert_eq!(inventory.others, 4096);
    assert!(inventory.problems[0].why.contains("names"), "{:?}", inventory.problems);
}

/// An entry of a tar archive that says something of the next one.
fn tar_entry(kind: tar::EntryType, name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
    [header.as_bytes().as_slice(), bytes, &padding].concat()
}

#[test]
fn of_long_names_no_more_is_read_than_is_kept() {
    let capture = pcap(&[1]);
    let file = || tar_entry(tar::EntryType::Regular, "short.pcap", &capture);
    let gnu = |name: &[u8]| [tar_entry(tar::EntryType::GNULongName, "././@LongLink", name), file()].concat();
    let pax = |said: &[u8]| [tar_entry(tar::EntryType::XHeader, "PaxHeaders/x", said), file()].concat();
    let long = "d/".repeat(200) + "long.pcap";
    let record = format!("{} path={long}\n", long.len() + 10);
    for archive in [gnu(format!("{long}\0").as_bytes()), pax(record.as_bytes())] {
        let folder = Folder::new();
        folder.put("x.tar", &[archive, file()].concat());
        let inventory = Inventory::of(&[folder.path().to_owned()]);
        assert_eq!(names(&inventory), ["long.pcap", "short.pcap"]);
        assert_eq!(contents(&inventory), [capture.clone(), capture.clone()]);
    }
    // Names of 4 MiB, most of which nobody reads; and a size that is not the header's.
    let endless = vec![b'x'; 4 << 20];
    for (archive, members, why) in [
        (gnu(&endless), 1, None),
        (pax(&endless), 1, None),
        (pax(b"20 size=10000000000\n"), 0, Some("the size of a file does not fit into its header")),
    ] {
        let folder = Folder::new();
        folder.put("x.tar.gz", &gzip(&archive));
        let inventory = Inventory::of(&[folder.path().to_owned()]);
        assert_eq!(inventory.members.len() + inventory.others as usize, members);
        assert!(inventory.members.iter().all(|found| found.member.file_name().len() <= 4096));
        let told = inventory.problems.first().map(|problem| problem.why.as_str());
        assert_eq!(told.is_some(), why.is_some());
        assert!(told.unwrap_or_default().contains(why.unwrap_or_default()), "{told:?}");
    }
}

#[test]
fn a_bomb_does_not_go_off_because_its_size_is_a_lie() {
    // A Zstandard frame with a window of 8 MiB, and 600 blocks of 128 KiB that say a byte and how often it comes (RFC 8878 3.1.1).
    let mut bomb = b"\x28\xB5\x2F\xFD\0\x68".to_vec();
    bomb.extend([2, 0, 16, 0].repeat(600));
    let mut header = tar::Header::new_gnu();
    header.set_path("one.pcap.zst").unwrap();
    header.set_size(1 << 50);
    header.set_cksum();
    let folder = Folder::new();
    folder.put("x.tar", &[header.as_bytes(), bomb.as_slice()].concat());
    let inventory = Inventory::of(&[folder.path().to_owned()]);
    let error = io::copy(&mut inventory.members[0].member.open().unwrap(), &mut io::sink()).unwrap_err();
    assert!(error.to_string().contains("decompression bomb"), "{error}");
}
