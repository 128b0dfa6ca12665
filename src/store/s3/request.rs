//! What is requested of S3, and the errors of these requests.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::url::Url;
use crate::store::aws::{AwsError, AwsErrorKind, Refusal};

/// A request to S3, as messages describe it.
#[derive(Clone, Copy, Debug)]
pub(super) struct S3Request<'a> {
    /// The IAM action that the request needs, as in `s3:GetObject`.
    pub(super) action: &'static str,
    pub(super) bucket: &'a str,
    /// Empty for a request about the bucket itself.
    pub(super) key: &'a str,
}

impl<'a> S3Request<'a> {
    /// A request about an object.
    pub(super) fn new(action: &'static str, object: &'a Url) -> S3Request<'a> {
        S3Request { action, bucket: &object.bucket, key: &object.key }
    }

    /// A request about a whole bucket.
    pub(super) fn of_bucket(action: &'static str, bucket: &'a str) -> S3Request<'a> {
        S3Request { action, bucket, key: "" }
    }

    /// The error of this request when it has failed.
    pub(super) fn error<E>(&self, error: &SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut found =
            AwsError::from_sdk(error, "S3", &self.place(), |refusal| self.refusal_error(refusal));
        let SdkError::ServiceError(response) = error else { return found };
        let region = response.raw().headers().get("x-amz-bucket-region");
        let Some(region) = region.filter(|region| is_region(region)) else { return found };
        if found.kind == AwsErrorKind::Settings {
            let message = format!("the bucket `{}` is in another Region: `{region}`", self.bucket);
            let hint =
                format!("set `region = \"{region}\"` under `[aws]`, and check the endpoint there");
            found = AwsError::new(AwsErrorKind::Settings, message, hint);
        }
        found.region = Some(region.to_owned());
        found
    }

    fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key.escape_debug())
    }

    fn arn(&self) -> String {
        match self.key {
            "" => format!("arn:aws:s3:::{}", self.bucket),
            key => format!("arn:aws:s3:::{}/{}", self.bucket, key.escape_debug()),
        }
    }

    fn refusal_error(&self, refusal: &Refusal<'_>) -> AwsError {
        let Refusal { status, code, .. } = *refusal;
        if let Some(error) = self.error_for_code(code).or_else(|| refusal.identity_error()) {
            return error;
        }
        if status == 401 || status == 403 || code == "AccessDenied" || code.starts_with("KMS.") {
            return self.denied(refusal);
        }
        let (place, code) = (self.place(), refusal.display_code());
        let error = |kind, message: String, hint: &str| AwsError::new(kind, message, hint);
        if refusal.is_throttling() {
            return error(
                AwsErrorKind::Io,
                format!("S3 kept asking to slow down, for `{place}` ({code})"),
                "run again later, or spread the keys over more prefixes",
            );
        }
        match status {
            404 => self.not_found(),
            412 => self.conflict(),
            300..400 => error(
                AwsErrorKind::Settings,
                format!("the bucket `{}` is at another endpoint ({status})", self.bucket),
                "check the Region and the endpoint under `[aws]`",
            ),
            _ if 500 <= status || code == "RequestTimeout" => error(
                AwsErrorKind::Io,
                format!("S3 failed, for `{place}` ({code})"),
                "run again later",
            ),
            _ => error(
                AwsErrorKind::Io,
                format!("S3 refused `{}` on `{place}` ({code})", self.action),
                "look up the code in the server's documentation",
            ),
        }
    }

    /// The error for a code that is clear by itself.
    fn error_for_code(&self, code: &str) -> Option<AwsError> {
        use AwsErrorKind::{Archived, Io, NoBucket, Settings, Unsupported};
        let place = self.place();
        let error = |kind, message: String, hint: &str| AwsError::new(kind, message, hint);
        Some(match code {
            "NoSuchBucket" => error(
                NoBucket,
                format!("there is no bucket `{}`", self.bucket),
                "check its name, and the Region, profile and endpoint under `[aws]`",
            ),
            "NoSuchKey" | "NotFound" | "NoSuchUpload" | "NoSuchVersion" => self.not_found(),
            "PreconditionFailed" | "ConditionalRequestConflict" => self.conflict(),
            "InvalidObjectState" => error(
                Archived,
                format!("`{place}` is archived"),
                "restore it first (`aws s3api restore-object`), or leave it out by `exclude`",
            ),
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => error(
                Settings,
                format!("the bucket `{}` is in another Region", self.bucket),
                "set `region` under `[aws]`",
            ),
            "InvalidStorageClass" => error(
                Settings,
                format!("the server does not know the storage class for `{place}`"),
                "fix `storage_class`",
            ),
            "NotImplemented" | "XNotImplemented" | "MethodNotAllowed" => error(
                Unsupported,
                format!("the server does not support `{}` ({code})", self.action),
                "if it supports no checksums, set `checksum = \"none\"` under `[aws]`",
            ),
            _ if is_damage(code) => error(
                Io,
                format!("the server received other bytes for `{place}` than were sent ({code})"),
                "run again; if it happens again, check the network",
            ),
            _ => return None,
        })
    }

    fn not_found(&self) -> AwsError {
        let message = format!("`{}` does not exist", self.place());
        AwsError::new(AwsErrorKind::NotFound, message, "check the name")
    }

    fn conflict(&self) -> AwsError {
        let message = format!("`{}` is not in the expected state", self.place());
        AwsError::new(AwsErrorKind::Conflict, message, "run again when nothing else writes there")
    }

    fn denied(&self, refusal: &Refusal<'_>) -> AwsError {
        let place = self.place();
        let code = &refusal.display_code();
        if refusal.code.starts_with("KMS.") || refusal.message.contains("kms:") {
            let action =
                refusal.denied_action("kms:").unwrap_or_else(|| "kms:GenerateDataKey".to_owned());
            return AwsError::new(
                AwsErrorKind::Denied,
                format!(
                    "the KMS key for `{place}` could not be used: `{action}` was denied ({code})"
                ),
                format!(
                    "allow `{action}` on the key in its policy and in the role's; check `kms_key_id`"
                ),
            );
        }
        let action = refusal.denied_action("s3:").unwrap_or_else(|| self.action.to_owned());
        AwsError::new(
            AwsErrorKind::Denied,
            format!("`{action}` on `{place}` was denied ({code})"),
            format!("allow `{action}` on `{}`; docs/iam.md has policies to start from", self.arn()),
        )
    }
}

/// Whether this error code says that bytes were damaged on the way to the server.
pub(super) fn is_damage(code: &str) -> bool {
    matches!(code, "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch")
}

/// Whether this looks like the name of a Region. Nothing else that a server sends here is shown.
fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, message: &str, kind: AwsErrorKind, words: &str) {
        let request = S3Request { action: "s3:PutObject", bucket: "b", key: "k" };
        let error = request.refusal_error(&Refusal { status, code, message });
        assert_eq!(error.kind, kind, "{code}: {error}");
        let text = format!("{error}; {}", error.hint);
        assert!(text.contains(words), "{code}: {text}");
        assert!(!text.contains("AKIA") && !text.contains("StringToSign"), "{text}");
    }

    #[test]
    fn refusals_are_explained() {
        use AwsErrorKind::{Archived, Conflict, Denied, Io, NoBucket, Settings, Unsupported};
        check(404, "NoSuchBucket", "", NoBucket, "no bucket `b`");
        check(403, "AccessDenied", "", Denied, "`s3:PutObject` on `s3://b/k` was denied");
        let message = "User: arn:aws:iam::1:user/u is not authorized to perform: s3:PutObjectTagging on resource: x";
        check(
            403,
            "AccessDenied",
            message,
            Denied,
            "allow `s3:PutObjectTagging` on `arn:aws:s3:::b/k`",
        );
        let message = "User: u is not authorized to perform: kms:GenerateDataKey on resource: x";
        check(403, "AccessDenied", message, Denied, "`kms:GenerateDataKey` was denied");
        check(400, "KMS.DisabledException", "", Denied, "could not be used");
        check(400, "ExpiredToken", "", Denied, "sign in again");
        check(403, "RequestTimeTooSkewed", "", Denied, "clock");
        check(403, "SignatureDoesNotMatch", "AKIA1 StringToSign", Denied, "secret key");
        check(403, "InvalidAccessKeyId", "AKIA1", Denied, "access key");
        check(503, "SlowDown", "", Io, "slow down");
        check(500, "InternalError", "", Io, "InternalError");
        check(400, "RequestTimeout", "", Io, "run again later");
        check(400, "BadDigest", "", Io, "other bytes");
        check(301, "PermanentRedirect", "", Settings, "`region`");
        check(412, "PreconditionFailed", "", Conflict, "expected");
        check(403, "InvalidObjectState", "", Archived, "restore");
        check(501, "NotImplemented", "", Unsupported, "does not support");
        check(418, "Teapot", "", Io, "Teapot");
    }
}
