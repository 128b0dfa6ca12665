//! What renamed names stand for: fields and names in maps, and the objects of the input on the way
//! to them.

use crate::record::Scope;
use crate::schema::{NodeIx, Schema, Shape};

/// Where the value of a renamed name goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A field.
    Field(NodeIx),
    /// A name in a map, which has this index in a row.
    Name { map: usize, scope: Scope, name: String, is_list: bool },
}

impl Target {
    /// The target with this path. `None` if it is no field.
    pub(super) fn of(schema: &Schema, path: &str) -> Option<Target> {
        match schema.map_and_name(path) {
            Some((map, name, shape)) => Some(Target::Name {
                map,
                scope: Scope::of_node(*schema.maps.get(map)?),
                name: name.to_owned(),
                is_list: shape == Shape::Lists,
            }),
            None => schema.node(path).map(Target::Field),
        }
    }
}

/// What is done with a name that leads to a field of another name, or to one that others lead to.
#[derive(Debug)]
pub(super) struct Move {
    /// The index of the setting; `None` for the field's own name.
    pub(super) rename: Option<usize>,
    /// Whether the name was found by a path. One that is there literally takes precedence.
    pub(super) is_path: bool,
    /// The name, in the object in which it is.
    pub(super) scope: Scope,
    pub(super) name: String,
    pub(super) target: Target,
}

/// The maps of a whole map's names: `"traits.*" = "User.UserAttributes.*"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RestMap {
    pub(super) rename: usize,
    pub(super) map: usize,
    pub(super) scope: Scope,
    pub(super) is_list: bool,
}

/// The most objects of the input that renamed paths lead through.
pub const CONTAINERS_MAX: usize = 50;

/// The paths of the objects of the input that are not in the schema and that renamed paths lead through,
/// in the order of their scopes.
pub fn container_paths(schema: &Schema, rename: &[(String, String)]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let mut add = |path: &str| {
        let is_known = schema.node(path).is_some_and(|node| {
            schema.nodes.get(node).is_some_and(|node| node.shape == Shape::Object)
        });
        if !is_known && !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    };
    for (from, _) in rename {
        if is_in_map(schema, from) {
            continue;
        }
        for (end, _) in from.match_indices('.') {
            add(from.get(..end).unwrap_or_default());
        }
    }
    paths
}

/// Whether a renamed path is a name in a map of the schema.
pub(super) fn is_in_map(schema: &Schema, from: &str) -> bool {
    schema.map_and_name(from).is_some_and(|(_, name, _)| name != "*")
}
