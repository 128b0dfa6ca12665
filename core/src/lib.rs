//! The part of segprep that computes: bytes of records in, bytes out. Everything in here is a function of its
//! arguments; files, the clock, signals, the environment and the network are in the crate `segprep`, which
//! re-exports these modules (`src/lib.rs` has the order in which to read all of them).
//!
//! A crate of its own, because what a record passes through is compiled as one unit, at the same time as
//! the libraries for buckets and Parquet, of which it needs none.

pub mod crypto;
pub mod decode;
pub mod definition;
pub mod detect;
pub mod discover;
pub mod encode;
pub mod engine;
pub mod generate;
pub mod glob;
pub mod pipeline;
pub mod plan;
pub mod preview;
pub mod record;
pub mod repair;
pub mod schema;
pub mod simd;
pub mod transform;
pub mod validate;
