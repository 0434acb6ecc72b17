//! `tdscope analyze`: from capture files to causes.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use tdscope::analysis::{Analysis, Analyzer, Progress};
use tdscope::capture::{Chain, Input, open};
use tdscope::report::{Redactor, html, json, markdown, text};
use tdscope::rules::Severity;

use super::arguments::{AnalyzeOptions, Format};
use super::progress::Bar;
use super::scope::Scope;
use super::{FAILED, UNREADABLE, complain};

/// Reads the captures, writes the report, and says by the exit code what was found.
///
/// # Errors
/// When the report cannot be written.
pub(crate) fn run(options: &AnalyzeOptions) -> io::Result<ExitCode> {
    let settings = match options.settings() {
        Ok(settings) => settings,
        Err(message) => {
            complain(&format!("tdscope: {message}"));
            return Ok(ExitCode::from(UNREADABLE));
        }
    };
    let inputs = options.inputs();
    if let Some(output) = options.output.as_deref().filter(|output| is_input(output, &options.scope, &inputs))
    {
        complain(&format!(
            "tdscope: {}: is one of the files read; name another for the report",
            output.display()
        ));
        return Ok(ExitCode::from(UNREADABLE));
    }
    let opened = (0_u32..).zip(&inputs).map(|(file, input)| (input.name(), open(input, file))).collect();
    let mut chain = Chain::new(opened);
    let bar = Bar::new(&inputs);
    let mut analysis = Analyzer::new(settings).run(&mut chain, &mut |progress: Progress| bar.at(progress));
    bar.done();
    for capture in &analysis.captures {
        if let Some(error) = &capture.error {
            complain(&format!("tdscope: {error}"));
        }
    }
    if options.redact {
        redactor(options.scope.policy_files()).redact(&mut analysis);
    }
    write(options, &analysis)?;
    let code = exit_code(options, &analysis);
    // The process ends: what a large capture taught is given back at once, and not piece by piece.
    std::mem::forget(analysis);
    Ok(code)
}

fn write(options: &AnalyzeOptions, analysis: &Analysis) -> io::Result<()> {
    match &options.output {
        Some(path) => {
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            let mut out = BufWriter::new(File::create(path).map_err(named)?);
            report(options, analysis, false, &mut out).and_then(|()| out.flush()).map_err(named)
        }
        None => {
            let stdout = io::stdout();
            let terminal = stdout.is_terminal();
            let mut out = BufWriter::new(stdout.lock());
            report(options, analysis, terminal, &mut out)?;
            out.flush()
        }
    }
}

fn report(
    options: &AnalyzeOptions,
    analysis: &Analysis,
    terminal: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let least = Severity::from(options.min_severity);
    match options.format {
        Format::Json => json::write(analysis, least, out),
        Format::Html => html::write(analysis, &document(options, least), out),
        Format::Markdown => markdown::write(analysis, &document(options, least), out),
        Format::Text => {
            let file = options.output.is_some();
            let style = text::Style {
                all_connections: options.extent.all_connections,
                ..options.manner.style(terminal, file, least)
            };
            text::write(analysis, &style, out)
        }
    }
}

fn document(options: &AnalyzeOptions, least: Severity) -> html::Style {
    html::Style { zone: options.manner.zone(), least, ..html::Style::default() }
}

fn exit_code(options: &AnalyzeOptions, analysis: &Analysis) -> ExitCode {
    let unreadable = analysis.captures.iter().any(|capture| capture.error.is_some() && capture.packets == 0);
    if unreadable {
        ExitCode::from(UNREADABLE)
    } else if analysis.failed() && !options.manner.exit_zero {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// A redactor that knows what these files are called.
pub(super) fn redactor<'p>(policies: impl Iterator<Item = &'p Path>) -> Redactor {
    let mut redactor = Redactor::new();
    policies.for_each(|path| {
        redactor.file(&path.display().to_string());
    });
    redactor
}

/// Writing over a capture would destroy the evidence, and over a policy what it rests on.
pub(super) fn is_input(output: &Path, scope: &Scope, inputs: &[Input]) -> bool {
    let Ok(output) = fs::canonicalize(output) else { return false };
    let captures = inputs.iter().filter_map(|input| match input {
        Input::Path(path) => Some(path.as_path()),
        Input::Stdin => None,
    });
    captures.chain(scope.policy_files()).any(|path| fs::canonicalize(path).is_ok_and(|path| path == output))
}
