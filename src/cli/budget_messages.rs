//! The messages about a run over budget: which budget, what it allows, what was found, and what to do
//! next. `run/budgets.rs` decides which budgets are exceeded.

use std::collections::BTreeMap;

use segprep::report::quantities::{count, counted, percent};
use segprep::report::{Exceeded, Manifest, RejectCounts};

use super::sheet::escape;

/// The budget for how much smaller a result may be than the one that it replaces.
const SHRINK: &str = "max_shrink";

/// The budget of an output of profiles that allows no value without a place.
const UNPLACED: &str = "unplaced";

/// The budgets that the run exceeded, with what they allow and what was found.
pub(crate) fn message(manifest: &Manifest) -> String {
    let budgets: Vec<String> =
        manifest.exceeded.iter().map(|over| describe(over, manifest)).collect();
    budgets.join("; ")
}

fn describe(over: &Exceeded, manifest: &Manifest) -> String {
    let records = &manifest.records;
    let (rejected, read) = (count(records.rejected), counted(records.read, "record"));
    let were = if records.read == 1 { "was" } else { "were" };
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
            "{} would be written, {:.1}% of those of the run that is replaced, fewer than \
             `{budget} = {allowed}` allows",
            counted(records.written, "record"),
            over.found * 100.0
        ),
        (Some(budget @ UNPLACED), None) => format!(
            "{:.0} values have no place in a profile, and `{budget} = \"fail\"` allows none",
            over.found
        ),
        (Some(budget), None) => {
            // The budgets of a retry are about the records of its run.
            let retry = manifest.retry.as_ref();
            let counts = retry.map(|retry| (retry.still_rejected, retry.read));
            let (number, of) = counts.unwrap_or((records.rejected, records.read));
            let were = match (of, retry) {
                (1, None) => "was",
                (_, None) => "were",
                (1, Some(_)) => "is still",
                (_, Some(_)) => "are still",
            };
            format!(
                "{} of {} {were} rejected ({}), more than `{budget} = {allowed}` allows",
                count(number),
                counted(of, "record"),
                percent(number, of)
            )
        }
        (None, _) => {
            format!("{rejected} of {read} {were} rejected, and no record is left to be written")
        }
    }
}

/// What to do next. A larger budget is only advised where nothing better is known.
pub(crate) fn next(manifest: &Manifest) -> String {
    if manifest.exceeded.iter().any(|over| over.budget.as_deref() == Some(SHRINK)) {
        return format!("check whether the inputs are complete; if they are, lower `{SHRINK}`");
    }
    if manifest.exceeded.iter().any(|over| over.budget.as_deref() == Some(UNPLACED)) {
        return format!(
            "drop what is not needed, set a larger `max_columns`, or write `{UNPLACED} = \"warn\"`; the manifest has \
             the fields"
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
            return format!("set {}, which {verb} fix {records}", escape(setting));
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
    use segprep::report::{FailedRule, RecordCounts};

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
                "1 of 40 records were rejected (2.5%), more than `max_rejects = 0` allows",
            ),
            (
                over(Some("max_shrink"), 0.5, 0.4),
                0,
                "40 records would be written, 40.0% of those of the run that is replaced, fewer than \
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
        assert_eq!(next(&over), "set repair.phone, which would fix 5 records");
        over.rejects.by_repair = counts(&[("repair.phone", 4)]);
        assert_eq!(next(&over), "fix what all rejects have in common: `phone`");
        over.rejects.by_setting = counts(&[("input.ragged", 6)]);
        assert_eq!(next(&over), "set input.ragged, which may fix 6 records");
    }
}
