//! What a run writes down before it does it, so that the next run knows what a kill left.
//!
//! The journal stands in the account's working folder. It is replaced as a whole and synced, and
//! goes when nothing is left that it tells of.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::{ForeignFiles, PublishError, at};
use crate::store::Staged;
use crate::store::disk::folder;

const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Journal {
    #[serde(rename = "segprep_journal")]
    version: u32,
    pub(crate) fingerprint: String,
    /// The user let this run replace a published one.
    pub(crate) overwrite: bool,
    pub(crate) phase: Phase,
    pub(crate) outputs: Vec<Owned>,
    /// Folders that this run makes, outermost first; they go if they are empty in the end.
    pub(crate) made: Vec<PathBuf>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// All that it wrote is in working folders; what was published before stands.
    Writing,
    /// Parts are moved. While there is a manifest, either nothing has moved yet or everything has.
    Publishing,
    /// The account is replaced; the outputs are not touched.
    Refusing,
}

/// An output place of a run, and the folder beside or in it where its parts wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owned {
    pub(crate) to: PathBuf,
    pub(crate) work: PathBuf,
}

impl Journal {
    pub(crate) const NAME: &str = "journal.json";
    /// The next state of the journal, until it takes the name.
    pub(crate) const NEXT: &str = "journal.json.next";

    pub(crate) fn new(fingerprint: &str) -> Journal {
        Journal {
            version: VERSION,
            fingerprint: fingerprint.to_owned(),
            overwrite: false,
            phase: Phase::Writing,
            outputs: Vec::new(),
            made: Vec::new(),
        }
    }

    /// The journal in this working folder. One that cannot be read is not ours.
    pub(crate) fn read(work: &Path) -> Result<Option<Journal>, PublishError> {
        let path = work.join(Self::NAME);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(at(&path, "read"))?,
        };
        Journal::of(&text, work).map(Some)
    }

    /// The journal that this text is; `work` is where it lies.
    pub(crate) fn of(text: &[u8], work: &Path) -> Result<Journal, PublishError> {
        match serde_json::from_slice::<Journal>(text) {
            Ok(journal) if journal.version == VERSION => Ok(journal),
            _ => Err(PublishError::Foreign {
                place: work.to_owned(),
                strangers: ForeignFiles { names: vec![Self::NAME.to_owned()], more: false },
            }),
        }
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a journal is plain data")
    }

    /// Puts this state on the disk in place of the one before.
    pub(crate) fn write(&self, work: &Path) -> Result<(), PublishError> {
        let next = work.join(Self::NEXT);
        self.write_whole(work, &next).map_err(at(&next, "write"))
    }

    fn write_whole(&self, work: &Path, next: &Path) -> io::Result<()> {
        folder::remove(next)?;
        let mut file = Staged::create(next.to_owned(), true)?;
        file.write_all(&self.text())?;
        file.finish()?;
        fs::rename(next, work.join(Self::NAME))?;
        folder::sync(work)
    }

    pub(crate) fn remove(work: &Path) -> io::Result<()> {
        folder::remove(&work.join(Self::NEXT))?;
        folder::remove(&work.join(Self::NAME))
    }
}
