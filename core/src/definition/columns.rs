//! The settings of `[input]` for CSV files: the delimiter, the header or the names in place of it,
//! renamed columns and constants.
//!
//! Whether a name is that of a field is checked against the schema (`plan::rules`).

use super::document::{Diagnostics, Entry, Origin, Section, Spanned, Table, Value};
use super::vocabulary::InputFormat;
use crate::decode::frame::Dialect;

/// A name and its value.
pub type Pair = (Spanned<String>, Spanned<String>);

/// The settings of columns.
#[derive(Clone, Debug, Default)]
pub struct ColumnsSpec {
    /// `None`: detect it from the header.
    pub delimiter: Option<u8>,
    /// The names of the columns, for files without a header.
    pub columns: Option<Vec<Spanned<String>>>,
    /// Names in headers, and in JSON names or paths, with the fields that they stand for.
    pub rename: Vec<Pair>,
    /// Fields, and the value that they have in every record.
    pub constants: Vec<Pair>,
    /// The number of lines before the header.
    pub skip_lines: u64,
    /// Whether rows may have fewer cells than the header, and more empty ones.
    pub pads_rows: bool,
    /// Whether the decimal mark is a comma.
    pub has_decimal_comma: bool,
    /// How rows are written. Its delimiter is a comma if the definition sets none.
    pub dialect: Dialect,
}

/// The most lines that can be skipped.
const SKIP_LINES_MAX: u64 = 1000;

/// The settings that have no meaning for JSON.
const OF_CSV: [&str; 8] = [
    "delimiter",
    "header",
    "columns",
    "skip_lines",
    "ragged",
    "decimal",
    "escape",
    "skip_initial_space",
];

/// Reads the settings of columns. `format` is the one that the definition sets.
pub(super) fn read(
    section: &mut Section<'_>,
    format: Option<InputFormat>,
    diagnostics: &mut Diagnostics<'_>,
) -> ColumnsSpec {
    let of_csv = OF_CSV.map(|key| section.entry(key).map(|entry| (key, entry.key_at)));
    if format == Some(InputFormat::Json) {
        for (key, at) in of_csv.into_iter().flatten() {
            let message = format!("`{key}` is for CSV, but `format` is \"json\"");
            diagnostics.push(at, message, "", "remove one of them");
        }
    }
    let delimiter = read_delimiter(section, diagnostics);
    let escapes = [("backslash", true)];
    let has_escapes = section.choice("escape", &escapes, &[], diagnostics).unwrap_or(false);
    let skips_space = section.boolean("skip_initial_space", diagnostics).unwrap_or(false);
    ColumnsSpec {
        delimiter,
        columns: read_columns(section, diagnostics),
        rename: read_pairs(section, "input", "rename", "\"E-mail\" = \"Address\"", diagnostics),
        constants: read_pairs(
            section,
            "input",
            "constants",
            "ChannelType = \"EMAIL\"",
            diagnostics,
        ),
        skip_lines: section.whole("skip_lines", 0..=SKIP_LINES_MAX, diagnostics).unwrap_or(0),
        pads_rows: section.choice("ragged", &[("pad", true)], &[], diagnostics).unwrap_or(false),
        has_decimal_comma: section
            .choice("decimal", &[(",", true), (".", false)], &[], diagnostics)
            .unwrap_or(false),
        dialect: Dialect {
            has_escapes,
            skips_space,
            ..delimiter.map_or_else(Dialect::default, Dialect::new)
        },
    }
}

fn read_delimiter(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<u8> {
    let word = section.text("delimiter", diagnostics)?;
    match word.value.as_bytes() {
        [byte] if Dialect::is_delimiter(*byte) => Some(*byte),
        _ => {
            let help = "use `,`, `;`, `|`, a tab (`\"\\t\"`), or another ASCII punctuation character \
                        except `\"`, `.`, `_` and `-`";
            diagnostics.push(word.at, "`delimiter` is not a valid delimiter", "", help);
            None
        }
    }
}

/// Reads `header` and `columns`, of which exactly one names the columns.
fn read_columns(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Vec<Spanned<String>>> {
    let header_at = section.entry("header").map(|entry| entry.key_at);
    let has_header = section.boolean("header", diagnostics).unwrap_or(true);
    let columns_at = section.entry("columns").map(|entry| entry.key_at);
    let columns = section.owned_texts("columns", diagnostics);
    match (has_header, columns_at, header_at) {
        (true, Some(at), _) => {
            let help = "set `header = false` if the files have no header; to rename columns of a \
                        header, use `[input.rename]`";
            diagnostics.push(at, "`columns` in `[input]` takes the place of a header", "", help);
            None
        }
        (false, None, Some(at)) => {
            let help =
                "name the columns in order, as in `columns = [\"Address\", \"ChannelType\"]`";
            diagnostics.push(at, "`header = false` needs `columns`", "", help);
            None
        }
        (true | false, _, _) => columns,
    }
}

/// Reads a table of strings whose keys are not settings but names of columns or fields. `within`: the
/// path of its section.
pub(super) fn read_pairs(
    section: &mut Section<'_>,
    within: &str,
    key: &'static str,
    example: &str,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Pair> {
    let Some(entry) = section.entry(key) else { return Vec::new() };
    let Value::Table(table) = &entry.item.value else {
        let help =
            format!("write `[{within}.{key}]` on a line, and below it lines such as `{example}`");
        diagnostics.push(entry.key_at, format!("`{key}` is not a table"), "", help);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in &table.entries {
        if entry.key.trim().is_empty() {
            let message = format!("a name in `[{within}.{key}]` is empty");
            diagnostics.push(entry.key_at, message, "", format!("name it, as in `{example}`"));
        } else if let Value::Table(_) = entry.item.value {
            let help = "put names that contain dots in quotes, such as `\"User.UserId\"`";
            diagnostics.push(entry.key_at, format!("`{}` is a table", entry.key), "", help);
        } else if let Some(value) = value_of(entry, diagnostics) {
            pairs.extend(pair(&entry.key, entry.key_at, value, diagnostics));
        }
    }
    pairs
}

/// The text that stands for a name or word of the data, also where the field is a number.
fn value_of<'e>(entry: &'e Entry, diagnostics: &mut Diagnostics<'_>) -> Option<Spanned<&'e str>> {
    let Some(text) = entry.item.value.as_text() else {
        let message = format!("the value of `{}` is not in quotes", entry.key);
        diagnostics.push(
            entry.item.at,
            message,
            "",
            "write it as a string, whatever the field's type is",
        );
        return None;
    };
    Some(Spanned { value: text, at: entry.item.at })
}

fn pair(
    key: &str,
    at: Origin,
    value: Spanned<&str>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Pair> {
    if value.value.is_empty() {
        let help = "remove it, or give it a value";
        diagnostics.push(value.at, format!("`{key}` is empty"), "", help);
        return None;
    }
    // Names in a header are compared without white space around them.
    let name = Spanned { value: key.trim().to_owned(), at };
    Some((name, value.into_owned()))
}

/// Reads the texts of a table whose keys are words of the data.
pub(super) fn pairs_of(table: &Table, diagnostics: &mut Diagnostics<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for entry in &table.entries {
        if let Some(value) = value_of(entry, diagnostics) {
            let key = Spanned { value: entry.key.clone(), at: entry.key_at };
            pairs.push((key, value.into_owned()));
        }
    }
    pairs
}
