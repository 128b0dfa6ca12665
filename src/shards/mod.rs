//! Dividing the inputs of a run among machines: the plan that says which shard reads what.
//!
//! A plan is a function of a listing and a number. It is plain data: `divide.rs` makes it, and `plan.rs`
//! writes and reads it. `src/run/shards` lists the inputs and finds out which of them can be read in
//! ranges.
//!
//! What always holds:
//!
//! - Each byte of each input is in exactly one piece, and pieces are in the order of the inputs. So the
//!   records of shard 0, followed by those of shard 1, and so on, are those of one machine.
//! - A shard has at most one piece of an input.

mod divide;
mod plan;

pub use divide::{candidates, divide};
pub use plan::{PlanFault, PlanHead, ShardPlan};

use crate::store::Listed;

/// The most shards of a plan: as many jobs as an array of AWS Batch has.
pub const SHARDS_MAX: u32 = 10_000;

/// An input, or a range of it, that one shard reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// From 0.
    pub shard: u32,
    pub listed: Listed,
}
