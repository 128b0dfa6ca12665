//! `dates`: converts an instant with an offset to UTC, and a date to midnight of that day in UTC.

use crate::schema::parse_date;

/// Returns the instant in UTC, with `Z`.
///
/// Returns `None` for a value that already ends in `Z`, that is not a date of ISO 8601 (such as a
/// time without an offset), or whose year in UTC is not 0000 to 9999.
pub(super) fn repair(value: &str) -> Option<String> {
    if value.ends_with('Z') {
        return None;
    }
    let utc = parse_date(value.as_bytes())?.in_utc()?;
    Some(format!("{}{}Z", utc.strftime("%Y-%m-%dT%H:%M:%S"), fraction(value)))
}

/// The fraction of a second as written, with its point; empty if there is none.
fn fraction(value: &str) -> &str {
    let from = value.find('.').unwrap_or(value.len());
    let (_, rest) = value.split_at(from);
    let len = rest.bytes().take_while(|byte| *byte == b'.' || byte.is_ascii_digit()).count();
    rest.split_at(len).0
}
