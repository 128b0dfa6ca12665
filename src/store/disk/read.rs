//! Opens an input as it was listed.
//!
//! Size and time are compared when a file is opened and again at its end: a file that grew,
//! shrank or was written over in between ends in an error, and never in a quiet mix of both.
//! A stream is read as it comes.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
};

use crate::store::{Listed, Stamp, StoreError};

/// The bytes of an input, once, from the start.
///
/// A read that meets the end of a file that has changed gives an [`io::Error`] around
/// [`StoreError::Changed`].
pub(in crate::store) fn open(listed: &Listed) -> Result<Box<dyn Read + Send>, StoreError> {
    let failed = |source| StoreError::sorted(&listed.name, source);
    if listed.stamp == Stamp::Stream {
        return Ok(Box::new(standard_input().map_err(failed)?));
    }
    let file = File::open(&listed.name).map_err(failed)?;
    if !is_as_listed(&file, listed).map_err(failed)? {
        return Err(StoreError::Changed { name: listed.name.clone() });
    }
    Ok(Box::new(Unchanged { file, listed: listed.clone(), bytes_read: 0 }))
}

/// Standard input without a buffer of its own.
fn standard_input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// A file that must end as it was listed.
struct Unchanged {
    file: File,
    listed: Listed,
    bytes_read: u64,
}

impl Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes_read = self.bytes_read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let at_end = count == 0 && !buffer.is_empty();
        let whole = self.bytes_read == self.listed.bytes;
        if self.bytes_read > self.listed.bytes
            || (at_end && !(whole && is_as_listed(&self.file, &self.listed)?))
        {
            let name = self.listed.name.clone();
            return Err(io::Error::other(StoreError::Changed { name }));
        }
        Ok(count)
    }
}

fn is_as_listed(file: &File, listed: &Listed) -> io::Result<bool> {
    let metadata = file.metadata()?;
    Ok(metadata.len() == listed.bytes && Stamp::of(&metadata) == listed.stamp)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, OpenOptions},
        io::Write,
        path::Path,
        time::{Duration, SystemTime},
    };

    use super::*;
    use crate::store::Store;
    use crate::store::aws::{Access, Session};
    use crate::store::s3::{S3, Settings};

    fn listed(path: &Path) -> Listed {
        let s3 = S3::new(
            Session::new(Access::default(), std::sync::Arc::new(|| false)),
            Settings::default(),
        );
        Store { s3 }.list(&[path], &[]).expect("a listing").files.remove(0)
    }

    fn is_changed(error: &io::Error) -> bool {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<StoreError>());
        matches!(inner, Some(StoreError::Changed { .. }))
    }

    #[test]
    fn a_file_is_read_whole() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("a");
        fs::write(&path, "0123456789").expect("a file");
        let mut text = String::new();
        open(&listed(&path)).expect("it is there").read_to_string(&mut text).expect("it is whole");
        assert_eq!(text, "0123456789");
    }

    #[test]
    fn a_change_before_opening_is_an_error() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("a");
        fs::write(&path, "0123456789").expect("a file");
        let listed = listed(&path);
        let file = OpenOptions::new().write(true).open(&path).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(7)).expect("a time");
        let error = open(&listed).err().expect("the time differs");
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    }

    #[test]
    fn a_change_while_reading_is_an_error() {
        for change in ["grow", "shrink", "rewrite"] {
            let root = tempfile::tempdir().expect("a temporary folder");
            let path = root.path().join("a");
            fs::write(&path, "0123456789").expect("a file");
            let mut reader = open(&listed(&path)).expect("unchanged so far");
            let mut some = [0; 4];
            reader.read_exact(&mut some).expect("four bytes");
            let mut file = OpenOptions::new().write(true).append(change == "grow").open(&path);
            let file = file.as_mut().expect("a file");
            match change {
                "shrink" => file.set_len(6).expect("shorter"),
                _ => file.write_all(b"abc").expect("bytes"),
            }
            // The clock of a file system ticks in milliseconds: set what a later write would show.
            file.set_modified(SystemTime::UNIX_EPOCH).expect("a time");
            let error = reader.read_to_end(&mut Vec::new()).expect_err(change);
            assert!(is_changed(&error), "{change}: {error}");
        }
    }
}
