//! `[[suppress]]`: lists of people whose records are dropped or opted out. `run/lists.rs` reads
//! them, and `pipeline/suppress.rs` looks records up.

use super::document::location::{self, Use};
use super::document::{Diagnostics, Item, Location, Origin, Section, Spanned, Value};
use super::environment::Environment;
use crate::transform::Normalize;

/// The default of `max_entries`.
const MAX_ENTRIES: u64 = 10_000_000;
/// The largest `max_entries`: entries are numbered with 32 bits.
const MAX_ENTRIES_MAX: u64 = 1_000_000_000;

/// A `[[suppress]]`.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Files, folders and patterns.
    pub from: Vec<Location>,
    /// The path of the field whose value is looked up.
    pub field: Spanned<String>,
    /// The column of a list in CSV. `None`: each line is an entry.
    pub column: Option<String>,
    /// `None`: not set.
    pub normalize: Option<Comparison>,
    pub form: Spanned<ListForm>,
    pub action: Spanned<ListAction>,
    /// The join of a list of tokens. `None`: not set.
    pub join: Option<String>,
    pub max_entries: u64,
    /// How many entries may be unusable.
    pub max_unusable: u64,
}

impl Suppression {
    /// The least number of bytes that an entry takes in a file, with its line end.
    pub fn entry_bytes_min(&self) -> u64 {
        match (self.form.value, self.normalize) {
            (ListForm::Sha256, _) => 65,
            (ListForm::Token, _) => 20,
            (ListForm::Plain, Some(Comparison::As(Normalize::EmailV1))) => 6,
            (ListForm::Plain, Some(Comparison::As(Normalize::PhoneV1))) => 9,
            (ListForm::Plain, Some(Comparison::As(Normalize::None) | Comparison::Auto) | None) => 2,
        }
    }
}

/// The form in which values and entries are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Each in the form of what it looks like: an e-mail address, a phone number, or itself.
    Auto,
    As(Normalize),
}

impl Comparison {
    /// The value of `normalize`.
    pub fn name(self) -> &'static str {
        match self {
            Comparison::Auto => "auto",
            Comparison::As(form) => form.name(),
        }
    }
}

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// Values.
    Plain,
    /// The SHA-256 digests of normalised values, in hexadecimal.
    Sha256,
    /// Tokens of normalised values, made with a key of the definition.
    Token,
}

/// What to do with a record whose value is on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAction {
    Drop,
    /// Set `OptOut` to `ALL`.
    OptOut,
}

impl ListAction {
    /// The value of `action`.
    pub fn name(self) -> &'static str {
        match self {
            ListAction::Drop => "drop",
            ListAction::OptOut => "opt-out",
        }
    }
}

pub(super) fn read(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Suppression> {
    let Some(entry) = root.entry("suppress") else { return Vec::new() };
    let Some(items) = entry.item.value.as_list() else {
        let message = format!("`suppress` is {}, not a list of tables", entry.item.value.kind());
        diagnostics.push(entry.key_at, message, "", HELP);
        return Vec::new();
    };
    items.iter().filter_map(|item| read_one(item, environment, diagnostics)).collect()
}

const HELP: &str =
    "write `[[suppress]]` on a line, and below it `from = [\"…\"]` and `field = \"Address\"`";

/// Reads a `[[suppress]]`. `None`: `field` is missing or wrong.
fn read_one(
    item: &Item,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Suppression> {
    let Value::Table(table) = &item.value else {
        let message = format!("a `[[suppress]]` is {}, not a table", item.value.kind());
        diagnostics.push(item.at, message, "", HELP);
        return None;
    };
    let mut section = Section::new("`[[suppress]]`", table, item.at);
    let field = section.required_text("field", "write `field = \"Address\"`", diagnostics);
    let suppression = Suppression {
        from: read_from(&mut section, environment, diagnostics),
        field: field.map_or_else(no_field, Spanned::into_owned),
        column: section.text("column", diagnostics).map(|column| column.value.to_owned()),
        normalize: read_normalize(&mut section, diagnostics),
        form: read_form(&mut section, diagnostics),
        action: read_action(&mut section, diagnostics),
        join: section.text("join", diagnostics).map(|join| join.value.to_owned()),
        max_entries: section
            .whole("max_entries", 1..=MAX_ENTRIES_MAX, diagnostics)
            .unwrap_or(MAX_ENTRIES),
        max_unusable: section.whole("max_unusable", 0..=MAX_ENTRIES_MAX, diagnostics).unwrap_or(0),
    };
    check_column(&mut section, diagnostics);
    check_join(&mut section, suppression.form.value, diagnostics);
    section.finish(diagnostics);
    field.map(|_| suppression)
}

/// Stands for a field that is missing, so that the other settings are still checked.
fn no_field() -> Spanned<String> {
    Spanned { value: String::new(), at: Origin::default() }
}

fn read_from(
    section: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Location> {
    let help = "name the list, such as `from = [\"lists/optout.csv\"]`";
    let Some(texts) = section.required_texts("from", help, diagnostics) else { return Vec::new() };
    let read = |text| location::read("from", text, Use::List, environment, diagnostics);
    texts.into_iter().filter_map(read).collect()
}

fn read_normalize(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Comparison> {
    let [none, email, phone] = Normalize::ALL.map(Comparison::As);
    let choices = [Comparison::Auto, none, email, phone].map(|form| (form.name(), form));
    section.choice("normalize", &choices, &[], diagnostics)
}

fn read_form(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Spanned<ListForm> {
    let at = section.entry("form").map_or(section.at(), |entry| entry.item.at);
    let forms =
        [("plain", ListForm::Plain), ("sha256", ListForm::Sha256), ("token", ListForm::Token)];
    let value = section.choice("form", &forms, &[], diagnostics).unwrap_or(ListForm::Plain);
    Spanned { value, at }
}

fn read_action(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Spanned<ListAction> {
    let at = section.entry("action").map_or(section.at(), |entry| entry.item.at);
    let actions = [ListAction::Drop, ListAction::OptOut].map(|action| (action.name(), action));
    let value = section.choice("action", &actions, &[], diagnostics).unwrap_or(ListAction::Drop);
    Spanned { value, at }
}

fn check_column(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) {
    if let Some(item) = section.item("column")
        && item.value.as_text().is_some_and(|name| name.trim().is_empty())
    {
        let help = "name the column by its header, or remove `column` if each line is an entry";
        diagnostics.push(item.at, "`column` is empty", "", help);
    }
}

fn check_join(section: &mut Section<'_>, form: ListForm, diagnostics: &mut Diagnostics<'_>) {
    if let Some(entry) = section.entry("join")
        && form != ListForm::Token
    {
        let help = "remove it, or write `form = \"token\"`";
        diagnostics.push(entry.key_at, "`join` is only for lists of tokens", "", help);
    }
}
