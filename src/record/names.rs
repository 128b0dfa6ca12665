//! Names that occur in the data, each kept once for a worker.
//!
//! A name is known by a number; what a plan decides about a name is decided once and kept
//! in a list beside, by that number. Numbers differ between workers and never reach an
//! output. The names are chosen by others, so the hash is seeded.

use std::{fmt, hash::BuildHasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Where a name stands: the slot of the object or map that holds it, the record itself, or some
/// depth inside what the schema does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(pub u8);

impl Scope {
    /// The record itself.
    pub const ROOT: Scope = Scope(u8::MAX);
    /// Scopes from here on are no slots: a schema has at most so many nodes.
    const SLOTS_END: u8 = 128;

    /// Inside what the schema does not know. Each depth is a scope of its own, so that an object
    /// never shares its names with one that it stands in.
    pub fn unknown(depth: usize) -> Scope {
        let depth = u8::try_from(depth).expect("nesting is bounded far below 127");
        Scope(Scope::SLOTS_END.saturating_add(depth))
    }

    /// The slot of the object or map, where it is one's.
    pub fn slot(self) -> Option<usize> {
        (self.0 < Scope::SLOTS_END).then_some(usize::from(self.0))
    }

    pub fn is_unknown(self) -> bool {
        self != Scope::ROOT && self.slot().is_none()
    }
}

/// A name in its scope, as one worker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

impl NameId {
    /// For lists that run beside the names.
    pub fn index(self) -> usize {
        usize::try_from(self.0).expect("usize is at least 32 bits wide")
    }
}

/// The names that one worker has met.
#[derive(Default)]
pub struct Names {
    text: String,
    spans: Vec<(Scope, u32, u32)>,
    table: HashTable<NameId>,
    hasher: RandomState,
}

impl Names {
    /// The number of a name, which is remembered if it is new.
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

    /// The name that was met as the `index`-th, from 0, and its scope.
    pub fn nth(&self, index: usize) -> (Scope, &str) {
        self.get(NameId(u32::try_from(index).expect("fewer than 2^32 names")))
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes that the names take, for the bound on a worker's memory.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets all names. Every [`NameId`] given before is void.
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
    (scope, text.get(start..start + len).expect("spans are of whole names"))
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
