//! The journal as a file: replaced by a rename, and synced.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use crate::publish::error::{PublishError, at};
use crate::publish::journal::Journal;
use crate::publish::names::{JOURNAL, MANIFEST_BYTES_MAX, NEXT_JOURNAL};
use crate::store::Staged;
use crate::store::disk::{folder, whole};

/// Reads the journal in this working folder; `None` if there is none.
pub(super) fn read(work: &Path) -> Result<Option<Journal>, PublishError> {
    let path = work.join(JOURNAL);
    let text = match whole::read_file(&path, MANIFEST_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(at(&path, "read"))?,
    };
    Journal::parse(&text, work).map(Some)
}

/// Replaces the journal in this working folder.
pub(super) fn write(journal: &Journal, work: &Path) -> Result<(), PublishError> {
    let next = work.join(NEXT_JOURNAL);
    replace(journal, work, &next).map_err(at(&next, "write"))
}

fn replace(journal: &Journal, work: &Path, next: &Path) -> io::Result<()> {
    folder::remove_file(next)?;
    let mut file = Staged::create(next.to_owned(), true)?;
    file.write_all(&journal.to_json())?;
    file.finish()?;
    fs::rename(next, work.join(JOURNAL))?;
    folder::sync(work)
}

pub(super) fn remove(work: &Path) -> io::Result<()> {
    folder::remove_file(&work.join(NEXT_JOURNAL))?;
    folder::remove_file(&work.join(JOURNAL))
}
