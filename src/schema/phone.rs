//! Numbering plans: converts phone numbers from national form to E.164, and says which ones exist.
//!
//! The plans are those of Google's libphonenumber, through the crate `rlibphonenumber`, which only
//! this file uses. Hostile texts do not reach it: it gets only short texts with the characters of
//! phone numbers.

use std::fmt;

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

/// Converts a number with `+`, or as it is dialled in the region, to E.164.
///
/// Returns `None` if the number is not valid in its plan, and for texts with letters, an extension
/// or several numbers.
pub fn to_e164(written: &str, region: Option<PhoneRegion>) -> Option<String> {
    if LEN_MAX < written.len() || !written.chars().all(is_of_a_number) {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(written, region.map(|region| region.0)).ok()?;
    let is_whole = number.extension.is_none() && PHONE_NUMBER_UTIL.is_valid_number(&number);
    is_whole.then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

/// Whether a character is a digit, or a separator within a number. A slash is not: it separates two
/// numbers as often.
fn is_of_a_number(char: char) -> bool {
    char.is_ascii_digit() || "+()-. \u{a0}\u{2010}\u{2011}\u{2012}\u{2013}".contains(char)
}
