//! `phone`: numbers as people write them become E.164, if their numbering plan has them.

use crate::schema::{Format, FormatLimits, PhoneRegion, is_in_numbering_plan, to_e164};

/// The E.164 form of the value. `plan`: whether a number in that form has to be in its plan too.
pub(super) fn mend(
    value: &str,
    region: Option<PhoneRegion>,
    plan: bool,
    limits: &FormatLimits,
) -> Option<String> {
    let is_good = Format::Phone.check(value.as_bytes(), limits)
        && (!plan || is_in_numbering_plan(value.as_bytes()));
    let e164 = if is_good { None } else { to_e164(value, region) };
    e164.filter(|e164| e164 != value && Format::Phone.check(e164.as_bytes(), limits))
}
