//! Checks an endpoint: its kind, enums, formats, and the limits of the written record.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    country,
    endpoint::{Endpoint, Location, Named},
    tables,
};

/// A problem: its field and code, never the value.
#[derive(Serialize)]
pub(super) struct Problem {
    field: String,
    code: &'static str,
}

impl Problem {
    pub(super) fn new(field: impl Into<String>, code: &'static str) -> Problem {
        Problem { field: field.into(), code }
    }
}

const CHANNEL_TYPES: &[&str] = &[
    "ADM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "BAIDU",
    "CUSTOM",
    "EMAIL",
    "GCM",
    "IN_APP",
    "PUSH",
    "SMS",
    "VOICE",
];

/// Limits of the format: <https://docs.aws.amazon.com/pinpoint/latest/developerguide/quotas.html>.
const NAME_CHARS_MAX: usize = 50;
const VALUE_CHARS_MAX: usize = 100;
const VALUES_MAX: usize = 50;
const NAMES_MAX: usize = 250;
const ENDPOINT_BYTES_MAX: usize = 15_000;
const PUSH_TOKEN_BYTES_MAX: usize = 4_096;

/// Checks the values of the input.
pub(super) fn values(endpoint: &Endpoint) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut check = |field: &str, value: Option<&str>, judge: fn(&str) -> Option<&'static str>| {
        let code = value.and_then(judge);
        problems.extend(code.map(|code| Problem::new(field, code)));
    };
    check("Id", endpoint.id.as_deref(), identifier);
    check("ChannelType", endpoint.channel_type.as_deref(), |v| {
        empty(v).or_else(|| word(v, CHANNEL_TYPES))
    });
    let address = address_judge(endpoint.channel_type.as_deref());
    check("Address", endpoint.address.as_deref(), address);
    check("OptOut", endpoint.opt_out.as_deref(), |v| word(v, &["ALL", "NONE"]));
    check("EndpointStatus", endpoint.endpoint_status.as_deref(), |v| {
        word(v, &["ACTIVE", "INACTIVE"])
    });
    check("EffectiveDate", endpoint.effective_date.as_deref(), date);
    let location = endpoint.location.as_ref();
    check("Location.Country", location.and_then(|l| l.country.as_deref()), |v| {
        (!country::is_assigned(v)).then_some("country")
    });
    let demographic = endpoint.demographic.as_ref();
    check("Demographic.Locale", demographic.and_then(|d| d.locale.as_deref()), |v| {
        (!tables::is_locale(v)).then_some("locale")
    });
    check("Demographic.Timezone", demographic.and_then(|d| d.timezone.as_deref()), |v| {
        (!tables::is_timezone(v)).then_some("timezone")
    });
    check("User.UserId", endpoint.user_id(), identifier);
    problems.extend(location.and_then(coordinates));
    problems.extend(kind(endpoint));
    problems
}

/// Checks the limits of the record to be written: names, values, and length in bytes.
pub(super) fn limits(endpoint: &Endpoint, bytes: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names = 0;
    for (prefix, map) in [
        ("Attributes", endpoint.attributes.as_ref()),
        ("User.UserAttributes", endpoint.user_attributes()),
    ] {
        for (name, values) in map.iter().flat_map(|Named(entries)| entries) {
            names += 1;
            let code = name_code(name).or_else(|| values_code(values));
            problems.extend(code.map(|code| Problem::new(format!("{prefix}.{name}"), code)));
        }
    }
    for (name, _) in endpoint.metrics.iter().flat_map(|Named(entries)| entries) {
        names += 1;
        problems.extend(name_code(name).map(|code| Problem::new(format!("Metrics.{name}"), code)));
    }
    problems.extend((NAMES_MAX < names).then(|| Problem::new("", "attribute_count")));
    problems.extend((ENDPOINT_BYTES_MAX < bytes).then(|| Problem::new("", "endpoint_size")));
    problems
}

/// An endpoint has an address and a channel; an update has neither, but an Id.
fn kind(endpoint: &Endpoint) -> Option<Problem> {
    match (&endpoint.address, &endpoint.channel_type, &endpoint.id) {
        (Some(_), Some(_), _) | (None, None, Some(_)) => None,
        (Some(_), None, _) => Some(Problem::new("ChannelType", "missing")),
        (None, Some(_), _) => Some(Problem::new("Address", "missing")),
        (None, None, None) => Some(Problem::new("Id", "missing")),
    }
}

fn identifier(value: &str) -> Option<&'static str> {
    empty(value).or_else(|| is_token(value).then_some("already_token"))
}

fn empty(value: &str) -> Option<&'static str> {
    value.is_empty().then_some("empty")
}

fn is_token(value: &str) -> bool {
    value.strip_prefix("hmac:k1:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn word(value: &str, words: &[&str]) -> Option<&'static str> {
    (!words.contains(&value)).then_some("enum")
}

fn address_judge(channel_type: Option<&str>) -> fn(&str) -> Option<&'static str> {
    match channel_type {
        Some("EMAIL") => |value| judged_address(value, is_email, "email"),
        Some("SMS" | "VOICE") => |value| judged_address(value, is_phone, "phone"),
        _ => |value| judged_address(value, |v| v.len() <= PUSH_TOKEN_BYTES_MAX, "range"),
    }
}

fn judged_address(
    value: &str,
    is_well_formed: fn(&str) -> bool,
    code: &'static str,
) -> Option<&'static str> {
    empty(value).or_else(|| (!is_well_formed(value)).then_some(code))
}

/// E.164: a plus sign and 7 to 15 digits, the first of which is not zero.
fn is_phone(value: &str) -> bool {
    value.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A dot-atom of at most 64 bytes, `@`, and a domain of two labels or more; 254 bytes in all.
fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    value.len() <= 254
        && local.len() <= 64
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// RFC 5322, section 3.2.3.
fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn date(value: &str) -> Option<&'static str> {
    value.parse::<Timestamp>().is_err().then_some("date")
}

fn coordinates(location: &Location) -> Option<Problem> {
    let outside = |value: &Option<serde_json::Number>, limit: f64| {
        value.as_ref().and_then(serde_json::Number::as_f64).is_some_and(|v| limit < v.abs())
    };
    if outside(&location.latitude, 90.0) {
        Some(Problem::new("Location.Latitude", "range"))
    } else if outside(&location.longitude, 180.0) {
        Some(Problem::new("Location.Longitude", "range"))
    } else {
        None
    }
}

fn name_code(name: &str) -> Option<&'static str> {
    if NAME_CHARS_MAX < name.chars().count() {
        Some("name_length")
    } else {
        name.contains(['#', ':', '?', '\\', '/']).then_some("name_chars")
    }
}

fn values_code(values: &[String]) -> Option<&'static str> {
    if VALUES_MAX < values.len() {
        Some("value_count")
    } else {
        let is_long = |value: &String| VALUE_CHARS_MAX < value.chars().count();
        values.iter().any(is_long).then_some("value_length")
    }
}
