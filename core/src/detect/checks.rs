//! What a shape cannot express: check digits, ranges, calendars.
//!
//! A check gets what a pattern found, and returns the part of it that is meant, or `None`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use serde::Deserialize;
use unicode_segmentation::UnicodeSegmentation;

use super::email::email;
use super::numbers::{Groups, is_card, is_iban, luhn};

/// The checks by their names in `schemas/detectors.toml`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    Email,
    Phone,
    NationalPhone,
    Card,
    Iban,
    Ipv4,
    Ipv4OrVersion,
    Ipv6,
    Mac,
    Ssn,
    Date,
    Coordinates,
    Degrees,
    Imei,
    NotZero,
    NotAWord,
    Masked,
    Url,
    Assigned,
}

impl Check {
    /// Adds the parts of a match that are meant.
    pub(super) fn parts(self, found: &str, parts: &mut Vec<Range<usize>>) {
        if matches!(self, Check::Card) {
            Groups::new(found).find_all(is_card, parts);
        } else {
            parts.extend(self.accepted(found));
        }
    }

    /// Whether any part of a text with so many colons may be accepted, whatever its letters and digits are.
    pub(super) fn may_accept(self, text: &str, colons: usize) -> bool {
        // The time of day has two. An address with fewer than six leaves out zeros.
        !matches!(self, Check::Ipv6) || 6 <= colons || text.contains("::")
    }

    /// Whether a match that is not accepted may hide one that begins later.
    pub(super) fn is_worth_retrying(self) -> bool {
        matches!(self, Check::Email | Check::Phone | Check::Iban)
    }

    /// The part of a match that is meant.
    fn accepted(self, found: &str) -> Option<Range<usize>> {
        let whole = |holds: bool| holds.then_some(0..found.len());
        match self {
            Check::Email => email(found),
            Check::Phone => phone(found),
            Check::NationalPhone => whole(is_national_phone(found)),
            Check::Card => {
                let mut cards = Vec::new();
                Groups::new(found).find_all(is_card, &mut cards);
                cards.into_iter().next()
            }
            Check::Iban => is_iban(found),
            Check::Ipv4 => whole(ipv4(found).is_some_and(|ip| !is_like_a_version(ip))),
            Check::Ipv4OrVersion => whole(ipv4(found).is_some()),
            Check::Ipv6 => ipv6(found),
            Check::Mac => whole(is_mac(found)),
            Check::Ssn => whole(is_ssn(found)),
            Check::Date => whole(is_date(found)),
            Check::Coordinates => whole(are_coordinates(found)),
            Check::Degrees => whole(degrees(found).is_some_and(|degrees| degrees.abs() <= 180.0)),
            Check::Imei => whole(luhn(&digits(found))),
            Check::NotZero => whole(!is_one_character(found)),
            Check::NotAWord => whole(!is_a_word(found)),
            Check::Masked => whole(is_masked(found)),
            Check::Url => Some(0..found.trim_end_matches(AFTER_URL).len()),
            Check::Assigned => whole(is_assigned(found)),
        }
    }
}

/// Marks of a text around a URL.
const AFTER_URL: [char; 13] = ['.', ',', ';', ':', '!', '?', '\'', '"', ')', ']', '}', '>', '»'];

/// Whether a name and its value, such as `password: 1234`, are more than what segprep made of them.
fn is_assigned(found: &str) -> bool {
    let value = found.split_once([':', '=']).map_or(found, |(_, value)| value);
    let value = value.trim_start_matches([' ', '\'', '"']);
    !is_masked(value) && !["[redacted]", "hmac:"].iter().any(|made| value.starts_with(made))
}

fn digits(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect()
}

fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether all letters and digits are the same one.
fn is_one_character(text: &str) -> bool {
    let mut letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    let first = letters.next();
    letters.all(|letter| Some(letter) == first)
}

/// A number with its country's code, of eight to fifteen digits, without the words and numbers after it.
fn phone(found: &str) -> Option<Range<usize>> {
    let number = found.get(..phone_len(found))?;
    let count = count_digits(number.strip_prefix("00").unwrap_or(number));
    let holds = (8..=15).contains(&count) && !is_one_character(number) && !is_decimal(number);
    holds.then_some(0..number.len())
}

/// Where a number ends: before what would make it too long; before the next sentence; and at a blank, if
/// there was none before.
fn phone_len(found: &str) -> usize {
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut end, mut count) = (0, 0);
    let mut at = found.find(is_digit).unwrap_or(found.len());
    while at < found.len() {
        let rest = found.get(at..).unwrap_or_default();
        let group = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let between = found.get(end..at).unwrap_or_default();
        let is_complete = 8 <= count && end != 0;
        let begins_sentence = between.contains(". ") || between.contains("  ");
        let was_compact = between.starts_with(' ')
            && found.get(..end).is_some_and(|number| number.len() - count <= 1 && 10 <= count);
        if is_complete && (begins_sentence || was_compact || 15 < count + group) {
            break;
        }
        count += group;
        end = at + group;
        at = end + found.get(end..).and_then(|rest| rest.find(is_digit)).unwrap_or(found.len());
    }
    end
}

fn is_national_phone(found: &str) -> bool {
    let number = found.split(['x', 'e']).next().unwrap_or(found).trim_end();
    (6..=15).contains(&count_digits(number))
        && !is_one_character(number)
        && !is_decimal(number)
        && !is_date(number)
        && number.matches(['(', ')']).count().is_multiple_of(2)
}

/// A number with one point and no other separator.
fn is_decimal(text: &str) -> bool {
    let mut separators = text.trim_start_matches('+').chars().filter(|c| !c.is_ascii_digit());
    separators.next() == Some('.') && separators.next().is_none()
}

fn ipv4(found: &str) -> Option<Ipv4Addr> {
    let ip: Ipv4Addr = found.parse().ok()?;
    let is_nobodys = ip.is_unspecified() || ip.is_loopback() || ip.is_broadcast();
    (!is_nobodys).then_some(ip)
}

/// Four small numbers, such as 4.12.0.1.
fn is_like_a_version(ip: Ipv4Addr) -> bool {
    ip.octets().into_iter().all(|octet| octet < 20)
}

/// An address without the colon of its sentence.
fn ipv6(found: &str) -> Option<Range<usize>> {
    let address = match found.strip_suffix(':') {
        Some(before) if !before.ends_with(':') => before,
        _ => found,
    };
    let ip: Ipv6Addr = address.parse().ok()?;
    let has_digit = address.contains(|c: char| c.is_ascii_digit());
    let is_somebodys = !ip.is_unspecified() && !ip.is_loopback() && has_digit;
    (is_somebodys && 6 <= address.len()).then_some(0..address.len())
}

fn is_mac(found: &str) -> bool {
    !is_one_character(found)
}

/// The rules of the Social Security Administration for numbers issued at any time.
fn is_ssn(found: &str) -> bool {
    let number = digits(found).iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

/// A date from 1900 on, in any order that people write, alone or with a time after it.
fn is_date(found: &str) -> bool {
    let date = found.split(['T', ':']).next().unwrap_or(found);
    let parts: Vec<&str> =
        date.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = match parts.as_slice() {
        [whole] if whole.is_ascii() && whole.len() == 8 => {
            let (year, rest) = whole.split_at(4);
            let (month, day) = rest.split_at(2);
            vec![year, month, day]
        }
        [whole] => whole.split(['年', '月', '日']).filter(|part| !part.is_empty()).collect(),
        _ => parts,
    };
    let [first, second, third, ..] = parts.as_slice() else { return false };
    let number = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end)?.parse::<u32>().ok()
    };
    match (number(first), number(second), number(third)) {
        (Some(year), Some(month), Some(day)) if 31 < year => is_day(year, month, day),
        (Some(one), Some(other), Some(year)) => {
            is_day(year, other, one) || is_day(year, one, other)
        }
        (Some(day), None, Some(year)) => month(second).is_some_and(|m| is_day(year, m, day)),
        (None, Some(day), Some(year)) => month(first).is_some_and(|m| is_day(year, m, day)),
        _ => false,
    }
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let year = if year < 100 { year + 1900 } else { year };
    let days = match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1900..2100).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day)
}

/// The month with this name, by its first letters in English, German, French, Spanish, Portuguese,
/// Italian and Dutch.
fn month(name: &str) -> Option<u32> {
    const STARTS: [&[&str]; 12] = [
        &["jan", "jän", "ene", "gen"],
        &["feb", "fév", "fev"],
        &["mar", "mär", "mrz", "mrt", "maa"],
        &["apr", "avr", "abr"],
        &["may", "mai", "mag", "mei"],
        &["jun", "juin", "giu"],
        &["jul", "juil", "lug"],
        &["aug", "aoû", "aou", "ago"],
        &["sep", "set"],
        &["oct", "okt", "out", "ott"],
        &["nov"],
        &["dec", "dez", "déc", "dic"],
    ];
    let name = name.to_lowercase();
    let is_start = |starts: &&[&str]| starts.iter().any(|start| name.starts_with(start));
    (1..).zip(&STARTS).find(|(_, starts)| is_start(starts)).map(|(month, _)| month)
}

fn degrees(text: &str) -> Option<f64> {
    text.trim().replace(',', ".").parse().ok()
}

/// Latitude and longitude, which are not both zero.
fn are_coordinates(found: &str) -> bool {
    let separators = [';', ' '].into_iter().find(|c| found.contains(*c)).unwrap_or(',');
    let Some((one, other)) = found.split_once(separators) else { return false };
    let trim = |text: &str| degrees(text.trim_matches([',', ';', ' ']));
    let (Some(latitude), Some(longitude)) = (trim(one), trim(other)) else { return false };
    let is_somewhere = latitude != 0.0 || longitude != 0.0;
    latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && is_somewhere
}

/// What people write in a password's field when there is none.
fn is_a_word(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "true", "false", "none", "null", "unset", "unknown", "active", "inactive", "enabled",
        "disabled", "expired", "n/a",
    ];
    WORDS.contains(&text.to_lowercase().as_str())
}

/// At least half of what people see as characters, but for blanks, are `*` or `•`.
fn is_masked(text: &str) -> bool {
    let seen = || text.graphemes(true).filter(|cluster| !cluster.trim().is_empty());
    let masks = seen().filter(|cluster| matches!(*cluster, "*" | "•")).count();
    masks * 2 >= seen().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(check: Check, found: &str, expected: bool) {
        assert_eq!(check.accepted(found).is_some(), expected, "{check:?} {found}");
    }

    #[test]
    fn numbers_end_where_the_text_goes_on() {
        for (found, expected) in [
            ("+12025550191", Some("+12025550191")),
            ("+1 (202) 555-0191", Some("+1 (202) 555-0191")),
            ("+1 202 555 0191. 3", Some("+1 202 555 0191")),
            ("+12025550191 2024-05-06", Some("+12025550191")),
            ("+49 30 123456  12", Some("+49 30 123456")),
            ("+49 30 1234 5678 9012 3456", Some("+49 30 1234 5678")),
            ("+1 202 555 0191 x22", Some("+1 202 555 0191 x22")),
            ("0049 30 123456", Some("0049 30 123456")),
            ("+1 234", None),
            ("+1234567890123456789", None),
        ] {
            assert_eq!(phone(found).and_then(|part| found.get(part)), expected, "{found}");
        }
    }

    #[test]
    fn each_check_decides() {
        for (name, found, expected) in [
            (Check::Email, "ada@example.com", true),
            (Check::Email, "ada@bücher.example", true),
            (Check::Email, "ada(at)example(dot)com", true),
            (Check::Email, "logo@2x.png", false),
            (Check::Email, "lodash@4.17.21", false),
            (Check::Email, "ada@localhost", false),
            (Check::Phone, "+12025550142", true),
            (Check::Phone, "+1.5", false),
            (Check::NationalPhone, "(202) 555-0142", true),
            (Check::NationalPhone, "2024-05-06", false),
            (Check::NationalPhone, "1234567.89", false),
            (Check::Ipv4, "203.0.113.9", true),
            (Check::Ipv4, "4.12.0.1", false),
            (Check::Ipv4OrVersion, "4.12.0.1", true),
            (Check::Ipv4, "256.1.1.1", false),
            (Check::Ipv4, "127.0.0.1", false),
            (Check::Ipv6, "2001:db8::1", true),
            (Check::Ipv6, "12:30:00", false),
            (Check::Ipv6, "::1", false),
            (Check::Mac, "00:00:00:00:00:00", false),
            (Check::Ssn, "536-90-4399", true),
            (Check::Ssn, "666-90-4399", false),
            (Check::Ssn, "536-00-4399", false),
            (Check::Date, "1987-03-14", true),
            (Check::Date, "1987-03-14T00:00:00Z", true),
            (Check::Date, "14.3.1987", true),
            (Check::Date, "3/14/87", true),
            (Check::Date, "19870314", true),
            (Check::Date, "1987年3月14日", true),
            (Check::Date, "14. März 1987", true),
            (Check::Date, "March 14th, 1987", true),
            (Check::Date, "1987-13-14", false),
            (Check::Date, "31.02.1987", false),
            (Check::Coordinates, "52.5200, 13.4050", true),
            (Check::Coordinates, "0.0000,0.0000", false),
            (Check::Coordinates, "97.5200, 13.4050", false),
            (Check::Degrees, "-181.5", false),
            (Check::Imei, "490154203237518", true),
            (Check::Imei, "490154203237519", false),
            (Check::NotZero, "00000000-0000-0000-0000-000000000000", false),
            (Check::NotAWord, "False", false),
            (Check::Masked, "Z**", true),
            (Check::Masked, "प्रि*", true),
            (Check::Masked, "2 * 3", false),
            (Check::Assigned, "password: 1234", true),
            (Check::Assigned, "password=hunter22", true),
            (Check::Assigned, "password: ********", false),
            (Check::Assigned, "password: [redacted]", false),
        ] {
            check(name, found, expected);
        }
    }
}
