//! `segprep report`: the report of an account, made again from its manifest. Nothing is written. And the files of
//! accounts, for programs that read them elsewhere than on disk.

use crate::engine::Cancel;
use crate::publish::names::MANIFEST;
use crate::report::Manifest;
use crate::run::error::{ErrorKind, Failure, RunError};
use crate::run::text::escape_path;
use crate::run::verify::place::{Place, VerifyOptions};

/// The manifest of an account, or of what a definition published last.
///
/// # Errors
///
/// If there is none, or one that this version cannot read.
pub fn account_manifest(options: &VerifyOptions, cancel: &Cancel) -> Result<Manifest, Failure> {
    let place = Place::find(options, cancel)?;
    let account = escape_path(&place.account.shown);
    let Some(text) = place.account_file(&place.account, MANIFEST)? else {
        let message = format!("the account `{account}` has no manifest: no run has ended there");
        return Err(RunError::new(ErrorKind::NoInput, message)
            .hint("run the definition first; a run that failed leaves no manifest")
            .into());
    };
    Manifest::parse(&text).ok_or_else(|| {
        let message = format!("the manifest in `{account}` is none that this version can read");
        RunError::new(ErrorKind::BadInput, message)
            .hint("name the account of a run, or use the version that wrote it")
            .into()
    })
}

/// A file of an account, or of the account of what a definition published last; `None` if it does not exist.
///
/// # Errors
///
/// If it can't be read.
pub fn account_file(
    options: &VerifyOptions,
    name: &str,
    cancel: &Cancel,
) -> Result<Option<Vec<u8>>, Failure> {
    let place = Place::find(options, cancel)?;
    Ok(place.account_file(&place.account, name)?)
}
