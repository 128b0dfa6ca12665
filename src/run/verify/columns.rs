//! Reads parts of Parquet: first the digest of each, so that a damaged file is not decoded; then its row groups,
//! side by side.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::part::{FoundPart, compare_digest, compare_records, digest_of, with_worker};
use super::rules::Rules;
use super::state::{NAMED_MAX, Verifying, describe};
use crate::columnar::{GroupSize, ParquetPart, PartError, ROW_GROUP_BYTES, ROW_GROUP_ROWS, Ranges};
use crate::decode::Format;
use crate::decode::frame::LineEnd;
use crate::engine::map_ordered;
use crate::input;
use crate::pipeline::{Audited, PlacedFlaw, Worker, audit};
use crate::run::error::{Failure, RunError};
use crate::store::s3::Reach;
use crate::store::{Listed, RangeReader, StoreError};

/// No row group that a run writes is larger: pages have at most four times the bytes of JSON, and a record that
/// is larger than a row group has its own.
const GROUP_BYTES_MAX: u64 = 8 * ROW_GROUP_BYTES;

pub(super) fn check(
    verifying: &mut Verifying<'_>,
    rules: &Rules,
    found: &[FoundPart<'_>],
    listed: &[Listed],
) -> Result<(), Failure> {
    let kind = found.iter().find_map(|part| digest_of(part.note)).map(|(kind, _)| kind);
    let inputs = verifying.place.store.inputs(listed, Reach::Whole)?;
    for (number, part) in found.iter().enumerate() {
        let faults_before = verifying.faults.count;
        let digest = match kind {
            Some(kind) => {
                let name = &part.listed.name;
                let digest = input::digest(&inputs, number, name, kind, verifying.cancel);
                Some(digest.map_err(RunError::from)?)
            }
            None => None,
        };
        let is_whole = part.listed.bytes == part.note.bytes;
        let digest = digest.as_deref().filter(|_| is_whole);
        compare_digest(&mut verifying.faults, part, kind, digest);
        if is_whole && verifying.faults.count == faults_before {
            rows(verifying, rules, part)?;
        }
        verifying.progress.advance(part.listed.bytes, 0, 0);
    }
    Ok(())
}

/// Checks the rows of a part.
fn rows(verifying: &mut Verifying<'_>, rules: &Rules, part: &FoundPart<'_>) -> Result<(), Failure> {
    let reader = verifying.place.store.ranges(&part.listed)?;
    let ranges = Arc::new(PartRanges { bytes: part.listed.bytes, reader });
    let opened = caught(|| ParquetPart::open(ranges));
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return broken(verifying, part, error),
    };
    let groups = opened.groups();
    let is_too_large = |group: &GroupSize| {
        let rows = usize::try_from(group.rows).unwrap_or(usize::MAX);
        ROW_GROUP_ROWS < rows || (1 < rows && GROUP_BYTES_MAX < group.bytes)
    };
    if groups.iter().any(is_too_large) {
        let what = "has a row group that is larger than those of a run, so it was not read";
        verifying.faults.of_file(&part.path, what);
        return Ok(());
    }
    let workers = Mutex::new(Vec::new());
    let (mut records, mut error) = (0, None);
    let Verifying { pool, place, cancel, faults, .. } = verifying;
    let in_flight = NonZeroUsize::new(place.limits.threads).unwrap_or(NonZeroUsize::MIN);
    let pool = &*pool;
    pool.install(|| {
        map_ordered(
            pool,
            in_flight,
            (0..groups.len()).map(|group| cancel.check().map(|()| group).map_err(RunError::from)),
            |group| caught(|| audit_group(&opened, group, rules, &workers)),
            |audited: Result<Audited, PartError>| {
                match audited {
                    Ok(audited) => {
                        for PlacedFlaw { line, field, flaw } in &audited.flaws {
                            let row = records + line + 1;
                            faults.add(&part.path, Some(row), field, describe(flaw));
                        }
                        let named = u64::try_from(audited.flaws.len()).expect("a few");
                        faults.count += audited.flaw_count - named;
                        records += audited.records;
                    }
                    Err(found) => {
                        error.get_or_insert(found);
                    }
                }
                Ok(())
            },
        )
    })?;
    verifying.records += records;
    verifying.progress.advance(0, records, 0);
    if let Some(error) = error {
        return broken(verifying, part, error);
    }
    compare_records(&mut verifying.faults, part, records);
    Ok(())
}

/// Checks the rows of a row group. Lines are those of its rows.
fn audit_group(
    part: &ParquetPart,
    group: usize,
    rules: &Rules,
    workers: &Mutex<Vec<Worker>>,
) -> Result<Audited, PartError> {
    let Rules { plan, stages, expected } = rules;
    let format = Format::JsonLines(LineEnd::Newline);
    let mut all = Audited::default();
    with_worker(rules, workers, |worker| {
        part.each_lines(group, |lines| {
            let most = NAMED_MAX - all.flaws.len();
            let more = audit(plan, stages, worker, lines, &format, expected, most);
            let before = all.records;
            let placed = |flaw: PlacedFlaw| PlacedFlaw { line: before + flaw.line, ..flaw };
            all.flaws.extend(more.flaws.into_iter().map(placed));
            all.flaw_count += more.flaw_count;
            all.records += more.records;
        })
    })?;
    Ok(all)
}

/// Reports a part that could not be read as Parquet.
fn broken(
    verifying: &mut Verifying<'_>,
    part: &FoundPart<'_>,
    error: PartError,
) -> Result<(), Failure> {
    let what = match error {
        PartError::Damaged => "is not a Parquet file that can be read",
        PartError::Column => "has a column of a type that no run writes",
        PartError::Io(error) => {
            return Err(StoreError::from_read(&part.listed.name, error).into());
        }
    };
    verifying.faults.of_file(&part.path, what);
    Ok(())
}

/// What was done, or that a file is damaged in a way that its reader did not expect.
fn caught<T>(work: impl FnOnce() -> Result<T, PartError>) -> Result<T, PartError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(PartError::Damaged))
}

struct PartRanges {
    bytes: u64,
    reader: RangeReader,
}

impl Ranges for PartRanges {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        self.reader.read(start, length)
    }
}
