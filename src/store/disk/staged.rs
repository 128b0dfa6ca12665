//! A new file that nobody reads yet.
//!
//! It is created where nothing was, never through a link, and is whole on disk once
//! [`Staged::finish`] has returned. One that is dropped before takes its bytes away.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Lines are gathered to this many bytes; larger writes pass through.
const BUFFER_BYTES: usize = 64 * 1024;

/// A file that is being written.
#[derive(Debug)]
pub struct Staged {
    /// None once it is finished.
    file: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Staged {
    /// Creates the file; one that is there already is an error. `private` keeps it from all but
    /// its owner (mode 0600), else the umask decides.
    pub fn create(path: PathBuf, private: bool) -> io::Result<Staged> {
        let mode = if private { 0o600 } else { 0o666 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        Ok(Staged { file: Some(BufWriter::with_capacity(BUFFER_BYTES, file)), path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the file: its bytes are on the disk. The name is not, until its folder is synced.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.open()?.get_ref().sync_all()?;
        self.file = None;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is finished"))
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // What it still held goes nowhere.
            drop(file.into_parts());
            fs::remove_file(&self.path).ok(); // the folder is swept with all that is in it
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_finished_file_stays_and_an_unfinished_one_goes() {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, finished) in [("kept", true), ("gone", false)] {
            let mut staged = Staged::create(root.path().join(name), false).expect("a new file");
            staged.write_all(b"text").expect("room for it");
            if finished {
                staged.finish().expect("room for it");
            }
        }
        assert_eq!(fs::read(root.path().join("kept")).expect("it was finished"), b"text");
        assert!(!root.path().join("gone").exists());
    }

    #[test]
    fn nothing_is_written_over_or_through_a_link() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::write(root.path().join("there"), "old").expect("a file");
        symlink("elsewhere", root.path().join("link")).expect("a link");
        for name in ["there", "link"] {
            let error = Staged::create(root.path().join(name), false).expect_err("it is taken");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        assert_eq!(fs::read(root.path().join("there")).expect("it is there"), b"old");
        assert!(!root.path().join("elsewhere").exists());
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let staged = Staged::create(root.path().join("a"), true).expect("a new file");
        let mode = fs::metadata(staged.path()).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
