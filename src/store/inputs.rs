//! Lists and opens the inputs of a run, on disk or in buckets.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::disk::read;
use super::error::StoreError;
use super::exclude::Hidden;
use super::list;
use super::listing::{Listed, Listing, Stamp};
use super::range::{self, RangeEnd};
use super::s3::{Object, ObjectReader, Reach, ReadAhead, S3, Url, Wanted};

/// The disk, and buckets.
#[derive(Clone, Debug)]
pub struct Store {
    pub s3: S3,
}

impl Store {
    /// Lists the files and objects that the entries of `from` name, and everything inside the
    /// folders among them, except for what a pattern of `exclude` matches.
    ///
    /// An entry is `-` for standard input, a path, an `s3://` URL, or a pattern of either. A folder
    /// that is an entry itself is entered even if its name is hidden. A pattern of `exclude`
    /// without a `/` is matched against names, any other against whole paths as they are listed.
    pub fn list<P: AsRef<Path>>(
        &self,
        from: &[P],
        exclude: &[String],
    ) -> Result<Listing, StoreError> {
        list::list(&self.s3, from, exclude, Hidden::Ignored)
    }

    /// Lists files and objects like [`Store::list`], those that `from` itself names whatever their names
    /// begin with.
    pub fn list_with_hidden<P: AsRef<Path>>(&self, from: &[P]) -> Result<Listing, StoreError> {
        list::list(&self.s3, from, &[], Hidden::Read)
    }

    /// Opens a file, a pipe or an object to be read once from its start, whatever its name.
    ///
    /// # Errors
    ///
    /// If it does not exist, or could not be opened.
    pub fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, StoreError> {
        let name = path.to_string_lossy();
        if Url::parse(path).is_none() {
            let file = File::open(path).map_err(|source| StoreError::from_io(&name, source))?;
            return Ok(Box::new(file));
        }
        let listing = self.list(&[path], &[])?;
        self.inputs(&listing.files, Reach::Whole)?.open(0)
    }

    /// A file or object that a plan of some time ago names, as it is now. An object is compared when it is
    /// read.
    ///
    /// # Errors
    ///
    /// If a file does not exist, or has another size or another time.
    pub fn confirm(&self, planned: &Listed) -> Result<Listed, StoreError> {
        if !matches!(planned.stamp, Stamp::Modified { .. }) {
            return Ok(planned.clone());
        }
        let found = read::state(&planned.name)?;
        let is_same =
            found.bytes == planned.bytes && found.stamp.modified() == planned.stamp.modified();
        if is_same {
            Ok(Listed { range: planned.range, ..found })
        } else {
            Err(StoreError::NotAsPlanned { name: planned.name.clone() })
        }
    }

    /// Prepares these inputs to be read in order. Reading objects ahead begins at once.
    pub fn inputs<'l>(&self, listed: &'l [Listed], reach: Reach) -> Result<Inputs<'l>, StoreError> {
        // Nothing is made for each of a million files if no input is an object.
        let ahead = if listed.iter().any(|listed| object(listed).is_some()) {
            let objects = listed.iter().map(wanted).collect();
            Some(ReadAhead::new(&self.s3, objects, reach)?)
        } else {
            None
        };
        Ok(Inputs { listed, ahead })
    }
}

/// The object that an input is, unless it is on this machine.
fn object(listed: &Listed) -> Option<Object> {
    let Stamp::ETag(etag) = &listed.stamp else { return None };
    let url = Url::parse(Path::new(&listed.name))?;
    Some(Object { url, bytes: listed.bytes, etag: etag.clone(), archive: None })
}

/// The object that an input is, and what of it is read.
fn wanted(listed: &Listed) -> Option<Wanted> {
    let object = object(listed)?;
    Some(match listed.range {
        None => Wanted::whole(object),
        Some(range) => Wanted::from(object, range::start(range), range.to),
    })
}

/// The lines of a range of an object.
struct Ranged {
    object: ObjectReader,
    end: RangeEnd,
}

impl Read for Ranged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.end.is_reached() {
            return Ok(0);
        }
        let count = self.object.read(buffer)?;
        Ok(self.end.pass(buffer.get(..count).unwrap_or(&[])))
    }
}

/// Inputs that are meant to be read in order: objects are fetched ahead in this order.
pub struct Inputs<'l> {
    listed: &'l [Listed],
    /// `None`: all inputs are on this machine.
    ahead: Option<ReadAhead>,
}

impl<'l> Inputs<'l> {
    pub fn listed(&self) -> &'l [Listed] {
        self.listed
    }

    /// Opens an input, by its index, to be read once from its start. If only a range of it is to be read, the
    /// first line is the rest of one that begins before the range (see `range.rs`).
    ///
    /// A read that fails gives an [`std::io::Error`] that `StoreError::from_read` understands.
    /// Among these is a change of the input, which may be noticed only at its end.
    pub fn open(&self, input: usize) -> Result<Box<dyn Read + Send>, StoreError> {
        let Some(listed) = self.listed.get(input) else {
            return Err(StoreError::NotFound { name: String::new() });
        };
        match (&self.ahead, &listed.stamp) {
            (Some(ahead), Stamp::ETag(_)) => Ok(match listed.range {
                None => Box::new(ahead.open(input)),
                Some(range) => {
                    Box::new(Ranged { object: ahead.open(input), end: RangeEnd::new(range) })
                }
            }),
            _ => read::open(listed),
        }
    }

    /// Whether an input that was read to its end could not be checked against a checksum: it is an
    /// object that is read in ranges, and its server has none of the whole object, or only a range of it was
    /// read.
    pub fn is_unchecked(&self, input: usize) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| ahead.is_unchecked(input))
    }
}

impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inputs({})", self.listed.len())
    }
}
