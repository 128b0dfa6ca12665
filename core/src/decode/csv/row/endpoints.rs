//! A row of CSV that has several endpoints (`[[input.endpoint]]`): each block of the definition whose
//! address the row has gives one record.
//!
//! The cells of the row are found once. Its records share their bytes, since a slot is a span of
//! them; only what a column means differs from record to record (`decode/csv/columns/endpoints.rs`).
//!
//! What belongs to the row itself, such as its unknown columns, is counted with its first record.

use super::{Scratch, set_record};
use crate::decode::csv::columns::{Columns, RecordColumns};
use crate::record::{Batch, Code, Detail, Field, Slot, Text, trim_invisible};

/// Adds the records of a row. `row`: the first one, which has no fields yet.
pub(super) fn set_records(
    columns: &Columns,
    scratch: &Scratch,
    chunk: &[u8],
    row: usize,
    batch: &mut Batch,
) {
    let (cells, mut later_names) = (&scratch.cells, scratch.names.as_slice());
    let mut is_empty = true;
    for (number, record) in (1..).zip(&columns.records) {
        let (names, later) = later_names.split_at(record.maps.len());
        later_names = later;
        let text = Text { chunk, arena: &batch.arena };
        if !has_address(columns, record, cells, text) {
            continue;
        }
        let own = if is_empty { row } else { batch.begin_another(row) };
        is_empty = false;
        if let Some(place) = batch.rows.get_mut(own) {
            place.endpoint = number;
        }
        set_record(columns, record, names, cells, chunk, own, batch);
    }
    if is_empty {
        let address = u8::try_from(columns.address).expect("a schema has at most 128 nodes");
        batch.mark_broken(row, Field::Node(address), Code::Missing, Detail::NoEndpoint);
    }
}

/// Whether a row has the address of an endpoint. A cell that `trim` leaves blank is absent.
fn has_address(columns: &Columns, record: &RecordColumns, cells: &[Slot], text: Text<'_>) -> bool {
    let cell = record.address.and_then(|column| cells.get(column)).copied();
    let Some(cell) = cell.filter(|cell| !cell.is_absent()) else { return false };
    if !columns.trims {
        return true;
    }
    let bytes = text.of(cell);
    // Nearly every value begins with a visible character of ASCII.
    bytes.first().is_some_and(u8::is_ascii_graphic)
        || str::from_utf8(bytes).map_or(true, |text| !trim_invisible(text).is_empty())
}
