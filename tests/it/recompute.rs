//! The examples in `docs/recompute.md` that compute tokens with other tools give the tokens of the
//! vectors. (`.ci/full` runs the example for Spark, which needs Java.)

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
