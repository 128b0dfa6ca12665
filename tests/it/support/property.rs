//! Runs property tests.

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseResult, TestRunner},
};

/// The number of cases per property, unless `PROPTEST_CASES` is set.
const CASES: u32 = 3_000;

/// Checks a property with random cases. Fails with the smallest case that violates it.
pub(crate) fn check_property<S: Strategy>(
    cases: &S,
    property: impl Fn(S::Value) -> TestCaseResult,
) {
    check_property_times(times(CASES), cases, property);
}

/// Like [`check_property`], with this number of cases.
pub(crate) fn check_property_times<S: Strategy>(
    times: u32,
    cases: &S,
    property: impl Fn(S::Value) -> TestCaseResult,
) {
    let config = Config { cases: times, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(cases, property) {
        panic!("{error}");
    }
}

/// `PROPTEST_CASES`, or `SEGPREP_CASES_FACTOR` times this default.
pub(crate) fn times(usual: u32) -> u32 {
    let set = |name| std::env::var(name).ok().and_then(|number| number.parse::<u32>().ok());
    let factor = set("SEGPREP_CASES_FACTOR").unwrap_or(1);
    set("PROPTEST_CASES").unwrap_or(usual.saturating_mul(factor))
}
