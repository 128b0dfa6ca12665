//! A new file that is not published yet.
//!
//! It is created where nothing exists, never through a link, and is completely on the disk once
//! [`Staged::finish`] has returned. Dropping it before that removes it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The write buffer, in bytes. Larger writes bypass it.
const BUFFER_BYTES: usize = 64 * 1024;

/// A file that is being written.
#[derive(Debug)]
pub struct Staged {
    /// `None`: the file is finished.
    file: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Staged {
    /// Creates the file. Fails if something exists at `path`. With `private`, only the owner may
    /// read it (mode 0600); otherwise the umask decides.
    pub fn create(path: PathBuf, private: bool) -> io::Result<Staged> {
        let mode = if private { 0o600 } else { 0o666 };
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(&path)?;
        Ok(Staged { file: Some(BufWriter::with_capacity(BUFFER_BYTES, file)), path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, to write and read ranges of it. They are not buffered, so they must not overlap with
    /// what is written through [`Write`].
    pub fn for_ranges(&self) -> io::Result<File> {
        let file = self.file.as_ref().ok_or_else(is_finished)?;
        file.get_ref().try_clone()
    }

    /// Completes the file and syncs its bytes to the disk. Its name is durable once its folder is
    /// synced.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.open()?.get_ref().sync_all()?;
        self.file = None;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(is_finished)
    }
}

fn is_finished() -> io::Error {
    io::Error::other("the file is finished")
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
            drop(file.into_parts()); // without writing what is buffered
            // If this fails, the file goes when its folder is cleaned up.
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_a_finished_file_stays() {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, finished) in [("kept", true), ("gone", false)] {
            let mut staged = Staged::create(root.path().join(name), false).expect("a new file");
            staged.write_all(b"text").expect("it is written");
            if finished {
                staged.finish().expect("it is written");
            }
        }
        assert_eq!(fs::read(root.path().join("kept")).expect("it was finished"), b"text");
        assert!(!root.path().join("gone").exists());
    }

    #[test]
    fn nothing_is_overwritten_and_no_link_is_followed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::write(root.path().join("there"), "old").expect("a file");
        symlink("elsewhere", root.path().join("link")).expect("a link");
        for name in ["there", "link"] {
            let error = Staged::create(root.path().join(name), false).expect_err("it exists");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        assert_eq!(fs::read(root.path().join("there")).expect("it exists"), b"old");
        assert!(!root.path().join("elsewhere").exists());
    }

    #[test]
    fn a_private_file_is_readable_by_its_owner_only() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let staged = Staged::create(root.path().join("a"), true).expect("a new file");
        let mode = fs::metadata(staged.path()).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
