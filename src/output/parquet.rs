//! Writes the parts of a Parquet output, and the account's rejects as Parquet.
//!
//! Rows are gathered until a row group is full; then the thread pool encodes it while the next one
//! is gathered. So at most two row groups of an output are in memory. A part ends before the row
//! group that would exceed its cap.
//!
//! Row groups are cut by the number of records and by their size as compact JSON, so their ends,
//! and those of parts, depend on the records alone.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use serde_json::json;

use super::OutputWriter;
use super::part::Part;
use crate::columnar::{
    ParquetError, ParquetFile, ParquetFormat, ROW_GROUP_ROWS, RejectRow, Rejects, RowGroup,
};
use crate::definition::DigestKind;
use crate::encode::{Piece, Table, TableEncoder};
use crate::engine::{Deferred, defer};
use crate::pipeline::Block;
use crate::plan::{OutputPlan, Plan};
use crate::publish::names::{PARTS_MAX, REJECTS_PARQUET, part_path, shard_part_path};
use crate::publish::{Publication, PublishError, StagedFile};
use crate::record::DescribedProblem;
use crate::report::{PartNote, RejectLine};
use crate::schema::{Class, Shape};

pub(super) struct ParquetWriter {
    /// The output's index in the plan.
    number: usize,
    /// The shard whose parts these are.
    shard: Option<u32>,
    extension: &'static str,
    part_max: u64,
    row_group_bytes: u64,
    digest: DigestKind,
    format: Arc<ParquetFormat>,
    /// The rows of the next row group.
    gathered: Gathered,
    /// The row group before that one.
    encoding: Option<Deferred<Result<RowGroup, ParquetError>>>,
    /// The open part, with the number of its records.
    open: Option<(ParquetFile<Part>, u64)>,
    parts: Vec<PartNote>,
}

/// Rows in the order in which they are written. A table has a few kilobytes besides its rows, and
/// an input may be a single record, so the rows of small tables are copied into larger ones.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Piece>,
    rows: usize,
    /// The size of the records as compact JSON.
    bytes: u64,
}

/// A table that takes less memory than this is small, in bytes.
const SMALL_TABLE: usize = 64 << 10;
/// The memory at which a table of small tables is complete, in bytes.
const JOINED_TABLE: usize = 512 << 10;

impl Gathered {
    fn push(&mut self, piece: Piece) {
        if piece.rows.is_empty() {
            return;
        }
        let is_whole = piece.rows == (0..piece.table.rows());
        if !is_whole || SMALL_TABLE <= piece.table.cost() {
            self.pieces.push(piece);
            return;
        }
        if self.joined().is_none() {
            let table = Arc::new(piece.table.without_rows());
            self.pieces.push(Piece { table, rows: 0..0 });
        }
        let (table, rows) = self.joined().expect("the last table is new");
        table.append(&piece.table);
        *rows = 0..table.rows();
        if JOINED_TABLE <= table.cost() {
            table.shrink();
        }
    }

    /// The last table and its rows, if it is one that small tables were copied into and that is not
    /// complete.
    fn joined(&mut self) -> Option<(&mut Table, &mut Range<usize>)> {
        let Piece { table, rows } = self.pieces.last_mut()?;
        // Nobody else has a table that was made here. Another one would do as well, while it is
        // whole.
        let table = Arc::get_mut(table)?;
        let is_open = *rows == (0..table.rows()) && table.cost() < JOINED_TABLE;
        is_open.then_some((table, rows))
    }
}

impl ParquetWriter {
    pub(super) fn new(
        (number, shard): (usize, Option<u32>),
        output: &OutputPlan,
        plan: &Plan,
        encoder: &TableEncoder,
        metadata: &Metadata,
    ) -> Result<ParquetWriter, PublishError> {
        let is_hmac = |path: &str| {
            let node = plan.schema.node(path);
            let rule = node.and_then(|node| *plan.node_rules.get(node)?);
            rule.and_then(|rule| plan.rules.get(rule))
                .is_some_and(|rule| rule.op.as_hmac().is_some())
        };
        let format =
            ParquetFormat::of_records(&plan.schema, encoder, is_hmac, metadata.pairs.clone())
                .map_err(|error| failed(error, &part_path(0, output.format.extension())))?;
        Ok(ParquetWriter {
            number,
            shard,
            extension: output.format.extension(),
            part_max: output.max_bytes,
            row_group_bytes: format.row_group_bytes(output.max_bytes),
            digest: output.digest,
            format: Arc::new(format),
            gathered: Gathered::default(),
            encoding: None,
            open: None,
            parts: Vec::new(),
        })
    }

    /// Whether the row group is full for a record of `size` bytes.
    fn is_full(&self, size: u64) -> bool {
        let Gathered { rows, bytes, .. } = self.gathered;
        rows == ROW_GROUP_ROWS || (0 < rows && self.row_group_bytes < bytes + size)
    }

    /// Ends the row group: writes the one before it, and has the thread pool encode this one.
    fn cut(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        self.write_encoded(place)?;
        let Gathered { pieces, .. } = std::mem::take(&mut self.gathered);
        let format = Arc::clone(&self.format);
        self.encoding = Some(defer(move || format.encode(&pieces)));
        Ok(())
    }

    /// Appends the row group that was being encoded to the open part; or, if it does not fit, to a
    /// new one.
    fn write_encoded(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        let Some(encoding) = self.encoding.take() else { return Ok(()) };
        let path = self.next_path();
        let group = encoding.wait().map_err(|error| failed(error, &path))?;
        let is_full = |(file, _): &(ParquetFile<Part>, u64)| !file.has_room(&group, self.part_max);
        if self.open.as_ref().is_some_and(is_full) {
            self.end_part()?;
        }
        let path = self.next_path();
        let (mut file, records) = match self.open.take() {
            Some(open) => open,
            None => (self.begin_part(&path, &group, place)?, 0),
        };
        let rows = group.rows;
        file.append(group).map_err(|error| failed(error, &path))?;
        self.open = Some((file, records + rows));
        Ok(())
    }

    fn begin_part(
        &self,
        path: &str,
        group: &RowGroup,
        place: Option<&Publication>,
    ) -> Result<ParquetFile<Part>, PublishError> {
        if self.parts.len() == PARTS_MAX {
            return Err(PublishError::TooManyParts);
        }
        let part = Part::new(self.number, path.to_owned(), self.digest, place)?;
        let file = self.format.begin(part).map_err(|error| failed(error, path))?;
        // Row groups are cut so that they fit. If one does not, failing is better than a part over
        // its cap.
        let too_large = || failed(ParquetError::TooLarge { cap: self.part_max }, path);
        if file.has_room(group, self.part_max) { Ok(file) } else { Err(too_large()) }
    }

    fn end_part(&mut self) -> Result<(), PublishError> {
        let Some((file, records)) = self.open.take() else { return Ok(()) };
        let path = self.next_path();
        let part = file.finish().map_err(|error| failed(error, &path))?;
        self.parts.push(part.finish(records)?);
        Ok(())
    }

    /// The path of the open part, or of the next one.
    fn next_path(&self) -> String {
        let number = u64::try_from(self.parts.len()).expect("fewer than 2^64");
        self.shard.map_or_else(
            || part_path(number, self.extension),
            |shard| shard_part_path(shard, 0, number, self.extension),
        )
    }
}

impl OutputWriter for ParquetWriter {
    fn write(
        &mut self,
        block: &Arc<Block>,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let Some(table) = &block.table else { return Ok(()) };
        let mut from = 0;
        for (row, size) in table.sizes().iter().enumerate() {
            let size = u64::from(*size);
            if self.is_full(size) {
                self.gathered.push(Piece { table: Arc::clone(table), rows: from..row });
                self.cut(place)?;
                from = row;
            }
            self.gathered.rows += 1;
            self.gathered.bytes += size;
        }
        self.gathered.push(Piece { table: Arc::clone(table), rows: from..table.rows() });
        Ok(())
    }

    fn finish(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        if 0 < self.gathered.rows {
            self.cut(place)?;
        }
        self.write_encoded(place)?;
        self.end_part()
    }

    fn parts(&self) -> &[PartNote] {
        &self.parts
    }
}

fn failed(error: ParquetError, path: &str) -> PublishError {
    match error {
        ParquetError::Io(error) => PublishError::of_write(error),
        error @ (ParquetError::Arrow(_)
        | ParquetError::Parquet(_)
        | ParquetError::TooLarge { .. }) => {
            let path = PathBuf::from(path);
            PublishError::Io { path, action: "encode", source: io::Error::other(error) }
        }
    }
}

/// Writes `rejects.parquet`: the same rejects as `rejects.ndjson`.
pub(crate) struct RejectsWriter {
    format: ParquetFormat,
    file: ParquetFile<StagedFile>,
    gathered: Rejects,
}

/// The memory at which gathered rejects are written as a row group, in bytes.
const REJECTS_BYTES: usize = 4 << 20;

impl RejectsWriter {
    pub(crate) fn new(
        place: &Publication,
        metadata: &Metadata,
    ) -> Result<RejectsWriter, PublishError> {
        let staged = place.account_file(REJECTS_PARQUET, false)?;
        let format = ParquetFormat::of_rejects(metadata.pairs.clone());
        let format = format.map_err(|error| failed(error, REJECTS_PARQUET))?;
        let file = format.begin(staged).map_err(|error| failed(error, REJECTS_PARQUET))?;
        Ok(RejectsWriter { format, file, gathered: Rejects::default() })
    }

    pub(crate) fn push(&mut self, reject: &RejectLine<'_>) -> Result<(), PublishError> {
        let RejectLine { source, record, line, offset, bytes, endpoint, problems } = *reject;
        let problems = problems.iter().map(|problem| {
            let DescribedProblem { field, whole: _, code, rule, detail, repair } = problem;
            [field.as_str(), *code, rule.as_str(), *detail, repair]
        });
        self.push_row(&RejectRow { source, record, line, offset, bytes, endpoint }, problems)
    }

    /// The same. `problems`: field, code, rule, detail and repair of each.
    pub(crate) fn push_row<'p>(
        &mut self,
        row: &RejectRow<'_>,
        problems: impl Iterator<Item = [&'p str; 5]>,
    ) -> Result<(), PublishError> {
        self.gathered.push(row, problems);
        let is_full =
            self.gathered.rows() == ROW_GROUP_ROWS || REJECTS_BYTES <= self.gathered.cost();
        if is_full { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), PublishError> {
        let rejects = std::mem::take(&mut self.gathered);
        let group = self.format.encode_rejects(rejects);
        group
            .and_then(|group| self.file.append(group))
            .map_err(|error| failed(error, REJECTS_PARQUET))
    }

    pub(crate) fn finish(mut self) -> Result<(), PublishError> {
        if 0 < self.gathered.rows() {
            self.write()?;
        }
        self.file.finish().map_err(|error| failed(error, REJECTS_PARQUET))?.finish()
    }
}

/// The key-value metadata in the footer of each file.
pub(crate) struct Metadata {
    pairs: Vec<(String, String)>,
}

impl Metadata {
    /// The version of segprep, the digests of the definition and the schemas, and for each column
    /// its class and what the rules do to it.
    pub(crate) fn new(plan: &Plan, definition_sha256: &str) -> Metadata {
        let schemas: serde_json::Map<String, serde_json::Value> =
            plan.schema.files.iter().map(|(name, sha256)| (name.clone(), json!(sha256))).collect();
        let pair = |key: &str, value: String| (format!("segprep.{key}"), value);
        let pairs = vec![
            pair("version", env!("CARGO_PKG_VERSION").to_owned()),
            pair("definition.sha256", definition_sha256.to_owned()),
            pair("schemas.sha256", json!(schemas).to_string()),
            pair("columns", json!(column_notes(plan)).to_string()),
        ];
        Metadata { pairs }
    }
}

/// The class and operation of each field, and of each rule for names of a map.
fn column_notes(plan: &Plan) -> Vec<serde_json::Value> {
    let mut notes = Vec::new();
    for (node, description) in plan.schema.nodes.iter().enumerate() {
        let mut note = |path: String, rule: Option<usize>| {
            let rule = rule.and_then(|rule| plan.rules.get(rule));
            let op = rule.map_or_else(|| "keep".to_owned(), |rule| rule.op.describe(&plan.schema));
            let class = class_name(description.class);
            notes.push(json!({ "path": path, "class": class, "op": op }));
        };
        match description.shape {
            Shape::Text | Shape::Number => {
                let rule = plan.node_rules.get(node).copied().flatten();
                note(description.path.clone(), rule);
            }
            Shape::Lists | Shape::Numbers => {
                let map = plan.schema.map_of(node).and_then(|map| plan.map_rules.get(map));
                let Some(rules) = map else { continue };
                let path = &description.path;
                for (name, rule) in &rules.exact {
                    note(format!("{path}.{name}"), Some(*rule));
                }
                for (start, rule) in &rules.prefixes {
                    note(format!("{path}.{start}*"), Some(*rule));
                }
            }
            Shape::Object | Shape::ExportOnly => {}
        }
    }
    notes
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Identifier => "identifier",
        Class::Personal => "personal",
        Class::Technical => "technical",
    }
}
