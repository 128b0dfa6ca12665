//! The files of an account that is gathered from those of shards: rejects, inputs, and originals.
//!
//! Shards are added in their order. The input that the last shard did not read to its end stays open: what
//! the next one read of it is added, and its rejects are counted from where the last one ended.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::columnar::RejectRow;
use crate::definition::PartLayout;
use crate::output::parquet::{Metadata, RejectsWriter};
use crate::plan::Plan;
use crate::publish::names::{INPUTS, REJECTS, originals_path};
use crate::publish::{Publication, PublishError, StagedFile};
use crate::report::json_line;
use crate::run::account::input_line::InputLine;
use crate::run::error::Failure;
use crate::run::shards::account::{Fault, ShardAccount, ShardInput, ShardReject};
use crate::shards::Piece;
use crate::store::{Ignored, StoreError};

type File = BufWriter<StagedFile>;

pub(super) struct GatheredFiles<'a> {
    place: &'a Publication,
    keeps_rejected: bool,
    rejects: File,
    /// The rejects as Parquet, if an output is Parquet.
    by_columns: Option<RejectsWriter>,
    inputs: File,
    /// The originals of the open input, once there is one.
    kept: Option<Kept>,
    /// What was read of the open input.
    open: Option<ShardInput>,
    /// The number of inputs before it.
    number: usize,
    broken: Vec<usize>,
}

/// The originals of one input.
struct Kept {
    file: File,
    /// Whether the last line has no line end.
    is_line_open: bool,
}

impl Kept {
    fn end_line(&mut self) -> io::Result<()> {
        if self.is_line_open { self.write_all(b"\n") } else { Ok(()) }
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        let last = bytes.get(..written).and_then(<[u8]>::last);
        self.is_line_open = last.map_or(self.is_line_open, |last| *last != b'\n');
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<'a> GatheredFiles<'a> {
    pub(in crate::run) fn new(
        place: &'a Publication,
        plan: &Plan,
        definition_sha256: &str,
    ) -> Result<GatheredFiles<'a>, PublishError> {
        let file = |name| place.account_file(name, false).map(BufWriter::new);
        let has_columns =
            plan.outputs.iter().any(|output| output.format.layout() == PartLayout::Columns);
        let metadata = Metadata::new(plan, definition_sha256);
        let by_columns = has_columns.then(|| RejectsWriter::new(place, &metadata)).transpose()?;
        Ok(GatheredFiles {
            place,
            keeps_rejected: plan.account.keep_rejected,
            rejects: file(REJECTS)?,
            by_columns,
            inputs: file(INPUTS)?,
            kept: None,
            open: None,
            number: 0,
            broken: Vec::new(),
        })
    }

    /// Adds the next shard, which has read these pieces.
    pub(in crate::run) fn add(
        &mut self,
        shard: &ShardAccount<'_>,
        pieces: &[Piece],
    ) -> Result<Result<(), Fault>, Failure> {
        let (records, lines) =
            self.open.as_ref().map_or((0, 0), |open| (open.records, open.lines.unwrap_or(0)));
        let are_sound = shard.each_reject(|at, reject| {
            if at == 0 {
                reject.record = reject.record.saturating_add(records);
                reject.line = reject.line.saturating_add(lines);
            }
            Ok(self.reject(reject)?)
        })?;
        if !are_sound {
            return Ok(Err("has other rejects than it counted".to_owned()));
        }
        for (at, (input, piece)) in shard.inputs.iter().zip(pieces).enumerate() {
            self.keep(shard, at, piece)?;
            if let Err(fault) = self.input(input, piece)? {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(()))
    }

    fn reject(&mut self, reject: &ShardReject<'_>) -> Result<(), PublishError> {
        if let Some(rejects) = &mut self.by_columns {
            let ShardReject { source, record, line, offset, bytes, endpoint, problems } = reject;
            let row = RejectRow {
                source: source.as_ref(),
                record: *record,
                line: *line,
                offset: *offset,
                bytes: *bytes,
                endpoint: *endpoint,
            };
            let problems = problems.iter().map(|problem| {
                let texts = [
                    &problem.field,
                    &problem.code,
                    &problem.rule,
                    &problem.detail,
                    &problem.repair,
                ];
                texts.map(AsRef::as_ref)
            });
            rejects.push_row(&row, problems)?;
        }
        write(&mut self.rejects, &json_line(reject))
    }

    /// Adds the originals of a piece, if the shard has kept some.
    fn keep(
        &mut self,
        shard: &ShardAccount<'_>,
        at: usize,
        Piece { listed, .. }: &Piece,
    ) -> Result<(), Failure> {
        if !self.keeps_rejected {
            return Ok(());
        }
        let name = listed.name.rsplit('/').next().unwrap_or(&listed.name);
        let path = originals_path(at, name);
        let Some(mut originals) = shard.open(Path::new(&path))? else { return Ok(()) };
        if self.kept.is_none() {
            let file = self.place.account_file(&originals_path(self.number, name), true)?;
            self.kept = Some(Kept { file: BufWriter::new(file), is_line_open: false });
        }
        let Some(kept) = &mut self.kept else { return Ok(()) };
        // Behind what another shard has kept, as if one machine went on.
        kept.end_line().map_err(PublishError::of_write)?;
        let copied = io::copy(&mut originals, kept);
        copied.map_err(|error| match error.downcast::<PublishError>() {
            Ok(error) => Failure::from(error),
            Err(error) => StoreError::from_read(&path, error).into(),
        })?;
        Ok(())
    }

    /// Adds what was read of a piece, and writes the line of its input after the last piece of it.
    fn input(&mut self, input: &ShardInput, piece: &Piece) -> Result<Result<(), Fault>, Failure> {
        let sum = match self.open.take() {
            Some(mut open) => {
                open.add(input);
                open
            }
            None => input.clone(),
        };
        let range = piece.listed.range;
        if range.is_some_and(|range| range.to < piece.listed.bytes) {
            self.open = Some(sum);
            return Ok(Ok(()));
        }
        if range.is_some() && sum.bytes != piece.listed.bytes {
            return Ok(Err("did not read what the shards before it left".to_owned()));
        }
        if sum.broken.is_some() {
            self.broken.push(self.number);
        }
        write(&mut self.inputs, &json_line(&sum.whole()))?;
        finish(self.kept.take().map(|kept| kept.file))?;
        self.number += 1;
        Ok(Ok(()))
    }

    /// Ends the files. Returns the inputs that could not be read to their ends, by their indices.
    pub(in crate::run) fn finish(mut self, ignored: &[Ignored]) -> Result<Vec<usize>, Failure> {
        for ignored in ignored {
            write(&mut self.inputs, &json_line(&InputLine::ignored(ignored)))?;
        }
        if let Some(rejects) = self.by_columns.take() {
            rejects.finish()?;
        }
        finish(Some(self.rejects))?;
        finish(Some(self.inputs))?;
        Ok(self.broken)
    }
}

fn write(file: &mut File, line: &str) -> Result<(), PublishError> {
    let written = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n"));
    written.map_err(PublishError::of_write)
}

fn finish(file: Option<File>) -> Result<(), PublishError> {
    let Some(file) = file else { return Ok(()) };
    let staged = file.into_inner().map_err(|error| PublishError::of_write(error.into_error()))?;
    staged.finish()
}
