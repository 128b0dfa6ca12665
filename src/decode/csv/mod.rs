//! CSV: what a header says of the columns, and rows made of records.

pub mod columns;
mod row;

pub use columns::{
    COLUMNS_MAX, ColumnField, ColumnRules, ColumnSettings, Columns, HeaderError, is_column,
};
pub(super) use row::{Scratch, decode};
pub use row::{cell_texts, push_cell_text};
