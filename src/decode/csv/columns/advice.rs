//! What is wrong with a header, in words, and what its names may mean.
//!
//! A name is quoted only if it is near a known field or a name that fields have elsewhere: without
//! a header, the first row is somebody's data. Of other columns, the place and the length are told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{ColumnRules, is_column};
use crate::record::describe_name;
use crate::schema::Test;

/// Why a header can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// What is wrong and where, lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// What would mend it, as TOML to be pasted into the definition.
    pub paste: Option<String>,
}

/// What is wrong with one column.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnFault {
    pub(super) column: usize,
    pub(super) doubt: Doubt,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Doubt {
    IsNoField,
    Repeats {
        first: usize,
    },
    /// A column that is a constant of the definition too.
    IsConstant {
        column: usize,
    },
}

/// What a name may mean.
struct Meaning {
    field: String,
    constants: BTreeMap<String, String>,
}

const LEAVE_OUT: &str = "or set `unknown = \"drop\"` under `[input]` to leave such columns out";
const REPEATS: &str = "only names of `Attributes.` and `User.UserAttributes.` may repeat";
const ONE_OF_THEM: &str = "take one of them away";
const PASTE: &str = "paste what is right of this into the definition";
const CHECK: &str = "check that the first line is a header";
/// A message has an end; so many columns are told of one by one.
const SHOWN_MAX: usize = 50;

impl ColumnRules {
    /// All faults as one: a header is mended in one go.
    pub(super) fn describe(&self, names: &[String], faults: &[ColumnFault]) -> HeaderError {
        let shown = || faults.iter().take(SHOWN_MAX);
        let mut messages: Vec<String> = shown().map(|fault| self.message(names, fault)).collect();
        if SHOWN_MAX < faults.len() {
            messages.push(format!("and {} more", faults.len() - SHOWN_MAX));
        }
        let unknown = shown().filter(|fault| matches!(fault.doubt, Doubt::IsNoField));
        let unknown: Vec<usize> = unknown.map(|fault| fault.column).collect();
        let paste = self.paste(names, &unknown);
        let hint = self.hints(names, faults, paste.is_some()).join("; ");
        HeaderError { message: messages.join("; "), hint, paste }
    }

    fn message(&self, names: &[String], fault: &ColumnFault) -> String {
        let number = fault.column + 1;
        let name = names.get(fault.column).map_or("", String::as_str);
        match fault.doubt {
            Doubt::IsNoField => format!("column {number} {} is no field", self.shown(name)),
            Doubt::Repeats { first } if is_column(&self.schema, name) => {
                format!("column {number} `{}` repeats column {}", describe_name(name), first + 1)
            }
            Doubt::Repeats { first } => format!("column {number} repeats column {}", first + 1),
            Doubt::IsConstant { column } => {
                format!("column {} is a constant under `[input.constants]` too", column + 1)
            }
        }
    }

    fn hints(&self, names: &[String], faults: &[ColumnFault], can_paste: bool) -> Vec<&str> {
        let unknown = |fault: &&ColumnFault| matches!(fault.doubt, Doubt::IsNoField);
        let may_leave_out = |fault: &ColumnFault| {
            let name = names.get(fault.column).map_or("", String::as_str);
            self.lookalikes.of("", name).is_none()
        };
        let any = |wanted: fn(Doubt) -> bool| faults.iter().any(|fault| wanted(fault.doubt));
        let hints = [
            (REPEATS, any(|doubt| matches!(doubt, Doubt::Repeats { .. }))),
            (ONE_OF_THEM, any(|doubt| matches!(doubt, Doubt::IsConstant { .. }))),
            (PASTE, can_paste),
            (CHECK, !can_paste && any(|doubt| matches!(doubt, Doubt::IsNoField))),
            (LEAVE_OUT, faults.iter().filter(unknown).any(may_leave_out)),
        ];
        hints.into_iter().filter(|(_, is_told)| *is_told).map(|(hint, _)| hint).collect()
    }

    /// The name in backticks where it may be quoted, else its length.
    fn shown(&self, name: &str) -> String {
        if self.quotable(name) {
            format!("`{name}`")
        } else {
            format!("(name of {} characters)", name.chars().count())
        }
    }

    /// A name that equals one of ours but for case and punctuation says nothing of anybody.
    fn quotable(&self, name: &str) -> bool {
        self.aliases.of(name).is_some()
            || (self.meaning(name).is_some() && describe_name(name) == name)
    }

    fn meaning(&self, name: &str) -> Option<Meaning> {
        let known = |field: &str| Meaning { field: field.to_owned(), constants: BTreeMap::new() };
        if let Some(like) = self.lookalikes.of("", name) {
            return Some(known(&like));
        }
        let alias = self.aliases.of(name);
        let near = || self.lookalikes.nearest(name).map(known);
        let alias = alias.or_else(|| if near().is_none() { self.aliases.near(name) } else { None });
        alias.map_or_else(near, |alias| {
            Some(Meaning { field: alias.field.clone(), constants: alias.constants.clone() })
        })
    }

    /// Whether a field has that name as a value: a row of data may begin with `EMAIL`.
    fn is_value(&self, name: &str) -> bool {
        let checks = self.schema.nodes.iter().flat_map(|node| &node.checks);
        checks.into_iter().any(|check| match &check.test {
            Test::Enum(words) => words.iter().any(|word| word == name),
            Test::Format(_) | Test::Pattern(_) | Test::Range { .. } | Test::NotEmpty => false,
        })
    }

    /// `[input.rename]` and `[input.constants]` that would mend the header, as far as can be guessed.
    fn paste(&self, names: &[String], unknown: &[usize]) -> Option<String> {
        let mut has: Vec<&str> = names.iter().map(|name| self.renamed(name)).collect();
        has.extend(self.settings.constants.iter().map(|(field, _)| field.as_str()));
        let mut taken: Vec<String> = has.into_iter().map(str::to_owned).collect();
        let mut text = String::from("[input.rename]\n");
        let mut constants: BTreeMap<String, String> = BTreeMap::new();
        let mut any = false;
        for column in unknown {
            let name = names.get(*column).map_or("", String::as_str);
            let Some(meaning) = self.meaning(name).filter(|_| self.quotable(name)) else {
                let shown = self.shown(name);
                writeln!(text, "# column {} {shown}: near no known name", column + 1).ok();
                continue;
            };
            let is_taken =
                taken.contains(&meaning.field) || !is_column(&self.schema, &meaning.field);
            let line = format!("{} = {}", toml_text(name), toml_text(&meaning.field));
            if is_taken {
                writeln!(text, "# {line}   # another column is that already").ok();
                any = true;
                continue;
            }
            writeln!(text, "{line}").ok();
            any |= !self.is_value(name);
            let is_missing = |field: &String| !taken.contains(field);
            constants.extend(meaning.constants.into_iter().filter(|(field, _)| is_missing(field)));
            taken.push(meaning.field);
        }
        constants.retain(|field, _| !taken.contains(field));
        if !constants.is_empty() {
            text.push_str("\n[input.constants]\n");
        }
        for (field, value) in &constants {
            writeln!(text, "{} = {}", toml_key(field), toml_text(value)).ok();
        }
        any.then_some(text)
    }
}

/// A name as a key of TOML: without quotes where it needs none.
fn toml_key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_bare { name.to_owned() } else { toml_text(name) }
}

/// A text in the quotes of TOML, which are those of JSON but for one character.
fn toml_text(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("text is JSON");
    quoted.replace('\u{7f}', "\\u007f")
}
