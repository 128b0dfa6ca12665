//! Checks `[validate.on_invalid]`, and finds the fields that its paths name.

use super::pattern::Pattern;
use crate::definition::Definition;
use crate::definition::document::Diagnostics;
use crate::schema::Schema;
use crate::validate::Removable;

/// The fields whose invalid values are removed. A wildcard leaves out those that may not be.
pub(super) fn removable(
    definition: &Definition,
    schema: &Schema,
    diagnostics: &mut Diagnostics<'_>,
) -> Removable {
    let mut removable = Removable::new(schema);
    for path in &definition.repair.remove_invalid {
        match Pattern::of(&path.value, schema) {
            Err((what, help)) => diagnostics.push(path.at, what, "", help),
            Ok(Pattern::Name { map, name }) => removable.add_name(map, name),
            Ok(Pattern::Node(node)) if Removable::allows(schema, node) => {
                removable.add_node(node);
            }
            Ok(Pattern::Node(_)) => {
                let what = format!("an invalid `{}` can't be removed", path.value);
                let help = "remove the line: without this value, the record would be another one";
                diagnostics.push(path.at, what, "", help);
            }
            Ok(Pattern::Prefix(start)) => add_all(start, schema, &mut removable),
        }
    }
    removable
}

/// Adds everything whose path begins with this.
fn add_all(start: &str, schema: &Schema, removable: &mut Removable) {
    for (node, description) in schema.nodes.iter().enumerate() {
        // `Location.*` is not about a `Location` that is no object: nobody knows what it has.
        let is_within = description.path.starts_with(start);
        if is_within && Removable::allows(schema, node) {
            removable.add_node(node);
        }
        let is_whole_map = start.strip_suffix('.').is_some_and(|path| path == description.path);
        let Some(map) = schema.map_of(node) else { continue };
        if is_within || is_whole_map {
            removable.add_names(map, "");
        } else if let Some(name) = start.strip_prefix(&description.path)
            && let Some(name) = name.strip_prefix('.')
        {
            removable.add_names(map, name);
        }
    }
}
