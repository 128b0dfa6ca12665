//! `src/lanes`, with its tests, and nothing else.

#[path = "../../../src/lanes/mod.rs"]
pub mod lanes;
