//! What the documentation says about making tokens elsewhere is run, and makes the vectors.
//! (Spark, which needs Java, is run by `.ci/full`.)

use crate::support::python::python;

#[track_caller]
fn check(what: &str) {
    let output = python().args(["tests/recompute/run.py", what]).output().expect("Python starts");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tokens_are_made_by_python() {
    check("python");
}

#[test]
fn tokens_are_made_by_duckdb() {
    check("duckdb");
}
