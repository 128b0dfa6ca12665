//! Encodes rows as the bytes of an output: one file for each format.
//!
//! Formats of lines encode each row by itself: compact JSON, and every [`LineEncoder`]. Formats of
//! columns need many rows at once: a chunk's rows are laid out as a [`Table`], and who writes files of
//! columns makes a row group of as many tables as it takes.

mod csv;
mod json;
mod lines;
mod opt_out;
mod table;
mod values;

pub use csv::{CsvColumn, CsvEncoder, CsvRules, push_text_cell};
pub use json::{JsonEncoder, NameKeys, push_name_key};
pub use lines::{Cells, CellsOfNames, EncodedLine, LineCounts, LineEncoder, NameCells};
pub use opt_out::OptOutLines;
pub use table::{
    Column, Lists, NO_TEXT, Numbers, PARQUET_PART_MIN, Piece, Table, TableEncoder, Texts,
};
pub use values::{Bytes, Member, Members, ValuesEncoder, put_number, put_text};
