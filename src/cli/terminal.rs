//! What the terminal can show.

use tdscope::report::text::Style;

/// The style of text on standard output; `terminal` says whether that is one. Asked of the environment here, so
/// that a report depends on its arguments alone.
pub(crate) fn style(terminal: bool) -> Style {
    Style {
        color: colored::control::SHOULD_COLORIZE.should_colorize(),
        ascii: terminal && !unicode_locale(),
        width: terminal.then(width).flatten(),
        ..Style::default()
    }
}

/// Whether the terminal's locale can show more than ASCII; Windows terminals can.
fn unicode_locale() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    cfg!(windows)
        || locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
}

fn width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}
