//! Secrets Manager: texts that somebody put there.

use aws_sdk_secretsmanager::Client;
use zeroize::Zeroizing;

use super::error::{AwsError, AwsErrorKind, Refusal};
use super::session::{Identity, Plainness, Session, region_of};

const ACTION: &str = "secretsmanager:GetSecretValue";

/// The text of a secret, as it is now. `name` may be an ARN, which is asked in its own Region.
///
/// # Errors
///
/// [`AwsErrorKind::Denied`] where it may not be read, [`AwsErrorKind::NotFound`] where there is none,
/// or none that is text; else what failed. Each message has the name, and nothing of the secret.
pub fn secret_text(session: &Session, name: &str) -> Result<Zeroizing<String>, AwsError> {
    session.wait(async {
        let client = client(&session.identity, name).await?;
        let answer = client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| {
            AwsError::of(&error, "Secrets Manager", name, |refusal| refused(name, refusal))
        })?;
        // What is no text is wiped as well.
        let _bytes = answer.secret_binary.map(|bytes| Zeroizing::new(bytes.into_inner()));
        answer.secret_string.map(Zeroizing::new).ok_or_else(|| {
            let message = format!("the secret `{name}` holds bytes and no text");
            let hint =
                "store the key as text: `aws secretsmanager put-secret-value --secret-string`";
            AwsError::new(AwsErrorKind::NotFound, message, hint)
        })
    })
}

async fn client(identity: &Identity, name: &str) -> Result<Client, AwsError> {
    let mut builder = aws_sdk_secretsmanager::config::Builder::from(identity.config().await?)
        .interceptor(Plainness { is_allowed: identity.access.allow_http });
    if let Some(region) = region_of(name) {
        builder = builder.region(region);
    }
    Ok(Client::from_conf(builder.build()))
}

fn refused(name: &str, refusal: &Refusal<'_>) -> AwsError {
    use AwsErrorKind::{Denied, NotFound, Settings};
    if let Some(known) = refusal.about_identity() {
        return known;
    }
    let code = refusal.shown();
    let error = |kind, what: String, hint: &str| AwsError::new(kind, what, hint);
    let is_kms = refusal.message.contains("KMS") || refusal.message.contains("kms:");
    match refusal.code {
        "AccessDeniedException" | "AccessDenied" | "DecryptionFailure" if is_kms => error(
            Denied,
            format!("the secret `{name}` could not be decrypted ({code})"),
            "allow `kms:Decrypt` on the key of the secret; docs/iam.md has a policy",
        ),
        "AccessDeniedException" | "AccessDenied" => error(
            Denied,
            format!("`{ACTION}` on `{name}` was denied ({code})"),
            "allow `secretsmanager:GetSecretValue` on the secret; docs/iam.md has a policy",
        ),
        "DecryptionFailure" => error(
            Denied,
            format!("the secret `{name}` could not be decrypted ({code})"),
            "look at the key that it is encrypted with",
        ),
        "ResourceNotFoundException" => error(
            NotFound,
            format!("Secrets Manager has no secret `{name}` here ({code})"),
            "check its name, and the Region, profile and endpoint under `[aws]`",
        ),
        "InvalidRequestException" => error(
            NotFound,
            format!("the secret `{name}` can't be read now ({code})"),
            "it may be marked for deletion: `aws secretsmanager restore-secret` brings it back",
        ),
        "InvalidParameterException" | "ValidationException" => error(
            Settings,
            format!("Secrets Manager takes `{name}` for no name of a secret ({code})"),
            "write the name of a secret, or its ARN",
        ),
        _ => refusal.at("Secrets Manager", ACTION, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_secrets_manager_refuses_is_told_with_what_to_do() {
        use AwsErrorKind::{Denied, Io, NotFound, Settings};
        let kms = "Access to KMS is not allowed";
        for (status, code, message, kind, says) in [
            (400, "AccessDeniedException", "", Denied, "`secretsmanager:GetSecretValue` on `a/b`"),
            (400, "AccessDeniedException", kms, Denied, "`kms:Decrypt`"),
            (400, "DecryptionFailure", "", Denied, "the key that it is encrypted with"),
            (400, "ResourceNotFoundException", "", NotFound, "no secret `a/b`"),
            (400, "InvalidRequestException", "AKIA1", NotFound, "restore-secret"),
            (400, "ValidationException", "AKIA1", Settings, "no name of a secret"),
            (400, "InvalidSignatureException", "AKIA1", Denied, "secret key"),
            (400, "InvalidSignatureException", "Signature expired: 2", Denied, "clock"),
            (503, "ServiceUnavailable", "", Io, "slow down"),
            (500, "InternalServiceError", "", Io, "InternalServiceError"),
        ] {
            let error = refused("a/b", &Refusal { status, code, message });
            let told = format!("{error}; {}", error.hint);
            assert_eq!(error.kind, kind, "{told}");
            assert!(told.contains(says) && !told.contains("AKIA"), "{told}");
        }
    }
}
