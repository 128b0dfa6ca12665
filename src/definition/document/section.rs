//! Reads the settings of one table: each is asked for by name and type, and what nobody asked
//! for is an unknown key.
//!
//! A setting that is wrong is reported and then counts as left out, so that one pass finds
//! all faults of a definition.

use std::ops::RangeInclusive;

use super::nearest::{advice, listed, nearest};
use super::origin::{Origin, Spanned};
use super::quote::{escape, quoted};
use super::size;
use super::source::Diagnostics;
use super::tree::{Entry, Item, Table, Value};

/// A table while its settings are read.
pub(crate) struct Section<'t> {
    /// As messages name it: `[input]`.
    name: String,
    table: &'t Table,
    /// Where it begins: what is missing in it is missed there.
    at: Origin,
    /// The keys asked for, each once, in that order.
    known: Vec<&'static str>,
    /// Keys that a later version knows; no message lists them.
    later: &'static [&'static str],
}

impl<'t> Section<'t> {
    pub(crate) fn new(name: impl Into<String>, table: &'t Table, at: Origin) -> Section<'t> {
        Section { name: name.into(), table, at, known: Vec::new(), later: &[] }
    }

    pub(crate) fn at(&self) -> Origin {
        self.at
    }

    /// Refuses these keys with the words "not in this version".
    pub(crate) fn refuse_later(
        &mut self,
        keys: &'static [&'static str],
        faults: &mut Diagnostics<'_>,
    ) {
        self.later = keys;
        for entry in self.table.entries.iter().filter(|entry| keys.contains(&entry.key.as_str())) {
            push_later(&self.name, entry, faults);
        }
    }

    /// The setting of that name, as it stands.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<&'t Item> {
        self.entry(key).map(|entry| &entry.item)
    }

    /// The setting of that name, with the name's own place.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'t Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    pub(crate) fn text(
        &mut self,
        key: &'static str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Spanned<&'t str>> {
        text(key, self.take(key)?, faults)
    }

    /// A text that must be there; `help` says what it may be.
    pub(crate) fn required_text(
        &mut self,
        key: &'static str,
        help: &str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Spanned<&'t str>> {
        self.require(key, key, help, faults);
        self.text(key, faults)
    }

    /// Reports a key that is missing, unless an unknown key is likely meant to be it: then that
    /// is the fault.
    pub(crate) fn require(&self, key: &str, shown: &str, help: &str, faults: &mut Diagnostics<'_>) {
        let meant = |entry: &Entry| nearest(&entry.key, [key]).is_some();
        if !self.table.entries.iter().any(meant) {
            faults.push(self.at, format!("`{shown}` is missing in {}", self.name), "", help);
        }
    }

    /// Texts that must be there, at least one; `help` says what they may be.
    pub(crate) fn required_texts(
        &mut self,
        key: &'static str,
        help: &str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Vec<Spanned<&'t str>>> {
        self.require(key, key, help, faults);
        self.texts(key, faults)
    }

    /// A table that must be there; `help` says what it is.
    pub(crate) fn required_section(
        &mut self,
        key: &'static str,
        help: &str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Section<'t>> {
        self.require(key, &format!("[{key}]"), help, faults);
        self.section(key, faults)
    }

    pub(crate) fn boolean(
        &mut self,
        key: &'static str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<bool> {
        let item = self.take(key)?;
        if let Value::Boolean(value) = item.value {
            return Some(value);
        }
        push_wrong_type(key, item, "`true` or `false`", faults);
        None
    }

    /// A whole number.
    pub(crate) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        faults: &mut Diagnostics<'_>,
    ) -> Option<u64> {
        let item = self.take(key)?;
        let Value::Integer(number) = item.value else {
            push_wrong_type(key, item, "a whole number", faults);
            return None;
        };
        let found = u64::try_from(number).ok().filter(|number| range.contains(number));
        if found.is_none() {
            let (least, most) = range.into_inner();
            let what = format!("`{key}` is out of its range");
            let help = match most {
                u64::MAX => format!("it is at least {least}"),
                most => format!("it is from {least} to {most}"),
            };
            faults.push(item.at, what, "", help);
        }
        found
    }

    /// Bytes: a whole number, or a text with a unit.
    pub(crate) fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Spanned<u64>> {
        let item = self.take(key)?;
        let bytes = match item.value.as_integer() {
            Some(number) => {
                Some(u64::try_from(number).unwrap_or(if number < 0 { 0 } else { u64::MAX }))
            }
            None => item.value.as_text().and_then(size::parse),
        };
        let Some(bytes) = bytes else {
            let help = "write it as `\"1 MiB\"` or `\"500 kB\"`, or as a number of bytes";
            faults.push(item.at, format!("`{key}` is no size"), "", help);
            return None;
        };
        if range.contains(&bytes) {
            return Some(Spanned { value: bytes, at: item.at });
        }
        let (least, most) = range.into_inner();
        let help = match most {
            u64::MAX => format!("it is at least {}", size::describe(least)),
            most => format!("it is from {} to {}", size::describe(least), size::describe(most)),
        };
        faults.push(item.at, format!("`{key}` is out of its range"), "", help);
        None
    }

    /// A share from 0 to 1.
    pub(crate) fn ratio(&mut self, key: &'static str, faults: &mut Diagnostics<'_>) -> Option<f64> {
        let item = self.take(key)?;
        let whole = item.value.as_integer().map(|number| match number {
            0 => 0.0,
            1 => 1.0,
            _ => f64::INFINITY,
        });
        let ratio = item.value.as_float().or(whole);
        if ratio.is_none() {
            push_wrong_type(key, item, "a number from 0 to 1", faults);
            return None;
        }
        let found = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
        if found.is_none() {
            let help = "it is a share from 0 to 1; 5 % is 0.05";
            faults.push(item.at, format!("`{key}` is out of its range"), "", help);
        }
        found
    }

    /// One of some words; `later` are those of later versions.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        later: &[&str],
        faults: &mut Diagnostics<'_>,
    ) -> Option<T> {
        let word = self.text(key, faults)?;
        choose(key, word, choices, later, faults)
    }

    /// A list of texts, at least one.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Vec<Spanned<&'t str>>> {
        let item = self.take(key)?;
        let Some(items) = item.value.as_list() else {
            push_wrong_type(key, item, "a list of texts, such as `[\"…\"]`", faults);
            return None;
        };
        if items.is_empty() {
            faults.push(item.at, format!("`{key}` is empty"), "", "name at least one");
            return None;
        }
        Some(items.iter().filter_map(|item| text(key, item, faults)).collect())
    }

    /// As `texts`, with texts of their own.
    pub(crate) fn owned_texts(
        &mut self,
        key: &'static str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Vec<Spanned<String>>> {
        let texts = self.texts(key, faults)?;
        Some(texts.into_iter().map(Spanned::into_owned).collect())
    }

    /// A table of settings of its own, as a section.
    pub(crate) fn section(
        &mut self,
        key: &'static str,
        faults: &mut Diagnostics<'_>,
    ) -> Option<Section<'t>> {
        let entry = self.entry(key)?;
        if let Value::Table(table) = &entry.item.value {
            return Some(Section::new(format!("`[{key}]`"), table, entry.item.at));
        }
        let what = format!("`{key}` is {}, and it should be a table", entry.item.value.kind());
        faults.push(
            entry.item.at,
            what,
            "",
            format!("write `[{key}]` on a line, and its settings below"),
        );
        None
    }

    /// The keys that were looked up.
    #[cfg(test)]
    pub(crate) fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Reports what nobody asked for.
    pub(crate) fn finish(self, faults: &mut Diagnostics<'_>) {
        for entry in &self.table.entries {
            let key = entry.key.as_str();
            if !self.known.contains(&key) && !self.later.contains(&key) {
                let what = format!("unknown key `{}` in {}", escape(key), self.name);
                faults.push(entry.key_at, what, "", advice(key, &self.known));
            }
        }
    }
}

/// An item that should be text.
pub(crate) fn text<'t>(
    key: &str,
    item: &'t Item,
    faults: &mut Diagnostics<'_>,
) -> Option<Spanned<&'t str>> {
    if let Value::Text(text) = &item.value {
        return Some(Spanned { value: text, at: item.at });
    }
    push_wrong_type(key, item, "text, in quotes", faults);
    None
}

/// The choice that a word stands for.
pub(crate) fn choose<T: Copy>(
    key: &str,
    word: Spanned<&str>,
    choices: &[(&'static str, T)],
    later: &[&str],
    faults: &mut Diagnostics<'_>,
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| *name == word.value);
    if let Some((_, choice)) = found {
        return Some(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    if later.contains(&word.value) {
        let help = format!("this version takes {}", listed(names));
        faults.push(
            word.at,
            format!("`{}` as `{key}` is not in this version", word.value),
            "",
            help,
        );
    } else {
        let what = format!("`{key}` can't be {}", quoted(word.value));
        let guess = nearest(word.value, names.iter().copied()).filter(|_| names.len() > 1);
        let guess = guess.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        faults.push(word.at, what, "", format!("{guess}it takes {}", listed(names)));
    }
    None
}

fn push_later(section: &str, entry: &Entry, faults: &mut Diagnostics<'_>) {
    let what = format!("`{}` in {section} is not in this version", entry.key);
    faults.push(entry.key_at, what, "", "leave it out");
}

pub(crate) fn push_wrong_type(key: &str, item: &Item, wanted: &str, faults: &mut Diagnostics<'_>) {
    let what = format!("`{key}` is {}", item.value.kind());
    faults.push(item.at, what, "", format!("it takes {wanted}"));
}
