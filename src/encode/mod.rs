//! Rows become the bytes of an output: one file for each format.
//!
//! JSON and CSV are written line by line. Parquet goes by columns: a job lays its rows out as a
//! [`Table`], and a row group is made of as many tables as it takes.

mod arrow;
mod csv;
mod json;
mod parquet;
mod table;

pub use arrow::{RejectRow, Rejects};
pub use csv::{Cells, CellsOfNames, CsvColumn, CsvCounts, CsvEncoder, CsvRules, NameCells};
pub use json::{JsonEncoder, NameKeys, push_name_key};
pub use parquet::{
    PARQUET_PART_MIN, ParquetError, ParquetFile, ParquetFormat, ROW_GROUP_BYTES, ROW_GROUP_ROWS,
    RowGroup,
};
pub use table::{Piece, Table, TableEncoder};
