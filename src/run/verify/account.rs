//! Checks a manifest in itself, and the other files of its account: the balance, and the keys.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::place::Spot;
use super::state::{NAMED_MAX, Verifying, instead};
use crate::definition::KeySource;
use crate::publish::names::{INPUTS, LINEAGE, MANIFEST, REJECTS};
use crate::report::{KeyNote, Manifest, Status};
use crate::run::account::lineage::run_id;
use crate::run::error::{Failure, RunError};
use crate::run::keys;
use crate::run::text::escape;
use crate::store::s3::Reach;
use crate::store::{FoundFile, StoreError};

/// A longer line is none of ours: the name of an input has at most a few KiB.
const LINE_MAX: u64 = 8 << 20;

pub(super) fn check(
    verifying: &mut Verifying<'_>,
    account: &Spot,
    manifest: &Manifest,
) -> Result<(), Failure> {
    balance(verifying, account, manifest);
    key_checks(verifying, account, manifest);
    let files = verifying.place.store.files_in(&account.real, 0)?.unwrap_or_default();
    inputs(verifying, account, manifest, &files)?;
    rejects(verifying, account, manifest, &files)?;
    lineage(verifying, account, manifest, &files)
}

fn sum(numbers: impl Iterator<Item = u64>) -> u128 {
    numbers.map(u128::from).sum()
}

/// Read = written + rejected + dropped, and each output has the written records.
fn balance(verifying: &mut Verifying<'_>, account: &Spot, manifest: &Manifest) {
    let path = account.file(MANIFEST);
    let counts = &manifest.records;
    let dropped = sum(counts.dropped.values().copied());
    let accounted = u128::from(counts.written) + u128::from(counts.rejected) + dropped;
    if u128::from(counts.read) != accounted {
        let what = format!(
            "the records do not balance: {} read, {} written, {} rejected, {dropped} dropped",
            counts.read, counts.written, counts.rejected
        );
        verifying.faults.add(&path, None, "records", what);
    }
    let expected = if manifest.status == Status::Published { counts.written } else { 0 };
    for output in &manifest.outputs {
        if output.profiles.is_some() {
            continue; // its rows are fewer than the records; `verify_profiles` counts them
        }
        let listed = sum(output.files.iter().map(|part| part.records));
        if listed != u128::from(expected) {
            let to = escape(&output.to);
            let what = format!("the parts in `{to}` have {}", instead(listed, "record", expected));
            verifying.faults.add(&path, None, "outputs", what);
        }
    }
}

/// A key that definition and manifest both name is the same key.
fn key_checks(verifying: &mut Verifying<'_>, account: &Spot, manifest: &Manifest) {
    let Some(sources) = verifying.place.keys() else { return };
    let path = account.file(MANIFEST);
    for note in &manifest.keys {
        let id = escape(&note.id);
        let Some(source) = sources.iter().find(|source| source.id == note.id) else {
            verifying
                .notes
                .push(format!("the key `{id}` of the run is not in the definition any more"));
            continue;
        };
        match differs(verifying, source, note) {
            Ok(None) => {}
            Ok(Some(what)) => verifying.faults.add(&path, None, &format!("keys.{id}"), what),
            Err(note) => verifying.notes.push(note),
        }
    }
}

/// In which way a key differs from that of the run; the error is why that could not be found out.
fn differs(
    verifying: &Verifying<'_>,
    source: &KeySource,
    note: &KeyNote,
) -> Result<Option<String>, String> {
    let other = |place: &str, check: &str| {
        format!(
            "the run's key has the check value {}, and the key {place} has {check}",
            escape(&note.check)
        )
    };
    if let Some(declared) = &source.check
        && *declared != note.check
    {
        return Ok(Some(other("of the definition", declared)));
    }
    match keys::check_of(source, &verifying.place.session, verifying.cancel) {
        Ok(check) if check == note.check => Ok(None),
        Ok(check) => Ok(Some(other("that the definition leads to", &check))),
        Err(_) if source.check.is_some() => Ok(None),
        Err(error) => {
            Err(format!("{error}; so its check value was not compared with that of the run"))
        }
    }
}

/// The counts of a line of `inputs.ndjson`.
#[derive(Deserialize)]
struct InputCounts {
    records: Option<u64>,
    #[serde(default)]
    written: u64,
    #[serde(default)]
    rejected: u64,
    #[serde(default)]
    dropped: u64,
}

fn inputs(
    verifying: &mut Verifying<'_>,
    account: &Spot,
    manifest: &Manifest,
    files: &[FoundFile],
) -> Result<(), Failure> {
    let path = account.file(INPUTS);
    let mut sums = [0_u128; 4];
    let mut faults: Vec<(Option<u64>, &str)> = Vec::new();
    let is_there = each_line(verifying, files, INPUTS, |number, line| {
        match serde_json::from_slice::<InputCounts>(line) {
            Err(_) => faults.push((Some(number), "is not a line that a run writes")),
            Ok(InputCounts { records: None, .. }) => {}
            Ok(InputCounts { records: Some(read), written, rejected, dropped }) => {
                let counts = [read, written, rejected, dropped].map(u128::from);
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                if counts[0] != counts[1] + counts[2] + counts[3] {
                    faults.push((Some(number), "the records of this input do not balance"));
                }
            }
        }
        faults.truncate(NAMED_MAX + 1);
    })?;
    let counts = &manifest.records;
    let dropped = sum(counts.dropped.values().copied());
    let expected = [counts.read, counts.written, counts.rejected].map(u128::from);
    if !is_there {
        faults.push((None, "is gone"));
    } else if faults.is_empty() && (sums[..3] != expected || sums[3] != dropped) {
        faults.push((None, "its counts are not those of the manifest"));
    }
    for (line, what) in faults {
        verifying.faults.add(&path, line, "", what);
    }
    Ok(())
}

fn rejects(
    verifying: &mut Verifying<'_>,
    account: &Spot,
    manifest: &Manifest,
    files: &[FoundFile],
) -> Result<(), Failure> {
    let (path, expected) = (account.file(REJECTS), manifest.records.rejected);
    let mut found = 0;
    let is_there = each_line(verifying, files, REJECTS, |_, _| found += 1)?;
    if !is_there {
        verifying.faults.of_file(&path, "is gone");
    } else if found != expected {
        let what = format!("has {}", instead(found, "line", expected));
        verifying.faults.of_file(&path, what);
    }
    Ok(())
}

/// What decides whether an event of `lineage.ndjson` is about this run.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_type: String,
    run: EventRun,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventRun {
    run_id: String,
}

/// The two events of the run, if it has any.
fn lineage(
    verifying: &mut Verifying<'_>,
    account: &Spot,
    manifest: &Manifest,
    files: &[FoundFile],
) -> Result<(), Failure> {
    if !manifest.lineage {
        return Ok(());
    }
    let (path, id) = (account.file(LINEAGE), run_id(manifest));
    let end = if manifest.status == Status::Published { "COMPLETE" } else { "FAIL" };
    let (mut kinds, mut faults) = (Vec::new(), Vec::new());
    let is_there = each_line(verifying, files, LINEAGE, |number, line| {
        match serde_json::from_slice::<Event>(line) {
            Err(_) => faults.push((number, "is not a line that a run writes")),
            Ok(event) if event.run.run_id != id => faults.push((number, "is about another run")),
            Ok(event) => kinds.push(event.event_type),
        }
        faults.truncate(NAMED_MAX + 1);
        kinds.truncate(NAMED_MAX);
    })?;
    if !is_there {
        verifying.faults.of_file(&path, "is gone");
    } else if faults.is_empty() && kinds != ["START", end] {
        verifying.faults.of_file(&path, format!("its events are not START and {end}"));
    }
    for (line, what) in faults {
        verifying.faults.add(&path, Some(line), "", what);
    }
    Ok(())
}

/// Hands over each line of a file of the account with its number, which begins with 1. Returns false if the file
/// does not exist.
fn each_line(
    verifying: &Verifying<'_>,
    files: &[FoundFile],
    name: &str,
    mut see: impl FnMut(u64, &[u8]),
) -> Result<bool, Failure> {
    let Some(found) = files.iter().find(|file| file.path == Path::new(name)) else {
        return Ok(false);
    };
    if found.listed.bytes == 0 {
        return Ok(true);
    }
    let listed = std::slice::from_ref(&found.listed);
    let inputs = verifying.place.store.inputs(listed, Reach::Whole)?;
    let mut reader = BufReader::with_capacity(1 << 16, inputs.open(0)?);
    let (mut number, mut line) = (0, Vec::new());
    loop {
        verifying.cancel.check().map_err(RunError::from)?;
        line.clear();
        let read = (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|error| StoreError::from_read(&found.listed.name, error))?;
        if read == 0 {
            return Ok(true);
        }
        number += 1;
        see(number, &line);
    }
}
