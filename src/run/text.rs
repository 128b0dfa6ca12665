//! Paths, bytes and errors as text for messages and accounts. Names from outside are escaped.

use std::path::Path;

use crate::record::is_hidden;

/// Bytes in lower hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A path or name for a message. Hidden characters are escaped, because a terminal might obey them.
pub(super) fn escape(path: &str) -> String {
    path.chars()
        .map(|c| if is_hidden(c) { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// A path for a message, escaped.
pub(super) fn escape_path(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

/// A path for the account, as it is.
pub(super) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// An error with its causes: `could not write: disk is full`.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
