//! The repair `names`: other spellings of the names of fields, such as `optOut`, are read as these.
//!
//! In JSON, a name that is another spelling of one in the same object is read as that one, so that both in
//! one object are a repeated name. A name that is another spelling of a path (`User.UserId` as a name of
//! the record) leads to that field.

use super::Lookalikes;
use super::target::Target;
use crate::record::Scope;
use crate::schema::Schema;

/// The spellings of all names of fields.
#[derive(Debug)]
pub(super) struct Spellings {
    lookalikes: Lookalikes,
    /// The path of each node.
    paths: Vec<String>,
    /// Names that are dropped on purpose.
    ignore: Vec<String>,
    /// The schema's fields that can be the target of a path.
    fields: Vec<(String, Target)>,
    /// The paths of maps, each with its target without a name.
    maps: Vec<(String, Target)>,
}

impl Spellings {
    pub(super) fn new(schema: &Schema, ignore: &[String]) -> Spellings {
        let paths: Vec<String> = schema.nodes.iter().map(|node| node.path.clone()).collect();
        let is_map =
            |path: &String| schema.node(path).and_then(|node| schema.map_of(node)).is_some();
        let fields = paths.iter().filter(|path| !is_map(path));
        let maps = paths.iter().filter(|path| is_map(path));
        Spellings {
            lookalikes: Lookalikes::new(schema),
            fields: fields
                .filter_map(|path| Some((path.clone(), Target::of(schema, path)?)))
                .collect(),
            maps: maps
                .filter_map(|path| Some((path.clone(), Target::of(schema, &format!("{path}.x"))?)))
                .collect(),
            ignore: ignore.to_vec(),
            paths,
        }
    }

    /// The path of the field that a name of an object is another spelling of.
    pub(super) fn field(&self, scope: Scope, name: &str) -> Option<String> {
        let within = match scope.node() {
            Some(node) => self.paths.get(node)?.as_str(),
            None if scope == Scope::ROOT => "",
            None => return None,
        };
        let path = if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") };
        if self.ignore.contains(&path) {
            return None;
        }
        self.lookalikes.field(within, name)
    }

    /// Whether a node has this path.
    pub(super) fn is_path_of(&self, node: usize, path: &str) -> bool {
        self.paths.get(node).is_some_and(|known| known == path)
    }

    /// The field or the name in a map at a path. `None` for objects.
    pub(super) fn target(&self, path: &str) -> Option<Target> {
        if let Some((_, target)) = self.fields.iter().find(|(known, _)| known == path) {
            return Some(target.clone());
        }
        self.maps.iter().find_map(|(known, target)| {
            let below = path.strip_prefix(known.as_str())?.strip_prefix('.')?;
            match target {
                Target::Name { map, scope, is_list, .. } => Some(Target::Name {
                    map: *map,
                    scope: *scope,
                    name: below.to_owned(),
                    is_list: *is_list,
                }),
                Target::Field(_) => None,
            }
        })
    }
}
