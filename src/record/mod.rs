//! Records as rows of slots over a chunk of input: plain data, no behaviour of any stage.
//!
//! A chunk's bytes never change. A field is a [`Slot`]: nothing, a span of the chunk, or a
//! span of the batch's arena for what the stages made anew. The rows of a batch lie
//! together, one slot for each node of the schema; what has names of its own (attributes,
//! metrics) lies beside them as entries. Names are interned once for each worker.
//!
//! No type here has a `Debug` output that shows a value of a record.

mod batch;
mod names;
mod number;
mod problem;
mod slot;

pub use batch::{Batch, Entries, Entry, Row, Text, Values};
pub use names::{NameId, Names, Scope};
pub use number::number_len;
pub use problem::{Code, DescribedProblem, Detail, Field, Problem, describe_name};
pub use slot::{JsonType, Slot, SlotKind, SlotKinds};
