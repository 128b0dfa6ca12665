//! The columns of CSV: what a definition says of them, and the union of the inputs' headers.

use std::{collections::HashMap, fmt};

use super::Plan;
use crate::decode::{ColumnField, ColumnSettings, Columns, EndpointSettings, ShapeSettings};
use crate::definition::{Column, EndpointSpec, Input, ListAction, Pair, Unknown};
use crate::encode::CsvColumn;
use crate::repair::{RepairKind, RepairSet};
use crate::schema::{Role, Schema};
use crate::transform::Op;

/// The names of the columns of CSV files without a header.
pub(super) fn input_names(input: &Input) -> Option<Vec<String>> {
    let names = input.columns.columns.as_ref()?;
    Some(names.iter().map(|name| name.value.trim().to_owned()).collect())
}

/// What values of other programs mean.
pub(super) fn shapes(input: &Input) -> ShapeSettings {
    let spec = &input.shaping;
    let values =
        spec.values.iter().map(|values| (values.field.value.clone(), texts(&values.words)));
    ShapeSettings {
        null: spec.null.iter().map(|text| text.value.clone()).collect(),
        values: values.collect(),
        split: spec.split.iter().map(|(path, by)| (path.value.clone(), *by)).collect(),
    }
}

fn texts(pairs: &[Pair]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
}

/// How headers are read. A header may have unknown names only where `unknown = "drop"` is written.
pub(super) fn settings(
    input: &Input,
    repairs: RepairSet,
    drops_id: bool,
    schema: &Schema,
) -> ColumnSettings {
    let opt_out = schema.role_path(Role::OptOut);
    ColumnSettings {
        rename: texts(&input.columns.rename),
        constants: texts(&input.columns.constants),
        ignore: input.ignore.iter().map(|name| name.value.trim().to_owned()).collect(),
        drop_unknown: input.unknown == Some(Unknown::Drop),
        pads_rows: input.columns.pads_rows,
        has_decimal_comma: input.columns.has_decimal_comma,
        has_opt_out_words: input.shaping.values.iter().any(|words| words.field.value == opt_out),
        repair_names: repairs.has(RepairKind::Names),
        endpoints: input.endpoints.iter().map(|block| endpoint(block, schema)).collect(),
        trims: repairs.has(RepairKind::Trim),
        drops_id,
        any_header: false,
    }
}

fn endpoint(block: &EndpointSpec, schema: &Schema) -> EndpointSettings {
    let address = block.address.value.clone();
    let mut rename = vec![(address.clone(), schema.role_path(Role::Address).to_owned())];
    rename.extend(texts(&block.rename));
    EndpointSettings { address, rename, constants: texts(&block.constants) }
}

/// The columns that an output names.
pub(super) fn output_columns(columns: &[Column]) -> Vec<CsvColumn> {
    let column =
        |column: &Column| CsvColumn { name: column.name.value.clone(), repeat: column.repeat };
    columns.iter().map(column).collect()
}

/// The columns of CSV outputs that name none: those of all inputs' headers that the rules do not
/// drop, in order of first appearance, each as often as any one header repeats it.
pub struct HeaderUnion<'p> {
    plan: &'p Plan,
    columns: Vec<CsvColumn>,
    /// Indices of `columns`, by name.
    by_name: HashMap<String, usize>,
}

impl<'p> HeaderUnion<'p> {
    pub fn new(plan: &'p Plan) -> HeaderUnion<'p> {
        HeaderUnion { plan, columns: Vec::new(), by_name: HashMap::new() }
    }

    /// Adds the columns of one header.
    pub fn add(&mut self, header: &Columns) {
        for (field, repeat) in header.column_fields() {
            self.add_column(field, repeat);
        }
    }

    /// Returns the columns. The opt-out field is among them if a list sets it, whether or not an
    /// input has it.
    pub fn into_columns(mut self) -> Vec<CsvColumn> {
        let sets_opt_out =
            self.plan.lists.iter().any(|list| list.spec.action == ListAction::OptOut);
        if sets_opt_out {
            let opt_out = self.plan.schema.role(Role::OptOut);
            self.add_column(ColumnField::Node(opt_out), 1);
        }
        self.columns
    }

    fn add_column(&mut self, field: ColumnField<'_>, repeat: usize) {
        let Some(name) = self.written_name(field) else { return };
        let index = *self.by_name.entry(name.clone()).or_insert(self.columns.len());
        match self.columns.get_mut(index) {
            Some(column) => column.repeat = column.repeat.max(repeat),
            None => self.columns.push(CsvColumn { name, repeat }),
        }
    }

    /// The name of a column; `None` if the rules drop its values, or if no line of a header can
    /// hold the name.
    fn written_name(&self, field: ColumnField<'_>) -> Option<String> {
        let plan = self.plan;
        let path = |node: usize| plan.schema.nodes.get(node).map(|node| node.path.as_str());
        match field {
            ColumnField::Node(node) if matches!(plan.op_of(node), Op::Drop) => None,
            ColumnField::Node(node) => path(node).map(str::to_owned),
            ColumnField::MapName { map, name } => {
                let is_dropped = matches!(*plan.op_of_name(map, name).1, Op::Drop);
                let fits_line = !name.contains(['\t', '\n', '\r']);
                let path = path(*plan.schema.maps.get(map)?)?;
                (!is_dropped && fits_line).then(|| format!("{path}.{name}"))
            }
        }
    }
}

impl fmt::Debug for HeaderUnion<'_> {
    /// Shows no name: without a header, the first row is somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderUnion({} columns)", self.columns.len())
    }
}
