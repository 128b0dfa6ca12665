//! Finds the rule that governs each field: the most specific one that covers it.

use super::pattern::{self, Pattern};
use crate::definition::document::Diagnostics;
use crate::definition::{FieldRule, OpSpec};
use crate::plan::{MapRules, RuleIx};
use crate::schema::{Node, NodeIx, Role, Schema, Shape};

/// The fields that a wildcard never drops: consent, and what an address is for.
const NEVER_DROPPED_BY_WILDCARD: [Role; 2] = [Role::OptOut, Role::Channel];

/// The rule of every field, as an index of the definition's rules.
pub(super) struct Cover {
    /// `None`: no rule covers the node, or it is an object, a map or a field of exports alone.
    pub(super) node_rules: Vec<Option<RuleIx>>,
    /// For each map of the schema.
    pub(super) map_rules: Vec<MapRules>,
}

/// A field, or the names of a map that share a rule.
pub(super) struct Governed<'s> {
    /// `User.UserId`, `Attributes.Plan`, `Attributes.*`.
    pub(super) path: String,
    /// The field, or the map that has the names.
    pub(super) node: &'s Node,
    /// Whether this can be more than one name of a map.
    pub(super) is_wild: bool,
    /// `None`: no rule covers it.
    pub(super) rule: Option<RuleIx>,
}

impl Cover {
    /// Finds the rule of every field. A rule whose path names nothing is reported.
    pub(super) fn of(
        rules: &[FieldRule],
        schema: &Schema,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Cover {
        let mut patterns = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            let drops = rule.op == Some(OpSpec::Drop);
            match Pattern::of(&rule.path.value, schema) {
                Ok(pattern) => patterns.push((number, drops, pattern)),
                Err((what, help)) => {
                    let near = pattern::near(&rule.path.value, schema);
                    let is_there =
                        rules.iter().any(|other| Some(&other.path.value) == near.as_ref());
                    let help = match near.filter(|_| is_there) {
                        Some(near) => format!("remove it: `{near}` has a rule already"),
                        None => help,
                    };
                    diagnostics.push(rule.path.at, what, "", help);
                }
            }
        }
        Cover::of_patterns(&patterns, schema)
    }

    /// The same, of rules whose paths name something.
    pub(super) fn of_patterns(patterns: &[Numbered<'_>], schema: &Schema) -> Cover {
        let nodes = schema.nodes.iter().enumerate();
        let kept = NEVER_DROPPED_BY_WILDCARD.map(|role| schema.role(role));
        let node_rules =
            nodes.map(|(index, node)| rule_of_node(index, node, patterns, kept)).collect();
        let maps = schema.maps.iter().enumerate();
        let map_rules = maps
            .map(|(map, node)| {
                let path = schema.nodes.get(*node).map_or("", |node| node.path.as_str());
                rules_of_map(map, path, patterns)
            })
            .collect();
        Cover { node_rules, map_rules }
    }

    /// Returns every field with its rule, in the schema's order. A map has a line for each of its
    /// rules: first those of whole names, then those of prefixes, the longest first.
    pub(super) fn governed<'s>(&self, schema: &'s Schema) -> Vec<Governed<'s>> {
        governed(&self.node_rules, &self.map_rules, schema)
    }
}

/// Does what [`Cover::governed`] does, from its parts.
pub(super) fn governed<'s>(
    node_rules: &[Option<RuleIx>],
    map_rules: &[MapRules],
    schema: &'s Schema,
) -> Vec<Governed<'s>> {
    let mut governed = Vec::new();
    for (index, (node, rule)) in schema.nodes.iter().zip(node_rules).enumerate() {
        if is_leaf(node.shape) {
            governed.push(Governed { path: node.path.clone(), node, is_wild: false, rule: *rule });
        } else if let Some(rules) = schema.map_of(index).and_then(|map| map_rules.get(map)) {
            governed.extend(governed_in_map(node, rules));
        }
    }
    governed
}

fn governed_in_map<'s>(node: &'s Node, rules: &MapRules) -> impl Iterator<Item = Governed<'s>> {
    let governed = |name: &str, is_wild, rule| Governed {
        path: format!("{}.{name}", node.path),
        node,
        is_wild,
        rule,
    };
    let exact = rules.exact.iter().map(move |(name, rule)| governed(name, false, Some(*rule)));
    let wild = rules
        .prefixes
        .iter()
        .map(move |(start, rule)| governed(&format!("{start}*"), true, Some(*rule)));
    let has_rest = rules.prefixes.iter().any(|(start, _)| start.is_empty());
    let rest = (!has_rest).then(|| governed("*", true, None));
    exact.chain(wild).chain(rest).collect::<Vec<_>>().into_iter()
}

/// Whether a node of this shape has a rule of its own.
pub(super) fn is_leaf(shape: Shape) -> bool {
    match shape {
        Shape::Text | Shape::Number => true,
        Shape::Object | Shape::Lists | Shape::Numbers | Shape::ExportOnly => false,
    }
}

/// The index of a rule, whether it drops what it covers, and what its path names.
pub(super) type Numbered<'r> = (RuleIx, bool, Pattern<'r>);

/// The rule of a node: the one with its path, else the one with the longest prefix. `kept` are the
/// nodes that a wildcard never drops.
fn rule_of_node(
    index: NodeIx,
    node: &Node,
    patterns: &[Numbered<'_>],
    kept: [NodeIx; 2],
) -> Option<RuleIx> {
    if !is_leaf(node.shape) {
        return None;
    }
    let exact = patterns.iter().find(|(_, _, pattern)| *pattern == Pattern::Node(index));
    let wild = || {
        let covering = patterns.iter().filter(|(_, _, pattern)| {
            matches!(pattern, Pattern::Prefix(prefix) if node.path.starts_with(prefix))
        });
        covering
            .max_by_key(|(_, _, pattern)| prefix_len(*pattern))
            .filter(|(_, drops, _)| !(*drops && kept.contains(&index)))
    };
    exact.or_else(wild).map(|(number, _, _)| *number)
}

fn prefix_len(pattern: Pattern<'_>) -> usize {
    match pattern {
        Pattern::Prefix(prefix) => prefix.len(),
        Pattern::Node(_) | Pattern::Name { .. } => 0,
    }
}

/// The rules for the names of a map. A prefix that contains the whole map takes the names that no
/// other rule does; of several, the longest.
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
