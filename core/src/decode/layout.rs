//! The objects of the schema with their members, in the form in which the JSON decoder looks names
//! up.

mod renames;

use super::csv::ColumnSettings;
use super::shaping::{ShapeSettings, Shaping};
use super::spellings::Spellings;
use super::target::{Move, RestMap};
use crate::record::{Field, Scope};
use crate::schema::{NodeIx, Role, Schema, Shape};

/// The objects that a record consists of.
#[derive(Debug)]
pub struct Layout {
    /// The first is the record itself.
    pub(super) objects: Vec<Object>,
    /// What the definition renames, or renames to.
    pub(super) moves: Vec<Move>,
    /// The members that are meant where a value is no object; see [`MemberKind::Either`].
    pub(super) others: Vec<Member>,
    /// Whether whole maps are renamed.
    pub(super) has_rests: bool,
    /// The number of slots in a row.
    pub width: usize,
    /// The number of maps in a row.
    pub maps: usize,
    /// The other spellings of names that are repaired; `None`: they are not.
    pub(super) spellings: Option<Spellings>,
    /// The path of the opt-out, whose name is looked for inside of unknown objects.
    pub(super) opt_out: String,
    /// What is done to values once they are decoded.
    pub(super) shaping: Shaping,
}

/// An object with its members in the order of the schema.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) scope: Scope,
    pub(super) members: Vec<Member>,
    /// The map that all other names are entries of. `None`: they are unknown.
    pub(super) rest: Option<RestMap>,
}

/// The node of a member that is none of the schema.
pub(super) const NO_NODE: NodeIx = NodeIx::MAX;

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Box<[u8]>,
    pub(super) node: NodeIx,
    pub(super) field: Field,
    /// One bit, different for each member of the object, for finding repeated names. 0: the name itself
    /// is compared, for members that the definition adds.
    pub(super) bit: u64,
    pub(super) kind: MemberKind,
}

/// What the value of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    Text,
    Number,
    /// An object, by its index in the layout.
    Object(usize),
    /// A map of lists, by its index in the maps of a row.
    Lists(usize),
    /// A map of numbers, by its index in the maps of a row.
    Numbers(usize),
    /// A map that renamed names have entries of too.
    SharedMap {
        map: usize,
        is_list: bool,
    },
    /// A name that leads to a field of another name, or to one that others lead to: an index of the
    /// layout's moves.
    Moved(usize),
    /// An object of the input that is not in the schema, by its index in the layout.
    Container(usize),
    /// The same, if the value is an object; else the member of the layout's `others`.
    Either {
        object: usize,
        other: usize,
    },
    /// A field that only exports have. It is not imported.
    ExportOnly,
}

impl Layout {
    /// The layout of a schema, which has at most 128 nodes: replaying a record uses one bit for
    /// each to find repeated names.
    pub fn new(schema: &Schema, columns: &ColumnSettings, shapes: &ShapeSettings) -> Layout {
        assert!(schema.nodes.len() <= 128, "a schema has at most 128 nodes");
        let mut objects = vec![Object { scope: Scope::ROOT, members: Vec::new(), rest: None }];
        let mut object_of_node = vec![0; schema.nodes.len()];
        for (node, description) in schema.nodes.iter().enumerate() {
            if description.shape == Shape::Object {
                if let Some(index) = object_of_node.get_mut(node) {
                    *index = objects.len();
                }
                let (scope, members) = (Scope::of_node(node), Vec::new());
                objects.push(Object { scope, members, rest: None });
            }
        }
        for (node, description) in schema.nodes.iter().enumerate() {
            let map = || schema.map_of(node).expect("a schema lists its maps");
            let kind = match description.shape {
                Shape::Object => {
                    MemberKind::Object(*object_of_node.get(node).expect("one for each node"))
                }
                Shape::Text => MemberKind::Text,
                Shape::Number => MemberKind::Number,
                Shape::Lists => MemberKind::Lists(map()),
                Shape::Numbers => MemberKind::Numbers(map()),
                Shape::ExportOnly => MemberKind::ExportOnly,
            };
            let parent = description.parent.and_then(|parent| object_of_node.get(parent).copied());
            let name = description.name.as_bytes().into();
            let field = Field::Node(u8::try_from(node).expect("a schema has at most 128 nodes"));
            let members =
                &mut objects.get_mut(parent.unwrap_or(0)).expect("a parent is an object").members;
            let number = u32::try_from(members.len()).ok();
            let bit = number.and_then(|number| 1_u64.checked_shl(number));
            let bit = bit.expect("an object has at most 64 members");
            members.push(Member { name, node, field, bit, kind });
        }
        let mut layout = Layout {
            objects,
            moves: Vec::new(),
            others: Vec::new(),
            has_rests: false,
            spellings: columns.repair_names.then(|| Spellings::new(schema, &columns.ignore)),
            width: schema.nodes.len(),
            maps: schema.maps.len(),
            opt_out: schema.role_path(Role::OptOut).to_owned(),
            shaping: Shaping::new(schema, columns, shapes),
        };
        layout.add_renames(schema, &columns.rename);
        layout
    }

    pub(super) fn object(&self, index: usize) -> &Object {
        self.objects.get(index).expect("an index from this layout")
    }
}

impl Object {
    /// The index of the member with this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        self.members.iter().position(|member| *member.name == *name)
    }
}
