//! Checks, repairs, pseudonymises and packs the files that people import segments from.
//!
//! The modules follow the path of a record. Read them in this order:
//!
//! 1. [`record`]: what a record is here: a row of slots over a chunk of bytes; [`simd`] below it
//!    finds, copies and hashes many bytes at once, and [`crypto`] is where keys and digests come from.
//! 2. [`schema`]: the schema files and a target's limits become checks on slots.
//! 3. [`pipeline`]: a definition file becomes a checked plan; the plan takes a chunk through all stages.
//! 4. [`decode`], [`repair`], [`validate`], [`transform`], [`encode`]: the stages, bytes in and bytes out.
//! 5. [`report`]: what happened to every record, as counts and lines.
//! 6. [`engine`]: an ordered parallel map; [`store`]: where bytes come from and go to.
//! 7. [`run`]: where all of it meets.
//!
//! Two rules hold everywhere, and `tests/it/tidy/` checks both:
//!
//! - Imports point down the table in `ARCHITECTURE.md`, never up it.
//! - Of these, only `store` and `run` touch files, clocks, signals or the environment. Everything else
//!   computes.

pub mod crypto;
pub mod decode;
pub mod definition;
pub mod encode;
pub mod engine;
mod glob;
pub mod input;
pub mod output;
pub mod pipeline;
pub mod plan;
pub mod publish;
pub mod record;
pub mod repair;
pub mod report;
pub mod run;
pub mod schema;
pub mod simd;
pub mod store;
pub mod transform;
pub mod validate;
