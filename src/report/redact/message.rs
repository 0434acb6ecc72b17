//! What a server says in its own words.

use super::Redactor;
use super::names::address;
use crate::reference::login_error;

/// Quotation marks of the languages that messages come in: what opens, and what closes.
const QUOTES: [(char, char); 6] = [('\'', '\''), ('"', '"'), ('«', '»'), ('“', '”'), ('„', '“'), ('‘', '’')];
/// Stands for a message whose words are not known.
const WITHHELD: &str = "(text left out)";

impl Redactor {
    /// Takes a message to pieces: where its number says what it is, names stand in quotes; another may say anything, and is
    /// left out.
    pub(super) fn message(&mut self, number: u32, text: &mut String) {
        if text.is_empty() {
            return;
        }
        let instead = if login_error(number).is_some() {
            for name in quoted(text) {
                self.names.of("name", name);
            }
            self.meet_addresses(text);
            self.text(text)
        } else {
            WITHHELD.to_owned()
        };
        // As rules quote it: without the full stop.
        for form in
            [text.as_str(), text.trim(), text.trim().trim_end_matches('.'), text.trim_end_matches('.')]
        {
            let instead = if form.ends_with('.') { &instead } else { instead.trim_end_matches('.') };
            self.names.set(form, instead.trim().to_owned());
        }
        *text = instead;
    }

    /// Gives every address in a text that came off the wire its substitute.
    fn meet_addresses(&mut self, text: &str) {
        let mut inside = false;
        for (at, letter) in text.char_indices() {
            if !inside && let Some((_, ip)) = text.get(at..).and_then(address) {
                self.addresses.of(ip);
            }
            inside = letter.is_alphanumeric() || letter == '.' || letter == ':';
        }
    }
}

/// What stands in quotes; a quote that is not closed goes to the end.
fn quoted(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((at, open)) =
        rest.char_indices().find(|(_, letter)| QUOTES.iter().any(|(open, _)| open == letter))
    {
        let inner = rest.get(at + open.len_utf8()..).unwrap_or_default();
        let close = QUOTES.iter().find(|(opens, _)| *opens == open).map_or(open, |(_, close)| *close);
        // An apostrophe in a name is followed by the rest of it.
        let end = inner.char_indices().find(|(end, letter)| {
            let after = inner.get(end + letter.len_utf8()..).and_then(|rest| rest.chars().next());
            *letter == close && !after.is_some_and(char::is_alphanumeric)
        });
        let (name, later) = match end {
            Some((end, letter)) => (inner.get(..end), inner.get(end + letter.len_utf8()..)),
            None => (Some(inner), None),
        };
        found.extend(name.map(|name| name.trim_end_matches('.')).filter(|name| !name.is_empty()));
        rest = later.unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_quotes_of_any_language() {
        assert_eq!(quoted("Login failed for user 'CORP\\o'brien'."), ["CORP\\o'brien"]);
        assert_eq!(quoted("a \"b\" «c d» „e“ f"), ["b", "c d", "e"]);
        assert_eq!(quoted("cut in 'the mid"), ["the mid"]);
        assert!(quoted("no quotes").is_empty());
    }

    #[test]
    fn a_known_message_loses_its_names_and_another_all() {
        let mut redactor = Redactor::new();
        let mut known = "Login failed for user 'bob-x'. Client 10.9.8.7".to_owned();
        redactor.message(18456, &mut known);
        assert_eq!(known, "Login failed for user 'name-1'. Client 192.0.2.1");
        assert_eq!(
            redactor.text("said: Login failed for user 'bob-x'. Client 10.9.8.7"),
            format!("said: {known}")
        );
        let mut unknown = "Ask Bob about payroll.".to_owned();
        redactor.message(50_000, &mut unknown);
        assert_eq!(unknown, WITHHELD);
        assert_eq!(redactor.text("error 50000: Ask Bob about payroll."), format!("error 50000: {WITHHELD}"));
        assert_eq!(redactor.text("error: Ask Bob about payroll!"), format!("error: {WITHHELD}!"));
    }
}
