//! Makes the session with AWS, and the store, of what a definition says about them.

use std::sync::Arc;
use std::time::Duration;

use super::error::{ErrorKind, RunError};
use super::text::escape;
use crate::definition::{AwsChecksum, Definition, Encryption, State, Storing};
use crate::engine::Cancel;
use crate::publish::Buckets;
use crate::store::Store;
use crate::store::aws::{Access, Role, Session};
use crate::store::s3;
use crate::store::s3::{OBJECT_MAX, S3, Settings, Url};

/// What a run needs to reach its inputs, and the places that are in buckets.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) store: Store,
    /// For keys in KMS and Secrets Manager.
    pub(super) session: Session,
    /// `None`: the run writes only to disk.
    pub(super) buckets: Option<Buckets>,
    /// The id in the user agent of this run's requests.
    pub(super) run: String,
}

impl Remote {
    /// Sends no request: the session connects when something in AWS is needed.
    pub(super) fn new(definition: &Definition, cancel: &Cancel) -> Result<Remote, RunError> {
        let run = run_id()?;
        let cancel = cancel.clone();
        let stop = Arc::new(move || cancel.elapsed());
        let session = Session::new(access(definition, &run), stop);
        let s3 = S3::new(session.clone(), settings(definition));
        let buckets = writes(definition).then(|| Buckets {
            s3: s3.clone(),
            account: storing(&definition.account.storing),
            outputs: definition.outputs.iter().map(|output| storing(&output.storing)).collect(),
        });
        Ok(Remote { store: Store { s3 }, session, buckets, run })
    }
}

/// A session with the settings of the environment, for a key outside any definition.
pub(super) fn session() -> Result<Session, RunError> {
    let access = Access { run: run_id()?, ..Access::default() };
    Ok(Session::new(access, Arc::new(|| None)))
}

/// 16 random hex digits.
fn run_id() -> Result<String, RunError> {
    let random = getrandom::u64().map_err(|error| {
        RunError::new(ErrorKind::Io, format!("could not get random bytes from the system: {error}"))
    })?;
    Ok(format!("{random:016x}"))
}

/// Whether an input or a list is in a bucket.
pub(super) fn reads(definition: &Definition) -> bool {
    let lists = definition.suppress.iter().flat_map(|list| &list.from);
    definition.input.from.iter().chain(lists).any(|place| Url::parse(&place.path).is_some())
}

/// The number of outputs in buckets, and the account if it is in one.
pub(super) fn places_written(definition: &Definition) -> usize {
    let places = definition.outputs.iter().map(|output| &output.to).chain([&definition.account.to]);
    places.filter(|place| Url::parse(&place.path).is_some()).count()
}

fn writes(definition: &Definition) -> bool {
    0 < places_written(definition)
}

/// Checks settings whose meaning depends on whether a place is in a bucket. Returns warnings.
pub(super) fn check(definition: &Definition) -> Result<Vec<String>, RunError> {
    let mut warnings = Vec::new();
    let account = &definition.account;
    let is_bucket = |to: &crate::definition::Location| Url::parse(&to.path).is_some();
    let is_kms = matches!(account.storing.encryption, Some(Encryption::Kms { .. }));
    if account.keep_rejected && is_bucket(&account.to) && !is_kms {
        let message = "`keep_rejected` writes original records to a bucket, and they are not \
                       encrypted with your key";
        return Err(RunError::new(ErrorKind::Definition, message)
            .hint("set `sse = \"kms\"` and `kms_key_id` under `[account]`"));
    }
    let outputs = definition.outputs.iter().map(|output| (&output.to, &output.storing));
    for (to, storing) in outputs.chain([(&account.to, &account.storing)]) {
        if !is_bucket(to) && !storing.is_default() {
            let place = escape(&to.written);
            warnings.push(format!(
                "encryption, storage class and tags have no effect: `{place}` is not in a bucket"
            ));
        }
    }
    let state = definition.state.as_ref().filter(|state| state.encryption.is_some());
    if let Some(state) = state.filter(|state| !is_bucket(&state.to)) {
        let place = escape(&state.to.written);
        warnings.push(format!("encryption has no effect: `{place}` is not in a bucket"));
    }
    for output in definition.outputs.iter().filter(|output| output.mode.is_some()) {
        if is_bucket(&output.to) || output.to.is_standard_output() {
            let place = escape(&output.to.written);
            warnings.push(format!("`mode` has no effect: `{place}` is not a folder on disk"));
        }
    }
    for output in definition.outputs.iter().filter(|output| output.to.is_standard_output()) {
        if output.max_bytes.is_some() {
            let what = "`max_bytes` has no effect: standard output has no parts";
            warnings.push(what.to_owned());
        }
    }
    for output in definition.outputs.iter().filter(|output| is_bucket(&output.to)) {
        if output.max_bytes.as_ref().is_some_and(|size| OBJECT_MAX < size.value) {
            let message = "`max_bytes` is over the maximum size of an object";
            return Err(RunError::new(ErrorKind::Definition, message)
                .hint(format!("set it to at most {OBJECT_MAX}")));
        }
    }
    Ok(warnings)
}

fn access(definition: &Definition, run: &str) -> Access {
    let aws = &definition.aws;
    Access {
        region: aws.region.clone(),
        profile: aws.profile.clone(),
        endpoint_url: aws.endpoint_url.clone(),
        dual_stack: aws.dual_stack,
        fips: aws.fips,
        allow_http: aws.allow_http,
        role: aws.role.as_ref().map(|arn| Role {
            arn: arn.clone(),
            external_id: aws.external_id.clone(),
            session_name: aws.session_name.clone(),
        }),
        read_timeout: aws.patience.map(Duration::from_secs),
        run: run.to_owned(),
    }
}

fn settings(definition: &Definition) -> Settings {
    let aws = &definition.aws;
    Settings {
        path_style: aws.path_style,
        bucket_owner: aws.expected_bucket_owner.clone(),
        checksum: match aws.checksum {
            AwsChecksum::Crc64Nvme => s3::Checksum::Crc64Nvme,
            AwsChecksum::Crc32C => s3::Checksum::Crc32C,
            AwsChecksum::Crc32 => s3::Checksum::Crc32,
            AwsChecksum::Sha256 => s3::Checksum::Sha256,
            AwsChecksum::None => s3::Checksum::None,
        },
    }
}

/// How the objects of a state are stored.
pub(super) fn storing_of_state(state: &State) -> s3::Storing {
    s3::Storing { encryption: state.encryption.as_ref().map(encryption), ..s3::Storing::default() }
}

fn encryption(encryption: &Encryption) -> s3::Encryption {
    match encryption {
        Encryption::S3 => s3::Encryption::S3,
        Encryption::Kms { key_id, bucket_key, context } => s3::Encryption::Kms {
            key_id: key_id.clone(),
            bucket_key: *bucket_key,
            context: (!context.is_empty()).then(|| context_text(context)),
        },
    }
}

fn storing(storing: &Storing) -> s3::Storing {
    let encryption = storing.encryption.as_ref().map(encryption);
    let tags = storing
        .tags
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value)));
    let tags: Vec<String> = tags.collect();
    let tags = (!tags.is_empty()).then(|| tags.join("&"));
    s3::Storing { encryption, storage_class: storing.storage_class.clone(), tags }
}

/// An encryption context as S3 expects it: JSON in Base64.
fn context_text(context: &[(String, String)]) -> String {
    let pairs: serde_json::Map<String, serde_json::Value> =
        context.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    data_encoding::BASE64.encode(serde_json::Value::from(pairs).to_string().as_bytes())
}

/// Percent-encodes a text for the query of a URL.
fn percent_encoded(text: &str) -> String {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |byte: u8| {
        if is_unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_contexts_are_written_as_s3_expects_them() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let from = Storing {
            encryption: Some(Encryption::Kms {
                key_id: None,
                bucket_key: Some(true),
                context: vec![pair("team", "crm")],
            }),
            storage_class: None,
            tags: vec![pair("cost centre", "a&b"), pair("é", "")],
        };
        let storing = storing(&from);
        assert_eq!(storing.tags.as_deref(), Some("cost%20centre=a%26b&%C3%A9="));
        let Some(s3::Encryption::Kms { context: Some(context), .. }) = storing.encryption else {
            panic!("no context");
        };
        let json = data_encoding::BASE64.decode(context.as_bytes()).expect("Base64");
        assert_eq!(json, br#"{"team":"crm"}"#);
    }
}
