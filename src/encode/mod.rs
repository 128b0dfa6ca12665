//! Rows become the bytes of an output: one file for each format.

mod json;

pub use json::{JsonEncoder, NameKeys, push_name_key};
