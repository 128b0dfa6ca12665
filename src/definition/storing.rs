//! How objects are stored in a bucket: encryption, storage class and tags, of an output or the
//! account.

use super::document::{Diagnostics, Section, Spanned, Table, Value};

/// Settings of objects, read and typed. On disk they say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storing {
    pub encryption: Option<Encryption>,
    pub storage_class: Option<String>,
    /// In the order of the text.
    pub tags: Vec<(String, String)>,
}

/// Encryption at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    S3,
    Kms { key_id: Option<String>, bucket_key: Option<bool>, context: Vec<(String, String)> },
}

impl Storing {
    /// Whether it asks for nothing.
    pub fn is_default(&self) -> bool {
        *self == Storing::default()
    }
}

/// Classes that can be read at once; others are archives.
const CLASSES: [&str; 7] = [
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "REDUCED_REDUNDANCY",
    "EXPRESS_ONEZONE",
];
const TAGS_MAX: usize = 10;
const TAG_NAME_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;
/// As many digits in a row may be a telephone number.
const DIGITS_MAX: usize = 6;

pub(crate) fn read(section: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Storing {
    let is_kms = section.choice("sse", &[("s3", false), ("kms", true)], &[], faults);
    let key_id = section.text("kms_key_id", faults).and_then(|id| read_key_id(id, faults));
    let bucket_key = section.boolean("bucket_key", faults);
    let context = read_table(section, "encryption_context", faults);
    if is_kms != Some(true) {
        for key in ["kms_key_id", "bucket_key", "encryption_context"] {
            if let Some(entry) = section.entry(key) {
                let what = format!("`{key}` is for `sse = \"kms\"`");
                faults.push(entry.key_at, what, "", "set `sse`, or leave it out");
            }
        }
    }
    let classes = CLASSES.map(|class| (class, class));
    let class = section.choice("storage_class", &classes, &["GLACIER", "DEEP_ARCHIVE"], faults);
    let tags = read_table(section, "tags", faults);
    check_tags(section, &tags, faults);
    Storing {
        encryption: is_kms.map(|is_kms| {
            if is_kms { Encryption::Kms { key_id, bucket_key, context } } else { Encryption::S3 }
        }),
        storage_class: class.map(str::to_owned),
        tags,
    }
}

fn read_key_id(id: Spanned<&str>, faults: &mut Diagnostics<'_>) -> Option<String> {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || ":/_-".contains(char);
    if (1..=2048).contains(&id.value.len()) && id.value.chars().all(is_allowed) {
        return Some(id.value.to_owned());
    }
    let help = "write a key's id, its ARN, or `alias/NAME`";
    faults.push(id.at, "`kms_key_id` is no id of a key", "", help);
    None
}

/// A table of texts.
fn read_table(
    section: &mut Section<'_>,
    key: &'static str,
    faults: &mut Diagnostics<'_>,
) -> Vec<(String, String)> {
    let Some(item) = section.take(key) else { return Vec::new() };
    let help = format!("write `{key} = {{ name = \"value\" }}`");
    let Some(Table { entries }) = item.value.as_table() else {
        faults.push(item.at, format!("`{key}` is {}", item.value.kind()), "", help);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in entries {
        match &entry.item.value {
            Value::Text(text) if is_fit(text) => pairs.push((entry.key.clone(), text.clone())),
            Value::Text(_) => {
                let what = format!(
                    "a value of `{key}` looks like an address, a number of a person, or a template"
                );
                let help = "it stands with every object, for all to see: write a fixed word";
                faults.push(entry.item.at, what, "not of a person", help);
            }
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date
            | Value::List(_)
            | Value::Table(_) => {
                let what = format!("a value of `{key}` is {}", entry.item.value.kind());
                faults.push(entry.item.at, what, "", help.clone());
            }
        }
    }
    pairs
}

/// Whether a value is a fixed word, and no datum of a person.
fn is_fit(value: &str) -> bool {
    let digits = value.split(|char: char| !(char.is_ascii_digit() || " -()".contains(char)));
    let is_long = |run: &str| DIGITS_MAX < run.bytes().filter(u8::is_ascii_digit).count();
    !value.contains(['@', '{', '}', '$']) && !digits.into_iter().any(is_long)
}

fn check_tags(section: &mut Section<'_>, tags: &[(String, String)], faults: &mut Diagnostics<'_>) {
    let Some(entry) = section.entry("tags") else { return };
    let is_allowed = |char: char| char.is_alphanumeric() || "+-=._:/ ".contains(char);
    let is_tag = |(name, value): &(String, String)| {
        (1..=TAG_NAME_MAX).contains(&name.chars().count())
            && value.chars().count() <= TAG_VALUE_MAX
            && !name.starts_with("aws:")
            && name.chars().chain(value.chars()).all(is_allowed)
    };
    if TAGS_MAX < tags.len() || !tags.iter().all(is_tag) {
        let help = "at most 10, of letters, digits, spaces and `+-=._:/`; names up to 128 characters, values up to 256";
        faults.push(entry.key_at, "`tags` has what S3 does not take", "", help);
    }
}

#[cfg(test)]
mod tests {
    use super::is_fit;

    #[test]
    fn a_value_of_a_person_is_no_tag() {
        for (value, expected) in [
            ("marketing", true),
            ("cost centre 1234", true),
            ("2026-11", true),
            ("ada@example.com", false),
            ("+1 (202) 555-0191", false),
            ("{date}", false),
            ("${USER}", false),
        ] {
            assert_eq!(is_fit(value), expected, "{value}");
        }
    }
}
