//! Converts tables to Arrow arrays, one for each column of Parquet.
//!
//! A row group consists of pieces of several tables. For each column, the pieces' lengths and bytes
//! are gathered one after the other, and their running sums become the offsets of the array.
//!
//! The columns are those of the schema, whatever the rules: a field that they drop is null
//! throughout, so that files of different definitions can be read as one. Such a column has no data
//! in the tables.

use std::{ops::Range, sync::Arc};

use arrow_array::{
    Array, ArrayRef, Float64Array, ListArray, MapArray, StringArray, StructArray,
    TimestampMillisecondArray, UInt8Array, UInt64Array, new_null_array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};

use crate::encode::{Column, Lists, NO_TEXT, Numbers, Piece, TableEncoder, Texts};
use crate::schema::{NodeIx, Schema, Shape};

/// A column of a file, or an object of several columns.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) field: FieldRef,
    source: ArraySource,
}

/// Where an array's values come from.
#[derive(Debug)]
enum ArraySource {
    /// It has none: the rules drop the field.
    Nothing,
    /// A column of the tables, by its index.
    Column(usize),
    Members(Vec<Root>),
}

/// The columns of a schema's records.
pub(super) fn roots(schema: &Schema, encoder: &TableEncoder) -> Vec<Root> {
    members(schema, encoder, None)
}

fn members(schema: &Schema, encoder: &TableEncoder, parent: Option<NodeIx>) -> Vec<Root> {
    let nodes = schema.nodes.iter().enumerate().filter(|(_, node)| node.parent == parent);
    let mut roots = Vec::new();
    for (node, description) in nodes {
        let column = encoder.nodes().position(|written| written == node);
        let leaf = column.map_or(ArraySource::Nothing, ArraySource::Column);
        let (data_type, source) = match description.shape {
            Shape::ExportOnly => continue,
            Shape::Text if description.is_instant() => (instant(), leaf),
            Shape::Text => (DataType::Utf8, leaf),
            Shape::Number => (DataType::Float64, leaf),
            Shape::Lists => (map_of(list_of_texts()), leaf),
            Shape::Numbers => (map_of(DataType::Float64), leaf),
            Shape::Object => {
                let members = members(schema, encoder, Some(node));
                let fields = members.iter().map(|member| Arc::clone(&member.field)).collect();
                (DataType::Struct(fields), ArraySource::Members(members))
            }
        };
        let field = Arc::new(Field::new(&description.name, data_type, true));
        roots.push(Root { field, source });
    }
    roots
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into()))
}

const UTC: &str = "UTC";

/// The names of inner fields here and below are those that the Parquet format specifies.
fn list_of_texts() -> DataType {
    DataType::List(Arc::new(Field::new("element", DataType::Utf8, false)))
}

/// The group that holds the entries of a map.
pub(super) const KEY_VALUE: &str = "key_value";

fn map_of(value: DataType) -> DataType {
    DataType::Map(Arc::new(Field::new(KEY_VALUE, DataType::Struct(entry(value)), false)), false)
}

fn entry(value: DataType) -> Fields {
    let key = Field::new("key", DataType::Utf8, false);
    Fields::from(vec![key, Field::new("value", value, false)])
}

/// The rows of some pieces, in order.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a>(pub(super) &'a [Piece]);

impl Root {
    /// The values of all rows as an array.
    pub(super) fn array(&self, rows: Rows<'_>) -> Result<ArrayRef, ArrowError> {
        match &self.source {
            ArraySource::Nothing => Ok(new_null_array(self.field.data_type(), rows.count())),
            ArraySource::Column(column) => rows.column(*column, &self.field),
            ArraySource::Members(members) => {
                let arrays: Vec<ArrayRef> =
                    members.iter().map(|member| member.array(rows)).collect::<Result<_, _>>()?;
                let fields = members.iter().map(|member| Arc::clone(&member.field)).collect();
                let nulls = any_valid(&arrays, rows.count());
                Ok(Arc::new(StructArray::try_new(fields, arrays, Some(nulls))?))
            }
        }
    }
}

/// An object is valid in the rows in which one of its members is.
fn any_valid(members: &[ArrayRef], rows: usize) -> NullBuffer {
    let mut valid = vec![false; rows];
    for member in members.iter().filter(|member| member.null_count() < rows) {
        for (row, valid) in valid.iter_mut().enumerate() {
            *valid |= member.is_valid(row);
        }
    }
    NullBuffer::from(valid)
}

impl<'a> Rows<'a> {
    pub(super) fn count(self) -> usize {
        self.0.iter().map(|piece| piece.rows.len()).sum()
    }

    /// One column of each piece, with the piece's range of rows.
    fn parts(self, column: usize) -> impl Iterator<Item = (&'a Column, Range<usize>)> {
        let part =
            move |piece: &'a Piece| Some((piece.table.columns.get(column)?, piece.rows.clone()));
        self.0.iter().filter_map(part)
    }

    fn column(self, column: usize, field: &Field) -> Result<ArrayRef, ArrowError> {
        let mut gathered = Gathered::default();
        gathered.reserve(self, column);
        for (part, rows) in self.parts(column) {
            gathered.add(part, rows);
        }
        gathered.finish(field)
    }
}

/// One column of all pieces, from which an array is made.
#[derive(Default)]
struct Gathered {
    texts: GatheredTexts,
    numbers: Vec<Option<f64>>,
    dates: Vec<Option<i64>>,
    /// Of maps: the number of entries of each row, and the names of the entries.
    entries: Vec<u32>,
    names: GatheredTexts,
    /// Of maps of lists: the number of values of each entry. The values are in `texts`.
    counts: Vec<u32>,
    /// Of maps of numbers: the value of each entry.
    values: Vec<f64>,
}

impl Gathered {
    /// Reserves memory for a column's texts, so that they are copied only once.
    fn reserve(&mut self, rows: Rows<'_>, column: usize) {
        let (mut texts, mut names) = ([0, 0], [0, 0]);
        let add = |sum: &mut [usize; 2], texts: &Texts| {
            for (sum, more) in sum.iter_mut().zip([texts.lengths.len(), texts.bytes.len()]) {
                *sum += more;
            }
        };
        for (part, _) in rows.parts(column) {
            match part {
                Column::Text(part) => add(&mut texts, part),
                Column::Lists(part) => {
                    add(&mut texts, &part.values);
                    add(&mut names, &part.names);
                }
                Column::Numbers(part) => add(&mut names, &part.names),
                Column::Number(_) | Column::Date(_) => {}
            }
        }
        for (gathered, [count, bytes]) in [(&mut self.texts, texts), (&mut self.names, names)] {
            gathered.lengths.reserve_exact(count);
            gathered.bytes.reserve_exact(bytes);
        }
    }

    fn add(&mut self, part: &Column, rows: Range<usize>) {
        match part {
            Column::Text(texts) => self.texts.add(texts, rows),
            Column::Number(numbers) => self.numbers.extend(numbers.get(rows).unwrap_or(&[])),
            Column::Date(dates) => self.dates.extend(dates.get(rows).unwrap_or(&[])),
            Column::Lists(Lists { entries, names, counts, values }) => {
                let of_entries = children(entries, &rows);
                self.entries.extend(entries.get(rows).unwrap_or(&[]));
                self.texts.add(values, children(counts, &of_entries));
                self.names.add(names, of_entries.clone());
                self.counts.extend(counts.get(of_entries).unwrap_or(&[]));
            }
            Column::Numbers(Numbers { entries, names, values }) => {
                let of_entries = children(entries, &rows);
                self.entries.extend(entries.get(rows).unwrap_or(&[]));
                self.names.add(names, of_entries.clone());
                self.values.extend(values.get(of_entries).unwrap_or(&[]));
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other column is text")]
    fn finish(self, field: &Field) -> Result<ArrayRef, ArrowError> {
        Ok(match field.data_type() {
            DataType::Float64 => Arc::new(Float64Array::from(self.numbers)),
            DataType::Timestamp(..) => {
                Arc::new(TimestampMillisecondArray::from(self.dates).with_timezone(UTC))
            }
            DataType::Map(entries, _) if is_lists(entries) => {
                let values = texts_in_lists(&self.counts, self.texts)?;
                map(entries, &self.entries, self.names, Arc::new(values))?
            }
            DataType::Map(entries, _) => {
                let values = Arc::new(Float64Array::from(self.values));
                map(entries, &self.entries, self.names, values)?
            }
            _ => Arc::new(self.texts.finish()?),
        })
    }
}

/// The range of the children of a range of parents, of which each has a number of children.
fn children(counts: &[u32], range: &Range<usize>) -> Range<usize> {
    let sum = |counts: Option<&[u32]>| {
        counts.unwrap_or(&[]).iter().map(|count| widen(*count)).sum::<usize>()
    };
    let start = sum(counts.get(..range.start));
    start..start + sum(counts.get(range.clone()))
}

/// The texts of all pieces; see [`Texts`].
#[derive(Default)]
struct GatheredTexts {
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

impl GatheredTexts {
    fn add(&mut self, texts: &Texts, range: Range<usize>) {
        let sum = |lengths: &[u32]| {
            lengths.iter().filter(|l| **l != NO_TEXT).map(|l| widen(*l)).sum::<usize>()
        };
        let start = sum(texts.lengths.get(..range.start).unwrap_or(&[]));
        let lengths = texts.lengths.get(range).unwrap_or(&[]);
        let bytes = texts.bytes.get(start..start + sum(lengths)).unwrap_or(&[]);
        self.lengths.extend_from_slice(lengths);
        self.bytes.extend_from_slice(bytes);
    }

    fn finish(self) -> Result<StringArray, ArrowError> {
        let is_null = self.lengths.contains(&NO_TEXT);
        let nulls = is_null.then(|| self.lengths.iter().map(|l| *l != NO_TEXT).collect());
        let lengths = self.lengths.iter().map(|l| if *l == NO_TEXT { 0 } else { *l });
        StringArray::try_new(offsets(lengths)?, Buffer::from_vec(self.bytes), nulls)
    }
}

/// The offsets of items with these lengths, one after the other.
fn offsets(lengths: impl Iterator<Item = u32>) -> Result<OffsetBuffer<i32>, ArrowError> {
    let mut end = 0_i32;
    let mut offsets = vec![end];
    for length in lengths {
        let next = i32::try_from(length).ok().and_then(|length| end.checked_add(length));
        end = next.ok_or(ArrowError::OffsetOverflowError(widen(length)))?;
        offsets.push(end);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
}

/// Whether these are the entries of maps of lists.
fn is_lists(entries: &Field) -> bool {
    let DataType::Struct(fields) = entries.data_type() else { return false };
    fields.iter().any(|field| matches!(field.data_type(), DataType::List(_)))
}

fn texts_in_lists(counts: &[u32], texts: GatheredTexts) -> Result<ListArray, ArrowError> {
    let DataType::List(element) = list_of_texts() else { unreachable!("it is a list") };
    ListArray::try_new(element, offsets(counts.iter().copied())?, Arc::new(texts.finish()?), None)
}

/// Maps in which each row has this number of entries. A row without entries is null.
fn map(
    field: &FieldRef,
    entries: &[u32],
    names: GatheredTexts,
    values: ArrayRef,
) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(fields) = field.data_type() else { unreachable!("entries are structs") };
    let pairs =
        StructArray::try_new(fields.clone(), vec![Arc::new(names.finish()?), values], None)?;
    let nulls: NullBuffer = entries.iter().map(|count| *count != 0).collect();
    let offsets = offsets(entries.iter().copied())?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, pairs, Some(nulls), false)?))
}

#[expect(clippy::as_conversions, reason = "usize is at least 32 bits wide")]
fn widen(number: u32) -> usize {
    number as usize
}

/// A row of a file of rejects, apart from its problems.
#[derive(Clone, Debug, Default)]
pub struct RejectRow<'a> {
    pub source: &'a str,
    pub record: u64,
    pub line: u64,
    pub offset: u64,
    pub bytes: u64,
    /// The position of its endpoint in its row.
    pub endpoint: Option<u8>,
}

/// Rejects, column by column.
#[derive(Debug, Default)]
pub struct Rejects {
    source: Vec<String>,
    places: [Vec<u64>; 4],
    endpoints: Vec<Option<u8>>,
    /// The number of problems of each reject.
    problems: Vec<u32>,
    /// The field, code, rule, detail and repair of each problem; `None` if it is empty.
    words: [Vec<Option<String>>; 5],
    cost: usize,
}

const PLACES: [&str; 4] = ["record", "line", "offset", "bytes"];
const ENDPOINT: &str = "endpoint";
const WORDS: [&str; 5] = ["field", "code", "rule", "detail", "repair"];

impl Rejects {
    /// Adds a reject with the field, code, rule, detail and repair of each problem.
    pub fn push<'a>(&mut self, row: &RejectRow<'_>, problems: impl Iterator<Item = [&'a str; 5]>) {
        self.source.push(row.source.to_owned());
        let places = [row.record, row.line, row.offset, row.bytes];
        for (column, place) in self.places.iter_mut().zip(places) {
            column.push(place);
        }
        self.endpoints.push(row.endpoint);
        let mut count = 0;
        for words in problems {
            count += 1;
            for (column, word) in self.words.iter_mut().zip(words) {
                self.cost += size_of::<Option<String>>() + word.len();
                column.push((!word.is_empty()).then(|| word.to_owned()));
            }
        }
        self.problems.push(count);
        self.cost += row.source.len() + 80;
    }

    /// The number of rejects.
    pub fn rows(&self) -> usize {
        self.source.len()
    }

    /// About how much memory the rejects take, in bytes.
    pub fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn fields() -> Fields {
        let source = Field::new("source", DataType::Utf8, false);
        let places = PLACES.map(|name| Field::new(name, DataType::UInt64, false));
        let endpoint = Field::new(ENDPOINT, DataType::UInt8, true);
        [source].into_iter().chain(places).chain([endpoint, problem_field()]).collect()
    }

    /// The columns, in the order of the fields.
    pub(super) fn arrays(self) -> Result<Vec<ArrayRef>, ArrowError> {
        let source: ArrayRef = Arc::new(StringArray::from(self.source));
        let places = self.places.map(|column| -> ArrayRef { Arc::new(UInt64Array::from(column)) });
        let words = self.words.map(|column| -> ArrayRef { Arc::new(StringArray::from(column)) });
        let problems = problem_lists(&self.problems, words)?;
        let endpoints: ArrayRef = Arc::new(UInt8Array::from(self.endpoints));
        let problems: ArrayRef = Arc::new(problems);
        Ok([source].into_iter().chain(places).chain([endpoints, problems]).collect())
    }
}

/// The column with the problems of rejects.
pub(super) fn problem_field() -> Field {
    Field::new("problems", DataType::List(Arc::new(problem())), false)
}

/// Lists of problems: how many each reject has, and the words of all of them.
pub(super) fn problem_lists(
    counts: &[u32],
    words: [ArrayRef; WORDS.len()],
) -> Result<ListArray, ArrowError> {
    let DataType::Struct(fields) = problem().data_type().clone() else {
        unreachable!("a problem is a struct")
    };
    let problems = StructArray::try_new(fields, words.into(), None)?;
    ListArray::try_new(
        Arc::new(problem()),
        offsets(counts.iter().copied())?,
        Arc::new(problems),
        None,
    )
}

fn problem() -> Field {
    let words = WORDS.map(|name| Field::new(name, DataType::Utf8, true));
    Field::new("element", DataType::Struct(words.into_iter().collect()), false)
}
