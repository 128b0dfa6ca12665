//! Interned names: each name in the data is stored once per worker and known by a number.
//!
//! What a plan decides about a name is decided once and kept in a list by that number. Numbers
//! differ between workers and never reach an output. Names come from the input, so the hash is
//! seeded.

use std::{fmt, hash::BuildHasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// What a name belongs to: an object or a map of the schema, by its node; the record itself; or an
/// object that is not in the schema, by its depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(pub u8);

impl Scope {
    /// The record itself.
    pub const ROOT: Scope = Scope(u8::MAX);
    /// Scopes below this are nodes: a schema has at most 128.
    const NODES_END: u8 = 128;
    /// Scopes from this on, but the record itself, are objects that renamed paths lead through. Those
    /// below are for up to 72 levels of nesting.
    const INPUTS_START: u8 = 200;

    /// The object or map at a node of the schema.
    pub fn of_node(node: usize) -> Scope {
        Scope(u8::try_from(node).expect("a schema has at most 128 nodes"))
    }

    /// An object that is not in the schema. Each depth has its own scope, so that no object shares
    /// its names with the one that contains it.
    pub fn unknown(depth: usize) -> Scope {
        let depth = u8::try_from(depth).expect("nesting is bounded far below 127");
        Scope(Scope::NODES_END.saturating_add(depth))
    }

    /// An object of the input that renamed paths lead through, by its number among these.
    pub fn of_input(number: usize) -> Scope {
        let number = u8::try_from(number).expect("there are few such objects");
        Scope(Scope::INPUTS_START.saturating_add(number).min(Scope::ROOT.0 - 1))
    }

    /// The number of the object of the input that renamed paths lead through; `None` if it is none.
    pub fn input(self) -> Option<usize> {
        let is_input = Scope::INPUTS_START <= self.0 && self != Scope::ROOT;
        is_input.then(|| usize::from(self.0 - Scope::INPUTS_START))
    }

    /// The node of the object or map, or `None` if the scope is not in the schema.
    pub fn node(self) -> Option<usize> {
        (self.0 < Scope::NODES_END).then_some(usize::from(self.0))
    }

    /// Whether the scope is inside a field that is not in the schema.
    pub fn is_unknown(self) -> bool {
        Scope::NODES_END <= self.0 && self.0 < Scope::INPUTS_START
    }
}

/// The number of a name in its scope. Only valid with the [`Names`] that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

impl NameId {
    /// The index for lists that have one item for each name.
    pub fn index(self) -> usize {
        usize::try_from(self.0).expect("usize is at least 32 bits wide")
    }
}

/// The names that one worker has seen.
#[derive(Default)]
pub struct Names {
    text: String,
    spans: Vec<(Scope, u32, u32)>,
    table: HashTable<NameId>,
    hasher: RandomState,
}

impl Names {
    /// The number of a name. A new name is added.
    pub fn intern(&mut self, scope: Scope, name: &str) -> NameId {
        let hash = self.hasher.hash_one((scope, name));
        let found = self.table.find(hash, |id| self.is(*id, scope, name));
        if let Some(id) = found {
            return *id;
        }
        let id = NameId(u32::try_from(self.spans.len()).expect("fewer than 2^32 names"));
        let start = u32::try_from(self.text.len()).expect("names are cleared long before 4 GiB");
        let len = u32::try_from(name.len()).expect("a name is shorter than a record");
        self.text.push_str(name);
        self.spans.push((scope, start, len));
        let Names { text, spans, table, hasher } = self;
        table.insert_unique(hash, id, |other| {
            let (scope, name) = resolve(text, spans, *other);
            hasher.hash_one((scope, name))
        });
        id
    }

    fn is(&self, id: NameId, scope: Scope, name: &str) -> bool {
        self.get(id) == (scope, name)
    }

    /// A name and its scope.
    pub fn get(&self, id: NameId) -> (Scope, &str) {
        resolve(&self.text, &self.spans, id)
    }

    /// The name that was added as number `index`, from 0, and its scope.
    pub fn nth(&self, index: usize) -> (Scope, &str) {
        self.get(NameId(u32::try_from(index).expect("fewer than 2^32 names")))
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The length of all names together, in bytes. It is part of a worker's memory limit.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Removes all names. Every [`NameId`] returned so far becomes invalid.
    pub fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.table.clear();
    }
}

fn resolve<'a>(text: &'a str, spans: &[(Scope, u32, u32)], id: NameId) -> (Scope, &'a str) {
    let (scope, start, len) = *spans.get(id.index()).expect("ids are used with their own names");
    let start = usize::try_from(start).expect("usize is at least 32 bits wide");
    let len = usize::try_from(len).expect("usize is at least 32 bits wide");
    (scope, text.get(start..start + len).expect("a span is a whole name"))
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({})", self.spans.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_in_each_scope() {
        let mut names = Names::default();
        let plan = names.intern(Scope(3), "Plan");
        assert_eq!(names.intern(Scope(3), "Plan"), plan);
        assert_ne!(names.intern(Scope(4), "Plan"), plan);
        for number in 0..1000 {
            names.intern(Scope(3), &number.to_string());
        }
        assert_eq!(names.intern(Scope(3), "Plan"), plan);
        assert_eq!(names.get(plan), (Scope(3), "Plan"));
        assert_eq!(names.len(), 1002);
        names.clear();
        assert!(names.is_empty());
    }
}
