//! What the path of a rule stands for in the schema, or why it stands for nothing.

use crate::definition::document::nearest::{listed, nearest};
use crate::definition::document::section::escape;
use crate::schema::{Node, NodeIx, Schema, Shape};

/// The fields that a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern<'p> {
    /// One field.
    Node(NodeIx),
    /// One name of a map, by the map's place.
    Name { map: usize, name: &'p str },
    /// All that begins so: empty, or up to and with a dot.
    Prefix(&'p str),
}

/// Why a path names no field, and what to do.
pub(crate) type NoField = (String, String);

impl<'p> Pattern<'p> {
    /// Reads a path: `User.UserId`, `Attributes.Plan`, `User.*`, `*`.
    pub(crate) fn of(path: &'p str, schema: &Schema) -> Result<Pattern<'p>, NoField> {
        match path.strip_suffix('*') {
            _ if path.trim_end_matches('*').contains('*') || path.ends_with("**") => {
                let what = format!("`*` stands within `{}`", escape(path));
                Err((what, "it stands alone or after a dot, and only at the end".to_owned()))
            }
            None => exact(path, schema),
            Some(prefix) if prefix.is_empty() || prefix.ends_with('.') => wildcard(prefix, schema),
            Some(prefix) => {
                let what =
                    format!("`*` stands for whole names, not for the rest of `{}`", escape(prefix));
                Err((what, format!("name each, or take `{}`", whole_of(prefix))))
            }
        }
    }
}

/// The wildcard over what holds a name: `Attributes.*` for `Attributes.crm`.
fn whole_of(path: &str) -> String {
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
                format!("`{path}` holds names, and is no field itself"),
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
        Some(_) => {
            Err((format!("`{path}` is one field, and holds no names"), format!("write `{path}`")))
        }
        None => Err(no_field(&format!("{prefix}*"), path, schema)),
    }
}

fn export_only(path: &str) -> NoField {
    let what = format!("only exports carry `{path}`, and it is always left out");
    (what, "leave the rule out".to_owned())
}

fn no_field(path: &str, name: &str, schema: &Schema) -> NoField {
    let is_rule = path.ends_with('*');
    let known = schema.nodes.iter().filter(|node| node.shape != Shape::ExportOnly);
    let help = match nearest(name, known.map(|node| node.path.as_str())) {
        Some(meant) if is_rule || is_holder(meant, schema) => format!("did you mean `{meant}.*`?"),
        Some(meant) => format!("did you mean `{meant}`?"),
        None => match near_map(name, schema) {
            Some(meant) => format!("did you mean `{}`?", escape(&meant)),
            None => siblings(name, schema),
        },
    };
    (format!("no field is `{}`", escape(path)), help)
}

/// The path that was meant where a map's own path is misspelt before a name in it.
fn near_map(path: &str, schema: &Schema) -> Option<String> {
    schema.maps.iter().filter_map(|map| schema.nodes.get(*map)).find_map(|map| {
        let dots = map.path.matches('.').count();
        let (end, _) = path.match_indices('.').nth(dots)?;
        let (written, below) = path.split_at(end);
        nearest(written, [map.path.as_str()])?;
        Some(format!("{}{below}", map.path))
    })
}

fn is_holder(path: &str, schema: &Schema) -> bool {
    let node = schema.node(path).and_then(|place| schema.nodes.get(place));
    node.is_some_and(|node| matches!(node.shape, Shape::Object | Shape::Lists | Shape::Numbers))
}

/// The fields beside which the unknown one stands.
fn siblings(name: &str, schema: &Schema) -> String {
    let parent = name.rsplit_once('.').and_then(|(parent, _)| schema.node(parent));
    let beside =
        schema.nodes.iter().filter(|node| node.parent == parent && node.shape != Shape::ExportOnly);
    format!("known here: {}", listed(beside.map(|node| node.path.as_str())))
}
