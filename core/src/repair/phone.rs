//! `phone`: rewrites phone numbers to E.164, if they are valid in the numbering plan.
//!
//! `to_e164` in `schema/phone.rs` converts them. The region of numbers without a country code is the one
//! that the definition names, or that of the country in a field of the same record: `step.rs` finds it.

use std::borrow::Cow;

use super::RepairKind;
use super::spreadsheet::without_marks;
use crate::record::{setting, trim_invisible};
use crate::schema::{
    Format, FormatLimits, PhoneRegion, is_in_numbering_plan, is_national_number, to_e164,
};

/// Returns the number in E.164 form, or `None` if the value is valid or can't be converted.
///
/// `region` is only called if the value is not valid. `must_be_in_plan`: whether a number in E.164 form
/// is only valid if its numbering plan has it.
pub(super) fn repair(
    value: &str,
    region: impl FnOnce() -> Option<PhoneRegion>,
    must_be_in_plan: bool,
    limits: &FormatLimits,
) -> Option<String> {
    let is_valid = Format::Phone.check(value.as_bytes(), limits)
        && (!must_be_in_plan || is_in_numbering_plan(value.as_bytes()));
    let e164 = if is_valid { None } else { to_e164(value, region()) };
    e164.filter(|e164| e164 != value && Format::Phone.check(e164.as_bytes(), limits))
}

/// The settings that a number without the code of its country needs: the region, and what frees it from what is
/// around it. Empty if it is no such number.
pub fn settings_for_region(value: &[u8]) -> Cow<'static, str> {
    let trimmed = trim_invisible(str::from_utf8(value).unwrap_or_default()).as_bytes();
    let before = if is_national_number(value) {
        return Cow::Borrowed(setting::PHONE_REGION);
    } else if is_national_number(trimmed) {
        RepairKind::Trim
    } else if without_marks(value).is_some_and(is_national_number) {
        RepairKind::Spreadsheet
    } else {
        return Cow::Borrowed("");
    };
    Cow::Owned(format!("{}, {}", before.setting(), setting::PHONE_REGION))
}
