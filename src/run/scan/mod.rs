//! `segprep scan`: reports what files hold that nobody has described yet. Nothing is written.
//!
//! The inputs are read as a run reads them, on the same threads and within the same memory; only the first row
//! of a CSV file may be anything. Each chunk goes through the stages of a definition that keeps every field,
//! which says what the values would fail.

pub(super) mod page;
pub(super) mod reader;
pub(super) mod sampled;
mod wrapper;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rayon::ThreadPool;

use super::aws::Remote;
use super::error::{ErrorKind, Failure, RunError};
use super::memory::Limits;
use super::prepare::{self, ReadDefinition};
use super::progress::Progress;

use super::options::RunOptions;
use super::process::pool;
use super::text::{escape, escape_path, path_text};
use crate::decode::{ColumnRules, ColumnSettings, RecordsPath};
use crate::definition::{Definition, Environment, InputFormat, TextEncoding};
use crate::discover::{
    ChunkFindings, FileReport, InputForm, Knowledge, Lens, SampleNote, Scan, ScanReport,
    ScanWorker, look_at,
};
use crate::engine::{Cancel, map_ordered};
use crate::input::{self, BufferPool, InputReader, InputStart, Work};
use crate::pipeline::Stages;
use crate::plan::{self, Plan};
use crate::report::quantities::{bytes, count, counted};
use crate::schema::Schema;
use crate::store::s3::Reach;
use crate::store::{Listed, Listing, Store, StoreError};
use reader::{ScanInput, ScanUnit};
use wrapper::wrapper;

/// What to scan.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Files, folders and patterns; or a definition (`.toml`), whose inputs and their forms are meant.
    pub from: Vec<PathBuf>,
    /// Settings `PATH=VALUE` that replace those of the definition.
    pub sets: Vec<String>,
    /// The most records of each input.
    pub records: Option<u64>,
    /// The share of the inputs that is read, above 0.
    pub sample: Option<f64>,
    /// Everything is read, however much it is.
    pub all: bool,
    pub threads: Option<usize>,
    pub chunk_bytes: Option<usize>,
}

/// Keeps every field of every record. Its places are never used, and no input is there.
const KEEPS_EVERYTHING: &str = r#"
segprep = 1
name = "scan"
purpose = "messaging"
input = { from = [], unknown = "drop", inactive = "keep", kinds = ["endpoint", "update", "user"] }
fields = { "*" = "keep" }
validate = { pii = "off" }
account = { to = "/proc/self/segprep/account" }
output = [{ to = "/proc/self/segprep/output", format = "pinpoint-json" }]
"#;

/// Scans inputs.
///
/// # Errors
///
/// If there is nothing to read, or an input is not a segment file, or cannot be read.
pub fn scan(
    options: &ScanOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<ScanReport, Failure> {
    Ok(scan_all(options, false, progress, cancel)?.report)
}

/// What a scan found, and the inputs that could not be read to their end, each with the reason.
pub(super) struct Scanned {
    pub(super) report: ScanReport,
    pub(super) broken: Vec<(String, String)>,
}

/// Scans inputs. `skips_bad_files`: goes on with the next one after one that cannot be read.
pub(super) fn scan_all(
    options: &ScanOptions,
    skips_bad_files: bool,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Scanned, Failure> {
    scan_steps(options, skips_bad_files, progress, cancel).map_err(|failure| {
        cancel.check().err().map_or(failure, |cancelled| Failure::Run(cancelled.into()))
    })
}

fn scan_steps(
    options: &ScanOptions,
    skips_bad_files: bool,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Scanned, Failure> {
    let schema = Arc::new(Schema::shipped("pinpoint").expect("it is shipped"));
    let definition = definition(options, &schema, cancel)?;
    let plan = plan_of(&schema, &definition)?;
    let remote = Remote::new(&definition, cancel)?;
    let limits = prepare::limits(&run_options(options), &definition, &remote.store)?;
    let from: Vec<_> = definition.input.from.iter().map(|place| place.path.as_path()).collect();
    let listing = remote.store.list(&from, &definition.input.exclude);
    let listing = listing.map_err(|error| not_listed(error, options))?;
    if listing.files.is_empty() {
        return Err(nothing_to_read(options, &listing, "there is nothing to read in").into());
    }
    let knowledge = Knowledge::new(Arc::clone(&schema));
    let stages = Stages::for_checks(&plan);
    let lens = Lens { knowledge: &knowledge, plan: &plan, stages: &stages };
    let any_header =
        ColumnSettings { any_header: true, drop_unknown: true, ..ColumnSettings::default() };
    let rules = ColumnRules::new(schema, any_header);
    let names = named_columns(&definition);
    let mut path = definition.input.shaping.records.clone();
    if path.is_none() && !is_described(options) {
        let settings = settings(&definition, names.as_deref(), None, &rules);
        path = wrapper(&listing.files, settings, &remote.store, &limits, &knowledge, cancel)?;
    }
    let records_in = path.as_ref().map(|path| path.join("."));
    let records = path.as_deref().map(RecordsPath::alone);
    let settings = settings(&definition, names.as_deref(), records.as_ref(), &rules);
    let skips_bad_files = skips_bad_files || settings.skips_bad_files;
    let settings = input::Settings { skips_bad_files, ..settings };
    let spare = BufferPool::default();
    let may_cut = definition.input.encoding.is_none()
        && records.is_none()
        && settings.skip_lines == 0
        && settings.format != Some(InputFormat::Csv);
    let looking = Looking { store: &remote.store, settings, limits: &limits, may_cut, cancel };
    let (files, sample) = looking.chosen(options, &listing.files)?;
    progress.expect_bytes(files.iter().map(Listed::bytes_to_read).sum());
    let inputs = remote.store.inputs(&files, Reach::Whole)?;
    let source = ScanInput {
        reader: InputReader::new(settings, limits.input(), cancel, &inputs, &spare),
        knowledge: &knowledge,
        names: names.clone(),
        pads_rows: definition.input.columns.pads_rows,
        records_max: options.records,
        max_record: limits.max_record,
        header: None,
        form: Arc::default(),
        records_left: 0,
    };
    let scanning = Scanning {
        lens,
        spare: &spare,
        workers: Mutex::default(),
        files: &files,
        records_in,
        progress,
    };
    let mut scanned = scanning.run(&pool(limits.threads)?, &limits, source)?;
    scanned.report.sample = sample;
    if scanned.report.records == 0 && scanned.broken.is_empty() {
        return Err(no_record(options, &listing, sample.as_ref()).into());
    }
    Ok(scanned)
}

/// What it takes to look at the beginnings of inputs.
struct Looking<'a> {
    store: &'a Store,
    settings: input::Settings<'a>,
    limits: &'a Limits,
    /// Whether lines of JSON may be read in blocks.
    may_cut: bool,
    cancel: &'a Cancel,
}

impl Looking<'_> {
    /// The inputs that are read, or the blocks of them, and how much of all that is.
    fn chosen(
        &self,
        options: &ScanOptions,
        files: &[Listed],
    ) -> Result<(Vec<Listed>, Option<SampleNote>), RunError> {
        let Some(ratio) = sampled::share_of(options.sample, options.all, files) else {
            return Ok((files.to_vec(), None));
        };
        let mut are_plain = Vec::new();
        if self.may_cut {
            let heads = self.store.inputs(files, Reach::Heads)?;
            let (spare, limits) = (BufferPool::default(), self.limits.input());
            let mut reader = InputReader::new(self.settings, limits, self.cancel, &heads, &spare);
            are_plain = reader.plain_lines()?;
        }
        let (chosen, note) = sampled::sampled(files.to_vec(), &are_plain, ratio);
        Ok((chosen, Some(note)))
    }
}

fn run_options(options: &ScanOptions) -> RunOptions {
    RunOptions {
        definition: options.from.first().cloned().unwrap_or_default(),
        sets: options.sets.clone(),
        threads: options.threads,
        chunk_bytes: options.chunk_bytes,
        ..RunOptions::default()
    }
}

/// The definition whose inputs are meant, or one that has nothing but the given inputs.
fn definition(
    options: &ScanOptions,
    schema: &Schema,
    cancel: &Cancel,
) -> Result<Definition, Failure> {
    if is_described(options) {
        let ReadDefinition { definition, .. } = prepare::read(&run_options(options), cancel)?;
        return Ok(definition);
    }
    let mut sets = options.sets.clone();
    let from = options.from.iter().map(|path| text_of(path)).collect::<Result<Vec<_>, _>>()?;
    sets.push(format!("input.from=[{}]", from.join(",")));
    Ok(checked(schema, KEEPS_EVERYTHING, &sets)?.0)
}

/// Whether a definition says what to scan.
fn is_described(options: &ScanOptions) -> bool {
    matches!(options.from.as_slice(), [file] if is_definition(file))
}

/// Whether a path that stands alone is that of a definition.
pub(super) fn is_definition(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}

/// A path as TOML.
fn text_of(path: &Path) -> Result<String, RunError> {
    let text = path.to_str().ok_or_else(|| {
        let message = format!("the path `{}` is not UTF-8", escape_path(path));
        RunError::new(ErrorKind::NoInput, message).hint("rename the file, or move it elsewhere")
    })?;
    Ok(serde_json::to_string(text).expect("a text is JSON"))
}

/// The plan that keeps every field of records as long as the definition allows.
fn plan_of(schema: &Arc<Schema>, definition: &Definition) -> Result<Plan, Failure> {
    let (everything, rules) =
        checked(schema, KEEPS_EVERYTHING, &["input.from=[\"-\"]".to_owned()])?;
    let schema = Arc::clone(schema);
    let mut plan = Plan::new(&everything, rules, schema, BTreeMap::new(), Vec::new())
        .map_err(|error| prepare::no_plan(&error))?;
    plan.input.max_record = usize::try_from(definition.input.max_record).unwrap_or(usize::MAX);
    Ok(plan)
}

/// Checks the text of a definition.
pub(super) fn checked(
    schema: &Schema,
    text: &str,
    sets: &[String],
) -> Result<(Definition, plan::Rules), Failure> {
    let environment = Environment {
        env: &|name| env::var(name).ok(),
        date: "1970-01-01",
        run: "19700101T000000Z",
        real_path: &prepare::real_path,
    };
    plan::check("definition", text, sets, &environment, schema).map_err(Failure::Diagnostics)
}

/// Whether a run that reads these inputs may write to a folder.
pub(super) fn are_apart(schema: &Schema, from: &[String], folder: &str) -> bool {
    let quoted = |text: &str| serde_json::to_string(text).expect("a text is JSON");
    let from: Vec<String> = from.iter().map(|from| quoted(from)).collect();
    let sets = [
        format!("input.from=[{}]", from.join(",")),
        format!("account.to={}", quoted(&format!("{folder}/account/"))),
        format!("output.0.to={}", quoted(&format!("{folder}/import/"))),
    ];
    checked(schema, KEEPS_EVERYTHING, &sets).is_ok()
}

fn named_columns(definition: &Definition) -> Option<Vec<String>> {
    let names = definition.input.columns.columns.as_ref()?;
    Some(names.iter().map(|name| name.value.trim().to_owned()).collect())
}

fn settings<'a>(
    definition: &'a Definition,
    names: Option<&'a [String]>,
    records: Option<&'a RecordsPath>,
    column_rules: &'a ColumnRules,
) -> input::Settings<'a> {
    let input = &definition.input;
    input::Settings {
        format: input.format,
        encoding: input.encoding,
        is_text: false,
        detects_encoding: true,
        max_expansion: input.max_expansion,
        skips_bad_files: input.skips_bad_files,
        delimiter: input.columns.delimiter,
        dialect: input.columns.dialect,
        skip_lines: input.columns.skip_lines,
        records,
        columns: names,
        column_rules,
        digest: None,
    }
}

fn encoding_name(encoding: Option<TextEncoding>) -> &'static str {
    match encoding {
        None => "utf-8",
        Some(TextEncoding::Windows1252) => "windows-1252",
        Some(TextEncoding::Latin1) => "latin1",
        Some(TextEncoding::Utf16) => "utf-16",
    }
}

/// Why the inputs could not be listed. A path on the command line is not one of a definition.
fn not_listed(error: StoreError, options: &ScanOptions) -> RunError {
    let is_typed = match &error {
        StoreError::NotFound { name } => options.from.iter().any(|path| path_text(path) == *name),
        StoreError::Pipe { .. }
        | StoreError::NotAFile { .. }
        | StoreError::Denied { .. }
        | StoreError::NotUtf8 { .. }
        | StoreError::Changed { .. }
        | StoreError::NotAsPlanned { .. }
        | StoreError::Bucket(_)
        | StoreError::Io { .. } => false,
    };
    let error = RunError::from(error);
    if !is_typed {
        return error;
    }
    error.hint("check the path: a relative one begins in the working directory")
}

fn nothing_to_read(options: &ScanOptions, listing: &Listing, what: &str) -> RunError {
    let from: Vec<String> =
        options.from.iter().map(|path| format!("`{}`", escape_path(path))).collect();
    let ignored = match listing.ignored.len() {
        0 => String::new(),
        count => format!(" (ignored: {count})"),
    };
    RunError::new(ErrorKind::NoInput, format!("{what} {}{ignored}", from.join(", ")))
        .hint("empty files and names that begin with `_` or `.` are ignored")
}

/// The error if nothing that was read is a record.
fn no_record(options: &ScanOptions, listing: &Listing, sample: Option<&SampleNote>) -> RunError {
    let Some(SampleNote { files, of_files, bytes: read, of_bytes }) = sample else {
        return nothing_to_read(options, listing, "there is no record in");
    };
    let what = format!(
        "there is no record in the sample ({} of {}, from {} of {}) of",
        bytes(*read),
        bytes(*of_bytes),
        count(*files),
        counted(*of_files, "file")
    );
    nothing_to_read(options, listing, &what)
        .hint("scan a larger share with `--sample`, or everything with `--all`")
}

/// What is the same for every unit of a scan.
struct Scanning<'a> {
    lens: Lens<'a>,
    spare: &'a BufferPool,
    workers: Mutex<Vec<ScanWorker>>,
    files: &'a [Listed],
    /// Where the values of JSON have their records.
    records_in: Option<String>,
    progress: &'a Progress,
}

/// A unit, and what its chunk holds.
struct Looked {
    unit: ScanUnit,
    findings: Vec<ChunkFindings>,
}

impl Scanning<'_> {
    fn run(
        &self,
        pool: &ThreadPool,
        limits: &Limits,
        source: ScanInput<'_>,
    ) -> Result<Scanned, RunError> {
        let mut scan = Scan::new(self.lens.knowledge);
        let mut broken = Vec::new();
        pool.install(|| {
            map_ordered(
                pool,
                limits.in_flight(),
                source,
                |unit| self.look(unit),
                |looked| {
                    self.add(looked, &mut scan, &mut broken);
                    Ok(())
                },
            )
        })?;
        Ok(Scanned { report: scan.report(), broken })
    }

    /// Runs on any thread.
    fn look(&self, unit: ScanUnit) -> Looked {
        let Work::Chunk { buffer, format, .. } = &unit.unit.work else {
            return Looked { unit, findings: Vec::new() };
        };
        let taken = self.workers.lock().ok().and_then(|mut workers| workers.pop());
        let mut worker = taken.unwrap_or_else(|| ScanWorker::new(&self.lens));
        let chunk = buffer.bytes();
        let chunk = chunk.get(..unit.end).unwrap_or(chunk);
        let parts = [unit.head.as_deref().unwrap_or_default(), chunk];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let findings =
            parts.map(|part| look_at(&self.lens, &mut worker, part, format, &unit.form)).collect();
        if let Ok(mut workers) = self.workers.lock() {
            workers.push(worker);
        }
        Looked { unit, findings }
    }

    /// Runs in order.
    fn add(&self, looked: Looked, scan: &mut Scan<'_>, broken: &mut Vec<(String, String)>) {
        let Looked { unit: ScanUnit { unit, form, csv, is_cut, .. }, findings } = looked;
        let listed = self.files.get(unit.input);
        if let Some(start) = unit.start.as_ref().filter(|_| !self.is_continued(unit.input)) {
            scan.begin(self.file(listed, start));
        }
        if let Some((delimiter, has_header)) = csv {
            scan.is_csv(char::from(delimiter), has_header);
        }
        let mut records = 0;
        for chunk in findings {
            records += chunk.records();
            scan.add(chunk, &form);
        }
        match unit.work {
            Work::Slice { buffer, code, is_last, .. } => {
                if is_last {
                    scan.add(ChunkFindings::of_bad_record(code), &InputForm::default());
                }
                self.spare.give(buffer);
            }
            Work::Chunk { buffer, .. } | Work::Space { buffer } => self.spare.give(buffer),
            Work::Nothing => {}
        }
        self.progress.advance(unit.newly_read, records, 0);
        if let Some(fault) = unit.end.as_ref().and_then(|end| end.broken.as_ref()) {
            let name = listed.map_or_else(String::new, |listed| listed.name.clone());
            broken.push((name, escape(&fault.bad.message)));
        }
        match unit.end {
            Some(end) => scan.end(end.bytes),
            None if is_cut => scan.end(listed.map_or(0, |listed| listed.bytes)),
            None => {}
        }
    }

    /// Whether an input is a further block of the one before it.
    fn is_continued(&self, input: usize) -> bool {
        let before = input.checked_sub(1).and_then(|before| self.files.get(before));
        let is_block = |listed: &&Listed| listed.range.is_some();
        let own = self.files.get(input).filter(is_block);
        own.zip(before).is_some_and(|(own, before)| own.name == before.name)
    }

    fn file(&self, listed: Option<&Listed>, start: &InputStart) -> FileReport {
        FileReport {
            name: listed.map_or_else(String::new, |listed| listed.name.clone()),
            format: start.format,
            records_in: self.records_in.clone().filter(|_| start.format == Some("json")),
            encoding: encoding_name(start.encoding),
            compression: start.compression.name(),
            line_ends: "none",
            ..FileReport::default()
        }
    }
}
