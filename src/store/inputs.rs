//! The inputs of a run, wherever they are.

use std::{io::Read, path::Path};

use super::StoreError;
use super::disk::list::{self, Listed, Listing, Stamp};
use super::disk::read;
use super::s3::{Object, Reach, ReadAhead, S3, Url};

/// Disk, and buckets.
#[derive(Clone, Debug)]
pub struct Store {
    pub s3: S3,
}

impl Store {
    /// Lists the files, folders and objects of `from`, folders with all that is in them, but for
    /// what the patterns of `exclude` match.
    ///
    /// A folder that `from` itself names is entered whatever its name is. A pattern of `exclude`
    /// without a `/` is of names, another of paths as they are listed.
    pub fn list<P: AsRef<Path>>(
        &self,
        from: &[P],
        exclude: &[String],
    ) -> Result<Listing, StoreError> {
        list::list(&self.s3, from, exclude)
    }

    /// These inputs, which are to be read in their order. Objects are read ahead from now on.
    pub fn inputs<'l>(&self, listed: &'l [Listed], reach: Reach) -> Result<Inputs<'l>, StoreError> {
        let objects: Vec<Option<Object>> = listed.iter().map(object).collect();
        let is_remote = objects.iter().any(Option::is_some);
        let ahead = if is_remote { Some(ReadAhead::new(&self.s3, objects, reach)?) } else { None };
        Ok(Inputs { listed, ahead })
    }
}

fn object(listed: &Listed) -> Option<Object> {
    let Stamp::ETag(etag) = &listed.stamp else { return None };
    let url = Url::of(Path::new(&listed.name))?;
    Some(Object { url, bytes: listed.bytes, etag: etag.clone(), archive: None })
}

/// Inputs that are read in order, as a rule.
pub struct Inputs<'l> {
    listed: &'l [Listed],
    /// None where all of them are of this machine.
    ahead: Option<ReadAhead>,
}

impl<'l> Inputs<'l> {
    pub fn listed(&self) -> &'l [Listed] {
        self.listed
    }

    /// The bytes of an input, once, from the start.
    ///
    /// A read that fails gives an [`std::io::Error`], which `StoreError::of_read` understands:
    /// the end of a file that has changed among others.
    pub fn open(&self, input: usize) -> Result<Box<dyn Read + Send>, StoreError> {
        let Some(listed) = self.listed.get(input) else {
            return Err(StoreError::NotFound { name: String::new() });
        };
        match (&self.ahead, &listed.stamp) {
            (Some(ahead), Stamp::ETag(_)) => Ok(Box::new(ahead.open(input))),
            _ => read::open(listed),
        }
    }
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inputs({})", self.listed.len())
    }
}
