//! Makes Arrow batches of records and rejects, for programs that hand batches over instead of files
//! (`src/run/clean`). `arrays.rs` has the columns of records.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::{
    ArrayRef, GenericStringArray, OffsetSizeTrait, RecordBatch, StringArray, UInt64Array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema as ArrowSchema, SchemaRef};
use rayon::prelude::*;

use super::arrays::{Root, Rows, problem_field, problem_lists, roots};
use crate::encode::{Piece, TableEncoder};
use crate::schema::Schema;

/// The columns that records have in Parquet and in batches.
#[derive(Debug)]
pub struct RecordColumns {
    roots: Vec<Root>,
    schema: SchemaRef,
}

impl RecordColumns {
    pub fn new(schema: &Schema, encoder: &TableEncoder) -> RecordColumns {
        let roots = roots(schema, encoder);
        let fields: Vec<FieldRef> = roots.iter().map(|root| Arc::clone(&root.field)).collect();
        RecordColumns { roots, schema: Arc::new(ArrowSchema::new(fields)) }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of some pieces as a batch, made on all threads of the current pool.
    ///
    /// # Errors
    ///
    /// If a column would hold more than 2 GiB.
    pub fn batch(&self, pieces: &[Piece]) -> Result<RecordBatch, ArrowError> {
        let arrays = self.roots.par_iter().map(|root| root.array(Rows(pieces)));
        let arrays = arrays.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

/// Lines, one after the other, and where each ends in them, its line end included.
pub type EndedLines<'a> = (&'a [u8], &'a [usize]);

/// A batch with one column, of the type that the field has, with a line in each row.
///
/// # Errors
///
/// If there are more bytes than the type can hold.
pub fn lines_batch(field: &FieldRef, lines: &[EndedLines<'_>]) -> Result<RecordBatch, ArrowError> {
    let array: ArrayRef = if *field.data_type() == DataType::LargeUtf8 {
        Arc::new(texts::<i64>(lines)?)
    } else if *field.data_type() == DataType::Utf8View {
        let texts = texts::<i64>(lines)?;
        let mut views = StringViewBuilder::with_capacity(lines.iter().map(|(_, e)| e.len()).sum());
        texts.iter().for_each(|text| views.append_option(text));
        Arc::new(views.finish())
    } else {
        Arc::new(texts::<i32>(lines)?)
    };
    let field = Field::new(field.name(), field.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![array])
}

fn texts<O: OffsetSizeTrait>(
    lines: &[EndedLines<'_>],
) -> Result<GenericStringArray<O>, ArrowError> {
    let bytes: usize = lines.iter().map(|(bytes, ends)| bytes.len() - ends.len()).sum();
    let too_large = || ArrowError::OffsetOverflowError(bytes);
    O::from_usize(bytes).ok_or_else(too_large)?;
    let rows: usize = lines.iter().map(|(_, ends)| ends.len()).sum();
    let (mut all, mut offsets) = (Vec::with_capacity(bytes), Vec::with_capacity(rows + 1));
    offsets.push(O::usize_as(0));
    for (bytes, ends) in lines {
        let mut begin = 0;
        for end in *ends {
            all.extend_from_slice(bytes.get(begin..end - 1).unwrap_or(&[]));
            offsets.push(O::usize_as(all.len()));
            begin = *end;
        }
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    GenericStringArray::try_new(offsets, Buffer::from_vec(all), None)
}

/// The rejects of a batch: the record's number and its problems.
#[derive(Debug, Default)]
pub struct BatchRejects {
    records: Vec<u64>,
    /// The number of problems of each reject.
    problems: Vec<u32>,
    words: [Vec<Option<String>>; 5],
}

impl BatchRejects {
    /// Adds a reject with the field, code, rule, detail and repair of each problem.
    pub fn push<'a>(&mut self, record: u64, problems: impl Iterator<Item = [&'a str; 5]>) {
        let mut count = 0;
        for words in problems {
            count += 1;
            for (column, word) in self.words.iter_mut().zip(words) {
                column.push((!word.is_empty()).then(|| word.to_owned()));
            }
        }
        self.records.push(record);
        self.problems.push(count);
    }

    /// # Errors
    ///
    /// If the problems are more than a column can hold.
    pub fn batch(self) -> Result<RecordBatch, ArrowError> {
        let words = self.words.map(|column| -> ArrayRef { Arc::new(StringArray::from(column)) });
        let problems = problem_lists(&self.problems, words)?;
        let fields = vec![Field::new("record", DataType::UInt64, false), problem_field()];
        let columns: Vec<ArrayRef> =
            vec![Arc::new(UInt64Array::from(self.records)), Arc::new(problems)];
        RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns)
    }
}
