//! Which rule governs which field.

use super::pattern::Pattern;
use crate::definition::document::source::Diagnostics;
use crate::definition::{FieldRule, OpSpec};
use crate::plan::{MapRules, RuleIx};
use crate::schema::{Node, NodeIx, Role, Schema, Shape};

/// Only a rule that names these fields drops them: consent, and how to read an address.
const NEVER_DROPPED_BY_WILDCARD: [Role; 2] = [Role::OptOut, Role::Channel];

/// The rule of every field. Rules are numbered by their place in the definition.
pub(crate) struct Cover {
    /// None where no rule covers the node, and for objects, maps and what only exports carry.
    pub(crate) node_rules: Vec<Option<RuleIx>>,
    pub(crate) map_rules: Vec<MapRules>,
}

/// A field, or names of a map, that one rule governs or none.
pub(crate) struct Governed<'s> {
    /// `User.UserId`, `Attributes.Plan`, `Attributes.*`.
    pub(crate) path: String,
    /// The field, or the map that holds the names.
    pub(crate) node: &'s Node,
    /// Whether this is more than one name of a map.
    pub(crate) is_wild: bool,
    pub(crate) rule: Option<RuleIx>,
}

impl Cover {
    /// Finds the rule of every field; a rule that can match none is a fault.
    pub(crate) fn of(rules: &[FieldRule], schema: &Schema, faults: &mut Diagnostics<'_>) -> Cover {
        let mut patterns = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            match Pattern::of(&rule.path.value, schema) {
                Ok(pattern) => patterns.push((number, rule, pattern)),
                Err((what, help)) => faults.push(rule.path.at, what, "", help),
            }
        }
        let nodes = schema.nodes.iter().enumerate();
        let kept = NEVER_DROPPED_BY_WILDCARD.map(|role| schema.role(role));
        let node_rules =
            nodes.map(|(place, node)| rule_of_node(place, node, &patterns, kept)).collect();
        let maps = schema.maps.iter().enumerate();
        let map_rules = maps
            .map(|(map, node)| {
                let path = schema.nodes.get(*node).map_or("", |node| node.path.as_str());
                rules_of_map(map, path, &patterns)
            })
            .collect();
        Cover { node_rules, map_rules }
    }

    /// Everything that a rule governs or could, in the schema's order; of a map first whole
    /// names, then longer beginnings, then the rest.
    pub(crate) fn governed<'s>(&self, schema: &'s Schema) -> Vec<Governed<'s>> {
        governed(&self.node_rules, &self.map_rules, schema)
    }
}

/// As [`Cover::governed`], of its parts.
pub(crate) fn governed<'s>(
    node_rules: &[Option<RuleIx>],
    map_rules: &[MapRules],
    schema: &'s Schema,
) -> Vec<Governed<'s>> {
    let mut governed = Vec::new();
    for (place, (node, rule)) in schema.nodes.iter().zip(node_rules).enumerate() {
        if is_leaf(node.shape) {
            governed.push(Governed { path: node.path.clone(), node, is_wild: false, rule: *rule });
        } else if let Some(rules) = schema.map_of(place).and_then(|map| map_rules.get(map)) {
            governed.extend(governed_in_map(node, rules));
        }
    }
    governed
}

fn governed_in_map<'s>(node: &'s Node, rules: &MapRules) -> impl Iterator<Item = Governed<'s>> {
    let under = |name: &str, is_wild, rule| Governed {
        path: format!("{}.{name}", node.path),
        node,
        is_wild,
        rule,
    };
    let exact = rules.exact.iter().map(move |(name, rule)| under(name, false, Some(*rule)));
    let wild = rules
        .prefixes
        .iter()
        .map(move |(start, rule)| under(&format!("{start}*"), true, Some(*rule)));
    let has_rest = rules.prefixes.iter().any(|(start, _)| start.is_empty());
    let rest = (!has_rest).then(|| under("*", true, None));
    exact.chain(wild).chain(rest).collect::<Vec<_>>().into_iter()
}

/// Whether a rule can govern such a node by itself.
pub(crate) fn is_leaf(shape: Shape) -> bool {
    match shape {
        Shape::Text | Shape::Number => true,
        Shape::Object | Shape::Lists | Shape::Numbers | Shape::ExportOnly => false,
    }
}

type Numbered<'r> = (RuleIx, &'r FieldRule, Pattern<'r>);

/// `kept` are the nodes that a wildcard never drops.
fn rule_of_node(
    place: NodeIx,
    node: &Node,
    patterns: &[Numbered<'_>],
    kept: [NodeIx; 2],
) -> Option<RuleIx> {
    if !is_leaf(node.shape) {
        return None;
    }
    let exact = patterns.iter().find(|(_, _, pattern)| *pattern == Pattern::Node(place));
    let wild = || {
        let covering = patterns.iter().filter(|(_, _, pattern)| {
            matches!(pattern, Pattern::Prefix(prefix) if node.path.starts_with(prefix))
        });
        covering
            .max_by_key(|(_, _, pattern)| prefix_len(*pattern))
            .filter(|(_, rule, _)| !(rule.op == Some(OpSpec::Drop) && kept.contains(&place)))
    };
    exact.or_else(wild).map(|(number, _, _)| *number)
}

fn prefix_len(pattern: Pattern<'_>) -> usize {
    match pattern {
        Pattern::Prefix(prefix) => prefix.len(),
        Pattern::Node(_) | Pattern::Name { .. } => 0,
    }
}

fn rules_of_map(map: usize, path: &str, patterns: &[Numbered<'_>]) -> MapRules {
    let path = format!("{path}.");
    let mut rules = MapRules::default();
    let mut whole: Option<(usize, RuleIx)> = None;
    for (number, _, pattern) in patterns {
        match pattern {
            Pattern::Name { map: of, name } if *of == map => {
                rules.exact.push(((*name).to_owned(), *number));
            }
            Pattern::Prefix(prefix) if path.starts_with(prefix) => {
                whole = whole.max(Some((prefix.len(), *number)));
            }
            Pattern::Prefix(prefix) => {
                if let Some(start) = prefix.strip_prefix(path.as_str()) {
                    rules.prefixes.push((start.to_owned(), *number));
                }
            }
            Pattern::Node(_) | Pattern::Name { .. } => {}
        }
    }
    rules.prefixes.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
    rules.prefixes.extend(whole.map(|(_, number)| (String::new(), number)));
    rules
}
