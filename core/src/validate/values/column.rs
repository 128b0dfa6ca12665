//! The checks of one field in several rows of a batch.

use super::{Condition, NodeChecks, Problems, narrow};
use crate::record::{Batch, Code, Detail, Field, Problem, Slot, Text};
use crate::schema::{FormatLimits, NodeIx, PhoneRegion, is_national_number};
use crate::simd::Span;
use crate::validate::predicate::{Predicate, is_out_of_bounds, parse_number};

/// One field in some rows.
pub(super) struct Column<'a> {
    pub(super) node: NodeIx,
    pub(super) rows: &'a [usize],
    pub(super) batch: &'a Batch,
    pub(super) text: Text<'a>,
    pub(super) problems: &'a mut Vec<(u32, Problem)>,
}

impl Column<'_> {
    /// Checks that numbers are not too large.
    pub(super) fn check_bounds(&mut self, rule: u16) {
        for row in self.rows {
            let slot = self.batch.slot(*row, self.node);
            if slot.is_number() && is_out_of_bounds(self.text.of(slot)) {
                self.add(*row, Code::Range, rule, Detail::None);
            }
        }
    }

    /// Checks the values that are of the field's type.
    pub(super) fn check_values(
        &mut self,
        checks: &NodeChecks,
        rule: u16,
        predicate: &Predicate,
        formats: &FormatLimits,
    ) {
        let code = predicate.code();
        // If the field must not be empty, an empty value has that problem and no other.
        let reports_empty =
            checks.predicates.iter().any(|(_, one)| matches!(one, Predicate::NotEmpty));
        let skips_empty = reports_empty && code != Code::Empty;
        let is_checked = |slot: Slot| slot.is_text() && !(skips_empty && slot.is_empty());
        let fault = |value: &[u8]| predicate.fault(value, formats);
        match predicate {
            Predicate::Enum(words) => {
                self.check_all(code, rule, is_checked, |value| words.contains(value), fault);
            }
            Predicate::Format(format) => {
                let holds = |value: Span<'_>| format.check(value.bytes(), formats);
                self.check_all(code, rule, is_checked, holds, fault);
            }
            Predicate::NotEmpty => {
                self.check_all(code, rule, is_checked, |value| value.len != 0, fault);
            }
            Predicate::Range { min, max } => {
                let holds = |value: Span<'_>| {
                    let number = parse_number(value.bytes());
                    // A number that is too large already has a problem.
                    is_out_of_bounds(value.bytes())
                        || number.is_some_and(|n| *min <= n && n <= *max)
                };
                self.check_all(code, rule, Slot::is_number, holds, fault);
            }
            Predicate::NumberingPlan | Predicate::Pattern(_) => {
                let holds = |value: Span<'_>| predicate.holds(value, formats);
                self.check_all(code, rule, is_checked, holds, fault);
            }
        }
    }

    /// Adds a problem for each value that is checked and for which the predicate does not hold.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a loop for each predicate, not a call for each value"
    )]
    fn check_all(
        &mut self,
        code: Code,
        rule: u16,
        is_checked: impl Fn(Slot) -> bool,
        holds: impl Fn(Span<'_>) -> bool,
        fault: impl Fn(&[u8]) -> Detail,
    ) {
        for row in self.rows {
            let slot = self.batch.slot(*row, self.node);
            if is_checked(slot) && !holds(self.text.span(slot)) {
                let detail = fault(self.text.of(slot));
                self.add(*row, code, rule, detail);
            }
        }
    }

    pub(super) fn check_condition(&mut self, condition: &Condition, formats: &FormatLimits) {
        for row in self.rows {
            let slot = self.batch.slot(*row, self.node);
            let on = self.batch.slot(*row, condition.on);
            let applies = slot.is_text()
                && !slot.is_empty()
                && on.is_text()
                && condition.values.contains(self.text.span(on));
            if applies && !condition.predicate.holds(self.text.span(slot), formats) {
                let detail = self.detail(*row, slot, condition, formats);
                self.add(*row, condition.predicate.code(), condition.rule, detail);
            }
        }
    }

    /// More about a value that does not meet a condition.
    #[cold]
    fn detail(
        &self,
        row: usize,
        slot: Slot,
        condition: &Condition,
        formats: &FormatLimits,
    ) -> Detail {
        let value = self.text.of(slot);
        let detail = condition.predicate.fault(value, formats);
        let Some((region, country)) = condition.phone_region else { return detail };
        let country = self.batch.slot(row, country);
        let code = str::from_utf8(self.text.of(country)).unwrap_or_default();
        let is_other = !country.is_empty() && PhoneRegion::new(code) != Some(region);
        if is_other && is_national_number(value) { Detail::OtherCountry } else { detail }
    }

    #[cold]
    fn add(&mut self, row: usize, code: Code, rule: u16, detail: Detail) {
        let field = Field::Node(narrow(self.node));
        Problems { of: self.problems, row }.add(field, code, rule, detail);
    }
}
