//! The limits of a target: what an output is for, read from `schemas/targets/NAME.toml`.
//!
//! All lengths, counts and sizes of a target are in its file, and none in the code.

use serde::Deserialize;

use super::value::{SchemaError, SchemaErrorKind};

/// The targets in this program: the names of their files, and the texts.
const SHIPPED: &[(&str, &str)] =
    &[("pinpoint.toml", include_str!("../../schemas/targets/pinpoint.toml"))];

/// A target and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The name in definitions: `pinpoint`.
    pub name: String,
    /// The name of its file: `pinpoint.toml`.
    pub file: String,
    pub limits: Limits,
    pub formats: FormatLimits,
    pub job: JobLimits,
}

/// The limits of a record as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most code points in a name of a map. (The fewest are 1.)
    pub name_length: usize,
    /// Characters that are not allowed in names of maps.
    pub name_chars: String,
    /// The most code points in a value of a map of lists.
    pub value_length: usize,
    /// The most values under one name of a map of lists.
    pub value_count: usize,
    /// The most names in all maps of a record together.
    pub attribute_count: usize,
    /// The most bytes of a record as compact JSON.
    pub endpoint_size: usize,
    /// The most records with one user id.
    pub endpoints_per_user: u64,
    /// Limits of single fields.
    #[serde(default)]
    pub fields: Vec<FieldLimit>,
}

/// A limit of the size of one field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldLimit {
    /// The field's path: `Address`.
    pub path: String,
    /// The path of another field, and its values for which the limit applies. `None`: always.
    pub when: Option<(String, Vec<String>)>,
    /// The most bytes of the value in UTF-8.
    pub max_bytes: usize,
}

/// The limits of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatLimits {
    /// The most bytes of an email address before the `@`.
    pub email_local: usize,
    /// The most bytes of an email address.
    pub email_total: usize,
}

/// The limits of one import job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobLimits {
    /// The most bytes of all its files together.
    pub bytes: u64,
    /// The most files.
    pub files: u64,
}

/// The contents of a target's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFile {
    limits: Limits,
    formats: FormatLimits,
    job: JobLimits,
}

/// Returns the file name and the text of the target of that name (`pinpoint`).
pub(super) fn shipped(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.iter().copied().find(|(file, _)| target_name(file) == name)
}

impl Target {
    /// Parses the text of a target's file.
    pub(super) fn parse(file: &str, text: &str) -> Result<Target, SchemaError> {
        let TargetFile { limits, formats, job } =
            toml::from_str(text).map_err(|error| syntax_error(file, text, &error))?;
        Ok(Target {
            name: target_name(file).to_owned(),
            file: file.to_owned(),
            limits,
            formats,
            job,
        })
    }

    /// The name of a limit as a rule: `pinpoint.toml#value_length`.
    pub fn rule(&self, key: &str) -> String {
        format!("{}#{key}", self.file)
    }
}

fn target_name(file: &str) -> &str {
    file.strip_suffix(".toml").unwrap_or(file)
}

fn syntax_error(file: &str, text: &str, error: &toml::de::Error) -> SchemaError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    SchemaError {
        location: format!("{file}:{line}"),
        kind: SchemaErrorKind::Syntax(error.message().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinpoint() -> (&'static str, &'static str) {
        shipped("pinpoint").expect("it is shipped")
    }

    /// Parses the shipped file with `from` replaced.
    #[track_caller]
    fn changed(from: &str, to: &str) -> Result<Target, SchemaError> {
        let (file, text) = pinpoint();
        assert!(text.contains(from), "{from}");
        Target::parse(file, &text.replacen(from, to, 1))
    }

    #[test]
    fn pinpoint_has_the_numbers_of_its_pages() {
        let (file, text) = pinpoint();
        let target = Target::parse(file, text).expect("it is well formed");
        assert_eq!((target.name.as_str(), target.file.as_str()), ("pinpoint", "pinpoint.toml"));
        let Limits { name_length, name_chars, value_length, value_count, .. } = &target.limits;
        assert_eq!((*name_length, name_chars.as_str()), (50, "#:?\\/"));
        assert_eq!((*value_length, *value_count), (100, 50));
        assert_eq!(target.limits.attribute_count, 250);
        assert_eq!(target.limits.endpoint_size, 15_000);
        assert_eq!(target.formats, FormatLimits { email_local: 64, email_total: 254 });
        assert_eq!(target.job, JobLimits { bytes: 1_000_000_000, files: 10_000 });
        let [tokens] = target.limits.fields.as_slice() else { panic!("one limit of a field") };
        assert_eq!((tokens.path.as_str(), tokens.max_bytes), ("Address", 4096));
        let (on, channels) = tokens.when.as_ref().expect("it depends on the channel");
        assert_eq!(on, "ChannelType");
        assert_eq!(channels.len(), 8);
        for other in ["SMS", "VOICE", "EMAIL", "CUSTOM", "IN_APP"] {
            assert!(!channels.iter().any(|channel| channel == other), "{other}");
        }
    }

    #[test]
    fn a_number_comes_from_the_file() {
        let target = changed("value_length = 100", "value_length = 7").expect("well formed");
        assert_eq!(target.limits.value_length, 7);
        let target = changed("email_local = 64", "email_local = 8").expect("well formed");
        assert_eq!(target.formats.email_local, 8);
    }

    #[test]
    fn errors_say_where() {
        let error = changed("value_length = 100", "value_lenght = 100").expect_err("no such key");
        assert!(error.to_string().starts_with("`pinpoint.toml:"), "{error}");
        assert!(error.to_string().contains("unknown field `value_lenght`"), "{error}");
        changed("files = 10_000", "files = -1").expect_err("a count is not negative");
        changed("[job]", "[jobs]").expect_err("no such table");
        changed("value_count = 50\n", "").expect_err("each limit is needed");
    }

    #[test]
    fn a_limit_names_its_rule() {
        let (file, text) = pinpoint();
        let target = Target::parse(file, text).expect("it is well formed");
        assert_eq!(target.rule("value_length"), "pinpoint.toml#value_length");
        assert!(shipped("nowhere").is_none());
        assert!(shipped("pinpoint.toml").is_none());
    }
}
