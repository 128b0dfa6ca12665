//! The one integration binary: each subject is a module here.
//!
//! Cases are files under `tests/` and `samples/`; a module reads them and holds the program to
//! them. They run in the repository's root.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has said what it has to say"
)]

mod cli;
mod csv_decoder;
mod definition_tests;
mod definitions;
mod differential;
mod editors;
mod faults;
mod formats;
mod header_union;
mod hostile;
mod inputs;
mod json_decoder;
mod kills;
mod leaks;
mod memory;
mod mutated;
mod places;
mod properties;
mod recompute;
mod repairs;
mod s3;
mod samples;
mod schemas;
mod support;
mod suppression;
mod tidy;
mod vectors;
