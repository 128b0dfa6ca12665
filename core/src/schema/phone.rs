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
    text.len() <= LEN_MAX && WrittenNumber::parse(text, is_calling_code).is_some()
}

/// The fewest digits of a number that may be valid in some country; shorter ones are for emergencies.
const NATIONAL_DIGITS_MIN: usize = 5;

/// Whether a text is written like a phone number without the code of a country.
pub fn is_national_number(text: &[u8]) -> bool {
    let text = str::from_utf8(text).unwrap_or_default().trim();
    let is_national = |number: WrittenNumber| {
        !number.is_international && NATIONAL_DIGITS_MIN <= number.digits.len()
    };
    text.len() <= LEN_MAX && WrittenNumber::parse(text, is_calling_code).is_some_and(is_national)
}

/// The digits of a number that begins with `+` or `00`, if it is written as people write numbers.
pub fn international_digits(written: &str) -> Option<String> {
    if LEN_MAX < written.len() {
        return None;
    }
    let number = WrittenNumber::parse(written, is_calling_code)?;
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
    let is_code = |digits: &str| match region {
        Some(region) if !is_international(written) => digits == region.country_code().to_string(),
        Some(_) | None => is_calling_code(digits),
    };
    let number = WrittenNumber::parse(written, is_code)?;
    let e164 = if number.is_international {
        of_international(&number.digits)?
    } else {
        of_national(&number.digits, region?)?
    };
    // With a 0 that may be there or not, both may be numbers.
    let is_certain = !number.has_optional_zero || without_zero(&e164).is_none();
    is_certain.then_some(e164)
}

fn is_international(written: &str) -> bool {
    written.starts_with('+') || written.starts_with("00")
}

/// The number with these digits, the first of which are the code of a country.
fn of_international(digits: &str) -> Option<String> {
    let whole = format!("+{digits}");
    let national = || without_former_prefix(digits.strip_prefix(MEXICO)?);
    valid_number(&whole, None).or_else(national).or_else(|| without_zero(&whole))
}

/// The number with these digits, as they are dialled in the region.
fn of_national(digits: &str, region: PhoneRegion) -> Option<String> {
    let national = || {
        let is_mexican = PhoneRegion::new("MX") == Some(region);
        let digits = digits.strip_prefix(MEXICO).unwrap_or(digits);
        is_mexican.then(|| without_former_prefix(digits)).flatten()
    };
    let e164 = valid_number(digits, Some(region)).or_else(national)?;
    (!has_another_reading(digits, region, &e164)).then_some(e164)
}

/// Whether the digits are the code of a country, or of several.
fn is_calling_code(digits: &str) -> bool {
    code_len(digits) == Some(digits.len())
}

/// How many of the first digits are the code of a country.
fn code_len(digits: &str) -> Option<usize> {
    let is_code = |len: &usize| {
        let code = digits.get(..*len).and_then(|code| code.parse().ok());
        code.is_some_and(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(code).is_some())
    };
    (1..=3).find(is_code)
}

/// The number without the 0 after the code of its country, if the plan has it. Many plans have no such 0,
/// and people write one all the same.
fn without_zero(e164: &str) -> Option<String> {
    let digits = e164.strip_prefix('+')?;
    let (code, national) = digits.split_at_checked(code_len(digits)?)?;
    let shorter = format!("+{code}{}", national.strip_prefix('0')?);
    valid_number(&shorter, None).filter(|valid| *valid == shorter)
}

/// Whether the digits of a text in E.164 form may begin with what is dialled only within the country.
///
/// This takes little time: nearly no text needs [`to_e164`], which removes that.
pub fn may_have_national_prefix(e164: &str) -> bool {
    let digits = e164.strip_prefix('+').unwrap_or_default();
    let Some((code, national)) = code_len(digits).and_then(|len| digits.split_at_checked(len))
    else {
        return false;
    };
    national.starts_with('0')
        || (code == "1" && national.starts_with('1'))
        || (DIALLED_WITH_8.contains(&code) && national.starts_with('8'))
        || WITH_OTHER_PREFIXES.contains(&code)
}

/// The codes of countries in which an 8 is or was dialled before a number: the Soviet Union was one of them.
const DIALLED_WITH_8: [&str; 9] = ["7", "370", "375", "992", "993", "994", "995", "996", "998"];

/// The codes of countries that have several prefixes, or one within numbers: Mexico, Argentina, Brazil, San
/// Marino.
const WITH_OTHER_PREFIXES: [&str; 4] = [MEXICO, "54", "55", "378"];

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
