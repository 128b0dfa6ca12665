//! KMS: message authentication codes (MACs) under a key that never leaves it.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use zeroize::Zeroizing;

use super::error::{AwsError, AwsErrorKind, Refusal};
use super::session::{HttpsOnly, Identity, Session, region_of_arn};

const ACTION: &str = "kms:GenerateMac";

/// Returns the `HMAC_SHA_256` of `message` under a key in KMS, which is 32 bytes. `key` is an id,
/// `alias/NAME` or an ARN. For an ARN, the Region in it is used.
///
/// # Errors
///
/// [`AwsErrorKind::Denied`] if the key may not be used or is disabled, [`AwsErrorKind::NotFound`]
/// if it does not exist or is not for such MACs. Each message names the key.
pub fn generate_mac(
    session: &Session,
    key: &str,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, AwsError> {
    session.wait(async {
        let client = client(&session.identity, key).await?;
        let response = client
            .generate_mac()
            .key_id(key)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(message))
            .send()
            .await
            .map_err(|error| {
                AwsError::from_sdk(&error, "KMS", key, |refusal| refusal_error(key, refusal))
            })?;
        response.mac.map(|mac| Zeroizing::new(mac.into_inner())).ok_or_else(|| {
            let message = format!("the response for `{key}` did not come from KMS");
            AwsError::new(AwsErrorKind::Io, message, "check the endpoint under `[aws]`")
        })
    })
}

async fn client(identity: &Identity, key: &str) -> Result<Client, AwsError> {
    let mut builder = aws_sdk_kms::config::Builder::from(identity.config().await?)
        .interceptor(HttpsOnly { is_http_allowed: identity.access.allow_http });
    if let Some(region) = region_of_arn(key) {
        builder = builder.region(region);
    }
    Ok(Client::from_conf(builder.build()))
}

fn refusal_error(key: &str, refusal: &Refusal<'_>) -> AwsError {
    use AwsErrorKind::{Denied, NotFound, Settings};
    if let Some(error) = refusal.identity_error() {
        return error;
    }
    let code = refusal.display_code();
    let error = |kind, message: String, hint: &str| AwsError::new(kind, message, hint);
    match refusal.code {
        "AccessDeniedException" | "AccessDenied" => error(
            Denied,
            format!("`{ACTION}` on `{key}` was denied ({code})"),
            "allow `kms:GenerateMac` on the key, in its policy and in the role's; docs/iam.md has both",
        ),
        "NotFoundException" => error(
            NotFound,
            format!("KMS has no key `{key}` here ({code})"),
            "check its id, and the Region, profile and endpoint under `[aws]`",
        ),
        "DisabledException" | "KMSInvalidStateException" | "KeyUnavailableException" => error(
            Denied,
            format!("the KMS key `{key}` cannot be used at the moment ({code})"),
            "enable it, or cancel its deletion: without the key its tokens can never be made again",
        ),
        "InvalidKeyUsageException" => error(
            NotFound,
            format!("the KMS key `{key}` cannot generate `HMAC_SHA_256` MACs ({code})"),
            "create one that can: `aws kms create-key --key-usage GENERATE_VERIFY_MAC --key-spec HMAC_256`",
        ),
        "ValidationException" | "InvalidArnException" => error(
            Settings,
            format!("KMS does not accept `{key}` as a key id ({code})"),
            "write the id of a key, `alias/NAME`, or an ARN",
        ),
        _ => refusal.other_error("KMS", ACTION, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_explained() {
        use AwsErrorKind::{Denied, Io, NotFound, Settings, Unsupported};
        for (status, code, kind, words) in [
            (400, "AccessDeniedException", Denied, "`kms:GenerateMac` on `alias/a` was denied"),
            (400, "NotFoundException", NotFound, "no key `alias/a`"),
            (400, "DisabledException", Denied, "cannot be used"),
            (400, "KMSInvalidStateException", Denied, "cannot be used"),
            (400, "InvalidKeyUsageException", NotFound, "GENERATE_VERIFY_MAC"),
            (400, "ValidationException", Settings, "does not accept"),
            (400, "ExpiredTokenException", Denied, "sign in again"),
            (400, "UnrecognizedClientException", Denied, "access key"),
            (400, "ThrottlingException", Io, "slow down"),
            (500, "KMSInternalException", Io, "KMSInternalException"),
            (501, "NotImplemented", Unsupported, "does not support"),
            (403, "", Denied, "`kms:GenerateMac` on `alias/a` was denied (HTTP 403)"),
            (418, "Teapot", Io, "Teapot"),
        ] {
            let message = "AKIA1 the words of a server";
            let error = refusal_error("alias/a", &Refusal { status, code, message });
            let text = format!("{error}; {}", error.hint);
            assert_eq!(error.kind, kind, "{text}");
            assert!(text.contains(words) && !text.contains("AKIA"), "{text}");
        }
    }
}
