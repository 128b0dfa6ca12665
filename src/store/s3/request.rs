//! What is asked of S3, and what it means when S3 says no.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::store::aws::{AwsError, AwsErrorKind, Refusal};

/// What is asked of S3, for messages: an action as IAM names it, and on what.
#[derive(Clone, Copy, Debug)]
pub(super) struct S3Request<'a> {
    pub(super) action: &'static str,
    pub(super) bucket: &'a str,
    /// Empty for the bucket itself.
    pub(super) key: &'a str,
}

impl S3Request<'_> {
    /// The error that a failed request stands for.
    pub(super) fn error<E>(&self, error: &SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut told = AwsError::of(error, "S3", &self.place(), |refusal| self.refused(refusal));
        if let SdkError::ServiceError(answer) = error {
            let region = answer.raw().headers().get("x-amz-bucket-region");
            told.region = region.filter(|region| is_region(region)).map(str::to_owned);
        }
        match told.region.take() {
            Some(region) if told.kind == AwsErrorKind::Settings => self.elsewhere(region),
            region => {
                told.region = region;
                told
            }
        }
    }

    /// The bucket is in a Region that the server has named.
    fn elsewhere(&self, region: String) -> AwsError {
        let mut error = AwsError::new(
            AwsErrorKind::Settings,
            format!("the bucket `{}` is in another Region: `{region}`", self.bucket),
            format!("set `region = \"{region}\"` under `[aws]`, and check the endpoint there"),
        );
        error.region = Some(region);
        error
    }

    fn place(&self) -> String {
        let shown: String = self.key.escape_debug().collect();
        format!("s3://{}/{shown}", self.bucket)
    }

    fn arn(&self) -> String {
        match self.key {
            "" => format!("arn:aws:s3:::{}", self.bucket),
            key => format!("arn:aws:s3:::{}/{}", self.bucket, key.escape_debug()),
        }
    }

    /// The server answered, and said no.
    fn refused(&self, refusal: &Refusal<'_>) -> AwsError {
        let Refusal { status, code, .. } = *refusal;
        let known = self.refused_for(code).or_else(|| refusal.about_identity());
        if let Some(known) = known {
            return known;
        }
        let (place, code_shown) = (self.place(), refusal.shown());
        let error = |kind, what: String, hint: &str| AwsError::new(kind, what, hint);
        if status == 401 || status == 403 || code == "AccessDenied" || code.starts_with("KMS.") {
            return self.denied(refusal);
        }
        if refusal.is_throttling() {
            return AwsError::passing(
                format!("S3 asked to slow down too often, at `{place}` ({code_shown})"),
                "run again later, or spread the keys over more prefixes",
            );
        }
        match status {
            404 => self.absent(),
            412 => self.conflict(),
            300..400 => error(
                AwsErrorKind::Settings,
                format!("the bucket `{}` is elsewhere ({status})", self.bucket),
                "check the Region and the endpoint under `[aws]`",
            ),
            500.. => AwsError::passing(
                format!("S3 failed at `{place}` ({code_shown})"),
                "run again later",
            ),
            _ if code == "RequestTimeout" => AwsError::passing(
                format!("S3 failed at `{place}` ({code_shown})"),
                "run again later",
            ),
            _ => error(
                AwsErrorKind::Io,
                format!("S3 refused `{}` on `{place}` ({code_shown})", self.action),
                "look the code up in the documentation of the server",
            ),
        }
    }

    /// What a code stands for that says enough by itself.
    fn refused_for(&self, code: &str) -> Option<AwsError> {
        use AwsErrorKind::{Archived, NoBucket, Settings, Unsupported};
        let place = self.place();
        let error = |kind, what: String, hint: &str| AwsError::new(kind, what, hint);
        Some(match code {
            "NoSuchBucket" => error(
                NoBucket,
                format!("there is no bucket `{}`", self.bucket),
                "check its name, and the Region, profile and endpoint under `[aws]`",
            ),
            "NoSuchKey" | "NotFound" | "NoSuchUpload" | "NoSuchVersion" => self.absent(),
            "PreconditionFailed" | "ConditionalRequestConflict" => self.conflict(),
            "InvalidObjectState" => error(
                Archived,
                format!("`{place}` is in an archive"),
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
                format!("`{place}`: the server knows no such storage class"),
                "mend `storage_class`",
            ),
            "NotImplemented" | "XNotImplemented" | "MethodNotAllowed" => error(
                Unsupported,
                format!("the server does not know `{}` ({code})", self.action),
                "with a server that knows no checksums, set `checksum = \"none\"` under `[aws]`",
            ),
            "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" => AwsError::passing(
                format!("`{place}`: the server got other bytes than were sent ({code})"),
                "run again; if it stays so, look at the network between",
            ),
            _ => return None,
        })
    }

    fn absent(&self) -> AwsError {
        let message = format!("`{}` does not exist", self.place());
        AwsError::new(AwsErrorKind::NotFound, message, "check the name")
    }

    fn conflict(&self) -> AwsError {
        let message = format!("`{}` is not in the state that was expected", self.place());
        AwsError::new(AwsErrorKind::Conflict, message, "run again when nothing else writes there")
    }

    /// Whoever we are may not do it.
    fn denied(&self, refusal: &Refusal<'_>) -> AwsError {
        let place = self.place();
        let code = &refusal.shown();
        if refusal.code.starts_with("KMS.") || refusal.message.contains("kms:") {
            let action =
                refusal.action_of("kms:").unwrap_or_else(|| "kms:GenerateDataKey".to_owned());
            return AwsError::new(
                AwsErrorKind::Denied,
                format!(
                    "KMS did not let the key be used for `{place}`: `{action}` was denied ({code})"
                ),
                format!(
                    "allow `{action}` on the key in its policy and in the role's; check `kms_key_id`"
                ),
            );
        }
        let action = refusal.action_of("s3:").unwrap_or_else(|| self.action.to_owned());
        AwsError::new(
            AwsErrorKind::Denied,
            format!("`{action}` on `{place}` was denied ({code})"),
            format!("allow `{action}` on `{}`; docs/iam.md has policies to start from", self.arn()),
        )
    }
}

/// Whether it reads as the name of a Region: what a server sends is not shown unseen.
fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, message: &str, kind: AwsErrorKind, says: &str) {
        let asked = S3Request { action: "s3:PutObject", bucket: "b", key: "k" };
        let error = asked.refused(&Refusal { status, code, message });
        assert_eq!(error.kind, kind, "{code}: {error}");
        let told = format!("{error}; {}", error.hint);
        assert!(told.contains(says), "{code}: {told}");
        assert!(!told.contains("AKIA") && !told.contains("StringToSign"), "{told}");
    }

    #[test]
    fn what_a_server_refuses_is_told_with_what_to_do() {
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
        check(400, "KMS.DisabledException", "", Denied, "KMS did not let");
        check(400, "ExpiredToken", "", Denied, "sign in again");
        check(403, "RequestTimeTooSkewed", "", Denied, "clock");
        check(403, "SignatureDoesNotMatch", "AKIA1 StringToSign", Denied, "secret key");
        check(403, "InvalidAccessKeyId", "AKIA1", Denied, "access key");
        check(503, "SlowDown", "", Io, "slow down");
        check(500, "InternalError", "", Io, "InternalError");
        check(301, "PermanentRedirect", "", Settings, "`region`");
        check(412, "PreconditionFailed", "", Conflict, "expected");
        check(403, "InvalidObjectState", "", Archived, "restore");
        check(501, "NotImplemented", "", Unsupported, "does not know");
        check(418, "Teapot", "", Io, "Teapot");
    }
}
