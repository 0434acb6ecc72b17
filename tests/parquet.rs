//! The tables of `tdscope batch --parquet`, as a program that reads Parquet sees them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

type Row = BTreeMap<String, Field>;

fn rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(metadata.iter().any(|pair| pair.key == "tdscope.schema"));
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().into_columns().into_iter().collect()).collect()
}

fn text(row: &Row, column: &str) -> Option<String> {
    match &row[column] {
        Field::Str(text) => Some(text.clone()),
        Field::Null => None,
        other => panic!("{column} is {other}"),
    }
}

fn number(row: &Row, column: &str) -> i64 {
    match row[column] {
        Field::Long(number) => number,
        ref other => panic!("{column} is {other}"),
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("parquet-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn batch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
    command.args(["batch", "--quiet", "fixtures/captures"]).args(arguments).output().unwrap()
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("connections")).unwrap();
    let mut parts: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    parts.sort();
    parts
}

#[test]
fn tables_say_what_json_says() {
    let folder = folder("json");
    let output = batch(&["--format", "json", "--parquet", folder.to_str().unwrap()]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let captures = json["captures"].as_array().unwrap();

    let table = rows(&folder.join("captures.parquet"));
    assert_eq!(table.len(), captures.len());
    for (row, capture) in table.iter().zip(captures) {
        assert_eq!(text(row, "capture").unwrap(), capture["name"]);
        assert_eq!(number(row, "packets"), capture["packets"]);
        assert_eq!(number(row, "failed"), capture["failed"]);
        let first: Option<jiff::Timestamp> = capture["first"].as_str().map(|time| time.parse().unwrap());
        match row["first"] {
            Field::TimestampMicros(micros) => {
                assert_eq!(Some(micros), first.map(jiff::Timestamp::as_microsecond));
            }
            ref other => assert!(first.is_none(), "{other}"),
        }
    }

    let found: Vec<(String, String, i64)> = rows(&folder.join("findings.parquet"))
        .iter()
        .map(|row| (text(row, "capture").unwrap(), text(row, "code").unwrap(), number(row, "logins")))
        .collect();
    let told = |capture: &Value| -> Vec<(String, String, i64)> {
        let name = capture["name"].as_str().unwrap().to_owned();
        let one = |finding: &Value| {
            (name.clone(), finding["code"].as_str().unwrap().to_owned(), finding["logins"].as_i64().unwrap())
        };
        capture["findings"].as_array().unwrap().iter().map(one).collect()
    };
    assert_eq!(found, captures.iter().flat_map(told).collect::<Vec<_>>());

    // Every failing connection is in the table with the verdict that analyze gives.
    let parts = parts(&folder);
    let readable = captures.iter().filter(|capture| capture["unreadable"] == false).count();
    assert_eq!(parts.len(), readable);
    let mut causes = BTreeSet::new();
    for part in &parts {
        let table = rows(part);
        let Some(name) = table.first().and_then(|row| text(row, "capture")) else { continue };
        let mut alone = Command::new(env!("CARGO_BIN_EXE_tdscope"));
        let alone = alone.args(["analyze", "--format", "json", &name]).output().unwrap();
        let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
        let connections = alone["connections"].as_array().unwrap();
        assert_eq!(table.len(), connections.len(), "{name}");
        for (row, connection) in table.iter().zip(connections) {
            assert_eq!(number(row, "id"), connection["id"]);
            assert_eq!(text(row, "code").as_deref(), connection["verdict"]["code"].as_str());
            assert_eq!(text(row, "phase").as_deref(), connection["phase"].as_str());
            assert_eq!(text(row, "ended_how").as_deref(), connection["ended"]["how"].as_str());
            assert_eq!(text(row, "story").as_deref(), connection["story"].as_str());
            causes.extend(text(row, "code"));
        }
    }
    assert!(causes.len() > 10, "{causes:?}");
}

#[test]
fn the_same_captures_give_the_same_bytes() {
    let (one, other) = (folder("one"), folder("other"));
    batch(&["--jobs", "1", "--parquet", one.to_str().unwrap()]);
    batch(&["--jobs", "7", "--parquet", other.to_str().unwrap()]);
    for name in ["captures.parquet", "findings.parquet"] {
        assert!(fs::read(one.join(name)).unwrap() == fs::read(other.join(name)).unwrap(), "{name}");
    }
    let (one, other) = (parts(&one), parts(&other));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.file_name(), other.file_name());
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{}", one.display());
    }
}

#[test]
fn tables_of_two_runs_are_not_mixed() {
    let folder = folder("mixed");
    let tables = folder.to_str().unwrap();
    assert_eq!(batch(&["--parquet", tables]).status.code(), Some(1));
    let again = batch(&["--parquet", tables]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("holds the tables of another run"));
    let state = folder.join("state");
    let resumed = batch(&["--parquet", tables, "--resume", state.to_str().unwrap()]);
    assert_eq!(resumed.status.code(), Some(1));
    assert!(resumed.stderr.is_empty());
    // A table that is missing is written again, and one that belongs to nothing is named.
    let parts = parts(&folder);
    let lost = fs::read(&parts[0]).unwrap();
    fs::rename(&parts[0], folder.join("connections/stranger.parquet")).unwrap();
    let resumed = batch(&["--parquet", tables, "--resume", state.to_str().unwrap()]);
    assert_eq!(resumed.status.code(), Some(1));
    assert!(String::from_utf8(resumed.stderr).unwrap().contains("stranger.parquet: belongs to no capture"));
    assert!(fs::read(&parts[0]).unwrap() == lost);
}

#[test]
fn the_documented_columns_are_those_that_there_are() {
    let path = Path::new("schema/tdscope-parquet-1.md");
    let columns = tdscope::report::parquet::columns();
    if std::env::var_os("TDSCOPE_UPDATE_SCHEMA").is_some() {
        fs::write(path, format!("{HEAD}{columns}")).unwrap();
    }
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        format!("{HEAD}{columns}"),
        "set TDSCOPE_UPDATE_SCHEMA=1 to renew"
    );
}

const HEAD: &str = "# Tables of `tdscope batch --parquet`

Schema `tdscope-parquet/1`; it stands in the metadata of each file as `tdscope.schema`. Texts are as the capture had them: of
strangers.

";
