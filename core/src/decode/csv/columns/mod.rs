//! The columns of a CSV file: which field each one is, by the header or by the definition.
//!
//! - Names are trimmed, and then renamed by `[input.rename]`.
//! - A name in `Attributes` or `User.UserAttributes` may repeat, and then has several values. No
//!   other name may.
//! - Constants of the definition are extra columns with the same value in every row.
//! - With `[[input.endpoint]]`, a row has several records, each with its own columns besides those
//!   that all of them share (`endpoints.rs`).
//! - An invalid header makes the whole file unusable, since every record would be wrong.
//!
//! `delimiter.rs` decides what the delimiter is and where the first row ends, `no_header.rs` whether
//! that row can be a header, and `advice.rs` has the messages.

mod advice;
mod delimiter;
mod endpoints;
mod header;
mod no_header;
mod paste;
mod record;
mod repeated;

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

pub use advice::HeaderError;
pub use delimiter::{
    DELIMITERS, detect_delimiter, first_not_blank, named_delimiter, possible_delimiters,
};
pub use endpoints::EndpointSettings;
pub use header::COLUMNS_MAX;

use crate::decode::Lookalikes;
use crate::decode::aliases::Aliases;
use crate::decode::frame::Dialect;
use crate::record::Scope;
use crate::schema::{NodeIx, Role, Schema, Shape};
use advice::{ColumnError, ColumnErrorKind};
use endpoints::NamedColumn;
pub(super) use record::{FieldColumn, MapColumns, RecordColumns};
use repeated::HeaderRow;

/// How columns are read; the same for all files of a run.
pub struct ColumnRules {
    schema: Arc<Schema>,
    lookalikes: Lookalikes,
    aliases: Aliases,
    settings: ColumnSettings,
}

/// What the definition says about the columns of inputs.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the definition")]
pub struct ColumnSettings {
    /// Names in headers, each with the name to use instead.
    pub rename: Vec<(String, String)>,
    /// Fields with the value that they have in every row.
    pub constants: Vec<(String, String)>,
    /// Names that are dropped on purpose, in CSV and in JSON: of columns, or paths such as
    /// `User.Nickname`.
    pub ignore: Vec<String>,
    /// Whether columns that are not fields are left out. Otherwise they are errors.
    pub drop_unknown: bool,
    /// Whether rows with fewer cells than the header, or with more of which all are empty, are
    /// valid.
    pub pads_rows: bool,
    /// Whether the decimal mark of numbers is a comma, and not a point.
    pub has_decimal_comma: bool,
    /// Whether the definition says what words of the opt-out mean.
    pub has_opt_out_words: bool,
    /// Whether other spellings of fields (`optOut`) are read as these.
    pub repair_names: bool,
    /// The endpoints of a row. Empty: a row is one record.
    pub endpoints: Vec<EndpointSettings>,
    /// Whether white space around values is removed, so that a blank address is none.
    pub trims: bool,
    /// Whether a rule drops the id, so that the records of a row may share it.
    pub drops_id: bool,
    /// Whether the first row is taken as it is: it may be anything, and no column is a field.
    pub any_header: bool,
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

    /// The name to use instead of a name in a header.
    fn renamed<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        match renamed_by(&self.settings.rename, name) {
            None => self.respelled(name).map_or(Cow::Borrowed(name), Cow::Owned),
            Some(renamed) => renamed,
        }
    }

    /// The field that a name is another spelling of, if such names are repaired.
    fn respelled(&self, name: &str) -> Option<String> {
        let is_off = !self.settings.repair_names || self.ignores(name);
        if is_off || is_column(&self.schema, name) {
            return None;
        }
        self.lookalikes.field("", name).filter(|path| is_column(&self.schema, path))
    }

    /// The index of the setting of `[input.rename]` that renames a name.
    fn rename_of(&self, name: &str) -> Option<usize> {
        rename_of(&self.settings.rename, name)
    }

    /// Whether the definition drops a name on purpose.
    fn ignores(&self, name: &str) -> bool {
        self.settings.ignore.iter().any(|ignored| ignored == name)
    }

    /// Whether the schema or `schemas/headers.toml` has a name, except for case and punctuation.
    /// `within`: the path of the object that contains it, or empty for the record itself.
    pub fn has_name(&self, within: &str, name: &str) -> bool {
        self.lookalikes.is_field(within, name) || self.aliases.of(name).is_some()
    }

    /// Whether a name in a header is that of a field, is renamed, is an endpoint's, or is an alias.
    fn is_known(&self, name: &str) -> bool {
        self.rename_of(name).is_some()
            || self.endpoint_of(name).is_some()
            || is_column(&self.schema, name)
            || self.aliases.of(name).is_some()
    }

    /// Whether a name is that of a field, is ignored, is renamed to one, or resembles one.
    fn is_familiar(&self, name: &str) -> bool {
        let is_of_endpoint = self.endpoint_of(name).is_some();
        let name = &*self.renamed(name);
        is_of_endpoint
            || is_column(&self.schema, name)
            || self.ignores(name)
            || self.schema.node(name).is_some()
            || self.lookalikes.of("", name).is_some()
            || self.aliases.of(name).is_some()
    }
}

/// The index of the setting that renames a name: that of the whole name, or the one with the longest
/// prefix (`traits.*`) before something.
fn rename_of(rename: &[(String, String)], name: &str) -> Option<usize> {
    let exact = rename.iter().position(|(from, _)| from == name);
    let begins = |(_, (from, _)): &(usize, &(String, String))| {
        let start = from.strip_suffix('*').filter(|start| start.ends_with('.'));
        start.is_some_and(|start| name.len() > start.len() && name.starts_with(start))
    };
    let rename = rename.iter().enumerate();
    let longest = || rename.filter(begins).max_by_key(|(_, (from, _))| from.len());
    exact.or_else(|| longest().map(|(number, _)| number))
}

/// What settings rename a name to; `None` if they do not.
fn renamed_by<'a>(rename: &'a [(String, String)], name: &'a str) -> Option<Cow<'a, str>> {
    let (from, to) = rename.get(rename_of(rename, name)?)?;
    Some(match (from.strip_suffix('*'), to.strip_suffix('*')) {
        (Some(start), Some(to)) if from != name => {
            Cow::Owned(format!("{to}{}", name.strip_prefix(start).unwrap_or(name)))
        }
        _ => Cow::Borrowed(to.as_str()),
    })
}

/// Whether a column may have this name: that of a field, or one in a map.
pub fn is_column(schema: &Schema, name: &str) -> bool {
    schema.map_and_name(name).is_some() || field_shape(schema, name).is_some()
}

/// The columns of one CSV file.
pub struct Columns {
    pub dialect: Dialect,
    /// The number of cells in a row.
    pub(super) width: usize,
    /// The records of a row: one, or one for each endpoint whose address the row has.
    pub(super) records: Vec<RecordColumns>,
    /// The columns of number fields, if the decimal mark is a comma.
    pub(super) with_commas: Vec<usize>,
    /// The field of addresses.
    pub(super) address: NodeIx,
    /// As in [`ColumnSettings`].
    pub(super) trims: bool,
    /// Columns that only exports have. They are not imported.
    pub(super) export_only: Vec<usize>,
    /// Columns that are not in the schema.
    pub(super) unknown: Vec<(usize, Scope, String)>,
    /// Columns without a name. A value in one is a problem.
    pub(super) unnamed: Vec<usize>,
    /// As in [`ColumnSettings`].
    pub(super) pads_rows: bool,
    /// The values of constants. They are columns from `width` on.
    pub(super) constants: Vec<String>,
    /// The settings that renamed a name of this header, by index.
    pub renamings: Vec<usize>,
    /// The columns with names that were repaired.
    pub(super) respelled: Vec<usize>,
    /// Whether its names may be shown: more than half of them are known, or the definition has them.
    pub names_are_shown: bool,
    /// The header, which later rows may repeat. `None`: the names are those of the definition.
    header: Option<HeaderRow>,
}

/// What a column has values of: a field, or a name of a map.
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
    /// Shows no names: without a header, they are data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Columns({})", self.width)
    }
}

impl Columns {
    /// The columns of a header. `record`: its bytes, without the line end.
    ///
    /// # Errors
    ///
    /// Fails if a name is not a field, repeats and may not, or is that of a constant.
    pub fn read(
        record: &[u8],
        dialect: impl Into<Dialect>,
        rules: &ColumnRules,
    ) -> Result<Columns, HeaderError> {
        let dialect = dialect.into();
        header::check_returns(record, dialect)?;
        let names = header::names(record, dialect)?;
        if rules.settings.any_header {
            return Ok(Columns::without_fields(names.len(), dialect, rules));
        }
        rules.check_header(&names)?;
        let shared: Vec<Cow<'_, str>> = names.iter().map(|name| rules.renamed(name)).collect();
        let columns = Columns::of(&names, &shared, dialect, rules)?;
        if rules.names_nothing(&names) {
            let all =
                (0..names.len()).filter(|column| names.get(*column).is_some_and(|n| !n.is_empty()));
            let kind = ColumnErrorKind::NotAField;
            let errors: Vec<_> = all.map(|column| ColumnError { column, kind }).collect();
            return Err(rules.describe(&names, &errors));
        }
        let is_shared = |name: &&String| rules.endpoint_of(name).is_none();
        let renamings = names.iter().filter(is_shared).filter_map(|name| rules.rename_of(name));
        let renamings = renamings.collect();
        let is_respelled = |name: &String| {
            is_shared(&name) && rules.rename_of(name).is_none() && rules.respelled(name).is_some()
        };
        let respelled = names.iter().enumerate().filter(|(_, name)| is_respelled(name));
        let respelled = respelled.map(|(column, _)| column).collect();
        let header = Some(HeaderRow::new(record, &names, dialect));
        let known = names.iter().filter(|name| rules.is_known(name)).count();
        let names_are_shown = names.len() < 2 * known;
        Ok(Columns { renamings, respelled, names_are_shown, header, ..columns })
    }

    /// The columns of a file without a header, from the names in the definition.
    ///
    /// # Errors
    ///
    /// Fails as [`Columns::read`] does.
    pub fn named(
        names: &[String],
        dialect: impl Into<Dialect>,
        rules: &ColumnRules,
    ) -> Result<Columns, HeaderError> {
        let shared: Vec<Cow<'_, str>> = names.iter().map(|name| name.as_str().into()).collect();
        Columns::of(names, &shared, dialect.into(), rules)
    }

    /// So many columns, of which none is a field.
    fn without_fields(width: usize, dialect: Dialect, rules: &ColumnRules) -> Columns {
        Columns {
            dialect,
            width,
            records: vec![RecordColumns::default()],
            with_commas: Vec::new(),
            address: rules.schema.role(Role::Address),
            trims: rules.settings.trims,
            export_only: Vec::new(),
            unknown: Vec::new(),
            unnamed: Vec::new(),
            pads_rows: rules.settings.pads_rows,
            constants: Vec::new(),
            renamings: Vec::new(),
            respelled: Vec::new(),
            names_are_shown: true,
            header: None,
        }
    }

    /// The columns with these names. `shared`: the names of those that are no endpoint's own, as
    /// `[input.rename]` has them.
    fn of(
        names: &[String],
        shared: &[Cow<'_, str>],
        dialect: Dialect,
        rules: &ColumnRules,
    ) -> Result<Columns, HeaderError> {
        rules.check_endpoint_columns(names)?;
        let mut columns = Columns::without_fields(names.len(), dialect, rules);
        columns.constants.extend(rules.constants().map(|(_, value)| value.clone()));
        columns.records.clear();
        let mut errors = Vec::new();
        for (number, of_record) in rules.columns_of_records(names, shared).into_iter().enumerate() {
            let mut record =
                RecordColumns { address: of_record.address, ..RecordColumns::default() };
            columns.add_record(&mut record, number, &of_record.names, rules, &mut errors);
            columns.records.push(record);
        }
        // A column that the records share is wrong in each of them.
        errors.sort_by_key(|error: &ColumnError| error.column);
        errors.dedup_by_key(|error| error.column);
        if !errors.is_empty() {
            return Err(rules.describe(names, &errors));
        }
        rules.check_shared_id(&columns)?;
        if rules.settings.has_decimal_comma {
            columns.with_commas = columns.numbers();
        }
        Ok(columns)
    }

    /// Adds the columns of a record, each with its name. `number`: the record's, from 0.
    fn add_record(
        &mut self,
        record: &mut RecordColumns,
        number: usize,
        names: &[NamedColumn<'_>],
        rules: &ColumnRules,
        errors: &mut Vec<ColumnError>,
    ) {
        let width = self.width;
        let mut first_of: HashMap<&str, usize> = HashMap::new();
        for NamedColumn { column, name, is_own } in names {
            let column = *column;
            let first = *first_of.entry(name).or_insert(column);
            // What all records share is counted once.
            let is_first = *is_own || number == 0;
            let error = match self.add(column, first, name, rules, record, is_first) {
                Err(error) => Some(error),
                Ok(_) if width <= column && first < width => {
                    Some(ColumnErrorKind::AlsoConstant { column: first, is_own: *is_own })
                }
                Ok(may_repeat) => {
                    (!may_repeat && first != column).then_some(ColumnErrorKind::Repeated { first })
                }
            };
            errors.extend(error.map(|kind| ColumnError { column, kind }));
        }
    }

    /// The columns of number fields, each once.
    fn numbers(&self) -> Vec<usize> {
        let fields = self.records.iter().flat_map(|record| &record.fields);
        let fields = fields.filter(|field| field.is_number).map(|field| field.column);
        let maps = self.records.iter().flat_map(|record| &record.maps);
        let names = maps.filter(|map| !map.is_lists).flat_map(|map| &map.names);
        let in_maps = names.flat_map(|(_, columns)| columns).copied();
        let mut numbers: Vec<usize> = fields.chain(in_maps).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// Whether a row equals the header in every cell.
    #[inline]
    pub(in crate::decode) fn is_header(&self, row: &[u8]) -> bool {
        self.header.as_ref().is_some_and(|header| header.equals(row, self.dialect))
    }

    /// What the columns have values of, in the order of first columns, each with the number of its
    /// columns. Includes constants. What several records of a row have is there for each of them.
    pub fn column_fields(&self) -> Vec<(ColumnField<'_>, usize)> {
        let fields = self.records.iter().flat_map(|record| &record.fields);
        let fields = fields.map(|field| (field.column, ColumnField::Node(field.node), 1));
        let maps = self.records.iter().flat_map(|record| &record.maps);
        let names = maps.flat_map(|map| {
            map.names.iter().map(|(name, columns)| {
                let first = columns.first().copied().unwrap_or(usize::MAX);
                (first, ColumnField::MapName { map: map.map, name }, columns.len())
            })
        });
        let mut all: Vec<_> = fields.chain(names).collect();
        all.sort_by_key(|(first, ..)| *first);
        all.into_iter().map(|(_, field, count)| (field, count)).collect()
    }

    /// Adds a column of a record. `first`: the first column with its name. `is_first`: whether no
    /// earlier record has the column. Returns whether the name may repeat.
    fn add(
        &mut self,
        column: usize,
        first: usize,
        name: &str,
        rules: &ColumnRules,
        record: &mut RecordColumns,
        is_first: bool,
    ) -> Result<bool, ColumnErrorKind> {
        let schema = &rules.schema;
        let unknown = || is_first.then(|| (column, Scope::ROOT, name.to_owned()));
        if rules.ignores(name) {
            self.unknown.extend(unknown());
            return Ok(name.is_empty());
        }
        if name.is_empty() {
            self.unnamed.extend(is_first.then_some(column));
            return Ok(true);
        }
        if let Some((map, below, shape)) = schema.map_and_name(name) {
            let is_lists = shape == Shape::Lists;
            let node = *schema.maps.get(map).expect("a map of the schema");
            record.add_to_map((map, node), is_lists, below, first, column);
            return Ok(is_lists);
        }
        match (schema.node(name), field_shape(schema, name)) {
            (Some(_), Some(Shape::ExportOnly)) => {
                self.export_only.extend(is_first.then_some(column));
            }
            (Some(node), Some(shape)) => {
                record.fields.push(FieldColumn { column, node, is_number: shape == Shape::Number });
            }
            (None, _) | (_, None) if rules.lookalikes.of("", name).is_some() => {
                return Err(ColumnErrorKind::NotAField);
            }
            (None, _) | (_, None) if rules.settings.drop_unknown => {
                self.unknown.extend(unknown());
            }
            (None, _) | (_, None) => return Err(ColumnErrorKind::NotAField),
        }
        Ok(false)
    }
}

/// The shape of a field, if it can be a column: a single value, or one that only exports have.
fn field_shape(schema: &Schema, name: &str) -> Option<Shape> {
    let shape = schema.nodes.get(schema.node(name)?)?.shape;
    match shape {
        Shape::Text | Shape::Number | Shape::ExportOnly => Some(shape),
        Shape::Object | Shape::Lists | Shape::Numbers => None,
    }
}
