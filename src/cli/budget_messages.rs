//! The messages about a run over budget: which budget, what it allows, what was found, and what to do
//! next. `run/budgets.rs` decides which budgets are exceeded.

use std::collections::{BTreeMap, BTreeSet};

use segprep::report::quantities::{count, counted, percent};
use segprep::report::{Exceeded, Manifest, RejectCounts};

use super::sheet::escape;

/// The budget for how much smaller a result may be than the one that it replaces.
const SHRINK: &str = "max_shrink";

/// The budget of an output of profiles that allows no value without a place.
const UNPLACED: &str = "unplaced";

/// The budgets for rejects.
const RATIO: &str = "max_reject_ratio";
const NUMBER: &str = "max_rejects";

/// The most fields that a message names.
const NAMED_MAX: usize = 5;

/// The budgets that the run exceeded, with what they allow and what was found.
pub(crate) fn message(manifest: &Manifest) -> String {
    let budgets: Vec<String> =
        manifest.exceeded.iter().map(|over| describe(over, manifest)).collect();
    budgets.join("; ")
}

fn describe(over: &Exceeded, manifest: &Manifest) -> String {
    let records = &manifest.records;
    let allowed = over.allowed;
    match (over.budget.as_deref(), &over.rule) {
        (Some(budget), Some(rule)) => format!(
            "`{}` did not apply to {} of {} of `{}` ({}), more than `{budget} = {allowed}` allows",
            escape(&rule.op),
            count(rule.op_failed),
            counted(rule.met, "value"),
            escape(&rule.path),
            percent(rule.op_failed, rule.met)
        ),
        (Some(budget @ SHRINK), None) => format!(
            "{} would be written, {:.1}% of those of the last published run, fewer than \
             `{budget} = {allowed}` allows",
            counted(records.written, "record"),
            over.found * 100.0
        ),
        (Some(budget @ UNPLACED), None) => format!(
            "{:.0} {} no place in a profile{}, and `{budget} = \"fail\"` allows none",
            over.found,
            if over.found <= 1.0 { "value has" } else { "values have" },
            unplaced_fields(manifest)
        ),
        (Some(budget), None) => {
            // The budgets of a retry are about the records of its run.
            let retry = manifest.retry.as_ref();
            let counts = retry.map(|retry| (retry.still_rejected, retry.read));
            let (number, of) = counts.unwrap_or((records.rejected, records.read));
            let still = if retry.is_some() { "still " } else { "" };
            format!(
                "{} {still}rejected ({}), more than `{budget} = {allowed}` allows",
                records_of(number, of, retry.is_some()),
                percent(number, of)
            )
        }
        (None, _) => format!(
            "{} rejected, and no record is left to be written",
            records_of(records.rejected, records.read, false)
        ),
    }
}

/// `1 record of 2 was`, `5 of 33 records were`; or `is` and `are`.
fn records_of(number: u64, of: u64, is_now: bool) -> String {
    match (number, is_now) {
        (1, false) => format!("1 record of {} was", count(of)),
        (1, true) => format!("1 record of {} is", count(of)),
        (_, false) => format!("{} of {} were", count(number), counted(of, "record")),
        (_, true) => format!("{} of {} are", count(number), counted(of, "record")),
    }
}

/// The fields of values that have no place, as in `, in `Location.City` and 2 more`.
fn unplaced_fields(manifest: &Manifest) -> String {
    let profiles = manifest.outputs.iter().filter_map(|output| output.profiles.as_ref());
    let fields: BTreeSet<&str> =
        profiles.flat_map(|note| note.unplaced.keys()).map(String::as_str).collect();
    let shown: Vec<String> =
        fields.iter().take(NAMED_MAX).map(|field| format!("`{}`", escape(field))).collect();
    match fields.len().saturating_sub(shown.len()) {
        _ if shown.is_empty() => String::new(),
        0 => format!(", in {}", shown.join(", ")),
        more => format!(", in {} and {more} more", shown.join(", ")),
    }
}

/// The file of an account that has more about the budgets that the run exceeded.
pub(crate) fn file_about(manifest: &Manifest) -> &'static str {
    let mut budgets = manifest.exceeded.iter().map(|over| over.budget.as_deref());
    let is_of_rejects = budgets.any(|budget| matches!(budget, None | Some(RATIO | NUMBER)));
    if is_of_rejects { "rejects.ndjson" } else { "manifest.json" }
}

/// How a setting is written that is no mere switch.
fn form_of(setting: &str) -> Option<&'static str> {
    match setting {
        "input.ignore" => Some("`ignore = [\"\"]` under `[input]`, which drops what has no name"),
        "input.ragged" => Some("`ragged = \"pad\"` under `[input]`"),
        "repair.dates.zone" => Some("`dates = { zone = \"Europe/Berlin\" }` under `[repair]`"),
        "repair.phone" | "repair.phone.region" => {
            Some("`phone = { region = \"US\" }` under `[repair]`, with the region of the numbers")
        }
        _ => None,
    }
}

/// What to do next. A larger budget is only advised where nothing better is known.
pub(crate) fn next(manifest: &Manifest) -> String {
    if manifest.exceeded.iter().any(|over| over.budget.as_deref() == Some(SHRINK)) {
        return format!("check whether the inputs are complete; if they are, lower `{SHRINK}`");
    }
    if manifest.exceeded.iter().any(|over| over.budget.as_deref() == Some(UNPLACED)) {
        return format!(
            "drop the fields that are not needed, set a larger `max_columns`, or write `{UNPLACED} = \"warn\"`"
        );
    }
    if let Some(rule) = manifest.exceeded.iter().find_map(|over| over.rule.as_ref()) {
        let (op, path) = (escape(&rule.op), escape(&rule.path));
        return format!(
            "check the rule for `{path}`: most of its values may have another form than `{op}` takes"
        );
    }
    let rejects = &manifest.rejects;
    for (settings, verb) in [(&rejects.by_repair, "would"), (&rejects.by_setting, "may")] {
        if let Some((setting, number)) = main_setting(settings, manifest.records.rejected) {
            let records = counted(number, "record");
            let form = form_of(setting).map(|form| format!(" ({form})")).unwrap_or_default();
            return format!("set {}{form}, which {verb} fix {records}", escape(setting));
        }
    }
    if let Some((code, field)) = only_cause(&manifest.rejects) {
        let field =
            if field.is_empty() { String::new() } else { format!(" in `{}`", escape(field)) };
        return format!("fix what all rejects have in common: `{}`{field}", escape(code));
    }
    "fix the records, or raise the budget under `[account]`".to_owned()
}

/// The setting for at least half of the rejects.
fn main_setting(settings: &BTreeMap<String, u64>, rejected: u64) -> Option<(&str, u64)> {
    let most = settings.iter().max_by_key(|(_, number)| **number);
    let most = most.filter(|(_, number)| rejected <= 2 * **number);
    most.map(|(setting, number)| (setting.as_str(), *number))
}

/// The code and the field that all problems have; the field is empty if they have several.
fn only_cause(rejects: &RejectCounts) -> Option<(&str, &str)> {
    let mut codes = rejects.by_code.keys();
    let code = codes.next().filter(|_| codes.next().is_none())?;
    let mut fields = rejects.by_field.keys();
    let field = fields.next().filter(|_| fields.next().is_none());
    Some((code, field.map_or("", String::as_str)))
}

#[cfg(test)]
mod tests {
    use segprep::report::{FailedRule, ProfilesNote, RecordCounts};

    use super::*;
    use crate::cli::sample;

    fn over(budget: Option<&str>, allowed: f64, found: f64) -> Exceeded {
        Exceeded { budget: budget.map(str::to_owned), rule: None, allowed, found }
    }

    fn manifest(exceeded: Vec<Exceeded>, rejected: u64) -> Manifest {
        let records =
            RecordCounts { read: 40, written: 40 - rejected, rejected, ..RecordCounts::default() };
        Manifest { exceeded, records, rejects: RejectCounts::default(), ..sample::manifest() }
    }

    fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
    }

    #[test]
    fn each_budget_is_named_with_what_it_allows() {
        let rule = FailedRule {
            path: "Attributes.Since".to_owned(),
            op: "date_trunc".to_owned(),
            met: 40,
            op_failed: 39,
        };
        let of_rule =
            Exceeded { rule: Some(rule), ..over(Some("max_op_failed_ratio"), 0.2, 0.975) };
        for (exceeded, rejected, expected) in [
            (
                over(Some("max_reject_ratio"), 0.05, 0.1),
                4,
                "4 of 40 records were rejected (10.0%), more than `max_reject_ratio = 0.05` allows",
            ),
            (
                over(Some("max_rejects"), 0.0, 1.0),
                1,
                "1 record of 40 was rejected (2.5%), more than `max_rejects = 0` allows",
            ),
            (
                over(Some("max_shrink"), 0.5, 0.4),
                0,
                "40 records would be written, 40.0% of those of the last published run, fewer than \
                 `max_shrink = 0.5` allows",
            ),
            (
                over(None, 1.0, 0.0),
                40,
                "40 of 40 records were rejected, and no record is left to be written",
            ),
            (
                of_rule,
                0,
                "`date_trunc` did not apply to 39 of 40 values of `Attributes.Since` (97.5%), more than \
                 `max_op_failed_ratio = 0.2` allows",
            ),
        ] {
            assert_eq!(message(&manifest(vec![exceeded], rejected)), expected);
        }
        let both = vec![over(Some("max_rejects"), 0.0, 40.0), over(None, 1.0, 0.0)];
        assert!(message(&manifest(both, 40)).contains("allows; 40 of 40"));
    }

    #[test]
    fn values_without_a_place_are_named_by_their_fields() {
        let fields = ["a", "b", "c", "d", "e", "f"];
        for (count, found, expected) in [
            (0, 2.0, "2 values have no place in a profile, and `unplaced = \"fail\"` allows none"),
            (
                1,
                1.0,
                "1 value has no place in a profile, in `a`, and `unplaced = \"fail\"` allows none",
            ),
            (
                6,
                6.0,
                "6 values have no place in a profile, in `a`, `b`, `c`, `d`, `e` and 1 more, and \
                 `unplaced = \"fail\"` allows none",
            ),
        ] {
            let mut over = manifest(vec![over(Some("unplaced"), 0.0, found)], 0);
            let unplaced = fields.iter().take(count).map(|field| ((*field).to_owned(), 1));
            let note = ProfilesNote { unplaced: unplaced.collect(), ..ProfilesNote::default() };
            over.outputs.first_mut().expect("an output").profiles = Some(note);
            assert_eq!(message(&over), expected);
            let next = format!("{}, and run again", next(&over));
            assert!(next.ends_with("or write `unplaced = \"warn\"`, and run again"), "{next}");
        }
    }

    /// Where there are no rejects, their file is empty.
    #[test]
    fn the_file_to_look_at_is_about_the_budget() {
        for (budgets, expected) in [
            (&[Some("max_shrink")][..], "manifest.json"),
            (&[Some("unplaced"), Some("max_op_failed_ratio")], "manifest.json"),
            (&[Some("max_shrink"), Some("max_rejects")], "rejects.ndjson"),
            (&[Some("max_reject_ratio")], "rejects.ndjson"),
            (&[None], "rejects.ndjson"),
        ] {
            let exceeded = budgets.iter().map(|budget| over(*budget, 0.0, 1.0)).collect();
            assert_eq!(file_about(&manifest(exceeded, 1)), expected);
        }
    }

    #[test]
    fn the_cause_is_named_before_the_budget() {
        let mut over = manifest(vec![over(Some("max_rejects"), 3.0, 10.0)], 10);
        over.rejects.by_code = counts(&[("phone", 6), ("type", 4)]);
        assert!(next(&over).contains("raise the budget"));
        over.rejects.by_code = counts(&[("phone", 10)]);
        over.rejects.by_field = counts(&[("Address", 10)]);
        assert_eq!(next(&over), "fix what all rejects have in common: `phone` in `Address`");
        over.rejects.by_field = counts(&[("Address", 7), ("Attributes.x", 3)]);
        assert_eq!(next(&over), "fix what all rejects have in common: `phone`");
        over.rejects.by_repair = counts(&[("repair.trim", 1), ("repair.phone", 5)]);
        assert_eq!(
            next(&over),
            "set repair.phone (`phone = { region = \"US\" }` under `[repair]`, with the region of the numbers), which \
             would fix 5 records"
        );
        over.rejects.by_repair = counts(&[("repair.trim", 5)]);
        assert_eq!(next(&over), "set repair.trim, which would fix 5 records");
        over.rejects.by_repair = counts(&[("repair.phone", 4)]);
        assert_eq!(next(&over), "fix what all rejects have in common: `phone`");
        over.rejects.by_setting = counts(&[("input.ragged", 6)]);
        assert_eq!(
            next(&over),
            "set input.ragged (`ragged = \"pad\"` under `[input]`), which may fix 6 records"
        );
    }
}
