//! What the header of a CSV file says, or the definition in its place: where each column leads.
//!
//! Names are trimmed, and then renamed as the definition says. A name of `Attributes.*` or
//! `User.UserAttributes.*` may repeat and then holds several values; any other may not. Constants
//! are columns with the same value in every row. A header that does not fit stops the file, since
//! every record of it would be wrong.

mod advice;
mod aliases;
mod header;

use std::{collections::HashMap, fmt, sync::Arc};

pub use advice::HeaderError;
pub use header::{COLUMNS_MAX, first_row};

use crate::decode::Lookalikes;
use crate::decode::layout::scope_of;
use crate::record::Scope;
use crate::schema::{NodeIx, Schema, Shape};
use advice::{ColumnFault, Doubt};
use aliases::Aliases;

/// The delimiters that a header is asked for, where the definition sets none; the first one where
/// nothing tells.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What the columns of CSV files are read with: the same for all files of a run.
pub struct ColumnRules {
    schema: Arc<Schema>,
    lookalikes: Lookalikes,
    aliases: Aliases,
    settings: ColumnSettings,
}

/// What the definition says of columns.
#[derive(Clone, Debug, Default)]
pub struct ColumnSettings {
    /// Names of headers, and what they stand for.
    pub rename: Vec<(String, String)>,
    /// Fields, and the value that they have in every row.
    pub constants: Vec<(String, String)>,
    /// Whether columns under names that are no field are left out rather than refused.
    pub drop_unknown: bool,
}

impl fmt::Debug for ColumnRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColumnRules")
    }
}

impl ColumnRules {
    pub fn new(schema: Arc<Schema>, settings: ColumnSettings) -> ColumnRules {
        let lookalikes = Lookalikes::new(&schema);
        ColumnRules { schema, lookalikes, aliases: Aliases::shipped(), settings }
    }

    /// What the definition says about columns.
    pub fn settings(&self) -> &ColumnSettings {
        &self.settings
    }

    fn renamed<'a>(&'a self, name: &'a str) -> &'a str {
        let rename = self.rename_of(name).and_then(|number| self.settings.rename.get(number));
        rename.map_or(name, |(_, to)| to.as_str())
    }

    /// The place in the settings of what a name is renamed by.
    fn rename_of(&self, name: &str) -> Option<usize> {
        self.settings.rename.iter().position(|(from, _)| from == name)
    }

    /// Whether a name is a field's, or is renamed to one, or may be meant to be one.
    fn is_familiar(&self, name: &str) -> bool {
        let name = self.renamed(name);
        is_column(&self.schema, name)
            || self.schema.node(name).is_some()
            || self.lookalikes.of("", name).is_some()
            || self.aliases.of(name).is_some()
    }
}

/// Whether a column may have that name: a field's, or one in a map.
pub fn is_column(schema: &Schema, name: &str) -> bool {
    schema.map_and_name(name).is_some() || field_shape(schema, name).is_some()
}

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
    /// The values of constants, which columns from `width` on have.
    pub(super) constants: Vec<String>,
    /// The renamings of the settings that the header has names for, by their places there.
    pub(crate) renamings: Vec<usize>,
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
    /// The column of each name, where none has more than one.
    pub(super) single: Option<Vec<usize>>,
}

/// What a column's values are: those of a field, or of a name of a map.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnField<'a> {
    Node(NodeIx),
    MapName { map: usize, name: &'a str },
}

impl fmt::Debug for ColumnField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColumnField")
    }
}

impl fmt::Debug for Columns {
    /// Without a header, the names are somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Columns({})", self.width)
    }
}

impl Columns {
    /// Reads a header from its record, without the line end.
    pub fn read(record: &[u8], delimiter: u8, rules: &ColumnRules) -> Result<Columns, HeaderError> {
        let names = header::names(record, delimiter)?;
        let renamed: Vec<&str> = names.iter().map(|name| rules.renamed(name)).collect();
        let columns = Columns::of(&renamed, delimiter, rules);
        let columns = columns.map_err(|faults| rules.describe(&names, &faults))?;
        let renamings = names.iter().filter_map(|name| rules.rename_of(name)).collect();
        Ok(Columns { renamings, ..columns })
    }

    /// The columns that the definition names, of a file without a header.
    pub fn named(
        names: &[String],
        delimiter: u8,
        rules: &ColumnRules,
    ) -> Result<Columns, HeaderError> {
        let of: Vec<&str> = names.iter().map(String::as_str).collect();
        Columns::of(&of, delimiter, rules).map_err(|faults| rules.describe(names, &faults))
    }

    fn of(names: &[&str], delimiter: u8, rules: &ColumnRules) -> Result<Columns, Vec<ColumnFault>> {
        let constants = &rules.settings.constants;
        let mut columns = Columns {
            delimiter,
            width: names.len(),
            fields: Vec::new(),
            maps: Vec::new(),
            export_only: Vec::new(),
            unknown: Vec::new(),
            unnamed: Vec::new(),
            constants: constants.iter().map(|(_, value)| value.clone()).collect(),
            renamings: Vec::new(),
        };
        let mut faults = Vec::new();
        let mut first_of: HashMap<&str, usize> = HashMap::new();
        let of_constants = constants.iter().map(|(field, _)| field.as_str());
        for (column, name) in names.iter().copied().chain(of_constants).enumerate() {
            let first = *first_of.entry(name).or_insert(column);
            let doubt = match columns.place(column, first, name, rules) {
                Err(doubt) => Some(doubt),
                Ok(_) if names.len() <= column && first < names.len() => {
                    Some(Doubt::IsConstant { column: first })
                }
                Ok(may_repeat) => {
                    (!may_repeat && first != column).then_some(Doubt::Repeats { first })
                }
            };
            faults.extend(doubt.map(|doubt| ColumnFault { column, doubt }));
        }
        if faults.is_empty() { Ok(columns) } else { Err(faults) }
    }

    /// What the columns lead to, constants among them, in the order of their first columns, and how
    /// many each has.
    pub fn column_fields(&self) -> Vec<(ColumnField<'_>, usize)> {
        let fields =
            self.fields.iter().map(|field| (field.column, ColumnField::Node(field.node), 1));
        let names = self.maps.iter().flat_map(|map| {
            map.names.iter().map(|(name, columns)| {
                let first = columns.first().copied().unwrap_or(usize::MAX);
                (first, ColumnField::MapName { map: map.map, name }, columns.len())
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
        rules: &ColumnRules,
    ) -> Result<bool, Doubt> {
        let schema = &rules.schema;
        if name.is_empty() {
            self.unnamed.push(column);
            return Ok(true);
        }
        if let Some((map, below, shape)) = schema.map_and_name(name) {
            let is_lists = shape == Shape::Lists;
            let node = *schema.maps.get(map).expect("a place among the schema's maps");
            self.map_column((map, node), is_lists, below, first, column);
            return Ok(is_lists);
        }
        match (schema.node(name), field_shape(schema, name)) {
            (Some(_), Some(Shape::ExportOnly)) => self.export_only.push(column),
            (Some(node), Some(shape)) => {
                self.fields.push(FieldColumn { column, node, is_number: shape == Shape::Number });
            }
            (None, _) | (_, None) if rules.lookalikes.of("", name).is_some() => {
                return Err(Doubt::IsNoField);
            }
            (None, _) | (_, None) if rules.settings.drop_unknown => {
                self.unknown.push((column, Scope::ROOT, name.to_owned()));
            }
            (None, _) | (_, None) => return Err(Doubt::IsNoField),
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
            let (scope, names, single) = (scope_of(node), Vec::new(), Some(Vec::new()));
            self.maps.push(MapColumns { map, scope, is_lists, names, single });
            self.maps.len() - 1
        });
        let Some(MapColumns { names, single, .. }) = self.maps.get_mut(place) else { return };
        // Names stand in the order of their first columns.
        let known = names.binary_search_by_key(&Some(&first), |(_, columns)| columns.first());
        if let Some((_, columns)) = known.ok().and_then(|known| names.get_mut(known)) {
            columns.push(column);
            *single = None;
        } else {
            names.push((name.to_owned(), vec![column]));
            if let Some(columns) = single {
                columns.push(column);
            }
        }
    }
}

/// The shape of a field that is one value, or that only exports carry.
fn field_shape(schema: &Schema, name: &str) -> Option<Shape> {
    let shape = schema.nodes.get(schema.node(name)?)?.shape;
    match shape {
        Shape::Text | Shape::Number | Shape::ExportOnly => Some(shape),
        Shape::Object | Shape::Lists | Shape::Numbers => None,
    }
}
