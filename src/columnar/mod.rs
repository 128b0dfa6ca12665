//! Arrow and Parquet: tables of written records become arrays and row groups, and rows of arrays become
//! lines of JSON.
//!
//! The core makes the tables ([`encode`](crate::encode)) and reads the lines ([`decode`](crate::decode)),
//! and knows neither Arrow nor Parquet.

mod arrays;
mod batch;
mod file;
mod part;
mod text;

pub use arrays::{RejectRow, Rejects};
pub use batch::{BatchRejects, EndedLines, RecordColumns, lines_batch};
pub use file::{
    ParquetError, ParquetFile, ParquetFormat, ROW_GROUP_BYTES, ROW_GROUP_ROWS, RowGroup,
};
pub use part::{GroupSize, ParquetPart, PartError, Ranges};
pub use text::{BatchText, LinesColumn, UnknownType};
