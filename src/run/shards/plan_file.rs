//! Reads a printed plan of shards, from disk or from a bucket.

use std::io::BufReader;
use std::path::Path;

use crate::run::error::{ErrorKind, RunError};
use crate::run::text::escape_path;
use crate::shards::{PlanFault, ShardPlan};
use crate::store::{Store, StoreError};

/// Reads a plan; of its pieces, only those of shards that `keeps` accepts.
pub(in crate::run) fn read(
    path: &Path,
    store: &Store,
    keeps: impl Fn(u32) -> bool,
) -> Result<ShardPlan, RunError> {
    let text = store.open(path).map_err(missing)?;
    ShardPlan::read(BufReader::new(text), keeps).map_err(|fault| no_plan(path, &fault))
}

fn missing(error: StoreError) -> RunError {
    RunError::from(error).hint("print a plan with `segprep shards`, and name it with `--plan`")
}

fn no_plan(path: &Path, fault: &PlanFault) -> RunError {
    let path = escape_path(path);
    let (kind, message) = match fault {
        PlanFault::Line { .. } => {
            (ErrorKind::BadInput, format!("`{path}` is not a plan of shards: {fault}"))
        }
        PlanFault::Read(_) => (ErrorKind::Io, format!("the plan `{path}`: {fault}")),
    };
    RunError::new(kind, message).hint("print it again with `segprep shards`")
}

/// The error if a plan names no run.
pub(in crate::run) fn no_run(path: Option<&Path>) -> RunError {
    let path = path.map(escape_path).unwrap_or_default();
    let message = format!("`{path}` is not a plan of shards: its run or date is none");
    RunError::new(ErrorKind::BadInput, message).hint("print it again with `segprep shards`")
}
