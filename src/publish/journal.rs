//! The journal: what a run writes down before it does it, so that the next run can clean up after
//! a kill.
//!
//! It is JSON in the account's working folder, replaced as a whole, and removed once nothing that
//! it lists is left.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{ForeignFiles, PublishError};
use super::names::{JOURNAL, MoveMode, mode_of, work_folder};
use super::parts::Parts;

const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    #[serde(rename = "segprep_journal")]
    version: u32,
    pub(crate) fingerprint: String,
    /// The fingerprint of the published run that the user allowed this run to replace. It allows
    /// nothing else: another result may have been published since.
    #[serde(default)]
    pub(crate) replaces: Option<String>,
    pub(crate) phase: Phase,
    pub(crate) outputs: Vec<TakenOutput>,
    /// What the account held when the run began to publish: the names of its files and folders,
    /// which are moved aside. Everything else of ours that is found there later is new.
    #[serde(default)]
    pub(crate) held: Vec<String>,
    /// The folders that this run creates, outermost first. They are removed if they end up empty.
    pub(crate) made: Vec<PathBuf>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Everything it wrote is in working folders; what was published before is untouched.
    Writing,
    /// Parts are being moved. While there is a manifest, either none has moved yet or all have, or
    /// all are back.
    Publishing,
    /// The account's files are being replaced; the outputs stay untouched.
    Refusing,
}

/// An output of a run, with the working folder in which its parts wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenOutput {
    pub(crate) to: PathBuf,
    pub(crate) work: PathBuf,
    /// The parts that this run moves, old and new. They are noted before it moves any, and a run
    /// that cleans up removes no others.
    #[serde(default)]
    pub(crate) parts: Parts,
    /// Those of them that are in the output when the run begins to publish. They are moved aside
    /// first. So one that is in the output and not aside has not been moved yet, or is back.
    #[serde(default)]
    pub(crate) earlier: Parts,
}

impl TakenOutput {
    /// `to` is resolved.
    pub(crate) fn new(to: &Path, mode: MoveMode) -> TakenOutput {
        let (parts, earlier) = (Parts::default(), Parts::default());
        TakenOutput { to: to.to_owned(), work: work_folder(to, mode), parts, earlier }
    }

    pub(crate) fn mode(&self) -> MoveMode {
        mode_of(&self.to, &self.work)
    }

    /// The same without the parts that this run cannot have written, which only an edited journal has.
    pub(crate) fn with_own_parts(&self) -> TakenOutput {
        let mode = self.mode();
        let own = |parts: &Parts| parts.filtered(|path, _| mode.owns(path));
        TakenOutput { parts: own(&self.parts), earlier: own(&self.earlier), ..self.clone() }
    }

    /// Whether segprep could have written this entry: a journal that was edited must not make it
    /// remove another folder.
    pub(crate) fn is_plausible(&self, modes: &[MoveMode]) -> bool {
        modes.iter().any(|mode| self.work == work_folder(&self.to, *mode))
    }
}

impl Journal {
    pub(crate) fn new(fingerprint: &str) -> Journal {
        Journal {
            version: VERSION,
            fingerprint: fingerprint.to_owned(),
            replaces: None,
            phase: Phase::Writing,
            outputs: Vec::new(),
            held: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Reads a journal that was found in `place`. Fails if it is not one of ours.
    pub(crate) fn parse(text: &[u8], place: &Path) -> Result<Journal, PublishError> {
        match serde_json::from_slice::<Journal>(text) {
            Ok(journal) if journal.version == VERSION => Ok(journal),
            _ => Err(PublishError::Foreign {
                place: place.to_owned(),
                foreign: ForeignFiles::one(JOURNAL),
            }),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a journal is plain data")
    }
}
