//! Undoes what a run moved: after an error, or after a kill, when the next run has begun. A signal also
//! ends a run with an error (`engine/cancel.rs`), and `Publication` is dropped then.
//!
//! What a run replaces stays aside until its own manifest is in place. Undoing puts the new files back
//! into the working folders and the earlier ones into place, the manifest last, and only then removes
//! anything. The journal says what the places held, so every step can be repeated. What cannot be put
//! back is left where it is, with the journal, for the next run.

use std::path::PathBuf;

use super::Publication;
use super::earlier::read_all_manifests;
use super::error::PublishError;
use super::journal::{Journal, Phase, TakenOutput};
use super::names::{MANIFEST, WORK, is_account_file};
use super::output::OutputPlace;
use super::place;
use super::scope::Scope;
use crate::store::disk::folder;

/// Working files that a run could not remove once its manifest was in place. The next run of the
/// same definition does.
#[derive(Debug)]
pub struct Leftover {
    /// The folders that hold them.
    pub places: Vec<PathBuf>,
    pub error: PublishError,
}

/// An output that this run holds, its own or one that it took over from a killed run, and what the
/// journal says was moved there.
type HeldOutput = (Box<dyn OutputPlace>, TakenOutput);

/// What a run left in place that no manifest accounts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unlisted {
    Nothing,
    /// Files of the account.
    Files,
    /// Parts, and files of the account.
    All,
}

impl Publication {
    /// Cleans up after a killed run, in the places of this definition, and puts back what it was
    /// replacing. Returns true if that run was allowed to replace what is published now, and this
    /// one may go on: it is the same, or finds what the killed one was replacing moved aside.
    pub(super) fn clean_up_after_kill(&mut self, scope: &Scope) -> Result<bool, PublishError> {
        let killed = self.account.read_journal()?;
        self.other_outputs = scope.others(&self.earlier, killed.as_ref());
        let Some(mut killed) = killed else { return Ok(false) };
        let mut outputs = self.take_over_outputs(&killed, scope)?;
        let was_aside = !self.earlier.is_published();
        let unlisted = match self.put_back(&killed, &mut outputs) {
            Ok(unlisted) => unlisted,
            Err(error) => {
                let error = self.gone(error, &outputs);
                return Err(withdraw(outputs, error));
            }
        };
        self.clean_up(outputs, unlisted)?;
        if !self.earlier.is_published_as(&killed.fingerprint) {
            killed.made.retain(|folder| scope.may_have_made(folder));
            remove_made(&killed.made);
            self.journal.made.extend(killed.made.into_iter().filter(|folder| folder.exists()));
        }
        self.account.remove_journal()?;
        self.account.refresh()?;
        self.earlier = read_all_manifests(&*self.account)?;
        let goes_on = was_aside || killed.fingerprint == self.journal.fingerprint;
        Ok(goes_on && killed.replaces.is_some_and(|run| self.earlier.is_published_as(&run)))
    }

    /// Takes over the outputs of a killed run, by its journal. Fails, and changes nothing, if there are
    /// foreign files.
    fn take_over_outputs(
        &self,
        journal: &Journal,
        scope: &Scope,
    ) -> Result<Vec<HeldOutput>, PublishError> {
        let account = self.account.path();
        let mut outputs: Vec<HeldOutput> = Vec::new();
        for taken in &journal.outputs {
            let Some(number) = scope.number_of(taken) else { continue };
            let taken = taken.with_own_parts();
            match place::take_over_output(&taken, number, &account, self.buckets.as_ref()) {
                Ok(output) => outputs.extend(output.map(|output| (output, taken))),
                Err(error) => return Err(withdraw(outputs, error)),
            }
        }
        // If none of its parts has moved, what is in the outputs is checked later.
        let has_moved = journal.phase == Phase::Publishing;
        let mut taken_over = outputs.iter();
        let checked = taken_over
            .try_for_each(|(output, taken)| {
                output.check_taken_over(taken, has_moved, &self.earlier)
            })
            .and_then(|()| self.account.check_files(&is_account_file))
            .and_then(|()| self.account.check_working_files(true));
        match checked {
            Ok(()) => Ok(outputs),
            Err(error) => Err(withdraw(outputs, error)),
        }
    }

    /// Undoes everything after an error, and says whether the earlier result is back.
    pub(super) fn fail(&mut self, error: PublishError) -> PublishError {
        if let Err(PublishError::Gone { remains, is_whole, .. }) = self.roll_back() {
            PublishError::Gone { error: Box::new(error), remains, is_whole }
        } else {
            error
        }
    }

    pub(super) fn leftover(&self, error: PublishError) -> Leftover {
        let of_outputs = self.journal.outputs.iter().map(|taken| taken.work.clone());
        let mut places: Vec<PathBuf> = of_outputs.chain([self.account.path().join(WORK)]).collect();
        places.retain(|work| !place::is_on_disk(work) || work.exists());
        Leftover { places, error }
    }

    /// Puts back what this run replaced, removes what it made and no manifest lists, and releases
    /// the account and the outputs. If the earlier result cannot be put back, everything stays as
    /// after a kill.
    pub(super) fn roll_back(&mut self) -> Result<(), PublishError> {
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        if !self.account.is_held() {
            remove_made(&self.journal.made);
            return Ok(());
        }
        if self.is_noted {
            let journal = self.journal.clone();
            let mut outputs: Vec<HeldOutput> =
                self.outputs.drain(..).zip(journal.outputs.iter().cloned()).collect();
            let put_back = self.put_back(&journal, &mut outputs).and_then(|unlisted| {
                let is_gone = unlisted != Unlisted::Nothing && self.earlier.has_result();
                // The caller has the error to report.
                let error = PublishError::Published { account: self.account.path() };
                if is_gone { Err(error) } else { Ok(unlisted) }
            });
            match put_back {
                Ok(unlisted) => self.clean_up(outputs, unlisted)?,
                Err(error) => {
                    let error = self.gone(error, &outputs);
                    return Err(withdraw(outputs, error));
                }
            }
            self.leave_last_words().ok(); // a run that failed cannot do more
            self.account.remove_journal()?;
        }
        self.account.release()?;
        remove_made(&self.journal.made);
        Ok(())
    }

    /// Undoes what a run moved, by its journal; the earlier manifest comes last. Does nothing if a
    /// manifest is in place, since everything it lists is complete then. Returns what stays in place
    /// without a manifest. Fails if this run no longer holds the account: the run that does cleans up.
    fn put_back(
        &mut self,
        journal: &Journal,
        outputs: &mut [HeldOutput],
    ) -> Result<Unlisted, PublishError> {
        if journal.phase == Phase::Writing || self.is_published {
            return Ok(Unlisted::Nothing);
        }
        self.account.refresh()?;
        if self.account.has(MANIFEST)? {
            return Ok(Unlisted::Nothing);
        }
        let mut is_whole: Result<bool, PublishError> = Ok(true);
        if journal.phase == Phase::Publishing {
            for (output, taken) in outputs {
                let is_back = output.put_back(taken); // even if another cannot be put back
                is_whole = is_whole.and_then(|others| Ok(is_back? && others));
            }
        }
        if is_whole? && self.account.put_back(&journal.held)? {
            self.account.put_back_manifest()?;
            return Ok(Unlisted::Nothing);
        }
        let is_publishing = journal.phase == Phase::Publishing;
        Ok(if is_publishing { Unlisted::All } else { Unlisted::Files })
    }

    /// An error that says where the earlier result is, if it is not in place.
    fn gone(&self, error: PublishError, outputs: &[HeldOutput]) -> PublishError {
        let Some(of_account) = self.account.aside() else { return error };
        let of_outputs = outputs.iter().filter_map(|(output, _)| output.aside());
        let (remains, whole): (Vec<_>, Vec<_>) = of_outputs.chain([of_account]).unzip();
        let is_whole = whole.into_iter().all(|is_whole| is_whole);
        PublishError::Gone { error: Box::new(error), remains, is_whole }
    }

    /// Removes the working files of a run, and what it left in place without a manifest.
    fn clean_up(&self, outputs: Vec<HeldOutput>, unlisted: Unlisted) -> Result<(), PublishError> {
        let drops_parts = unlisted == Unlisted::All;
        outputs.into_iter().try_for_each(|(output, taken)| output.clean_up(&taken, drops_parts))?;
        self.account.clean_up(unlisted != Unlisted::Nothing, drops_parts)
    }
}

/// Gives up outputs because of an error.
fn withdraw(outputs: Vec<HeldOutput>, error: PublishError) -> PublishError {
    for (output, _) in outputs {
        output.withdraw();
    }
    error
}

/// Removes the folders that a run created, as far as they are empty.
pub(super) fn remove_made(made: &[PathBuf]) {
    let mut deepest_first: Vec<&PathBuf> = made.iter().collect();
    deepest_first.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    for folder in deepest_first {
        folder::remove_if_empty(folder).ok(); // an empty folder does no harm
    }
}
