//! The first step of a run: the definition, its keys, and the limits. No input is read.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use jiff::Timestamp;

use super::aws::{self, Remote};
use super::clock;
use super::error::{ErrorKind, Failure, RunError};
use super::keys::{self, MissingKey};
use super::lists;
use super::memory::{CHUNK_BYTES, Comparison, Folds, Limits};
use super::moment::Moment;
use super::options::RunOptions;
use super::text::{escape_path, hex, path_text};
use crate::crypto::sha256;
use crate::definition::{
    Definition, Environment, Output, PartLayout, begins_like_data, has_credentials,
};
use crate::engine::Cancel;
use crate::plan::{self, Plan, PlanError, Rules, SuppressionList};
use crate::report::KeyNote;
use crate::schema::Schema;
use crate::store::Store;
use crate::store::disk::whole;
use crate::transform::MasterKey;

/// What a run knows before it reads lists and inputs.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) moment: Moment,
    pub(super) definition: Definition,
    pub(super) schema: Arc<Schema>,
    pub(super) definition_sha256: String,
    pub(super) keys: Vec<KeyNote>,
    pub(super) warnings: Vec<String>,
    pub(super) limits: Limits,
    pub(super) remote: Remote,
    /// The keys that are replaced by the published demo key, each with the reason.
    pub(super) replaced_keys: Vec<(String, String)>,
}

/// What the plan is compiled from, once the lists have been read.
#[derive(Debug)]
pub(super) struct PlanParts {
    pub(super) rules: Rules,
    pub(super) keys: BTreeMap<String, MasterKey>,
}

impl Prepared {
    /// The files, folders and patterns to read.
    pub(super) fn inputs(&self) -> Vec<&Path> {
        self.definition.input.from.iter().map(|location| location.path.as_path()).collect()
    }

    /// The folders of the outputs. Standard output is none.
    pub(super) fn outputs(&self) -> Vec<PathBuf> {
        let outputs = self.definition.outputs.iter().map(|output| &output.to);
        let folders = outputs.filter(|to| !to.is_standard_output());
        folders.map(|to| to.path.clone()).collect()
    }

    /// Whether the records are written to standard output. Such a run is never the same as another,
    /// since what it wrote is not kept.
    pub(super) fn writes_to_standard_output(&self) -> bool {
        self.definition.outputs.iter().any(|output| output.to.is_standard_output())
    }

    /// The permissions of the parts of each output, if they are set.
    pub(super) fn modes(&self) -> Vec<Option<u32>> {
        self.definition.outputs.iter().map(|output| output.mode).collect()
    }

    /// Where the account goes.
    pub(super) fn account(&self) -> &Path {
        &self.definition.account.to.path
    }

    /// Compiles the plan.
    pub(super) fn plan(
        &self,
        parts: PlanParts,
        lists: Vec<SuppressionList>,
    ) -> Result<Plan, RunError> {
        let schema = Arc::clone(&self.schema);
        Plan::new(&self.definition, parts.rules, schema, parts.keys, lists)
            .map_err(|error| no_plan(&error))
    }
}

/// The error if the definition needs a key that it does not have.
pub(super) fn no_plan(error: &PlanError) -> RunError {
    RunError::new(ErrorKind::Access, error.to_string())
}

/// The only target of this version.
pub(super) const TARGET: &str = "pinpoint";
/// The maximum number of threads, as under `[run]`.
const THREADS_MAX: usize = 1024;
/// The maximum size of a definition. A larger file is not one.
const DEFINITION_BYTES_MAX: u64 = 4 << 20;

/// Reads the keys of a definition. Returns what the run needs now, and what the plan is compiled from later.
pub(super) fn complete(
    options: &RunOptions,
    (moment, read): (Moment, ReadDefinition),
    remote: Remote,
    missing: MissingKey,
    cancel: &Cancel,
) -> Result<(Prepared, PlanParts), Failure> {
    let ReadDefinition { definition, rules, schema } = read;
    let bucket_warnings = aws::check(&definition)?;
    let limits = limits(options, &definition, &remote.store)?;
    let ring = keys::read_keys(&definition, &remote.session, missing, cancel)?;
    let definition_sha256 = hex(&sha256(definition.canonical()));
    let mut warnings = rules.warnings.clone();
    warnings.extend(ring.warnings);
    warnings.extend(bucket_warnings);
    let parts = PlanParts { rules, keys: ring.keys };
    let prepared = Prepared {
        moment,
        definition,
        schema,
        definition_sha256,
        keys: ring.notes,
        warnings,
        limits,
        remote,
        replaced_keys: ring.replaced,
    };
    Ok((prepared, parts))
}

/// A definition without errors, and what it was checked against.
pub(super) struct ReadDefinition {
    pub(super) definition: Definition,
    pub(super) rules: Rules,
    pub(super) schema: Arc<Schema>,
}

/// The text of a definition, and what is needed to read it: once for this run, and once more for each
/// other run whose places must be known.
pub(super) struct Source<'a> {
    file: String,
    text: String,
    sets: &'a [String],
    schema: Arc<Schema>,
    /// This run, unless another one has its id.
    pub(super) moment: Moment,
}

impl Source<'_> {
    pub(super) fn read<'a>(
        options: &'a RunOptions,
        now: Timestamp,
        cancel: &Cancel,
    ) -> Result<Source<'a>, Failure> {
        let text = definition_text(&options.definition, cancel)?;
        let schema = Schema::shipped(TARGET).expect("the target of this version is shipped");
        Ok(Source {
            file: path_text(&options.definition),
            text,
            sets: &options.sets,
            schema: Arc::new(schema),
            moment: Moment::new(options.run.as_deref(), options.date.as_deref(), now)?,
        })
    }

    /// Checks the definition, with the paths that it has for a run.
    pub(super) fn parse(&self, moment: &Moment) -> Result<ReadDefinition, Failure> {
        let environment = Environment {
            env: &|name| env::var(name).ok(),
            date: &moment.date,
            run: &moment.run,
            real_path: &real_path,
        };
        let (definition, rules) =
            plan::check(&self.file, &self.text, self.sets, &environment, &self.schema)
                .map_err(Failure::Diagnostics)?;
        Ok(ReadDefinition { definition, rules, schema: Arc::clone(&self.schema) })
    }
}

/// Reads and checks the definition.
pub(super) fn read(options: &RunOptions, cancel: &Cancel) -> Result<ReadDefinition, Failure> {
    let source = Source::read(options, clock::now()?, cancel)?;
    source.parse(&source.moment)
}

fn definition_text(path: &Path, cancel: &Cancel) -> Result<String, RunError> {
    if has_credentials(&path.to_string_lossy()) {
        let message = "a URL with credentials or a signature is no definition";
        return Err(RunError::new(ErrorKind::Definition, message)
            .hint("name a definition file on this machine"));
    }
    let name = escape_path(path);
    let unusable = |what: String| {
        RunError::new(ErrorKind::Definition, format!("the definition `{name}` {what}"))
            .hint("name a definition file; `pipelines/` has some to start from")
    };
    let bytes =
        match whole::read_file_or_pipe(path, DEFINITION_BYTES_MAX, &|| cancel.is_cancelled()) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(unusable(format!("is over {} MiB", DEFINITION_BYTES_MAX >> 20)));
            }
            bytes => bytes.map_err(|error| unusable(format!("could not be read: {error}")))?,
        };
    if begins_like_data(&bytes) {
        return Err(unusable("is a data file, not a definition".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        unusable(format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    })
}

/// The absolute path, with the links in the part of it that exists resolved.
pub(super) fn real_path(path: &Path) -> PathBuf {
    crate::store::disk::folder::resolve(path).unwrap_or_else(|_unreadable| path.to_owned())
}

/// The limits that the command line, the definition and this machine set.
pub(super) fn limits(
    options: &RunOptions,
    definition: &Definition,
    store: &Store,
) -> Result<Limits, RunError> {
    let cores = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = options.threads.or(definition.run.threads).unwrap_or_else(cores);
    if THREADS_MAX < threads {
        let message = format!("`--threads` is over {THREADS_MAX}");
        return Err(RunError::new(ErrorKind::Definition, message)
            .hint("more threads than cores do not make a run faster"));
    }
    let chunk_bytes = options.chunk_bytes.or(definition.run.chunk_bytes).unwrap_or(CHUNK_BYTES);
    let max_record = usize::try_from(definition.input.max_record).map_err(|_too_large| {
        RunError::new(ErrorKind::Definition, "`max_record` is more than this machine can address")
    })?;
    let is_columnar = |output: &&Output| output.format.layout() == PartLayout::Columns;
    let parquet = definition.outputs.iter().filter(is_columnar).count();
    let list_bytes = lists::memory_max(&definition.suppress, store);
    let (reads_buckets, buckets) = (aws::reads(definition), aws::places_written(definition));
    let (name_bytes, parts) = (0, 0);
    let compared = Comparison::of(definition).memory(0, chunk_bytes);
    Ok(Limits {
        threads,
        chunk_bytes,
        max_record,
        endpoints: definition.input.endpoints.len().max(1),
        parquet,
        list_bytes,
        compared,
        profiles: Folds::of(definition, threads).memory(0),
        name_bytes,
        parts,
        reads_buckets,
        buckets,
    })
}
