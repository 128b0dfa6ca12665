//! How messages quote text of a definition.

/// A text of the definition in backticks, or in words if there is nothing to quote.
pub(crate) fn quoted(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{}`", escape(text)) }
}

/// How many characters of somebody's text a message quotes.
const SHOWN_CHARS_MAX: usize = 60;

/// A text of the definition as a message quotes it: in one line, and not long.
pub(crate) fn escape(text: &str) -> String {
    let visible = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).map(visible).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
