//! One part that is verified: what the manifest says of it, compared with what was found.

use std::path::PathBuf;
use std::sync::Mutex;

use super::rules::Rules;
use super::state::{Faults, instead};
use crate::definition::DigestKind;
use crate::pipeline::Worker;
use crate::report::PartNote;
use crate::run::look::keep;
use crate::store::Listed;

/// A part that is there.
pub(super) struct FoundPart<'a> {
    pub(in crate::run) path: PathBuf,
    pub(in crate::run) note: &'a PartNote,
    pub(in crate::run) listed: Listed,
}

/// The digest that the manifest has of a part.
pub(in crate::run) fn digest_of(note: &PartNote) -> Option<(DigestKind, &str)> {
    let crc = note.crc64nvme.as_deref().map(|digest| (DigestKind::Crc64Nvme, digest));
    note.sha256.as_deref().map(|digest| (DigestKind::Sha256, digest)).or(crc)
}

/// Does work with a worker, used or new.
pub(super) fn with_worker<T>(
    rules: &Rules,
    workers: &Mutex<Vec<Worker>>,
    work: impl FnOnce(&mut Worker) -> T,
) -> T {
    let spare = workers.lock().ok().and_then(|mut workers| workers.pop());
    let mut worker = spare.unwrap_or_else(|| Worker::new(&rules.plan, &rules.stages));
    let done = work(&mut worker);
    keep(worker, workers);
    done
}

/// Compares the digest of a part with that of the manifest. `digest`: `None` if the size tells enough.
pub(super) fn compare_digest(
    faults: &mut Faults,
    part: &FoundPart<'_>,
    kind: Option<DigestKind>,
    digest: Option<&str>,
) {
    match (digest_of(part.note), digest) {
        (None, _) => faults.of_file(&part.path, "the manifest has no digest of it"),
        (Some((of, _)), _) if Some(of) != kind => {
            faults.of_file(&part.path, "the manifest has another digest of it than of other parts");
        }
        (Some((_, expected)), Some(found)) if expected != found => {
            faults.of_file(&part.path, "its digest is not that of the manifest");
        }
        (Some(_), _) => {}
    }
}

pub(super) fn compare_records(faults: &mut Faults, part: &FoundPart<'_>, records: u64) {
    if records != part.note.records {
        let what = format!("has {}", instead(records, "record", part.note.records));
        faults.of_file(&part.path, what);
    }
}
