//! CSV: what a header says of the columns, and rows made of records.

pub mod columns;
mod row;

pub use columns::{
    COLUMNS_MAX, ColumnRules, ColumnSettings, Columns, HeaderFault, Lead, is_column,
};
pub(super) use row::{Scratch, decode};
pub use row::{cell_texts, push_cell_text};
