//! What bounds the recorder, and what it does when it cannot write.

use std::fs;
use std::path::PathBuf;

use super::Folder;
use super::watch::*;
use crate::capture::{LinkType, Packet};
use crate::decode::Flow;
use crate::facts::Time;
use crate::live::{Counts, Limit, Outcome, Recorder, RecorderSettings};

#[test]
fn limits_bite_and_are_counted() {
    let folder = Folder::new("limits");
    let watch = |settings| Watch::new(settings, &["r1-alert-70.pcap"]);
    let slug = "no-common-tls-version";

    let mut files = watch(RecorderSettings { max_files: 2, ..settings(&folder) });
    let bytes = fs::metadata(written(files.write(slug)).0).unwrap().len();
    written(files.write(slug));
    assert_eq!(files.write(slug), Outcome::Limited(Limit::Files));
    assert_eq!(files.write(slug), Outcome::Limited(Limit::Files));
    let expected = Counts { files: 2, bytes: 2 * bytes, limited: 2, ..Counts::default() };
    assert_eq!(files.recorder.counts(), expected);

    let mut room = watch(RecorderSettings { max_bytes: 2 * bytes, ..settings(&folder) });
    written(room.write(slug));
    written(room.write(slug));
    assert_eq!(room.write(slug), Outcome::Limited(Limit::Bytes));
    assert_eq!(room.recorder.counts(), Counts { limited: 1, ..expected });
    let mut tight = watch(RecorderSettings { max_bytes: bytes - 1, ..settings(&folder) });
    assert_eq!(tight.write(slug), Outcome::Limited(Limit::Bytes));

    let mut rate = watch(RecorderSettings { per_minute: 2, ..settings(&folder) });
    let (finding, connection) = rate.finding(slug);
    let mut at = |seconds: i64| {
        let outcome = rate.recorder.write(&finding, &connection, Time(NOW.0 + seconds * 1_000_000_000));
        !matches!(outcome, Outcome::Limited(Limit::Rate))
    };
    // Packets out of order do not begin another minute, a clock that is set back does.
    let told = [0, 59, 59, -1, 60, 61, 62, 119, 120, 121, 179, 10, 11, 12].map(&mut at);
    let yes = [true, true, false, false, true, true, false, false, true, true, false, true, true, false];
    assert_eq!(told, yes);
    assert_eq!((rate.recorder.counts().files, rate.recorder.counts().limited), (8, 6));
    assert_eq!(folder.names().len(), 12);
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = Folder::new("others");
    let taken = "20261128T021407.123Z-000001-no-common-tls-version.pcapng";
    fs::write(folder.path().join(taken), b"precious").unwrap();
    let mut watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let (path, ..) = written(watch.write("no-common-tls-version"));
    assert_eq!(path.file_name().unwrap(), "20261128T021407.123Z-000002-no-common-tls-version.pcapng");
    let (path, ..) = written(watch.write("no-common-tls-version"));
    assert_eq!(path.file_name().unwrap(), "20261128T021407.123Z-000003-no-common-tls-version.pcapng");
    assert_eq!(fs::read(folder.path().join(taken)).unwrap(), b"precious");
    assert_eq!(folder.names().len(), 3);
}

#[test]
fn a_folder_that_cannot_be_written_to_fails_in_words_and_the_recorder_goes_on() {
    let folder = Folder::new("folders");
    let missing = folder.path().join("missing");
    let mut watch =
        Watch::new(RecorderSettings { folder: missing.clone(), ..settings(&folder) }, &["r1-alert-70.pcap"]);
    let Outcome::Failed(why) = watch.write("no-common-tls-version") else { panic!() };
    assert!(why.starts_with(&format!("{}: ", missing.display())) && !why.contains("os error"), "{why}");
    assert!(folder.names().is_empty());
    fs::create_dir(&missing).unwrap();
    written(watch.write("no-common-tls-version"));
    let counts = watch.recorder.counts();
    assert_eq!((counts.failed, counts.files), (1, 1));

    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let mut watch = Watch::new(RecorderSettings { folder: file, ..settings(&folder) }, &["r1-alert-70.pcap"]);
    assert!(matches!(watch.write("no-common-tls-version"), Outcome::Failed(_)));
    assert_eq!(folder.names(), ["file", "missing"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_read_only_fails_and_stays_empty() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("read-only");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write all the same.
    let may = fs::write(folder.path().join("probe"), b"").is_ok();
    let mut watch = Watch::new(settings(&folder), &["r1-alert-70.pcap"]);
    let outcome = watch.write("no-common-tls-version");
    assert!(
        may || matches!(&outcome, Outcome::Failed(why) if why.ends_with(": Permission denied")),
        "{outcome:?}"
    );
    assert!(may || folder.names().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn nor_does_root_write_where_nobody_can() {
    let folder = Folder::new("proc");
    let nowhere = RecorderSettings { folder: PathBuf::from("/proc/self"), ..settings(&folder) };
    let mut watch = Watch::new(nowhere, &["r1-alert-70.pcap"]);
    let outcome = watch.write("no-common-tls-version");
    assert!(matches!(&outcome, Outcome::Failed(why) if why.starts_with("/proc/self: ")), "{outcome:?}");
}

#[test]
fn packets_that_cannot_be_kept_are_counted() {
    let folder = Folder::new("unkept");
    let mut recorder = Recorder::new(RecorderSettings { before: 208, ..settings(&folder) }, ethernet());
    let bytes = [0; 161];
    let packet = Packet {
        time: 0,
        file: 0,
        frame: 1,
        link: LinkType::ETHERNET,
        interface: 0,
        original_len: 161,
        bytes: &bytes,
    };
    recorder.keep(Flow(1), &packet, 160);
    assert_eq!(recorder.counts().unkept, 0);
    recorder.keep(Flow(1), &packet, 161);
    recorder.keep(Flow(1), &Packet { file: 1, ..packet }, 10);
    recorder.keep(Flow(1), &Packet { link: LinkType::RAW, ..packet }, 10);
    assert_eq!(recorder.counts(), Counts { unkept: 3, ..Counts::default() });
}
