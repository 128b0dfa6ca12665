//! What the header of a CSV file says: where each column leads.
//!
//! Names are trimmed. A name of `Attributes.*` or `User.UserAttributes.*` may repeat and then
//! holds several values; any other may not. A header that does not fit stops the file, since
//! every record of it would be wrong.

use std::{collections::HashMap, fmt};

use super::Lookalikes;
use super::layout::scope_of;
use crate::record::{Scope, shown_name};
use crate::schema::{NodeIx, Schema, Shape};

/// The columns of one CSV file.
pub struct Columns {
    pub delimiter: u8,
    /// How many cells a row has.
    pub(super) width: usize,
    pub(super) fields: Vec<FieldColumn>,
    pub(super) maps: Vec<MapColumns>,
    /// Columns that only exports carry.
    pub(super) export_only: Vec<usize>,
    /// Columns under names that the schema does not know.
    pub(super) unknown: Vec<(usize, Scope, String)>,
    /// Columns without a name: a value there belongs nowhere.
    pub(super) unnamed: Vec<usize>,
}

/// A column that is a field.
pub(super) struct FieldColumn {
    pub(super) column: usize,
    pub(super) node: NodeIx,
    pub(super) is_number: bool,
}

/// The columns of one map, by name in order of first appearance.
pub(super) struct MapColumns {
    pub(super) map: usize,
    pub(super) scope: Scope,
    pub(super) is_lists: bool,
    pub(super) names: Vec<(String, Vec<usize>)>,
}

/// What a column's values are: those of a field, or of a name of a map.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lead<'a> {
    Field(NodeIx),
    Name { map: usize, name: &'a str },
}

impl fmt::Debug for Lead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lead")
    }
}

impl fmt::Debug for Columns {
    /// Without a header, the names are somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Columns({})", self.width)
    }
}

/// Why a header can't be used. Messages quote a name only if it is near a known one, since
/// without a header the first row is somebody's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderFault {
    /// What is wrong and where, lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// What is wrong with one column, and what may be done about it.
#[derive(Debug)]
struct ColumnFault {
    message: String,
    hints: Vec<String>,
}

const LEAVE_OUT: &str = "or set `unknown = \"drop\"` under `[input]` to leave such columns out";

/// The most columns of a header, as many as a spreadsheet has; also what bounds its memory.
pub const COLUMNS_MAX: usize = 16_384;

/// What a header is read with.
#[derive(Clone, Copy, Debug)]
struct HeaderRules<'a> {
    schema: &'a Schema,
    lookalikes: &'a Lookalikes,
    /// Whether names that are no field are left out rather than refused.
    drop_unknown: bool,
}

impl Columns {
    /// Reads a header from its record, without the line end.
    pub fn read(
        record: &[u8],
        delimiter: u8,
        schema: &Schema,
        lookalikes: &Lookalikes,
        drop_unknown: bool,
    ) -> Result<Columns, HeaderFault> {
        let rules = HeaderRules { schema, lookalikes, drop_unknown };
        let names = names(record, delimiter)?;
        let mut columns = Columns {
            delimiter,
            width: names.len(),
            fields: Vec::new(),
            maps: Vec::new(),
            export_only: Vec::new(),
            unknown: Vec::new(),
            unnamed: Vec::new(),
        };
        let mut faults = Vec::new();
        let mut columns_by_name = HashMap::new();
        for (column, name) in names.iter().enumerate() {
            let first = *columns_by_name.entry(name).or_insert(column);
            let outcome = columns.place(column, first, name, &rules);
            let outcome = outcome.and_then(|may_repeat| {
                let is_fine = may_repeat || first == column;
                if is_fine { Ok(()) } else { Err(repeated(name, first, column, &rules)) }
            });
            faults.extend(outcome.err());
        }
        if faults.is_empty() { Ok(columns) } else { Err(together(&faults)) }
    }

    /// What the columns lead to, in the order of their first columns, and how many each has.
    pub fn leads(&self) -> Vec<(Lead<'_>, usize)> {
        let fields = self.fields.iter().map(|field| (field.column, Lead::Field(field.node), 1));
        let names = self.maps.iter().flat_map(|map| {
            map.names.iter().map(|(name, columns)| {
                let first = columns.first().copied().unwrap_or(usize::MAX);
                (first, Lead::Name { map: map.map, name }, columns.len())
            })
        });
        let mut leads: Vec<_> = fields.chain(names).collect();
        leads.sort_by_key(|(first, ..)| *first);
        leads.into_iter().map(|(_, lead, count)| (lead, count)).collect()
    }

    /// Finds the place of a column's values; tells whether its name may repeat. `first`: the first
    /// column of that name.
    fn place(
        &mut self,
        column: usize,
        first: usize,
        name: &str,
        rules: &HeaderRules<'_>,
    ) -> Result<bool, ColumnFault> {
        if name.is_empty() {
            self.unnamed.push(column);
            return Ok(true);
        }
        if let Some((map, below, shape)) = rules.schema.map_and_name(name) {
            let is_lists = shape == Shape::Lists;
            let node = *rules.schema.maps.get(map).expect("a place among the schema's maps");
            self.map_column((map, node), is_lists, below, first, column);
            return Ok(is_lists);
        }
        let node = rules.schema.node(name);
        let shape = node.and_then(|node| rules.schema.nodes.get(node)).map(|node| node.shape);
        match (node, shape) {
            (Some(node), Some(Shape::Text)) => {
                self.fields.push(FieldColumn { column, node, is_number: false });
            }
            (Some(node), Some(Shape::Number)) => {
                self.fields.push(FieldColumn { column, node, is_number: true });
            }
            (Some(_), Some(Shape::ExportOnly)) => self.export_only.push(column),
            (_, Some(Shape::Object | Shape::Lists | Shape::Numbers) | None) | (None, Some(_)) => {
                return self.unknown_column(column, name, rules);
            }
        }
        Ok(false)
    }

    fn map_column(
        &mut self,
        (map, node): (usize, NodeIx),
        is_lists: bool,
        name: &str,
        first: usize,
        column: usize,
    ) {
        let found = self.maps.iter().position(|columns| columns.map == map);
        let place = found.unwrap_or_else(|| {
            self.maps.push(MapColumns { map, scope: scope_of(node), is_lists, names: Vec::new() });
            self.maps.len() - 1
        });
        let Some(MapColumns { names, .. }) = self.maps.get_mut(place) else { return };
        // Names stand in the order of their first columns.
        let known = names.binary_search_by_key(&Some(&first), |(_, columns)| columns.first());
        match known.ok().and_then(|known| names.get_mut(known)) {
            Some((_, columns)) => columns.push(column),
            None => names.push((name.to_owned(), vec![column])),
        }
    }

    fn unknown_column(
        &mut self,
        column: usize,
        name: &str,
        rules: &HeaderRules<'_>,
    ) -> Result<bool, ColumnFault> {
        if let Some(like) = rules.lookalikes.of("", name) {
            return Err(ColumnFault {
                message: format!("column {} `{}` is no field", column + 1, shown_name(name)),
                hints: vec![format!("it looks like `{}`: rename the column", shown_name(&like))],
            });
        }
        if rules.drop_unknown {
            self.unknown.push((column, Scope::ROOT, name.to_owned()));
            return Ok(false);
        }
        Err(unknown_name(column, name, rules))
    }
}

fn unknown_name(column: usize, name: &str, rules: &HeaderRules<'_>) -> ColumnFault {
    let (shown, hint) = match rules.lookalikes.nearest(name) {
        Some(near) => (
            format!("`{}`", shown_name(name)),
            format!("the nearest is `{near}`: rename the column"),
        ),
        None => (
            format!("(name of {} characters)", name.chars().count()),
            "check that the first line is a header".to_owned(),
        ),
    };
    ColumnFault {
        message: format!("column {} {shown} is no field", column + 1),
        hints: vec![hint, LEAVE_OUT.to_owned()],
    }
}

fn repeated(name: &str, first: usize, again: usize, rules: &HeaderRules<'_>) -> ColumnFault {
    let is_known = rules.schema.node(name).is_some() || rules.schema.map_and_name(name).is_some();
    let shown = if is_known { format!("`{}` ", shown_name(name)) } else { String::new() };
    let hint = "only names of `Attributes.` and `User.UserAttributes.` may repeat";
    ColumnFault {
        message: format!("column {} {shown}repeats column {}", again + 1, first + 1),
        hints: vec![hint.to_owned()],
    }
}

/// All faults as one: a header is mended in one go.
fn together(faults: &[ColumnFault]) -> HeaderFault {
    const SHOWN_MAX: usize = 10;
    let shown = || faults.iter().take(SHOWN_MAX);
    let mut messages: Vec<String> = shown().map(|fault| fault.message.clone()).collect();
    if SHOWN_MAX < faults.len() {
        messages.push(format!("and {} more", faults.len() - SHOWN_MAX));
    }
    let mut hints: Vec<&str> = Vec::new();
    for hint in shown().flat_map(|fault| &fault.hints) {
        if !hints.contains(&hint.as_str()) {
            hints.push(hint);
        }
    }
    // What goes on with "or" comes last.
    hints.sort_by_key(|hint| *hint == LEAVE_OUT);
    HeaderFault { message: messages.join("; "), hint: hints.join("; ") }
}

fn too_many(columns: usize) -> HeaderFault {
    HeaderFault {
        message: format!("the header has {columns} columns, over {COLUMNS_MAX}"),
        hint: "check that the first line is a header".to_owned(),
    }
}

/// The header's names, unquoted and trimmed.
fn names(record: &[u8], delimiter: u8) -> Result<Vec<String>, HeaderFault> {
    let text = str::from_utf8(record).map_err(|fault| HeaderFault {
        message: format!("the header is not UTF-8 at byte {}", fault.valid_up_to()),
        hint: "save the file as UTF-8".to_owned(),
    })?;
    let mut names = Vec::new();
    let mut more = 0;
    super::csv::each_cell(text.as_bytes(), delimiter, &mut |cell| {
        if names.len() == COLUMNS_MAX {
            more += 1;
            return;
        }
        let bytes = cell.bytes(text.as_bytes());
        let raw = String::from_utf8_lossy(bytes);
        let name =
            if cell.has_doubled_quotes { raw.replace("\"\"", "\"") } else { raw.into_owned() };
        names.push(name.trim().to_owned());
    });
    if more == 0 { Ok(names) } else { Err(too_many(COLUMNS_MAX + more)) }
}
