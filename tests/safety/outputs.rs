//! Everything that tdscope writes about a capture.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What was written, by the command and the form.
pub(crate) struct Outputs {
    pub(crate) all: Vec<(String, Vec<u8>)>,
    folder: PathBuf,
    path: PathBuf,
}

impl Outputs {
    /// Everything about a capture of this name; `folder` is one for each test.
    pub(crate) fn of(folder: &str, name: &str, capture: &[u8]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("safety-{folder}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("case")).unwrap();
        let path = folder.join("case").join(name);
        fs::write(&path, capture).unwrap();
        let mut outputs = Self { all: Vec::new(), folder, path: path.clone() };
        outputs.analyze(&path);
        outputs.batch();
        outputs.extract(&path);
        outputs
    }

    fn analyze(&mut self, path: &Path) {
        let path = path.to_str().unwrap();
        for form in ["text", "json", "html", "markdown"] {
            for redact in [false, true] {
                let name = format!("analyze {form}{}", if redact { ", redacted" } else { "" });
                let mut arguments = vec!["analyze", "--all-connections", "--format", form, path];
                arguments.extend(redact.then_some("--redact"));
                self.keep(&name, &arguments);
            }
        }
        self.keep("analyze json, some", &["analyze", "--format", "json", path]);
        self.keep("analyze text in colours", &["analyze", "--ascii", "--all-connections", path]);
        self.keep("analyze what is wrong", &["analyze", path, "no-such-file.pcap"]);
        self.keep("info text", &["info", path]);
        self.keep("info json", &["info", "--format", "json", path]);
    }

    fn batch(&mut self) {
        let (case, state) = (self.folder.join("case"), self.folder.join("state"));
        let (case, state) = (case.to_str().unwrap().to_owned(), state.to_str().unwrap().to_owned());
        for form in ["text", "json", "ndjson", "csv", "markdown", "html"] {
            for redact in [false, true] {
                let name = format!("batch {form}{}", if redact { ", redacted" } else { "" });
                let mut arguments = vec!["batch", "--all", "--format", form, &case];
                arguments.extend(redact.then_some("--redact"));
                self.keep(&name, &arguments);
            }
        }
        self.keep("batch that remembers", &["batch", "--all", "--resume", &state, &case]);
        self.keep_file("what a batch remembers", Path::new(&state));
        let pages = self.folder.join("pages");
        self.keep("batch with pages", &["batch", "--all", "--reports", pages.to_str().unwrap(), &case]);
        self.keep_folder(&pages);
        if cfg!(feature = "parquet") {
            let tables = self.folder.join("tables");
            self.keep("batch with tables", &["batch", "--all", "--parquet", tables.to_str().unwrap(), &case]);
            self.keep_folder(&tables);
            self.keep_folder(&tables.join("connections"));
        }
    }

    fn extract(&mut self, path: &Path) {
        for id in self.connections() {
            for redact in [false, true] {
                let name = format!("extract {id}{}", if redact { ", redacted" } else { "" });
                let out = self.folder.join("out.pcapng");
                let mut arguments =
                    vec!["extract", path.to_str().unwrap(), "--connection", &id, "-o", out.to_str().unwrap()];
                arguments.extend(redact.then_some("--redact"));
                self.keep(&format!("{name}, what is said"), &arguments);
                self.keep_file(&name, &out);
            }
        }
    }

    /// Extracts with their secrets.
    pub(crate) fn kept_secrets(&self) -> Vec<Vec<u8>> {
        let out = self.folder.join("out.pcapng");
        let extracted = |id: String| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
            command.args(["extract", "--keep-secrets", "--connection", &id, "-o"]).arg(&out).arg(&self.path);
            assert!(command.output().unwrap().status.success());
            fs::read(&out).unwrap()
        };
        self.connections().into_iter().map(extracted).collect()
    }

    fn connections(&self) -> Vec<String> {
        let (_, json) = self.all.iter().find(|(name, _)| name == "analyze json, some").unwrap();
        let report: Value = serde_json::from_slice(json).unwrap();
        report["connections"].as_array().unwrap().iter().map(|one| one["id"].to_string()).collect()
    }

    /// What a command says; it must not fail for another reason than what it found.
    fn keep(&mut self, name: &str, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tdscope"));
        if name.contains("colours") {
            command.env("CLICOLOR_FORCE", "1");
        }
        let output = command.args(arguments).env("RUST_BACKTRACE", "1").output().unwrap();
        let wrong = name.contains("wrong");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code < 2 || wrong), "{name}: {said}");
        if !output.stderr.is_empty() {
            self.all.push((format!("{name}, what is said on the way"), output.stderr));
        }
        self.all.push((name.to_owned(), output.stdout));
    }

    fn keep_file(&mut self, name: &str, path: &Path) {
        self.all.push((name.to_owned(), fs::read(path).unwrap()));
        let _ = fs::remove_file(path);
    }

    fn keep_folder(&mut self, folder: &Path) {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty());
        for path in paths.iter().filter(|path| path.is_file()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            self.all.push((format!("the name of {name}"), name.clone().into_bytes()));
            self.all.push((name, fs::read(path).unwrap()));
        }
    }
}
