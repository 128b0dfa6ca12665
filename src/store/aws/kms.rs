//! KMS: MACs under a key that never leaves it.

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::MacAlgorithmSpec;
use zeroize::Zeroizing;

use super::error::{AwsError, AwsErrorKind, Refusal};
use super::session::{Identity, Plainness, Session, region_of};

const ACTION: &str = "kms:GenerateMac";

/// `HMAC_SHA_256` of `message` under a key in KMS: 32 bytes. `key` is an id, `alias/NAME` or an ARN,
/// which is asked in its own Region.
///
/// # Errors
///
/// [`AwsErrorKind::Denied`] where the key may not be used, [`AwsErrorKind::NotFound`] where there is
/// none or it makes no such MACs, else what failed. Each message names the key.
pub fn generate_mac(
    session: &Session,
    key: &str,
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, AwsError> {
    session.wait(async {
        let client = client(&session.identity, key).await?;
        let answer = client
            .generate_mac()
            .key_id(key)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(message))
            .send()
            .await
            .map_err(|error| AwsError::of(&error, "KMS", key, |refusal| refused(key, refusal)))?;
        answer.mac.map(|mac| Zeroizing::new(mac.into_inner())).ok_or_else(|| {
            let message = format!("the answer for `{key}` is none of KMS");
            AwsError::new(AwsErrorKind::Io, message, "check the endpoint under `[aws]`")
        })
    })
}

async fn client(identity: &Identity, key: &str) -> Result<Client, AwsError> {
    let mut builder = aws_sdk_kms::config::Builder::from(identity.config().await?)
        .interceptor(Plainness { is_allowed: identity.access.allow_http });
    if let Some(region) = region_of(key) {
        builder = builder.region(region);
    }
    Ok(Client::from_conf(builder.build()))
}

fn refused(key: &str, refusal: &Refusal<'_>) -> AwsError {
    use AwsErrorKind::{Denied, NotFound, Settings};
    if let Some(known) = refusal.about_identity() {
        return known;
    }
    let code = refusal.shown();
    let error = |kind, what: String, hint: &str| AwsError::new(kind, what, hint);
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
            format!("the key `{key}` in KMS can't be used now ({code})"),
            "enable it, or cancel its deletion: with it go all tokens that it makes",
        ),
        "InvalidKeyUsageException" => error(
            NotFound,
            format!("the key `{key}` in KMS makes no MACs of `HMAC_SHA_256` ({code})"),
            "make one that does: `aws kms create-key --key-usage GENERATE_VERIFY_MAC --key-spec HMAC_256`",
        ),
        "ValidationException" | "InvalidArnException" => error(
            Settings,
            format!("KMS takes `{key}` for no id of a key ({code})"),
            "write the id of a key, `alias/NAME`, or an ARN",
        ),
        _ => refusal.at("KMS", ACTION, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kms_refuses_is_told_with_what_to_do() {
        use AwsErrorKind::{Denied, Io, NotFound, Settings, Unsupported};
        for (status, code, kind, says) in [
            (400, "AccessDeniedException", Denied, "`kms:GenerateMac` on `alias/a` was denied"),
            (400, "NotFoundException", NotFound, "no key `alias/a`"),
            (400, "DisabledException", Denied, "can't be used now"),
            (400, "KMSInvalidStateException", Denied, "can't be used now"),
            (400, "InvalidKeyUsageException", NotFound, "GENERATE_VERIFY_MAC"),
            (400, "ValidationException", Settings, "no id of a key"),
            (400, "ExpiredTokenException", Denied, "sign in again"),
            (400, "UnrecognizedClientException", Denied, "access key"),
            (400, "ThrottlingException", Io, "slow down"),
            (500, "KMSInternalException", Io, "KMSInternalException"),
            (501, "NotImplemented", Unsupported, "does not know"),
            (403, "", Denied, "`kms:GenerateMac` on `alias/a` was denied (HTTP 403)"),
            (418, "Teapot", Io, "Teapot"),
        ] {
            let message = "AKIA1 the words of a server";
            let error = refused("alias/a", &Refusal { status, code, message });
            let told = format!("{error}; {}", error.hint);
            assert_eq!(error.kind, kind, "{told}");
            assert!(told.contains(says) && !told.contains("AKIA"), "{told}");
        }
    }
}
