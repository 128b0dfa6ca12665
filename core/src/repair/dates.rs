//! `dates`: converts an instant with an offset to UTC, and a date to midnight of that day in UTC. With a
//! zone, also a local time, unless the zone has it twice or not at all. There may be a blank between date
//! and time.

use crate::schema::{DateZone, parse_date, parse_local_time};

/// Returns the instant in UTC, with `Z`.
///
/// Returns `None` for a value that already is one, that is not a date of ISO 8601 (such as a time without
/// an offset, if there is no zone), or whose year in UTC is not 0000 to 9999.
pub(super) fn repair(value: &str, zone: Option<&DateZone>) -> Option<String> {
    let with_t = match value.as_bytes().get(10) {
        Some(b' ') => format!("{}T{}", value.get(..10)?, value.get(11..)?),
        _ if value.ends_with('Z') => return None,
        _ => value.to_owned(),
    };
    let utc = match parse_date(with_t.as_bytes()) {
        Some(date) => date.in_utc()?,
        None => zone?.in_utc(parse_local_time(with_t.as_bytes())?)?,
    };
    Some(format!("{}{}Z", utc.strftime("%Y-%m-%dT%H:%M:%S"), fraction(value)))
}

/// The fraction of a second as written, with its point; empty if there is none.
fn fraction(value: &str) -> &str {
    let from = value.find('.').unwrap_or(value.len());
    let (_, rest) = value.split_at(from);
    let len = rest.bytes().take_while(|byte| *byte == b'.' || byte.is_ascii_digit()).count();
    rest.split_at(len).0
}
