//! A chunk through all stages: decode, repair, lists, validate, transform, limits, encode.
//!
//! [`Stages`] are made once from a plan, [`Worker`] keeps what one thread reuses, and [`process`]
//! takes a chunk and gives a [`Block`]. Nothing here reads a file, the environment or a clock.

mod block;
mod first_seen;
mod name_policies;
mod process;
mod rows;
mod stages;
mod suppress;
#[cfg(test)]
mod tests;
mod trial;

pub use block::{Block, Lines, Reject};
pub use process::{BATCH_BYTES, ChunkPass, Worker, process};
pub use stages::{Stages, decode_rule};
pub use trial::{Trial, try_out};
