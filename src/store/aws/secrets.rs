//! Secrets Manager: keys that are stored as text.

use aws_sdk_secretsmanager::Client;
use zeroize::Zeroizing;

use super::error::{AwsError, AwsErrorKind, Refusal};
use super::session::{HttpsOnly, Identity, Session, region_of_arn};

const ACTION: &str = "secretsmanager:GetSecretValue";

/// Returns the current text of a secret. `name` may be an ARN, whose Region is then used.
///
/// # Errors
///
/// [`AwsErrorKind::Denied`] if the secret may not be read, [`AwsErrorKind::NotFound`] if it does
/// not exist or is not text. Each message names the secret and contains nothing of its value.
pub fn secret_text(session: &Session, name: &str) -> Result<Zeroizing<String>, AwsError> {
    session.wait(async {
        let client = client(&session.identity, name).await?;
        let response = client.get_secret_value().secret_id(name).send().await;
        let response = response.map_err(|error| {
            let refused = |refusal: &Refusal<'_>| refusal_error(name, refusal);
            AwsError::from_sdk(&error, "Secrets Manager", name, refused)
        })?;
        // A binary value is wiped too.
        let _bytes = response.secret_binary.map(|bytes| Zeroizing::new(bytes.into_inner()));
        response.secret_string.map(Zeroizing::new).ok_or_else(|| {
            let message = format!("the secret `{name}` is binary, not text");
            let hint =
                "store the key as text: `aws secretsmanager put-secret-value --secret-string`";
            AwsError::new(AwsErrorKind::NotFound, message, hint)
        })
    })
}

async fn client(identity: &Identity, name: &str) -> Result<Client, AwsError> {
    let mut builder = aws_sdk_secretsmanager::config::Builder::from(identity.config().await?)
        .interceptor(HttpsOnly { is_http_allowed: identity.access.allow_http });
    if let Some(region) = region_of_arn(name) {
        builder = builder.region(region);
    }
    Ok(Client::from_conf(builder.build()))
}

fn refusal_error(name: &str, refusal: &Refusal<'_>) -> AwsError {
    use AwsErrorKind::{Denied, NotFound, Settings};
    if let Some(error) = refusal.identity_error() {
        return error;
    }
    let code = refusal.display_code();
    let error = |kind, message: String, hint: &str| AwsError::new(kind, message, hint);
    let is_by_kms = refusal.message.contains("KMS") || refusal.message.contains("kms:");
    match refusal.code {
        "AccessDeniedException" | "AccessDenied" | "DecryptionFailure" if is_by_kms => error(
            Denied,
            format!("the secret `{name}` could not be decrypted ({code})"),
            "allow `kms:Decrypt` on the secret's key; docs/iam.md has a policy",
        ),
        "AccessDeniedException" | "AccessDenied" => error(
            Denied,
            format!("`{ACTION}` on `{name}` was denied ({code})"),
            "allow `secretsmanager:GetSecretValue` on the secret; docs/iam.md has a policy",
        ),
        "DecryptionFailure" => error(
            Denied,
            format!("the secret `{name}` could not be decrypted ({code})"),
            "check the key that it is encrypted with",
        ),
        "ResourceNotFoundException" => error(
            NotFound,
            format!("Secrets Manager has no secret `{name}` here ({code})"),
            "check its name, and the Region, profile and endpoint under `[aws]`",
        ),
        "InvalidRequestException" => error(
            NotFound,
            format!("the secret `{name}` cannot be read at the moment ({code})"),
            "it may be marked for deletion: `aws secretsmanager restore-secret` restores it",
        ),
        "InvalidParameterException" | "ValidationException" => error(
            Settings,
            format!("Secrets Manager does not accept `{name}` as the name of a secret ({code})"),
            "write the name of a secret, or its ARN",
        ),
        _ => refusal.other_error("Secrets Manager", ACTION, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_explained() {
        use AwsErrorKind::{Denied, Io, NotFound, Settings};
        let kms = "Access to KMS is not allowed";
        for (status, code, message, kind, words) in [
            (400, "AccessDeniedException", "", Denied, "`secretsmanager:GetSecretValue` on `a/b`"),
            (400, "AccessDeniedException", kms, Denied, "`kms:Decrypt`"),
            (400, "DecryptionFailure", "", Denied, "the key that it is encrypted with"),
            (400, "ResourceNotFoundException", "", NotFound, "no secret `a/b`"),
            (400, "InvalidRequestException", "AKIA1", NotFound, "restore-secret"),
            (400, "ValidationException", "AKIA1", Settings, "does not accept"),
            (400, "InvalidSignatureException", "AKIA1", Denied, "secret key"),
            (400, "InvalidSignatureException", "Signature expired: 2", Denied, "clock"),
            (503, "ServiceUnavailable", "", Io, "slow down"),
            (500, "InternalServiceError", "", Io, "InternalServiceError"),
        ] {
            let error = refusal_error("a/b", &Refusal { status, code, message });
            let text = format!("{error}; {}", error.hint);
            assert_eq!(error.kind, kind, "{text}");
            assert!(text.contains(words) && !text.contains("AKIA"), "{text}");
        }
    }
}
