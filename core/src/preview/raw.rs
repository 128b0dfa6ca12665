//! The values of a record as they came in, before anything is repaired or renamed.

use std::borrow::Cow;

use crate::decode::each_cell_text;
use crate::decode::frame::Dialect;
use crate::discover::{Kind, NamePath, Value, walk_names};

/// A value, with the names on the way to it.
pub(super) struct RawValue<'a> {
    pub(super) names: &'a [&'a str],
    pub(super) text: RawText<'a>,
}

pub(super) enum RawText<'a> {
    Text(Cow<'a, str>),
    /// A list begins; its items follow.
    List,
    EmptyObject,
}

/// Visits the values of a record in JSON that the decoder accepts. Nulls are absent fields.
pub(super) fn each_in_json(record: &str, visit: &mut impl FnMut(RawValue<'_>)) {
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{feff}';
    let record = record.trim_start_matches(is_space);
    let mut names = Vec::new();
    walk_names(record, &mut |path: NamePath<'_>, value: Value<'_>| {
        let text = match value.kind {
            Kind::Null if !value.is_item => return,
            Kind::Null => RawText::Text(Cow::Borrowed("null")),
            Kind::List => RawText::List,
            Kind::Object => RawText::EmptyObject,
            Kind::Text | Kind::Number | Kind::Boolean => {
                RawText::Text(value.text().unwrap_or_default())
            }
        };
        // The list is filled anew for each value, since the names do not outlive the visit.
        names.clear();
        names.extend(path.names().map(str::to_owned));
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        visit(RawValue { names: &borrowed, text });
    });
}

/// Visits the cells of a row of CSV that have a name. Empty ones are absent fields.
pub(super) fn each_in_csv(
    row: &str,
    dialect: Dialect,
    columns: &[String],
    visit: &mut impl FnMut(RawValue<'_>),
) {
    let mut columns = columns.iter();
    each_cell_text(row, dialect, |cell| {
        let name = columns.next().filter(|name| !name.is_empty());
        if let Some(name) = name.filter(|_| !cell.is_empty()) {
            visit(RawValue { names: &[name], text: RawText::Text(cell) });
        }
    });
}
