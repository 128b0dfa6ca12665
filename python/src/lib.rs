//! The extension module of the Python package `segprep`. What users call is in `python/segprep/*.py`, which
//! documents it; here is what needs the library.
//!
//! - The GIL is released whenever something takes time, and the work is done by the library's own threads.
//! - Errors become exceptions with the exit code that the program would have (`failure.rs`). Neither they nor a
//!   panic shows a value of a record.
//! - The program `segprep` is in here as well: its files are compiled from where they are.

// What is public in here is for Python.
#![expect(unreachable_pub, reason = "PyO3 exports by its own attributes")]

mod batches;
#[path = "../../src/cli/mod.rs"]
mod cli;
mod commands;
mod failure;
mod process;
mod profiles;
mod running;

use pyo3::prelude::*;

#[pymodule]
mod _segprep {
    #[pymodule_export]
    use super::batches::{Cleaner, opted_out_lines, record_schema};
    #[pymodule_export]
    use super::commands::{account_file, check, command, comparing, gather, run, scan, shards};
    #[pymodule_export]
    use super::profiles::{
        ColumnFinder, ProfileFolder, ProfileRows, profile_columns, profile_records,
    };
    use super::{Bound, PyModule, PyModuleMethods, PyResult, process};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        process::keep_values_out_of_panics();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
