//! Profiles in batches, for a program that brings the records of a user together (`segprep.spark` in the Python
//! package): each step of `src/profiles/shuffled.rs` from batch to batch.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch};
use arrow_schema::ArrowError;

use super::{Cleaner, too_large};
use crate::definition::{Definition, OutputFormat};
use crate::engine::Cancel;
use crate::pipeline::{Block, Encoded};
use crate::plan::{Plan, ProfilePlan};
use crate::profiles::LostField;
use crate::profiles::shuffled::{FirstColumns, ProfileLayout, ProfileRules, RowMaker, UserFold};
use crate::run::aws::Remote;
use crate::run::clock;
use crate::run::error::{ErrorKind, Failure, RunError};
use crate::run::keys::MissingKey;
use crate::run::options::RunOptions;
use crate::run::prepare::{self, Source};
use crate::run::shards::without_lists;

/// The records of a definition that makes profiles of them: where blocks have them, and the rules.
#[derive(Debug)]
pub(super) struct ProfileOutput {
    pub(super) encoded: Encoded,
    pub(super) rules: ProfileRules,
}

/// Fails if records are to become profiles and something else as well.
pub(super) fn check_outputs(definition: &Definition) -> Result<bool, RunError> {
    let is_of_profiles = |format: OutputFormat| format == OutputFormat::ProfilesCsv;
    let has_profiles = definition.outputs.iter().any(|output| is_of_profiles(output.format));
    if has_profiles && 1 < definition.outputs.len() {
        let message = "profiles of a DataFrame need a definition with one output";
        return Err(RunError::new(ErrorKind::Definition, message)
            .hint("keep one output, or use `segprep.spark.run`"));
    }
    Ok(has_profiles)
}

fn only_profiles(plan: &Plan) -> Option<&Arc<ProfilePlan>> {
    plan.outputs.first()?.profiles.as_ref()
}

/// The columns of profiles, and what they are in the target.
#[derive(Clone, Debug)]
pub struct ProfileColumns {
    pub names: Vec<String>,
    /// What the steps know them by.
    pub ids: Vec<Vec<u8>>,
    /// The text of `object-type.json`.
    pub object_type: String,
}

/// The columns of the rows of a definition, given those that [`ColumnFinder`] has found, the first ones first. Reads no
/// key.
///
/// # Errors
///
/// If the definition is wrong, or makes no profiles.
pub fn profile_columns(options: &RunOptions, ids: Vec<Vec<u8>>) -> Result<ProfileColumns, Failure> {
    let cancel = &Cancel::new();
    let source = Source::read(options, clock::now()?, cancel)?;
    let read = source.parse(&source.moment)?;
    let name = read.definition.name.clone();
    let remote = Remote::new(&read.definition, cancel)?;
    let run = (source.moment, read);
    // Columns do not depend on keys.
    let missing = MissingKey::IsNotRead;
    let (prepared, parts) = prepare::complete(options, run, remote, missing, cancel)?;
    let plan = without_lists(&prepared, parts)?;
    let rules = ProfileRules::new(only_profiles(&plan).ok_or_else(no_profiles)?);
    let layout = ProfileLayout::new(&rules, ids);
    Ok(ProfileColumns {
        names: layout.names().to_vec(),
        ids: layout.ids(),
        object_type: layout.object_type(&name),
    })
}

impl ProfileOutput {
    /// `None`: the definition has other outputs. `encoded`: where blocks have the records of the first one.
    pub(super) fn of(plan: &Plan, encoded: impl FnOnce() -> Encoded) -> Option<ProfileOutput> {
        let profiles = only_profiles(plan)?;
        Some(ProfileOutput { encoded: encoded(), rules: ProfileRules::new(profiles) })
    }

    /// A batch with the written records, as [`profile_records`] takes them.
    pub(super) fn batch(&self, blocks: &[Block]) -> Result<RecordBatch, ArrowError> {
        let mut values = Bytes::default();
        for lines in blocks.iter().filter_map(|block| block.lines_of(self.encoded)) {
            let mut from = 0;
            for end in &lines.ends {
                values.push(lines.bytes.get(from..*end).unwrap_or(&[]));
                from = *end;
            }
        }
        RecordBatch::try_from_iter([("values", values.finish()?)])
    }
}

/// Bytes of a column, which has at most 2 GiB. What exceeds that is an error at the end.
#[derive(Default)]
struct Bytes {
    column: BinaryBuilder,
    size: usize,
}

impl Bytes {
    fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
        if self.fits() {
            self.column.append_value(bytes);
        }
    }

    fn fits(&self) -> bool {
        i32::try_from(self.size).is_ok()
    }

    fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let exceeds = || ArrowError::OffsetOverflowError(self.size);
        self.fits().then_some(()).ok_or_else(exceeds)?;
        Ok(Arc::new(self.column.finish()))
    }
}

impl Cleaner {
    fn rules(&self) -> Result<&ProfileRules, RunError> {
        self.profiles.as_ref().map(|profiles| &profiles.rules).ok_or_else(no_profiles)
    }

    /// Records as profiles of their own. A row of the batch has the values of a record that was written, and whether it
    /// gets the opt-out of a duplicate. The result has for each `user`, `profile`, `is_opted_out`, and the `list` (`phone`
    /// or `email`) and `address` of somebody who has opted out.
    ///
    /// # Errors
    ///
    /// If the batch has something else, or the result is too large for one.
    pub fn profile_records(&self, batch: &RecordBatch) -> Result<RecordBatch, RunError> {
        let rules = self.rules()?;
        let values = binary(batch, 0)?;
        let opts_out = batch.columns().get(1).and_then(|column| column.as_boolean_opt());
        let opts_out = opts_out.ok_or_else(damaged)?;
        let (mut users, mut profiles) = (Bytes::default(), Bytes::default());
        let (mut lists, mut addresses) = (StringBuilder::new(), StringBuilder::new());
        let mut flags = Vec::new();
        let records = values.iter().map(Option::unwrap_or_default).zip(opts_out.iter());
        let records = records.map(|(values, opts_out)| (values, opts_out == Some(true)));
        let read = rules.records(records, |record| {
            users.push(record.user);
            profiles.push(record.profile);
            flags.push(record.is_opted_out);
            let listed = record.listed;
            lists.append_option(listed.map(|(emails, _)| if emails { "email" } else { "phone" }));
            let text = |bytes| std::str::from_utf8(bytes).ok();
            addresses.append_option(listed.and_then(|(_, address)| text(address)));
        });
        read.ok_or_else(damaged)?;
        let columns: [(&str, ArrayRef); 5] = [
            ("user", finished(users)?),
            ("profile", finished(profiles)?),
            ("is_opted_out", Arc::new(BooleanArray::from(flags))),
            ("list", Arc::new(lists.finish())),
            ("address", Arc::new(addresses.finish())),
        ];
        batch_of(columns)
    }

    /// What folds the profiles of each user.
    ///
    /// # Errors
    ///
    /// If the definition makes no profiles. The functions below fail likewise.
    pub fn profile_folder(&self) -> Result<ProfileFolder, RunError> {
        Ok(ProfileFolder { rules: self.rules()?.clone(), fold: UserFold::default() })
    }

    /// What finds the columns of profiles.
    pub fn column_finder(&self) -> Result<ColumnFinder, RunError> {
        Ok(ColumnFinder { rules: self.rules()?.clone(), first: FirstColumns::default() })
    }

    /// What makes rows of profiles, given the columns that were found, the first ones first.
    pub fn row_maker(&self, ids: Vec<Vec<u8>>) -> Result<ProfileRows, RunError> {
        let rules = self.rules()?.clone();
        let layout = ProfileLayout::new(&rules, ids);
        let paths = rules.plan().schema.nodes.iter().map(|node| node.path.clone()).collect();
        Ok(ProfileRows { rows: 0, paths, maker: RowMaker::new(rules, layout) })
    }
}

/// Folds the profiles of each user, batch after batch.
#[derive(Debug)]
pub struct ProfileFolder {
    rules: ProfileRules,
    fold: UserFold,
}

impl ProfileFolder {
    /// Adds records, sorted by user and order: `user` and `profile`. Returns the profiles that have ended (`first`, the
    /// number of the row of the first record from 1, or 0 for the one that [`ProfileFolder::add`] has named last time;
    /// `profile`), and the row of the first record of the one that has not ended, in the same way.
    ///
    /// # Errors
    ///
    /// If the batch has something else, or the result is too large for one.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(RecordBatch, usize), RunError> {
        let users = binary(batch, 0)?.iter().map(Option::unwrap_or_default);
        let profiles = binary(batch, 1)?.iter().map(Option::unwrap_or_default);
        let records: Vec<(&[u8], &[u8])> = users.zip(profiles).collect();
        let mut ended = Ended::default();
        let held =
            self.fold.add(&self.rules, &records, |first, profile| ended.push(first, profile));
        Ok((ended.batch()?, held.ok_or_else(damaged)?))
    }

    /// The last profile, if there is one.
    ///
    /// # Errors
    ///
    /// If it is too large for a batch.
    pub fn end(&mut self) -> Result<RecordBatch, RunError> {
        let mut ended = Ended::default();
        self.fold.end(|_, profile| ended.push(0, profile));
        ended.batch()
    }
}

/// Profiles that have ended.
#[derive(Default)]
struct Ended {
    firsts: Vec<i64>,
    profiles: Bytes,
}

impl Ended {
    fn push(&mut self, first: usize, profile: &[u8]) {
        self.firsts.push(i64::try_from(first).unwrap_or(i64::MAX));
        self.profiles.push(profile);
    }

    fn batch(self) -> Result<RecordBatch, RunError> {
        let columns: [(&str, ArrayRef); 2] = [
            ("first", Arc::new(Int64Array::from(self.firsts))),
            ("profile", finished(self.profiles)?),
        ];
        batch_of(columns)
    }
}

/// Finds the columns that may be written, batch after batch.
#[derive(Debug)]
pub struct ColumnFinder {
    rules: ProfileRules,
    first: FirstColumns,
}

impl ColumnFinder {
    /// The columns that some profiles have and none of an earlier batch: `row` (the number of the profile from 0, or null
    /// if its place does not matter), `id`, `class`, `major` and `minor`. The profiles of all batches are in order.
    ///
    /// # Errors
    ///
    /// If the batch has something else, or the result is too large for one.
    pub fn find(&mut self, batch: &RecordBatch) -> Result<RecordBatch, RunError> {
        let (mut rows, mut ids) = (Vec::new(), Bytes::default());
        let (mut classes, mut majors, mut minors) = (Vec::new(), Vec::new(), Vec::new());
        let profiles = binary(batch, 0)?.iter().map(Option::unwrap_or_default);
        for (profile, row) in profiles.zip(0_i64..) {
            let noted = self.first.note(&self.rules, profile, |found| {
                rows.push(found.is_placed.then_some(row));
                ids.push(found.id);
                classes.push(found.class);
                majors.push(i64::try_from(found.major).unwrap_or(i64::MAX));
                minors.push(i64::from(found.minor));
            });
            noted.ok_or_else(damaged)?;
        }
        let columns: [(&str, ArrayRef); 5] = [
            ("row", Arc::new(Int64Array::from(rows))),
            ("id", finished(ids)?),
            ("class", Arc::new(Int32Array::from(classes))),
            ("major", Arc::new(Int64Array::from(majors))),
            ("minor", Arc::new(Int64Array::from(minors))),
        ];
        batch_of(columns)
    }
}

/// Makes rows of profiles, batch after batch.
#[derive(Debug)]
pub struct ProfileRows {
    rows: u64,
    /// The path of each node.
    paths: Vec<String>,
    maker: RowMaker,
}

/// What was made of profiles so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileRowCounts {
    pub rows: u64,
    /// The values that have no place, by field or map, and how many of others.
    pub unplaced: Vec<(String, u64)>,
    pub other: u64,
    /// Empty texts and lists.
    pub emptied: u64,
}

impl ProfileRows {
    /// The rows of some profiles, as text; null where there is nothing.
    ///
    /// # Errors
    ///
    /// If the batch has something else, or the result is too large for one.
    pub fn rows(&mut self, batch: &RecordBatch) -> Result<RecordBatch, RunError> {
        let profiles = binary(batch, 0)?;
        // A column has no more bytes than the profiles.
        let mut columns: Vec<StringBuilder> =
            self.maker.names().iter().map(|_| StringBuilder::new()).collect();
        let each = |row: &[&[u8]]| {
            for (column, cell) in columns.iter_mut().zip(row) {
                let text = std::str::from_utf8(cell).ok();
                column.append_option(text.filter(|text| !text.is_empty()));
            }
        };
        let all = profiles.iter().map(Option::unwrap_or_default);
        self.maker.rows(all, each).ok_or_else(damaged)?;
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        let all = self.maker.names().iter().zip(columns);
        let named = all.map(|(name, mut column)| -> (_, ArrayRef, _) {
            (name, Arc::new(column.finish()), true)
        });
        RecordBatch::try_from_iter_with_nullable(named).map_err(|error| too_large(&error))
    }

    pub fn counts(&self) -> ProfileRowCounts {
        let unplaced = self.maker.unplaced();
        let mut counts = ProfileRowCounts {
            rows: self.rows,
            other: unplaced.other,
            emptied: unplaced.emptied,
            ..ProfileRowCounts::default()
        };
        for (field, values) in &unplaced.fields {
            let (LostField::Field(node) | LostField::Name(node, _)) = field;
            let path = self.paths.get(usize::from(*node)).cloned();
            counts.unplaced.push((path.unwrap_or_default(), *values));
        }
        counts
    }
}

fn finished(bytes: Bytes) -> Result<ArrayRef, RunError> {
    bytes.finish().map_err(|error| too_large(&error))
}

fn binary(batch: &RecordBatch, column: usize) -> Result<&BinaryArray, RunError> {
    batch.columns().get(column).and_then(|column| column.as_binary_opt()).ok_or_else(damaged)
}

fn batch_of<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch, RunError> {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .map_err(|error| too_large(&error))
}

fn damaged() -> RunError {
    RunError::new(ErrorKind::Internal, "a batch does not hold the profiles that were made")
}

fn no_profiles() -> RunError {
    RunError::new(ErrorKind::Definition, "the definition makes no profiles")
        .hint("use `format = \"profiles-csv\"` under `[[output]]`")
}
