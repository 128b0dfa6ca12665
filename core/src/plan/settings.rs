//! The settings of a definition in the form in which a run uses them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::columns;
use super::profiles::ProfilePlan;
use crate::decode::frame::Dialect;
use crate::decode::{ColumnSettings, RecordsPath, ShapeSettings};
use crate::definition::{
    Definition, DigestKind, Input, InputFormat, Output, OutputFormat, PartLayout, STANDARD_OUTPUT,
    TextEncoding, Unknown,
};
use crate::encode::CsvColumn;
use crate::repair::RepairSet;
use crate::schema::{NodeIx, ProfileTarget, Schema};
use crate::transform::Op;

/// How input is read.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the definition")]
pub struct InputPlan {
    /// Files, folders, patterns, and `-` for standard input.
    pub from: Vec<PathBuf>,
    /// Patterns of files that are left out.
    pub exclude: Vec<String>,
    /// `None`: detect it by content.
    pub format: Option<InputFormat>,
    /// `None`: UTF-8.
    pub encoding: Option<TextEncoding>,
    /// Whether inputs are text in UTF-8 whatever they begin with.
    pub is_text: bool,
    /// How many times its size an archive may expand to.
    pub max_expansion: u64,
    /// Whether a run skips a file that can't be read as a segment file.
    pub skips_bad_files: bool,
    /// The path of the records in the values of JSON files. `None`: the values are the records.
    pub records: Option<RecordsPath>,
    /// What delimits the cells of CSV; `None`: detect it by the header.
    pub delimiter: Option<u8>,
    /// How the rows of CSV are written; the delimiter is a comma unless the definition sets one.
    pub dialect: Dialect,
    /// The number of lines before the header of CSV.
    pub skip_lines: u64,
    /// The names of the columns of CSV files without a header.
    pub columns: Option<Vec<String>>,
    /// What is renamed, constant and left out in CSV files.
    pub column_settings: ColumnSettings,
    /// What values of other programs mean.
    pub shapes: ShapeSettings,
    pub unknown: Unknown,
    /// The kinds of record taken, as indices into [`Schema::kinds`].
    pub kinds: Vec<usize>,
    /// Whether records with the status `INACTIVE` are kept.
    pub keep_inactive: bool,
    /// The longest record, in bytes without its line end.
    pub max_record: usize,
    /// Whether the account has a SHA-256 of each input.
    pub digest: bool,
}

/// One output.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    pub to: PathBuf,
    pub format: OutputFormat,
    /// The most bytes of a part.
    pub max_bytes: u64,
    pub digest: DigestKind,
    /// The columns of CSV; `None`: those of the inputs' headers.
    pub columns: Option<Vec<CsvColumn>>,
    /// Whether a `'` is put before attributes in CSV that a spreadsheet would take for formulas.
    pub quotes_formulas: bool,
    /// What profiles are made of, if the output has some.
    pub profiles: Option<Arc<ProfilePlan>>,
}

/// Where the account goes, and the budgets: how much may go wrong in a run that publishes.
#[derive(Clone, Debug)]
pub struct AccountPlan {
    pub to: PathBuf,
    /// If rejected / read is above this, nothing is published.
    pub max_reject_ratio: f64,
    pub max_rejects: Option<u64>,
    /// If fewer records than this share of those of the run that is replaced would be written,
    /// nothing is published.
    pub max_shrink: Option<f64>,
    /// If more than this share of the values that a rule met had to be removed, nothing is published.
    pub max_op_failed_ratio: f64,
    pub keep_rejected: bool,
    /// Whether the account has events of OpenLineage.
    pub lineage: bool,
}

impl InputPlan {
    pub(super) fn new(
        input: &Input,
        kinds: Vec<usize>,
        repairs: RepairSet,
        drops_id: bool,
        schema: &Schema,
    ) -> InputPlan {
        let column_settings = columns::settings(input, repairs, drops_id, schema);
        let records = input.shaping.records.as_deref();
        InputPlan {
            from: input.from.iter().map(|location| location.path.clone()).collect(),
            exclude: input.exclude.clone(),
            format: input.format,
            encoding: input.encoding,
            is_text: input.is_text,
            max_expansion: input.max_expansion,
            skips_bad_files: input.skips_bad_files,
            records: records.map(|path| RecordsPath::new(schema, path, &column_settings.ignore)),
            delimiter: input.columns.delimiter,
            dialect: input.columns.dialect,
            skip_lines: input.columns.skip_lines,
            columns: columns::input_names(input),
            column_settings,
            shapes: columns::shapes(input),
            unknown: input.unknown.unwrap_or(Unknown::Drop),
            kinds,
            keep_inactive: input.keep_inactive,
            max_record: usize::try_from(input.max_record).expect("it is at most 64 MiB"),
            digest: input.digest,
        }
    }
}

/// The most bytes of a part that the target of a format takes.
pub fn part_bytes(format: OutputFormat, schema: &Schema) -> u64 {
    match format.layout() {
        PartLayout::Lines | PartLayout::Columns => schema.target.job.bytes,
        PartLayout::Profiles => ProfileTarget::shipped().files.bytes,
    }
}

impl OutputPlan {
    pub(super) fn new(output: &Output, schema: &Arc<Schema>, node_ops: &[Op]) -> OutputPlan {
        OutputPlan {
            to: output.to.path.clone(),
            format: output.format,
            max_bytes: output
                .max_bytes
                .as_ref()
                .map_or_else(|| part_bytes(output.format, schema), |size| size.value),
            digest: output.digest,
            columns: output.columns.as_deref().map(columns::output_columns),
            quotes_formulas: output.quotes_formulas,
            profiles: output.profiles.as_ref().map(|settings| {
                let is_dropped = |node: NodeIx| matches!(node_ops.get(node), Some(Op::Drop));
                Arc::new(ProfilePlan::new(settings, schema, is_dropped))
            }),
        }
    }

    /// Whether it is written to standard output.
    pub fn is_standard(&self) -> bool {
        self.to == Path::new(STANDARD_OUTPUT)
    }

    /// Whether somebody imports its parts as they are.
    pub fn is_imported(&self) -> bool {
        self.format.is_import() || self.profiles.is_some()
    }

    /// Whether its columns are those of the inputs' headers.
    pub fn takes_columns_of_inputs(&self) -> bool {
        self.format.is_csv() && self.columns.is_none()
    }
}

impl AccountPlan {
    pub(super) fn new(definition: &Definition) -> AccountPlan {
        let account = &definition.account;
        AccountPlan {
            to: account.to.path.clone(),
            max_reject_ratio: account.max_reject_ratio,
            max_rejects: account.max_rejects,
            max_shrink: account.max_shrink,
            max_op_failed_ratio: account.max_op_failed_ratio,
            keep_rejected: account.keep_rejected,
            lineage: account.lineage,
        }
    }
}
