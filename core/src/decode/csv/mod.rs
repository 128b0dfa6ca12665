//! CSV: what the header says about the columns (`columns`), and the decoder that makes rows of
//! records (`row`). `decode/frame/csv.rs` has found where records end.

mod cell;
pub mod columns;
mod row;

pub use cell::{cell_texts, each_cell_text, push_cell_text};
pub use columns::{
    COLUMNS_MAX, ColumnField, ColumnRules, ColumnSettings, Columns, EndpointSettings, HeaderError,
    is_column,
};
pub(super) use row::{Scratch, decode};
