//! The columns of CSV outputs that name none: the union of the inputs' headers after the policy,
//! in order of first appearance, each as often as any header has it.
//!
//! Only headers are read for it, before anything else; and none where the definition says what
//! columns the inputs have.

use std::collections::HashMap;

use super::error::{ErrorKind, RunError};
use super::limits::Limits;
use crate::decode::{ColumnField, Columns, Format};
use crate::definition::ListAction;
use crate::encode::CsvColumn;
use crate::engine::Cancel;
use crate::input::{BufferPool, InputReader, store_error};
use crate::pipeline::Stages;
use crate::plan::{OutputPlan, Plan};
use crate::store::s3::Reach;
use crate::store::{Listed, Stamp, Store};
use crate::transform::Op;

/// Gives outputs of CSV the columns that they are to have, where the definition names none.
pub(super) fn give_columns(
    plan: &Plan,
    stages: &mut Stages,
    limits: Limits,
    cancel: &Cancel,
    store: &Store,
    listed: &[Listed],
) -> Result<(), RunError> {
    let is_open = |output: &OutputPlan| output.format.is_csv() && output.columns.is_none();
    if let Some(output) = plan.outputs.iter().find(|output| is_open(output)) {
        let mut union = Union::default();
        if let Some(names) = &plan.input.columns {
            union.add(plan, &columns_named(plan, stages, names)?.column_fields());
        } else {
            refuse_stream(output, listed)?;
            read_headers(plan, stages, limits, cancel, store, listed, output, &mut union)?;
        }
        // A list sets it, whether or not an input has it.
        let opt_out = stages.opt_out().map(|node| (ColumnField::Node(node), 1));
        if plan.suppress.iter().any(|list| list.action == ListAction::OptOut) {
            union.add(plan, opt_out.as_slice());
        }
        stages.set_columns(plan, &union.columns);
    }
    check_headers(plan, stages)
}

/// The columns that the definition says the inputs have: no header is read.
fn columns_named(plan: &Plan, stages: &Stages, names: &[String]) -> Result<Columns, RunError> {
    let delimiter = plan.input.delimiter.unwrap_or(b',');
    Columns::named(names, delimiter, &stages.columns).map_err(|fault| {
        let mut error = RunError::new(ErrorKind::BadInput, fault.message).hint(fault.hint);
        error.paste = fault.paste;
        error
    })
}

fn refuse_stream(output: &OutputPlan, listed: &[Listed]) -> Result<(), RunError> {
    let stream = listed.iter().find(|listed| listed.stamp == Stamp::Stream);
    let what = "is read once, and its header is needed before";
    stream.map_or(Ok(()), |stream| Err(no_columns(output, &stream.name, what)))
}

fn read_headers(
    plan: &Plan,
    stages: &Stages,
    limits: Limits,
    cancel: &Cancel,
    store: &Store,
    listed: &[Listed],
    output: &OutputPlan,
    union: &mut Union,
) -> Result<(), RunError> {
    let spare = BufferPool::default();
    let inputs = store.inputs(listed, Reach::Heads).map_err(|error| store_error(&error))?;
    let mut inputs = InputReader::new(plan, stages, limits, cancel, &inputs, &spare);
    inputs.each_format(|name, format| match format {
        Format::Csv(columns) => {
            union.add(plan, &columns.column_fields());
            Ok(())
        }
        Format::JsonLines | Format::JsonItems | Format::JsonObjects => {
            Err(no_columns(output, name, "is JSON"))
        }
    })
}

/// The columns found so far.
#[derive(Default)]
struct Union {
    columns: Vec<CsvColumn>,
    places: HashMap<String, usize>,
}

impl Union {
    fn add(&mut self, plan: &Plan, leads: &[(ColumnField<'_>, usize)]) {
        for (lead, repeat) in leads {
            let Some(name) = written_name(plan, *lead) else { continue };
            let place = *self.places.entry(name.clone()).or_insert(self.columns.len());
            match self.columns.get_mut(place) {
                Some(column) => column.repeat = column.repeat.max(*repeat),
                None => self.columns.push(CsvColumn { name, repeat: *repeat }),
            }
        }
    }
}

/// The name of a column that the policy writes, and that a line of a header can hold.
fn written_name(plan: &Plan, lead: ColumnField<'_>) -> Option<String> {
    let path = |node: usize| plan.schema.nodes.get(node).map(|node| node.path.as_str());
    match lead {
        ColumnField::Node(node) if matches!(plan.op_of(node), Op::Drop) => None,
        ColumnField::Node(node) => path(node).map(str::to_owned),
        ColumnField::MapName { map, name } => {
            let is_dropped = matches!(*plan.op_of_name(map, name).1, Op::Drop);
            let is_line = !name.contains(['\t', '\n', '\r']);
            let path = path(*plan.schema.maps.get(map)?)?;
            (!is_dropped && is_line).then(|| format!("{path}.{name}"))
        }
    }
}

fn no_columns(output: &OutputPlan, input: &str, what: &str) -> RunError {
    let message = format!(
        "`{}` {what}, and the CSV output `{}` names no columns",
        super::escape_path(input),
        super::escape_path(&output.to.to_string_lossy()),
    );
    RunError::new(ErrorKind::Definition, message)
        .hint("name them: `columns = [\"Address\", …]` under this `[[output]]`")
}

/// A header has to leave room for records.
fn check_headers(plan: &Plan, stages: &Stages) -> Result<(), RunError> {
    for (number, output) in plan.outputs.iter().enumerate() {
        let header = stages.header(plan, number).map_or(0, <[u8]>::len);
        if u64::try_from(header).is_ok_and(|header| output.max_bytes <= header) {
            let message = format!(
                "the header of `{}` has {header} bytes, and no part may have more than {}",
                super::escape_path(&output.to.to_string_lossy()),
                output.max_bytes,
            );
            return Err(RunError::new(ErrorKind::Definition, message)
                .hint("raise `max_bytes`, or name fewer columns"));
        }
    }
    Ok(())
}
