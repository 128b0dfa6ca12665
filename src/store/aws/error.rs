//! What went wrong at AWS, named by what people can do about it.
//!
//! A server's own words are not repeated but for its code: they may hold a signature, a token or
//! the text that was signed. What was asked for, and where, is said in our words.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// A request that did not do what it should.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AwsError {
    pub kind: AwsErrorKind,
    /// What and where, lower case, no full stop.
    message: String,
    pub hint: String,
    /// The Region that the bucket is in, if the server said so.
    pub(in crate::store) region: Option<String>,
    /// Whether the same request may succeed later.
    pub(in crate::store) is_passing: bool,
}

/// The classes of failure, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsErrorKind {
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

impl AwsError {
    pub(crate) fn new(
        kind: AwsErrorKind,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> AwsError {
        let (message, hint) = (message.into(), hint.into());
        AwsError { kind, message, hint, region: None, is_passing: false }
    }

    pub(in crate::store) fn passing(
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> AwsError {
        AwsError { is_passing: true, ..AwsError::new(AwsErrorKind::Io, message, hint) }
    }

    pub(in crate::store) fn stopped() -> AwsError {
        AwsError::new(AwsErrorKind::Stopped, "the run was asked to end", "run again")
    }

    /// The error that a failed request stands for: `refused` tells what the server's no means.
    /// `service` and `place` say who was asked, and for what.
    pub(in crate::store) fn of<E>(
        error: &SdkError<E, HttpResponse>,
        service: &str,
        place: &str,
        refused: impl FnOnce(&Refusal<'_>) -> AwsError,
    ) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            return refused(&Refusal {
                status: answer.raw().status().as_u16(),
                code: answer.err().code().unwrap_or_default(),
                message: answer.err().message().unwrap_or_default(),
            });
        }
        unanswered(error, service, place)
    }
}

/// A server's no.
#[derive(Clone, Copy)]
pub(in crate::store) struct Refusal<'e> {
    pub(in crate::store) status: u16,
    /// The server's word for it; empty if there is none.
    pub(in crate::store) code: &'e str,
    /// Never repeated.
    pub(in crate::store) message: &'e str,
}

impl Refusal<'_> {
    /// What it says of who asks, whatever was asked for.
    pub(in crate::store) fn about_identity(&self) -> Option<AwsError> {
        let (what, hint) = match self.code {
            "ExpiredToken"
            | "ExpiredTokenException"
            | "TokenRefreshRequired"
            | "RequestExpired" => (
                "the session of these credentials is over",
                "sign in again (`aws sso login`), or get new credentials",
            ),
            "InvalidToken" | "InvalidClientTokenId" | "UnrecognizedClientException" => (
                "the access key or the session token is not valid here",
                "check the profile and the environment (`AWS_ACCESS_KEY_ID`, `AWS_SESSION_TOKEN`)",
            ),
            "RequestTimeTooSkewed" => TOO_SKEWED,
            // Services that are not S3 have one code for both.
            "InvalidSignatureException" if self.message.contains("Signature expired") => TOO_SKEWED,
            "InvalidSignatureException" if self.message.contains("not yet current") => TOO_SKEWED,
            "InvalidAccessKeyId" | "NotSignedUp" => (
                "nobody knows this access key",
                "check the profile and the environment (`AWS_ACCESS_KEY_ID`)",
            ),
            "SignatureDoesNotMatch" | "InvalidSignatureException" => (
                "the secret key is not the one of this access key",
                "check the profile and the environment (`AWS_SECRET_ACCESS_KEY`)",
            ),
            _ => return None,
        };
        let what = format!("{what} ({})", plain(self.code));
        Some(AwsError::new(AwsErrorKind::Denied, what, hint))
    }

    /// Whether the server asks to slow down.
    pub(in crate::store) fn is_throttling(&self) -> bool {
        let codes = ["SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"];
        self.status == 429 || self.status == 503 || codes.contains(&self.code)
    }

    /// What no code is for: the server failed, or says no for reasons of its own.
    pub(in crate::store) fn at(&self, service: &str, action: &str, place: &str) -> AwsError {
        let code = self.shown();
        if self.is_throttling() {
            let what = format!("{service} asked to slow down too often, at `{place}` ({code})");
            return AwsError::passing(what, "run again later");
        }
        match (self.status, self.code) {
            (_, "NotImplemented") | (501, _) => AwsError::new(
                AwsErrorKind::Unsupported,
                format!("the server does not know `{action}` ({code})"),
                "check the endpoint under `[aws]`",
            ),
            (401 | 403, _) => AwsError::new(
                AwsErrorKind::Denied,
                format!("`{action}` on `{place}` was denied ({code})"),
                format!(
                    "check whose access key this is, and allow `{action}`; docs/iam.md has policies"
                ),
            ),
            (500.., _) => AwsError::passing(
                format!("{service} failed at `{place}` ({code})"),
                "run again later",
            ),
            _ => AwsError::new(
                AwsErrorKind::Io,
                format!("{service} refused `{action}` on `{place}` ({code})"),
                "look the code up in the documentation of the server",
            ),
        }
    }

    /// The code, or else the status, for people.
    pub(in crate::store) fn shown(&self) -> String {
        if self.code.is_empty() { format!("HTTP {}", self.status) } else { plain(self.code) }
    }

    /// `s3:PutObject` out of "… is not authorized to perform: s3:PutObject on resource: …".
    pub(in crate::store) fn action_of(&self, service: &str) -> Option<String> {
        let (_, rest) = self.message.split_once(service)?;
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        (!name.is_empty()).then(|| format!("{service}{name}"))
    }
}

const TOO_SKEWED: (&str, &str) =
    ("the clock of this machine is too far from the server's", "set the clock, best by NTP");

/// There was no answer, or none that makes sense.
fn unanswered<E>(error: &SdkError<E, HttpResponse>, service: &str, place: &str) -> AwsError
where
    E: Error + 'static,
{
    if let Some(missing) = find::<CredentialsError>(error) {
        return no_credentials(missing);
    }
    if let Some(told) = find::<AwsError>(error) {
        return told.clone();
    }
    let cause = innermost(error);
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are the SDK's and may grow")]
    match error {
        SdkError::ConstructionFailure(_) => AwsError::new(
            AwsErrorKind::Settings,
            format!("a request for `{place}` could not be made: {cause}"),
            "check the settings under `[aws]`",
        ),
        SdkError::TimeoutError(_) => AwsError::passing(
            format!("no answer from {service} for `{place}`"),
            "check the network, and the endpoint under `[aws]`",
        ),
        SdkError::DispatchFailure(failure) if failure.is_user() => AwsError::new(
            AwsErrorKind::Settings,
            format!("a request for `{place}` could not be sent: {cause}"),
            "check the settings under `[aws]`",
        ),
        SdkError::DispatchFailure(_) => {
            let hint = tls_hint(&cause);
            let mut told = AwsError::passing(
                format!("{service} could not be reached for `{place}`: {cause}"),
                hint.unwrap_or("check the network, the Region and the endpoint under `[aws]`"),
            );
            told.is_passing = hint.is_none();
            told
        }
        _ => AwsError::passing(
            format!("the answer for `{place}` broke off, or is none of {service}: {cause}"),
            "check the endpoint under `[aws]`",
        ),
    }
}

/// What to do where TLS did not come about; none if that is not what failed.
fn tls_hint(cause: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    if has(&["certificate", "UnknownIssuer"]) {
        return Some(
            "the server's certificate is not trusted: name its authority in `SSL_CERT_FILE`",
        );
    }
    has(&["ProtocolVersion", "peer is incompatible", "InvalidContentType"])
        .then_some("the server has to speak TLS 1.2 or 1.3: check the endpoint under `[aws]`")
}

/// What the chain of credentials says, without a value in it.
fn no_credentials(error: &CredentialsError) -> AwsError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are the SDK's and may grow")]
    let what = match error {
        CredentialsError::CredentialsNotLoaded(_) => "no credentials for AWS were found".to_owned(),
        CredentialsError::ProviderTimedOut(_) => {
            "whoever gives the credentials for AWS did not answer".to_owned()
        }
        other => format!("the credentials for AWS could not be got: {}", plain(&innermost(other))),
    };
    let hint = "sign in (`aws sso login`), or set `profile` under `[aws]`, or `AWS_PROFILE`";
    AwsError::new(AwsErrorKind::Denied, what, hint)
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
pub(in crate::store) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    plain(&last.to_string())
}
