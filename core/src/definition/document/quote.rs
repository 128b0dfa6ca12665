//! Quotes text of a definition in messages.

/// The most characters of a text that a message quotes.
const QUOTED_CHARS_MAX: usize = 60;

/// A text of the definition in backticks, or the word "empty" if there is nothing to quote.
pub(crate) fn quoted(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{}`", escape(text)) }
}

/// A text of the definition, fit for a message: on one line, without control characters, and cut
/// after 60 characters.
pub(crate) fn escape(text: &str) -> String {
    let visible = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    let mut escaped: String = text.chars().take(QUOTED_CHARS_MAX).map(visible).collect();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        escaped.push('…');
    }
    escaped
}
