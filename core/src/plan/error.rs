//! Why a checked definition can't be compiled.

/// Why a checked definition can't be compiled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the key `{0}`, with which this definition makes tokens and moves dates, is missing")]
    NoKey(String),
}
