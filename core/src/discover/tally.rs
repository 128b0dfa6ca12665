//! What the values of one field in one chunk are like.
//!
//! Equal values of a chunk are counted first, and each different one is looked at once. Everything is in the order of
//! first appearance, so that adding the tallies of chunks in input order gives the same result however the
//! input was cut.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use foldhash::quality::FixedState;
use hashbrown::HashTable;

use super::meaning::{By, Knowledge, Meaning};
use super::shape::{push_shape, tells_all_others};
use super::value::{KINDS, Kind, Value};
use crate::detect::{ColumnFindings, Detectors, Findings, Possible};

/// The most bytes of a value that shapes and detectors look at.
const LOOKED_AT: usize = 4 << 10;

/// Counts with the order in which their names appeared.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) all: Vec<(String, u64)>,
    places: HashMap<String, usize, RandomState>,
    /// The place of the name before.
    before: usize,
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
        self.add_at(name, count);
    }

    /// Adds to a name, and returns its place. The last place is one more than before if the name is new.
    fn add_at(&mut self, name: &str, count: u64) -> usize {
        let is_before = self.all.get(self.before).is_some_and(|(before, _)| before == name);
        let known = if is_before { Some(self.before) } else { self.places.get(name).copied() };
        let place = known.unwrap_or(self.all.len());
        self.before = place;
        if let Some((_, known)) = self.all.get_mut(place) {
            *known += count;
        } else {
            self.places.insert(name.to_owned(), place);
            self.all.push((name.to_owned(), count));
        }
        place
    }
}

/// A value, and how many there are of it.
pub(super) struct Seen<'c> {
    pub(super) value: Value<'c>,
    /// The channel of the records, if the value is from CSV and its field depends on it.
    pub(super) channel: Option<Cow<'c, str>>,
    pub(super) count: u64,
    hash: u64,
}

/// The values of one field in one chunk, while the chunk is read.
#[derive(Default)]
pub(super) struct Values<'c> {
    /// Records that have the field, and the last of them.
    pub(super) present: u64,
    last: Option<u64>,
    /// By [`Kind`], in their order: the types of the field itself, not of items.
    pub(super) types: [u64; KINDS],
    /// Different values, except `null`, lists and objects.
    pub(super) different: Vec<Seen<'c>>,
    places: HashTable<usize>,
    state: RandomState,
    /// The place of the value before.
    before: usize,
}

/// Of a field that is called like a status: values that are words of one.
#[derive(Clone, Copy, Default)]
pub(super) struct Statuses {
    all: u64,
    /// Those that may say that somebody has opted out.
    out: u64,
    others: u64,
}

impl Statuses {
    fn add(&mut self, status: Option<bool>, count: u64) {
        match status {
            None => self.others += count,
            Some(is_out) => {
                self.all += count;
                self.out += if is_out { count } else { 0 };
            }
        }
    }

    pub(super) fn merge(&mut self, other: Statuses) {
        self.all += other.all;
        self.out += other.out;
        self.others += other.others;
    }

    /// Whether they may say who has opted out.
    pub(super) fn may_say_who_is_out(self) -> bool {
        // Words that nobody knows may be most of them.
        0 < self.out && self.others <= 4 * self.all
    }
}

/// What the values of one field in one chunk are like.
#[derive(Default)]
pub(super) struct Tally {
    /// The least and the greatest length in characters.
    pub(super) length: Option<(u64, u64)>,
    /// The hashes of different values, in order.
    pub(super) hashes: Vec<u64>,
    pub(super) shapes: Counts,
    pub(super) words: BTreeMap<String, u64>,
    /// Of the opt-out, and of a field without a name of the schema: words that say who has opted out, and how many other
    /// values there are.
    pub(super) opt_out_words: BTreeMap<String, u64>,
    pub(super) opt_out_others: u64,
    pub(super) statuses: Statuses,
    pub(super) findings: ColumnFindings,
}

impl<'c> Values<'c> {
    /// No values, with room for so many different ones.
    pub(super) fn with_room(different: usize) -> Values<'c> {
        Values {
            different: Vec::with_capacity(different),
            places: HashTable::with_capacity(different),
            ..Values::default()
        }
    }

    /// Counts a value of a record.
    pub(super) fn add(&mut self, record: u64, value: &Value<'c>, channel: Option<&Cow<'c, str>>) {
        if !value.is_item {
            self.count_type(value.kind);
        }
        if value.kind != Kind::Null && self.last != Some(record) {
            self.last = Some(record);
            self.present += 1;
        }
        if value.is_scalar() {
            self.count(value, channel);
        }
    }

    fn count_type(&mut self, kind: Kind) {
        if let Some(count) = self.types.get_mut(kind.index()) {
            *count += 1;
        }
    }

    fn count(&mut self, value: &Value<'c>, channel: Option<&Cow<'c, str>>) {
        let Values { different, places, state, before, .. } = self;
        // Most fields have few values, and the same ones follow each other.
        if let Some(seen) = different.get_mut(*before).filter(|seen| seen.is(value, channel)) {
            seen.count += 1;
            return;
        }
        let hash = match channel {
            None => state.hash_one(&*value.raw),
            Some(channel) => state.hash_one((&*value.raw, channel)),
        };
        let is_same =
            |place: &usize| different.get(*place).is_some_and(|seen| seen.is(value, channel));
        if let Some(place) = places.find(hash, is_same) {
            *before = *place;
            if let Some(seen) = different.get_mut(*place) {
                seen.count += 1;
            }
            return;
        }
        *before = different.len();
        different.push(Seen { value: value.clone(), channel: channel.cloned(), count: 1, hash });
        let hash_at = |place: &usize| different.get(*place).map_or(0, |seen| seen.hash);
        places.insert_unique(hash, *before, hash_at);
    }
}

impl<'c> Seen<'c> {
    fn is(&self, value: &Value<'c>, channel: Option<&Cow<'c, str>>) -> bool {
        let known = &self.value;
        known.raw == value.raw
            && known.kind == value.kind
            && known.is_item == value.is_item
            && self.channel.as_ref() == channel
    }
}

/// What the shapes of a field say about its values.
#[derive(Default)]
struct Shapes {
    /// The shape of the value that is looked at.
    own: String,
    /// For each shape, in the order of [`Tally::shapes`]: how many values of ASCII had it, up to
    /// [`FREQUENT`], and then what may be found in them.
    forms: Vec<(u8, Option<Possible>)>,
}

/// To find out what may be found in values of a shape takes as long as to judge some: identifiers may have a shape
/// each.
const FREQUENT: u8 = 16;

impl Tally {
    /// Looks at each different value once.
    pub(super) fn of(values: &Values<'_>, meaning: &Meaning, knowledge: &Knowledge) -> Tally {
        let hashes = Vec::with_capacity(values.different.len());
        let mut tally = Tally { hashes, ..Tally::default() };
        let mut shapes = Shapes::default();
        for seen in &values.different {
            let Some(text) = seen.value.text() else { continue };
            tally.add_text(&text, seen.count, meaning, knowledge, &mut shapes);
        }
        tally
    }

    fn add_text(
        &mut self,
        text: &str,
        count: u64,
        meaning: &Meaning,
        knowledge: &Knowledge,
        shapes: &mut Shapes,
    ) {
        let chars = if text.is_ascii() { text.len() } else { text.chars().count() };
        let length = u64::try_from(chars).expect("a length has at most 64 bits");
        let (least, most) = self.length.unwrap_or((length, length));
        self.length = Some((least.min(length), most.max(length)));
        self.hashes.push(hash_of(text));
        let looked_at = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or(text);
        let place = shapes.count(looked_at, count, &mut self.shapes);
        if !text.is_empty() {
            let findings = shapes.judge(place, looked_at, meaning, &knowledge.detectors);
            self.findings.add(findings, count);
        }
        if meaning.opt_out.is_some() || meaning.by != Some(By::Name) {
            let words = &knowledge.opt_out_words;
            let is_out = match meaning.opt_out {
                Some(sense) => words.means_out(text, sense),
                None => words.means_out_anywhere(text),
            };
            if is_out.is_none() {
                self.opt_out_others += count;
                if meaning.is_status {
                    self.statuses.add(words.status(text), count);
                }
            } else {
                *self.opt_out_words.entry(text.to_owned()).or_default() += count;
            }
        }
        if knowledge.is_word(meaning.node, text) {
            *self.words.entry(text.to_owned()).or_default() += count;
        }
    }
}

impl Shapes {
    /// Counts the shape of a text, and returns its place.
    fn count(&mut self, text: &str, count: u64, counts: &mut Counts) -> usize {
        self.own.clear();
        push_shape(text, &mut self.own);
        counts.add_at(&self.own, count)
    }

    /// What a text looks like whose shape is at a place, and was the last one to be counted.
    fn judge(
        &mut self,
        place: usize,
        text: &str,
        meaning: &Meaning,
        detectors: &Detectors,
    ) -> Findings {
        if !text.is_ascii() {
            return detectors.judge(text, meaning.evidence);
        }
        if self.forms.len() <= place {
            self.forms.resize(place + 1, (0, None));
        }
        let form = self.forms.get_mut(place).filter(|_| tells_all_others(&self.own));
        let Some((values, possible)) = form else { return detectors.judge(text, meaning.evidence) };
        if *values < FREQUENT {
            *values += 1;
            return detectors.judge(text, meaning.evidence);
        }
        let possible =
            possible.get_or_insert_with(|| detectors.possible_in_alike(text, meaning.evidence));
        detectors.judge_alike(text, *possible, meaning.evidence)
    }
}

/// The same on every machine and in every run.
fn hash_of(text: &str) -> u64 {
    FixedState::with_seed(0).hash_one(text)
}
