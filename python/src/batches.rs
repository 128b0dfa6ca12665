//! A definition that cleans batches: `segprep.Definition` in Python.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use arrow_schema::Schema;
use pyo3::prelude::*;
use segprep::run::{self, Apart, CleanCounts, Cleaned, RunOptions};
use serde_json::json;

use crate::failure;
use crate::process::{caught, leave_no_core_dump};
use crate::running::attended;

/// Cleans batches by a definition.
#[pyclass(frozen, module = "segprep._segprep")]
#[derive(Debug)]
pub struct Cleaner(pub(crate) run::Cleaner);

#[pymethods]
impl Cleaner {
    #[new]
    #[pyo3(signature = (definition, sets, compared=false))]
    fn new(
        py: Python<'_>,
        definition: PathBuf,
        sets: Vec<String>,
        compared: bool,
    ) -> PyResult<Cleaner> {
        leave_no_core_dump();
        let apart = if compared { Apart::Compared } else { Apart::Refused };
        let options = RunOptions { definition, sets, ..RunOptions::default() };
        let opened = attended(py, None, move |_, _| run::Cleaner::open(&options, apart))?;
        opened.map(Cleaner).map_err(|failure| failure::exception(py, &failure))
    }

    /// The records that are written, and the rejects.
    fn clean(
        &self,
        py: Python<'_>,
        batch: PyArrowType<RecordBatch>,
    ) -> PyResult<(PyArrowType<RecordBatch>, PyArrowType<RecordBatch>)> {
        let PyArrowType(batch) = batch;
        let cleaned = self.cleaned(py, &batch)?;
        Ok((PyArrowType(cleaned.clean), PyArrowType(cleaned.rejects)))
    }

    /// The records that are written, and what each is compared by; `None` if records are not compared.
    fn compared(
        &self,
        py: Python<'_>,
        batch: PyArrowType<RecordBatch>,
    ) -> PyResult<(PyArrowType<RecordBatch>, Option<PyArrowType<RecordBatch>>)> {
        let PyArrowType(batch) = batch;
        let cleaned = self.cleaned(py, &batch)?;
        Ok((PyArrowType(cleaned.clean), cleaned.compared.map(PyArrowType)))
    }

    /// What became of all records so far, as JSON.
    fn counts(&self) -> String {
        let CleanCounts { read, written, rejected, inactive, suppressed, .. } = self.0.counts();
        let dropped = json!({ "inactive": inactive, "suppressed": suppressed });
        json!({ "read": read, "written": written, "rejected": rejected, "dropped": dropped })
            .to_string()
    }

    /// If profiles are made: how many of these records are opted out and not written.
    fn unlisted(&self) -> u64 {
        self.0.counts().unlisted.values().sum()
    }

    /// What is to be known about the definition.
    fn warnings(&self) -> Vec<String> {
        self.0.warnings().to_vec()
    }
}

impl Cleaner {
    fn cleaned(&self, py: Python<'_>, batch: &RecordBatch) -> PyResult<Cleaned> {
        let cleaned = py.detach(|| caught(|| self.0.clean(batch)));
        let cleaned = cleaned.map_err(|panicked| failure::defect(py, &panicked))?;
        cleaned.map_err(|error| failure::error(py, error))
    }
}

/// Lines that were written, and whether each is to be opted out: the lines.
#[pyfunction]
pub fn opted_out_lines(
    py: Python<'_>,
    batch: PyArrowType<RecordBatch>,
) -> PyResult<PyArrowType<RecordBatch>> {
    let PyArrowType(batch) = batch;
    let lines = run::opted_out_lines(&batch);
    lines.map(PyArrowType).map_err(|error| failure::error(py, error))
}

/// The columns of records.
#[pyfunction]
pub fn record_schema() -> PyArrowType<Schema> {
    PyArrowType(run::record_schema())
}
