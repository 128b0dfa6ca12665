//! The integration tests, in one binary with a module per subject.
//!
//! Many cases are files under `tests/` and `samples/`, which a module reads and runs. Tests run in the
//! root of the repository.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod cli;
mod csv_decoder;
mod definition_tests;
mod definitions;
mod detectors;
mod differential;
mod editors;
mod endpoints;
mod explain;
mod failures;
mod faults;
mod formats;
mod generated;
mod header_union;
mod hostile;
mod init;
mod input_forms;
mod input_page;
mod inputs;
mod json_decoder;
mod kills;
mod leaks;
mod lineage;
mod logs;
mod memory;
mod metrics;
mod mutated;
mod nights;
mod phone_plans;
mod pictures;
mod places;
mod preview;
mod profiles;
mod properties;
mod recompute;
mod repairs;
mod report;
mod retry;
mod s3;
mod samples;
mod scan;
mod schemas;
mod shards;
mod spill;
mod standard_output;
mod support;
mod suppression;
mod tidy;
mod together;
mod vectors;
mod verify;
