//! What `[input]` says of CSV files: the delimiter, the header or the names in its place, renamed
//! columns and constants.
//!
//! Whether a name is a field's is for the schema to say (`rules`).

use super::document::{Diagnostics, Origin, Section, Spanned, Value, text};
use super::vocabulary::InputFormat;

/// A name and what stands for it.
pub type Pair = (Spanned<String>, Spanned<String>);

/// The settings of columns, read and typed.
#[derive(Clone, Debug, Default)]
pub struct ColumnsSpec {
    /// Set where the definition does; else told by the header.
    pub delimiter: Option<u8>,
    /// The names of the columns, of files without a header.
    pub columns: Option<Vec<Spanned<String>>>,
    /// Names of headers, and the fields that they stand for.
    pub rename: Vec<Pair>,
    /// Fields, and the value that they have in every row.
    pub constants: Vec<Pair>,
}

/// Reads the settings of columns; `format` is the one that the definition sets.
pub(crate) fn read(
    section: &mut Section<'_>,
    format: Option<InputFormat>,
    faults: &mut Diagnostics<'_>,
) -> ColumnsSpec {
    let before = ["delimiter", "header", "columns", "rename", "constants"];
    let of_csv = before.map(|key| section.entry(key).map(|entry| (key, entry.key_at)));
    if format == Some(InputFormat::Json) {
        for (key, at) in of_csv.into_iter().flatten() {
            let what = format!("`{key}` is for CSV, and `format` is \"json\"");
            faults.push(at, what, "", "leave one of them out");
        }
    }
    ColumnsSpec {
        delimiter: read_delimiter(section, faults),
        columns: read_columns(section, faults),
        rename: read_pairs(section, "rename", "\"E-mail\" = \"Address\"", faults),
        constants: read_pairs(section, "constants", "ChannelType = \"EMAIL\"", faults),
    }
}

fn read_delimiter(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Option<u8> {
    let word = section.text("delimiter", faults)?;
    let is_fit =
        |byte: &u8| (byte.is_ascii_punctuation() || *byte == b'\t') && !b"\"._-".contains(byte);
    match word.value.as_bytes() {
        [byte] if is_fit(byte) => Some(*byte),
        _ => {
            let help = "it is one of `,`, `;`, `|` or a tab (`\"\\t\"`), or another character of \
                        ASCII that no name holds";
            faults.push(word.at, "`delimiter` is no delimiter", "", help);
            None
        }
    }
}

/// The names of the columns. A file has a header or the definition has them in its place.
fn read_columns(
    section: &mut Section<'_>,
    faults: &mut Diagnostics<'_>,
) -> Option<Vec<Spanned<String>>> {
    let header_at = section.entry("header").map(|entry| entry.key_at);
    let has_header = section.boolean("header", faults).unwrap_or(true);
    let columns_at = section.entry("columns").map(|entry| entry.key_at);
    let columns = section.owned_texts("columns", faults);
    match (has_header, columns_at, header_at) {
        (true, Some(at), _) => {
            let help = "write `header = false` for files without a header; \
                        `[input.rename]` is for names in one";
            faults.push(at, "`columns` in `[input]` stand in place of a header", "", help);
            None
        }
        (false, None, Some(at)) => {
            let help =
                "name the columns in their order, as `columns = [\"Address\", \"ChannelType\"]`";
            faults.push(at, "without a header, `columns` is missing", "", help);
            None
        }
        (true | false, _, _) => columns,
    }
}

/// A table of texts by names of somebody else's.
fn read_pairs(
    section: &mut Section<'_>,
    key: &'static str,
    example: &str,
    faults: &mut Diagnostics<'_>,
) -> Vec<Pair> {
    let Some(entry) = section.entry(key) else { return Vec::new() };
    let help = format!("write `[input.{key}]` on a line, and below it such as `{example}`");
    let Value::Table(table) = &entry.item.value else {
        faults.push(entry.key_at, format!("`{key}` is no table"), "", help);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in &table.entries {
        if entry.key.trim().is_empty() {
            faults.push(entry.key_at, format!("a name in `[input.{key}]` is empty"), "", &*help);
        } else if let Value::Table(_) = entry.item.value {
            let help = "names with dots stand in quotes, such as `\"User.UserId\"`";
            faults.push(entry.key_at, format!("`{}` is a table", entry.key), "", help);
        } else if let Some(value) = text(&entry.key, &entry.item, faults) {
            pairs.extend(pair(&entry.key, entry.key_at, value, faults));
        }
    }
    pairs
}

fn pair(key: &str, at: Origin, value: Spanned<&str>, faults: &mut Diagnostics<'_>) -> Option<Pair> {
    if value.value.is_empty() {
        faults.push(value.at, format!("`{key}` is empty"), "", "leave it out, or give it a value");
        return None;
    }
    // Names of a header are compared after trimming.
    let name = Spanned { value: key.trim().to_owned(), at };
    Some((name, value.into_owned()))
}
