//! Reads the account of a shard.
//!
//! Whoever can write to it may have written anything, so all of it is compared: with what the plan gives to
//! the shard, with the fingerprint that such a shard has, and with itself. What does not hold is told in a
//! few words; the caller names the shard.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::publish::names::{INPUTS, MANIFEST, REJECTS, is_part_of_shard, shard_folder};
use crate::record::{Code, Detail};
use crate::report::{Manifest, ShardsNote, Status};
use crate::run::error::{Failure, RunError};
use crate::run::text::{escape, path_text};
use crate::shards::Piece;
use crate::store::s3::Reach;
use crate::store::{FoundFile, Store, StoreError};

/// The longest line of an account, in bytes. A longer one is none of ours.
const LINE_MAX: u64 = 8 << 20;
/// The largest manifest, in bytes.
const MANIFEST_MAX: u64 = 256 << 20;

/// What does not hold about a shard: the rest of a sentence that begins with its name.
pub(in crate::run) type Fault = String;

/// What a shard must have written.
pub(in crate::run) struct Expected<'a> {
    pub(in crate::run) number: u32,
    pub(in crate::run) note: &'a ShardsNote,
    pub(in crate::run) fingerprint: String,
    /// The folders of the outputs.
    pub(in crate::run) outputs: &'a [PathBuf],
    /// What the plan gives to it.
    pub(in crate::run) pieces: &'a [Piece],
}

/// The account of a shard.
pub(in crate::run) struct ShardAccount<'s> {
    store: &'s Store,
    pub(in crate::run) manifest: Manifest,
    files: Vec<FoundFile>,
    /// What it read of each piece.
    pub(in crate::run) inputs: Vec<ShardInput>,
}

/// A line of the `inputs.ndjson` of a shard, and of the whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::run) struct ShardInput {
    pub(in crate::run) name: String,
    pub(in crate::run) bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    pub(in crate::run) records: u64,
    written: u64,
    pub(in crate::run) rejected: u64,
    dropped: u64,
    blank_lines: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unchecked: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::run) from: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::run) to: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::run) lines: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::run) broken: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset_reached: Option<u64>,
}

impl ShardInput {
    /// Adds what another shard read of the same input, after this.
    pub(in crate::run) fn add(&mut self, next: &ShardInput) {
        self.bytes = self.bytes.saturating_add(next.bytes);
        self.records = self.records.saturating_add(next.records);
        self.written = self.written.saturating_add(next.written);
        self.rejected = self.rejected.saturating_add(next.rejected);
        self.dropped = self.dropped.saturating_add(next.dropped);
        self.blank_lines = self.blank_lines.saturating_add(next.blank_lines);
        self.lines = Some(self.lines.unwrap_or(0).saturating_add(next.lines.unwrap_or(0)));
        self.unchecked = self.unchecked.or(next.unchecked);
        self.to = next.to;
    }

    /// The line of the input as a whole.
    pub(in crate::run) fn whole(mut self) -> ShardInput {
        (self.from, self.to, self.lines) = (None, None, None);
        self
    }

    fn balances(&self) -> bool {
        let sum = u128::from(self.written) + u128::from(self.rejected) + u128::from(self.dropped);
        u128::from(self.records) == sum
    }

    /// Whether it is about this piece.
    fn is_of(&self, Piece { listed, .. }: &Piece) -> bool {
        let range = listed.range;
        self.name == listed.name
            && self.from == range.map(|range| range.from)
            && self.to == range.map(|range| range.to)
            && self.lines.is_some() == range.is_some()
    }
}

/// A line of `rejects.ndjson`. Its texts are borrowed where they have no escapes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::run) struct ShardReject<'a> {
    #[serde(borrow)]
    pub(in crate::run) source: Cow<'a, str>,
    pub(in crate::run) record: u64,
    pub(in crate::run) line: u64,
    pub(in crate::run) offset: u64,
    pub(in crate::run) bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::run) endpoint: Option<u8>,
    #[serde(borrow)]
    pub(in crate::run) problems: Vec<ShardProblem<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::run) struct ShardProblem<'a> {
    #[serde(borrow)]
    pub(in crate::run) field: Cow<'a, str>,
    #[serde(borrow)]
    pub(in crate::run) code: Cow<'a, str>,
    #[serde(borrow)]
    pub(in crate::run) rule: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(in crate::run) detail: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(in crate::run) repair: Cow<'a, str>,
}

impl ShardProblem<'_> {
    fn is_known(&self) -> bool {
        let has_detail =
            self.detail.is_empty() || Detail::ALL.iter().any(|known| known.as_str() == self.detail);
        has_detail && Code::ALL.iter().any(|known| known.as_str() == self.code)
    }
}

impl<'s> ShardAccount<'s> {
    /// Reads the manifest and the inputs of a shard.
    pub(in crate::run) fn read(
        store: &'s Store,
        whole: &Path,
        expected: &Expected<'_>,
    ) -> Result<Result<ShardAccount<'s>, Fault>, Failure> {
        let folder = whole.join(shard_folder(expected.number));
        let Some(files) = store.files_in(&folder, 1)? else {
            return Ok(Err("has not run".to_owned()));
        };
        let Some(manifest) = manifest(store, &files)? else {
            return Ok(Err("has not run to its end".to_owned()));
        };
        if let Some(fault) = difference(&manifest, expected) {
            return Ok(Err(fault));
        }
        let mut account = ShardAccount { store, manifest, files, inputs: Vec::new() };
        let read = account.read_inputs(expected)?;
        Ok(read.map(|()| account))
    }

    fn read_inputs(&mut self, expected: &Expected<'_>) -> Result<Result<(), Fault>, Failure> {
        let mut inputs = Vec::new();
        let ended = self.each_line(INPUTS, |line| {
            let input = serde_json::from_slice::<ShardInput>(line).ok()?;
            let piece = expected.pieces.get(inputs.len())?;
            (input.is_of(piece) && input.balances()).then(|| inputs.push(input))
        })?;
        let counts = &self.manifest.records;
        let sums = inputs.iter().fold([0_u64; 4], |[read, written, rejected, bytes], input| {
            [
                read.saturating_add(input.records),
                written.saturating_add(input.written),
                rejected.saturating_add(input.rejected),
                bytes.saturating_add(input.bytes),
            ]
        });
        let stated = [counts.read, counts.written, counts.rejected, self.manifest.inputs.bytes];
        let is_sound = ended && inputs.len() == expected.pieces.len() && sums == stated;
        self.inputs = inputs;
        let fault = || "has other inputs in its account than the plan gives to it".to_owned();
        Ok(if is_sound { Ok(()) } else { Err(fault()) })
    }

    /// Calls `see` for each reject, and for the number of its piece. Returns false if the rejects are not
    /// those that the inputs say, or if `see` does.
    pub(in crate::run) fn each_reject(
        &self,
        mut see: impl FnMut(usize, &mut ShardReject<'_>) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut counts = vec![0_u64; self.inputs.len()];
        let (mut at, mut last) = (0, 0);
        let mut failed = Ok(());
        let ended = self.each_line(REJECTS, |line| {
            let mut reject = serde_json::from_slice::<ShardReject<'_>>(line).ok()?;
            while self.inputs.get(at)?.name != reject.source {
                (at, last) = (at + 1, 0);
            }
            let input = self.inputs.get(at)?;
            let is_next = last < reject.record && reject.record <= input.records;
            if !is_next || reject.line == 0 || !reject.problems.iter().all(ShardProblem::is_known) {
                return None;
            }
            last = reject.record;
            *counts.get_mut(at)? += 1;
            failed = see(at, &mut reject);
            failed.is_ok().then_some(())
        })?;
        failed?;
        let mut inputs = self.inputs.iter().zip(&counts);
        Ok(ended && inputs.all(|(input, count)| input.rejected == *count))
    }

    /// Calls `see` for each line of a file, until it returns `None`. Returns whether it came to the end.
    fn each_line(
        &self,
        name: &str,
        mut see: impl FnMut(&[u8]) -> Option<()>,
    ) -> Result<bool, Failure> {
        let Some(text) = self.open(Path::new(name))? else { return Ok(false) };
        let mut text = BufReader::new(text);
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut text)
                .take(LINE_MAX)
                .read_until(b'\n', &mut line)
                .map_err(|error| unreadable(name, error))?;
            if line.is_empty() {
                return Ok(true);
            }
            if line.pop_if(|last| *last == b'\n').is_none() || see(&line).is_none() {
                return Ok(false);
            }
        }
    }

    /// Opens a file of the account. `None`: it does not exist.
    pub(in crate::run) fn open(
        &self,
        path: &Path,
    ) -> Result<Option<Box<dyn Read + Send>>, Failure> {
        Ok(open(self.store, &self.files, path)?)
    }
}

fn unreadable(name: &str, error: std::io::Error) -> RunError {
    RunError::from(StoreError::from_read(name, error))
}

fn open(
    store: &Store,
    files: &[FoundFile],
    path: &Path,
) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
    let file = files.iter().find(|file| file.is_regular && file.path == path);
    let Some(file) = file else { return Ok(None) };
    if file.listed.bytes == 0 {
        return Ok(Some(Box::new(std::io::empty())));
    }
    store.inputs(std::slice::from_ref(&file.listed), Reach::Whole)?.open(0).map(Some)
}

/// The manifest of a shard that has ended. `None`: there is none that can be read.
fn manifest(store: &Store, files: &[FoundFile]) -> Result<Option<Manifest>, Failure> {
    let Some(text) = open(store, files, Path::new(MANIFEST))? else { return Ok(None) };
    let mut read = Vec::new();
    text.take(MANIFEST_MAX).read_to_end(&mut read).map_err(|error| unreadable(MANIFEST, error))?;
    Ok(Manifest::parse(&read).filter(|manifest| manifest.status == Status::Published))
}

/// What a manifest says otherwise than that of the shard that is expected.
fn difference(manifest: &Manifest, expected: &Expected<'_>) -> Option<Fault> {
    let own = env!("CARGO_PKG_VERSION");
    if manifest.version != own {
        return Some(format!(
            "was done by segprep {}, and this is {own}",
            escape(&manifest.version)
        ));
    }
    let note = manifest.shards.clone().unwrap_or_default();
    if (note.plan, note.count) != (expected.note.plan.clone(), expected.note.count) {
        return Some("followed another plan".to_owned());
    }
    if note.number != Some(expected.number) || manifest.fingerprint != expected.fingerprint {
        return Some("had another definition, other keys or other lists".to_owned());
    }
    let records = &manifest.records;
    let dropped = records.dropped.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let sum = records.written.saturating_add(records.rejected).saturating_add(dropped);
    if records.read != sum {
        return Some("has counts that do not add up".to_owned());
    }
    let is_expected = manifest.outputs.len() == expected.outputs.len()
        && manifest.outputs.iter().zip(expected.outputs).all(|(output, to)| {
            let sum = output.files.iter().fold(0_u64, |sum, part| sum.saturating_add(part.records));
            let is_own = |path: &String| is_part_of_shard(Path::new(path), expected.number);
            let mut paths = output.files.iter().map(|part| &part.path);
            output.to == path_text(to) && sum == records.written && paths.all(is_own)
        });
    (!is_expected).then(|| "names parts that are not its own".to_owned())
}
