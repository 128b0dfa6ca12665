//! The options of `shards` and `gather`, and of a shard.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, value_parser};
use segprep::definition::parse_size;
use segprep::shards::SHARDS_MAX;

use super::Day;

/// How many shards there may be.
const SHARDS: RangeInclusive<i64> = 1..=10_000;

/// Which shard a run is.
#[derive(Args, Clone, Debug)]
pub(crate) struct AsShard {
    /// Do one shard of several, counted from 0, such as `3/7`; with `--plan` also `3`.
    #[arg(long, value_name = "I/N", value_parser = which, conflicts_with = "again")]
    pub(crate) shard: Option<WhichShard>,
    /// With `--shard`: the plan that `segprep shards` printed; needed where paths have `{run}` or `{date}`.
    #[arg(long, value_name = "PLAN", requires = "shard", conflicts_with_all = ["run", "date"])]
    pub(crate) plan: Option<PathBuf>,
}

impl AsShard {
    /// What clap cannot check.
    pub(super) fn fault(&self) -> Option<String> {
        let is_of_unknown = self.shard.is_some_and(|shard| shard.count.is_none());
        (is_of_unknown && self.plan.is_none())
            .then(|| "`--shard` needs the number of shards, as in `3/7`, or a plan".to_owned())
    }
}

/// A shard, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WhichShard {
    pub(crate) number: u32,
    pub(crate) count: Option<u32>,
}

/// Parses `3/7`, or `3`.
fn which(text: &str) -> Result<WhichShard, String> {
    let parse = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text);
    let (number, count) = match text.split_once('/') {
        None => (parse(text), None),
        Some((number, count)) => (parse(number), Some(parse(count).unwrap_or(0))),
    };
    let most = count.unwrap_or(SHARDS_MAX);
    let number = number.filter(|number| *number < most && most <= SHARDS_MAX);
    let fault = || format!("write `I/N`, with I from 0 to N - 1, and N up to {SHARDS_MAX}");
    number.map(|number| WhichShard { number, count }).ok_or_else(fault)
}

#[derive(Args, Debug)]
pub(crate) struct ShardsArguments {
    /// The definition.
    pub(crate) file: PathBuf,
    /// Number of shards.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(SHARDS), required_unless_present = "bytes")]
    pub(crate) count: Option<u32>,
    /// Or about how many bytes of input each shard is to read, such as `10GB`.
    #[arg(long, value_name = "SIZE", value_parser = size, conflicts_with = "count")]
    pub(crate) bytes: Option<u64>,
    #[command(flatten)]
    pub(crate) day: Day,
    /// The id of the run, for `{run}` in paths; by default its start, such as `20261123T020000Z`.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text).filter(|bytes| 0 < *bytes);
    bytes.ok_or_else(|| "write a size with its unit, such as `10GB` or `512MiB`".to_owned())
}

#[derive(Args, Debug)]
pub(crate) struct GatherArguments {
    /// The definition.
    pub(crate) file: PathBuf,
    /// Number of shards, if they were done without a plan.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(SHARDS), required_unless_present = "plan")]
    pub(crate) count: Option<u32>,
    /// The plan that the shards followed.
    #[arg(long, value_name = "PLAN", conflicts_with = "count")]
    pub(crate) plan: Option<PathBuf>,
}
