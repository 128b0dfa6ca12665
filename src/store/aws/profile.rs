//! Refuses profiles that ask for a second factor. The SDK does not read `mfa_serial` and assumes
//! the role without it, which ends in a refusal that does not name the cause.

use std::borrow::Cow;

use aws_config::profile::{ProfileSet, load};
use aws_types::os_shim_internal::{Env, Fs};

use super::access::Access;
use super::error::{AwsError, AwsErrorKind};

/// Fails if the profile that the credentials come from asks for a second factor.
pub(super) async fn refuse_second_factor(access: &Access) -> Result<(), AwsError> {
    let env = Env::real();
    // The environment comes before all profiles.
    if env.get("AWS_ACCESS_KEY_ID").is_ok() && env.get("AWS_SECRET_ACCESS_KEY").is_ok() {
        return Ok(());
    }
    let selected = access.profile.clone().map(Cow::Owned);
    // The SDK reads these files again, and reports what is wrong with them.
    let Ok(profiles) = load(&Fs::real(), &env, &<_>::default(), selected).await else {
        return Ok(());
    };
    if !asks_for_code(&profiles) {
        return Ok(());
    }
    let message =
        "the profile asks for a second factor (`mfa_serial`), and a run asks for no codes";
    let hint = "get a session first, with `aws configure export-credentials --format env`, or use \
                another profile; see docs/iam.md";
    Err(AwsError::new(AwsErrorKind::Denied, message, hint))
}

/// Whether the selected profile, or one that it refers to, assumes a role with a second factor.
fn asks_for_code(profiles: &ProfileSet) -> bool {
    let mut name = profiles.selected_profile();
    let mut seen = Vec::new();
    while let Some(profile) = profiles.get_profile(name)
        && !seen.contains(&name)
    {
        if profile.get("role_arn").is_some() && profile.get("mfa_serial").is_some() {
            return true;
        }
        seen.push(name);
        let Some(source) = profile.get("source_profile") else { return false };
        name = source;
    }
    false
}
