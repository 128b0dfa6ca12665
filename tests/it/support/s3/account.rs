//! An AWS account in front of the in-process server: a caller that may assume a role, the policies of
//! both, of buckets and of keys, and objects that are encrypted with keys in KMS. Only requests of the
//! program are judged; those of the tests do everything.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use http::{HeaderMap, Method, request::Parts};

use super::iam::{Asked, ENCRYPTION, ENCRYPTION_KEY, Statement, allows};
use super::objects::Objects;

pub(crate) const CALLER: &str = "arn:aws:iam::111122223333:user/scheduler";
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/segprep";
/// The session token of those who have assumed the role.
pub(crate) const ROLE_SESSION: &str = "session-of-the-role";
const KEYS: &str = "arn:aws:kms:eu-central-1:111122223333:key/";
const SECRETS: &str = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:";

/// Whose a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Caller,
    /// The role, as an identity.
    Role,
    /// The role, as what is assumed.
    Trust,
    /// The bucket `segments`.
    Bucket,
    /// The key of tokens.
    Key,
}

/// The policies and the encrypted objects of an account.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) policies: Vec<(Owner, Statement)>,
    pub(crate) objects: Objects,
    /// The keys that objects are encrypted with, by `bucket/key`.
    pub(crate) encrypted: BTreeMap<String, String>,
}

/// A request that is refused: the action that the caller lacks.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) action: &'static str,
}

/// The value of a name in the query of a URL or in a form.
fn field(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    pair.map(decoded)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let pair = (byte == b'%').then(|| [rest.next().unwrap_or(0), rest.next().unwrap_or(0)]);
        match pair.and_then(|pair| data_encoding::HEXUPPER_PERMISSIVE.decode(&pair).ok()) {
            Some(one) => bytes.extend(one),
            None if byte == b'+' => bytes.push(b' '),
            None => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Account {
    /// Whether the program sent this request.
    pub(crate) fn judges(headers: &HeaderMap) -> bool {
        // The SDK has its own header beside that of HTTP.
        ["user-agent", "x-amz-user-agent"]
            .iter()
            .any(|name| header(headers, name).is_some_and(|agent| agent.contains("app/segprep-")))
    }

    /// Checks that a request is allowed. Notes what it encrypts.
    pub(crate) fn check(&mut self, head: &Parts, body: &[u8]) -> Result<(), Denied> {
        let is_role = header(&head.headers, "x-amz-security-token") == Some(ROLE_SESSION);
        let who = if is_role { ROLE } else { CALLER };
        for asked in self.asked(head, body) {
            let asked = asked
                .with("aws:PrincipalArn", who)
                .with("aws:SecureTransport", "true")
                .with("s3:TlsVersion", "1.3");
            if !self.allows(is_role, &asked) {
                return Err(Denied { action: asked.action });
            }
        }
        Ok(())
    }

    /// Whether the policies allow a request of the role, or of its caller.
    pub(crate) fn allows(&self, is_role: bool, asked: &Asked) -> bool {
        let by = |owner: Owner| {
            let of_owner = self.policies.iter().filter(move |(whose, _)| *whose == owner);
            of_owner.map(|(_, statement)| statement)
        };
        let own = by(if is_role { Owner::Role } else { Owner::Caller });
        match asked.action {
            "sts:AssumeRole" => allows(own, asked) && allows(by(Owner::Trust), asked),
            action if action.starts_with("s3:") => allows(own.chain(by(Owner::Bucket)), asked),
            _ if asked.resource == format!("{KEYS}TOKEN-KEY") => {
                allows(own.chain(by(Owner::Key)), asked)
            }
            _ => allows(own, asked),
        }
    }

    /// What a request needs to be allowed.
    fn asked(&mut self, head: &Parts, body: &[u8]) -> Vec<Asked> {
        if let Some(target) = header(&head.headers, "x-amz-target") {
            return of_service(target, body);
        }
        let query = head.uri.query().unwrap_or_default();
        let path = decoded(head.uri.path().trim_start_matches('/'));
        let Some((bucket, key)) = path.split_once('/').filter(|(_, key)| !key.is_empty()) else {
            if path.is_empty() {
                return vec![of_sts(&String::from_utf8_lossy(body))];
            }
            let bucket = format!("arn:aws:s3:::{}", path.trim_end_matches('/'));
            let is_uploads = query.split('&').any(|pair| pair.split('=').next() == Some("uploads"));
            let action = if is_uploads { "s3:ListBucketMultipartUploads" } else { "s3:ListBucket" };
            let prefix = field(query, "prefix").unwrap_or_default();
            return vec![Asked::new(action, bucket).with("s3:prefix", prefix)];
        };
        let object = format!("arn:aws:s3:::{bucket}/{key}");
        match head.method {
            Method::GET | Method::HEAD => self.for_reading(&path, bucket, object),
            Method::DELETE if field(query, "uploadId").is_some() => {
                vec![Asked::new("s3:AbortMultipartUpload", object)]
            }
            Method::DELETE => vec![Asked::new("s3:DeleteObject", object)],
            _ => self.for_writing(head, &path, object),
        }
    }

    fn for_reading(&self, path: &str, bucket: &str, object: String) -> Vec<Asked> {
        let mut asked = vec![Asked::new("s3:GetObject", object)];
        if !self.objects.all().contains_key(path) {
            // Whoever may not list the bucket is not told that there is no such object. A condition on
            // the prefix does not hold here: the request has none.
            asked.push(Asked::new("s3:ListBucket", format!("arn:aws:s3:::{bucket}")));
        }
        asked.extend(self.encrypted.get(path).map(|key| Asked::new("kms:Decrypt", key)));
        asked
    }

    /// The parts of an upload are encrypted as its beginning said.
    fn for_writing(&mut self, head: &Parts, path: &str, object: String) -> Vec<Asked> {
        let query = head.uri.query().unwrap_or_default();
        let is_of_upload = field(query, "uploadId").is_some();
        let key = header(&head.headers, "x-amz-server-side-encryption-aws-kms-key-id");
        if !is_of_upload {
            match key {
                Some(key) => self.encrypted.insert(path.to_owned(), key.to_owned()),
                None => self.encrypted.remove(path),
            };
        }
        let put = Asked::new("s3:PutObject", object.clone());
        let Some(key) = self.encrypted.get(path) else { return vec![put] };
        let put = put.with(ENCRYPTION, "aws:kms").with(ENCRYPTION_KEY, key);
        let mut asked = vec![put, Asked::new("kms:GenerateDataKey", key)];
        if is_of_upload {
            asked.push(Asked::new("kms:Decrypt", key));
        }
        if head.headers.contains_key("x-amz-tagging") {
            asked.push(Asked::new("s3:PutObjectTagging", object));
        }
        asked
    }
}

fn of_service(target: &str, body: &[u8]) -> Vec<Asked> {
    let request: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    match target {
        // An alias is judged as its key.
        "TrentService.GenerateMac" if text("KeyId") == "alias/segprep" => {
            let asked = Asked::new("kms:GenerateMac", format!("{KEYS}TOKEN-KEY"));
            vec![asked.with("kms:MacAlgorithm", text("MacAlgorithm"))]
        }
        "secretsmanager.GetSecretValue" => {
            let secret = format!("{SECRETS}{}-AbCdEf", text("SecretId"));
            let key = format!("{KEYS}SECRET-KEY");
            vec![
                Asked::new("secretsmanager:GetSecretValue", secret),
                Asked::new("kms:Decrypt", key),
            ]
        }
        other => panic!("no policy is about {other}: {}", BASE64.encode(body)),
    }
}

fn of_sts(form: &str) -> Asked {
    assert_eq!(field(form, "Action").as_deref(), Some("AssumeRole"));
    let asked = Asked::new("sts:AssumeRole", field(form, "RoleArn").unwrap_or_default());
    match field(form, "ExternalId") {
        Some(id) => asked.with("sts:ExternalId", id),
        None => asked,
    }
}
