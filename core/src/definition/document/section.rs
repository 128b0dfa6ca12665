//! Reads the settings of a table by name and type.
//!
//! A [`Section`] remembers which keys were requested, and [`Section::finish`] reports all others as
//! unknown. A wrong setting is reported and then treated as missing, so that one pass finds
//! everything that is wrong with a definition.

use std::ops::RangeInclusive;

use super::nearest::{advice, expected_one_of, guess, listed, nearest};
use super::origin::{Origin, Spanned};
use super::quote::{escape, quoted};
use super::size;
use super::source::Diagnostics;
use super::tree::{Entry, Item, Table, Value};

/// A table whose settings are being read.
pub(crate) struct Section<'t> {
    /// The name for messages: `` `[input]` ``.
    name: String,
    table: &'t Table,
    /// The location of the table, where missing settings are reported.
    at: Origin,
    /// The keys requested so far, each once.
    known: Vec<&'static str>,
    /// Keys of later versions, which are reported as such and not as unknown.
    later: &'static [&'static str],
}

impl<'t> Section<'t> {
    pub(crate) fn new(name: impl Into<String>, table: &'t Table, at: Origin) -> Section<'t> {
        Section { name: name.into(), table, at, known: Vec::new(), later: &[] }
    }

    pub(crate) fn at(&self) -> Origin {
        self.at
    }

    /// Reports these keys as not in this version.
    pub(crate) fn refuse_later(
        &mut self,
        keys: &'static [&'static str],
        diagnostics: &mut Diagnostics<'_>,
    ) {
        self.later = keys;
        for entry in self.table.entries.iter().filter(|entry| keys.contains(&entry.key.as_str())) {
            push_unsupported(&self.name, entry, diagnostics);
        }
    }

    /// Returns the value of a setting.
    pub(crate) fn item(&mut self, key: &'static str) -> Option<&'t Item> {
        self.entry(key).map(|entry| &entry.item)
    }

    /// Returns a setting with the location of its key.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<&'t Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// Returns a setting that is a string.
    pub(crate) fn text(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Spanned<&'t str>> {
        text(key, self.item(key)?, diagnostics)
    }

    /// Returns a required string; `help` says what to write if it is missing.
    pub(crate) fn required_text(
        &mut self,
        key: &'static str,
        help: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Spanned<&'t str>> {
        self.require(key, key, help, diagnostics);
        self.text(key, diagnostics)
    }

    /// Reports a key as missing, under the name `label`. Does nothing if the table has a similar
    /// key: that key is reported as unknown, with the right name.
    pub(crate) fn require(
        &self,
        key: &str,
        label: &str,
        help: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) {
        let is_similar = |entry: &Entry| nearest(&entry.key, [key]).is_some();
        if !self.table.entries.iter().any(is_similar) {
            let message = format!("`{label}` is missing in {}", self.name);
            diagnostics.push(self.at, message, "", help);
        }
    }

    /// Returns a required list of strings; `help` says what to write if it is missing.
    pub(crate) fn required_texts(
        &mut self,
        key: &'static str,
        help: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Vec<Spanned<&'t str>>> {
        self.require(key, key, help, diagnostics);
        self.texts(key, diagnostics)
    }

    /// Returns a required table as a section; `help` says what to write if it is missing.
    pub(crate) fn required_section(
        &mut self,
        key: &'static str,
        help: &str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Section<'t>> {
        self.require(key, &format!("[{key}]"), help, diagnostics);
        self.section(key, diagnostics)
    }

    /// Returns a setting that is `true` or `false`.
    pub(crate) fn boolean(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<bool> {
        let item = self.item(key)?;
        if let Value::Boolean(value) = item.value {
            return Some(value);
        }
        push_wrong_type(key, item, "`true` or `false`", diagnostics);
        None
    }

    /// Returns a setting that is a whole number in `range`.
    pub(crate) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<u64> {
        let item = self.item(key)?;
        let Value::Integer(number) = item.value else {
            if matches!(item.value, Value::Float(_)) {
                let message = format!("`{key}` is not a whole number");
                diagnostics.push(item.at, message, "", "write a whole number");
            } else {
                push_wrong_type(key, item, "a whole number", diagnostics);
            }
            return None;
        };
        let found = u64::try_from(number).ok().filter(|number| range.contains(number));
        if found.is_none() {
            push_out_of_range(key, item, &range, |number| number.to_string(), diagnostics);
        }
        found
    }

    /// Returns a setting that is a size in bytes in `range`: a whole number, or a string with a unit.
    pub(crate) fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Spanned<u64>> {
        let item = self.item(key)?;
        let bytes = match item.value.as_integer() {
            Some(number) => {
                Some(u64::try_from(number).unwrap_or(if number < 0 { 0 } else { u64::MAX }))
            }
            None => item.value.as_text().and_then(size::parse),
        };
        let Some(bytes) = bytes else {
            let help = "write a size such as `\"1 MiB\"` or `\"500 kB\"`, or a number of bytes";
            diagnostics.push(item.at, format!("`{key}` is not a size"), "", help);
            return None;
        };
        if range.contains(&bytes) {
            return Some(Spanned { value: bytes, at: item.at });
        }
        push_out_of_range(key, item, &range, size::describe, diagnostics);
        None
    }

    /// Returns a setting that is a number from 0 to 1.
    pub(crate) fn ratio(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<f64> {
        let item = self.item(key)?;
        let whole = item.value.as_integer().map(|number| match number {
            0 => 0.0,
            1 => 1.0,
            _ => f64::INFINITY,
        });
        let ratio = item.value.as_float().or(whole);
        if ratio.is_none() {
            push_wrong_type(key, item, "a number from 0 to 1", diagnostics);
            return None;
        }
        let found = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
        if found.is_none() {
            let help = "it must be from 0 to 1; 5 % is 0.05";
            diagnostics.push(item.at, format!("`{key}` is out of range"), "", help);
        }
        found
    }

    /// Returns the choice that a setting names. `later` are choices of later versions.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        later: &[&str],
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<T> {
        let word = self.text(key, diagnostics)?;
        choose(key, word, choices, later, diagnostics)
    }

    /// Returns a setting that is a list of strings. An empty list is reported.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Vec<Spanned<&'t str>>> {
        let item = self.item(key)?;
        let Some(items) = item.value.as_list() else {
            push_wrong_type(key, item, "a list of strings, such as `[\"…\"]`", diagnostics);
            return None;
        };
        if items.is_empty() {
            diagnostics.push(item.at, format!("`{key}` is empty"), "", "list at least one");
            return None;
        }
        Some(items.iter().filter_map(|item| text(key, item, diagnostics)).collect())
    }

    /// Returns copies of the strings that [`Section::texts`] returns.
    pub(crate) fn owned_texts(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Vec<Spanned<String>>> {
        let texts = self.texts(key, diagnostics)?;
        Some(texts.into_iter().map(Spanned::into_owned).collect())
    }

    /// Returns a table as a section.
    pub(crate) fn section(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<Section<'t>> {
        let entry = self.entry(key)?;
        if let Value::Table(table) = &entry.item.value {
            return Some(Section::new(format!("`[{key}]`"), table, entry.item.at));
        }
        let message = format!("`{key}` is {}, not a table", entry.item.value.kind());
        let help = format!("write `[{key}]` on a line, and its settings below it");
        diagnostics.push(entry.item.at, message, "", help);
        None
    }

    /// The keys requested so far.
    #[cfg(test)]
    pub(crate) fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Reports all keys that were not requested as unknown.
    pub(crate) fn finish(self, diagnostics: &mut Diagnostics<'_>) {
        for entry in &self.table.entries {
            let key = entry.key.as_str();
            if !self.known.contains(&key) && !self.later.contains(&key) {
                let message = format!("unknown setting `{}` in {}", escape(key), self.name);
                let near = nearest(key, self.known.iter().copied());
                let help = match near.filter(|near| self.table.get(near).is_some()) {
                    Some(near) => format!("remove it: `{near}` is there already"),
                    None => advice(key, &self.known),
                };
                diagnostics.push(entry.key_at, message, "", help);
            }
        }
    }
}

/// Returns the string that an item is. Reports any other type.
pub(crate) fn text<'t>(
    key: &str,
    item: &'t Item,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Spanned<&'t str>> {
    if let Value::Text(text) = &item.value {
        return Some(Spanned { value: text, at: item.at });
    }
    push_wrong_type(key, item, "a string, in quotes", diagnostics);
    None
}

/// Returns the choice that a word names. `later` are choices of later versions.
pub(crate) fn choose<T: Copy>(
    key: &str,
    word: Spanned<&str>,
    choices: &[(&'static str, T)],
    later: &[&str],
    diagnostics: &mut Diagnostics<'_>,
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| *name == word.value);
    if let Some((_, choice)) = found {
        return Some(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    if later.contains(&word.value) {
        let message = format!("`{key} = \"{}\"` is not in this version", word.value);
        let help = format!("this version supports {}", listed(names));
        diagnostics.push(word.at, message, "", help);
    } else {
        let message = format!("`{key}` can't be {}", quoted(word.value));
        let guess = match names.as_slice() {
            [_] => String::new(),
            _ => guess(word.value, names.iter().copied()),
        };
        diagnostics.push(word.at, message, "", format!("{guess}{}", expected_one_of(&names)));
    }
    None
}

fn push_unsupported(section: &str, entry: &Entry, diagnostics: &mut Diagnostics<'_>) {
    let message = format!("`{}` in {section} is not in this version", entry.key);
    diagnostics.push(entry.key_at, message, "", "remove it");
}

fn push_out_of_range(
    key: &str,
    item: &Item,
    range: &RangeInclusive<u64>,
    describe: impl Fn(u64) -> String,
    diagnostics: &mut Diagnostics<'_>,
) {
    let (least, most) = (describe(*range.start()), describe(*range.end()));
    let help = match *range.end() {
        u64::MAX => format!("it must be at least {least}"),
        _ => format!("it must be from {least} to {most}"),
    };
    diagnostics.push(item.at, format!("`{key}` is out of range"), "", help);
}

/// Reports a value of the wrong type; `expected` says what to write.
pub(crate) fn push_wrong_type(
    key: &str,
    item: &Item,
    expected: &str,
    diagnostics: &mut Diagnostics<'_>,
) {
    let message = format!("`{key}` is {}", item.value.kind());
    diagnostics.push(item.at, message, "", format!("write {expected}"));
}
