//! Failures of the library as exceptions. `segprep/_errors.py` has their classes, and makes one of what is told here.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use segprep::definition::Diagnostic;
use segprep::report::Manifest;
use segprep::run::{Failure, RunError};
use serde_json::{Value, json};

use crate::cli::budget_messages;
use crate::cli::sheet::hide_keys;
use crate::cli::{Exit, INTERNAL};
use crate::process::Panicked;

/// The exception for a failure.
pub(crate) fn exception(py: Python<'_>, failure: &Failure) -> PyErr {
    let exit = Exit::from(failure);
    let fault = match failure {
        Failure::Diagnostics(diagnostics) => {
            let first = diagnostics.first();
            json!({
                "message": first.map_or("", |first| first.message.as_str()),
                "hint": first.map(|first| first.help.as_str()),
                "diagnostics": diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
            })
        }
        Failure::Run(RunError { message, hint, places, paste, .. }) => json!({
            "message": hide_keys(message),
            "hint": hint,
            "places": places,
            "paste": paste,
        }),
    };
    made(py, exit, fault)
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    let Diagnostic { message, file, line, column, help, .. } = diagnostic;
    json!({
        "message": message,
        "file": file,
        "line": line,
        "column": column,
        "help": help,
        "text": diagnostic.render(false),
    })
}

/// The exception for an error.
pub(crate) fn error(py: Python<'_>, error: RunError) -> PyErr {
    exception(py, &Failure::Run(error))
}

/// The exception for a defect.
pub(crate) fn defect(py: Python<'_>, panicked: &Panicked) -> PyErr {
    let message = format!("internal failure at {}", panicked.0);
    made(py, INTERNAL, json!({ "message": message, "hint": "please report it, with this line" }))
}

/// The exception for a run over a budget. `result` is what the run has told.
pub(crate) fn over_budget(
    py: Python<'_>,
    exit: Exit,
    manifest: &Manifest,
    result: &Value,
) -> PyErr {
    let message = budget_messages::message(manifest);
    made(py, exit, json!({ "message": message, "result": result }))
}

fn made(py: Python<'_>, exit: Exit, mut fault: Value) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Value::Object(members) = &mut fault {
        members.insert("exit_code".to_owned(), json!(exit.code));
        members.insert("kind".to_owned(), json!(exit.kind));
    }
    let make = MAKE.get_or_try_init(py, || {
        PyModule::import(py, "segprep._errors")?.getattr("made").map(Bound::unbind)
    });
    let exception = make.and_then(|make| make.bind(py).call1((fault.to_string(),)));
    exception.map_or_else(|error| error, PyErr::from_value)
}
