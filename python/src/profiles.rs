//! Steps by which Spark makes profiles. `python/segprep/_profiles.py` has the shuffles between them.

use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use segprep::run::{self, ProfileRowCounts, RunError};

use crate::batches::Cleaner;
use crate::commands::Job;
use crate::failure;
use crate::process::caught;
use crate::running::attended;

type Batch = PyArrowType<RecordBatch>;

/// Does a step without the GIL.
fn step<T: Send>(py: Python<'_>, step: impl FnOnce() -> Result<T, RunError> + Send) -> PyResult<T> {
    let done = py.detach(|| caught(step));
    let done = done.map_err(|panicked| failure::defect(py, &panicked))?;
    done.map_err(|error| failure::error(py, error))
}

/// Records as profiles of their own.
#[pyfunction]
pub fn profile_records(py: Python<'_>, cleaner: &Cleaner, batch: Batch) -> PyResult<Batch> {
    let PyArrowType(batch) = batch;
    step(py, || cleaner.0.profile_records(&batch)).map(PyArrowType)
}

/// Folds the profiles of each user.
#[pyclass(frozen, module = "segprep._segprep")]
#[derive(Debug)]
pub struct ProfileFolder(Mutex<run::ProfileFolder>);

#[pymethods]
impl ProfileFolder {
    #[new]
    fn new(py: Python<'_>, cleaner: &Cleaner) -> PyResult<ProfileFolder> {
        let folder = cleaner.0.profile_folder().map_err(|error| failure::error(py, error))?;
        Ok(ProfileFolder(Mutex::new(folder)))
    }

    /// The profiles that have ended, and the row of the first record of the one that has not.
    fn add(&self, py: Python<'_>, batch: Batch) -> PyResult<(Batch, usize)> {
        let PyArrowType(batch) = batch;
        let (ended, held) = step(py, || held(&self.0).add(&batch))?;
        Ok((PyArrowType(ended), held))
    }

    /// The last profile.
    fn end(&self, py: Python<'_>) -> PyResult<Batch> {
        step(py, || held(&self.0).end()).map(PyArrowType)
    }
}

/// Finds the columns of profiles.
#[pyclass(frozen, module = "segprep._segprep")]
#[derive(Debug)]
pub struct ColumnFinder(Mutex<run::ColumnFinder>);

#[pymethods]
impl ColumnFinder {
    #[new]
    fn new(py: Python<'_>, cleaner: &Cleaner) -> PyResult<ColumnFinder> {
        let finder = cleaner.0.column_finder().map_err(|error| failure::error(py, error))?;
        Ok(ColumnFinder(Mutex::new(finder)))
    }

    fn find(&self, py: Python<'_>, batch: Batch) -> PyResult<Batch> {
        let PyArrowType(batch) = batch;
        step(py, || held(&self.0).find(&batch)).map(PyArrowType)
    }
}

/// Makes rows of profiles.
#[pyclass(frozen, module = "segprep._segprep")]
#[derive(Debug)]
pub struct ProfileRows(Mutex<run::ProfileRows>);

#[pymethods]
impl ProfileRows {
    #[new]
    fn new(py: Python<'_>, cleaner: &Cleaner, columns: Vec<Vec<u8>>) -> PyResult<ProfileRows> {
        let rows = cleaner.0.row_maker(columns).map_err(|error| failure::error(py, error))?;
        Ok(ProfileRows(Mutex::new(rows)))
    }

    fn rows(&self, py: Python<'_>, batch: Batch) -> PyResult<Batch> {
        let PyArrowType(batch) = batch;
        step(py, || held(&self.0).rows(&batch)).map(PyArrowType)
    }

    /// What was made of profiles so far, as pairs of names and numbers: values without a place are `unplaced.` and their
    /// field.
    fn counts(&self) -> Vec<(String, u64)> {
        let ProfileRowCounts { rows, unplaced, other, emptied } = held(&self.0).counts();
        let fixed = [("profiles", rows), ("emptied", emptied), ("unplaced.other", other)];
        let fixed = fixed.map(|(name, number)| (name.to_owned(), number));
        let unplaced = unplaced.into_iter().map(|(path, n)| (format!("unplaced.{path}"), n));
        fixed.into_iter().chain(unplaced).collect()
    }
}

fn held<T>(one: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The columns of the rows: their names, what the steps know them by, and what they are in the target, as JSON.
#[pyfunction]
pub fn profile_columns(
    py: Python<'_>,
    what: Job,
    columns: Vec<Vec<u8>>,
) -> PyResult<(Vec<String>, Vec<Bound<'_, PyBytes>>, String)> {
    let options = what.options();
    let chosen = attended(py, None, move |_, _| run::profile_columns(&options, columns))?;
    let chosen = chosen.map_err(|failure| failure::exception(py, &failure))?;
    let ids = chosen.ids.iter().map(|id| PyBytes::new(py, id)).collect();
    Ok((chosen.names, ids, chosen.object_type))
}
