//! Errors of requests to AWS, classified by what the user can do about them.
//!
//! A server's own message is never repeated, only its error code: the message may contain a
//! signature, a token or the text that was signed. What was requested, and where, is described in
//! our words.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// A request failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AwsError {
    pub kind: AwsErrorKind,
    /// What failed, and where. Lower case, no full stop.
    message: String,
    /// What to do next.
    pub hint: String,
    /// The Region that the bucket is in, if the server named it.
    pub(in crate::store) region: Option<String>,
    /// Whether the server did not respond, after all retries.
    pub(in crate::store) is_unanswered: bool,
}

/// The kinds of failure, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The bucket does not exist.
    NoBucket,
    /// The object, upload, key or secret does not exist or cannot be used.
    NotFound,
    /// The identity lacks a permission, is unknown, or could not be established.
    Denied,
    /// The Region, the endpoint or a setting is wrong.
    Settings,
    /// A condition on the state of an object did not hold.
    Conflict,
    /// The object is archived and has to be restored first.
    Archived,
    /// The server does not support the request.
    Unsupported,
    /// The run was asked to stop.
    Stopped,
    /// The network or the server failed, or anything else.
    Io,
}

impl AwsError {
    pub(crate) fn new(
        kind: AwsErrorKind,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> AwsError {
        AwsError {
            kind,
            message: message.into(),
            hint: hint.into(),
            region: None,
            is_unanswered: false,
        }
    }

    pub(in crate::store) fn stopped() -> AwsError {
        AwsError::new(AwsErrorKind::Stopped, "the run was asked to stop", "run again")
    }

    /// A server did not respond in time, after all retries.
    pub(in crate::store) fn unanswered(message: impl Into<String>) -> AwsError {
        let hint = "check the network, and the endpoint under `[aws]`";
        AwsError { is_unanswered: true, ..AwsError::new(AwsErrorKind::Io, message, hint) }
    }

    /// The error of a request to `service`, as in "KMS", about `place`, a key or an object.
    /// `refused` explains the refusals of this service.
    pub(in crate::store) fn from_sdk<E>(
        error: &SdkError<E, HttpResponse>,
        service: &str,
        place: &str,
        refused: impl FnOnce(&Refusal<'_>) -> AwsError,
    ) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(response) = error {
            return refused(&Refusal {
                status: response.raw().status().as_u16(),
                code: response.err().code().unwrap_or_default(),
                message: response.err().message().unwrap_or_default(),
            });
        }
        without_response(error, service, place)
    }
}

/// An error response of a server.
#[derive(Clone, Copy)]
pub(in crate::store) struct Refusal<'e> {
    /// The HTTP status.
    pub(in crate::store) status: u16,
    /// The service's error code; empty if there is none.
    pub(in crate::store) code: &'e str,
    /// The server's message. It is searched, and never shown.
    pub(in crate::store) message: &'e str,
}

impl Refusal<'_> {
    /// The error, if the code is about the identity or the clock, whatever was requested.
    pub(in crate::store) fn identity_error(&self) -> Option<AwsError> {
        let (what, hint) = match self.code {
            "ExpiredToken"
            | "ExpiredTokenException"
            | "TokenRefreshRequired"
            | "RequestExpired" => (
                "the session of these credentials has expired",
                "sign in again (`aws sso login`), or get new credentials",
            ),
            "InvalidToken" | "InvalidClientTokenId" | "UnrecognizedClientException" => (
                "the access key or the session token is not valid here",
                "check the profile and the environment (`AWS_ACCESS_KEY_ID`, `AWS_SESSION_TOKEN`)",
            ),
            "RequestTimeTooSkewed" => CLOCK_SKEW,
            // Services other than S3 have one code for a wrong time and a wrong key.
            "InvalidSignatureException" if self.message.contains("Signature expired") => CLOCK_SKEW,
            "InvalidSignatureException" if self.message.contains("not yet current") => CLOCK_SKEW,
            "InvalidAccessKeyId" | "NotSignedUp" => (
                "the access key does not exist",
                "check the profile and the environment (`AWS_ACCESS_KEY_ID`)",
            ),
            "SignatureDoesNotMatch" | "InvalidSignatureException" => (
                "the secret key does not belong to this access key",
                "check the profile and the environment (`AWS_SECRET_ACCESS_KEY`)",
            ),
            _ => return None,
        };
        let message = format!("{what} ({})", sanitize(self.code));
        Some(AwsError::new(AwsErrorKind::Denied, message, hint))
    }

    /// Whether the server asks for fewer requests.
    pub(in crate::store) fn is_throttling(&self) -> bool {
        let codes = ["SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"];
        self.status == 429 || self.status == 503 || codes.contains(&self.code)
    }

    /// The error for any other code. `action` is the IAM action, `place` a key
    /// or a secret.
    pub(in crate::store) fn other_error(
        &self,
        service: &str,
        action: &str,
        place: &str,
    ) -> AwsError {
        let code = self.display_code();
        if self.is_throttling() {
            let message = format!("{service} kept asking to slow down, for `{place}` ({code})");
            return AwsError::new(AwsErrorKind::Io, message, "run again later");
        }
        match (self.status, self.code) {
            (_, "NotImplemented") | (501, _) => AwsError::new(
                AwsErrorKind::Unsupported,
                format!("the server does not support `{action}` ({code})"),
                "check the endpoint under `[aws]`",
            ),
            (401 | 403, _) => AwsError::new(
                AwsErrorKind::Denied,
                format!("`{action}` on `{place}` was denied ({code})"),
                format!(
                    "allow `{action}` to the owner of the access key; docs/iam.md has policies"
                ),
            ),
            (500.., _) => AwsError::new(
                AwsErrorKind::Io,
                format!("{service} failed, for `{place}` ({code})"),
                "run again later",
            ),
            _ => AwsError::new(
                AwsErrorKind::Io,
                format!("{service} refused `{action}` on `{place}` ({code})"),
                "look up the code in the server's documentation",
            ),
        }
    }

    /// The error code for messages, or else the HTTP status.
    pub(in crate::store) fn display_code(&self) -> String {
        if self.code.is_empty() { format!("HTTP {}", self.status) } else { sanitize(self.code) }
    }

    /// The action that the message names: `s3:PutObject` in "… is not authorized to perform:
    /// s3:PutObject on resource: …", for the prefix `s3:`.
    pub(in crate::store) fn denied_action(&self, prefix: &str) -> Option<String> {
        let (_, rest) = self.message.split_once(prefix)?;
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        (!name.is_empty()).then(|| format!("{prefix}{name}"))
    }
}

const CLOCK_SKEW: (&str, &str) =
    ("the clock of this machine differs too much from the server's", "set the clock, best by NTP");

/// The error of a request that got no response, or none that could be understood.
fn without_response<E>(error: &SdkError<E, HttpResponse>, service: &str, place: &str) -> AwsError
where
    E: Error + 'static,
{
    if let Some(error) = find_source::<CredentialsError>(error) {
        return credentials_error(error);
    }
    if let Some(error) = find_source::<AwsError>(error) {
        return error.clone(); // by an interceptor of ours
    }
    let cause = root_cause(error);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK may add variants")]
    match error {
        SdkError::ConstructionFailure(_) => AwsError::new(
            AwsErrorKind::Settings,
            format!("a request for `{place}` could not be created: {cause}"),
            "check the settings under `[aws]`",
        ),
        SdkError::TimeoutError(_) => {
            AwsError::unanswered(format!("{service} did not answer in time, for `{place}`"))
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => AwsError::new(
            AwsErrorKind::Settings,
            format!("a request for `{place}` could not be sent: {cause}"),
            "check the settings under `[aws]`",
        ),
        SdkError::DispatchFailure(_) => AwsError {
            is_unanswered: true,
            ..AwsError::new(
                AwsErrorKind::Io,
                format!("{service} could not be reached for `{place}`: {cause}"),
                tls_hint(&cause)
                    .unwrap_or("check the network, the Region and the endpoint under `[aws]`"),
            )
        },
        _ => AwsError::new(
            AwsErrorKind::Io,
            format!(
                "the response for `{place}` was cut off, or did not come from {service}: {cause}"
            ),
            "check the endpoint under `[aws]`",
        ),
    }
}

/// What to do if TLS could not be established; `None` for other causes.
fn tls_hint(cause: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    if has(&["certificate", "UnknownIssuer"]) {
        return Some(
            "the server's certificate is not trusted: name its authority in `SSL_CERT_FILE`",
        );
    }
    has(&["ProtocolVersion", "peer is incompatible", "InvalidContentType"])
        .then_some("the server must support TLS 1.2 or 1.3: check the endpoint under `[aws]`")
}

/// Whether this is the cause of a request that got no response.
fn is_of_network(cause: &str) -> bool {
    let causes =
        ["timed out", "timeout occurred", "Connection refused", "Connection reset", "lookup"];
    causes.iter().any(|known| cause.contains(known))
}

fn credentials_error(error: &CredentialsError) -> AwsError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK may add variants")]
    let message = match error {
        CredentialsError::CredentialsNotLoaded(_) => "no credentials for AWS were found".to_owned(),
        CredentialsError::ProviderTimedOut(_) => {
            return AwsError::unanswered(
                "the provider of the credentials for AWS did not answer in time",
            );
        }
        other => {
            let cause = root_cause(other);
            let message = format!("the credentials for AWS could not be loaded: {cause}");
            if is_of_network(&cause) {
                return AwsError::unanswered(message);
            }
            message
        }
    };
    let hint = "sign in (`aws sso login`), or set `profile` under `[aws]`, or `AWS_PROFILE`";
    AwsError::new(AwsErrorKind::Denied, message, hint)
}

/// Text from elsewhere as one short line.
fn sanitize(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    text.chars().filter(|char| !char.is_control()).take(CHARS_MAX).collect()
}

/// The first error of this type in the chain of sources.
fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The message of the last error in the chain of sources.
pub(in crate::store) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    sanitize(&last.to_string())
}
