//! The choice between disk and bucket: a path that is an `s3://` URL names a bucket.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::account::AccountPlace;
use super::bucket::{BucketAccount, BucketOutput};
use super::disk::{self, DiskAccount, DiskOutput};
use super::earlier::EarlierRuns;
use super::error::{ForeignFiles, PublishError, at};
use super::journal::TakenOutput;
use super::names::{MoveMode, WORK};
use super::output::OutputPlace;
use super::parts::Parts;
use crate::store::disk::folder;
use crate::store::s3::{Folder, S3, Storing, Url};

/// How places in buckets are written.
#[derive(Clone, Debug)]
pub struct Buckets {
    pub s3: S3,
    /// How the objects of the account are stored.
    pub account: Storing,
    /// The same for each output, in the order of [`PlaceRequest`](super::PlaceRequest); outputs on
    /// disk have an entry too.
    pub outputs: Vec<Storing>,
}

impl Buckets {
    /// How the objects of an output are stored.
    fn output(&self, number: usize) -> Storing {
        self.outputs.get(number).cloned().unwrap_or_default()
    }
}

/// Whether this path is one of the machine's.
pub(crate) fn is_on_disk(path: &Path) -> bool {
    Url::parse(path).is_none()
}

/// The account at this path, which is resolved. It is not taken yet.
pub(crate) fn account_at(
    path: PathBuf,
    buckets: Option<&Buckets>,
) -> Result<Box<dyn AccountPlace>, PublishError> {
    let Some(url) = Url::parse(&path) else { return Ok(Box::new(DiskAccount::new(path)?)) };
    let folder = bucket_folder(url, buckets, |buckets| buckets.account.clone())?;
    Ok(Box::new(BucketAccount::new(folder)))
}

/// Whether there is anything at this path.
pub(crate) fn is_occupied(to: &Path, buckets: Option<&Buckets>) -> Result<bool, PublishError> {
    Ok(match sizes_in_bucket(to, buckets)? {
        Some(objects) => !objects.is_empty(),
        None => fs::symlink_metadata(to).is_ok(),
    })
}

/// The sizes of the objects of an output by their paths in it; `None` if it is on disk.
pub(crate) fn sizes_in_bucket(
    to: &Path,
    buckets: Option<&Buckets>,
) -> Result<Option<BTreeMap<PathBuf, u64>>, PublishError> {
    let Some(url) = Url::parse(to) else { return Ok(None) };
    let folder = bucket_folder(url, buckets, |_| Storing::default())?;
    let objects = folder.names_and_sizes()?;
    Ok(Some(objects.into_iter().map(|(name, bytes)| (PathBuf::from(name), bytes)).collect()))
}

/// Fails if there is anything in an output but these parts, and working files. It is not taken.
pub(crate) fn check_output(
    to: &Path,
    parts: &Parts,
    buckets: Option<&Buckets>,
) -> Result<(), PublishError> {
    let Some(objects) = sizes_in_bucket(to, buckets)? else {
        return disk::check_output(to, parts, true);
    };
    let is_foreign =
        |(path, bytes): &(&PathBuf, &u64)| !path.starts_with(WORK) && !parts.has(path, **bytes);
    let foreign = objects.iter().filter(is_foreign).map(|(path, _)| Ok(path.clone()));
    match ForeignFiles::among(foreign).map_err(at(to, "list"))? {
        None => Ok(()),
        Some(foreign) => Err(PublishError::Foreign { place: to.to_owned(), foreign }),
    }
}

/// How parts will be moved into this output, and the folders that it takes, outermost first.
pub(crate) fn plan_output(
    to: &Path,
    shard: Option<u32>,
    move_mode: fn(&Path) -> io::Result<MoveMode>,
) -> Result<(MoveMode, Vec<PathBuf>), PublishError> {
    let is_local = is_on_disk(to);
    let mode = match (shard, is_local) {
        (Some(shard), _) => MoveMode::Shard(shard),
        (None, false) => MoveMode::PartByPart,
        (None, true) => move_mode(to).map_err(at(to, "access"))?,
    };
    Ok((mode, if is_local { folder::missing(to) } else { Vec::new() }))
}

/// Takes an output for this account. `number`: its index in [`Buckets::outputs`]; `mode`: the
/// permissions of its parts, if they are set.
pub(crate) fn take_output(
    taken: &TakenOutput,
    number: usize,
    mode: Option<u32>,
    account: &Path,
    earlier: &EarlierRuns,
    buckets: Option<&Buckets>,
) -> Result<Box<dyn OutputPlace>, PublishError> {
    let Some(url) = Url::parse(&taken.to) else {
        return Ok(Box::new(DiskOutput::take(taken, mode, account, earlier)?));
    };
    let folder = bucket_folder(url, buckets, |buckets| buckets.output(number))?;
    Ok(Box::new(BucketOutput::take(folder, taken.mode(), account, earlier)?))
}

/// Takes over an output that a killed run of this account was writing; `None` if nothing is left
/// of it. `number`: its index in [`Buckets::outputs`], by which its lock is stored.
pub(crate) fn take_over_output(
    taken: &TakenOutput,
    number: usize,
    account: &Path,
    buckets: Option<&Buckets>,
) -> Result<Option<Box<dyn OutputPlace>>, PublishError> {
    let Some(url) = Url::parse(&taken.to) else {
        let output = DiskOutput::take_over(taken, account)?;
        return Ok(output.map(|output| -> Box<dyn OutputPlace> { Box::new(output) }));
    };
    let mode = taken.mode();
    if !taken.is_plausible(&[MoveMode::PartByPart, mode]) || mode == MoveMode::Whole {
        return Ok(None);
    }
    let folder = bucket_folder(url, buckets, |buckets| buckets.output(number))?;
    let output = BucketOutput::take_over(folder, mode, account)?;
    Ok(output.map(|output| -> Box<dyn OutputPlace> { Box::new(output) }))
}

fn bucket_folder(
    url: Url,
    buckets: Option<&Buckets>,
    storing: impl Fn(&Buckets) -> Storing,
) -> Result<Folder, PublishError> {
    let Some(buckets) = buckets else {
        let source = io::Error::from(io::ErrorKind::Unsupported);
        return Err(at(Path::new(&url.to_string()), "access")(source));
    };
    Ok(Folder::new(&buckets.s3, url, storing(buckets)))
}
