//! What Spark needs to know of cleaned records to compare those of different batches: `[unique]` and `[users]`, for
//! `segprep.spark` in the Python package. `mod.rs` makes the batches.
//!
//! Spark shuffles hashes and never a value that the rules hide. Every executor has to make the same hashes, so they
//! are made with a key that is derived from the definition's current one, which each executor reads from its source.
//! Without any key, only values that are written as they are may be compared: a hash says nothing more than they do.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema as ArrowSchema};

use super::profiles::check_outputs;
use crate::crypto::MacKey;
use crate::definition::{Compared, Definition};
use crate::encode::OptOutLines;
use crate::engine::Cancel;
use crate::pipeline::{Candidate, KeyedHash};
use crate::plan::{Plan, Together, UniquePlan};
use crate::record::Code;
use crate::run::aws::Remote;
use crate::run::clock;
use crate::run::error::{ErrorKind, Failure, RunError};
use crate::run::keys::MissingKey;
use crate::run::options::RunOptions;
use crate::run::prepare::{self, Source};
use crate::run::shards::without_lists;
use crate::schema::{OPTED_OUT, Role, Schema};
use crate::transform::{MasterKey, Op};

/// A written record of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComparedRecord {
    /// The row of the batch that it comes from.
    pub(in crate::run) row: usize,
    /// With its number in the batch, from 0.
    pub(in crate::run) candidate: Candidate,
}

impl ComparedRecord {
    /// The same, after so many other records of the batch.
    pub(in crate::run) fn after(self, records: u64) -> ComparedRecord {
        let record = self.candidate.record + records;
        ComparedRecord { candidate: Candidate { record, ..self.candidate }, ..self }
    }
}

/// How the records of a definition are compared with each other.
#[derive(Clone, Debug)]
pub struct Comparing {
    pub together: Together,
    /// Whether there are profiles, which are made of several records.
    pub makes_profiles: bool,
    /// Whether a duplicate that is opted out and not written is counted as on no list.
    pub lists_lack_duplicates: bool,
    /// The problem of a record that its user has too many of: field, code and rule.
    pub user_problem: [String; 3],
    /// The column by which people opt out, and its value.
    pub opt_out: [String; 2],
}

/// Reads a definition, and says how its records are compared. Reads no key.
///
/// # Errors
///
/// If the definition is wrong, or compares hidden values without a key.
pub fn comparing(options: &RunOptions) -> Result<Comparing, Failure> {
    let cancel = &Cancel::new();
    let source = Source::read(options, clock::now()?, cancel)?;
    let read = source.parse(&source.moment)?;
    let definition = &read.definition;
    let together = Together::new(definition, &read.schema);
    let makes_profiles = check_outputs(definition)?;
    let by_address = |unique: &UniquePlan| unique.by.contains(&unique.address);
    let has_addresses = together.unique.as_ref().is_some_and(by_address);
    let lists_lack_duplicates = !(has_addresses && together.merges_opt_outs());
    let user_problem = [
        read.schema.role_path(Role::UserId).to_owned(),
        Code::UserEndpointLimit.as_str().to_owned(),
        together.user_limit_rule(&read.schema),
    ];
    let opt_out = [read.schema.role_path(Role::OptOut).to_owned(), OPTED_OUT.to_owned()];
    if !together.is_off() && definition.keys.sources.is_empty() {
        let remote = Remote::new(definition, cancel)?;
        let run = (source.moment, read);
        let (prepared, parts) = prepare::complete(options, run, remote, MissingKey::Fails, cancel)?;
        hash_of(&without_lists(&prepared, parts)?, None)?;
    }
    Ok(Comparing { together, makes_profiles, lists_lack_duplicates, user_problem, opt_out })
}

/// The key of hashes that all machines with the definition's keys can make.
pub(super) fn key_of(
    definition: &Definition,
    keys: &BTreeMap<String, MasterKey>,
) -> Option<MacKey> {
    let first = || definition.keys.sources.first().map(|source| &source.id);
    let id = definition.keys.current.as_ref().or_else(first)?;
    keys.get(id).map(MasterKey::derive_compared)
}

/// What hashes the values that are compared.
pub(super) fn hash_of(plan: &Plan, key: Option<MacKey>) -> Result<KeyedHash, RunError> {
    if let Some(key) = key {
        return Ok(KeyedHash::of(key));
    }
    let Together { unique, users } = &plan.together;
    let by = unique.iter().filter(|unique| unique.on == Compared::Input);
    let nodes = by.flat_map(|unique| unique.by.iter().copied());
    let mut nodes = nodes.chain(users.iter().map(|users| users.user));
    let hidden = nodes.find(|node| !matches!(plan.op_of(*node), Op::Keep));
    let Some(hidden) = hidden else { return Ok(KeyedHash::new(&[0; 32])) };
    let field = plan.schema.nodes.get(hidden).map_or("", |node| &node.path);
    let message =
        format!("without a key, no hash of `{field}` can be shuffled, which the rules hide");
    Err(RunError::new(ErrorKind::Definition, message).hint(
        "name a key under `[keys]`, such as `k1 = \"env:SEGPREP_KEY\"`, that all executors reach",
    ))
}

/// A batch with a row for each record: where it comes from, and what it is compared by.
pub(super) fn batch(records: &[ComparedRecord]) -> Result<RecordBatch, ArrowError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let all = || records.iter().map(|record| &record.candidate);
    let rows = records.iter().map(|record| i64::try_from(record.row).unwrap_or(i64::MAX));
    let nanoseconds = |one: &Candidate| i32::try_from(one.since.1).unwrap_or(i32::MAX);
    let flags = |of: fn(&Candidate) -> bool| -> ArrayRef {
        Arc::new(BooleanArray::from(all().map(of).collect::<Vec<_>>()))
    };
    let columns: [(&str, ArrayRef); 8] = [
        ("row", Arc::new(Int64Array::from_iter_values(rows))),
        ("record", Arc::new(Int64Array::from_iter_values(all().map(|one| number(one.record + 1))))),
        ("key", hashes(all().map(|one| one.key))),
        ("user", hashes(all().map(|one| one.user))),
        ("seconds", Arc::new(Int64Array::from_iter_values(all().map(|one| one.since.0)))),
        ("nanoseconds", Arc::new(Int32Array::from_iter_values(all().map(nanoseconds)))),
        ("is_opted_out", flags(|one| one.is_opted_out)),
        ("takes_opt_out", flags(|one| one.takes_opt_out)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
}

fn hashes(hashes: impl Iterator<Item = Option<u128>>) -> ArrayRef {
    let mut builder = BinaryBuilder::new();
    hashes.for_each(|hash| builder.append_option(hash.map(u128::to_be_bytes)));
    Arc::new(builder.finish())
}

/// Opts out lines that a definition has written: of each row with a line and `true`, the line with the opt-out.
///
/// # Errors
///
/// If the batch has other columns.
pub fn opted_out_lines(batch: &RecordBatch) -> Result<RecordBatch, RunError> {
    let [lines, flags] = batch.columns() else { return Err(not_lines()) };
    let (Some(lines), Some(flags)) = (lines.as_string_opt::<i32>(), flags.as_boolean_opt()) else {
        return Err(not_lines());
    };
    let schema = Schema::shipped(prepare::TARGET).expect("it is shipped");
    let encoder = OptOutLines::new(&schema);
    let written = lines.iter().zip(flags).map(|(line, flag)| match (line, flag) {
        (Some(line), Some(true)) => encoder.with(line, OPTED_OUT).map(Some).ok_or_else(not_lines),
        (line, _) => Ok(line.map(str::to_owned)),
    });
    let written: StringArray = written.collect::<Result<_, RunError>>()?;
    let field = Field::new("line", DataType::Utf8, true);
    RecordBatch::try_new(Arc::new(ArrowSchema::new(vec![field])), vec![Arc::new(written)])
        .map_err(|_mismatch| not_lines())
}

fn not_lines() -> RunError {
    RunError::new(ErrorKind::Internal, "a batch has not the lines that were written")
}
