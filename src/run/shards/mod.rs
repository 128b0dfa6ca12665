//! `segprep shards`: which machine reads what. And the first step of a shard and of gathering: both follow a
//! plan, which they make from the listing or read from a file.
//!
//! `shards/` has the plan itself. Here the inputs are listed, and those on a boundary are looked at: only
//! lines of JSON as they are stored can be read in ranges.

pub(super) mod account;
pub(super) mod plan_file;

use std::collections::BTreeSet;
use std::path::Path;

use super::aws::Remote;
use super::clock;
use super::error::{ErrorKind, Failure, RunError};
use super::job::list_specs;
use super::keys::MissingKey;
use super::moment::Moment;
use super::nights::Night;
use super::nothing::{nothing_to_read, quote_inputs};
use super::options::RunOptions;
use super::overlap;
use super::places;
use super::prepare::{self, PlanParts, Prepared, Source};
use super::process::input_settings;
use super::text::escape;
use crate::definition::{Definition, InputFormat, Location, OutputFormat};
use crate::engine::Cancel;
use crate::input::{BufferPool, InputReader};
use crate::plan::{Entries, ListSpec, Plan, SuppressionList};
use crate::report::ShardsNote;
use crate::shards::{PlanHead, SHARDS_MAX, ShardPlan, candidates, divide};
use crate::store::s3::Reach;
use crate::store::{Listed, Listing};
use crate::transform::MasterKey;

/// How the inputs are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Into so many shards.
    Count(u32),
    /// Into shards of about so many bytes.
    Bytes(u64),
}

/// Makes the plan of `segprep shards`. Reads the beginnings of inputs on a boundary, and no record.
///
/// # Errors
///
/// Everything that is wrong with the definition, or that its records cannot be divided, or if there is
/// nothing to read.
pub fn shards(
    options: &RunOptions,
    division: Division,
    cancel: &Cancel,
) -> Result<ShardPlan, Failure> {
    let looking = RunOptions { dry_run: true, ..options.clone() };
    let source = Source::read(&looking, clock::now()?, cancel)?;
    let first = source.parse(&source.moment)?;
    check_definition(&first.definition, true)?;
    let remote = Remote::new(&first.definition, cancel)?;
    let mut night = Night::open(&source, &first.definition, &remote, &looking)?;
    if let Some(night) = &mut night {
        night.plans();
    }
    let is_chosen = looking.run.is_some();
    let chosen = places::choose(&source, first, &remote, is_chosen, night.as_ref())?;
    let missing = MissingKey::IsDemo;
    let (mut prepared, parts) = prepare::complete(&looking, chosen, remote, missing, cancel)?;
    let mut listing = list(&prepared)?;
    let none = nothing_to_read(&prepared, &listing.ignored);
    let mut none = listing.files.is_empty().then_some(none);
    if let Some(night) = &night {
        night.select(&mut prepared, &looking, &mut listing)?;
        let nothing_new = || night.nothing_new(&quote_inputs(&prepared));
        none = none.or_else(|| listing.files.is_empty().then(nothing_new));
    }
    if let Some(none) = none.filter(|_| !prepared.definition.input.may_be_empty) {
        return Err(none.into());
    }
    let count = match division {
        Division::Count(count) => count,
        Division::Bytes(bytes) => shards_of(&listing, bytes)?,
    };
    plan(&prepared, parts, listing, count, cancel)
}

/// How many shards of this size there are.
fn shards_of(listing: &Listing, bytes: u64) -> Result<u32, RunError> {
    let all = listing.files.iter().fold(0_u64, |all, file| all.saturating_add(file.bytes));
    let count = all.div_ceil(bytes.max(1)).max(1);
    u32::try_from(count).ok().filter(|count| *count <= SHARDS_MAX).ok_or_else(|| {
        let message = format!("{count} shards are more than {SHARDS_MAX}");
        RunError::new(ErrorKind::Definition, message).hint("use a larger `--bytes`")
    })
}

fn list(prepared: &Prepared) -> Result<Listing, Failure> {
    let exclude = &prepared.definition.input.exclude;
    let listing = prepared.remote.store.list(&prepared.inputs(), exclude)?;
    overlap::check(prepared, &listing.files)?;
    Ok(listing)
}

/// Divides a listing.
fn plan(
    prepared: &Prepared,
    parts: PlanParts,
    listing: Listing,
    count: u32,
    cancel: &Cancel,
) -> Result<ShardPlan, Failure> {
    let cut = if count == 1 {
        BTreeSet::new()
    } else {
        let compiled = without_lists(prepared, parts)?;
        inputs_to_cut(prepared, &compiled, &listing.files, count, cancel)?
    };
    Ok(divided(prepared, listing, count, &cut))
}

fn divided(prepared: &Prepared, listing: Listing, count: u32, cut: &BTreeSet<usize>) -> ShardPlan {
    let Moment { run, date } = &prepared.moment;
    let moment = [run.as_str(), date.as_str(), prepared.definition_sha256.as_str()];
    let mut head = PlanHead::new(&prepared.definition.name, moment, count);
    head.unmatched = listing.unmatched;
    ShardPlan::new(head, divide(listing.files, count, cut), listing.ignored)
}

/// The plan of a definition, for those who decide about no record.
pub(super) fn without_lists(prepared: &Prepared, parts: PlanParts) -> Result<Plan, RunError> {
    let specs = list_specs(prepared, &parts)?;
    let empty = |spec: ListSpec| spec.with_entries(Entries::new(Vec::new()));
    let lists: Vec<SuppressionList> = specs.into_iter().map(empty).collect();
    prepared.plan(parts, lists)
}

/// The inputs that are cut, by their indices: those on a boundary that are lines of JSON as they are stored.
fn inputs_to_cut(
    prepared: &Prepared,
    plan: &Plan,
    files: &[Listed],
    count: u32,
    cancel: &Cancel,
) -> Result<BTreeSet<usize>, Failure> {
    let input = &plan.input;
    let may_cut = input.encoding.is_none()
        && input.records.is_none()
        && input.skip_lines == 0
        && !input.digest // of the whole input
        && input.format != Some(InputFormat::Csv);
    let candidates = if may_cut { candidates(files, count) } else { Vec::new() };
    if candidates.is_empty() {
        return Ok(BTreeSet::new());
    }
    let looked_at: Vec<Listed> =
        candidates.iter().filter_map(|index| files.get(*index).cloned()).collect();
    let inputs = prepared.remote.store.inputs(&looked_at, Reach::Heads)?;
    let (settings, limits) = (input_settings(plan), prepared.limits.input());
    let spare = BufferPool::default();
    let mut reader = InputReader::new(settings, limits, cancel, &inputs, &spare);
    let are_plain = reader.plain_lines().map_err(RunError::from)?;
    let found = candidates.into_iter().zip(are_plain).filter(|(_, is_plain)| *is_plain);
    Ok(found.map(|(index, _)| index).collect())
}

/// What a shard or a gathering knows before it reads anything.
pub(super) struct Following {
    pub(super) prepared: Prepared,
    pub(super) parts: PlanParts,
    pub(super) plan: ShardPlan,
    /// The list of `[state]`, if the inputs are to be noted on it.
    pub(super) night: Option<Night>,
}

/// How to get at a plan.
pub(super) struct Wanted<'a> {
    pub(super) count: Option<u32>,
    pub(super) plan: Option<&'a Path>,
    /// The shard whose pieces are wanted. `None`: all.
    pub(super) shard: Option<u32>,
}

/// Prepares a shard or a gathering: reads the definition, for the run that the plan names, and the plan.
pub(super) fn follow(
    options: &RunOptions,
    wanted: &Wanted<'_>,
    cancel: &Cancel,
) -> Result<Following, Failure> {
    let source = Source::read(options, clock::now()?, cancel)?;
    let first = source.parse(&source.moment)?;
    check_definition(&first.definition, wanted.plan.is_some())?;
    let remote = Remote::new(&first.definition, cancel)?;
    let keeps = |shard| wanted.shard.is_none_or(|own| own == shard);
    let read = wanted.plan.map(|path| plan_file::read(path, &remote.store, keeps)).transpose()?;
    let (moment, read_definition) = match &read {
        None => (source.moment.clone(), first),
        Some(plan) => {
            let moment = Moment::of_file(&plan.head.run, &plan.head.date);
            let moment = moment.ok_or_else(|| plan_file::no_run(wanted.plan))?;
            let read = source.parse(&moment)?;
            (moment, read)
        }
    };
    let writes_list = wanted.shard.is_none() && read_definition.definition.state.is_some();
    let night = if writes_list {
        Night::open(&source, &read_definition.definition, &remote, options)?
    } else {
        None
    };
    let chosen = (moment, read_definition);
    let (prepared, parts) = prepare::complete(options, chosen, remote, MissingKey::Fails, cancel)?;
    let plan = match read {
        Some(plan) => plan,
        None => made(&source, &prepared, wanted, cancel)?,
    };
    check_plan(&prepared, wanted, &plan)?;
    Ok(Following { prepared, parts, plan, night })
}

/// Makes the plan that nobody printed.
fn made(
    source: &Source<'_>,
    prepared: &Prepared,
    wanted: &Wanted<'_>,
    cancel: &Cancel,
) -> Result<ShardPlan, Failure> {
    let count = wanted.count.unwrap_or(1);
    // The run uses up its own parts. No record is read here, so any key will do.
    let rules = source.parse(&prepared.moment)?.rules;
    let keys = prepared.keys.iter().map(|key| (key.id.clone(), MasterKey::demo())).collect();
    let parts = PlanParts { rules, keys };
    let mut plan = plan(prepared, parts, list(prepared)?, count, cancel)?;
    plan.pieces.retain(|piece| wanted.shard.is_none_or(|own| own == piece.shard));
    Ok(plan)
}

/// Fails if a plan is not one of this definition and version, or names other inputs.
fn check_plan(prepared: &Prepared, wanted: &Wanted<'_>, plan: &ShardPlan) -> Result<(), RunError> {
    let PlanHead { shards, version, name, definition, .. } = &plan.head;
    let wrong =
        |message: String, hint: &str| Err(RunError::new(ErrorKind::Definition, message).hint(hint));
    if wanted.count.is_some_and(|count| count != *shards) {
        let message = format!("the plan has {shards} shards");
        return wrong(message, "name as many, or leave the number to the plan");
    }
    if let Some(shard) = wanted.shard.filter(|shard| shards <= shard) {
        let message = format!("there is no shard {shard}: the plan has {shards}, from 0");
        return wrong(message, "use a number from 0 to one less than the number of shards");
    }
    let is_gathering = wanted.shard.is_none();
    let own = env!("CARGO_PKG_VERSION");
    if version != own && !is_gathering {
        let message =
            format!("the plan was made by segprep {}, and this is {own}", escape(version));
        return wrong(message, "use one version for the plan, its shards and `gather`");
    }
    let is_same = *name == prepared.definition.name && *definition == prepared.definition_sha256;
    if !is_same && !is_gathering {
        let message = "the plan was made for another definition, or with other settings";
        return wrong(
            message.to_owned(),
            "print it again with `segprep shards`, with the same `--set`",
        );
    }
    let from = prepared.inputs();
    let other = plan.pieces.iter().find(|piece| !is_reached(&from, &piece.listed.name));
    if let Some(other) = other {
        let name = escape(&other.listed.name);
        let message = format!("the plan names `{name}`, which `from` does not reach");
        return wrong(message, "print the plan again with `segprep shards`");
    }
    Ok(())
}

/// Whether an entry of `from` may have led to an input of this name: somebody may have written the plan.
fn is_reached(from: &[&Path], name: &str) -> bool {
    from.iter().any(|entry| {
        let Some(entry) = entry.to_str() else { return false };
        let fixed = entry.split(['*', '?', '[', '{']).next().unwrap_or_default();
        let is_pattern = fixed.len() < entry.len();
        let Some(rest) = name.strip_prefix(if is_pattern { fixed } else { entry }) else {
            return false;
        };
        let is_below = rest.is_empty() || rest.starts_with('/') || entry.ends_with('/');
        (is_pattern || is_below) && rest.split('/').all(|part| part != "..")
    })
}

/// The inputs of a shard as they are now, and what its account says about it.
pub(super) fn own(
    prepared: &Prepared,
    plan: ShardPlan,
    number: u32,
) -> Result<(Listing, ShardsNote), Failure> {
    let store = &prepared.remote.store;
    let own = plan.pieces.iter().filter(|piece| piece.shard == number);
    let files: Vec<Listed> =
        own.map(|piece| store.confirm(&piece.listed)).collect::<Result<_, _>>()?;
    overlap::check(prepared, &files)?;
    let (count, unused) = (plan.head.shards, Vec::new());
    let note = ShardsNote { plan: plan.digest, count, number: Some(number), unused };
    Ok((Listing { files, ..Listing::default() }, note))
}

/// Who does what shards cannot.
const TOGETHER: &str = "one machine does that, with `segprep run`, or Spark";

/// Fails if a definition compares records with each other. `shares`: what would each have some of them.
pub(super) fn refuse_together(
    definition: &Definition,
    shares: &str,
    hint: &str,
) -> Result<(), RunError> {
    let refused = |message: String| Err(RunError::new(ErrorKind::Definition, message).hint(hint));
    for section in ["unique", "users"] {
        let is_of_section = |path: &String| path.split('.').next() == Some(section);
        if definition.settings().keys().any(is_of_section) {
            return refused(format!(
                "`[{section}]` compares records that are in different {shares}"
            ));
        }
    }
    if definition.outputs.iter().any(|output| output.profiles.is_some()) {
        return refused(format!("a profile is made of records that are in different {shares}"));
    }
    Ok(())
}

/// Fails if the records of a definition cannot be divided among machines.
fn check_definition(definition: &Definition, has_plan: bool) -> Result<(), RunError> {
    let refused =
        |message: String, hint: &str| Err(RunError::new(ErrorKind::Definition, message).hint(hint));
    refuse_together(definition, "shards", TOGETHER)?;
    for output in &definition.outputs {
        if output.to.is_standard_output() {
            let message = "shards cannot write to standard output";
            return refused(message.to_owned(), "name a folder or a prefix as `to`");
        }
        if output.format == OutputFormat::PinpointCsv && output.columns.is_none() {
            let message =
                "shards need the `columns` of a CSV output, since no shard has all headers";
            return refused(message.to_owned(), "set `columns` under `[[output]]`");
        }
    }
    if definition.input.from.iter().any(|from| from.written == "-") {
        let message = "standard input cannot be divided among shards";
        return refused(message.to_owned(), "name files, folders or objects under `from`");
    }
    if !has_plan && places_of(definition).any(|place| place.has_run || place.has_date) {
        let message =
            "paths with `{run}` or `{date}` need a plan, by which all shards have the same";
        let hint = "print one with `segprep shards`, and give it to each shard and to `gather` with `--plan`";
        return refused(message.to_owned(), hint);
    }
    Ok(())
}

fn places_of(definition: &Definition) -> impl Iterator<Item = &Location> {
    let outputs = definition.outputs.iter().map(|output| &output.to);
    let lists = definition.suppress.iter().flat_map(|list| &list.from);
    outputs.chain([&definition.account.to]).chain(&definition.input.from).chain(lists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_may_name_what_from_reaches() {
        let from = [
            Path::new("in"),
            Path::new("more/"),
            Path::new("s3://b/p/*.json"),
            Path::new("a.json"),
        ];
        for (name, expected) in [
            ("in/a.json", true),
            ("in/sub/a.json", true),
            ("in", true),
            ("inside/a.json", false),
            ("in/../etc/passwd", false),
            ("more/b.csv", true),
            ("a.json", true),
            ("a.json.gz", false),
            ("s3://b/p/x.json", true),
            ("s3://b/q/x.json", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(is_reached(&from, name), expected, "{name}");
        }
    }
}
