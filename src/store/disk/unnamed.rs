//! A file without a name, for what a run keeps on disk for a while. It is gone once the process is,
//! however that ends, and nobody else can open it.
//!
//! The file is created without a name (`O_TMPFILE`). Where a file system cannot do that, it has a name for
//! a moment; a run that is killed in that moment leaves an empty file, which the next one removes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// A file without a name.
#[derive(Debug)]
pub struct UnnamedFile {
    file: File,
    /// Where its bytes are, for messages.
    folder: PathBuf,
}

impl UnnamedFile {
    /// Creates a file in a folder, which exists. `name`: what it is called for a moment if it must have a
    /// name; anything of that name is removed.
    pub fn create(folder: &Path, name: &str) -> io::Result<UnnamedFile> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => File::from(file),
            Err(_not_supported) => create_and_remove(&folder.join(name))?,
        };
        Ok(UnnamedFile { file, folder: folder.to_owned() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }
}

fn create_and_remove(path: &Path) -> io::Result<File> {
    remove(path)?;
    let create =
        || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    let file = create()?;
    remove(path)?;
    Ok(file)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spill");
        fs::write(&path, "").unwrap();
        let named = create_and_remove(&path).unwrap();
        let unnamed = UnnamedFile::create(folder.path(), "spill").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for file in [&named, &unnamed.file] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        unnamed.write_at(b"there", 7).unwrap();
        let mut read = [0; 5];
        unnamed.read_at(&mut read, 7).unwrap();
        assert_eq!(&read, b"there");
        let gone = UnnamedFile::create(&folder.path().join("gone"), "spill").unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
