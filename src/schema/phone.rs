//! Numbering plans: which telephone numbers exist, and how they are written at home.
//!
//! The plans are those of Google's libphonenumber, by way of `rlibphonenumber`. That crate is named
//! in this file alone. It is asked for what is short and made of the characters of numbers only,
//! so that no hostile text reaches it.

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// A country or territory with a numbering plan of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PhoneRegion(Region);

impl PhoneRegion {
    /// The region of an ISO 3166-1 alpha-2 code in capitals.
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

/// More than any number has, with what people put between digits.
const LEN_MAX: usize = 40;

/// Whether a number in the form of E.164 is one that its numbering plan has, as it stands: with a
/// trunk 0 after the country it is none.
pub fn is_in_numbering_plan(e164: &[u8]) -> bool {
    let text = str::from_utf8(e164).ok().filter(|text| text.len() <= LEN_MAX);
    text.is_some_and(|text| to_e164(text, None).is_some_and(|e164| e164 == text))
}

/// The E.164 form of a number as people write it: with `+`, or as it is dialled in the region.
///
/// None for anything but one number of the plan: letters, extensions and several numbers are not
/// taken apart.
pub fn to_e164(written: &str, region: Option<PhoneRegion>) -> Option<String> {
    if LEN_MAX < written.len() || !written.chars().all(is_of_a_number) {
        return None;
    }
    let number = PHONE_NUMBER_UTIL.parse(written, region.map(|region| region.0)).ok()?;
    let is_whole = number.extension.is_none() && PHONE_NUMBER_UTIL.is_valid_number(&number);
    is_whole.then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

/// Digits and what people put between them. A slash is between two numbers as often as in one.
fn is_of_a_number(char: char) -> bool {
    char.is_ascii_digit() || "+()-. \u{a0}\u{2010}\u{2011}\u{2012}\u{2013}".contains(char)
}
