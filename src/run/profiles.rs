//! What a run says about its profiles: in the manifest, in warnings, as a budget, and beforehand in `segprep check`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assemble::Assembler;
use super::budgets::as_float;
use super::noted::counted;
use crate::definition::{OpSpec, ProfileSettings, Unplaced as OnUnplaced};
use crate::output::{OutputWriter, ProfileCounts};
use crate::pipeline::path_of_name;
use crate::plan::{FieldUse, OutputPlan, Plan, ProfilePlan, Rules};
use crate::profiles::LostField;
use crate::publish::names::{EMAIL_LIST, PHONE_LIST};
use crate::record::FieldPath;
use crate::report::{Exceeded, NameCounts, ProfilesNote};
use crate::schema::{NodeIx, ProfileTarget, Role, Schema};

/// The budget of an output that allows no value without a place.
const BUDGET: &str = "unplaced";

/// The name of the target of an output.
pub(super) fn target(output: &OutputPlan, plan: &Plan) -> String {
    let of_profiles = output.profiles.as_ref().map(|_| ProfileTarget::NAME.to_owned());
    of_profiles.unwrap_or_else(|| plan.schema.target.name.clone())
}

/// What was made of the records. `None`: the output has no profiles.
pub(super) fn note(
    output: &OutputPlan,
    writer: &dyn OutputWriter,
    plan: &Plan,
    assembled: &Assembler<'_>,
) -> Option<ProfilesNote> {
    let (profiles, counts) = (output.profiles.as_ref()?, writer.profiles()?);
    let lists = [(PHONE_LIST, counts.phones), (EMAIL_LIST, counts.emails)];
    Some(ProfilesNote {
        rows: counts.profiles,
        columns: counts.columns,
        max_columns: u64::try_from(profiles.max_columns).expect("there are few columns"),
        lists: lists.map(|(list, addresses)| (list.to_owned(), addresses)).into(),
        unplaced: by_field(counts, plan).sorted(|whole| assembled.common_names.is_common(whole)),
        unlisted: assembled.total.unlisted.iter().map(|(why, n)| ((*why).to_owned(), *n)).collect(),
    })
}

/// The empty texts and lists that profiles do not have.
pub(super) fn emptied(writer: &dyn OutputWriter) -> Option<u64> {
    writer.profiles().map(|counts| counts.unplaced.emptied)
}

/// The values without a place, by field.
fn by_field(counts: &ProfileCounts, plan: &Plan) -> NameCounts {
    let mut by_field = NameCounts::default();
    let path = |node: &u8| plan.schema.nodes.get(usize::from(*node)).map(|node| &node.path);
    for (field, values) in &counts.unplaced.fields {
        let path = match field {
            LostField::Field(node) => FieldPath::known(path(node).cloned().unwrap_or_default()),
            LostField::Name(map, name) => {
                path_of_name(plan, path(map).map_or("", String::as_str), name, None)
            }
        };
        by_field.add(&path, *values);
    }
    by_field.add_other(counts.unplaced.other);
    by_field
}

/// The outputs of profiles, with what was made of the records.
fn outputs<'a>(
    plan: &'a Plan,
    assembled: &'a Assembler<'_>,
) -> impl Iterator<Item = (&'a ProfilePlan, &'a ProfileCounts)> {
    let outputs = plan.outputs.iter().zip(&assembled.outputs);
    outputs.filter_map(|(output, writer)| Some((&**output.profiles.as_ref()?, writer.profiles()?)))
}

/// The warnings about opt-outs that may be on no list, and about values that are in no profile, where that is no
/// budget.
pub(super) fn warnings(plan: &Plan, assembled: &Assembler<'_>) -> Vec<String> {
    let warned = outputs(plan, assembled).filter(|(profiles, _)| match profiles.unplaced {
        OnUnplaced::Warn => true,
        OnUnplaced::Fail => false,
    });
    let warning = |(_, counts): (&ProfilePlan, &ProfileCounts)| {
        let fields = by_field(counts, plan);
        let fields = fields.sorted(|whole| assembled.common_names.is_common(whole));
        let (values, fields) = counted(&fields, "value has", "values have")?;
        Some(format!(
            "{values} no place in a profile, in {fields}: `unplaced` in the manifest has all of them by field; drop \
             what is not needed, or set a larger `max_columns`"
        ))
    };
    unlisted(&assembled.total.unlisted).into_iter().chain(warned.filter_map(warning)).collect()
}

/// The warning about opt-outs of records that are not written. `None`: there are none.
fn unlisted(unlisted: &BTreeMap<&'static str, u64>) -> Option<String> {
    let all: u64 = unlisted.values().sum();
    let by: Vec<String> =
        unlisted.iter().map(|(why, records)| format!("{why} {records}")).collect();
    let by = by.join(", ");
    let (records, addresses) = match all {
        0 => return None,
        1 => ("1 record that is opted out was".to_owned(), "its address is"),
        more => (format!("{more} records that are opted out were"), "their addresses are"),
    };
    let keep = "`inactive = \"keep\"` under `[input]` takes those that are inactive";
    let next =
        if unlisted.contains_key("inactive") { keep } else { "see `unlisted` in the manifest" };
    Some(format!(
        "{records} left out ({by}), and {addresses} on a list of opt-outs only if another record has that: {next}"
    ))
}

/// The budget for values without a place, where there is one.
pub(super) fn exceeded(plan: &Plan, assembled: &Assembler<'_>) -> Option<Exceeded> {
    let strict = outputs(plan, assembled).filter(|(profiles, _)| match profiles.unplaced {
        OnUnplaced::Fail => true,
        OnUnplaced::Warn => false,
    });
    let most = strict.map(|(_, counts)| counts.unplaced.total()).max().filter(|most| 0 < *most)?;
    let budget = Some(BUDGET.to_owned());
    Some(Exceeded { budget, rule: None, allowed: 0.0, found: as_float(most) })
}

/// What profiles will be made of, and what will have no place.
pub(super) fn describe(
    settings: &ProfileSettings,
    rules: &Rules,
    schema: &Arc<Schema>,
) -> Vec<String> {
    let is_dropped = |node: NodeIx| {
        let rule = rules.node_rules.get(node).copied().flatten();
        rule.and_then(|rule| rules.rules.get(rule)).is_some_and(|rule| rule.op == OpSpec::Drop)
    };
    let plan = ProfilePlan::new(settings, schema, is_dropped);
    let path = |node: NodeIx| schema.nodes.get(node).map_or("", |node| node.path.as_str());
    let keys: Vec<&str> = plan.keys.iter().map(|node| path(*node)).collect();
    let mut notes = vec![format!(
        "one row for each {}, at most {} columns",
        keys.join(", or else "),
        plan.max_columns
    )];
    let once: Vec<&str> = (0..schema.nodes.len())
        .filter(|node| match plan.uses.get(*node) {
            Some(FieldUse::Once | FieldUse::Key { is_kept: true }) => !is_dropped(*node),
            Some(_) | None => false,
        })
        .map(path)
        .collect();
    let names = named(rules);
    if plan.max_columns < names + plan.keys.len().min(1) {
        notes.push(format!(
            "the rules name {names} attributes and metrics, more than there are columns"
        ));
    }
    if !once.is_empty() {
        let fields = once.join(", ");
        notes.push(format!(
            "from the first record of a user that has it: {fields}, and each name of a map"
        ));
    }
    let channels: Vec<&str> =
        plan.phone_channels.iter().chain(&plan.email_channels).map(String::as_str).collect();
    let outcome = match plan.unplaced {
        OnUnplaced::Warn => "counted by field, with a warning",
        OnUnplaced::Fail => "the run publishes nothing (exit 3)",
    };
    let length = plan.target.limits.value_length;
    notes.push(format!(
        "without a place: {} of other channels than {}, values of later records that differ, values of over {length} \
         characters, and names beyond the columns: {outcome}",
        schema.role_path(Role::Address),
        channels.join(", "),
    ));
    notes
}

/// How many names of maps the rules keep by name.
fn named(rules: &Rules) -> usize {
    let exact = rules.map_rules.iter().flat_map(|map| &map.exact);
    let is_kept = |rule: &usize| rules.rules.get(*rule).is_some_and(|rule| rule.op != OpSpec::Drop);
    exact.filter(|(_, rule)| is_kept(rule)).count()
}
