//! Writes Parquet: rows gather until a row group is full, the pool encodes it while the next one
//! gathers, and a part ends before the row group that would pass its cap.
//!
//! Where row groups and parts end depends on the records alone.

use std::{io, path::PathBuf, sync::Arc};

use serde_json::json;

use super::part::Part;
use crate::definition::DigestKind;
use crate::encode::{
    ParquetError, ParquetFile, ParquetFormat, Piece, ROW_GROUP_ROWS, RejectRow, Rejects, RowGroup,
    TableEncoder,
};
use crate::engine::{Deferred, defer};
use crate::pipeline::Block;
use crate::plan::{OutputPlan, Plan};
use crate::publish::{Publication, PublishError, StagedFile};
use crate::record::DescribedProblem;
use crate::report::{PartNote, RejectLine};
use crate::schema::{Class, Shape};

/// One output of Parquet while it is written.
pub(crate) struct ParquetWriter {
    number: usize,
    part_max: u64,
    row_group_bytes: u64,
    digest: DigestKind,
    format: Arc<ParquetFormat>,
    gathered: Gathered,
    /// The row group before the one that gathers.
    encoding: Option<Deferred<Result<RowGroup, ParquetError>>>,
    open: Option<(ParquetFile<Part>, u64)>,
    pub(crate) parts: Vec<PartNote>,
}

/// The rows of the next row group.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Piece>,
    rows: usize,
    /// Of the records in compact JSON.
    bytes: u64,
}

impl ParquetWriter {
    /// `number`: the output's place in the definition.
    pub(crate) fn new(
        number: usize,
        output: &OutputPlan,
        plan: &Plan,
        encoder: &TableEncoder,
        metadata: &Metadata,
    ) -> Result<ParquetWriter, PublishError> {
        let is_token = |path: &str| {
            let node = plan.schema.node(path);
            let rule = node.and_then(|node| *plan.node_rules.get(node)?);
            rule.and_then(|rule| plan.rules.get(rule))
                .is_some_and(|rule| rule.op.as_hmac().is_some())
        };
        let format =
            ParquetFormat::of_records(&plan.schema, encoder, is_token, metadata.pairs.clone())
                .map_err(|error| failed(error, &part_path(0)))?;
        Ok(ParquetWriter {
            number,
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

    /// Takes a block's records. `place`: none in a dry run.
    pub(crate) fn write(
        &mut self,
        block: &Block,
        place: Option<&Publication>,
    ) -> Result<(), PublishError> {
        let Some(table) = &block.table else { return Ok(()) };
        let mut from = 0;
        for (row, size) in table.sizes().iter().enumerate() {
            let size = u64::from(*size);
            if self.is_full(size) {
                self.gather(Piece { table: Arc::clone(table), rows: from..row });
                self.cut(place)?;
                from = row;
            }
            self.gathered.rows += 1;
            self.gathered.bytes += size;
        }
        self.gather(Piece { table: Arc::clone(table), rows: from..table.rows() });
        Ok(())
    }

    /// Whether the row group can't take a record of so many bytes.
    fn is_full(&self, size: u64) -> bool {
        let Gathered { rows, bytes, .. } = self.gathered;
        rows == ROW_GROUP_ROWS || (0 < rows && self.row_group_bytes < bytes + size)
    }

    fn gather(&mut self, piece: Piece) {
        if !piece.rows.is_empty() {
            self.gathered.pieces.push(piece);
        }
    }

    /// Lets the pool encode what has gathered, after the row group before it is written.
    fn cut(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        self.write_encoded(place)?;
        let Gathered { pieces, .. } = std::mem::take(&mut self.gathered);
        let format = Arc::clone(&self.format);
        self.encoding = Some(defer(move || format.encode(&pieces)));
        Ok(())
    }

    /// Puts the row group that is encoded into the open part, or a new one where that is full.
    fn write_encoded(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        let Some(encoding) = self.encoding.take() else { return Ok(()) };
        let path = part_path(self.parts.len());
        let group = encoding.wait().map_err(|error| failed(error, &path))?;
        let is_full = |(file, _): &(ParquetFile<Part>, u64)| !file.takes(&group, self.part_max);
        if self.open.as_ref().is_some_and(is_full) {
            self.end_part()?;
        }
        let path = part_path(self.parts.len());
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
        let part = Part::new(self.number, path.to_owned(), self.digest, place)?;
        let file = self.format.begin(part).map_err(|error| failed(error, path))?;
        // A row group is cut so that this can't be; a part over its cap would be worse.
        let too_large = || failed(ParquetError::TooLarge { cap: self.part_max }, path);
        if file.takes(group, self.part_max) { Ok(file) } else { Err(too_large()) }
    }

    fn end_part(&mut self) -> Result<(), PublishError> {
        let Some((file, records)) = self.open.take() else { return Ok(()) };
        let path = part_path(self.parts.len());
        let part = file.finish().map_err(|error| failed(error, &path))?;
        self.parts.push(part.finish(records)?);
        Ok(())
    }

    /// Writes what is left, and ends the open part.
    pub(crate) fn finish(&mut self, place: Option<&Publication>) -> Result<(), PublishError> {
        if 0 < self.gathered.rows {
            self.cut(place)?;
        }
        self.write_encoded(place)?;
        self.end_part()
    }
}

fn part_path(number: usize) -> String {
    format!("part-{number:05}.parquet")
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

/// The account's rejects once more, by columns.
pub(crate) struct RejectsWriter {
    format: ParquetFormat,
    file: ParquetFile<StagedFile>,
    gathered: Rejects,
}

const REJECTS: &str = "rejects.parquet";
/// Memory of rejects at which they are written.
const REJECTS_BYTES: usize = 4 << 20;

impl RejectsWriter {
    pub(crate) fn new(
        place: &Publication,
        metadata: &Metadata,
    ) -> Result<RejectsWriter, PublishError> {
        let staged = place.account_file(REJECTS, false)?;
        let format = ParquetFormat::of_rejects(metadata.pairs.clone());
        let format = format.map_err(|error| failed(error, REJECTS))?;
        let file = format.begin(staged).map_err(|error| failed(error, REJECTS))?;
        Ok(RejectsWriter { format, file, gathered: Rejects::default() })
    }

    pub(crate) fn push(&mut self, reject: &RejectLine<'_>) -> Result<(), PublishError> {
        let RejectLine { source, record, line, offset, bytes, problems } = *reject;
        let problems = problems.iter();
        self.gathered.push(
            &RejectRow { source, record, line, offset, bytes },
            problems.map(|problem| {
                let DescribedProblem { field, code, rule, detail, repair } = problem;
                [field.as_str(), *code, rule.as_str(), *detail, *repair]
            }),
        );
        let is_full =
            self.gathered.rows() == ROW_GROUP_ROWS || REJECTS_BYTES <= self.gathered.cost();
        if is_full { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), PublishError> {
        let rejects = std::mem::take(&mut self.gathered);
        let group = self.format.encode_rejects(rejects);
        group.and_then(|group| self.file.append(group)).map_err(|error| failed(error, REJECTS))
    }

    pub(crate) fn finish(mut self) -> Result<(), PublishError> {
        if 0 < self.gathered.rows() {
            self.write()?;
        }
        self.file.finish().map_err(|error| failed(error, REJECTS))?.finish()
    }
}

/// What a file says of itself.
pub(crate) struct Metadata {
    pairs: Vec<(String, String)>,
}

impl Metadata {
    /// What stands in the footer of each file: version, digests of definition and schemas, and for
    /// each column its class and what the policy does to it.
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

/// Each field, and each rule for names of a map, with its class and operation.
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
