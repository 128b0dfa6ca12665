//! What went wrong with S3, named by what people can do about it.
//!
//! A server's own words are not repeated but for its code: they may hold a signature, a token or
//! the text that was signed. What was asked for, and where, is said in our words.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// A request to S3 that did not do what it should.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct S3Error {
    pub kind: S3ErrorKind,
    /// What and where, lower case, no full stop.
    message: String,
    pub hint: String,
    /// The Region that the bucket is in, if the server said so.
    pub(super) region: Option<String>,
    /// Whether the same request may succeed later.
    pub(super) is_passing: bool,
}

/// The classes of failure, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3ErrorKind {
    /// There is no such bucket.
    NoBucket,
    /// There is no such object or upload.
    NotFound,
    /// Who we are may not do this, or nobody knows who we are.
    Denied,
    /// Region, endpoint or a setting is wrong.
    Settings,
    /// A condition on the state of an object did not hold.
    Conflict,
    /// The object is in an archive, and has to be restored first.
    Archived,
    /// The server does not know this request.
    Unsupported,
    /// The run was asked to end.
    Stopped,
    /// The network, the server, or something that no other kind is for.
    Io,
}

/// What is asked of S3, for messages: an action as IAM names it, and on what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) action: &'static str,
    pub(super) bucket: &'a str,
    /// Empty for the bucket itself.
    pub(super) key: &'a str,
}

impl S3Error {
    pub(crate) fn new(
        kind: S3ErrorKind,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> S3Error {
        let (message, hint) = (message.into(), hint.into());
        S3Error { kind, message, hint, region: None, is_passing: false }
    }

    pub(super) fn passing(message: impl Into<String>, hint: impl Into<String>) -> S3Error {
        S3Error { is_passing: true, ..S3Error::new(S3ErrorKind::Io, message, hint) }
    }

    pub(super) fn stopped() -> S3Error {
        S3Error::new(S3ErrorKind::Stopped, "the run was asked to end", "run again")
    }

    /// The error that a failed request stands for.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, asked: &Asked<'_>) -> S3Error
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or_default();
            let message = answer.err().message().unwrap_or_default();
            let mut told = asked.refused(status, code, message);
            let region = answer.raw().headers().get("x-amz-bucket-region");
            told.region = region.map(str::to_owned);
            return told;
        }
        asked.failed(error)
    }
}

impl Asked<'_> {
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
    fn refused(&self, status: u16, code: &str, message: &str) -> S3Error {
        if let Some(known) = self.refused_for(code) {
            return known;
        }
        let place = self.place();
        let code_shown = code_or(status, code);
        let error = |kind, what: String, hint: &str| S3Error::new(kind, what, hint);
        if status == 401 || status == 403 || is_about_identity(code) {
            return self.denied(code, message);
        }
        if is_throttling(status, code) {
            return S3Error::passing(
                format!("S3 asked to slow down too often, at `{place}` ({code_shown})"),
                "run again later, or spread the keys over more prefixes",
            );
        }
        match status {
            404 => self.absent(),
            412 => self.conflict(),
            300..400 => error(
                S3ErrorKind::Settings,
                format!("the bucket `{}` is elsewhere ({status})", self.bucket),
                "check the Region and the endpoint under `[aws]`",
            ),
            500.. => S3Error::passing(
                format!("S3 failed at `{place}` ({code_shown})"),
                "run again later",
            ),
            _ if code == "RequestTimeout" => S3Error::passing(
                format!("S3 failed at `{place}` ({code_shown})"),
                "run again later",
            ),
            _ => error(
                S3ErrorKind::Io,
                format!("S3 refused `{}` on `{place}` ({code_shown})", self.action),
                "look the code up in the documentation of the server",
            ),
        }
    }

    /// What a code stands for that says enough by itself.
    fn refused_for(&self, code: &str) -> Option<S3Error> {
        use S3ErrorKind::{Archived, NoBucket, Settings, Unsupported};
        let place = self.place();
        let error = |kind, what: String, hint: &str| S3Error::new(kind, what, hint);
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
            "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" => S3Error::passing(
                format!("`{place}`: the server got other bytes than were sent ({code})"),
                "run again; if it stays so, look at the network between",
            ),
            _ => return None,
        })
    }

    fn absent(&self) -> S3Error {
        let message = format!("`{}` does not exist", self.place());
        S3Error::new(S3ErrorKind::NotFound, message, "check the name")
    }

    fn conflict(&self) -> S3Error {
        let message = format!("`{}` is not in the state that was expected", self.place());
        S3Error::new(S3ErrorKind::Conflict, message, "run again when nothing else writes there")
    }

    /// Whoever we are may not do it.
    fn denied(&self, code: &str, message: &str) -> S3Error {
        let place = self.place();
        let (what, hint) = match code {
            "ExpiredToken"
            | "ExpiredTokenException"
            | "TokenRefreshRequired"
            | "RequestExpired" => (
                "the session of these credentials is over".to_owned(),
                "sign in again (`aws sso login`), or get new credentials".to_owned(),
            ),
            "InvalidToken" | "InvalidClientTokenId" | "UnrecognizedClientException" => (
                "the session token is not valid here".to_owned(),
                "check the profile and the environment (`AWS_SESSION_TOKEN`)".to_owned(),
            ),
            "RequestTimeTooSkewed" => (
                "the clock of this machine is too far from the server's".to_owned(),
                "set the clock, best by NTP".to_owned(),
            ),
            "InvalidAccessKeyId" | "NotSignedUp" => (
                "nobody knows this access key".to_owned(),
                "check the profile and the environment (`AWS_ACCESS_KEY_ID`)".to_owned(),
            ),
            "SignatureDoesNotMatch" => (
                "the secret key is not the one of this access key".to_owned(),
                "check the profile and the environment (`AWS_SECRET_ACCESS_KEY`)".to_owned(),
            ),
            _ if code.starts_with("KMS.") || message.contains("kms:") => {
                let action =
                    action_in(message, "kms:").unwrap_or_else(|| "kms:GenerateDataKey".to_owned());
                (
                    format!("KMS did not let the key be used for `{place}`: `{action}` was denied"),
                    format!(
                        "allow `{action}` on the key in its policy and in the role's; check `kms_key_id`"
                    ),
                )
            }
            _ => {
                let action = action_in(message, "s3:").unwrap_or_else(|| self.action.to_owned());
                (
                    format!("`{action}` on `{place}` was denied"),
                    format!(
                        "allow `{action}` on `{}`; docs/iam.md has policies to start from",
                        self.arn()
                    ),
                )
            }
        };
        let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
        S3Error::new(S3ErrorKind::Denied, format!("{what}{code}"), hint)
    }

    /// There was no answer, or none that makes sense.
    fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> S3Error
    where
        E: Error + 'static,
    {
        let place = self.place();
        if let Some(missing) = find::<CredentialsError>(error) {
            return no_credentials(missing);
        }
        if let Some(told) = find::<S3Error>(error) {
            return told.clone();
        }
        let cause = innermost(error);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are the SDK's and may grow")]
        match error {
            SdkError::ConstructionFailure(_) => S3Error::new(
                S3ErrorKind::Settings,
                format!("a request for `{place}` could not be made: {cause}"),
                "check the settings under `[aws]`",
            ),
            SdkError::TimeoutError(_) => S3Error::passing(
                format!("no answer from S3 for `{place}`"),
                "check the network, and the endpoint under `[aws]`",
            ),
            SdkError::DispatchFailure(failure) if failure.is_user() => S3Error::new(
                S3ErrorKind::Settings,
                format!("a request for `{place}` could not be sent: {cause}"),
                "check the settings under `[aws]`",
            ),
            SdkError::DispatchFailure(_) => {
                let is_tls = cause.contains("certificate") || cause.contains("UnknownIssuer");
                let hint = if is_tls {
                    "the server's certificate is not trusted: name its authority in `SSL_CERT_FILE`"
                } else {
                    "check the network, the Region and the endpoint under `[aws]`"
                };
                let mut told = S3Error::passing(
                    format!("S3 could not be reached for `{place}`: {cause}"),
                    hint,
                );
                told.is_passing = !is_tls;
                told
            }
            _ => S3Error::passing(
                format!("the answer for `{place}` broke off, or is none of S3: {cause}"),
                "check the endpoint under `[aws]`",
            ),
        }
    }
}

/// What the chain of credentials says, without a value in it.
pub(super) fn no_credentials(error: &CredentialsError) -> S3Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are the SDK's and may grow")]
    let what = match error {
        CredentialsError::CredentialsNotLoaded(_) => "no credentials for AWS were found".to_owned(),
        CredentialsError::ProviderTimedOut(_) => {
            "whoever gives the credentials for AWS did not answer".to_owned()
        }
        other => format!("the credentials for AWS could not be got: {}", plain(&innermost(other))),
    };
    let hint = "sign in (`aws sso login`), or set `profile` under `[aws]`, or `AWS_PROFILE`";
    S3Error::new(S3ErrorKind::Denied, what, hint)
}

fn is_about_identity(code: &str) -> bool {
    [
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "AccessDenied",
    ]
    .contains(&code)
        || code.starts_with("KMS.")
}

fn is_throttling(status: u16, code: &str) -> bool {
    status == 429
        || status == 503
        || ["SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"].contains(&code)
}

fn code_or(status: u16, code: &str) -> String {
    if code.is_empty() { format!("HTTP {status}") } else { plain(code) }
}

/// `s3:PutObject` out of "… is not authorized to perform: s3:PutObject on resource: …".
fn action_in(message: &str, service: &str) -> Option<String> {
    let (_, rest) = message.split_once(service)?;
    let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!name.is_empty()).then(|| format!("{service}{name}"))
}

/// A short text of another's making, on one line.
fn plain(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    text.chars().filter(|char| !char.is_control()).take(CHARS_MAX).collect()
}

fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The words of what is behind it all.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    plain(&last.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, message: &str, kind: S3ErrorKind, says: &str) {
        let asked = Asked { action: "s3:PutObject", bucket: "b", key: "k" };
        let error = asked.refused(status, code, message);
        assert_eq!(error.kind, kind, "{code}: {error}");
        let told = format!("{error}; {}", error.hint);
        assert!(told.contains(says), "{code}: {told}");
        assert!(!told.contains("AKIA") && !told.contains("StringToSign"), "{told}");
    }

    #[test]
    fn what_a_server_refuses_is_told_with_what_to_do() {
        use S3ErrorKind::{Archived, Conflict, Denied, Io, NoBucket, Settings, Unsupported};
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
