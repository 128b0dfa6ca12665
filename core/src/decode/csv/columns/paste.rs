//! Lines to paste into a definition, so that it reads a header with other names: `[input.rename]`,
//! `[input.constants]`, and for an opt-out `[input.values]`.
//!
//! They are guesses that people check. A column that may be the opt-out is never renamed without the
//! meaning of its words, and words that are not listed are rejected later.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::advice::{DESCRIBED_MAX, Suggestion};
use super::{ColumnRules, is_column};
use crate::decode::aliases::Sense;
use crate::schema::Role;

/// The channel of e-mail, as `schemas/headers.toml` has it.
const EMAIL: &str = "EMAIL";

/// Where a column goes that has the name of the address and is a street.
const STREET: &str = "User.UserAttributes.Street";

/// The words of programs for yes and no.
const YES: [&str; 7] = ["1", "true", "TRUE", "True", "yes", "Yes", "YES"];
const NO: [&str; 7] = ["0", "false", "FALSE", "False", "no", "No", "NO"];

/// Parts of names that speak of other channels than e-mail.
const OTHER_CHANNELS: [&str; 7] = ["sms", "call", "phone", "fax", "push", "text", "whatsapp"];

/// The lines while they are written.
struct Lines<'r> {
    rules: &'r ColumnRules,
    names: &'r [String],
    rename: String,
    /// The fields that have a column or a constant.
    taken: Vec<String>,
    constants: BTreeMap<String, String>,
    /// Whether a column tells when or why people opted out.
    has_details: bool,
    /// What the words of the column mean that becomes the opt-out.
    opt_out_words: Option<Sense>,
    /// Whether there is anything to paste.
    any: bool,
}

impl ColumnRules {
    /// The lines for columns that are no fields, as far as can be guessed; `None` if nothing can.
    /// Every name with a guess is in them, and the first of the others as comments.
    pub(super) fn paste(&self, names: &[String], unknown: &[usize]) -> Option<String> {
        let mut taken: Vec<String> =
            names.iter().map(|name| self.renamed(name).into_owned()).collect();
        taken.extend(self.constants().map(|(field, _)| field.clone()));
        let of_endpoints = self.settings.endpoints.iter().flat_map(|endpoint| &endpoint.rename);
        taken.extend(of_endpoints.map(|(_, field)| field.clone()));
        let mut lines = Lines {
            rules: self,
            names,
            rename: String::from("[input.rename]\n"),
            taken,
            constants: BTreeMap::new(),
            has_details: false,
            opt_out_words: None,
            any: false,
        };
        lines.rename_street(unknown);
        let opt_out = lines.opt_out_column(unknown);
        for (number, column) in unknown.iter().enumerate() {
            lines.add(number, *column, opt_out == Some(*column));
        }
        lines.finish()
    }
}

impl Lines<'_> {
    fn name(&self, column: usize) -> &str {
        self.names.get(column).map_or("", String::as_str)
    }

    fn suggestion(&self, column: usize) -> Option<Suggestion> {
        let name = self.name(column);
        self.rules.suggestion(name).filter(|_| self.rules.is_quotable(name))
    }

    /// Mailchimp's `Address` is a street: beside a column for e-mail addresses, and without one for
    /// channels, it is renamed away.
    fn rename_street(&mut self, unknown: &[usize]) {
        let schema = &self.rules.schema;
        let (address, channel) = (schema.role_path(Role::Address), schema.role_path(Role::Channel));
        let has = |field: &str| self.taken.iter().any(|taken| taken == field);
        let is_other = |column: &usize| {
            self.suggestion(*column).is_some_and(|meant| {
                let of = meant.constants.get(channel);
                meant.field == address && of.is_some_and(|channel| channel == EMAIL)
            })
        };
        let is_column = self.names.iter().any(|name| name == address);
        if !is_column || has(channel) || has(STREET) || !unknown.iter().any(is_other) {
            return;
        }
        let (from, to) = (toml_text(address), toml_text(STREET));
        writeln!(self.rename, "{from} = {to}   # if it is a street").ok();
        self.taken.retain(|taken| taken != address);
    }

    /// The column that is most likely the opt-out: one that is about e-mail rather than about calls.
    fn opt_out_column(&self, unknown: &[usize]) -> Option<usize> {
        let opt_out = self.rules.schema.role_path(Role::OptOut);
        let has_words = |column: &&usize| {
            self.suggestion(**column).is_some_and(|meant| {
                meant.field == opt_out && matches!(meant.sense, Sense::Same | Sense::Opposite)
            })
        };
        let is_of_other = |column: &usize| {
            let name = self.name(*column).to_lowercase();
            OTHER_CHANNELS.iter().any(|channel| name.contains(channel))
        };
        unknown.iter().filter(has_words).min_by_key(|column| is_of_other(column)).copied()
    }

    /// Adds the line of a column that is no field. `is_opt_out`: whether it becomes the opt-out.
    fn add(&mut self, number: usize, column: usize, is_opt_out: bool) {
        let name = self.name(column).to_owned();
        let Some(meant) = self.suggestion(column) else {
            if number < DESCRIBED_MAX {
                let (column, name) = (column + 1, self.rules.quote_or_describe(&name));
                let what = "not similar to any known name";
                writeln!(self.rename, "# column {column} {name}: {what}").ok();
            }
            return;
        };
        let line = format!("{} = {}", toml_text(&name), toml_text(&meant.field));
        self.has_details |= meant.sense == Sense::Details;
        if let Some(why) = self.why_not(&meant, is_opt_out) {
            writeln!(self.rename, "# {line}   # {why}").ok();
            self.any = true;
            return;
        }
        writeln!(self.rename, "{line}").ok();
        self.any |= !self.rules.is_value(&name);
        // A name that only looks like the field has the field's own words.
        let is_foreign = is_opt_out && self.rules.lookalikes.is_opt_out(&name);
        if is_foreign && !self.rules.settings.has_opt_out_words {
            self.opt_out_words = Some(meant.sense);
        }
        let is_missing = |field: &String| !self.taken.contains(field);
        let constants: Vec<_> =
            meant.constants.into_iter().filter(|(field, _)| is_missing(field)).collect();
        self.constants.extend(constants);
        self.taken.push(meant.field);
    }

    /// Why a column is not renamed without a second look; `None` if it can be.
    fn why_not(&self, meant: &Suggestion, is_opt_out: bool) -> Option<&'static str> {
        let is_of_opt_out = meant.field == self.rules.schema.role_path(Role::OptOut);
        match meant.sense {
            Sense::Words => Some(
                "its words may mean either: rename it only together with them in `[input.values]`",
            ),
            Sense::Details => Some("when or why somebody opted out: see `OptOut` below"),
            Sense::Same | Sense::Opposite if is_of_opt_out && self.contradicts(meant.sense) => {
                Some(
                    "it says the opposite of another column: rename it only if the words in \
                     `[input.values]` are meant for it",
                )
            }
            Sense::Same | Sense::Opposite => {
                let is_field = is_column(&self.rules.schema, &meant.field);
                if self.taken.contains(&meant.field) || !is_field {
                    Some(if is_of_opt_out {
                        "another column already is this field: list it in `ignore` if its opt-outs are \
                         not needed"
                    } else {
                        "another column already is this field"
                    })
                } else if is_of_opt_out && !is_opt_out {
                    Some(
                        "another column is more likely this field: list it in `ignore` if its opt-outs \
                          are not needed",
                    )
                } else {
                    None
                }
            }
        }
    }

    /// Whether a column of opt-outs with this sense may have words that mean the opposite in `[input.values]`.
    fn contradicts(&self, sense: Sense) -> bool {
        let opt_out = self.rules.schema.role_path(Role::OptOut);
        let settings = &self.rules.settings;
        let renamed = settings.rename.iter().filter(|(_, field)| field == opt_out);
        let senses = renamed.filter_map(|(name, _)| self.rules.suggestion(name));
        let mut senses = senses.map(|meant| meant.sense).peekable();
        settings.has_opt_out_words
            && match senses.peek() {
                None => sense == Sense::Opposite,
                Some(_) => senses.any(|other| other != sense),
            }
    }

    fn finish(self) -> Option<String> {
        let Lines { mut rename, taken, mut constants, opt_out_words, any, rules, .. } = self;
        constants.retain(|field, _| !taken.contains(field));
        let opt_out = rules.schema.role_path(Role::OptOut);
        let may_all_be_out = self.has_details && !taken.iter().any(|field| field == opt_out);
        if !constants.is_empty() || may_all_be_out {
            rename.push_str("\n[input.constants]\n");
        }
        for (field, value) in &constants {
            writeln!(rename, "{} = {}", toml_key(field), toml_text(value)).ok();
        }
        if may_all_be_out {
            let note = "if everybody in the file opted out; list the columns about it in `ignore`";
            writeln!(rename, "# {} = \"ALL\"   # {note}", toml_key(opt_out)).ok();
        }
        if let Some(sense) = opt_out_words {
            let (all, none) = if sense == Sense::Opposite { (NO, YES) } else { (YES, NO) };
            let pairs = all.map(|word| (word, "ALL")).into_iter().chain(none.map(|w| (w, "NONE")));
            let pairs = pairs.map(|(word, value)| format!("{} = \"{value}\"", toml_text(word)));
            let (field, pairs) = (toml_text(opt_out), pairs.collect::<Vec<_>>().join(", "));
            writeln!(rename, "\n[input.values]\n{field} = {{ {pairs} }}   # others are rejected")
                .ok();
        }
        any.then_some(rename)
    }
}

/// A name as a TOML key, without quotes if it needs none.
fn toml_key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_bare { name.to_owned() } else { toml_text(name) }
}

/// A text as a basic string of TOML, which is that of JSON except that DEL must be escaped.
fn toml_text(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("text is JSON");
    quoted.replace('\u{7f}', "\\u007f")
}
