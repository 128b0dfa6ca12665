//! `[[suppress]]`: lists of people who are left out, or opted out.

use super::document::location::{self, Use};
use super::document::{Diagnostics, Item, Location, Origin, Section, Spanned, Value};
use super::environment::Environment;
use super::parameters;
use crate::transform::Normalize;

/// Entries that a list may have, where the definition does not say otherwise.
const MAX_ENTRIES: u64 = 10_000_000;
/// What entries are numbered with.
const MAX_ENTRIES_MAX: u64 = 1_000_000_000;

/// One `[[suppress]]`, read and typed.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Files and folders.
    pub from: Vec<Location>,
    /// The field whose value is looked up.
    pub field: Spanned<String>,
    /// The column of a CSV list; None where each line is an entry.
    pub column: Option<String>,
    /// None where it is not written.
    pub normalize: Option<Normalize>,
    pub form: Spanned<ListForm>,
    pub action: Spanned<ListAction>,
    /// The join of tokens, where it is written.
    pub join: Option<String>,
    pub max_entries: u64,
}

impl Suppression {
    /// The fewest bytes of a list that an entry takes, with its line end.
    pub fn entry_bytes_min(&self) -> u64 {
        match (self.form.value, self.normalize) {
            (ListForm::Sha256, _) => 65,
            (ListForm::Token, _) => 20,
            (ListForm::Plain, Some(Normalize::EmailV1)) => 6,
            (ListForm::Plain, Some(Normalize::PhoneV1)) => 9,
            (ListForm::Plain, Some(Normalize::None) | None) => 2,
        }
    }
}

/// What stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// Values.
    Plain,
    /// SHA-256 of normalised values, in hex.
    Sha256,
    /// Tokens of normalised values, by a key of the definition.
    Token,
}

/// What becomes of a record that a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAction {
    Drop,
    /// It gets `OptOut: ALL`.
    OptOut,
}

impl ListAction {
    /// As definitions name it.
    pub fn name(self) -> &'static str {
        match self {
            ListAction::Drop => "drop",
            ListAction::OptOut => "opt-out",
        }
    }
}

pub(crate) fn read(
    root: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Vec<Suppression> {
    let Some(entry) = root.entry("suppress") else { return Vec::new() };
    let Some(items) = entry.item.value.as_list() else {
        let what =
            format!("`suppress` is {}, and it should be a list of tables", entry.item.value.kind());
        faults.push(entry.key_at, what, "", HELP);
        return Vec::new();
    };
    items.iter().filter_map(|item| read_one(item, around, faults)).collect()
}

const HELP: &str =
    "write `[[suppress]]` on a line, and below it `from = [\"…\"]` and `field = \"Address\"`";

/// None where it can't be told which field is looked up.
fn read_one(
    item: &Item,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<Suppression> {
    let Value::Table(table) = &item.value else {
        faults.push(item.at, format!("a suppression is {}", item.value.kind()), "", HELP);
        return None;
    };
    let mut section = Section::new("`[[suppress]]`", table, item.at);
    let field = section.required_text("field", "write `field = \"Address\"`", faults);
    let suppression = Suppression {
        from: read_from(&mut section, around, faults),
        field: field.map_or_else(nothing, Spanned::into_owned),
        column: section.text("column", faults).map(|column| column.value.to_owned()),
        normalize: parameters::read_normalize(&mut section, faults),
        form: read_form(&mut section, faults),
        action: read_action(&mut section, faults),
        join: section.text("join", faults).map(|join| join.value.to_owned()),
        max_entries: section
            .whole("max_entries", 1..=MAX_ENTRIES_MAX, faults)
            .unwrap_or(MAX_ENTRIES),
    };
    check_column(&mut section, faults);
    check_join(&mut section, suppression.form.value, faults);
    section.finish(faults);
    field.map(|_| suppression)
}

fn nothing() -> Spanned<String> {
    Spanned { value: String::new(), at: Origin::default() }
}

fn read_from(
    section: &mut Section<'_>,
    around: &Environment<'_>,
    faults: &mut Diagnostics<'_>,
) -> Vec<Location> {
    let help = "name the list, such as `from = [\"lists/optout.csv\"]`";
    let Some(texts) = section.required_texts("from", help, faults) else { return Vec::new() };
    let place = |text| location::read("from", text, Use::List, around, faults);
    texts.into_iter().filter_map(place).collect()
}

fn read_form(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Spanned<ListForm> {
    let at = section.entry("form").map_or(section.at(), |entry| entry.item.at);
    let forms =
        [("plain", ListForm::Plain), ("sha256", ListForm::Sha256), ("token", ListForm::Token)];
    let value = section.choice("form", &forms, &[], faults).unwrap_or(ListForm::Plain);
    Spanned { value, at }
}

fn read_action(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Spanned<ListAction> {
    let at = section.entry("action").map_or(section.at(), |entry| entry.item.at);
    let actions = [ListAction::Drop, ListAction::OptOut].map(|action| (action.name(), action));
    let value = section.choice("action", &actions, &[], faults).unwrap_or(ListAction::Drop);
    Spanned { value, at }
}

fn check_column(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) {
    if let Some(item) = section.take("column")
        && item.value.as_text().is_some_and(|name| name.trim().is_empty())
    {
        let help =
            "name the column by its header, or leave `column` out: then each line is an entry";
        faults.push(item.at, "`column` is empty", "", help);
    }
}

fn check_join(section: &mut Section<'_>, form: ListForm, faults: &mut Diagnostics<'_>) {
    if let Some(entry) = section.entry("join")
        && form != ListForm::Token
    {
        let help = "leave it out, or write `form = \"token\"`";
        faults.push(entry.key_at, "`join` is for lists of tokens", "", help);
    }
}
