//! Encodes rows as the bytes of an output: one file for each format.
//!
//! Formats of lines encode each row by itself: compact JSON, and every [`LineEncoder`]. Formats of
//! columns need many rows at once: a chunk's rows are laid out as a [`Table`], and a row group is
//! made of as many tables as it takes.

mod arrow;
mod batch;
mod csv;
mod json;
mod lines;
mod opt_out;
mod parquet;
mod table;

pub use arrow::{RejectRow, Rejects};
pub use batch::{BatchRejects, EndedLines, RecordColumns, lines_batch};
pub use csv::{CsvColumn, CsvEncoder, CsvRules, push_text_cell};
pub use json::{JsonEncoder, NameKeys, push_name_key};
pub use lines::{Cells, CellsOfNames, EncodedLine, LineCounts, LineEncoder, NameCells};
pub use opt_out::OptOutLines;
pub use parquet::{
    PARQUET_PART_MIN, ParquetError, ParquetFile, ParquetFormat, ROW_GROUP_BYTES, ROW_GROUP_ROWS,
    RowGroup,
};
pub use table::{Piece, Table, TableEncoder};
