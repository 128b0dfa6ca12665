//! The run whose rejects a retry takes, and what became of them so far.

use std::path::Path;

use crate::publish::names::{RETRIES_MAX, retry_folder};
use crate::publish::{Buckets, PublishError};
use crate::record::Code;
use crate::report::{Manifest, RecordCounts, RetryNote, Status, Tally};
use crate::run::account::differences::manifest_of;
use crate::run::error::{ErrorKind, RunError};
use crate::run::text::escape;

/// The run whose rejects a retry takes.
#[derive(Clone, Debug)]
pub(in crate::run) struct RetryOf {
    pub(in crate::run) fingerprint: String,
    pub(in crate::run) run: String,
    /// Which of its retries this is, from 1.
    pub(in crate::run) number: usize,
    /// The records of that run.
    pub(in crate::run) first: RecordCounts,
    /// Those of them that earlier retries wrote or dropped.
    pub(super) settled: u64,
    /// Whether a reject of the run may be several records: it could not be read as far as its end.
    pub(super) has_broken: bool,
    /// Whether a file was taken by an earlier retry, and has changed since.
    pub(super) takes_changed: bool,
}

impl RetryOf {
    /// How many records of the run are still rejected after a retry with these counts.
    pub(in crate::run) fn still_rejected(&self, total: &Tally) -> u64 {
        self.rejected_before().saturating_sub(total.written + total.inactive + total.suppressed)
    }

    fn rejected_before(&self) -> u64 {
        self.first.rejected.saturating_sub(self.settled)
    }

    /// Fails if no record of the run is rejected any more: what is to be written now was written.
    pub(super) fn check_is_due(&self) -> Result<(), RunError> {
        if 0 < self.rejected_before() {
            return Ok(());
        }
        Err(nothing_rejected(&self.run))
    }

    /// Fails if the files have more records than are still rejected: those that were written would be written twice.
    /// A reject that could not be read as far as its end may become several records, but not in a file of which
    /// an earlier retry has taken some.
    pub(in crate::run) fn check(&self, total: &Tally) -> Result<(), RunError> {
        let (left, read) = (self.rejected_before(), total.read - total.headers);
        if read <= left || (self.has_broken && !self.takes_changed) {
            return Ok(());
        }
        let message = format!(
            "the files have {read} records, and only {left} of the run `{}` are still rejected, so records would be \
             written twice",
            escape(&self.run)
        );
        Err(RunError::new(ErrorKind::BadInput, message).hint(
            "put the records that are still to be written into files of their own, and name these with `--from`; \
             `rejected-records/` in the account of the run or of its last retry has them, with `keep_rejected`",
        ))
    }

    pub(in crate::run) fn note(&self, total: &Tally) -> RetryNote {
        RetryNote {
            of: self.fingerprint.clone(),
            run: self.run.clone(),
            number: u64::try_from(self.number).expect("at most 999"),
            read: self.first.read,
            still_rejected: self.still_rejected(total),
        }
    }
}

/// Whether some reject of a run may be several records.
pub(super) fn has_broken(run: &Manifest) -> bool {
    let codes = [Code::JsonSyntax, Code::CsvSyntax, Code::Utf8, Code::TooLongRecord];
    codes.iter().any(|code| run.rejects.by_code.contains_key(code.as_str()))
}

/// The error if a run and its retries have left nothing rejected.
pub(super) fn nothing_rejected(run: &str) -> RunError {
    let message = format!("no record of the run `{}` is still rejected", escape(run));
    RunError::new(ErrorKind::NoInput, message)
        .hint("new records are inputs: add them to `from` under `[input]`")
}

/// The manifests of the published retries of a run, in their order.
pub(in crate::run) fn retries_of(
    account: &Path,
    buckets: Option<&Buckets>,
    run: &Manifest,
) -> Result<Vec<Manifest>, PublishError> {
    let mut retries = Vec::new();
    for number in 1..=RETRIES_MAX {
        let manifest = manifest_of(&account.join(retry_folder(number)), buckets)?;
        let is_of_run = |manifest: &Manifest| {
            manifest.status == Status::Published
                && manifest.retry.as_ref().is_some_and(|retry| retry.of == run.fingerprint)
        };
        let Some(manifest) = manifest.filter(is_of_run) else { break };
        retries.push(manifest);
    }
    Ok(retries)
}

/// The number of records that retries wrote or dropped.
pub(super) fn settled(retries: &[Manifest]) -> u64 {
    let published = retries.iter().filter(|retry| retry.status == Status::Published);
    let settled =
        published.map(|retry| retry.records.written.saturating_add(dropped(&retry.records)));
    settled.fold(0, u64::saturating_add)
}

/// The number of dropped records. A header that is repeated is none of anybody.
fn dropped(records: &RecordCounts) -> u64 {
    let reasons = records.dropped.iter().filter(|(reason, _)| *reason != "header");
    reasons.map(|(_, count)| *count).fold(0, u64::saturating_add)
}

/// The records of a run and its retries together: those that are still rejected are counted once.
pub(in crate::run) fn together(run: &RecordCounts, retries: &[Manifest]) -> RecordCounts {
    let mut sum = run.clone();
    sum.rejected = run.rejected.saturating_sub(settled(retries));
    for retry in retries.iter().filter(|retry| retry.status == Status::Published) {
        sum.written = sum.written.saturating_add(retry.records.written);
        let dropped = retry.records.dropped.iter().filter(|(reason, _)| *reason != "header");
        for (reason, count) in dropped {
            let all = sum.dropped.entry(reason.clone()).or_default();
            *all = all.saturating_add(*count);
        }
    }
    // A reject may have been several records.
    let dropped = sum.dropped.values().copied().fold(0, u64::saturating_add);
    sum.read = sum.written.saturating_add(sum.rejected).saturating_add(dropped);
    sum
}
