//! What the values of one field in one chunk are like.
//!
//! Everything is in the order of first appearance, so that adding the tallies of chunks in input order gives
//! the same result however the input was cut.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::FixedState;

use super::meaning::{Knowledge, Meaning};
use super::shape::shape_of;
use super::value::{KINDS, Kind, Value};
use crate::detect::ColumnFindings;

/// The most bytes of a value that shapes and detectors look at.
const LOOKED_AT: usize = 4 << 10;

/// Counts with the order in which their names appeared.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) all: Vec<(String, u64)>,
    places: HashMap<String, usize>,
}

impl Counts {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds to a name that is there. Returns whether it is.
    pub(super) fn add_known(&mut self, name: &str, count: u64) -> bool {
        let place = self.places.get(name).and_then(|place| self.all.get_mut(*place));
        place.map(|(_, known)| *known += count).is_some()
    }

    pub(super) fn add(&mut self, name: &str, count: u64) {
        if !self.add_known(name, count) {
            self.places.insert(name.to_owned(), self.all.len());
            self.all.push((name.to_owned(), count));
        }
    }
}

/// The values of one field in one chunk.
#[derive(Default)]
pub(super) struct Tally {
    /// Records that have the field, and the last of them.
    pub(super) present: u64,
    last: Option<u64>,
    /// By [`Kind`], in their order: the types of the field itself, not of items.
    pub(super) types: [u64; KINDS],
    /// The least and the greatest length in characters.
    pub(super) length: Option<(u64, u64)>,
    /// The hashes of different values, in order.
    pub(super) hashes: Vec<u64>,
    seen: HashSet<u64, FixedState>,
    pub(super) shapes: Counts,
    pub(super) words: BTreeMap<String, u64>,
    pub(super) findings: ColumnFindings,
}

impl Tally {
    /// Counts a value of a record.
    pub(super) fn add(
        &mut self,
        record: u64,
        value: Value<'_>,
        meaning: &Meaning,
        knowledge: &Knowledge,
    ) {
        if !value.is_item {
            self.count_type(value.kind);
        }
        if value.kind != Kind::Null && self.last != Some(record) {
            self.last = Some(record);
            self.present += 1;
        }
        if let Some(text) = value.text() {
            self.add_text(&text, meaning, knowledge);
        }
    }

    fn count_type(&mut self, kind: Kind) {
        let place = Kind::ALL.iter().position(|known| *known == kind);
        if let Some(count) = place.and_then(|place| self.types.get_mut(place)) {
            *count += 1;
        }
    }

    fn add_text(&mut self, text: &str, meaning: &Meaning, knowledge: &Knowledge) {
        let length = u64::try_from(text.chars().count()).expect("a length has at most 64 bits");
        let (least, most) = self.length.unwrap_or((length, length));
        self.length = Some((least.min(length), most.max(length)));
        let hash = hash_of(text);
        if self.seen.insert(hash) {
            self.hashes.push(hash);
        }
        let looked_at = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or(text);
        self.shapes.add(&shape_of(looked_at), 1);
        if !text.is_empty() {
            self.findings.add(knowledge.detectors.judge(looked_at, meaning.evidence));
        }
        if knowledge.is_word(meaning.node, text) {
            *self.words.entry(text.to_owned()).or_default() += 1;
        }
    }
}

/// The same on every machine and in every run.
fn hash_of(text: &str) -> u64 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    text.hash(&mut hasher);
    hasher.finish()
}
