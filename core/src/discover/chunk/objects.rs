//! Takes the values of records in JSON to their fields, for `discover/chunk.rs`.

use super::{Lens, Reading, ScanWorker};
use crate::discover::tree::{NodeAt, Tree};
use crate::discover::value::{Kind, Value};
use crate::discover::walk::{Visit, walk};

/// Takes the values of records in JSON.
pub(super) struct ObjectValues<'r, 'l, 'c> {
    reading: &'r mut Reading<'c>,
    lens: &'r Lens<'l>,
    worker: &'r mut ScanWorker,
    tree: Tree<'c>,
    /// The nodes of the names on the way to the next value.
    way: Vec<NodeAt>,
    /// The number of the record, from 1.
    record: u64,
}

impl<'r, 'l, 'c> ObjectValues<'r, 'l, 'c> {
    pub(super) fn new(
        reading: &'r mut Reading<'c>,
        lens: &'r Lens<'l>,
        worker: &'r mut ScanWorker,
    ) -> ObjectValues<'r, 'l, 'c> {
        ObjectValues { reading, lens, worker, tree: Tree::new(), way: Vec::new(), record: 0 }
    }

    /// Takes those of the object with which a text begins, and returns its length. `None`: it is not valid.
    pub(super) fn walk(&mut self, text: &'c str) -> Option<usize> {
        self.record += 1;
        self.way.clear();
        self.tree.begin(Tree::ROOT);
        walk(text, self)
    }

    fn at(&self) -> NodeAt {
        self.way.last().copied().unwrap_or(Tree::ROOT)
    }

    /// The index of the field of a value here. `None`: it has none.
    fn field(&mut self, value: &Value<'_>) -> Option<usize> {
        let (kind, is_scalar) = (value.kind, value.is_scalar());
        let at = self.at();
        let known = self.tree.field(at);
        if known.is_some() && kind != Kind::Object {
            return known;
        }
        let Some(path) = self.tree.path(at) else {
            self.reading.findings.left_out += u64::from(is_scalar);
            return None;
        };
        // An empty map or object of the schema is nothing to tell about.
        if kind == Kind::Object && self.lens.knowledge.schema.node(path).is_some() {
            return None;
        }
        let index = self.reading.field(self.lens, self.worker, path, path);
        self.tree.set_field(at, index);
        Some(index)
    }
}

impl<'c> Visit<'c> for ObjectValues<'_, '_, 'c> {
    fn enter_expected(&mut self, text: &'c str) -> Option<usize> {
        let (member, length) = self.tree.expected(self.at(), text)?;
        self.way.push(member);
        Some(length)
    }

    fn enter(&mut self, name: &'c str) -> Option<()> {
        let member = self.tree.member(self.at(), name)?;
        self.way.push(member);
        Some(())
    }

    fn leave(&mut self) {
        self.way.pop();
    }

    fn value(&mut self, value: Value<'c>) {
        if let Some(index) = self.field(&value) {
            self.reading.add(index, self.record, &value, None);
        }
    }
}
