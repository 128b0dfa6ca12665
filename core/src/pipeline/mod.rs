//! Takes a chunk through all stages: decode, repair, drop, check, transform, check limits, encode.
//!
//! [`Stages`] are compiled once from a plan, a [`Worker`] holds the memory that one thread reuses,
//! and [`process()`] turns a chunk into a [`Block`]. Nothing here reads files, the environment or the
//! clock.

mod block;
mod first_seen;
mod marks;
mod name_policies;
mod name_tally;
mod process;
mod stages;
mod suppress;
#[cfg(test)]
mod tests;
mod trial;

pub use block::{BLOCK_NAMES_MAX, Block, BlockName, Encoded, Lines, Reject, ScrubCount};
pub use marks::{Mark, Marks, RecordSet};
pub use name_policies::path_of_name;
pub use name_tally::COMMON_RECORDS;
pub use process::{
    Audited, BATCH_BYTES, Candidate, ChunkPass, Competition, Expectation, Expectations, Fate, Flaw,
    KeyedHash, NO_DATE, Observed, PlacedFlaw, PlacedMarks, Since, Worker, audit, compete, observe,
    offsets, process, process_compared, process_marked,
};
pub use stages::{Stages, decode_rule};
pub use trial::{Decide, Trial, try_out};
