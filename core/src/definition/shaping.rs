//! The settings of `[input]` about values of other programs: texts that mean null, and what the words of
//! a field mean.
//!
//! Whether a path is that of a field is checked against the schema (`plan::rules`).

use super::columns::{Pair, pairs_of, read_pairs};
use super::document::{Diagnostics, Entry, Section, Spanned, Value};
use super::vocabulary::InputFormat;

/// The settings of values.
#[derive(Clone, Debug, Default)]
pub struct ShapingSpec {
    /// The path of the records in the values of JSON files. `None`: the values are the records.
    pub records: Option<Vec<String>>,
    /// The texts that mean null.
    pub null: Vec<Spanned<String>>,
    pub values: Vec<FieldWords>,
    /// Names in maps of which one text has several values, and what delimits them.
    pub split: Vec<(Spanned<String>, u8)>,
}

/// The words of a field, each with what it means.
#[derive(Clone, Debug)]
pub struct FieldWords {
    pub field: Spanned<String>,
    pub words: Vec<Pair>,
}

/// Reads the settings. `format` is the one that the definition sets.
pub(super) fn read(
    section: &mut Section<'_>,
    format: Option<InputFormat>,
    diagnostics: &mut Diagnostics<'_>,
) -> ShapingSpec {
    ShapingSpec {
        records: read_records(section, format, diagnostics),
        null: read_null(section, diagnostics),
        values: read_values(section, diagnostics),
        split: read_split(section, diagnostics),
    }
}

fn read_records(
    section: &mut Section<'_>,
    format: Option<InputFormat>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Vec<String>> {
    let path = section.text("records", diagnostics)?;
    if format == Some(InputFormat::Csv) {
        let message = "`records` is for JSON, but `format` is \"csv\"";
        diagnostics.push(path.at, message, "", "remove one of them");
    }
    let names: Vec<String> = path.value.split('.').map(str::to_owned).collect();
    if names.iter().any(String::is_empty) {
        let help = "name the way to the records, such as `records = \"EndpointsResponse.Item\"`";
        diagnostics.push(path.at, "`records` has an empty name", "", help);
    }
    Some(names)
}

fn read_split(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<(Spanned<String>, u8)> {
    let pairs = read_pairs(section, "input", "split", "\"Attributes.Tags\" = \",\"", diagnostics);
    let mut split = Vec::new();
    for (path, delimiter) in pairs {
        match delimiter.value.as_bytes() {
            [byte] if *byte == b'\t' || (b' '..=b'~').contains(byte) && *byte != b'"' => {
                split.push((path, *byte));
            }
            _ => {
                let help = "use one ASCII character, such as `,`, `;`, `|` or a tab (`\"\\t\"`)";
                let message = format!("`{}` is not split by one character", path.value);
                diagnostics.push(delimiter.at, message, "", help);
            }
        }
    }
    split
}

fn read_null(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Vec<Spanned<String>> {
    let texts = section.owned_texts("null", diagnostics).unwrap_or_default();
    for text in texts.iter().filter(|text| text.value.is_empty()) {
        let help = "remove it: an empty cell is an absent field in any case, and `\"\"` in JSON is a \
                    value";
        diagnostics.push(text.at, "a text in `null` is empty", "", help);
    }
    texts
}

fn read_values(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Vec<FieldWords> {
    const HELP: &str = "write `[input.values]` on a line, and below it lines such as `\"OptOut\" = { \
                        \"1\" = \"ALL\", \"0\" = \"NONE\" }`";
    const OF_FIELD: &str = "say what each word of the field means, as in `\"OptOut\" = { \"1\" = \"ALL\", \
                            \"0\" = \"NONE\" }`";
    let Some(entry) = section.entry("values") else { return Vec::new() };
    let Value::Table(table) = &entry.item.value else {
        diagnostics.push(entry.key_at, "`values` is not a table", "", HELP);
        return Vec::new();
    };
    table.entries.iter().filter_map(|entry| read_words(entry, OF_FIELD, diagnostics)).collect()
}

/// Reads the words of one field.
fn read_words(
    entry: &Entry,
    help: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<FieldWords> {
    let field = Spanned { value: entry.key.trim().to_owned(), at: entry.key_at };
    let Value::Table(table) = &entry.item.value else {
        let message = format!("the words of `{}` are not a table", entry.key);
        diagnostics.push(entry.item.at, message, "", help);
        return None;
    };
    if table.entries.is_empty() {
        let message = format!("`{}` has no words", entry.key);
        diagnostics.push(entry.key_at, message, "", help);
        return None;
    }
    // Words are compared as they are, blanks included.
    Some(FieldWords { field, words: pairs_of(table, diagnostics) })
}
