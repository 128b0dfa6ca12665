//! The fingerprint of a run: runs with the same fingerprint write the same bytes to the same
//! places.

use crate::crypto::Sha256;
use crate::report::ShardsNote;
use crate::run::clock;
use crate::run::prepare::Prepared;
use crate::run::text::{hex, path_text};
use crate::store::{Listed, Stamp};

/// The digest of everything that decides what a run writes and where: the version, the definition,
/// schemas, keys, outputs, inputs and lists. Threads and chunk sizes do not.
pub(in crate::run) fn fingerprint(
    prepared: &Prepared,
    listed: &[Listed],
    lists: &[Vec<Listed>],
) -> String {
    let mut digest = TextDigest(Sha256::new());
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
        digest.add(&path_text(&path));
    }
    if prepared.writes_to_standard_output() {
        digest.add(&clock::unique());
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
    hex(&digest.0.finish())
}

/// The fingerprint of a run, which may be a shard.
pub(in crate::run) fn of_run(
    prepared: &Prepared,
    shard: Option<&ShardsNote>,
    listed: &[Listed],
    lists: &[Vec<Listed>],
) -> String {
    shard.map_or_else(
        || fingerprint(prepared, listed, lists),
        |note| of_shards(prepared, note, lists),
    )
}

/// The same of a shard, or of all shards together: the plan takes the place of the inputs.
pub(in crate::run) fn of_shards(
    prepared: &Prepared,
    note: &ShardsNote,
    lists: &[Vec<Listed>],
) -> String {
    let mut digest = TextDigest(Sha256::new());
    digest.add(&fingerprint(prepared, &[], lists));
    digest.add("shards");
    digest.add(&note.plan);
    digest.add(&note.count.to_string());
    digest.add(&note.number.map(|number| number.to_string()).unwrap_or_default());
    hex(&digest.0.finish())
}

/// A digest of texts. Each is added with its length, so that different sequences of texts are
/// different bytes.
struct TextDigest(Sha256);

impl TextDigest {
    fn add(&mut self, text: &str) {
        self.0.update(text.len().to_string());
        self.0.update(":");
        self.0.update(text);
    }

    fn add_file(&mut self, file: &Listed) {
        self.add(&file.name);
        self.add(&file.bytes.to_string());
        self.add(&match &file.stamp {
            // A copy of the same file has another time of change, and is the same input.
            Stamp::Modified { secs, nanos, .. } => format!("{secs}.{nanos:09}"),
            Stamp::ETag(tag) => tag.clone(),
            // The content of a stream is not known beforehand, so no other run has the same.
            Stamp::Stream => clock::unique(),
        });
    }
}
