//! Which rules a definition cannot do without: those that alone cover a field that needs a rule.

use super::{MapRules, Rule};
use crate::plan::RuleIx;
use crate::schema::{Class, NodeIx, Schema};

/// Whether without this rule of the definition, some field that needs a rule would have none.
pub(in crate::plan) fn is_compulsory(
    rule: RuleIx,
    rules: &[Rule],
    node_rules: &[Option<RuleIx>],
    map_rules: &[MapRules],
    schema: &Schema,
) -> bool {
    let needs_rule =
        |node: NodeIx| schema.nodes.get(node).is_some_and(|node| node.class != Class::Technical);
    let others = || {
        let rules = rules.iter().enumerate();
        rules.filter(|(other, found)| *other != rule && found.is_written()).map(|(_, rule)| rule)
    };
    let others_cover = |path: &str| others().any(|other| covers(&other.path, path));
    let mut nodes = schema.nodes.iter().zip(node_rules).enumerate();
    let alone_on_node = nodes.any(|(index, (node, own))| {
        *own == Some(rule) && needs_rule(index) && !others_cover(&node.path)
    });
    let mut maps = schema.maps.iter().zip(map_rules);
    alone_on_node
        || maps.any(|(node, names)| {
            let path = schema.nodes.get(*node).map_or("", |node| node.path.as_str());
            let is_rest = |(start, own): &(String, RuleIx)| start.is_empty() && *own == rule;
            needs_rule(*node)
                && names.prefixes.iter().any(is_rest)
                && !others_cover(&format!("{path}."))
        })
}

/// Whether a rule's path covers another path. The names of a map are covered if its path and a dot are.
fn covers(rule: &str, path: &str) -> bool {
    rule == path || rule.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
}
