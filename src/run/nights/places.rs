//! The places of runs on a list: which account is whose, and what is left where a run was killed.

use std::path::{Path, PathBuf};

use crate::crypto::sha256;
use crate::definition::Definition;
use crate::ledger::RunEntry;
use crate::publish::{self, Buckets, PlaceRequest, Share};
use crate::run::error::Failure;
use crate::run::text::hex;

/// Cleans up after a killed run in its places. Returns the fingerprint of the run that is published there.
pub(super) fn recover(
    definition: &Definition,
    buckets: Option<&Buckets>,
) -> Result<Option<String>, Failure> {
    let outputs: Vec<PathBuf> =
        definition.outputs.iter().map(|output| output.to.path.clone()).collect();
    let request = PlaceRequest {
        account: &definition.account.to.path,
        outputs: &outputs,
        modes: &[],
        buckets,
        fingerprint: "",
        overwrite: false,
        share: Share::Whole,
    };
    Ok(publish::recover(&request)?)
}

/// Removes the empty folders of a run that was killed before it could note which ones it had made: those that this run
/// has under another name.
pub(super) fn remove_folders(killed: &Definition, own: &Definition) {
    let places = |definition: &Definition| -> Vec<PathBuf> {
        let outputs = definition.outputs.iter().map(|output| output.to.path.clone());
        outputs.chain([definition.account.to.path.clone()]).collect()
    };
    for (killed, own) in places(killed).iter().zip(places(own)) {
        publish::remove_empty_folders(killed, &own);
    }
}

/// Whether a run on a list has written to this account.
pub(super) fn is_account_of(run: &RunEntry, account: &Path) -> Result<bool, Failure> {
    Ok(digest_of(account)? == run.account)
}

/// Identifies an account on a list, without telling where it is.
pub(super) fn digest_of(account: &Path) -> Result<String, Failure> {
    let path = publish::resolve(account)?;
    let digest = hex(&sha256(path.as_os_str().as_encoded_bytes()));
    Ok(digest.get(..32).unwrap_or_default().to_owned())
}
