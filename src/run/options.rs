//! What a run is to do, as the command line or a program says it.

use std::path::PathBuf;

/// What a run is to do.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The definition file.
    pub definition: PathBuf,
    /// Settings `PATH=VALUE` that replace those of the definition, in this order.
    pub sets: Vec<String>,
    /// The date for `{date}`: `2026-11-23`, `yesterday` or `-3d`. `None`: the current date in UTC.
    pub date: Option<String>,
    /// The id of the run, for `{run}`. `None`: its start, `20261123T020000Z`.
    pub run: Option<String>,
    /// `None`: as in the definition, and by default the number of cores.
    pub threads: Option<usize>,
    /// `None`: as in the definition, and by default 1 MiB.
    pub chunk_bytes: Option<usize>,
    /// Whether to replace another published run.
    pub overwrite: bool,
    /// Patterns of inputs on the list of `[state]` that are taken once more.
    pub again: Vec<String>,
    /// Whether to read and check everything, and write nothing.
    pub dry_run: bool,
    /// The shard that the run is; `None`: it reads everything.
    pub shard: Option<ShardOptions>,
}

/// The shard that a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardOptions {
    /// From 0.
    pub number: u32,
    /// How many there are; `None`: as many as the plan says.
    pub count: Option<u32>,
    /// A printed plan, on disk or in a bucket. `None`: the plan is made from the listing.
    pub plan: Option<PathBuf>,
}
