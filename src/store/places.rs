//! What is in a folder that a run wrote to, on disk or in a bucket. No link is followed, and nothing is a
//! pattern here: whoever looks trusts no name.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::list::stamp_of;
use super::error::StoreError;
use super::inputs::Store;
use super::listing::{Listed, Stamp};
use super::s3::{Object, S3, Url};

/// A file or object below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Relative to the folder.
    pub path: PathBuf,
    /// False for links, pipes and devices, and for folders that were not looked into.
    pub is_regular: bool,
    pub listed: Listed,
}

impl Store {
    /// The files of a folder and of its subfolders down to this depth, sorted by path. `None`: there is no such folder. (In a
    /// bucket, a folder without objects does not exist.)
    ///
    /// # Errors
    ///
    /// If the folder could not be read.
    pub fn files_in(
        &self,
        folder: &Path,
        depth: usize,
    ) -> Result<Option<Vec<FoundFile>>, StoreError> {
        let mut files = Vec::new();
        if let Some(url) = Url::parse(folder) {
            let url = url.folder();
            for object in self.s3.list(&url)? {
                let path = object.url.key.get(url.key.len()..).unwrap_or_default().into();
                let (name, stamp) = (object.url.to_string(), Stamp::ETag(object.etag));
                let listed = Listed { name, bytes: object.bytes, stamp, range: None };
                files.push(FoundFile { path, is_regular: true, listed });
            }
            return Ok((!files.is_empty()).then_some(files));
        }
        let failed = |source| StoreError::from_io(&folder.to_string_lossy(), source);
        match walk(folder, Path::new(""), depth, &mut files) {
            Err(error) if is_absent(&error) => return Ok(None),
            walked => walked.map_err(failed)?,
        }
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(Some(files))
    }

    /// Opens a listed file or object to read any range of it.
    ///
    /// # Errors
    ///
    /// If it could not be opened, or has changed since it was listed.
    pub fn ranges(&self, listed: &Listed) -> Result<RangeReader, StoreError> {
        if let Stamp::ETag(etag) = &listed.stamp
            && let Some(url) = Url::parse(Path::new(&listed.name))
        {
            let object = Object { url, bytes: listed.bytes, etag: etag.clone(), archive: None };
            return Ok(RangeReader(Opened::Object(self.s3.clone(), object)));
        }
        let failed = |source| StoreError::from_io(&listed.name, source);
        let file = File::open(&listed.name).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if stamp_of(&metadata) != listed.stamp || metadata.len() != listed.bytes {
            return Err(StoreError::Changed { name: listed.name.clone() });
        }
        Ok(RangeReader(Opened::File(file)))
    }
}

/// Reads ranges of a file or object, for several threads at once.
#[derive(Debug)]
pub struct RangeReader(Opened);

#[derive(Debug)]
enum Opened {
    File(File),
    Object(S3, Object),
}

impl RangeReader {
    /// Reads exactly so many bytes from an offset on.
    ///
    /// # Errors
    ///
    /// If they could not be read.
    pub fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        match &self.0 {
            Opened::File(file) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes)
            }
            Opened::Object(s3, object) => {
                let end = start + u64::try_from(length).expect("fewer than 2^64 bytes");
                s3.read_range(object, start..end).map_err(io::Error::other)
            }
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn walk(root: &Path, below: &Path, depth: usize, files: &mut Vec<FoundFile>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, below.join(entry.file_name()));
        if kind.is_dir() && 0 < depth {
            walk(root, &path, depth - 1, files)?;
            continue;
        }
        let metadata = entry.metadata()?;
        let is_regular = kind.is_file();
        let bytes = if is_regular { metadata.len() } else { 0 };
        let name = root.join(&path).to_string_lossy().into_owned();
        let listed = Listed { name, bytes, stamp: stamp_of(&metadata), range: None };
        files.push(FoundFile { path, is_regular, listed });
    }
    Ok(())
}
