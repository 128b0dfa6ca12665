//! Finds what the path of a rule names in the schema.
//!
//! | path | names |
//! |---|---|
//! | `User.UserId` | one field |
//! | `Attributes.Plan` | one name of a map |
//! | `User.*` | every field and name below `User` |
//! | `Attributes.crm.*` | every name of the map that begins with `crm.` |
//! | `*` | everything |

use crate::definition::document::{escape, expected_one_of, nearest};
use crate::schema::{Node, NodeIx, Schema, Shape};

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'p> {
    /// One field.
    Node(NodeIx),
    /// One name of a map, which is an index into [`Schema::maps`].
    Name { map: usize, name: &'p str },
    /// Everything whose path begins with this: empty, or ending with a dot.
    Prefix(&'p str),
}

/// Why a path names nothing, and what to do.
pub(super) type NoField = (String, String);

impl<'p> Pattern<'p> {
    /// Looks a path up in the schema.
    pub(super) fn of(path: &'p str, schema: &Schema) -> Result<Pattern<'p>, NoField> {
        match path.strip_suffix('*') {
            _ if path.trim_end_matches('*').contains('*') || path.ends_with("**") => {
                let what = format!("`*` is in the middle of `{}`", escape(path));
                Err((what, "write it alone, or at the end after a dot".to_owned()))
            }
            None => exact(path, schema),
            Some(prefix) if prefix.is_empty() || prefix.ends_with('.') => wildcard(prefix, schema),
            Some(prefix) => {
                let what =
                    format!("`*` stands for whole names, not for the rest of `{}`", escape(prefix));
                Err((what, format!("name each of them, or write `{}`", parent_wildcard(prefix))))
            }
        }
    }
}

/// The wildcard for everything beside a path: `Attributes.*` for `Attributes.crm`.
fn parent_wildcard(path: &str) -> String {
    path.rsplit_once('.')
        .map_or_else(|| "*".to_owned(), |(parent, _)| format!("{}.*", escape(parent)))
}

fn exact<'p>(path: &'p str, schema: &Schema) -> Result<Pattern<'p>, NoField> {
    if let Some((place, node)) =
        schema.node(path).and_then(|place| Some((place, schema.nodes.get(place)?)))
    {
        return match node.shape {
            Shape::Text | Shape::Number => Ok(Pattern::Node(place)),
            Shape::Object | Shape::Lists | Shape::Numbers => Err((
                format!("`{path}` contains fields, and is not one itself"),
                format!("write `{path}.*`"),
            )),
            Shape::ExportOnly => Err(export_only(path)),
        };
    }
    for (map, node) in schema.maps.iter().filter_map(|map| schema.nodes.get(*map)).enumerate() {
        let name = path.strip_prefix(node.path.as_str()).and_then(|rest| rest.strip_prefix('.'));
        match name {
            Some("") => {
                return Err((
                    format!("a name is missing after `{path}`"),
                    format!("write `{path}*`"),
                ));
            }
            Some(name) => return Ok(Pattern::Name { map, name }),
            None => {}
        }
    }
    Err(no_field(path, path, schema))
}

fn wildcard<'p>(prefix: &'p str, schema: &Schema) -> Result<Pattern<'p>, NoField> {
    let is_within = |node: &Node| {
        node.path.starts_with(prefix) && node.shape != Shape::ExportOnly
            || matches!(node.shape, Shape::Lists | Shape::Numbers)
                && prefix.strip_prefix(node.path.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    if schema.nodes.iter().any(is_within) {
        return Ok(Pattern::Prefix(prefix));
    }
    let path = prefix.trim_end_matches('.');
    match schema.node(path).and_then(|place| schema.nodes.get(place)) {
        Some(node) if node.shape == Shape::ExportOnly => Err(export_only(path)),
        Some(_) => Err((
            format!("`{path}` is one field, and contains no others"),
            format!("write `{path}`"),
        )),
        None => Err(no_field(&format!("{prefix}*"), path, schema)),
    }
}

fn export_only(path: &str) -> NoField {
    let what = format!("`{path}` is only in exports, and is always left out");
    (what, "remove the rule".to_owned())
}

fn no_field(path: &str, name: &str, schema: &Schema) -> NoField {
    let help = match near_path(path, name, schema) {
        Some(near) => format!("did you mean `{}`?", escape(&near)),
        None => siblings(path, name, schema),
    };
    (format!("unknown field `{}`", escape(path)), help)
}

/// The path that was probably meant by one that names nothing.
pub(super) fn near(path: &str, schema: &Schema) -> Option<String> {
    near_path(path, path.trim_end_matches(['*', '.']), schema)
}

fn near_path(path: &str, name: &str, schema: &Schema) -> Option<String> {
    let is_wildcard = path.ends_with('*');
    let known = schema.nodes.iter().filter(|node| node.shape != Shape::ExportOnly);
    // A name in a map is nearer to the map itself than to anything else.
    let near = near_map(name, schema)
        .or_else(|| nearest(name, known.map(|node| node.path.as_str())).map(str::to_owned))?;
    let is_whole = is_wildcard || contains_fields(&near, schema);
    Some(if is_whole { format!("{near}.*") } else { near })
}

/// The path that was probably meant if the path of a map is misspelt before a name in it.
fn near_map(path: &str, schema: &Schema) -> Option<String> {
    schema.maps.iter().filter_map(|map| schema.nodes.get(*map)).find_map(|map| {
        let dots = map.path.matches('.').count();
        let (end, _) = path.match_indices('.').nth(dots)?;
        let (misspelt, below) = path.split_at(end);
        nearest(misspelt, [map.path.as_str()])?;
        Some(format!("{}{below}", map.path))
    })
}

fn contains_fields(path: &str, schema: &Schema) -> bool {
    let node = schema.node(path).and_then(|place| schema.nodes.get(place));
    node.is_some_and(|node| matches!(node.shape, Shape::Object | Shape::Lists | Shape::Numbers))
}

/// Lists the fields of the object in which the unknown one is; outside of any it may be a name in a map.
fn siblings(path: &str, name: &str, schema: &Schema) -> String {
    let parent = name.rsplit_once('.').and_then(|(parent, _)| schema.node(parent));
    let beside =
        schema.nodes.iter().filter(|node| node.parent == parent && node.shape != Shape::ExportOnly);
    let paths: Vec<String> = beside
        .map(|node| {
            let below = if contains_fields(&node.path, schema) { ".*" } else { "" };
            format!("{}{below}", node.path)
        })
        .collect();
    let expected = expected_one_of(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let is_below_one = name.split_once('.').is_some_and(|(first, _)| schema.node(first).is_some());
    if is_below_one || name.is_empty() || name.starts_with('.') {
        return expected;
    }
    let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map));
    let of_texts = maps.filter(|map| map.shape == Shape::Lists);
    let named: Vec<String> =
        of_texts.map(|map| format!("`{}.{}`", map.path, escape(path))).collect();
    format!("for an attribute write {}; else {expected}", named.join(" or "))
}
