//! How the objects of an output or an account in a bucket are stored: encryption, storage class and
//! tags.

use super::document::{Diagnostics, Section, Spanned, Table, Value};

/// The settings of objects. They have no effect on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storing {
    pub encryption: Option<Encryption>,
    pub storage_class: Option<String>,
    /// Names and values, in the order of the definition.
    pub tags: Vec<(String, String)>,
}

/// Encryption at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// SSE-S3.
    S3,
    /// SSE-KMS.
    Kms { key_id: Option<String>, bucket_key: Option<bool>, context: Vec<(String, String)> },
}

impl Storing {
    /// Whether no setting is set.
    pub fn is_default(&self) -> bool {
        *self == Storing::default()
    }
}

/// The storage classes from which objects can be read at once. The others are archives.
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
/// More digits than this in a row may be a telephone number.
const DIGITS_MAX: usize = 6;

pub(super) fn read(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Storing {
    let encryption = read_encryption(section, diagnostics);
    let classes = CLASSES.map(|class| (class, class));
    let class =
        section.choice("storage_class", &classes, &["GLACIER", "DEEP_ARCHIVE"], diagnostics);
    let tags = read_table(section, "tags", diagnostics);
    check_tags(section, &tags, diagnostics);
    Storing { encryption, storage_class: class.map(str::to_owned), tags }
}

/// Reads the settings about encryption.
pub(super) fn read_encryption(
    section: &mut Section<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<Encryption> {
    let is_kms = section.choice("sse", &[("s3", false), ("kms", true)], &[], diagnostics);
    let key_id =
        section.text("kms_key_id", diagnostics).and_then(|id| read_key_id(id, diagnostics));
    let bucket_key = section.boolean("bucket_key", diagnostics);
    let context = read_table(section, "encryption_context", diagnostics);
    if is_kms != Some(true) {
        for key in ["kms_key_id", "bucket_key", "encryption_context"] {
            if let Some(entry) = section.entry(key) {
                let message = format!("`{key}` needs `sse = \"kms\"`");
                diagnostics.push(entry.key_at, message, "", "set `sse`, or remove it");
            }
        }
    }
    is_kms.map(|is_kms| {
        if is_kms { Encryption::Kms { key_id, bucket_key, context } } else { Encryption::S3 }
    })
}

fn read_key_id(id: Spanned<&str>, diagnostics: &mut Diagnostics<'_>) -> Option<String> {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || ":/_-".contains(char);
    if (1..=2048).contains(&id.value.len()) && id.value.chars().all(is_allowed) {
        return Some(id.value.to_owned());
    }
    let help = "write the id of a key, its ARN, or `alias/NAME`";
    diagnostics.push(id.at, "`kms_key_id` is not the id of a key", "", help);
    None
}

/// Reads a table of strings, none of which may be personal data.
fn read_table(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<(String, String)> {
    let Some(item) = section.item(key) else { return Vec::new() };
    let help = format!("write `{key} = {{ name = \"value\" }}`");
    let Some(Table { entries }) = item.value.as_table() else {
        diagnostics.push(item.at, format!("`{key}` is {}", item.value.kind()), "", help);
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in entries {
        match &entry.item.value {
            Value::Text(text) if is_fixed_word(text) => {
                pairs.push((entry.key.clone(), text.clone()));
            }
            Value::Text(_) => {
                let message = format!(
                    "a value of `{key}` looks like an address, a telephone number or a template"
                );
                let help =
                    "it is stored with every object, where others can read it: write a fixed word";
                diagnostics.push(entry.item.at, message, "may be personal data", help);
            }
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date
            | Value::List(_)
            | Value::Table(_) => {
                let message = format!("a value of `{key}` is {}", entry.item.value.kind());
                diagnostics.push(entry.item.at, message, "", help.clone());
            }
        }
    }
    pairs
}

/// Whether a value is a fixed word: not an address, a telephone number or a template.
fn is_fixed_word(value: &str) -> bool {
    let digits = value.split(|char: char| !(char.is_ascii_digit() || " -()".contains(char)));
    let is_long = |run: &str| DIGITS_MAX < run.bytes().filter(u8::is_ascii_digit).count();
    !value.contains(['@', '{', '}', '$']) && !digits.into_iter().any(is_long)
}

fn check_tags(
    section: &mut Section<'_>,
    tags: &[(String, String)],
    diagnostics: &mut Diagnostics<'_>,
) {
    let Some(entry) = section.entry("tags") else { return };
    let is_allowed = |char: char| char.is_alphanumeric() || "+-=._:/ ".contains(char);
    let is_tag = |(name, value): &(String, String)| {
        (1..=TAG_NAME_MAX).contains(&name.chars().count())
            && value.chars().count() <= TAG_VALUE_MAX
            && !name.starts_with("aws:")
            && name.chars().chain(value.chars()).all(is_allowed)
    };
    if TAGS_MAX < tags.len() || !tags.iter().all(is_tag) {
        let help = "use at most 10 tags of letters, digits, spaces and `+-=._:/`, with names of up to 128 \
                    characters and values of up to 256";
        diagnostics.push(entry.key_at, "`tags` has something that S3 does not accept", "", help);
    }
}

#[cfg(test)]
mod tests {
    use super::is_fixed_word;

    #[test]
    fn personal_data_is_not_a_fixed_word() {
        for (value, expected) in [
            ("marketing", true),
            ("cost centre 1234", true),
            ("2026-11", true),
            ("ada@example.com", false),
            ("+1 (202) 555-0191", false),
            ("{date}", false),
            ("${USER}", false),
        ] {
            assert_eq!(is_fixed_word(value), expected, "{value}");
        }
    }
}
