//! Reads Parquet parts that were written before, and turns their rows into lines of JSON, so that whoever
//! checks them needs only one decoder (`segprep verify`). `text.rs` writes the lines.
//!
//! A file may be damaged or forged: what its columns are called and what they hold becomes names and values of
//! JSON, and a type that no part has is an error. Row groups are read apart from each other, by any thread.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use arrow_schema::{ArrowError, DataType, FieldRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError as DecodingError;
use parquet::file::reader::{ChunkReader, Length};

use super::text::JsonRows;

/// The rows that are turned into text at once.
const ROWS_AT_ONCE: usize = 1_024;
/// How many bytes are read at once of pages whose length is not known yet.
const READ_BYTES: u64 = 64 << 10;

/// A file of which any range can be read, by several threads at the same time.
pub trait Ranges: Send + Sync {
    /// The length in bytes.
    fn bytes(&self) -> u64;

    /// Reads exactly this range.
    ///
    /// # Errors
    ///
    /// If the range could not be read.
    fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>>;
}

/// Why a part could not be read as Parquet.
#[derive(Debug)]
pub enum PartError {
    /// It is not Parquet, or damaged.
    Damaged,
    /// It has a column of a type that no part has.
    Column,
    /// The file could not be read.
    Io(io::Error),
}

impl From<DecodingError> for PartError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are parquet's and may grow")]
    fn from(error: DecodingError) -> PartError {
        match error {
            DecodingError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => PartError::Io(*error),
                Err(_) => PartError::Damaged,
            },
            _ => PartError::Damaged,
        }
    }
}

impl From<ArrowError> for PartError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are Arrow's and may grow")]
    fn from(error: ArrowError) -> PartError {
        match error {
            ArrowError::ExternalError(source) => match source.downcast::<DecodingError>() {
                Ok(error) => (*error).into(),
                Err(_) => PartError::Damaged,
            },
            _ => PartError::Damaged,
        }
    }
}

/// An open part.
#[derive(Clone)]
pub struct ParquetPart {
    source: Source,
    metadata: ArrowReaderMetadata,
}

/// The size of a row group as its file states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSize {
    pub rows: u64,
    /// Decompressed.
    pub bytes: u64,
}

impl ParquetPart {
    /// Reads the footer.
    ///
    /// # Errors
    ///
    /// If it can't be read, or has a column that no part has.
    pub fn open(ranges: Arc<dyn Ranges>) -> Result<ParquetPart, PartError> {
        let source = Source(ranges);
        let metadata = ArrowReaderMetadata::load(&source, ArrowReaderOptions::new())?;
        let is_known = |field: &FieldRef| is_known(field.data_type());
        if !metadata.schema().fields().iter().all(is_known) {
            return Err(PartError::Column);
        }
        Ok(ParquetPart { source, metadata })
    }

    /// The sizes of the row groups.
    pub fn groups(&self) -> Vec<GroupSize> {
        let of = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
        let groups = self.metadata.metadata().row_groups().iter();
        groups
            .map(|group| GroupSize {
                rows: of(group.num_rows()),
                bytes: of(group.total_byte_size()),
            })
            .collect()
    }

    /// Turns the rows of a row group into lines of JSON, and hands over many at a time.
    ///
    /// # Errors
    ///
    /// If the row group can't be read.
    pub fn each_lines(&self, group: usize, mut see: impl FnMut(&[u8])) -> Result<(), PartError> {
        let (source, metadata) = (self.source.clone(), self.metadata.clone());
        let rows = ParquetRecordBatchReaderBuilder::new_with_metadata(source, metadata)
            .with_row_groups(vec![group])
            .with_batch_size(ROWS_AT_ONCE)
            .build()?;
        let mut lines = Vec::new();
        for batch in rows {
            let batch = batch?;
            let text = JsonRows::new(&batch).map_err(|_unknown| PartError::Column)?;
            lines.clear();
            for row in 0..batch.num_rows() {
                text.push(row, &mut lines);
            }
            see(&lines);
        }
        Ok(())
    }
}

impl fmt::Debug for ParquetPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParquetPart({} bytes)", self.source.0.bytes())
    }
}

/// Whether parts have columns of this type.
#[expect(clippy::wildcard_enum_match_arm, reason = "the types are Arrow's and may grow")]
fn is_known(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::Float64 | DataType::Timestamp(TimeUnit::Millisecond, _) => true,
        DataType::List(field) => is_known(field.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_known(field.data_type())),
        DataType::Map(entry, _) => match entry.data_type() {
            DataType::Struct(pair) => match pair.as_ref() {
                [key, value] => *key.data_type() == DataType::Utf8 && is_known(value.data_type()),
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

#[derive(Clone)]
struct Source(Arc<dyn Ranges>);

impl Source {
    fn read(&self, start: u64, length: usize) -> Result<Vec<u8>, DecodingError> {
        let end = start.checked_add(u64::try_from(length).unwrap_or(u64::MAX));
        if end.is_none_or(|end| self.0.bytes() < end) {
            return Err(DecodingError::EOF("a range is beyond the end of the file".to_owned()));
        }
        self.0.read(start, length).map_err(|error| DecodingError::External(Box::new(error)))
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.bytes()
    }
}

impl ChunkReader for Source {
    type T = SourceReader;

    fn get_read(&self, start: u64) -> Result<SourceReader, DecodingError> {
        Ok(SourceReader { source: self.clone(), at: start, held: Vec::new(), taken: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, DecodingError> {
        Ok(self.read(start, length)?.into())
    }
}

/// Reads on from a place.
struct SourceReader {
    source: Source,
    /// Where the bytes after `held` are.
    at: u64,
    held: Vec<u8>,
    taken: usize,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.held.len() {
            let rest = self.source.0.bytes().saturating_sub(self.at);
            let length = usize::try_from(rest.min(READ_BYTES)).unwrap_or(0);
            self.held = self.source.0.read(self.at, length)?;
            self.at += rest.min(READ_BYTES);
            self.taken = 0;
        }
        let mut held = self.held.get(self.taken..).unwrap_or(&[]);
        let count = held.read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}
