//! Finds the field of a value by the names on the way to it.
//!
//! Records of one producer have their names in nearly the same order. So a name is first compared with the one
//! that came next last time, and then with the few after it. Only what is not among them is looked up.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::value::text_of_json;

/// How many names are compared before one is looked up: some records lack some fields.
const COMPARED: usize = 4;

/// The place of a node in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeAt(usize);

/// The names in the objects of one chunk.
pub(super) struct Tree<'c> {
    nodes: Vec<Node<'c>>,
    /// By the node that a name is in, and by the name.
    members: HashMap<(NodeAt, &'c str), Member, RandomState>,
}

#[derive(Clone, Copy)]
struct Member {
    at: NodeAt,
    /// The place in the names of its parent.
    place: usize,
}

struct Node<'c> {
    /// The names on the way, with dots between. `None`: that is too long.
    path: Option<String>,
    /// The names in it as they are written, in the order in which they first appeared.
    names: Vec<(&'c str, NodeAt)>,
    /// The place in `names` of the one that is expected next.
    next: usize,
    /// The index of its field, once a value was there.
    field: Option<usize>,
}

/// The most bytes of a path.
const PATH_MAX: usize = 1000;

impl Node<'_> {
    fn new(path: Option<String>) -> Self {
        Node { path, names: Vec::new(), next: 0, field: None }
    }
}

impl<'c> Tree<'c> {
    pub(super) const ROOT: NodeAt = NodeAt(0);

    pub(super) fn new() -> Tree<'c> {
        Tree { nodes: vec![Node::new(Some(String::new()))], members: HashMap::default() }
    }

    /// Begins with the first names again.
    pub(super) fn begin(&mut self, at: NodeAt) {
        if let Some(node) = self.nodes.get_mut(at.0) {
            node.next = 0;
        }
    }

    /// The member with whose name, as it is written with its quotes, a text begins, and the length of that name.
    /// `None`: it is none of those that are expected.
    pub(super) fn expected(&mut self, parent: NodeAt, text: &str) -> Option<(NodeAt, usize)> {
        let node = self.nodes.get_mut(parent.0)?;
        let expected = node.names.get(node.next..)?.iter().take(COMPARED);
        // No name with its quotes is the beginning of another one.
        let mut found = expected.zip(node.next..).filter(|((name, _), _)| text.starts_with(*name));
        let ((name, at), place) = found.next()?;
        let (at, length) = (*at, name.len());
        node.next = place + 1;
        self.begin(at);
        Some((at, length))
    }

    /// The member of this name, as it is written with its quotes. `None`: it is no string of JSON.
    pub(super) fn member(&mut self, parent: NodeAt, name: &'c str) -> Option<NodeAt> {
        let Some(Member { at, place }) = self.members.get(&(parent, name)).copied() else {
            return self.add(parent, name);
        };
        self.nodes.get_mut(parent.0)?.next = place + 1;
        self.begin(at);
        Some(at)
    }

    fn add(&mut self, parent: NodeAt, name: &'c str) -> Option<NodeAt> {
        let member = NodeAt(self.nodes.len());
        let node = self.nodes.get_mut(parent.0)?;
        let text = text_of_json(name)?;
        let is_short = |path: &&String| path.len() + text.len() < PATH_MAX;
        let path = node.path.as_ref().filter(is_short).map(|outer| {
            let dot = if parent == Tree::ROOT { "" } else { "." };
            format!("{outer}{dot}{text}")
        });
        let place = node.names.len();
        node.names.push((name, member));
        node.next = place + 1;
        self.nodes.push(Node::new(path));
        self.members.insert((parent, name), Member { at: member, place });
        Some(member)
    }

    /// The names on the way to a node, with dots between. `None`: that is longer than the name of any field, and
    /// would take its length for each field below it.
    pub(super) fn path(&self, at: NodeAt) -> Option<&str> {
        self.nodes.get(at.0)?.path.as_deref()
    }

    /// The index of a node's field, if it has one.
    pub(super) fn field(&self, at: NodeAt) -> Option<usize> {
        self.nodes.get(at.0)?.field
    }

    pub(super) fn set_field(&mut self, at: NodeAt, field: usize) {
        if let Some(node) = self.nodes.get_mut(at.0) {
            node.field = Some(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_order() {
        let mut tree = Tree::new();
        let (mut paths, mut are_expected) = (Vec::new(), Vec::new());
        for record in [["a", "b", "c"], ["a", "c", "b"], ["c", "b", "a"], ["b", "d", "a"]] {
            tree.begin(Tree::ROOT);
            for name in record {
                let written = ["\"a\"", "\"b\"", "\"c\"", "\"d\""];
                let written = written.into_iter().find(|written| written.contains(name));
                let written = written.expect("it is one");
                let expected = tree.expected(Tree::ROOT, &format!("{written}: 1"));
                let outer = tree.member(Tree::ROOT, written).expect("a name");
                assert!(expected.is_none_or(|expected| expected == (outer, 3)));
                are_expected.push(expected.is_some());
                let inner = tree.member(outer, "\"x.y\"").expect("a name");
                assert_eq!(tree.path(inner), Some(&*format!("{name}.x.y")));
                paths.push(inner);
            }
        }
        let (yes, no) = (true, false);
        assert_eq!(are_expected, [no, no, no, yes, yes, no, yes, no, no, yes, no, no]);
        assert_eq!(paths.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(tree.nodes.len(), 9);
    }

    #[test]
    fn long_paths_are_not_kept() {
        let mut tree = Tree::new();
        let long = format!("\"{}\"", "x".repeat(PATH_MAX));
        let outer = tree.member(Tree::ROOT, &long).expect("a name");
        let inner = tree.member(outer, "\"a\"").expect("a name");
        assert_eq!((tree.path(outer), tree.path(inner)), (None, None));
    }

    #[test]
    fn fields_stay_with_their_nodes() {
        let mut tree = Tree::new();
        let one = tree.member(Tree::ROOT, "\"one\"").expect("a name");
        assert_eq!(tree.field(one), None);
        tree.set_field(one, 7);
        tree.begin(Tree::ROOT);
        let again = tree.member(Tree::ROOT, "\"one\"").expect("a name");
        assert_eq!((again, tree.field(again)), (one, Some(7)));
        assert_eq!(tree.member(Tree::ROOT, "one"), None);
    }
}
