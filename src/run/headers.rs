//! The columns of CSV outputs that name none: those of the inputs' headers.
//!
//! Only headers are read here, before any record; and none if the definition names the columns of
//! the inputs.

use super::error::{ErrorKind, RunError};
use super::memory::Limits;
use super::process::input_settings;
use super::text::{escape, escape_path};
use crate::decode::{Columns, Format, HeaderError};
use crate::encode::CsvColumn;
use crate::engine::Cancel;
use crate::input::{BufferPool, InputReader};
use crate::pipeline::Stages;
use crate::plan::{HeaderUnion, OutputPlan, Plan};
use crate::store::s3::Reach;
use crate::store::{Listed, Stamp, Store};

/// Returns the columns for CSV outputs that name none; nothing if there is no such output.
pub(super) fn columns(
    plan: &Plan,
    limits: Limits,
    cancel: &Cancel,
    store: &Store,
    listed: &[Listed],
) -> Result<Vec<CsvColumn>, RunError> {
    let mut outputs = plan.outputs.iter();
    let Some(output) = outputs.find(|output| output.takes_columns_of_inputs()) else {
        return Ok(Vec::new());
    };
    let mut union = HeaderUnion::new(plan);
    if let Some(names) = &plan.input.columns {
        union.add(&named_columns(plan, names)?);
    } else {
        refuse_stream(output, listed)?;
        read_headers(plan, limits, cancel, store, listed, output, &mut union)?;
    }
    Ok(union.into_columns())
}

/// The columns of inputs without a header, as the definition names them.
fn named_columns(plan: &Plan, names: &[String]) -> Result<Columns, RunError> {
    Columns::named(names, plan.input.dialect, &plan.column_rules).map_err(|error| {
        let HeaderError { message, hint, places, paste } = error;
        RunError { places, paste, ..RunError::new(ErrorKind::BadInput, message).hint(hint) }
    })
}

/// Fails if an input is standard input, which cannot be read twice.
fn refuse_stream(output: &OutputPlan, listed: &[Listed]) -> Result<(), RunError> {
    let stream = listed.iter().find(|listed| listed.stamp == Stamp::Stream);
    let what = "can be read only once";
    stream.map_or(Ok(()), |stream| Err(no_columns(output, &stream.name, what)))
}

fn read_headers(
    plan: &Plan,
    limits: Limits,
    cancel: &Cancel,
    store: &Store,
    listed: &[Listed],
    output: &OutputPlan,
    union: &mut HeaderUnion<'_>,
) -> Result<(), RunError> {
    let spare = BufferPool::default();
    let inputs = store.inputs(listed, Reach::Heads)?;
    let settings = input_settings(plan);
    let mut inputs = InputReader::new(settings, limits.input(), cancel, &inputs, &spare);
    inputs.each_format(|name, format| match format {
        Format::Csv(columns) => {
            union.add(columns);
            Ok(())
        }
        Format::JsonLines(_) | Format::JsonItems(_) | Format::JsonObjects(_) => {
            Err(no_columns(output, name, "is JSON"))
        }
    })
}

fn no_columns(output: &OutputPlan, input: &str, what: &str) -> RunError {
    let message = format!(
        "`{}` {what}, and the CSV output `{}` names no columns",
        escape(input),
        escape_path(&output.to),
    );
    RunError::new(ErrorKind::Definition, message)
        .hint("name them: `columns = [\"Address\", …]` under this `[[output]]`")
}

/// Checks that the header of each output leaves room for records.
pub(super) fn check_sizes(plan: &Plan, stages: &Stages) -> Result<(), RunError> {
    for (number, output) in plan.outputs.iter().enumerate() {
        let header = stages.header(number).len();
        if u64::try_from(header).is_ok_and(|header| output.max_bytes <= header) {
            let message = format!(
                "the header of `{}` has {header} bytes, but a part may have no more than {}",
                escape_path(&output.to),
                output.max_bytes,
            );
            return Err(RunError::new(ErrorKind::Definition, message)
                .hint("raise `max_bytes`, or name fewer columns"));
        }
    }
    Ok(())
}
