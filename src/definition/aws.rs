//! `[aws]`: who we are, where S3 is, and how it is spoken to. No secret stands here: the standard
//! chain of AWS finds credentials.
//!
//! What would be a secret is refused and not shown: settings such as `secret_access_key`, and
//! names and passwords in a URL.

use super::document::{
    Diagnostics, Entry, Item, Origin, Section, Spanned, Table, Value, has_credentials,
};

/// `[aws]`, read and typed. What is none is left to the standard chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aws {
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub path_style: Option<bool>,
    pub dual_stack: bool,
    pub fips: bool,
    pub allow_http: bool,
    pub role: Option<String>,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    /// The account that every bucket we write to has to belong to.
    pub expected_bucket_owner: Option<String>,
    pub checksum: AwsChecksum,
    /// How many seconds a server may send nothing.
    pub patience: Option<u64>,
}

/// What is sent with the bytes of an object.
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

/// Settings of `[aws]` that hold text; whatever else does may be a secret.
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
/// The longest that a server may be silent.
const PATIENCE_MAX: u64 = 600;
const ACCOUNT_DIGITS: usize = 12;

/// The spans of texts that may hold a secret of AWS or of a URL.
pub(crate) fn secrets(root: &Table) -> Vec<Origin> {
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

pub(crate) fn read(root: &mut Section<'_>, faults: &mut Diagnostics<'_>) -> Aws {
    let Some(mut section) = root.section("aws", faults) else { return Aws::default() };
    let role = text_like(&mut section, "role", ROLE_HELP, is_role, faults);
    let external_id =
        text_like(&mut section, "external_id", EXTERNAL_ID_HELP, is_external_id, faults);
    let session_name = text_like(&mut section, "session_name", SESSION_HELP, is_session, faults);
    if let (None, Some(entry)) =
        (&role, section.entry("external_id").or_else(|| section.entry("session_name")))
    {
        let what = format!("`{}` is for a `role`, and there is none", entry.key);
        faults.push(entry.key_at, what, "", "set `role`, or leave it out");
    }
    let region = text_like(&mut section, "region", REGION_HELP, is_region, faults);
    let profile =
        text_like(&mut section, "profile", "name a profile of `~/.aws/config`", is_line, faults);
    let allow_http = section.boolean("allow_http", faults).unwrap_or(false);
    let endpoint_url = read_endpoint(&mut section, allow_http, faults);
    let fips = section.boolean("fips", faults).unwrap_or(false);
    if let Some(entry) = section.entry("fips").filter(|_| fips && endpoint_url.is_some()) {
        let what = "`fips` chooses the endpoint, and `endpoint_url` sets another";
        faults.push(entry.key_at, what, "", "leave one of them out");
    }
    let is_owner =
        |text: &str| text.len() == ACCOUNT_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    let aws = Aws {
        region,
        profile,
        endpoint_url,
        path_style: section.boolean("path_style", faults),
        dual_stack: section.boolean("dual_stack", faults).unwrap_or(false),
        fips,
        allow_http,
        role,
        external_id,
        session_name,
        expected_bucket_owner: text_like(
            &mut section,
            "expected_bucket_owner",
            "it has the 12 digits of an account of AWS",
            is_owner,
            faults,
        ),
        checksum: section.choice("checksum", &CHECKSUMS, &[], faults).unwrap_or_default(),
        patience: section.whole("patience", 1..=PATIENCE_MAX, faults),
    };
    section.finish(faults);
    aws
}

const REGION_HELP: &str = "name a Region of AWS, such as `eu-central-1`";
const ROLE_HELP: &str = "write its ARN, such as `arn:aws:iam::111122223333:role/segprep`";
const EXTERNAL_ID_HELP: &str = "it has 2 to 1,224 of letters, digits and `+=,.@:/-_`";
const SESSION_HELP: &str = "it has 2 to 64 of letters, digits and `+=,.@-_`";
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

fn is_made_of(text: &str, lengths: std::ops::RangeInclusive<usize>, others: &str) -> bool {
    lengths.contains(&text.len())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || others.contains(char))
}

fn is_external_id(text: &str) -> bool {
    is_made_of(text, 2..=1224, "+=,.@:/-_")
}

fn is_session(text: &str) -> bool {
    is_made_of(text, 2..=64, "+=,.@-_")
}

/// A text that has to be of some form.
fn text_like(
    section: &mut Section<'_>,
    key: &'static str,
    help: &str,
    is_fit: impl Fn(&str) -> bool,
    faults: &mut Diagnostics<'_>,
) -> Option<String> {
    let text = section.text(key, faults)?;
    if is_fit(text.value) {
        return Some(text.value.to_owned());
    }
    faults.push(text.at, format!("`{key}` can't be this"), "", help);
    None
}

fn read_endpoint(
    section: &mut Section<'_>,
    allow_http: bool,
    faults: &mut Diagnostics<'_>,
) -> Option<String> {
    let url = section.text("endpoint_url", faults)?;
    if let Some((what, help)) = unfit(url, allow_http) {
        faults.push(url.at, what, "", help);
        return None;
    }
    Some(url.value.to_owned())
}

fn unfit(url: Spanned<&str>, allow_http: bool) -> Option<(&'static str, &'static str)> {
    if has_credentials(url.value) {
        let help = "take them out: a profile or the environment holds credentials";
        return Some(("`endpoint_url` holds a name or a password", help));
    }
    let (scheme, rest) = url.value.split_once("://").unwrap_or(("", url.value));
    let host = rest.trim_end_matches('/');
    let is_host = |char: char| char.is_ascii_alphanumeric() || "-.:[]".contains(char);
    if !matches!(scheme, "http" | "https") || host.is_empty() || !host.chars().all(is_host) {
        return Some(("`endpoint_url` is no URL of a server", ENDPOINT_HELP));
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_here = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    if scheme == "http" && !is_here && !allow_http {
        let help = "use `https://`, or set `allow_http = true`: then others may read and change what goes there";
        return Some(("`endpoint_url` is plain HTTP to another machine", help));
    }
    None
}
