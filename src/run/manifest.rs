//! Fills in a run's manifest from what the assembler counted.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::Timestamp;

use super::assemble::Assembler;
use super::clock::Began;
use super::lists::ListCounts;
use super::noted;
use super::prepare::Prepared;
use super::text::{escape, escape_path, path_text};
use crate::crypto;
use crate::decode::ColumnSettings;
use crate::definition::Purpose;
use crate::pipeline::Stages;
use crate::plan::{AccountPlan, Plan};
use crate::record::Note;
use crate::report::{
    Digests, FieldCount, InputCounts, ListNote, Manifest, OutputNote, RecordCounts, RejectCounts,
    Status, Tally, Timing, json_lines,
};
use crate::store::Listing;

/// What the manifest needs besides the counts.
pub(super) struct Facts<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a Stages,
    pub(super) fingerprint: String,
    pub(super) began: Began,
    pub(super) listing: &'a Listing,
    /// The counts of each list.
    pub(super) lists: Vec<ListCounts>,
    /// Outputs of earlier runs that this one does not write to, and leaves as they are.
    pub(super) left_alone: &'a [PathBuf],
}

/// The name under which fields that only exports have are counted together.
const EXPORT_ONLY: &str = "(export only)";

pub(super) fn manifest(facts: &Facts<'_>, assembled: &Assembler<'_>) -> Manifest {
    let plan = facts.plan;
    let total = &assembled.total;
    let status = status(&plan.account, total);
    let elapsed = facts.began.elapsed();
    Manifest {
        segprep_manifest: 1,
        status,
        name: plan.name.clone(),
        purpose: purpose(plan).to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fips: crypto::fips_module().is_some(),
        fingerprint: facts.fingerprint.clone(),
        definition: Digests { sha256: facts.prepared.definition_sha256.clone() },
        schemas: plan.schema.files.iter().cloned().collect(),
        started: time_text(facts.began.time()),
        finished: time_text(facts.began.time_after(elapsed)),
        records: RecordCounts {
            read: total.read,
            written: total.written,
            rejected: total.rejected,
            dropped: dropped(plan, total),
        },
        inputs: InputCounts {
            files: count(facts.listing.files.len()),
            bytes: assembled.bytes,
            ignored: count(facts.listing.ignored.len()),
            skipped: count(assembled.broken),
        },
        outputs: outputs(plan, assembled, status),
        keys: facts.prepared.keys.clone(),
        run: run_id(facts),
        suppress: lists(facts, total),
        fields: fields(plan, total),
        unknown_fields: unknown_fields(assembled),
        repairs: repairs(assembled),
        removed_invalid: assembled.notes_of(Note::RemovedInvalid),
        rejects: RejectCounts {
            by_code: assembled.by_code.clone(),
            by_field: assembled.by_field.sorted(),
            by_repair: by_repair(assembled),
        },
        warnings: warnings(facts, assembled),
        timing: timing(facts, assembled, elapsed),
    }
}

/// The id of the run in requests to AWS. `None`: nothing of it is in a bucket.
fn run_id(facts: &Facts<'_>) -> Option<String> {
    let limits = facts.prepared.limits;
    let is_remote = limits.reads_buckets || 0 < limits.buckets;
    is_remote.then(|| facts.prepared.remote.run.clone())
}

/// The manifest as it is written.
pub(super) fn text(manifest: &Manifest) -> Vec<u8> {
    let mut text = json_lines(manifest);
    text.push('\n');
    text.into_bytes()
}

/// A run is over budget if rejected / read is above the maximum ratio, if there are more rejects
/// than allowed, or if there are rejects and no record was written.
fn status(account: &AccountPlan, total: &Tally) -> Status {
    // The quotient is rounded like the ratio was when it was parsed, so comparing them is exact.
    let ratio = as_float(total.rejected) / as_float(total.read.max(1));
    let is_over_ratio = account.max_reject_ratio < ratio;
    let is_over_count = account.max_rejects.is_some_and(|most| most < total.rejected);
    let none_left = 0 < total.rejected && total.written == 0;
    if is_over_ratio || is_over_count || none_left { Status::OverBudget } else { Status::Published }
}

fn purpose(plan: &Plan) -> &'static str {
    match plan.purpose {
        Purpose::Messaging => "messaging",
        Purpose::Analytics => "analytics",
    }
}

/// The outputs with their parts. A run over budget has no parts.
fn outputs(plan: &Plan, assembled: &Assembler<'_>, status: Status) -> Vec<OutputNote> {
    let mut notes = Vec::new();
    for (output, writer) in plan.outputs.iter().zip(&assembled.outputs) {
        let counts = output.format.is_csv().then(|| writer.counts());
        let files = match status {
            Status::Published => writer.parts().to_vec(),
            Status::OverBudget => Vec::new(),
        };
        notes.push(OutputNote {
            to: path_text(&output.to),
            format: output.format.name().to_owned(),
            target: plan.schema.target.name.clone(),
            import_ready: plan.purpose == Purpose::Messaging && output.format.is_import(),
            emptied: counts.map(|counts| counts.emptied),
            formula: counts.map(|counts| counts.formula),
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
    let reasons = reasons.chain(header);
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
fn fields(plan: &Plan, total: &Tally) -> Vec<FieldCount> {
    let count_of = |counts: &[u64], rule: usize| counts.get(rule).copied().unwrap_or(0);
    let rules = plan.rules.iter().enumerate();
    rules
        .map(|(number, rule)| {
            let (values, op_failed) =
                (count_of(&total.values, number), count_of(&total.op_failed, number));
            let (path, op) = (rule.path.clone(), rule.op.name().to_owned());
            (rule.is_written(), FieldCount { path, op, values, op_failed })
        })
        .filter(|(is_written, field)| *is_written || 0 < field.values)
        .map(|(_, field)| field)
        .collect()
}

fn unknown_fields(assembled: &Assembler<'_>) -> BTreeMap<String, u64> {
    let mut unknown = assembled.unknown.sorted();
    if 0 < assembled.total.export_only {
        unknown.insert(EXPORT_ONLY.to_owned(), assembled.total.export_only);
    }
    unknown
}

fn repairs(assembled: &Assembler<'_>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let repairs = assembled.repairs.iter();
    repairs.map(|(kind, fields)| (kind.name().to_owned(), fields.sorted())).collect()
}

fn by_repair(assembled: &Assembler<'_>) -> BTreeMap<String, u64> {
    assembled.by_repair.iter().map(|(kinds, count)| (kinds.to_string(), *count)).collect()
}

/// The warnings: those of the definition, outputs left alone, skipped inputs, and what may be a typing error: patterns,
/// rules and columns that matched nothing, and unknown fields whose name is similar to a field's.
fn warnings(facts: &Facts<'_>, assembled: &Assembler<'_>) -> Vec<String> {
    let Facts { prepared, plan, stages, listing, .. } = facts;
    let total = &assembled.total;
    let mut warnings = prepared.warnings.clone();
    warnings.extend(facts.left_alone.iter().map(|to| {
        let to = escape_path(to);
        format!(
            "`{to}` may hold parts of an earlier run, which stay: this definition does not write there"
        )
    }));
    warnings.extend(broken_inputs(assembled));
    warnings.extend(unchecked_warning(assembled.unchecked));
    warnings.extend(noted::warnings(assembled));
    warnings.extend(windows_1252(assembled.windows_1252));
    warnings.extend(spaced_quotes(total.spaced_quotes));
    for pattern in &listing.unmatched {
        warnings.push(format!("the pattern `{}` matches no file", escape(pattern)));
    }
    for (list, counts) in plan.lists.iter().zip(&facts.lists) {
        let from = list.spec.from.first().map(|path| escape_path(path)).unwrap_or_default();
        if counts.is_unchecked {
            warnings.push(format!(
                "the list `{from}` was read without a check for damage: its server has no checksum \
                 of a whole object"
            ));
        }
        if 0 < counts.unusable {
            warnings.push(format!(
                "{} of the list `{from}` cannot be used: an entry must be {}",
                count_entries(counts.unusable),
                list.spec.describe_entry()
            ));
        }
    }
    let seen = |number: usize| {
        [&total.values, &total.op_failed].iter().any(|c| c.get(number).is_some_and(|n| 0 < *n))
    };
    for (number, rule) in plan.rules.iter().enumerate() {
        if rule.is_written() && !seen(number) && 0 < total.written {
            warnings.push(format!("the rule for `{}` matched no value", rule.path));
        }
    }
    if 0 < total.written {
        warnings.extend(unused_columns(plan, assembled));
    }
    let ignored = &plan.input.column_settings.ignore;
    let unknown = assembled.unknown.sorted();
    for name in unknown.keys().filter(|name| !ignored.contains(name)) {
        if let Some(near) = stages.lookalikes.nearest(name) {
            warnings.push(format!(
                "the unknown field `{name}` is similar to `{near}`: did you mean that?"
            ));
        }
    }
    warnings
}

/// Warnings about inputs that could not be read to their end. There may be a million of them.
fn broken_inputs(assembled: &Assembler<'_>) -> Vec<String> {
    let mut warnings = assembled.broken_warnings.clone();
    match assembled.broken - warnings.len() {
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
    let ColumnSettings { rename, constants, .. } = &plan.input.column_settings;
    let rename = rename.iter().enumerate();
    let unmatched = rename.filter(|(number, _)| !assembled.renamings.contains(number));
    let renamed = unmatched.map(|(_, (name, _))| {
        format!("no input has the name `{}`, which `[input.rename]` renames", escape(name))
    });
    let ignored = constants.iter().filter(|(field, _)| plan.ignores(field));
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
        "in {cells} the quotes after blanks were taken for text: if they are around the cells, set \
         `skip_initial_space = true` under `[input]`"
    ))
}

fn count_entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
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
fn time_text(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn as_float(count: u64) -> f64 {
    count as f64
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("fewer than 2^64")
}
