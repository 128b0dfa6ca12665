//! Encodes Parquet: row groups of many rows, column by column, appended to files.
//!
//! A file is a sequence of row groups and a footer that says where each column of each is. A row
//! group is encoded apart from the file, in memory, so that encoding can use all cores while
//! appending needs only one:
//!
//! 1. The rows of some [`Piece`]s become one Arrow array per column of the schema (`arrays.rs`).
//! 2. Each leaf column is encoded and compressed by one thread, all of them side by side.
//! 3. The encoded [`RowGroup`] is appended to a [`ParquetFile`], if the file has room for it.
//!
//! The same rows give the same bytes: a column of a row group is handed to its encoder in one
//! piece, so pages depend on the rows alone and not on the number of threads.
//!
//! A part must stay below its cap, so there is an upper bound of what every step adds: a row group
//! has at most [`GROWTH`] times the bytes of its records as compact JSON, and the footer at most
//! [`COLUMN_FOOTER`] bytes for each column of it. From these, [`ParquetFormat::row_group_bytes`]
//! tells where to cut, so that every row group fits into an empty part.

use std::{
    io::{self, Write},
    sync::Arc,
};

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, FieldRef, SchemaRef};
use parquet::{
    arrow::{
        ArrowSchemaConverter,
        arrow_writer::{
            ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
        },
    },
    basic::{Compression, Type, ZstdLevel},
    errors::ParquetError as EncodingError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, SchemaDescriptor, TypePtr},
};
use rayon::prelude::*;

use super::arrays::{KEY_VALUE, Rejects, Root, Rows, roots};
use crate::encode::{Piece, TableEncoder};
use crate::schema::{Class, Schema};

/// The most records of a row group.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// The most bytes of a row group's records as compact JSON. A larger record is a row group alone.
pub const ROW_GROUP_BYTES: u64 = 32 << 20;
/// A row group has at most this many times the bytes of its records as compact JSON. The worst
/// cases are a number of one digit, which becomes a double, and texts, which get a length of four
/// bytes each.
const GROWTH: u64 = 4;
/// The most bytes of the footer for one column of one row group. Statistics are truncated to
/// [`STATISTICS_BYTES`].
const COLUMN_FOOTER: u64 = 512;
const STATISTICS_BYTES: usize = 32;

/// Parquet could not be written. Values never cause this.
#[derive(Debug, thiserror::Error)]
pub enum ParquetError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the columns could not be converted to Arrow arrays")]
    Arrow(#[from] ArrowError),
    #[error("Parquet could not be encoded")]
    Parquet(#[source] EncodingError),
    #[error("a row group exceeds the cap of a part, {cap} bytes")]
    TooLarge { cap: u64 },
}

impl From<EncodingError> for ParquetError {
    /// An I/O error of the file that is written to is passed through.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are parquet's and may grow")]
    fn from(error: EncodingError) -> ParquetError {
        match error {
            EncodingError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => ParquetError::Io(*error),
                Err(source) => ParquetError::Parquet(EncodingError::External(source)),
            },
            error => ParquetError::Parquet(error),
        }
    }
}

/// What all files of one output have in common: columns, properties and metadata.
pub struct ParquetFormat {
    roots: Vec<Root>,
    root_schema: TypePtr,
    properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
    /// The most bytes of a footer without row groups.
    footer: u64,
}

/// The encoded columns of some rows.
pub struct RowGroup {
    columns: Vec<ArrowColumnChunk>,
    pub rows: u64,
}

/// A file to which row groups are appended.
pub struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    /// The most bytes that the footer will add to what is written.
    footer: u64,
}

impl ParquetFormat {
    /// The format of files of records. `is_distinct` says whether the values at a field path differ
    /// from record to record, as identifiers do: such a column gets no dictionary. `metadata` goes
    /// into the footer of each file.
    pub fn of_records(
        schema: &Schema,
        encoder: &TableEncoder,
        is_distinct: impl Fn(&str) -> bool,
        metadata: Vec<(String, String)>,
    ) -> Result<ParquetFormat, ParquetError> {
        let distinct = schema
            .nodes
            .iter()
            .filter(|node| node.class == Class::Identifier || is_distinct(&node.path));
        let paths = distinct.map(|node| node.path.clone()).collect::<Vec<_>>();
        ParquetFormat::new(roots(schema, encoder), &paths, metadata)
    }

    fn new(
        roots: Vec<Root>,
        distinct: &[String],
        metadata: Vec<(String, String)>,
    ) -> Result<ParquetFormat, ParquetError> {
        let fields: Vec<FieldRef> = roots.iter().map(|root| Arc::clone(&root.field)).collect();
        let file = template(fields, distinct, metadata)?;
        Ok(ParquetFormat { roots, ..file })
    }

    /// The format of a file of rejects.
    pub fn of_rejects(metadata: Vec<(String, String)>) -> Result<ParquetFormat, ParquetError> {
        template(Rejects::fields().iter().cloned().collect(), &[], metadata)
    }

    /// The most bytes of records as compact JSON with which a row group is sure to fit into a part
    /// of at most `part_max` bytes.
    pub fn row_group_bytes(&self, part_max: u64) -> u64 {
        let room = part_max.saturating_sub(self.footer + self.column_footers());
        (room / GROWTH).min(ROW_GROUP_BYTES)
    }

    fn column_footers(&self) -> u64 {
        let leaves = SchemaDescriptor::new(Arc::clone(&self.root_schema)).num_columns();
        COLUMN_FOOTER * u64::try_from(leaves).unwrap_or(u64::MAX)
    }

    /// Encodes the rows of some pieces as a row group, on all threads of the current pool.
    pub fn encode(&self, pieces: &[Piece]) -> Result<RowGroup, ParquetError> {
        let rows = Rows(pieces);
        let arrays = self.roots.par_iter().map(|root| Ok((&root.field, root.array(rows)?)));
        let arrays = arrays.collect::<Result<Vec<_>, ParquetError>>()?;
        self.encode_arrays(arrays, rows.count())
    }

    /// Encodes rejects as a row group.
    pub fn encode_rejects(&self, rejects: Rejects) -> Result<RowGroup, ParquetError> {
        let rows = rejects.rows();
        let fields = Rejects::fields();
        let arrays = fields.iter().zip(rejects.arrays()?).collect();
        self.encode_arrays(arrays, rows)
    }

    fn encode_arrays(
        &self,
        arrays: Vec<(&FieldRef, ArrayRef)>,
        rows: usize,
    ) -> Result<RowGroup, ParquetError> {
        let leaves: Vec<_> = arrays
            .into_par_iter()
            .map(|(field, array)| compute_leaves(field, &array))
            .collect::<Result<Vec<_>, EncodingError>>()?
            .into_iter()
            .flatten()
            .collect();
        let writers: Vec<ArrowColumnWriter> = self.factory.create_column_writers(0)?;
        let columns = writers
            .into_par_iter()
            .zip(leaves)
            .with_max_len(1)
            .map(|(mut writer, leaf)| {
                writer.write(&leaf)?;
                writer.close()
            })
            .collect::<Result<Vec<_>, EncodingError>>()?;
        let rows = u64::try_from(rows).expect("fewer than 2^64");
        Ok(RowGroup { columns, rows })
    }

    /// Begins a file in `sink`.
    pub fn begin<W: Write + Send>(&self, sink: W) -> Result<ParquetFile<W>, ParquetError> {
        let (schema, properties) = (Arc::clone(&self.root_schema), Arc::clone(&self.properties));
        let writer = SerializedFileWriter::new(sink, schema, properties)?;
        Ok(ParquetFile { writer, footer: self.footer })
    }
}

/// A format without columns to read from tables.
fn template(
    fields: Vec<FieldRef>,
    distinct: &[String],
    metadata: Vec<(String, String)>,
) -> Result<ParquetFormat, ParquetError> {
    let schema: SchemaRef = Arc::new(arrow_schema::Schema::new(fields));
    let converted = ArrowSchemaConverter::new().convert(&schema)?;
    let root_schema = converted.root_schema_ptr();
    let pairs: usize = metadata.iter().map(|(key, value)| key.len() + value.len() + 32).sum();
    // For each column, its name and type, and those of the objects around it.
    let footer = pairs + 1024 + converted.num_columns() * 256;
    let properties = Arc::new(properties(&converted, distinct, metadata));
    let file =
        SerializedFileWriter::new(io::sink(), Arc::clone(&root_schema), Arc::clone(&properties))?;
    let factory = ArrowRowGroupWriterFactory::new(&file, schema);
    let footer = u64::try_from(footer).unwrap_or(u64::MAX);
    Ok(ParquetFormat { roots: Vec::new(), root_schema, properties, factory, footer })
}

fn properties(
    schema: &SchemaDescriptor,
    distinct: &[String],
    metadata: Vec<(String, String)>,
) -> WriterProperties {
    let metadata = metadata.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("segprep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_offset_index_disabled(true)
        // Without an index, more pages do not help readers; so only their size cuts them.
        .set_data_page_row_count_limit(ROW_GROUP_ROWS)
        .set_key_value_metadata(Some(metadata));
    for column in schema.columns() {
        let path: ColumnPath = column.path().clone();
        let is_text = column.physical_type() == Type::BYTE_ARRAY;
        let is_distinct = distinct.contains(&path.string());
        // Numbers and dates are as short as an index into a dictionary, and rarely repeat.
        if is_distinct || !is_text {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        // The least and the greatest value across all names of a map mean nothing.
        let is_of_map = path.parts().iter().any(|part| part == KEY_VALUE);
        if is_distinct || is_of_map {
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    properties.build()
}

impl RowGroup {
    /// The size of its pages in bytes.
    fn bytes(&self) -> u64 {
        self.columns.iter().map(|column| column.close().bytes_written).sum()
    }

    /// The most bytes that it adds to a file, including its share of the footer.
    fn cost(&self) -> u64 {
        let columns = u64::try_from(self.columns.len()).unwrap_or(u64::MAX);
        self.bytes() + columns * COLUMN_FOOTER
    }
}

impl<W: Write + Send> ParquetFile<W> {
    /// Whether the file would have at most `max` bytes with this row group.
    pub fn has_room(&self, group: &RowGroup, max: u64) -> bool {
        self.written() + self.footer + group.cost() <= max
    }

    fn written(&self) -> u64 {
        u64::try_from(self.writer.bytes_written()).unwrap_or(u64::MAX)
    }

    /// Appends a row group.
    pub fn append(&mut self, group: RowGroup) -> Result<(), ParquetError> {
        self.footer += group.cost() - group.bytes();
        let mut writer = self.writer.next_row_group()?;
        for column in group.columns {
            column.append_to_row_group(&mut writer)?;
        }
        writer.close()?;
        Ok(())
    }

    /// Writes the footer, and returns what the file was written to.
    pub fn finish(self) -> Result<W, ParquetError> {
        Ok(self.writer.into_inner()?)
    }
}

impl std::fmt::Debug for ParquetFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParquetFormat({} columns)", self.roots.len())
    }
}

impl std::fmt::Debug for RowGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowGroup({} rows)", self.rows)
    }
}

impl<W: Write + Send> std::fmt::Debug for ParquetFile<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParquetFile")
    }
}
