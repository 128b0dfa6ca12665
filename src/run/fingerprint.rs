//! Tells runs that would write the same from others.

use super::prepare::Prepared;
use crate::crypto::Sha256;
use crate::store::{Listed, Stamp};

/// The digest of all that decides what a run writes: definition, schemas, keys, inputs, lists, version.
/// Threads and chunk sizes do not.
pub(super) fn fingerprint(prepared: &Prepared, listed: &[Listed], lists: &[Vec<Listed>]) -> String {
    let mut digest = Parts(Sha256::new());
    digest.add(env!("CARGO_PKG_VERSION"));
    digest.add(&prepared.definition_sha256);
    for (name, sha256) in &prepared.schema.files {
        digest.add(name);
        digest.add(sha256);
    }
    for key in &prepared.keys {
        digest.add(&key.id);
        digest.add(&key.check);
    }
    for path in prepared.outputs() {
        digest.add(&super::path_text(&path));
    }
    for input in listed {
        digest.add_file(input);
    }
    for list in lists {
        digest.add("list");
        for file in list {
            digest.add_file(file);
        }
    }
    super::hex(&digest.0.finish())
}

/// A digest of texts, each with its length, so that no two lists of texts give the same bytes.
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, text: &str) {
        self.0.update(text.len().to_string());
        self.0.update(":");
        self.0.update(text);
    }

    fn add_file(&mut self, file: &Listed) {
        self.add(&file.name);
        self.add(&file.bytes.to_string());
        self.add(&match &file.stamp {
            Stamp::Modified { secs, nanos } => format!("{secs}.{nanos:09}"),
            Stamp::ETag(tag) => tag.clone(),
            // What a stream holds can't be known before, so no run over one is like another.
            Stamp::Stream => format!("{} {}", jiff::Timestamp::now(), std::process::id()),
        });
    }
}
