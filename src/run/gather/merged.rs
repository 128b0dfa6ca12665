//! The manifest of a result that shards have written: the sums of theirs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::crypto;
use crate::definition::Purpose;
use crate::plan::Plan;
use crate::report::{
    DefinitionNote, FieldCount, Manifest, NAMES_MAX, OTHER, OutputNote, ShardsNote, Tally,
};
use crate::run::account::manifest::{purpose, requests, time_text};
use crate::run::budgets::as_float;
use crate::run::clock::Began;
use crate::run::prepare::Prepared;
use crate::run::text::path_text;

/// The manifests of shards, added up in their order.
pub(super) struct Merged {
    pub(in crate::run) sum: Manifest,
    fields: BTreeMap<String, FieldCount>,
    /// The warnings, and the shards that have each.
    warnings: Vec<(String, Vec<u32>)>,
    /// The warnings about what a shard did not meet, and how many have each.
    unused: BTreeMap<String, usize>,
    /// The shards that wrote records.
    writing: usize,
    shards: u32,
}

impl Merged {
    /// Begins with the first shard.
    pub(in crate::run) fn new(first: &Manifest) -> Merged {
        let mut merged = Merged {
            fields: BTreeMap::new(),
            warnings: Vec::new(),
            unused: BTreeMap::new(),
            writing: 0,
            shards: 0,
            sum: first.clone(),
        };
        merged.note(first);
        merged
    }

    /// What is not a sum.
    fn note(&mut self, shard: &Manifest) {
        for field in &shard.fields {
            match self.fields.get_mut(&field.path) {
                Some(sum) => add_field(sum, field),
                None => {
                    self.fields.insert(field.path.clone(), field.clone());
                }
            }
        }
        for warning in &shard.warnings {
            match self.warnings.iter_mut().find(|(known, _)| known == warning) {
                Some((_, shards)) => shards.push(self.shards),
                None => self.warnings.push((warning.clone(), vec![self.shards])),
            }
        }
        if 0 < shard.records.written {
            self.writing += 1;
            for unused in shard.shards.iter().flat_map(|note| &note.unused) {
                *self.unused.entry(unused.clone()).or_default() += 1;
            }
        }
        self.shards += 1;
    }

    /// Adds the next shard.
    pub(in crate::run) fn add(&mut self, next: &Manifest) {
        let sum = &mut self.sum;
        add(&mut sum.records.read, next.records.read);
        add(&mut sum.records.written, next.records.written);
        add(&mut sum.records.rejected, next.records.rejected);
        add_counts(&mut sum.records.dropped, &next.records.dropped);
        add(&mut sum.inputs.bytes, next.inputs.bytes);
        sum.inputs.rows = both(sum.inputs.rows, next.inputs.rows);
        add(&mut sum.inputs.skipped, next.inputs.skipped);
        for (output, next) in sum.outputs.iter_mut().zip(&next.outputs) {
            output.emptied = both(output.emptied, next.emptied);
            output.formula = both(output.formula, next.formula);
            output.files.extend(next.files.iter().cloned());
        }
        for (list, next) in sum.suppress.iter_mut().zip(&next.suppress) {
            add(&mut list.matches, next.matches);
        }
        add_counts(&mut sum.unknown_fields, &next.unknown_fields);
        for (repair, fields) in &next.repairs {
            add_counts(sum.repairs.entry(repair.clone()).or_default(), fields);
        }
        add_counts(&mut sum.removed_invalid, &next.removed_invalid);
        for pii in &next.pii {
            let is_same = |known: &&mut crate::report::PiiCount| {
                (&known.path, &known.detector) == (&pii.path, &pii.detector)
            };
            match sum.pii.iter_mut().find(is_same) {
                Some(known) => known.values += pii.values,
                None => sum.pii.push(pii.clone()),
            }
        }
        add_counts(&mut sum.rejects.by_code, &next.rejects.by_code);
        add_counts(&mut sum.rejects.by_field, &next.rejects.by_field);
        add_counts(&mut sum.rejects.by_repair, &next.rejects.by_repair);
        add_counts(&mut sum.rejects.by_setting, &next.rejects.by_setting);
        sum.timing.threads = sum.timing.threads.max(next.timing.threads);
        if next.started < sum.started {
            sum.started.clone_from(&next.started);
        }
        self.note(next);
    }

    /// The counts that budgets are about.
    pub(in crate::run) fn tally(&self, plan: &Plan) -> Tally {
        let count = |rule: &crate::plan::Rule, of: fn(&FieldCount) -> u64| {
            self.fields.get(&rule.path).map_or(0, of)
        };
        let records = &self.sum.records;
        Tally {
            read: records.read,
            written: records.written,
            rejected: records.rejected,
            values: plan.rules.iter().map(|rule| count(rule, |field| field.values)).collect(),
            op_failed: plan.rules.iter().map(|rule| count(rule, |field| field.op_failed)).collect(),
            ..Tally::default()
        }
    }

    /// Ends the sum. What does not depend on records is that of this machine.
    pub(in crate::run) fn finish(
        self,
        prepared: &Prepared,
        plan: &Plan,
        (note, fingerprint): (&ShardsNote, &str),
        began: Began,
    ) -> Manifest {
        let warnings = self.all_warnings(&prepared.warnings);
        let Merged { mut sum, mut fields, .. } = self;
        sum.run.clone_from(&prepared.moment.run);
        sum.name.clone_from(&prepared.definition.name);
        purpose(plan).clone_into(&mut sum.purpose);
        sum.fips = crypto::fips_module().is_some();
        fingerprint.clone_into(&mut sum.fingerprint);
        sum.shards = Some(note.clone());
        sum.lineage = plan.account.lineage;
        sum.definition = DefinitionNote {
            sha256: prepared.definition_sha256.clone(),
            settings: prepared.definition.settings().clone(),
        };
        sum.schemas = plan.schema.files.iter().cloned().collect();
        sum.keys.clone_from(&prepared.keys);
        sum.requests = requests(prepared);
        sum.outputs = outputs(plan, sum.outputs);
        let rules = plan.rules.iter();
        sum.fields = rules.filter_map(|rule| fields.remove(&rule.path)).collect();
        sum.warnings = warnings;
        let finished = began.time_after(began.elapsed());
        sum.finished = time_text(finished);
        time(&mut sum, finished);
        sum
    }

    /// The warnings of the definition, then those of shards, then those that hold for all of them.
    fn all_warnings(&self, of_definition: &[String]) -> Vec<String> {
        let mut all = of_definition.to_vec();
        for (warning, shards) in &self.warnings {
            if of_definition.contains(warning) {
                continue;
            }
            let is_of_all = usize::try_from(self.shards).is_ok_and(|count| count == shards.len());
            all.push(match shards.as_slice() {
                _ if is_of_all => warning.clone(),
                [first] => format!("shard {first}: {warning}"),
                [first, more @ ..] => {
                    format!("shard {first} and {} more: {warning}", more.len())
                }
                [] => warning.clone(),
            });
        }
        let unused = self.unused.iter().filter(|(_, count)| **count == self.writing);
        all.extend(unused.map(|(warning, _)| warning.clone()));
        all
    }
}

/// The outputs as the definition has them, with the parts and counts of the shards.
fn outputs(plan: &Plan, merged: Vec<OutputNote>) -> Vec<OutputNote> {
    let outputs = plan.outputs.iter().zip(merged);
    let note = |(output, merged): (&crate::plan::OutputPlan, OutputNote)| OutputNote {
        to: path_text(&output.to),
        format: output.format.name().to_owned(),
        target: plan.schema.target.name.clone(),
        import_ready: plan.purpose == Purpose::Messaging && output.format.is_import(),
        profiles: None,
        max_bytes: Some(output.max_bytes),
        ..merged
    };
    outputs.map(note).collect()
}

/// The time from the start of the first shard on.
fn time(sum: &mut Manifest, finished: Timestamp) {
    let started = sum.started.parse::<Timestamp>().unwrap_or(finished);
    let seconds = finished.duration_since(started).as_secs_f64().max(0.0);
    let per_second = |amount: f64| if 0.0 < seconds { amount / seconds } else { 0.0 };
    sum.timing.seconds = seconds;
    sum.timing.records_per_second = per_second(as_float(sum.records.read));
    sum.timing.mb_per_second = per_second(as_float(sum.inputs.bytes) / 1e6);
}

fn both(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// Adds a count. Whoever wrote an account may have stated any number.
fn add(sum: &mut u64, next: u64) {
    *sum = sum.saturating_add(next);
}

/// Adds counts by name. Beyond the names that a manifest has, they count as others.
fn add_counts(sums: &mut BTreeMap<String, u64>, addends: &BTreeMap<String, u64>) {
    for (name, count) in addends {
        let is_known = sums.contains_key(name) || sums.len() < NAMES_MAX;
        let name = if is_known { name.as_str() } else { OTHER };
        add(sums.entry(name.to_owned()).or_default(), *count);
    }
}

fn add_field(sum: &mut FieldCount, next: &FieldCount) {
    add(&mut sum.values, next.values);
    add(&mut sum.op_failed, next.op_failed);
    sum.changed = both(sum.changed, next.changed);
    add_counts(&mut sum.detectors, &next.detectors);
    add_counts(&mut sum.names, &next.names);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(names: &[(&str, u64)]) -> BTreeMap<String, u64> {
        names.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn counts_are_added_by_name_and_names_are_limited() {
        let mut sums = counts(&[("a", 1), ("b", 2)]);
        add_counts(&mut sums, &counts(&[("b", 3), ("c", 4)]));
        assert_eq!(sums, counts(&[("a", 1), ("b", 5), ("c", 4)]));
        let many: BTreeMap<String, u64> =
            (0..NAMES_MAX + 7).map(|number| (format!("n{number}"), 1)).collect();
        add_counts(&mut sums, &many);
        assert_eq!(sums.len(), NAMES_MAX + 1);
        assert_eq!(sums.get(OTHER), Some(&10));
    }
}
