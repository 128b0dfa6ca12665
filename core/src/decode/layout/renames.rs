//! `[input.rename]` in JSON: names and dotted paths of the input that stand for fields.
//!
//! The layout of the schema gets more members. A renamed name is a member that leads elsewhere ([`Move`]),
//! an object on a path to one (`user` in `"user.mail" = "Address"`) is an object of the layout, and a
//! whole map (`"traits.*" = "User.UserAttributes.*"`) an object whose other names are all entries of a map.
//! A name of the schema that is renamed away gets a new meaning, and every name of a field that is also a
//! target says so, since only then it can be in a record twice.
//!
//! A renamed name in a map of the schema (`"Attributes.Old" = "Address"`) is not here but in `shaping`:
//! such a map is read like any other.

use super::{Layout, Member, MemberKind, NO_NODE, Object};
use crate::decode::target::{CONTAINERS_MAX, Move, RestMap, Target, container_paths, is_in_map};
use crate::record::{Field, Scope};
use crate::schema::{NodeIx, Schema, Shape};

impl Layout {
    /// Adds the renamed names. Paths that lead nowhere are left out: the plan has reported them.
    pub(super) fn add_renames(&mut self, schema: &Schema, rename: &[(String, String)]) {
        let containers = container_paths(schema, rename);
        for (number, (from, to)) in rename.iter().enumerate() {
            if is_in_map(schema, from) {
                continue;
            }
            if let Some(path) = from.strip_suffix(".*") {
                let rest = to.strip_suffix(".*").and_then(|to| rest_map(schema, number, to));
                let place = self.container(0, path, "", &containers);
                if let (Some(object), Some(place)) = (self.objects.get_mut(place), &rest) {
                    object.rest = Some(*place);
                }
                continue;
            }
            let Some(target) = Target::of(schema, to) else { continue };
            self.add_move(0, from, (Some(number), false), target.clone());
            if let Some((path, name)) = from.rsplit_once('.') {
                let place = self.container(0, path, "", &containers);
                self.add_move(place, name, (Some(number), true), target);
            }
        }
        self.has_rests = self.objects.iter().any(|object| object.rest.is_some());
        self.mark_targets(schema);
    }

    /// The object at a path below another object, which is made if there is none. `within`: the path of
    /// that other object.
    fn container(
        &mut self,
        object: usize,
        path: &str,
        within: &str,
        containers: &[String],
    ) -> usize {
        let (name, below) = path.split_once('.').map_or((path, None), |(n, b)| (n, Some(b)));
        let whole = if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") };
        let inner = self.inner_object(object, name, &whole, containers);
        match below {
            Some(below) => self.container(inner, below, &whole, containers),
            None => inner,
        }
    }

    fn inner_object(
        &mut self,
        object: usize,
        name: &str,
        path: &str,
        containers: &[String],
    ) -> usize {
        let next = self.objects.len();
        let number = containers.iter().position(|known| known == path).unwrap_or(CONTAINERS_MAX);
        let Some(outer) = self.objects.get_mut(object) else { return 0 };
        let known = outer.members.iter_mut().find(|member| *member.name == *name.as_bytes());
        match known.as_ref().map(|member| member.kind) {
            Some(MemberKind::Object(index) | MemberKind::Container(index)) => return index,
            Some(MemberKind::Either { object, .. }) => return object,
            _ => {}
        }
        if let Some(member) = known {
            self.others.push(member.clone());
            member.kind = MemberKind::Either { object: next, other: self.others.len() - 1 };
        } else {
            outer.members.push(Member {
                name: name.as_bytes().into(),
                // So that a replay finds a second one; see the shape cache.
                node: self.width + number,
                field: Field::Record,
                bit: 0,
                kind: MemberKind::Container(next),
            });
        }
        self.objects.push(Object {
            scope: Scope::of_input(number),
            members: Vec::new(),
            rest: None,
        });
        next
    }

    /// Adds a member that leads elsewhere, in place of what has that name.
    fn add_move(
        &mut self,
        object: usize,
        name: &str,
        (rename, is_path): (Option<usize>, bool),
        target: Target,
    ) {
        let Some(place) = self.objects.get_mut(object) else { return };
        let node = match target {
            Target::Field(node) => node,
            Target::Name { .. } => NO_NODE,
        };
        let index = self.moves.len();
        let (scope, kind) = (place.scope, MemberKind::Moved(index));
        let member =
            Member { name: name.as_bytes().into(), node, field: Field::Record, bit: 0, kind };
        self.moves.push(Move { rename, is_path, scope, name: name.to_owned(), target });
        let known = place.members.iter_mut().find(|member| *member.name == *name.as_bytes());
        match known {
            None => place.members.push(member),
            Some(known) => match known.kind {
                MemberKind::Object(object)
                | MemberKind::Container(object)
                | MemberKind::Either { object, .. } => {
                    self.others.push(member);
                    let other = self.others.len() - 1;
                    known.kind = MemberKind::Either { object, other };
                    known.bit = 0;
                    known.node = NO_NODE;
                }
                MemberKind::Text
                | MemberKind::Number
                | MemberKind::Lists(_)
                | MemberKind::Numbers(_)
                | MemberKind::SharedMap { .. }
                | MemberKind::Moved(_)
                | MemberKind::ExportOnly => *known = member,
            },
        }
    }

    /// Marks the own names of fields and maps that renamed names lead to.
    fn mark_targets(&mut self, schema: &Schema) {
        let fields: Vec<NodeIx> = self
            .moves
            .iter()
            .filter_map(|moved| match &moved.target {
                Target::Field(node) => Some(*node),
                Target::Name { .. } => None,
            })
            .collect();
        let of_moves = self.moves.iter().filter_map(|moved| match &moved.target {
            Target::Field(_) => None,
            Target::Name { map, .. } => Some(*map),
        });
        let of_rests = self.objects.iter().filter_map(|object| Some(object.rest.as_ref()?.map));
        let maps: Vec<usize> = of_moves.chain(of_rests).collect();
        let Layout { objects, others, moves, .. } = self;
        for (object, member) in objects
            .iter_mut()
            .flat_map(|object| {
                let scope = object.scope;
                object.members.iter_mut().map(move |member| (scope, member))
            })
            .chain(others.iter_mut().map(|member| (Scope::ROOT, member)))
        {
            match member.kind {
                MemberKind::Text | MemberKind::Number if fields.contains(&member.node) => {
                    let name = String::from_utf8_lossy(&member.name).into_owned();
                    let target = Target::Field(member.node);
                    moves.push(Move { rename: None, is_path: false, scope: object, name, target });
                    member.kind = MemberKind::Moved(moves.len() - 1);
                    member.bit = 0;
                }
                MemberKind::Lists(map) | MemberKind::Numbers(map) if maps.contains(&map) => {
                    let is_list = schema
                        .nodes
                        .get(member.node)
                        .is_some_and(|node| node.shape == Shape::Lists);
                    member.kind = MemberKind::SharedMap { map, is_list };
                }
                MemberKind::Text
                | MemberKind::Number
                | MemberKind::Object(_)
                | MemberKind::Lists(_)
                | MemberKind::Numbers(_)
                | MemberKind::SharedMap { .. }
                | MemberKind::Moved(_)
                | MemberKind::Container(_)
                | MemberKind::Either { .. }
                | MemberKind::ExportOnly => {}
            }
        }
    }
}

fn rest_map(schema: &Schema, rename: usize, path: &str) -> Option<RestMap> {
    let node = schema.node(path)?;
    let map = schema.map_of(node)?;
    let is_list = schema.nodes.get(node)?.shape == Shape::Lists;
    Some(RestMap { rename, map, scope: Scope::of_node(node), is_list })
}
