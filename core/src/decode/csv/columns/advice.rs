//! Messages about a header that cannot be used, and suggestions for what its names may mean.
//!
//! A name is quoted only if it is similar to a known field or to a name that fields have elsewhere:
//! if the file has no header, its first row is data about a person. Other columns are described by
//! their number and the length of the name.

use std::collections::BTreeMap;

use super::{ColumnRules, is_column};
use crate::decode::aliases::{Alias, Sense};
use crate::record::{describe_name, looks_like_a_column};

/// Why a header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// What is wrong and where, in lower case and without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The columns that are wrong and why, if there are several.
    pub places: Vec<String>,
    /// TOML that would fix it, to paste into the definition.
    pub paste: Option<String>,
}

impl HeaderError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> HeaderError {
        let (message, hint) = (message.into(), hint.into());
        HeaderError { message, hint, places: Vec::new(), paste: None }
    }
}

/// What is wrong with one column.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnError {
    pub(super) column: usize,
    pub(super) kind: ColumnErrorKind,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ColumnErrorKind {
    NotAField,
    /// The name is that of an earlier column, and may not repeat.
    Repeated {
        first: usize,
    },
    /// The definition also sets a constant for the field of this column.
    AlsoConstant {
        column: usize,
        /// Whether the constant is that of an endpoint.
        is_own: bool,
    },
}

/// What a name may mean.
pub(super) struct Suggestion {
    pub(super) field: String,
    pub(super) constants: BTreeMap<String, String>,
    pub(super) sense: Sense,
}

const DROP_HINT: &str = "or set `unknown = \"drop\"` under `[input]` to leave such columns out, once none of them says who \
                         has opted out";
const IGNORE_HINT: &str =
    "or list the name in `ignore` under `[input]`, if the opt-outs in it are not needed";
const REPEAT_HINT: &str = "only names in `Attributes` and `User.UserAttributes` may repeat";
const SPACE_HINT: &str =
    "if blanks precede the quotes around names, set `skip_initial_space = true` under `[input]`";
const CONSTANT_HINT: &str = "remove one of them";
const PASTE_HINT: &str = "check the lines below and paste them into the definition";
const NO_HEADER_HINT: &str =
    "if the first row is not a header, set `header = false` and name the `columns` under `[input]`";
/// The most columns that a message describes one by one.
pub(super) const DESCRIBED_MAX: usize = 50;

impl ColumnRules {
    /// Describes all errors of a header at once, so that it can be fixed in one go.
    pub(super) fn describe(&self, names: &[String], errors: &[ColumnError]) -> HeaderError {
        let described = || errors.iter().take(DESCRIBED_MAX);
        let mut places: Vec<String> = described().map(|error| self.message(names, error)).collect();
        let message = if let [only] = places.as_mut_slice() {
            std::mem::take(only)
        } else {
            format!("{} columns of the header cannot be used", errors.len())
        };
        places.retain(|place| !place.is_empty());
        if DESCRIBED_MAX < errors.len() {
            places.push(format!("and {} more", errors.len() - DESCRIBED_MAX));
        }
        let unknown = errors.iter().filter(|error| is_not_a_field(error));
        let unknown: Vec<usize> = unknown.map(|error| error.column).collect();
        let paste = self.paste(names, &unknown);
        let hint = self.hints(names, errors, paste.is_some()).join("; ");
        HeaderError { message, hint, places, paste }
    }

    fn message(&self, names: &[String], error: &ColumnError) -> String {
        let number = error.column + 1;
        let name = names.get(error.column).map_or("", String::as_str);
        match error.kind {
            ColumnErrorKind::NotAField => {
                format!("column {number} {} is not a field", self.quote_or_describe(name))
            }
            ColumnErrorKind::Repeated { first }
                if is_column(&self.schema, name) && self.has_name("", name) =>
            {
                format!("column {number} `{name}` repeats column {}", first + 1)
            }
            ColumnErrorKind::Repeated { first } => {
                format!("column {number} repeats column {}", first + 1)
            }
            ColumnErrorKind::AlsoConstant { column, is_own } => {
                let section = if is_own { "[[input.endpoint]]" } else { "[input.constants]" };
                format!("column {} is also a constant under `{section}`", column + 1)
            }
        }
    }

    fn hints(&self, names: &[String], errors: &[ColumnError], can_paste: bool) -> Vec<&str> {
        let may_be_dropped = |error: &ColumnError| {
            let name = names.get(error.column).map_or("", String::as_str);
            self.lookalikes.of("", name).is_none()
        };
        let is_opt_out = |error: &ColumnError| {
            let name = names.get(error.column).map_or("", String::as_str);
            is_not_a_field(error) && self.lookalikes.is_opt_out(name)
        };
        let is_quoted =
            |error: &ColumnError| names.get(error.column).is_some_and(|name| name.starts_with('"'));
        let any = |is: fn(&ColumnError) -> bool| errors.iter().any(is);
        let hints = [
            (REPEAT_HINT, any(|error| matches!(error.kind, ColumnErrorKind::Repeated { .. }))),
            (
                CONSTANT_HINT,
                any(|error| matches!(error.kind, ColumnErrorKind::AlsoConstant { .. })),
            ),
            (SPACE_HINT, errors.iter().any(is_quoted)),
            (PASTE_HINT, can_paste),
            (NO_HEADER_HINT, !can_paste && any(is_not_a_field)),
            (IGNORE_HINT, errors.iter().any(is_opt_out)),
            (DROP_HINT, errors.iter().any(|error| is_not_a_field(error) && may_be_dropped(error))),
        ];
        hints.into_iter().filter(|(_, applies)| *applies).map(|(hint, _)| hint).collect()
    }

    /// The name in backticks if it may be quoted, else its length.
    pub(super) fn quote_or_describe(&self, name: &str) -> String {
        if self.is_quotable(name) { format!("`{name}`") } else { describe_name(name) }
    }

    /// Whether a name can safely be shown. One that is an alias, except for case and punctuation,
    /// says nothing about a person.
    pub(super) fn is_quotable(&self, name: &str) -> bool {
        self.aliases.of(name).is_some()
            || (self.suggestion(name).is_some() && looks_like_a_column(name))
    }

    /// What the name probably means: a field that it looks like, an alias, a field that is nearly
    /// spelled like it, or a name that is nearly an alias.
    pub(super) fn suggestion(&self, name: &str) -> Option<Suggestion> {
        let known = |field: &str| {
            let (constants, sense) = (BTreeMap::new(), Sense::Same);
            Suggestion { field: field.to_owned(), constants, sense }
        };
        let alias = self.aliases.of(name);
        if let Some(like) = self.lookalikes.of("", name).filter(|_| alias.is_none()) {
            return Some(known(&like));
        }
        let near = || self.lookalikes.nearest(name).map(known);
        let alias = alias.or_else(|| if near().is_none() { self.aliases.near(name) } else { None });
        alias.map_or_else(near, |alias| {
            let Alias { field, constants, sense, .. } = alias.clone();
            Some(Suggestion { field, constants, sense })
        })
    }
}

fn is_not_a_field(error: &ColumnError) -> bool {
    matches!(error.kind, ColumnErrorKind::NotAField)
}
