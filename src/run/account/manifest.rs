//! Fills in a run's manifest from what the assembler counted. `report/manifest.rs` has its format.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use jiff::Timestamp;

use super::list_warnings;
use crate::crypto;
use crate::decode::ColumnSettings;
use crate::definition::{HmacSpec, OpSpec, OverLimit, Purpose};
use crate::pipeline::Stages;
use crate::plan::Plan;
use crate::record::Note;
use crate::report::{
    DefinitionNote, Exceeded, FieldCount, InputCounts, ListNote, Manifest, NAMES_MAX, NameCounts,
    OTHER, OutputNote, RecordCounts, RejectCounts, ShardsNote, Status, Tally, Timing, TokenNote,
    json_lines,
};
use crate::run::assemble::Assembler;
use crate::run::budgets::{self, as_float};
use crate::run::clock::Began;
use crate::run::lists::ListCounts;
use crate::run::noted;
use crate::run::prepare::Prepared;
use crate::run::profiles;
use crate::run::retry::of::RetryOf;
use crate::run::text::{escape, escape_path, path_text};
use crate::store::Listing;
use crate::validate::detector_name;

/// What the manifest needs besides the counts.
pub(in crate::run) struct Facts<'a> {
    pub(in crate::run) prepared: &'a Prepared,
    pub(in crate::run) plan: &'a Plan,
    pub(in crate::run) stages: &'a Stages,
    pub(in crate::run) fingerprint: String,
    pub(in crate::run) began: Began,
    pub(in crate::run) listing: &'a Listing,
    /// The counts of each list.
    pub(in crate::run) lists: Vec<ListCounts>,
    /// About files of lists that are not read.
    pub(in crate::run) list_warnings: &'a [String],
    /// Outputs of earlier runs that this one does not write to, and leaves as they are.
    pub(in crate::run) other_outputs: &'a [PathBuf],
    /// How often duplicates differ in their opt-out. `None`: records are not compared.
    pub(in crate::run) optout_merged: Option<u64>,
    /// How many users have more names of attributes and metrics than the target allows.
    pub(in crate::run) users_over_names: u64,
    /// The number of records that the run wrote that this one is to replace.
    pub(in crate::run) replaced: Option<u64>,
    pub(in crate::run) dry_run: bool,
    /// `None`: the run is no shard.
    pub(in crate::run) shard: Option<&'a ShardsNote>,
    /// The run whose rejects this one takes.
    pub(in crate::run) retry: Option<&'a RetryOf>,
}

/// The name under which fields that only exports have are counted together.
const EXPORT_ONLY: &str = "(export only)";

pub(in crate::run) fn manifest(facts: &Facts<'_>, assembled: &Assembler<'_>) -> Manifest {
    let plan = facts.plan;
    let total = &assembled.total;
    // Those are for the whole.
    let is_whole = facts.shard.is_none();
    let exceeded = if is_whole { exceeded(facts, assembled) } else { Vec::new() };
    let unused = unused(facts, assembled);
    let status = match (facts.dry_run, exceeded.is_empty()) {
        (true, _) => Status::DryRun,
        (false, true) => Status::Published,
        (false, false) => Status::OverBudget,
    };
    let has_parts = exceeded.is_empty();
    let elapsed = facts.began.elapsed();
    let has_endpoints = !plan.input.column_settings.endpoints.is_empty();
    Manifest {
        segprep_manifest: 1,
        run: facts.prepared.moment.run.clone(),
        status,
        name: plan.name.clone(),
        purpose: purpose(plan).to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fips: crypto::fips_module().is_some(),
        fingerprint: facts.fingerprint.clone(),
        shards: facts.shard.map(|note| ShardsNote { unused: unused.clone(), ..note.clone() }),
        retry: facts.retry.map(|retry| retry.note(total)),
        definition: DefinitionNote {
            sha256: facts.prepared.definition_sha256.clone(),
            settings: facts.prepared.definition.settings().clone(),
        },
        schemas: plan.schema.files.iter().cloned().collect(),
        started: time_text(facts.began.time()),
        finished: time_text(facts.began.time_after(elapsed)),
        exceeded,
        records: RecordCounts {
            read: total.read,
            written: total.written,
            rejected: total.rejected,
            dropped: dropped(plan, total),
        },
        inputs: InputCounts {
            files: count(facts.listing.files.len()),
            bytes: assembled.bytes,
            rows: has_endpoints.then_some(total.rows),
            ignored: count(facts.listing.ignored.len()),
            skipped: count(assembled.broken_inputs.len()),
        },
        outputs: outputs(plan, assembled, has_parts),
        keys: facts.prepared.keys.clone(),
        lineage: plan.account.lineage,
        requests: requests(facts.prepared),
        suppress: lists(facts, total),
        fields: fields(plan, assembled),
        unknown_fields: unknown_fields(assembled),
        repairs: repairs(assembled),
        removed_invalid: assembled.notes_of(Note::RemovedInvalid),
        optout_merged: facts.optout_merged.filter(|_| plan.together.merges_opt_outs()),
        pii: noted::personal(assembled),
        rejects: RejectCounts {
            by_code: assembled.by_code.clone(),
            by_field: sorted(&assembled.by_field, assembled),
            by_repair: by_repair(assembled),
            by_setting: by_setting(assembled),
        },
        warnings: warnings(facts, assembled, if is_whole { unused } else { Vec::new() }),
        timing: timing(facts, assembled, elapsed),
    }
}

/// The budgets that the run exceeds.
fn exceeded(facts: &Facts<'_>, assembled: &Assembler<'_>) -> Vec<Exceeded> {
    let (plan, total) = (facts.plan, &assembled.total);
    let by_counts = budgets::exceeded(plan, total, facts.replaced, facts.retry);
    by_counts.into_iter().chain(profiles::exceeded(plan, assembled)).collect()
}

/// What requests of this run to AWS go by. `None`: nothing of it is in a bucket.
pub(in crate::run) fn requests(prepared: &Prepared) -> Option<String> {
    let limits = prepared.limits;
    let is_remote = limits.reads_buckets || 0 < limits.buckets;
    is_remote.then(|| prepared.remote.run.clone())
}

/// The manifest as it is written.
pub(in crate::run) fn text(manifest: &Manifest) -> Vec<u8> {
    let mut text = json_lines(manifest);
    text.push('\n');
    text.into_bytes()
}

pub(in crate::run) fn purpose(plan: &Plan) -> &'static str {
    match plan.purpose {
        Purpose::Messaging => "messaging",
        Purpose::Analytics => "analytics",
    }
}

/// The outputs with their parts. A run over budget has no parts.
fn outputs(plan: &Plan, assembled: &Assembler<'_>, has_parts: bool) -> Vec<OutputNote> {
    let mut notes = Vec::new();
    for (output, writer) in plan.outputs.iter().zip(&assembled.outputs) {
        let counts = output.format.is_csv().then(|| writer.counts());
        let files = if has_parts { writer.parts().to_vec() } else { Vec::new() };
        notes.push(OutputNote {
            to: path_text(&output.to),
            format: output.format.name().to_owned(),
            target: profiles::target(output, plan),
            import_ready: plan.purpose == Purpose::Messaging && output.is_imported(),
            max_bytes: Some(output.max_bytes),
            emptied: counts.map(|counts| counts.emptied).or_else(|| profiles::emptied(&**writer)),
            formula: counts.map(|counts| counts.formula),
            profiles: profiles::note(output, &**writer, plan, assembled),
            files,
        });
    }
    notes
}

/// The dropped records by reason. `suppressed` is left out if the definition has no list, and
/// `header` if no row repeats its header.
fn dropped(plan: &Plan, total: &Tally) -> BTreeMap<String, u64> {
    let suppressed = (!plan.lists.is_empty()).then_some(("suppressed", total.suppressed));
    let header = (0 < total.headers).then_some(("header", total.headers));
    let reasons = [("inactive", total.inactive)].into_iter().chain(suppressed);
    let unique = plan.together.unique.as_ref().map(|_| ("duplicate", total.duplicates));
    let drops_over = plan.together.users.filter(|users| users.over == OverLimit::Newest);
    let over = drops_over.map(|_| ("user_limit", total.over_user_limit));
    let reasons = reasons.chain(header).chain(unique).chain(over);
    reasons.map(|(reason, count)| (reason.to_owned(), count)).collect()
}

/// The lists, with the number of records that match each.
fn lists(facts: &Facts<'_>, total: &Tally) -> Vec<ListNote> {
    let lists = facts.plan.lists.iter().zip(&facts.lists).enumerate();
    lists
        .map(|(number, (list, counts))| ListNote {
            from: list.spec.from.iter().map(|path| path_text(path)).collect(),
            field: list.spec.field.clone(),
            action: list.spec.action.name().to_owned(),
            entries: counts.entries,
            unusable: counts.unusable,
            matches: total.matches.get(number).copied().unwrap_or(0),
        })
        .collect()
}

/// The rules of the definition, and the default rules that were applied to a value.
fn fields(plan: &Plan, assembled: &Assembler<'_>) -> Vec<FieldCount> {
    let total = &assembled.total;
    let count_of = |counts: &[u64], rule: usize| counts.get(rule).copied().unwrap_or(0);
    let rules = plan.rules.iter().enumerate();
    rules
        .map(|(number, rule)| {
            let (values, op_failed) =
                (count_of(&total.values, number), count_of(&total.op_failed, number));
            let (path, op) = (rule.path.clone(), rule.op.name().to_owned());
            let names = names_of_rule(plan, number, values, assembled);
            let token = rule.op.as_hmac().map(token);
            let (changed, detectors) = scrubbed(&rule.op, number, assembled);
            let field =
                FieldCount { path, op, values, op_failed, token, changed, detectors, names };
            (rule.is_written(), field)
        })
        .filter(|(is_written, field)| *is_written || 0 < field.values)
        .map(|(_, field)| field)
        .collect()
}

/// What the tokens of a rule are like.
fn token(spec: &HmacSpec) -> TokenNote {
    TokenNote {
        join: spec.join.clone(),
        scope: spec.scope.name(),
        bits: u32::try_from(spec.shape.bits()).expect("a token has at most 256 bits"),
        encoding: spec.shape.encoding().name().to_owned(),
    }
}

/// The values that a `scrub` changed, and those in which each detector found something.
fn scrubbed(
    op: &OpSpec,
    number: usize,
    assembled: &Assembler<'_>,
) -> (Option<u64>, BTreeMap<String, u64>) {
    let OpSpec::Scrub(_) = op else { return (None, BTreeMap::new()) };
    let counts = assembled.scrubbed.get(&number).cloned().unwrap_or_default();
    let named = |(detector, values): (u32, u64)| {
        let number = u8::try_from(detector).unwrap_or(u8::MAX);
        (detector_name(number).to_owned(), values)
    };
    (Some(counts.values), counts.by.into_iter().map(named).collect())
}

/// The fields and names that a rule with `*` met, below the path before the `*`, with the numbers of
/// their values.
fn names_of_rule(
    plan: &Plan,
    number: usize,
    values: u64,
    assembled: &Assembler<'_>,
) -> BTreeMap<String, u64> {
    let path = plan.rules.get(number).map_or("", |rule| rule.path.as_str());
    let Some(within) = path.strip_suffix('*') else { return BTreeMap::new() };
    let of_data = assembled.names_of_rules.get(&number);
    let of_data = of_data.map(|names| sorted(names, assembled)).unwrap_or_default();
    let nodes = plan.node_rules.iter().zip(&plan.schema.nodes).zip(&assembled.total.nodes);
    let of_schema = nodes
        .filter(|((rule, _), count)| **rule == Some(number) && 0 < **count)
        .map(|((_, node), count)| (node.path.clone(), *count));
    let all = of_schema.chain(of_data.into_iter().filter(|(path, _)| path != OTHER));
    let mut names: BTreeMap<String, u64> = all
        .map(|(path, count)| (path.strip_prefix(within).unwrap_or(&path).to_owned(), count))
        .take(NAMES_MAX)
        .collect();
    let others = values.saturating_sub(names.values().sum());
    if 0 < others {
        *names.entry(OTHER.to_owned()).or_default() += others;
    }
    names
}

/// The counts, with the names that may be shown.
fn sorted(counts: &NameCounts, assembled: &Assembler<'_>) -> BTreeMap<String, u64> {
    counts.sorted(|whole| assembled.common_names.is_common(whole))
}

fn unknown_fields(assembled: &Assembler<'_>) -> BTreeMap<String, u64> {
    let mut unknown = sorted(&assembled.unknown, assembled);
    if 0 < assembled.total.export_only {
        unknown.insert(EXPORT_ONLY.to_owned(), assembled.total.export_only);
    }
    for (field, values) in &assembled.beside {
        *unknown.entry(field.clone()).or_default() += values;
    }
    unknown
}

fn repairs(assembled: &Assembler<'_>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let repairs = assembled.repairs.iter();
    repairs.map(|(kind, fields)| (kind.name().to_owned(), sorted(fields, assembled))).collect()
}

fn by_repair(assembled: &Assembler<'_>) -> BTreeMap<String, u64> {
    assembled.by_repair.iter().map(|(kinds, count)| (kinds.to_string(), *count)).collect()
}

fn by_setting(assembled: &Assembler<'_>) -> BTreeMap<String, u64> {
    assembled.by_setting.iter().map(|(setting, count)| ((*setting).to_owned(), *count)).collect()
}

/// The warnings, the most serious first: people who would not be found, inputs that were not read, what the
/// definition and earlier outputs mean, and then what may be a typing error.
fn warnings(facts: &Facts<'_>, assembled: &Assembler<'_>, unused: Vec<String>) -> Vec<String> {
    let Facts { prepared, listing, .. } = facts;
    let total = &assembled.total;
    let mut warnings = list_warnings::unusable(facts.plan, &facts.lists);
    warnings.extend(facts.list_warnings.iter().cloned());
    warnings.extend(list_warnings::unchecked(facts.plan, &facts.lists));
    let most = facts.plan.schema.target.limits.attribute_count;
    let merged = facts.optout_merged.unwrap_or(0);
    warnings.extend(noted::together(merged, facts.users_over_names, most));
    warnings.extend(profiles::warnings(facts.plan, assembled));
    warnings.extend(broken_inputs(assembled));
    warnings.extend(prepared.warnings.iter().cloned());
    warnings.extend(facts.other_outputs.iter().map(|to| {
        let to = escape_path(to);
        format!(
            "`{to}` may hold parts of an earlier run, which stay: this definition does not write there"
        )
    }));
    warnings.extend(unchecked_warning(assembled.unchecked));
    warnings.extend(noted::beside(&assembled.beside));
    warnings.extend(noted::warnings(assembled));
    warnings.extend(windows_1252(assembled.windows_1252));
    warnings.extend(spaced_quotes(total.spaced_quotes));
    for pattern in &listing.unmatched {
        warnings.push(format!("the pattern `{}` matches no file", escape(pattern)));
    }
    warnings.extend(near_names(facts, assembled));
    warnings.extend(unused);
    warnings
}

/// Warnings about settings that had no effect on any record.
fn unused(facts: &Facts<'_>, assembled: &Assembler<'_>) -> Vec<String> {
    let (plan, total) = (facts.plan, &assembled.total);
    if total.written == 0 {
        return Vec::new();
    }
    let columns = unused_columns(plan, assembled);
    let words = unused_words(plan, total);
    columns.into_iter().chain(words).chain(unused_rules(plan, total)).collect()
}

/// Warnings about fields whose words the definition translates, and which no record has: a renaming may be missing.
fn unused_words(plan: &Plan, total: &Tally) -> Vec<String> {
    let words = plan.input.shapes.values.iter();
    let unused = words.filter(|(path, _)| {
        let node = plan.schema.node(path);
        node.is_some_and(|node| total.nodes.get(node) == Some(&0))
    });
    unused
        .map(|(path, _)| {
            format!("no record has `{path}`, whose words `[input.values]` translates: rename the field that has them")
        })
        .collect()
}

/// Warnings about rules that matched no value of a written record, unless the definition needs them anyway. A rule that no field has is one
/// of the plan's warnings.
fn unused_rules(plan: &Plan, total: &Tally) -> Vec<String> {
    let seen = |number: usize| {
        [&total.values, &total.op_failed].iter().any(|c| c.get(number).is_some_and(|n| 0 < *n))
    };
    let rules = plan.rules.iter().enumerate();
    let unused = rules.filter(|(number, rule)| {
        let may_match = plan.governs(*number);
        rule.is_written() && may_match && !seen(*number) && !plan.is_compulsory(*number)
    });
    unused
        .map(|(_, rule)| {
            format!("the rule for `{}` matched no value of a written record", rule.path)
        })
        .collect()
}

/// Warnings about unknown fields whose name is similar to a field's.
fn near_names(facts: &Facts<'_>, assembled: &Assembler<'_>) -> BTreeSet<String> {
    let ignored = &facts.plan.input.column_settings.ignore;
    let mut warnings = BTreeSet::new();
    for (path, _) in assembled.unknown.iter() {
        let whole = path.whole.as_ref().unwrap_or(&path.shown);
        let near = facts.stages.lookalikes.nearest(whole).filter(|_| !ignored.contains(whole));
        let shown = if assembled.common_names.is_common(whole) { whole } else { &path.shown };
        warnings.extend(near.map(|near| {
            format!("the unknown field `{shown}` is similar to `{near}`: did you mean that?")
        }));
    }
    warnings
}

/// Warnings about inputs that could not be read to their end. There may be a million of them.
fn broken_inputs(assembled: &Assembler<'_>) -> Vec<String> {
    let mut warnings = assembled.broken_warnings.clone();
    match assembled.broken_inputs.len() - warnings.len() {
        0 => {}
        1 => warnings.push("1 more input was skipped, which `inputs.ndjson` lists".to_owned()),
        more => {
            warnings.push(format!("{more} more inputs were skipped, which `inputs.ndjson` lists"));
        }
    }
    warnings
}

/// The warning about objects that were read in ranges, without a checksum to compare them with.
fn unchecked_warning(inputs: u64) -> Option<String> {
    let (what, server) = match inputs {
        0 => return None,
        1 => ("1 large object was".to_owned(), "its server"),
        count => (format!("{count} large objects were"), "their server"),
    };
    let why = format!("{server} has no checksum of the whole object");
    Some(format!("{what} read without a check for damage (`unchecked` in inputs.ndjson): {why}"))
}

/// Warnings about settings for columns that had no effect.
fn unused_columns(plan: &Plan, assembled: &Assembler<'_>) -> Vec<String> {
    let ColumnSettings { rename, constants, endpoints, .. } = &plan.input.column_settings;
    let rename = rename.iter().enumerate();
    let unmatched = rename.filter(|(number, _)| !assembled.renamings.contains(number));
    let renamed = unmatched.map(|(_, (name, _))| {
        format!("no input has the name `{}`, which `[input.rename]` renames", escape(name))
    });
    let constants = constants.iter().chain(endpoints.iter().flat_map(|block| &block.constants));
    let ignored = constants.filter(|(field, _)| plan.ignores(field));
    let constant = ignored.map(|(field, _)| {
        format!("the constant `{}` has no effect: its rule drops it", escape(field))
    });
    renamed.chain(constant).collect()
}

/// The warning about records that are not UTF-8.
fn windows_1252(records: u64) -> Option<String> {
    let what = match records {
        0 => return None,
        1 => "a record is not UTF-8 and looks".to_owned(),
        more => format!("{more} records are not UTF-8 and look"),
    };
    Some(format!("{what} like Windows-1252: set `encoding = \"windows-1252\"` under `[input]`"))
}

/// The warning about CSV cells in which blanks precede a quote.
fn spaced_quotes(cells: u64) -> Option<String> {
    let cells = match cells {
        0 => return None,
        1 => "a cell".to_owned(),
        more => format!("{more} cells"),
    };
    Some(format!(
        "in {cells} a quote after blanks was taken for text: if quotes are around the cells, set \
         `skip_initial_space = true` under `[input]`"
    ))
}

fn timing(facts: &Facts<'_>, assembled: &Assembler<'_>, elapsed: Duration) -> Timing {
    let seconds = elapsed.as_secs_f64();
    let per_second = |amount: f64| if 0.0 < seconds { amount / seconds } else { 0.0 };
    Timing {
        seconds,
        threads: facts.prepared.limits.threads,
        records_per_second: per_second(as_float(assembled.total.read)),
        mb_per_second: per_second(as_float(assembled.bytes) / 1e6),
    }
}

/// A time in UTC, with milliseconds.
pub(in crate::run) fn time_text(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
