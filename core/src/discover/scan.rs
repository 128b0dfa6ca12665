//! Adds what the chunks of all inputs have, in input order, and makes the report.
//!
//! Memory has a bound: so many fields are listed, and so many shapes of all of them together; what comes later
//! is counted. Since everything is added in the order in which it appears in the inputs, the report does not
//! depend on threads, nor on how the inputs were cut.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use datasketches::hll::{HllSketch, HllType};

use super::chunk::{ChunkFindings, FieldFindings};
use super::form::InputForm;
use super::meaning::{By, Knowledge, Meaning};
use super::propose::{Evidence, propose};
use super::report::{DetectorReport, FieldReport, FileReport, Inputs, Origin, ScanReport};
use super::tally::{Counts, Statuses};
use super::value::{KINDS, Kind};
use crate::decode::Sense;
use crate::detect::{ColumnFindings, Likelihood, Verdict};
use crate::record::{Code, looks_like_a_column};
use crate::schema::Role;

/// The most fields in a report: all columns that a CSV file may have, and some.
const FIELDS_MAX: usize = 17_000;
/// The most shapes of one field, and of all fields together.
const SHAPES_MAX: usize = 256;
const ALL_SHAPES_MAX: usize = 200_000;
/// A shape with fewer values might be that of one person.
const SHAPE_VALUES_MIN: u64 = 5;
/// The most shapes and words of a field that are listed.
const LISTED_MAX: usize = 20;
/// The most different words of a field that are counted.
const WORDS_MAX: usize = 1_000;
/// So many records have a name before it is shown.
const NAME_RECORDS_MIN: u64 = 10;
/// Up to so many different values are counted exactly; then a sketch estimates them.
const EXACT_MAX: usize = 256;
/// The logarithm of a sketch's registers, for the first fields that need one and for later ones: an error of
/// 0.7 % and of 3 %, in 8 and 0.5 KiB.
const SKETCH_BITS: u8 = 14;
const SMALL_SKETCH_BITS: u8 = 10;
const SKETCHES_MAX: usize = 2_000;

/// A scan in progress.
pub struct Scan<'a> {
    knowledge: &'a Knowledge,
    files: Vec<FileReport>,
    line_ends: [u64; 3],
    fields: Vec<FieldScan>,
    places: HashMap<String, usize>,
    /// Records that lack a field of the schema, as far as no record of their chunks has it.
    missing: BTreeMap<String, u64>,
    shapes: usize,
    sketches: usize,
    left_out: u64,
}

/// A field of all inputs.
struct FieldScan {
    column: Option<u64>,
    /// `None`: it is a column without a name.
    name: Option<String>,
    /// Whether a name that nobody knows may be shown.
    is_trusted: bool,
    meaning: Arc<Meaning>,
    present: u64,
    types: [u64; KINDS],
    length: Option<(u64, u64)>,
    distinct: Distinct,
    shapes: Counts,
    other_shapes: u64,
    words: BTreeMap<String, u64>,
    opt_out_words: BTreeMap<String, u64>,
    opt_out_others: u64,
    statuses: Statuses,
    findings: ColumnFindings,
    fails: BTreeMap<&'static str, u64>,
    repairs: BTreeMap<Cow<'static, str>, u64>,
    inputs: Inputs,
}

enum Distinct {
    Exact(HashSet<u64>),
    Sketch(Box<HllSketch>),
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan({} fields)", self.fields.len())
    }
}

impl<'a> Scan<'a> {
    pub fn new(knowledge: &'a Knowledge) -> Scan<'a> {
        Scan {
            knowledge,
            files: Vec::new(),
            line_ends: [0; 3],
            fields: Vec::new(),
            places: HashMap::new(),
            missing: BTreeMap::new(),
            shapes: 0,
            sketches: 0,
            left_out: 0,
        }
    }

    /// Begins an input.
    pub fn begin(&mut self, file: FileReport) {
        self.files.push(file);
        self.line_ends = [0; 3];
    }

    /// Notes the form of the current input, which is CSV.
    pub fn is_csv(&mut self, delimiter: char, has_header: bool) {
        if let Some(file) = self.files.last_mut() {
            file.delimiter = Some(delimiter.to_string());
            file.header = Some(has_header);
        }
    }

    /// Adds a chunk of the current input.
    pub fn add(&mut self, chunk: ChunkFindings, form: &InputForm) {
        if let Some(file) = self.files.last_mut() {
            file.records += chunk.records;
            add_all(&mut file.bad, &chunk.bad);
        }
        self.left_out += chunk.left_out;
        add_all(&mut self.missing, &chunk.missing);
        self.line_ends.iter_mut().zip(chunk.line_ends).for_each(|(all, more)| *all += more);
        for field in chunk.fields {
            self.add_field(field, form);
        }
    }

    /// Ends the current input, or a block of it, of which so many bytes were read.
    pub fn end(&mut self, bytes: u64) {
        if let Some(file) = self.files.last_mut() {
            file.bytes += bytes;
            file.line_ends = match self.line_ends {
                [_, 0, 0] => "none",
                [_, 0, _] => "cr",
                [0, _, 0] => "lf",
                [with_cr, all, 0] if with_cr == all => "crlf",
                [..] => "mixed",
            };
        }
    }

    fn add_field(&mut self, field: FieldFindings, form: &InputForm) {
        let index = match self.places.get(&field.key) {
            Some(index) => *index,
            None if self.fields.len() == FIELDS_MAX => {
                self.left_out += field.present;
                return;
            }
            None => self.new_field(&field, form),
        };
        let Some(known) = self.fields.get_mut(index) else { return };
        known.inputs.add(self.files.len().saturating_sub(1));
        let tally = field.tally;
        known.is_trusted |= form.is_trusted;
        known.present += field.present;
        known.types.iter_mut().zip(field.types).for_each(|(known, more)| *known += more);
        known.length = match (known.length, tally.length) {
            (Some((least, most)), Some((less, more))) => Some((least.min(less), most.max(more))),
            (one, other) => one.or(other),
        };
        for hash in tally.hashes {
            known.distinct.add(hash, &mut self.sketches);
        }
        for (shape, count) in &tally.shapes.all {
            if known.shapes.add_known(shape, *count) {
                continue;
            }
            if known.shapes.len() < SHAPES_MAX && self.shapes < ALL_SHAPES_MAX {
                known.shapes.add(shape, *count);
                self.shapes += 1;
            } else {
                known.other_shapes += count;
            }
        }
        for (word, count) in tally.opt_out_words {
            if known.opt_out_words.len() < WORDS_MAX || known.opt_out_words.contains_key(&word) {
                *known.opt_out_words.entry(word).or_default() += count;
            } else {
                known.opt_out_others += count;
            }
        }
        known.opt_out_others += tally.opt_out_others;
        known.statuses.merge(tally.statuses);
        for (word, count) in tally.words {
            if known.words.len() < WORDS_MAX || known.words.contains_key(&word) {
                *known.words.entry(word).or_default() += count;
            }
        }
        known.findings.merge(&tally.findings);
        add_all(&mut known.fails, &field.fails);
        add_all(&mut known.repairs, &field.repairs);
    }

    fn new_field(&mut self, field: &FieldFindings, form: &InputForm) -> usize {
        let index = self.fields.len();
        self.places.insert(field.key.clone(), index);
        let place = form.columns.iter().position(|column| column.key == field.key);
        let column = place.and_then(|place| form.columns.get(place));
        self.fields.push(FieldScan {
            column: place.and_then(|place| u64::try_from(place + 1).ok()),
            name: column.map_or_else(|| Some(field.key.clone()), |column| column.name.clone()),
            is_trusted: false,
            meaning: Arc::clone(&field.meaning),
            present: 0,
            types: [0; KINDS],
            length: None,
            distinct: Distinct::Exact(HashSet::new()),
            shapes: Counts::default(),
            other_shapes: 0,
            words: BTreeMap::new(),
            opt_out_words: BTreeMap::new(),
            opt_out_others: 0,
            statuses: Statuses::default(),
            findings: ColumnFindings::default(),
            fails: BTreeMap::new(),
            repairs: BTreeMap::new(),
            inputs: Inputs::default(),
        });
        index
    }

    /// The report.
    pub fn report(mut self) -> ScanReport {
        let knowledge = self.knowledge;
        for (field, count) in std::mem::take(&mut self.missing) {
            let place = self.places.get(&field);
            if let Some(field) = place.and_then(|place| self.fields.get_mut(*place)) {
                *field.fails.entry(Code::Missing.as_str()).or_default() += count;
            }
        }
        ScanReport {
            segprep_scan: 1,
            records: self.files.iter().map(|file| file.records).sum(),
            sample: None,
            fields: self
                .fields
                .into_iter()
                .map(|field| field.report(&self.files, knowledge))
                .collect(),
            files: self.files,
            left_out: self.left_out,
        }
    }
}

fn add_all<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (name, count) in more {
        *counts.entry(name.clone()).or_default() += count;
    }
}

impl Distinct {
    fn add(&mut self, hash: u64, sketches: &mut usize) {
        match self {
            Distinct::Sketch(sketch) => sketch.update(hash),
            Distinct::Exact(hashes) => {
                hashes.insert(hash);
                if EXACT_MAX < hashes.len() {
                    let is_early = *sketches < SKETCHES_MAX;
                    *sketches += 1;
                    *self = Distinct::sketch_of(hashes, is_early);
                }
            }
        }
    }

    fn sketch_of(hashes: &HashSet<u64>, is_early: bool) -> Distinct {
        let bits = if is_early { SKETCH_BITS } else { SMALL_SKETCH_BITS };
        let mut sketch = HllSketch::new(bits, HllType::Hll4).expect("4 to 21 bits");
        // The order decides the last digits of an estimate.
        let mut hashes: Vec<u64> = hashes.iter().copied().collect();
        hashes.sort_unstable();
        for hash in hashes {
            sketch.update(hash);
        }
        Distinct::Sketch(Box::new(sketch))
    }

    fn count(&self) -> u64 {
        match self {
            Distinct::Exact(hashes) => u64::try_from(hashes.len()).unwrap_or(u64::MAX),
            // Going through text cannot truncate or wrap silently.
            Distinct::Sketch(sketch) => format!("{:.0}", sketch.estimate()).parse().unwrap_or(0),
        }
    }
}

impl FieldScan {
    fn report(self, files: &[FileReport], knowledge: &Knowledge) -> FieldReport {
        let verdicts = self.findings.verdicts(&knowledge.detectors);
        let (field, by) = self.field(&verdicts, knowledge);
        let distinct = self.distinct.count();
        let evidence = Evidence {
            field: field.as_deref(),
            by,
            verdicts: &verdicts,
            present: self.present,
            distinct,
        };
        let (op, reason) = propose(&evidence, knowledge);
        let types = Kind::ALL.iter().zip(self.types).filter(|(_, count)| 0 < *count);
        let detectors = verdicts.iter().map(|verdict| DetectorReport {
            name: verdict.detector.to_owned(),
            hits: verdict.hits,
            likelihood: verdict.likelihood,
        });
        let hidden = self.name.as_ref().filter(|name| !self.may_show(name));
        let own = hidden.map(|name| knowledge.own_name(name));
        let name_length = own.and_then(|name| u64::try_from(name.chars().count()).ok());
        let name = self.name.clone().filter(|_| name_length.is_none());
        // The path of a field in a map ends with its name.
        let field = match &name {
            Some(_) => field,
            None => field.map(|field| knowledge.without_own_name(&field)),
        };
        let own = self.name.clone().filter(|own| name.is_some() || self.meaning.is_written(own));
        let is_status = by == Some(By::Values) && !self.says_who_is_out(knowledge);
        let origin = Origin {
            name: own.filter(|_| self.types.iter().any(|count| 0 < *count)),
            constants: self.meaning.constants.clone(),
            sense: self.meaning.opt_out.unwrap_or(Sense::Words),
            opt_out_words: self.opt_out_words.into_keys().collect(),
            opt_out_others: self.opt_out_others,
            absent: self.inputs.records(files).saturating_sub(self.present),
            is_object: self.meaning.is_object,
            is_status: is_status && self.statuses.may_say_who_is_out(),
            inputs: self.inputs,
        };
        FieldReport {
            origin,
            name,
            name_length,
            column: self.column,
            field,
            by,
            present: self.present,
            types: types.map(|(kind, count)| (kind.name(), count)).collect(),
            distinct,
            length: self.length,
            shapes: listed(self.shapes.all, self.other_shapes),
            values: most_frequent(self.words.into_iter().collect()),
            detectors: detectors.collect(),
            fails: self.fails,
            repairs: self.repairs,
            op,
            reason,
        }
    }

    /// The field of the schema that it is or may be: by its name, or else by its values.
    fn field(
        &self,
        verdicts: &[Verdict<'_>],
        knowledge: &Knowledge,
    ) -> (Option<String>, Option<By>) {
        if self.meaning.field.is_some() && !self.is_rather_opt_out(knowledge) {
            return (self.meaning.field.clone(), self.meaning.by);
        }
        let is_address = |verdict: &Verdict<'_>| {
            let is_likely = verdict.likelihood == Likelihood::Likely;
            is_likely
                && matches!(verdict.detector, "email" | "phone")
                && self.are_addresses(verdict.detector)
        };
        let role = if verdicts.iter().any(is_address) {
            Role::Address
        } else if self.says_who_is_out(knowledge) || self.statuses.may_say_who_is_out() {
            // One such word is enough: an opt-out that is dropped is never missed.
            Role::OptOut
        } else {
            return (None, None);
        };
        (Some(knowledge.role_path(role).to_owned()), Some(By::Values))
    }

    /// Whether most values are addresses, and not texts that have some inside of them.
    fn are_addresses(&self, detector: &str) -> bool {
        let is_text = |shape: &str| match detector {
            "email" => shape.trim().contains(' '),
            _ => shape.contains(['a', 'A']),
        };
        let shapes = self.shapes.all.iter();
        let texts = shapes.clone().filter(|(shape, _)| is_text(shape)).map(|(_, count)| count);
        2 * texts.sum::<u64>() < shapes.map(|(_, count)| count).sum()
    }

    /// Whether its words say who has opted out, though its name is one that other programs give to another field:
    /// `state` may be that of a subscription.
    fn is_rather_opt_out(&self, knowledge: &Knowledge) -> bool {
        let is_own = self.meaning.by == Some(By::Name) || self.meaning.opt_out.is_some();
        let are_most = self.opt_out_others <= self.opt_out_words.values().sum();
        let may_say = self.statuses.may_say_who_is_out();
        let may_be_one = are_most || self.meaning.is_status;
        !is_own && (may_say || may_be_one && self.says_who_is_out(knowledge))
    }

    /// Whether a word says that somebody has opted out, whatever the field is called.
    fn says_who_is_out(&self, knowledge: &Knowledge) -> bool {
        let is_out = |word: &String| knowledge.opt_out_words.means_out_anywhere(word) == Some(true);
        self.opt_out_words.keys().any(is_out)
    }

    /// Whether a name may be shown: it is known, or looks like a name and is one of many records.
    fn may_show(&self, name: &str) -> bool {
        let looks_like_one = name.split('.').all(looks_like_a_column);
        let is_common = self.column.is_none() && NAME_RECORDS_MIN <= self.present;
        self.meaning.is_known || looks_like_one && (is_common || self.is_trusted)
    }
}

/// The most frequent shapes; the others, and those of fewer than [`SHAPE_VALUES_MIN`] values, as `other`.
fn listed(shapes: Vec<(String, u64)>, mut others: u64) -> Vec<(String, u64)> {
    let mut listed = Vec::new();
    for (shape, count) in most_frequent_first(shapes) {
        if listed.len() < LISTED_MAX && SHAPE_VALUES_MIN <= count {
            listed.push((shape, count));
        } else {
            others += count;
        }
    }
    if 0 < others {
        listed.push(("other".to_owned(), others));
    }
    listed
}

fn most_frequent(words: Vec<(String, u64)>) -> Vec<(String, u64)> {
    let mut words = most_frequent_first(words);
    words.truncate(LISTED_MAX);
    words
}

fn most_frequent_first(mut counts: Vec<(String, u64)>) -> Vec<(String, u64)> {
    counts.sort_by(|(one, ones), (other, others)| others.cmp(ones).then_with(|| one.cmp(other)));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_shapes_are_summed_up() {
        let shapes = [("a{1}", 7), ("9{1}", 4), ("A{1}", 9), ("-", 1)];
        let shapes = shapes.map(|(shape, count)| (shape.to_owned(), count)).to_vec();
        let expected = [("A{1}", 9), ("a{1}", 7), ("other", 7)];
        let expected = expected.map(|(shape, count)| (shape.to_owned(), count));
        assert_eq!(listed(shapes, 2), expected);
    }

    #[test]
    fn different_values_are_estimated_within_two_percent() {
        for count in [0_u64, 1, 256, 257, 1_000, 50_000] {
            let (mut distinct, mut sketches) = (Distinct::Exact(HashSet::new()), 0);
            for number in 0..count {
                // A permutation of 64 bits: all numbers are different.
                distinct.add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), &mut sketches);
                distinct.add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), &mut sketches);
            }
            let found = distinct.count();
            assert!(found.abs_diff(count) * 50 <= count, "{found} of {count}");
        }
    }
}
