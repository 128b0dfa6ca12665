//! Batches of Arrow with columns of any type, nested up to a few levels: each row becomes one line with an object,
//! a slice of a batch has the lines of its rows, and texts come back as they were. The lines then pass all stages.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, LargeStringArray, ListArray, MapArray,
    NullArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray, StringViewArray,
    StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{Field, Fields, Schema};
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use segprep::columnar::BatchText;
use segprep::decode::Format;
use segprep::decode::frame::LineEnd;
use serde_json::Value;

use crate::all_stages;

const ROWS_MAX: usize = 8;
const COLUMNS_MAX: usize = 6;
const ITEMS_MAX: usize = 3;
const LEVELS_MAX: usize = 4;

/// Names that fields have; others are made of the input.
const NAMES: [&str; 6] = ["Address", "ChannelType", "Id", "User", "Attributes", "Metrics"];

pub fn check(data: &[u8]) {
    let Ok(batch) = batch(&mut Unstructured::new(data)) else { return };
    let lines = lines_of(&batch);
    for first in 0..batch.num_rows() {
        let slice = batch.slice(first, batch.num_rows() - first);
        assert_eq!(lines_of(&slice), lines[first..], "a slice has the lines of its rows");
    }
    let is_lines = matches!(BatchText::new(&batch), Ok(BatchText::Lines(_)));
    if !is_lines {
        lines.iter().enumerate().for_each(|(row, line)| check_line(&batch, row, line));
    }
    let text = lines.concat();
    all_stages::check(&text, &Format::JsonLines(LineEnd::Newline), 0, 64);
}

/// The text of each row.
fn lines_of(batch: &RecordBatch) -> Vec<Vec<u8>> {
    let text = BatchText::new(batch).unwrap_or_else(|_| panic!("every type is known"));
    let pieces = text.pieces(batch.num_rows(), 100).into_iter().flatten();
    assert!(pieces.eq(0..batch.num_rows()), "the pieces have all rows once");
    let line = |row| {
        let mut line = Vec::new();
        text.push(row, &mut line);
        assert_eq!(line.last(), Some(&b'\n'));
        line
    };
    (0..batch.num_rows()).map(line).collect()
}

fn check_line(batch: &RecordBatch, row: usize, line: &[u8]) {
    let ends = line.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(ends, 1, "a row is one line");
    let value: Value = serde_json::from_slice(line).expect("JSON");
    let object = value.as_object().expect("an object");
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let texts = array.as_any().downcast_ref::<StringArray>();
        if let Some(texts) = texts.filter(|texts| texts.is_valid(row)) {
            assert_eq!(object[field.name()], texts.value(row), "a text comes back as it was");
        }
    }
}

fn batch(choices: &mut Unstructured<'_>) -> Result<RecordBatch> {
    let rows = choices.int_in_range(0..=ROWS_MAX)?;
    let mut columns = Vec::new();
    for number in 0..choices.int_in_range(0..=COLUMNS_MAX)? {
        columns.push(member(choices, number, rows, 0)?);
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
    Ok(batch.expect("columns of one length"))
}

/// A column or a member of an object. Names of one object differ.
fn member(
    choices: &mut Unstructured<'_>,
    number: usize,
    rows: usize,
    level: usize,
) -> Result<(Field, ArrayRef)> {
    let name = match NAMES.get(number).filter(|_| choices.ratio(1, 2).unwrap_or(false)) {
        Some(name) => (*name).to_owned(),
        None => format!("{}{number}", String::arbitrary(choices)?),
    };
    let array = array(choices, rows, level)?;
    Ok((Field::new(name, array.data_type().clone(), true), array))
}

fn array(choices: &mut Unstructured<'_>, rows: usize, level: usize) -> Result<ArrayRef> {
    // The nested types come last.
    let last = if level < LEVELS_MAX { 23 } else { 19 };
    Ok(match choices.int_in_range(0..=last)? {
        0 => Arc::new(NullArray::new(rows)),
        1 => Arc::new(BooleanArray::from(cells(choices, rows)?)),
        2 => numbers::<Int8Type>(choices, rows)?,
        3 => numbers::<Int16Type>(choices, rows)?,
        4 => numbers::<Int32Type>(choices, rows)?,
        5 => numbers::<Int64Type>(choices, rows)?,
        6 => numbers::<UInt8Type>(choices, rows)?,
        7 => numbers::<UInt16Type>(choices, rows)?,
        8 => numbers::<UInt32Type>(choices, rows)?,
        9 => numbers::<UInt64Type>(choices, rows)?,
        10 => numbers::<Float32Type>(choices, rows)?,
        11 => numbers::<Float64Type>(choices, rows)?,
        12 => numbers::<Date32Type>(choices, rows)?,
        13 => numbers::<TimestampSecondType>(choices, rows)?,
        14 => numbers::<TimestampMillisecondType>(choices, rows)?,
        15 => {
            let times: Vec<Option<i64>> = cells(choices, rows)?;
            Arc::new(PrimitiveArray::<TimestampMicrosecondType>::from(times).with_timezone("UTC"))
        }
        16 => numbers::<TimestampNanosecondType>(choices, rows)?,
        17 => Arc::new(LargeStringArray::from(cells::<String>(choices, rows)?)),
        18 => Arc::new(StringViewArray::from(cells::<String>(choices, rows)?)),
        19 => Arc::new(StringArray::from(cells::<String>(choices, rows)?)),
        20 => object(choices, rows, level + 1)?,
        21 => list(choices, rows, level + 1)?,
        22 => map(choices, rows, level + 1)?,
        _ => dictionary(choices, rows, level + 1)?,
    })
}

fn cells<'a, T: Arbitrary<'a>>(
    choices: &mut Unstructured<'a>,
    rows: usize,
) -> Result<Vec<Option<T>>> {
    (0..rows).map(|_| Option::arbitrary(choices)).collect()
}

fn numbers<'a, T>(choices: &mut Unstructured<'a>, rows: usize) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Arbitrary<'a>,
    PrimitiveArray<T>: From<Vec<Option<T::Native>>>,
{
    Ok(Arc::new(PrimitiveArray::<T>::from(cells::<T::Native>(choices, rows)?)))
}

fn nulls(choices: &mut Unstructured<'_>, rows: usize) -> Result<Option<NullBuffer>> {
    let has_nulls = bool::arbitrary(choices)?;
    let valid: Vec<bool> = (0..rows).map(|_| bool::arbitrary(choices)).collect::<Result<_>>()?;
    Ok(has_nulls.then(|| NullBuffer::from(valid)))
}

fn object(choices: &mut Unstructured<'_>, rows: usize, level: usize) -> Result<ArrayRef> {
    let mut members = Vec::new();
    for number in 0..choices.int_in_range(1..=ITEMS_MAX)? {
        members.push(member(choices, number, rows, level)?);
    }
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = members.into_iter().unzip();
    Ok(Arc::new(StructArray::new(Fields::from(fields), arrays, nulls(choices, rows)?)))
}

/// How many items each row has.
fn lengths(choices: &mut Unstructured<'_>, rows: usize) -> Result<Vec<usize>> {
    (0..rows).map(|_| choices.int_in_range(0..=ITEMS_MAX)).collect()
}

fn list(choices: &mut Unstructured<'_>, rows: usize, level: usize) -> Result<ArrayRef> {
    let lengths = lengths(choices, rows)?;
    let items = array(choices, lengths.iter().sum(), level)?;
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::new(field, offsets, items, nulls(choices, rows)?)))
}

fn map(choices: &mut Unstructured<'_>, rows: usize, level: usize) -> Result<ArrayRef> {
    let lengths = lengths(choices, rows)?;
    let entries: usize = lengths.iter().sum();
    let names: Vec<String> = (0..entries)
        .map(|number| Ok(format!("{}{number}", String::arbitrary(choices)?)))
        .collect::<Result<_>>()?;
    let values = array(choices, entries, level)?;
    let fields = Fields::from(vec![
        Field::new("keys", arrow_schema::DataType::Utf8, false),
        Field::new("values", values.data_type().clone(), true),
    ]);
    let pairs = StructArray::new(fields, vec![Arc::new(StringArray::from(names)), values], None);
    let field = Arc::new(Field::new("entries", pairs.data_type().clone(), false));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::new(field, offsets, pairs, nulls(choices, rows)?, false)))
}

fn dictionary(choices: &mut Unstructured<'_>, rows: usize, level: usize) -> Result<ArrayRef> {
    let values = array(choices, ITEMS_MAX, level)?;
    let last = i8::try_from(ITEMS_MAX - 1).expect("a few items");
    let keys: Vec<Option<i8>> = cells(choices, rows)?;
    let keys = keys.into_iter().map(|key| key.map(|key| key.rem_euclid(last + 1)));
    let keys = PrimitiveArray::<Int8Type>::from(keys.collect::<Vec<_>>());
    Ok(Arc::new(DictionaryArray::new(keys, values)))
}
