//! Compares the parts of an output with the manifest, and reads those that consist of lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use super::columns;
use super::part::{FoundPart, compare_digest, compare_records, digest_of, with_worker};
use super::place::Spot;
use super::profiles;
use super::rules::Rules;
use super::state::{Faults, NAMED_MAX, Verifying, describe, instead};
use crate::decode::frame::Dialect;
use crate::definition::{DigestKind, InputFormat};
use crate::engine::map_ordered;
use crate::input::{self, BufferPool, Compression, InputEnd, InputReader, InputStart, Unit, Work};
use crate::pipeline::{Audited, Worker, audit};
use crate::publish::names::{FIELD_MAP, is_part};
use crate::report::{Manifest, OutputNote, Status};
use crate::run::error::{Failure, RunError};
use crate::run::look::{Position, give_back};
use crate::schema::ProfileTarget;
use crate::store::s3::Reach;
use crate::store::{FoundFile, Listed};

/// The formats of outputs that consist of lines, and the extension of parts in each format.
const JSON: (&str, &str) = ("pinpoint-json", "json");
const CSV: (&str, &str) = ("pinpoint-csv", "csv");
const PARQUET: (&str, &str) = ("parquet", "parquet");
const PROFILES: (&str, &str) = ("profiles-csv", "csv");

/// Parts are in the folder of an output or in job folders.
const DEPTH: usize = 1;

/// An output, as the manifest describes it, and where it is.
pub(in crate::run) struct Reading<'a> {
    pub(in crate::run) manifest: &'a Manifest,
    pub(in crate::run) output: &'a OutputNote,
    pub(super) spot: &'a Spot,
    pub(in crate::run) rules: &'a Rules,
}

/// Checks an output.
pub(super) fn check(verifying: &mut Verifying<'_>, reading: &Reading<'_>) -> Result<(), Failure> {
    let Reading { output, spot, rules, .. } = reading;
    let extension =
        [JSON, CSV, PARQUET, PROFILES].into_iter().find(|(name, _)| *name == output.format);
    let Some((format, extension)) = extension else {
        verifying.faults.of_file(&spot.shown, "its format is none of this version");
        return Ok(());
    };
    let found = find(verifying, reading, extension)?;
    sizes(&mut verifying.faults, reading, format);
    let listed: Vec<Listed> = found.iter().map(|part| part.listed.clone()).collect();
    verifying.progress.expect_more_bytes(listed.iter().map(|listed| listed.bytes).sum());
    verifying.parts += u64::try_from(found.len()).expect("fewer than 2^64");
    if format == PROFILES.0 {
        let note = output.profiles.clone().unwrap_or_default();
        return profiles::check(verifying, rules, (&note, &spot.shown), &found, &listed);
    }
    if format == PARQUET.0 {
        return columns::check(verifying, rules, &found, &listed);
    }
    lines(
        verifying,
        rules,
        &found,
        &listed,
        if format == JSON.0 { InputFormat::Json } else { InputFormat::Csv },
    )
}

/// The parts that are there, in the manifest's order. Reports those that are not, and what else is there.
fn find<'a>(
    verifying: &mut Verifying<'_>,
    reading: &Reading<'a>,
    extension: &str,
) -> Result<Vec<FoundPart<'a>>, Failure> {
    let Reading { manifest, output, spot, .. } = reading;
    let files = verifying.place.store.files_in(&spot.real, DEPTH)?.unwrap_or_default();
    let by_path: BTreeMap<&Path, &FoundFile> =
        files.iter().map(|file| (file.path.as_path(), file)).collect();
    let mut parts = Vec::new();
    let mut named = BTreeSet::new();
    for note in &output.files {
        let (path, name) = (spot.file(&note.path), Path::new(&note.path));
        let has_extension = name.extension().is_some_and(|end| end == extension);
        let is_map = output.format == PROFILES.0 && note.path == FIELD_MAP;
        let is_ours = is_part(name) && (has_extension || is_map);
        if !is_ours {
            verifying.faults.of_file(&path, "is not the name of a part, so it was not read");
            continue;
        }
        if !named.insert(name) {
            verifying.faults.of_file(&path, "is in the manifest more than once");
            continue;
        }
        let Some(file) = by_path.get(name) else {
            verifying.faults.of_file(&path, "is gone");
            continue;
        };
        if !file.is_regular {
            verifying.faults.of_file(&path, "is not a regular file, so it was not read");
            continue;
        }
        if file.listed.bytes != note.bytes {
            let what = format!("has {}", instead(file.listed.bytes, "byte", note.bytes));
            verifying.faults.of_file(&path, what);
        }
        parts.push(FoundPart { path, note, listed: file.listed.clone() });
    }
    if manifest.status == Status::Published {
        let foreign = files.iter().filter(|file| !named.contains(file.path.as_path()));
        for file in foreign.filter(|file| !is_beside_parts(&file.path)) {
            let what = "is not in the manifest";
            verifying.faults.of_file(&spot.file(&file.path), what);
        }
    }
    Ok(parts)
}

/// Whether a run makes a folder of this name beside parts, for its own work or for the results of `retry`.
fn is_beside_parts(path: &Path) -> bool {
    let first = path.components().next().and_then(|first| first.as_os_str().to_str());
    first.is_some_and(|first| first == ".segprep" || first.starts_with("retry-"))
}

/// Whether the manifest's sizes are within the limits of the target and of the output.
fn sizes(faults: &mut Faults, reading: &Reading<'_>, format: &str) {
    let Reading { output, spot, rules, .. } = reading;
    let job = rules.plan.schema.target.job;
    let part_max = output.max_bytes.unwrap_or(u64::MAX);
    let of_target = if format == PARQUET.0 {
        u64::MAX
    } else if format == PROFILES.0 {
        ProfileTarget::shipped().files.bytes
    } else {
        job.bytes
    };
    let part_max = part_max.min(of_target);
    let mut folders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for note in &output.files {
        // The field map is in one piece, as long as it is.
        if part_max < note.bytes && note.path != FIELD_MAP {
            let what = format!("is larger than a part may be: {part_max} bytes");
            faults.of_file(&spot.file(&note.path), what);
        }
        if format != PROFILES.0
            && let Some((folder, _)) = note.path.split_once('/')
        {
            let (files, bytes) = folders.entry(folder).or_default();
            (*files, *bytes) = (*files + 1, bytes.saturating_add(note.bytes));
        }
    }
    for (folder, (files, bytes)) in folders {
        if job.files < files || job.bytes < bytes {
            let what = format!(
                "holds {files} files and {bytes} bytes, and an import job takes {} and {}",
                job.files, job.bytes
            );
            faults.of_file(&spot.file(folder), what);
        }
    }
}

/// Reads parts that consist of lines.
fn lines(
    verifying: &mut Verifying<'_>,
    rules: &Rules,
    found: &[FoundPart<'_>],
    listed: &[Listed],
    format: InputFormat,
) -> Result<(), Failure> {
    let (place, progress, cancel) = (verifying.place, verifying.progress, verifying.cancel);
    let kind = found.iter().find_map(|part| digest_of(part.note)).map(|(kind, _)| kind);
    let spare = BufferPool::default();
    let inputs = place.store.inputs(listed, Reach::Whole)?;
    let settings = settings(rules, format, kind);
    let reader = InputReader::new(settings, place.limits.input(), cancel, &inputs, &spare);
    let workers = Mutex::new(Vec::new());
    let (faults, records) = (&mut verifying.faults, &mut verifying.records);
    let mut state = LineState { found, kind, position: Position::default(), faults };
    let pool = &verifying.pool;
    pool.install(|| {
        map_ordered(
            pool,
            place.limits.in_flight(),
            reader.map(|unit| unit.map_err(RunError::from)),
            |unit| {
                let audited = audit_unit(&unit, rules, &workers);
                (unit, audited)
            },
            |(unit, audited)| {
                let before = state.position.records;
                state.take(&unit, &audited);
                let read = if unit.start.is_some() {
                    state.position.records
                } else {
                    state.position.records - before
                };
                *records += read;
                progress.advance(unit.newly_read, read, 0);
                give_back(unit, &spare);
                Ok(())
            },
        )
    })?;
    Ok(())
}

fn settings(rules: &Rules, format: InputFormat, digest: Option<DigestKind>) -> input::Settings<'_> {
    const NO_EXPANSION: u64 = 1;
    input::Settings {
        format: Some(format),
        encoding: None,
        is_text: false,
        detects_encoding: false,
        max_expansion: NO_EXPANSION,
        skips_bad_files: true,
        records: None,
        delimiter: Some(b','),
        dialect: Dialect::default(),
        skip_lines: 0,
        columns: None,
        column_rules: &rules.plan.column_rules,
        digest,
    }
}

fn audit_unit(unit: &Unit, rules: &Rules, workers: &Mutex<Vec<Worker>>) -> Audited {
    let Work::Chunk { buffer, format, .. } = &unit.work else { return Audited::default() };
    with_worker(rules, workers, |worker| {
        let Rules { plan, stages, expected } = rules;
        audit(plan, stages, worker, buffer.bytes(), format, expected, NAMED_MAX)
    })
}

/// The part whose units are being taken.
struct LineState<'a, 'f> {
    found: &'a [FoundPart<'a>],
    kind: Option<DigestKind>,
    position: Position,
    faults: &'f mut Faults,
}

impl LineState<'_, '_> {
    /// Takes the next unit, in order.
    fn take(&mut self, unit: &Unit, audited: &Audited) {
        let Some(part) = self.found.get(unit.input) else { return };
        self.position.begin(unit);
        if let Some(start) = &unit.start {
            self.form(part, start);
        }
        let before = self.position.lines;
        for flaw in &audited.flaws {
            let line = before + flaw.line + 1;
            self.faults.add(&part.path, Some(line), &flaw.field, describe(&flaw.flaw));
        }
        let named = u64::try_from(audited.flaws.len()).expect("a few");
        self.faults.count += audited.flaw_count - named;
        if let Some(long) = self.position.pass(unit, audited.records) {
            let what = format!("fails the check `{}`", long.problem.code);
            self.faults.add(&part.path, Some(long.line + 1), "", what);
        }
        if let Some(end) = &unit.end {
            self.end(part, end);
        }
    }

    fn form(&mut self, part: &FoundPart<'_>, start: &InputStart) {
        let is_line_by_line = !start.is_bracketed && start.compression == Compression::None;
        if !is_line_by_line || start.encoding.is_some() {
            self.faults.of_file(&part.path, "does not have the form that a run writes");
        }
    }

    fn end(&mut self, part: &FoundPart<'_>, end: &InputEnd) {
        if let Some(broken) = &end.broken {
            let line = self.position.lines + 1;
            self.faults.add(&part.path, Some(line), "", broken.bad.message.as_str());
            return; // the rest was not read
        }
        let is_whole = part.listed.bytes == part.note.bytes;
        compare_digest(self.faults, part, self.kind, end.digest.as_deref().filter(|_| is_whole));
        compare_records(self.faults, part, self.position.records);
    }
}
