//! Where a name leads: the schema's objects with their members, laid out for the decoders.

use super::narrow;
use crate::record::{Field, Scope};
use crate::schema::{NodeIx, Schema, Shape};

/// The objects that a record is made of.
#[derive(Debug)]
pub struct Layout {
    /// The record itself first.
    objects: Vec<Object>,
    /// Slots in a row.
    pub width: usize,
    /// Maps in a row.
    pub maps: usize,
}

/// One object and its members, in the schema's order.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) scope: Scope,
    pub(super) members: Vec<Member>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Box<[u8]>,
    pub(super) node: NodeIx,
    pub(super) field: Field,
    /// The member's bit among those of its object.
    pub(super) bit: u64,
    pub(super) leads_to: LeadsTo,
}

/// What stands under a member's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeadsTo {
    Text,
    Number,
    /// The object's place in the layout.
    Object(usize),
    /// The map's place in a row's maps.
    Lists(usize),
    Numbers(usize),
    ExportOnly,
}

impl Layout {
    /// The objects of a schema. The most nodes a schema may have is 128: they are a bit each
    /// while a record's names are looked for twice.
    pub fn new(schema: &Schema) -> Layout {
        assert!(schema.nodes.len() <= 128, "a record's nodes are bits of 128");
        let mut objects = vec![Object { scope: Scope::ROOT, members: Vec::new() }];
        let mut object_of_node = vec![0; schema.nodes.len()];
        for (node, description) in schema.nodes.iter().enumerate() {
            if description.shape == Shape::Object {
                if let Some(place) = object_of_node.get_mut(node) {
                    *place = objects.len();
                }
                objects.push(Object { scope: scope_of(node), members: Vec::new() });
            }
        }
        for (node, description) in schema.nodes.iter().enumerate() {
            let map = || schema.map_of(node).expect("a schema lists its maps");
            let leads_to = match description.shape {
                Shape::Object => LeadsTo::Object(*object_of_node.get(node).expect("as many")),
                Shape::Text => LeadsTo::Text,
                Shape::Number => LeadsTo::Number,
                Shape::Lists => LeadsTo::Lists(map()),
                Shape::Numbers => LeadsTo::Numbers(map()),
                Shape::ExportOnly => LeadsTo::ExportOnly,
            };
            let parent = description.parent.and_then(|parent| object_of_node.get(parent).copied());
            let name = description.name.as_bytes().into();
            let field = Field::Node(u8::try_from(node).expect("below 128"));
            let members =
                &mut objects.get_mut(parent.unwrap_or(0)).expect("a parent is an object").members;
            let bit = 1_u64.checked_shl(narrow(members.len()));
            let bit = bit.expect("an object has at most 64 members");
            members.push(Member { name, node, field, bit, leads_to });
        }
        Layout { objects, width: schema.nodes.len(), maps: schema.maps.len() }
    }

    pub(super) fn object(&self, place: usize) -> &Object {
        self.objects.get(place).expect("places come from this layout")
    }
}

/// The scope of what stands in a node.
pub(super) fn scope_of(node: NodeIx) -> Scope {
    Scope(u8::try_from(node).expect("a schema has at most 128 nodes"))
}

impl Object {
    /// The place of the member of that name.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        self.members.iter().position(|member| *member.name == *name)
    }
}
