//! `[aws]`: the identity used at AWS, and how to connect to S3. The section has no secrets: the
//! standard credential chain of AWS finds the credentials.
//!
//! Whatever would be a secret is refused and not shown: settings such as `secret_access_key`, and
//! user names and passwords in URLs.

use std::ops::RangeInclusive;

use super::document::{
    Diagnostics, Entry, Item, Origin, Section, Spanned, Table, Value, has_credentials,
    has_signature,
};

/// `[aws]`. For what is `None`, the standard configuration of AWS applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aws {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub path_style: Option<bool>,
    pub dual_stack: bool,
    pub fips: bool,
    pub allow_http: bool,
    /// The ARN of a role to assume.
    pub role: Option<String>,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    /// The AWS account that must own every bucket that is written to.
    pub expected_bucket_owner: Option<String>,
    pub checksum: AwsChecksum,
    /// The number of seconds for which a server may send nothing.
    pub patience: Option<u64>,
}

/// The checksum that is sent with the bytes of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AwsChecksum {
    #[default]
    Crc64Nvme,
    Crc32C,
    Crc32,
    Sha256,
    None,
}

const CHECKSUMS: [(&str, AwsChecksum); 5] = [
    ("crc64nvme", AwsChecksum::Crc64Nvme),
    ("crc32c", AwsChecksum::Crc32C),
    ("crc32", AwsChecksum::Crc32),
    ("sha256", AwsChecksum::Sha256),
    ("none", AwsChecksum::None),
];

/// The settings of `[aws]` that are strings. A string under any other key may be a secret.
const TEXTS: [&str; 8] = [
    "region",
    "profile",
    "endpoint_url",
    "role",
    "external_id",
    "session_name",
    "expected_bucket_owner",
    "checksum",
];
/// The largest `patience`, in seconds.
const PATIENCE_MAX: u64 = 600;
/// The number of digits of an AWS account id.
const ACCOUNT_DIGITS: usize = 12;

/// Returns the spans of strings that may contain a secret of AWS or of a URL.
pub(super) fn secrets(root: &Table) -> Vec<Origin> {
    let mut secrets = Vec::new();
    for Entry { key, item, .. } in &root.entries {
        if let (Some(table), "aws") = (item.value.as_table(), key.as_str()) {
            let unknown = table.entries.iter().filter(|entry| !TEXTS.contains(&entry.key.as_str()));
            secrets.extend(unknown.filter(|e| e.item.value.as_text().is_some()).map(|e| e.item.at));
        }
        collect_urls(item, &mut secrets);
    }
    secrets
}

fn collect_urls(item: &Item, secrets: &mut Vec<Origin>) {
    match &item.value {
        Value::Text(text) if has_credentials(text) => secrets.push(item.at),
        Value::List(items) => items.iter().for_each(|item| collect_urls(item, secrets)),
        Value::Table(table) => {
            table.entries.iter().for_each(|entry| collect_urls(&entry.item, secrets));
        }
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Date => {}
    }
}

pub(super) fn read(root: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Aws {
    let Some(mut section) = root.section("aws", diagnostics) else { return Aws::default() };
    let mut checked = |key, help, is_valid| text_if(&mut section, key, help, is_valid, diagnostics);
    let role = checked("role", ROLE_HELP, is_role);
    let external_id = checked("external_id", EXTERNAL_ID_HELP, is_external_id);
    let session_name = checked("session_name", SESSION_HELP, is_session_name);
    let region = checked("region", REGION_HELP, is_region);
    let profile = checked("profile", PROFILE_HELP, is_line);
    let expected_bucket_owner = checked("expected_bucket_owner", OWNER_HELP, is_account);
    if role.is_none() {
        refuse_role_settings(&mut section, diagnostics);
    }
    let allow_http = section.boolean("allow_http", diagnostics).unwrap_or(false);
    let endpoint_url = read_endpoint(&mut section, allow_http, diagnostics);
    let fips = section.boolean("fips", diagnostics).unwrap_or(false);
    if let Some(entry) = section.entry("fips").filter(|_| fips && endpoint_url.is_some()) {
        let message = "`fips` and `endpoint_url` both choose the endpoint";
        diagnostics.push(entry.key_at, message, "", "remove one of them");
    }
    let aws = Aws {
        region,
        profile,
        endpoint_url,
        path_style: section.boolean("path_style", diagnostics),
        dual_stack: section.boolean("dual_stack", diagnostics).unwrap_or(false),
        fips,
        allow_http,
        role,
        external_id,
        session_name,
        expected_bucket_owner,
        checksum: section.choice("checksum", &CHECKSUMS, &[], diagnostics).unwrap_or_default(),
        patience: section.whole("patience", 1..=PATIENCE_MAX, diagnostics),
    };
    section.finish(diagnostics);
    aws
}

/// Reports a setting that needs `role`.
fn refuse_role_settings(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) {
    if let Some(entry) = section.entry("external_id").or_else(|| section.entry("session_name")) {
        let message = format!("`{}` needs `role`", entry.key);
        diagnostics.push(entry.key_at, message, "", "set `role`, or remove it");
    }
}

const REGION_HELP: &str = "name an AWS Region, such as `eu-central-1`";
const PROFILE_HELP: &str = "name a profile of `~/.aws/config`";
const ROLE_HELP: &str = "write its ARN, such as `arn:aws:iam::111122223333:role/segprep`";
const EXTERNAL_ID_HELP: &str = "use 2 to 1,224 letters, digits and characters of `+=,.@:/-_`";
const SESSION_HELP: &str = "use 2 to 64 letters, digits and characters of `+=,.@-_`";
const OWNER_HELP: &str = "write the 12 digits of an AWS account";
const ENDPOINT_HELP: &str = "write it as `https://s3.example.com`, without a path";

fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn is_line(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_role(text: &str) -> bool {
    text.starts_with("arn:aws") && text.contains(":role/") && is_line(text)
}

fn has_only(text: &str, lengths: RangeInclusive<usize>, punctuation: &str) -> bool {
    lengths.contains(&text.len())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || punctuation.contains(char))
}

fn is_external_id(text: &str) -> bool {
    has_only(text, 2..=1224, "+=,.@:/-_")
}

fn is_session_name(text: &str) -> bool {
    has_only(text, 2..=64, "+=,.@-_")
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns a string setting if it is valid. The value is not shown if it is not.
fn text_if(
    section: &mut Section<'_>,
    key: &'static str,
    help: &str,
    is_valid: fn(&str) -> bool,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<String> {
    let text = section.text(key, diagnostics)?;
    if is_valid(text.value) {
        return Some(text.value.to_owned());
    }
    diagnostics.push(text.at, format!("`{key}` is not valid"), "", help);
    None
}

fn read_endpoint(
    section: &mut Section<'_>,
    allow_http: bool,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<String> {
    let url = section.text("endpoint_url", diagnostics)?;
    if let Some((message, help)) = check_endpoint(url, allow_http) {
        diagnostics.push(url.at, message, "", help);
        return None;
    }
    Some(url.value.to_owned())
}

/// Returns what is wrong with a URL, with a hint.
fn check_endpoint(url: Spanned<&str>, allow_http: bool) -> Option<(&'static str, &'static str)> {
    if has_signature(url.value) {
        return Some(("`endpoint_url` contains a signature", ENDPOINT_HELP));
    }
    if has_credentials(url.value) {
        let help = "remove them: a profile or the environment has the credentials";
        return Some(("`endpoint_url` contains a user name or a password", help));
    }
    let (scheme, rest) = url.value.split_once("://").unwrap_or(("", url.value));
    let host = rest.trim_end_matches('/');
    let is_host = |char: char| char.is_ascii_alphanumeric() || "-.:[]".contains(char);
    if !matches!(scheme, "http" | "https") || host.is_empty() || !host.chars().all(is_host) {
        return Some(("`endpoint_url` is not the URL of a server", ENDPOINT_HELP));
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    if scheme == "http" && !is_local && !allow_http {
        let help = "use `https://`, or set `allow_http = true`, with which others may read and change \
                    the data on its way";
        return Some(("`endpoint_url` is plain HTTP to another machine", help));
    }
    None
}
