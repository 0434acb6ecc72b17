//! What a batch writes: the result, pages, tables.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tdscope::analysis::Analysis;
use tdscope::batch::{CaptureSummary, Triage};
use tdscope::report::{batch, html, markdown, text};
use tdscope::rules::Severity;

use super::options::{BatchOptions, Form};

/// Failing connections of a capture that are at hand for its page, and for the table of connections.
const SHOWN: usize = 500;
const ROWS: usize = 10_000;

/// Writes the result: to a file only when it is complete.
pub(super) fn result(options: &BatchOptions, triage: &Triage) -> io::Result<()> {
    match &options.output {
        Some(path) => whole(path, |out| report(options, triage, false, out)),
        None => {
            let stdout = io::stdout();
            let terminal = stdout.is_terminal();
            let mut out = BufWriter::new(stdout.lock());
            report(options, triage, terminal, &mut out)?;
            out.flush()
        }
    }
}

fn report(options: &BatchOptions, triage: &Triage, terminal: bool, out: &mut dyn Write) -> io::Result<()> {
    match options.format {
        Form::Json => batch::json(triage, out),
        Form::Ndjson => batch::lines(triage, out),
        Form::Csv => batch::csv(triage, out),
        Form::Markdown => markdown::triage(triage, &options.document(), out),
        Form::Html => html::triage(triage, &options.document(), None, &|_| None, out),
        Form::Text => {
            let least = Severity::from(options.min_severity);
            let style = options.manner.style(terminal, options.output.is_some(), least);
            text::triage(triage, &text::Style { all_connections: options.all, ..style }, out)
        }
    }
}

/// Folders that are written to, beside the result.
pub(super) struct Folders<'a> {
    /// Pages, and how they look.
    pages: Option<(&'a Path, html::Style)>,
    /// Tables.
    tables: Option<&'a Path>,
}

impl<'a> Folders<'a> {
    /// Makes the folders.
    pub(super) fn prepared(options: &'a BatchOptions) -> Result<Self, String> {
        let pages = options.reports.as_deref().map(|folder| (folder, options.document()));
        let tables = options.parquet.as_deref();
        if tables.is_some() && !cfg!(feature = "parquet") {
            return Err(
                "this build writes no Parquet: build it with `cargo install --path . --features parquet`"
                    .to_owned(),
            );
        }
        let connections = tables.map(connections);
        for folder in pages.iter().map(|(folder, _)| *folder).chain(connections.as_deref()) {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        // Readers take every file of the folder for a part of one table.
        if let (Some(folder), None) = (connections, &options.resume) {
            let error = |error: io::Error| format!("{}: {error}", folder.display());
            if fs::read_dir(&folder).map_err(error)?.next().is_some() {
                return Err(format!(
                    "{}: holds the tables of another run: remove it, name another folder, or go on with --resume",
                    folder.display()
                ));
            }
        }
        Ok(Self { pages, tables })
    }

    /// Failing connections of a capture that are needed.
    pub(super) fn connections(&self) -> usize {
        match (self.tables, &self.pages) {
            (Some(_), _) => ROWS,
            (None, Some(_)) => SHOWN,
            (None, None) => 0,
        }
    }

    /// Whether connections of captures in which nothing failed are needed too.
    pub(super) fn healthy(&self) -> bool {
        self.tables.is_some()
    }

    /// Whether what is written for a capture is there.
    pub(super) fn have(&self, capture: &CaptureSummary) -> bool {
        let page = self.pages.as_ref().map(|(folder, _)| folder.join(file_of(capture, "html")));
        let table = self.tables.map(|folder| connections(folder).join(file_of(capture, "parquet")));
        capture.unreadable || page.into_iter().chain(table).all(|path| path.exists())
    }

    /// Writes what belongs to one capture.
    pub(super) fn capture(&self, capture: &CaptureSummary, analysis: &Analysis) -> io::Result<()> {
        if let Some((folder, style)) = &self.pages {
            whole(&folder.join(file_of(capture, "html")), |out| html::write(analysis, style, out))?;
        }
        self.connection_table(capture, analysis)
    }

    /// Writes what belongs to all captures: the pages that link to those of the captures, in every order, and the tables.
    pub(super) fn all(&self, triage: &Triage) -> io::Result<()> {
        if let Some((folder, style)) = &self.pages {
            let link = |capture: &CaptureSummary| {
                let file = file_of(capture, "html");
                folder.join(&file).exists().then_some(file)
            };
            for (order, _, file) in html::Order::ALL {
                whole(&folder.join(file), |out| html::triage(triage, style, Some(order), &link, out))?;
            }
        }
        self.tables(triage)
    }

    #[cfg(feature = "parquet")]
    fn connection_table(&self, capture: &CaptureSummary, analysis: &Analysis) -> io::Result<()> {
        let Some(folder) = self.tables else { return Ok(()) };
        let path = connections(folder).join(file_of(capture, "parquet"));
        whole(&path, |out| tdscope::report::parquet::connections(capture, analysis, out))
    }

    #[cfg(feature = "parquet")]
    fn tables(&self, triage: &Triage) -> io::Result<()> {
        use tdscope::report::parquet;
        let Some(folder) = self.tables else { return Ok(()) };
        whole(&folder.join("captures.parquet"), |out| parquet::captures(triage, out))?;
        whole(&folder.join("findings.parquet"), |out| parquet::findings(triage, out))
    }

    #[cfg(not(feature = "parquet"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as the build with tables has it")]
    fn connection_table(&self, _: &CaptureSummary, _: &Analysis) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(feature = "parquet"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as the build with tables has it")]
    fn tables(&self, _: &Triage) -> io::Result<()> {
        Ok(())
    }

    /// Files among the tables of connections that belong to none of these captures.
    pub(super) fn strangers(&self, triage: &Triage) -> Vec<PathBuf> {
        let Some(folder) = self.tables else { return Vec::new() };
        let ours: std::collections::BTreeSet<PathBuf> =
            triage.captures.iter().map(|capture| PathBuf::from(file_of(capture, "parquet"))).collect();
        let entries = fs::read_dir(connections(folder)).into_iter().flatten().flatten();
        let mut others: Vec<PathBuf> = entries
            .filter(|entry| !ours.contains(Path::new(&entry.file_name())))
            .map(|entry| entry.path())
            .collect();
        others.sort_unstable();
        others
    }
}

fn connections(folder: &Path) -> PathBuf {
    folder.join("connections")
}

/// The file that belongs to a capture: letters of its name that every file system takes, and a digest of all of it.
fn file_of(capture: &CaptureSummary, extension: &str) -> String {
    let last = capture.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let letters: String = last.chars().take(60).map(plain).collect();
    let digest = Sha256::digest(capture.files.join("\n").as_bytes());
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{letters}-{digest}.{extension}")
}

/// Writes a file under another name and renames it: one that bears its name is whole.
fn whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut out = BufWriter::new(File::create(&part).map_err(named)?);
    write(&mut out).and_then(|()| out.flush()).map_err(named)?;
    fs::rename(&part, path).map_err(named)
}
