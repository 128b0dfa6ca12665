//! Converts phone numbers to E.164, and says whether a number is in its country's numbering plan.
//! `phone_form.rs` parses the text. Used by the repair `phone` and the normal form `phone.v1`.
//!
//! The plans are those of Google's libphonenumber, through the crate `rlibphonenumber`, which only
//! this file uses. Hostile texts do not reach it: it gets only short texts with the characters of
//! phone numbers.

use std::fmt;

use super::phone_form::WrittenNumber;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// A country or territory that has a numbering plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PhoneRegion(Region);

impl PhoneRegion {
    /// The region of an upper-case ISO 3166-1 alpha-2 code; `None` if it has no numbering plan.
    pub fn new(code: &str) -> Option<PhoneRegion> {
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let region = Region::from_code(code).ok().filter(|_| is_code)?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| PhoneRegion(region))
    }

    /// The code of its country: 49.
    pub fn country_code(self) -> u32 {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(self.0);
        code.and_then(|code| u32::try_from(code).ok()).unwrap_or(0)
    }
}

impl fmt::Debug for PhoneRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The most bytes of a number, with the separators that people write between digits.
const LEN_MAX: usize = 40;

/// Whether a number in E.164 form is valid in its numbering plan. With a trunk 0 after the country
/// code, it is not.
pub fn is_in_numbering_plan(e164: &[u8]) -> bool {
    let text = str::from_utf8(e164).ok().filter(|text| text.len() <= LEN_MAX);
    text.is_some_and(|text| to_e164(text, None).is_some_and(|e164| e164 == text))
}

/// Whether a text is written like a phone number (see `phone_form`), in any plan.
pub fn is_written_as_phone(text: &str) -> bool {
    text.len() <= LEN_MAX && WrittenNumber::parse(text).is_some()
}

/// The fewest digits of a number that may be valid in some country; shorter ones are for emergencies.
const NATIONAL_DIGITS_MIN: usize = 5;

/// Whether a text is written like a phone number without the code of a country.
pub fn is_national_number(text: &[u8]) -> bool {
    let text = str::from_utf8(text).unwrap_or_default().trim();
    let is_national = |number: WrittenNumber| {
        !number.is_international && NATIONAL_DIGITS_MIN <= number.digits.len()
    };
    text.len() <= LEN_MAX && WrittenNumber::parse(text).is_some_and(is_national)
}

/// The digits of a number that begins with `+` or `00`, if it is written as people write numbers.
pub fn international_digits(written: &str) -> Option<String> {
    if LEN_MAX < written.len() {
        return None;
    }
    let number = WrittenNumber::parse(written)?;
    number.is_international.then_some(number.digits)
}

/// Converts a number that begins with `+` or `00`, or that is written as it is dialled in the region,
/// to E.164.
///
/// Returns `None` if the number is not valid in its plan, if it has two readings, and for texts that
/// do not have the form of a number (see `phone_form`).
pub fn to_e164(written: &str, region: Option<PhoneRegion>) -> Option<String> {
    if LEN_MAX < written.len() {
        return None;
    }
    let number = WrittenNumber::parse(written)?;
    if number.is_international {
        let e164 = valid_number(&format!("+{}", number.digits), None);
        let national = || without_former_prefix(number.digits.strip_prefix(MEXICO)?);
        return e164.or_else(national);
    }
    let region = region?;
    let national = || {
        let is_mexican = PhoneRegion::new("MX") == Some(region);
        let digits = number.digits.strip_prefix(MEXICO).unwrap_or(&number.digits);
        is_mexican.then(|| without_former_prefix(digits)).flatten()
    };
    let e164 = valid_number(&number.digits, Some(region)).or_else(national)?;
    (!has_another_reading(&number.digits, region, &e164)).then_some(e164)
}

/// The code of Mexico.
const MEXICO: &str = "52";

/// A Mexican number that was dialled with 1, 01, 044 or 045 in front until 2019 (the national
/// numbering plan, Plan Técnico Fundamental de Numeración, since then has ten digits alone).
fn without_former_prefix(national: &str) -> Option<String> {
    const PREFIXES: [&str; 4] = ["01", "044", "045", "1"];
    const DIGITS: usize = 10;
    let mut numbers = PREFIXES.iter().filter_map(|prefix| national.strip_prefix(prefix));
    let number = numbers.find(|number| number.len() == DIGITS)?;
    valid_number(&format!("+{MEXICO}{number}"), None)
}

/// Whether digits that were read as a national number, `e164`, may also be an international one that
/// lacks its `+`: `491701234567` may be a mobile number in Germany (country code 49), or a number in the
/// town with the area code 4917. The code may precede a trunk 0: `49 (0)345 279580`.
fn has_another_reading(digits: &str, region: PhoneRegion, e164: &str) -> bool {
    let code = region.country_code().to_string();
    let with_code = digits.starts_with(&code).then(|| valid_number(&format!("+{digits}"), None));
    let Some(with_code) = with_code.flatten() else { return false };
    // Read with the code in front, it may also be a number with the code once more.
    let twice = format!("+{code}{digits}");
    with_code != e164 || valid_number(&twice, None).is_some_and(|valid| valid == twice)
}

/// The number in E.164 form if the numbering plan has it.
fn valid_number(written: &str, region: Option<PhoneRegion>) -> Option<String> {
    let number = PHONE_NUMBER_UTIL.parse(written, region.map(|region| region.0)).ok()?;
    let is_whole = number.extension.is_none() && PHONE_NUMBER_UTIL.is_valid_number(&number);
    is_whole.then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}
