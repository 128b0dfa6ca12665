//! The names of everything that a run writes where it publishes: parts, job folders, the files of
//! an account, and what is there only while a run is working.
//!
//! ```text
//! OUTPUT/job-000/part-00000.json        parts of a format that is imported
//! OUTPUT/part-00000.parquet             parts of another format
//! OUTPUT/profiles/part-00000.csv        rows of profiles
//! OUTPUT/lists/optout-sms.csv           lists of opt-outs: suppress-email.csv, suppress-email-001.csv
//! OUTPUT/object-type.json               what the columns of profiles are
//! ACCOUNT/manifest.json                 what is published
//! ACCOUNT/manifest.earlier.json         the published run before a refused one
//! ACCOUNT/rejects.ndjson                the rejects
//! ACCOUNT/rejects.parquet               the same, if an output is Parquet
//! ACCOUNT/inputs.ndjson                 the inputs
//! ACCOUNT/report.html                   the manifest for people
//! ACCOUNT/lineage.ndjson                the same as events of OpenLineage
//! ACCOUNT/rejected-records/00000-name   the rejected records of an input, as they came in
//! ACCOUNT/shards/003/                   the account of a shard, with the same files
//! OUTPUT/job-003-000/part-00000.json    parts of a shard
//! OUTPUT/retry-001/, ACCOUNT/retry-001/ the same of the first `retry` of that run
//! ```
//!
//! While a run is working, on disk and in buckets:
//!
//! ```text
//! ACCOUNT/.segprep/                     lock, journal.json; on disk manifest.json, new/, old/
//! .OUTPUT.segprep/, OUTPUT/.segprep/    lock; on disk new/, old/
//! OUTPUT/.segprep-003/                  the same of a shard; in buckets OUTPUT/job-003-.segprep/
//! ```
//!
//! A name alone never makes a file ours: it takes a manifest or a journal that accounts for it.

use std::{
    borrow::Cow,
    ffi::OsString,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

pub(crate) const MANIFEST: &str = "manifest.json";
/// The most parts of one output. What is known of each is in memory until the manifest is written, which must
/// not be longer than what a later run reads.
pub(crate) const PARTS_MAX: usize = 100_000;
/// The maximum size of a manifest or journal, in bytes.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// The manifest of the published run whose parts are still in the outputs, after a run that was
/// allowed to replace them was over its budget.
pub(super) const EARLIER_MANIFEST: &str = "manifest.earlier.json";
pub(crate) const REJECTS: &str = "rejects.ndjson";
pub(crate) const REJECTS_PARQUET: &str = "rejects.parquet";
pub(crate) const INPUTS: &str = "inputs.ndjson";
/// What the manifest says, for people.
pub(crate) const REPORT: &str = "report.html";
/// What the run read and made of it, as events of OpenLineage.
pub(crate) const LINEAGE: &str = "lineage.ndjson";
/// The files of an account besides its manifests and the rejected records.
pub(super) const ACCOUNT_FILES: [&str; 5] = [REJECTS, REJECTS_PARQUET, INPUTS, REPORT, LINEAGE];
/// The folder of an account with the rejected records, one file per input.
pub(crate) const REJECTED_RECORDS: &str = "rejected-records";

/// The most retries of one run.
pub(crate) const RETRIES_MAX: usize = 999;

/// The folder of an account with the accounts of shards.
pub(super) const SHARDS: &str = "shards";

/// The working folder inside an account, and inside an output that has none beside it.
pub(super) const WORK: &str = ".segprep";
/// In a working folder on disk: the files to be published.
pub(super) const NEW: &str = "new";
/// In a working folder on disk: the earlier result, from when it is moved aside until the new one
/// is published, or until it is put back.
pub(super) const OLD: &str = "old";
/// In the working folder of an account.
pub(super) const JOURNAL: &str = "journal.json";
/// On disk: the next state of the journal, before it is renamed to [`JOURNAL`].
pub(super) const NEXT_JOURNAL: &str = "journal.json.next";

/// How new parts replace those of an output on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MoveMode {
    /// The folder as a whole, by one rename from a working folder beside it.
    Whole,
    /// Part by part, from a working folder inside the output. In buckets, objects have no other
    /// way.
    PartByPart,
    /// The same for one shard, which shares the output with others: its working folder and its job folders
    /// have its number.
    Shard(u32),
}

impl MoveMode {
    /// Whether a part, by its path in the output, may be one of this run's.
    pub(super) fn owns(self, part: &Path) -> bool {
        match self {
            MoveMode::Whole | MoveMode::PartByPart => true,
            MoveMode::Shard(shard) => is_part_of_shard(part, shard),
        }
    }

    /// The same for the name of a job folder.
    pub(super) fn owns_folder(self, name: &str) -> bool {
        match self {
            MoveMode::Whole | MoveMode::PartByPart => true,
            MoveMode::Shard(shard) => name.starts_with(&shard_prefix(shard)),
        }
    }
}

/// The working folder of an output.
pub(super) fn work_folder(output: &Path, mode: MoveMode) -> PathBuf {
    if let MoveMode::Shard(shard) = mode {
        return output.join(format!("{WORK}-{shard:03}"));
    }
    match (mode, output.parent(), output.file_name()) {
        (MoveMode::Whole, Some(parent), Some(name)) => {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(".segprep");
            parent.join(hidden)
        }
        _ => output.join(WORK),
    }
}

/// The mode of an output with this working folder.
pub(super) fn mode_of(output: &Path, work: &Path) -> MoveMode {
    let Ok(inside) = work.strip_prefix(output) else { return MoveMode::Whole };
    let number = inside.to_str().and_then(|name| name.strip_prefix(WORK)?.strip_prefix('-'));
    number.and_then(shard_number).map_or(MoveMode::PartByPart, MoveMode::Shard)
}

/// The mark that a lock on disk carries: the account that the output is written for.
pub(super) fn mark(account: &Path) -> &[u8] {
    account.as_os_str().as_bytes()
}

/// The same in a bucket, where a lock is JSON and its mark therefore text.
pub(super) fn mark_text(account: &Path) -> Cow<'_, str> {
    account.to_string_lossy()
}

/// The folder of a retry of a run, in the run's account and in each of its outputs. `number` begins with 1.
pub(crate) fn retry_folder(number: usize) -> String {
    format!("retry-{number:03}")
}

/// Whether a path is the folder of a retry, or in it.
pub(super) fn is_of_retry(path: &Path) -> bool {
    below_retry(path) != path
}

/// The path in the folder of a retry; the same path if it is in none.
fn below_retry(path: &Path) -> &Path {
    let mut names = path.components();
    let folder = names.next().and_then(|name| name.as_os_str().to_str());
    let is_retry = folder
        .and_then(|name| name.strip_prefix("retry-"))
        .is_some_and(|number| number.len() == 3 && is_digits(number) && number != "000");
    if is_retry { names.as_path() } else { path }
}

/// Whether a run could have written a file of an account at this path, relative to the account.
pub(super) fn is_account_file(path: &Path) -> bool {
    let Some(path) = below_retry(path).to_str() else { return false };
    let path = shard_file(path).map_or(path, |(_, file)| file);
    match path.split_once('/') {
        None => path == MANIFEST || path == EARLIER_MANIFEST || ACCOUNT_FILES.contains(&path),
        Some((folder, name)) => folder == REJECTED_RECORDS && is_originals(name),
    }
}

/// The folder of a shard's account, relative to the account of the whole.
pub(crate) fn shard_folder(shard: u32) -> String {
    format!("{SHARDS}/{shard:03}")
}

/// The number of a shard in a name: `003`.
pub(super) fn shard_number(text: &str) -> Option<u32> {
    let number = text.parse().ok().filter(|_| is_digits(text))?;
    (format!("{number:03}") == text).then_some(number)
}

/// The shard that a file of an account belongs to, and its path in the account of that shard.
pub(super) fn shard_file(path: &str) -> Option<(u32, &str)> {
    let (number, file) = path.strip_prefix(SHARDS)?.strip_prefix('/')?.split_once('/')?;
    Some((shard_number(number)?, file))
}

/// Whether a file of an account is a working file of a shard: it may come and go at any time.
pub(super) fn is_work_of_shard(path: &Path) -> bool {
    let file = path.to_str().and_then(shard_file);
    file.is_some_and(|(_, file)| Path::new(file).starts_with(WORK))
}

/// Whether a file of an account is neither a manifest nor foreign by its name.
pub(super) fn is_beside_manifests(path: &str) -> bool {
    path != MANIFEST && path != EARLIER_MANIFEST && is_account_file(Path::new(path))
}

/// The path of the rejected records of an input, relative to the account. `input` is the input's
/// number, which keeps apart inputs that have the same name in different folders.
pub(crate) fn originals_path(input: usize, name: &str) -> String {
    format!("{REJECTED_RECORDS}/{input:05}-{name}")
}

/// Whether this is a name for the rejected records of one input: `00000-name`.
pub(super) fn is_originals(name: &str) -> bool {
    let number = name.split_once('-').map(|(number, _)| number);
    number.is_some_and(|number| number.len() >= 5 && is_digits(number)) && !name.contains('/')
}

/// The path of a part in a job folder, relative to its output.
pub(crate) fn job_part_path(job: u32, part: u64, extension: &str) -> String {
    format!("job-{job:03}/{}", part_path(part, extension))
}

/// The same of a shard. All its parts are in job folders, whatever their format: so their names tell whose
/// they are.
pub(crate) fn shard_part_path(shard: u32, job: u32, part: u64, extension: &str) -> String {
    format!("{}{job:03}/{}", shard_prefix(shard), part_path(part, extension))
}

/// What the paths of a shard's parts begin with.
pub(super) fn shard_prefix(shard: u32) -> String {
    format!("job-{shard:03}-")
}

/// Whether a part of this shard could be at this path, relative to its output.
pub(crate) fn is_part_of_shard(path: &Path, shard: u32) -> bool {
    is_part(path) && path.to_str().is_some_and(|path| path.starts_with(&shard_prefix(shard)))
}

/// The path of a part that is in no job folder, relative to its output.
pub(crate) fn part_path(part: u64, extension: &str) -> String {
    format!("part-{part:05}.{extension}")
}

/// The folders of an output of profiles.
const PROFILES: &str = "profiles";
const LISTS: &str = "lists";
/// What the columns of profiles are.
pub(crate) const FIELD_MAP: &str = "object-type.json";
/// The lists of opt-outs.
pub(crate) const PHONE_LIST: &str = "optout-sms";
pub(crate) const EMAIL_LIST: &str = "suppress-email";

/// The path of a part of profiles, relative to its output.
pub(crate) fn profile_part_path(part: u64) -> String {
    format!("{PROFILES}/{}", part_path(part, "csv"))
}

/// The path of a file of a list of opt-outs, relative to its output.
pub(crate) fn list_path(list: &str, file: u64) -> String {
    let number = if file == 0 { String::new() } else { format!("-{file:03}") };
    format!("{LISTS}/{list}{number}.csv")
}

/// Whether this is a path of a part of profiles.
pub(crate) fn is_profile_part(path: &str) -> bool {
    let number = path
        .strip_prefix(PROFILES)
        .and_then(|path| path.strip_prefix("/part-")?.strip_suffix(".csv"));
    number.is_some_and(|number| number.len() >= 5 && is_digits(number))
}

/// The list that a path is a file of.
pub(crate) fn list_of(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix(LISTS)?.strip_prefix('/')?.strip_suffix(".csv")?;
    let is_of = |list: &&str| {
        name.strip_prefix(*list).is_some_and(|rest| {
            let number = rest.strip_prefix('-').unwrap_or_default();
            rest.is_empty() || (number.len() >= 3 && is_digits(number) && number != "000")
        })
    };
    [PHONE_LIST, EMAIL_LIST].into_iter().find(is_of)
}

/// Whether a file of an output of profiles could be at this path.
fn is_of_profiles(path: &str) -> bool {
    path == FIELD_MAP || is_profile_part(path) || list_of(path).is_some()
}

/// Whether a part could be at this path, relative to its output: `job-000/part-00000.json` or
/// `part-00000.parquet`.
pub(crate) fn is_part(path: &Path) -> bool {
    let Some(path) = below_retry(path).to_str() else { return false };
    if is_of_profiles(path) {
        return true;
    }
    let (job, part) = path.split_once('/').map_or((None, path), |(job, part)| (Some(job), part));
    job.is_none_or(is_job_folder)
        && part.strip_prefix("part-").and_then(|rest| rest.split_once('.')).is_some_and(
            |(number, kind)| {
                number.len() >= 5 && is_digits(number) && !kind.is_empty() && !kind.contains('/')
            },
        )
}

/// Whether this is a name for a folder of parts in an output.
pub(super) fn is_part_folder(name: &str) -> bool {
    is_job_folder(name) || [PROFILES, LISTS].contains(&name)
}

/// Whether this is a name for a job folder: `job-000`, or `job-003-000` of a shard.
pub(super) fn is_job_folder(name: &str) -> bool {
    let is_number = |number: &str| number.len() >= 3 && is_digits(number);
    name.strip_prefix("job-").is_some_and(|numbers| match numbers.split_once('-') {
        None => is_number(numbers),
        Some((shard, job)) => shard_number(shard).is_some() && is_number(job),
    })
}

/// Whether a run makes a folder of this path in an output or an account: a job folder, the one for
/// rejected records, or the one of a retry.
pub(super) fn is_folder_of_ours(path: &Path) -> bool {
    let below = below_retry(path);
    if below.as_os_str().is_empty() {
        return below != path;
    }
    let Some(path) = below.to_str() else { return false };
    let path = path.trim_end_matches('/');
    let is_folder =
        |name: &str| is_job_folder(name) || [REJECTED_RECORDS, PROFILES, LISTS].contains(&name);
    match path.strip_prefix(SHARDS) {
        None => is_folder(path),
        Some("") => true,
        Some(below) => {
            let below = below.strip_prefix('/').unwrap_or_default();
            let (number, folder) = below.split_once('/').unwrap_or((below, REJECTED_RECORDS));
            shard_number(number).is_some() && is_folder(folder)
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_recognised_by_their_names() {
        let cases = [
            ("job-000/part-00000.json", true),
            ("job-1234/part-123456.csv", true),
            ("part-00000.parquet", true),
            ("part-00000.json.gz", true),
            ("job-003-000/part-00000.json", true),
            ("job-1234-012/part-00000.parquet", true),
            ("job-03-000/part-00000.json", false),
            ("job-0003-000/part-00000.json", false),
            ("job-003-00/part-00000.json", false),
            ("job-003-000-000/part-00000.json", false),
            ("job-00/part-00000.json", false),
            ("job-000/part-0000.json", false),
            ("job-000/part-00000", false),
            ("job-000/sub/part-00000.json", false),
            ("job-000/part-00000.x/y", false),
            ("other/part-00000.json", false),
            ("part-000a0.json", false),
            ("retry-001/job-000/part-00000.json", true),
            ("retry-999/part-00000.parquet", true),
            ("retry-000/part-00000.parquet", false),
            ("retry-1/part-00000.parquet", false),
            ("retry-001/retry-001/part-00000.parquet", false),
            ("retry-001", false),
            ("job-000/notes.txt", false),
            ("profiles/part-00000.csv", true),
            ("profiles/part-0000.csv", false),
            ("profiles/part-00000.json", false),
            ("lists/optout-sms.csv", true),
            ("lists/suppress-email.csv", true),
            ("lists/suppress-email-001.csv", true),
            ("lists/suppress-email-1000.csv", true),
            ("lists/suppress-email-000.csv", false),
            ("lists/suppress-email-.csv", false),
            ("lists/suppress-email001.csv", false),
            ("lists/other.csv", false),
            ("object-type.json", true),
            ("lists/object-type.json", false),
            ("", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_part(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn folders_of_runs_are_recognised_by_their_names() {
        let cases = [
            ("job-000/", true),
            ("rejected-records/", true),
            ("profiles/", true),
            ("lists/", true),
            ("profiles/lists/", false),
            ("retry-001/", true),
            ("retry-001/job-000/", true),
            ("retry-001/rejected-records/", true),
            ("retry-001/retry-001/", false),
            ("retry-001/other/", false),
            ("retry-01/", false),
            ("job-000/other/", false),
            ("", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_folder_of_ours(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn account_files_are_recognised_by_their_names() {
        let cases = [
            ("manifest.json", true),
            ("manifest.earlier.json", true),
            ("rejects.ndjson", true),
            ("rejects.parquet", true),
            ("inputs.ndjson", true),
            ("report.html", true),
            ("lineage.ndjson", true),
            ("rejected-records/report.html", false),
            ("rejected-records/00000-a.ndjson", true),
            ("rejected-records/a.ndjson", false),
            ("rejected-records/00000-a/b", false),
            ("rejected-records", false),
            ("retry-001/manifest.json", true),
            ("retry-001/rejected-records/00000-a.ndjson", true),
            ("retry-001/retry-002/manifest.json", false),
            ("retry-001/.segprep/journal.json", false),
            ("retry-0001/manifest.json", false),
            ("other/rejects.ndjson", false),
            ("notes.txt", false),
        ];
        for (path, expected) in cases {
            assert_eq!(is_account_file(Path::new(path)), expected, "{path}");
        }
    }
}
