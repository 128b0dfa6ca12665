//! `dates`: an instant with an offset becomes the same in UTC, and a date its first instant in UTC.

use jiff::{Span, civil::DateTime};

use crate::schema::{DateParts, parse_date};

/// The instant in UTC, with `Z`. A time without a zone is no instant, and stays.
pub(super) fn repair(value: &str) -> Option<String> {
    if value.ends_with('Z') {
        return None;
    }
    let parts = parse_date(value.as_bytes())?;
    let utc = in_utc(parts)?;
    Some(format!("{}{}Z", utc.strftime("%Y-%m-%dT%H:%M:%S"), fraction(value)))
}

/// None where the year is over in UTC and there is no such year.
fn in_utc(parts: DateParts) -> Option<DateTime> {
    let time = parts.time;
    let small = |number: u8| i8::try_from(number).ok();
    let local = DateTime::new(
        i16::try_from(parts.year).ok()?,
        small(parts.month)?,
        small(parts.day)?,
        small(time.map_or(0, |time| time.hour))?,
        small(time.map_or(0, |time| time.minute))?,
        small(time.map_or(0, |time| time.second))?,
        0,
    );
    let offset = Span::new().minutes(i64::from(time.map_or(0, |time| time.offset_minutes)));
    local.ok()?.checked_sub(offset).ok().filter(|utc| (0..=9999).contains(&utc.year()))
}

/// The digits below a second as they stand, with their point.
fn fraction(value: &str) -> &str {
    let from = value.find('.').unwrap_or(value.len());
    let (_, rest) = value.split_at(from);
    let len = rest.bytes().take_while(|byte| *byte == b'.' || byte.is_ascii_digit()).count();
    rest.split_at(len).0
}
