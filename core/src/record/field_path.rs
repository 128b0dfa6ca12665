//! The paths of fields whose names come from the data, as accounts and messages may show them.
//!
//! A name from the data may be anything, also the name of a person. So it is shown only if the
//! schema, the definition or `schemas/headers.toml` has it, or if it looks like the name of a column
//! and enough records have it. Other names are described by their length.

use std::fmt;

/// The longest name from the data that is quoted, in characters.
const NAME_CHARS_MAX: usize = 50;
/// The most consecutive digits in a quoted name. More may be a telephone or account number.
const DIGIT_RUN_MAX: usize = 6;

/// The path of a field.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath {
    /// As it may always be shown: `Attributes.Plan`, `Attributes.(name of 8 characters)`.
    pub shown: String,
    /// The whole path, if it may be shown once enough records have the name.
    pub whole: Option<String>,
}

impl FieldPath {
    /// A path that may be shown.
    pub fn known(path: String) -> FieldPath {
        FieldPath { shown: path, whole: None }
    }

    /// A name that may be shown if enough records have it. `within` is the path of its object, empty
    /// for the record.
    pub fn if_common(within: &str, name: &str) -> FieldPath {
        let whole = looks_like_a_column(name).then(|| join(within, name));
        FieldPath { shown: join(within, &describe_name(name)), whole }
    }
}

impl fmt::Debug for FieldPath {
    /// Shows what may always be shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldPath({})", self.shown)
    }
}

/// The path of a name in an object; `within` is empty for the record.
pub fn join(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") }
}

/// A name that is not shown: `(name of 8 characters)`. Programs read this, so it has one form.
pub fn describe_name(name: &str) -> String {
    format!("(name of {} characters)", name.chars().count())
}

/// Whether a name matches `[A-Za-z_][A-Za-z0-9_ .-]{0,49}` and has fewer than 7 digits in a row.
pub fn looks_like_a_column(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_start_allowed = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let are_bytes_allowed = || {
        bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' ' | b'.' | b'-'))
    };
    let longest_digit_run =
        || bytes.split(|b| !b.is_ascii_digit()).map(<[u8]>::len).max().unwrap_or(0);
    is_start_allowed
        && bytes.len() <= NAME_CHARS_MAX
        && are_bytes_allowed()
        && longest_digit_run() <= DIGIT_RUN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, whole: Option<&str>) {
        let path = FieldPath::if_common("", name);
        assert_eq!(path.whole.as_deref(), whole);
        assert_eq!(path.shown, describe_name(name));
        let inside = FieldPath::if_common("Attributes", name);
        assert_eq!(inside.whole, whole.map(|name| format!("Attributes.{name}")));
        assert_eq!(format!("{inside:?}"), format!("FieldPath(Attributes.{})", path.shown));
    }

    #[test]
    fn names_that_may_identify_somebody_are_not_shown() {
        assert_eq!(describe_name("é"), "(name of 1 characters)");
        assert_eq!(describe_name("ab"), "(name of 2 characters)");
        check("Plan", Some("Plan"));
        check("_x y.z-1", Some("_x y.z-1"));
        check("Order123456", Some("Order123456"));
        check("Order1234567", None);
        check("ana@example.com", None);
        check("Größe", None);
        check("1st", None);
        check("", None);
        check(&"a".repeat(50), Some(&"a".repeat(50)));
        check(&"a".repeat(51), None);
    }
}
