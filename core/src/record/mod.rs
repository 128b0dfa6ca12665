//! Records as rows of slots over a chunk of input: plain data, without the behaviour of any stage.
//!
//! A chunk's bytes never change, and no field owns memory. A field is a [`Slot`] of eight bytes:
//! absent, a span of the chunk, or a span of the batch's arena, which has the bytes that stages
//! made (unescaped text, tokens, masks). A row has one slot for each node of the schema, and all
//! rows of a [`Batch`] are in one array:
//!
//! ```text
//! chunk     {"Address":"ana@example.com","Attributes":{"Plan":["pro","tea"]}}
//! slots     row 0, node Address       text, 12..27 of the chunk
//! maps      row 0, map Attributes     entries 0..1
//! entries   0: Plan                   a list, values 0..2
//! values    0: text, 52..55           1: text, 58..61
//! ```
//!
//! Maps have names that no schema lists, so their contents are next to the rows: a row has a range
//! of entries for each map, and an entry has a name and a range of values. Names are interned per
//! worker: what a plan decides about a name is decided once and then looked up by number.
//!
//! No `Debug` output of these types shows a value of a record.

mod batch;
mod field_path;
mod invisible;
mod names;
mod note;
mod number;
mod odd;
mod problem;
mod slot;

pub use batch::{Batch, Entries, Entry, Row, Text, Values};
pub use field_path::{FieldPath, describe_name, join, looks_like_a_column};
pub use invisible::{is_dash, is_hidden, is_invisible, trim_invisible};
pub use names::{NameId, Names, Scope};
pub use note::{Note, Noted};
pub use number::{number_len, swapped_marks};
pub use odd::{odd_marks, odd_marks_of_cells};
pub use problem::{Code, DescribedProblem, Detail, Field, Problem, setting};
pub use slot::{JsonType, Slot, SlotKind, SlotKinds};
