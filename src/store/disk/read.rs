//! Opens a file in the state in which it was listed.
//!
//! Its size and its times of modification and change are compared when it is opened and again at its
//! end. A file that grew, shrank or was overwritten meanwhile gives an error, never a silent mix of two
//! states, even if its modification time was set back. A file that is removed meanwhile is read to its
//! end.
//! Standard input is read as it comes.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::{fd::AsFd, unix::fs::MetadataExt},
};

use super::list::stamp_of;
use crate::store::error::StoreError;
use crate::store::listing::{Listed, Stamp};
use crate::store::range::{self, RangeEnd};

/// A file as it is now.
pub(in crate::store) fn state(name: &str) -> Result<Listed, StoreError> {
    let metadata = fs::metadata(name).map_err(|source| StoreError::from_io(name, source))?;
    let (bytes, stamp) = (metadata.len(), stamp_of(&metadata));
    Ok(Listed { name: name.to_owned(), bytes, stamp, range: None })
}

/// Opens a file, or standard input, to be read once from its start.
///
/// Where a read notices that the file has changed, it gives an [`io::Error`] that wraps
/// [`StoreError::Changed`].
pub(in crate::store) fn open(listed: &Listed) -> Result<Box<dyn Read + Send>, StoreError> {
    let failed = |source| StoreError::from_io(&listed.name, source);
    if listed.stamp == Stamp::Stream {
        return Ok(Box::new(standard_input().map_err(failed)?));
    }
    let file = File::open(&listed.name).map_err(failed)?;
    if !is_as_listed(&file, listed).map_err(failed)? {
        return Err(StoreError::Changed { name: listed.name.clone() });
    }
    let mut unchanged = Unchanged { file, listed: listed.clone(), bytes_read: 0 };
    let Some(range) = listed.range else { return Ok(Box::new(unchanged)) };
    let start = range::start(range);
    unchanged.file.seek(SeekFrom::Start(start)).map_err(failed)?;
    unchanged.bytes_read = start;
    Ok(Box::new(Ranged { file: unchanged, end: RangeEnd::new(range) }))
}

/// The lines of a range. At their end, the file must still be as it was listed.
struct Ranged {
    file: Unchanged,
    end: RangeEnd,
}

impl Read for Ranged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end.is_reached() {
            return Ok(0);
        }
        let count = self.file.read(buffer)?;
        let count = self.end.pass(buffer.get(..count).unwrap_or(&[]));
        if self.end.is_reached() {
            self.file.check()?;
        }
        Ok(count)
    }
}

/// Standard input without the buffer of [`io::Stdin`].
fn standard_input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// A file that must still be as it was listed when its end is reached.
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
        if self.bytes_read > self.listed.bytes || (at_end && self.bytes_read != self.listed.bytes) {
            return Err(self.changed());
        }
        if at_end {
            self.check()?;
        }
        Ok(count)
    }
}

impl Unchanged {
    fn changed(&self) -> io::Error {
        io::Error::other(StoreError::Changed { name: self.listed.name.clone() })
    }

    /// Fails if the file is not as it was listed.
    fn check(&self) -> io::Result<()> {
        if is_as_listed(&self.file, &self.listed)? { Ok(()) } else { Err(self.changed()) }
    }
}

fn is_as_listed(file: &File, listed: &Listed) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let stamp = match (stamp_of(&metadata), &listed.stamp) {
        // Removing a file changes it, but not its bytes.
        (Stamp::Modified { secs, nanos, .. }, Stamp::Modified { changed, .. })
            if metadata.nlink() == 0 =>
        {
            Stamp::Modified { secs, nanos, changed: *changed }
        }
        (stamp, _) => stamp,
    };
    Ok(metadata.len() == listed.bytes && stamp == listed.stamp)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::OpenOptions,
        io::Write,
        path::Path,
        thread,
        time::{Duration, SystemTime},
    };

    use super::*;
    use crate::store::listing::ByteRange;

    fn listed(path: &Path) -> Listed {
        let metadata = fs::metadata(path).expect("it exists");
        let name = path.to_str().expect("UTF-8").to_owned();
        Listed { name, bytes: metadata.len(), stamp: stamp_of(&metadata), range: None }
    }

    fn is_changed(error: &io::Error) -> bool {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<StoreError>());
        matches!(inner, Some(StoreError::Changed { .. }))
    }

    #[test]
    fn a_file_is_read_to_its_end() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("a");
        fs::write(&path, "0123456789").expect("a file");
        let mut text = String::new();
        open(&listed(&path))
            .expect("it exists")
            .read_to_string(&mut text)
            .expect("it is unchanged");
        assert_eq!(text, "0123456789");
    }

    /// Ranges that follow each other have each line once, wherever they are cut.
    #[test]
    fn each_line_is_in_the_range_that_it_begins_in() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("a");
        let text = "one\n\ntwo2\r\nthree, which is long\nno line end";
        fs::write(&path, text).expect("a file");
        let size = u64::try_from(text.len()).expect("a few bytes");
        for from in 0..size {
            let mut lines = String::new();
            for (from, to) in [(0, from), (from, from + 1), (from + 1, size)] {
                if to <= from {
                    continue;
                }
                let range = Some(ByteRange { from, to });
                let mut text = String::new();
                let mut reader = open(&Listed { range, ..listed(&path) }).expect("it exists");
                reader.read_to_string(&mut text).expect("it is unchanged");
                let own = if from == 0 {
                    Some(text.as_str())
                } else {
                    text.split_once('\n').map(|(_, own)| own)
                };
                lines.push_str(own.unwrap_or_default());
            }
            assert_eq!(lines, text, "{from}");
        }
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
        for change in ["grow", "shrink", "rewrite", "rewrite and set the time back"] {
            let root = tempfile::tempdir().expect("a temporary folder");
            let path = root.path().join("a");
            fs::write(&path, "0123456789").expect("a file");
            let listed = listed(&path);
            let mut reader = open(&listed).expect("unchanged so far");
            let mut some = [0; 4];
            reader.read_exact(&mut some).expect("four bytes");
            let mut file = OpenOptions::new().write(true).append(change == "grow").open(&path);
            let file = file.as_mut().expect("a file");
            match change {
                "shrink" => file.set_len(6).expect("shorter"),
                _ => file.write_all(b"abc").expect("bytes"),
            }
            // The clock of a file system ticks in milliseconds: a second write may have the same
            // time.
            let Stamp::Modified { secs, nanos, .. } = listed.stamp else { panic!("a file") };
            let before = Duration::new(u64::try_from(secs).expect("after 1970"), nanos);
            let is_set_back = change.ends_with("back");
            thread::sleep(Duration::from_millis(if is_set_back { 50 } else { 0 }));
            let time = if is_set_back { before } else { Duration::ZERO };
            file.set_modified(SystemTime::UNIX_EPOCH + time).expect("a time");
            let error = reader.read_to_end(&mut Vec::new()).expect_err(change);
            assert!(is_changed(&error), "{change}: {error}");
        }
    }
}
