//! `phone`: rewrites phone numbers to E.164, if they are valid in the numbering plan.

use crate::schema::{Format, FormatLimits, PhoneRegion, is_in_numbering_plan, to_e164};

/// Returns the number in E.164 form, or `None` if the value is valid or can't be converted.
///
/// `region` is only called if the value is not valid. `plan` says whether a number already in that
/// form must be in its numbering plan to be valid.
pub(super) fn repair(
    value: &str,
    region: impl FnOnce() -> Option<PhoneRegion>,
    plan: bool,
    limits: &FormatLimits,
) -> Option<String> {
    let is_valid = Format::Phone.check(value.as_bytes(), limits)
        && (!plan || is_in_numbering_plan(value.as_bytes()));
    let e164 = if is_valid { None } else { to_e164(value, region()) };
    e164.filter(|e164| e164 != value && Format::Phone.check(e164.as_bytes(), limits))
}
