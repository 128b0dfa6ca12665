//! The budgets: how much may go wrong in a run that publishes its result.
//!
//! The manifest records the budgets that a run exceeds, and its status is `over_budget` then.
//! [`Publication::refuse`](crate::publish::Publication::refuse) stores it without the parts,
//! `cli/exit.rs` ends the program with 3, and `cli/budget_messages.rs` says why.

use super::retry::of::RetryOf;
use crate::plan::Plan;
use crate::report::{Exceeded, FailedRule, Tally};

/// A rule that met fewer values cannot exceed `max_op_failed_ratio`.
const VALUES_MIN: u64 = 10;

/// The budgets that a run exceeds, by their settings under `[account]`:
///
/// - `max_reject_ratio`: rejected ÷ read is larger.
/// - `max_rejects`: more records are rejected.
/// - no setting: records are rejected, and none is written.
/// - `max_shrink`: written ÷ `replaced` is smaller. `replaced` is the number of records of the run that
///   this one replaces.
/// - `max_op_failed_ratio`: of the values of a rule, the share that had to be removed is larger.
///
/// Of a retry, the first two are about what is still rejected of the records that its run read.
pub(super) fn exceeded(
    plan: &Plan,
    total: &Tally,
    replaced: Option<u64>,
    retry: Option<&RetryOf>,
) -> Vec<Exceeded> {
    let account = &plan.account;
    let (rejected, read) = retry.map_or((total.rejected, total.read), |retry| {
        (retry.still_rejected(total), retry.first.read)
    });
    let over = |budget: &str, allowed: f64, found: f64| {
        let budget = Some(budget.to_owned());
        (allowed < found).then_some(Exceeded { budget, rule: None, allowed, found })
    };
    // The quotient is rounded like the ratio was when it was parsed, so comparing them is exact.
    let ratio = as_float(rejected) / as_float(read.max(1));
    let by_ratio = over("max_reject_ratio", account.max_reject_ratio, ratio);
    let by_number = account
        .max_rejects
        .and_then(|most| over("max_rejects", as_float(most), as_float(rejected)));
    // This one has no setting. At least one record has to be written, and none is.
    let none_left = (0 < total.rejected && total.written == 0).then_some(Exceeded {
        budget: None,
        rule: None,
        allowed: 1.0,
        found: 0.0,
    });
    let by_rules = failed_rules(plan, total).into_iter().filter_map(|rule| {
        let found = as_float(rule.op_failed) / as_float(rule.met);
        let over = over("max_op_failed_ratio", account.max_op_failed_ratio, found);
        over.map(|over| Exceeded { rule: Some(rule), ..over })
    });
    let by_shrinking = shrunk(account.max_shrink, total.written, replaced);
    let of_rejects = by_ratio.into_iter().chain(by_number).chain(none_left);
    of_rejects.chain(by_shrinking).chain(by_rules).collect()
}

/// The budget for how much smaller a result may be than the one that it replaces.
fn shrunk(max_shrink: Option<f64>, written: u64, replaced: Option<u64>) -> Option<Exceeded> {
    let (allowed, before) = (max_shrink?, replaced.filter(|before| 0 < *before)?);
    let found = as_float(written) / as_float(before);
    let budget = Some("max_shrink".to_owned());
    (found < allowed).then_some(Exceeded { budget, rule: None, allowed, found })
}

/// The rules that met enough values and removed some of them.
fn failed_rules(plan: &Plan, total: &Tally) -> Vec<FailedRule> {
    let counts = total.values.iter().zip(&total.op_failed);
    let rules = plan.rules.iter().zip(counts);
    let failed = rules.map(|(rule, (values, op_failed))| FailedRule {
        path: rule.path.clone(),
        op: rule.op.name().to_owned(),
        met: values + op_failed,
        op_failed: *op_failed,
    });
    failed.filter(|rule| 0 < rule.op_failed && VALUES_MIN <= rule.met).collect()
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(super) fn as_float(count: u64) -> f64 {
    count as f64
}
