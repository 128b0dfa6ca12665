//! What the texts of other programs mean: texts that stand for null, words that stand for values of
//! a field, and constants.
//!
//! This happens right after a batch is decoded and before any repair, so the rest of segprep knows
//! nothing of it. In CSV, null texts and constants are handled with the cells of a record, where they are
//! like empty cells and like columns; here they are handled for JSON.

mod constants;
mod moved;
mod nulls;
mod split;
mod words;

pub(super) use nulls::Nulls;

use super::csv::ColumnSettings;
use crate::record::{Batch, Entry, NameId, Names, Scope, Slot, Text};
use crate::schema::{Node, NodeIx, Schema, Shape};
use constants::Constant;
use moved::MovedName;
use split::SplitName;
pub use words::OTHERS;
use words::{Held, WordText, Words};

/// What a definition says about values.
#[derive(Clone, Debug, Default)]
pub struct ShapeSettings {
    /// The texts that mean null.
    pub null: Vec<String>,
    /// The path of a field, and its words with what they mean.
    pub values: Vec<(String, Vec<(String, String)>)>,
    /// The path of a name in a map of lists, and what delimits its values.
    pub split: Vec<(String, u8)>,
}

/// The settings, compiled to nodes and names.
#[derive(Debug, Default)]
pub(super) struct Shaping {
    pub(super) nulls: Nulls,
    /// The renamed names in maps of JSON records.
    moved: Vec<MovedName>,
    /// The names in maps of which one text has several values.
    split: Vec<SplitName>,
    /// The constants of JSON records.
    constants: Vec<Constant>,
    /// The fields with words, each with whether it is a number.
    fields: Vec<(NodeIx, bool, Words)>,
    /// The names in maps that have words.
    names: Vec<NamedWords>,
    /// The maps that have such names, by their indices in a row.
    maps: Vec<usize>,
    /// All texts that words may become.
    text: WordText,
    /// Whether numbers in CSV have a decimal comma.
    has_decimal_comma: bool,
}

/// The words of one name in a map.
#[derive(Debug)]
struct NamedWords {
    scope: Scope,
    name: String,
    /// Whether the map is one of numbers.
    is_number: bool,
    words: Words,
}

/// For each name of a worker, what is done with it.
#[derive(Debug, Default)]
pub(super) struct KnownNames(Vec<KnownName>);

/// The indices of what is done with a name.
#[derive(Clone, Copy, Debug, Default)]
struct KnownName {
    words: Option<usize>,
    moved: Option<usize>,
    split: Option<usize>,
}

impl Shaping {
    /// Compiles settings whose paths are those of fields.
    pub(super) fn new(
        schema: &Schema,
        columns: &ColumnSettings,
        settings: &ShapeSettings,
    ) -> Shaping {
        let moved = columns.rename.iter().enumerate();
        let moved =
            moved.filter_map(|(number, (from, to))| MovedName::new(schema, number, from, to));
        let constants = columns.constants.iter();
        let constants = constants.filter_map(|(path, value)| Constant::new(schema, path, value));
        let mut shaping = Shaping {
            nulls: Nulls::new(&settings.null),
            moved: moved.collect(),
            constants: constants.collect(),
            has_decimal_comma: columns.has_decimal_comma,
            ..Shaping::default()
        };
        let split = settings.split.iter();
        shaping.split = split.filter_map(|(path, by)| SplitName::new(schema, path, *by)).collect();
        for (path, meanings) in &settings.values {
            shaping.add_words(schema, path, meanings);
        }
        shaping.maps.sort_unstable();
        shaping.maps.dedup();
        shaping
    }

    fn add_words(&mut self, schema: &Schema, path: &str, meanings: &[(String, String)]) {
        let own = schema.node(path).and_then(|node| schema.nodes.get(node)).map(Node::words);
        let words = Words::new(meanings, own.unwrap_or_default(), &mut self.text);
        if let Some((map, name, shape)) = schema.map_and_name(path) {
            let node = *schema.maps.get(map).expect("a map of the schema");
            let (scope, is_number) = (Scope::of_node(node), shape == Shape::Numbers);
            self.names.push(NamedWords { scope, name: name.to_owned(), is_number, words });
            self.maps.push(map);
        } else if let Some(node) = schema.node(path) {
            let is_number = schema.nodes.get(node).is_some_and(|node| node.shape == Shape::Number);
            self.fields.push((node, is_number, words));
        }
    }

    /// Whether there is anything to do for records of a format.
    pub(super) fn is_on(&self, is_csv: bool) -> bool {
        let for_json =
            !self.nulls.is_empty() || !self.moved.is_empty() || !self.constants.is_empty();
        let for_both = !self.fields.is_empty() || !self.names.is_empty() || !self.split.is_empty();
        for_both || (for_json && !is_csv)
    }

    /// Gives the records of a batch the values that their texts mean.
    pub(super) fn apply(
        &self,
        chunk: &[u8],
        is_csv: bool,
        names: &mut Names,
        known: &mut KnownNames,
        batch: &mut Batch,
    ) {
        if !is_csv && !self.nulls.is_empty() {
            self.nulls.apply(chunk, batch);
        }
        if !is_csv && !self.moved.is_empty() {
            moved::apply(self, names, known, batch);
        }
        if !is_csv && !self.constants.is_empty() {
            constants::apply(&self.constants, names, batch);
        }
        if !self.split.is_empty() {
            split::apply(self, chunk, names, known, batch);
        }
        if self.fields.is_empty() && self.names.is_empty() {
            return;
        }
        let base = self.text.push_to(&mut batch.arena);
        let Batch { rows, slots, width, arena, .. } = &mut *batch;
        let text = Text { chunk, arena };
        for (row, _) in rows.iter().enumerate().filter(|(_, row)| !row.broken) {
            let slots = slots.get_mut(row * *width..).unwrap_or(&mut []);
            for (node, is_number, words) in &self.fields {
                if let Some(slot) = slots.get_mut(*node) {
                    words.replace(slot, self.held(*is_number, is_csv), base, text);
                }
            }
        }
        if !self.names.is_empty() {
            known.learn(names, self);
            self.replace_in_maps(chunk, is_csv, base, known, batch);
        }
    }

    /// What the slots of a field hold.
    fn held(&self, is_number: bool, is_csv: bool) -> Held {
        match (is_number, is_csv && self.has_decimal_comma) {
            (false, _) => Held::Text,
            (true, false) => Held::Number,
            (true, true) => Held::SwappedNumber,
        }
    }

    fn replace_in_maps(
        &self,
        chunk: &[u8],
        is_csv: bool,
        base: usize,
        known: &KnownNames,
        batch: &mut Batch,
    ) {
        for row in 0..batch.rows.len() {
            for map in &self.maps {
                let range = batch.map(row, *map).range();
                let Batch { entries, values, arena, .. } = &mut *batch;
                let text = Text { chunk, arena };
                for Entry { name, values: own, .. } in entries.get(range).unwrap_or(&[]) {
                    let named = known.words(*name).and_then(|index| self.names.get(index));
                    let Some(named) = named else { continue };
                    let held = self.held(named.is_number, is_csv);
                    let own: &mut [Slot] = values.get_mut(own.range()).unwrap_or(&mut []);
                    for value in own {
                        named.words.replace(value, held, base, text);
                    }
                }
            }
        }
    }
}

impl KnownNames {
    /// Forgets all names.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Looks up the names that were interned since the last call.
    fn learn(&mut self, names: &Names, shaping: &Shaping) {
        while self.0.len() < names.len() {
            let (scope, name) = names.nth(self.0.len());
            let is_same = |(own, other): (Scope, &str)| own == scope && other == name;
            self.0.push(KnownName {
                words: shaping.names.iter().position(|one| is_same((one.scope, &one.name))),
                moved: shaping.moved.iter().position(|one| is_same((one.scope, &one.name))),
                split: shaping.split.iter().position(|one| is_same((one.scope, &one.name))),
            });
        }
    }

    /// The index of a name's words.
    #[inline]
    fn words(&self, name: NameId) -> Option<usize> {
        self.0.get(name.index())?.words
    }

    /// The index of a name's renaming.
    #[inline]
    fn moved(&self, name: NameId) -> Option<usize> {
        self.0.get(name.index())?.moved
    }

    /// The index of what delimits a name's values.
    #[inline]
    fn split(&self, name: NameId) -> Option<usize> {
        self.0.get(name.index())?.split
    }
}
