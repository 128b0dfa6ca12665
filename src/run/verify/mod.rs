//! `segprep verify`: whether a published result is what its manifest says. Nothing is written.
//!
//! 1. `place` says where account and outputs are. A manifest is data that anybody may have written, so
//!    nothing is read because of it alone.
//! 2. `account` checks the manifest in itself, the balance, and the other files of the account.
//! 3. `rules` turns what the manifest says about fields into what a part must be like.
//! 4. `parts` compares the parts with the manifest, and reads them: lines as a run reads its inputs, and
//!    Parquet by `columns`. `pipeline/process/audit.rs` checks their records.
//!
//! Results of `retry` are in folders of their own, and are checked in the same way.

pub(super) mod account;
pub(super) mod columns;
pub(super) mod part;
pub(super) mod parts;
pub(super) mod place;
pub(super) mod profiles;
pub(super) mod rows;
pub(super) mod rules;
pub(super) mod state;

use super::error::{ErrorKind, Failure, RunError};
use super::look::because;
use super::process::pool;
use super::progress::Progress;
use super::text::escape_path;
use crate::engine::Cancel;
use crate::publish::names::MANIFEST;
use crate::report::{Manifest, Status, VerifyReport};
use parts::Reading;
use place::{Place, VerifyOptions};
use rules::Rules;
use state::{Faults, Verifying};

/// What a verification found.
#[derive(Debug)]
pub struct Verified {
    pub report: VerifyReport,
    /// The number of all faults, of which the report has the first ones.
    pub faults: u64,
    /// What is worth knowing and no fault.
    pub notes: Vec<String>,
}

/// The most results of `retry` of one run.
const RETRIES_MAX: usize = 999;

/// Verifies a result.
///
/// # Errors
///
/// If there is no manifest, or something could not be read.
pub fn verify(
    options: &VerifyOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Verified, Failure> {
    verify_steps(options, progress, cancel).map_err(|failure| because(failure, cancel))
}

fn verify_steps(
    options: &VerifyOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Verified, Failure> {
    let place = Place::find(options, cancel)?;
    let mut verifying = Verifying {
        pool: pool(place.limits.threads)?,
        place: &place,
        progress,
        cancel,
        faults: Faults::default(),
        notes: Vec::new(),
        parts: 0,
        records: 0,
    };
    if !verifying.result("")? {
        let account = escape_path(&place.account.shown);
        let message = format!("the account `{account}` has no manifest: no run has ended there");
        return Err(RunError::new(ErrorKind::NoInput, message)
            .hint("run the definition first; a run that failed leaves no manifest")
            .into());
    }
    for number in 1..=RETRIES_MAX {
        if !verifying.result(&format!("retry-{number:03}"))? {
            break;
        }
    }
    let Verifying { faults, notes, parts, records, .. } = verifying;
    let report = VerifyReport { sound: faults.count == 0, parts, records, faults: faults.first };
    Ok(Verified { report, faults: faults.count, notes })
}

impl Verifying<'_> {
    /// Verifies the result in this subfolder of account and outputs; empty for the result itself. Returns
    /// false if there is none.
    fn result(&mut self, below: &str) -> Result<bool, Failure> {
        let account = self.place.account.below(below);
        let Some(text) = self.place.account_file(&account, MANIFEST)? else { return Ok(false) };
        let manifest_path = account.file(MANIFEST);
        let Some(manifest) = Manifest::parse(&text) else {
            self.faults.of_file(&manifest_path, "it is not a manifest that this version can read");
            return Ok(true);
        };
        account::check(self, &account, &manifest)?;
        if manifest.status != Status::Published {
            self.notes.push(format!(
                "the run was over its budget, so it published no parts: see `{}`; parts of an earlier result are not \
                 checked",
                escape_path(&account.shown)
            ));
        }
        let Some(rules) = Rules::of(&manifest) else {
            let what = "its rules for fields are not those of a definition";
            self.faults.of_file(&manifest_path, what);
            return Ok(true);
        };
        // Over budget there are no parts, and those of an earlier run may still be in their places.
        let is_published = manifest.status == Status::Published;
        for output in manifest.outputs.iter().filter(|_| is_published) {
            match self.place.output(output, below) {
                Err(what) => self.faults.of_file(&manifest_path, what),
                Ok(None) => self.notes.push(
                    "the records went to standard output, so there is nothing to read".to_owned(),
                ),
                Ok(Some(spot)) => {
                    let reading =
                        Reading { manifest: &manifest, output, spot: &spot, rules: &rules };
                    parts::check(self, &reading)?;
                }
            }
        }
        Ok(true)
    }
}
