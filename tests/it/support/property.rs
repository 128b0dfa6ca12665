//! How often properties are tried, and how they are.

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseResult, TestRunner},
};

/// How many cases a property is tried with where `PROPTEST_CASES` does not say.
const CASES: u32 = 3_000;

/// Tries a property with cases of a strategy; fails with the smallest case that breaks it.
pub(crate) fn hold<S: Strategy>(cases: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    hold_times(times(CASES), cases, property);
}

/// The same so often.
pub(crate) fn hold_times<S: Strategy>(
    times: u32,
    cases: &S,
    property: impl Fn(S::Value) -> TestCaseResult,
) {
    let config = Config { cases: times, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(cases, property) {
        panic!("{error}");
    }
}

/// What `PROPTEST_CASES` says, or what is usual.
pub(crate) fn times(usual: u32) -> u32 {
    let said = std::env::var("PROPTEST_CASES").ok();
    said.and_then(|times| times.parse().ok()).unwrap_or(usual)
}
