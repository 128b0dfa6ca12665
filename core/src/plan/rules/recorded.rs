//! The rule of each field by the rules that a manifest lists, for whoever checks the parts that were
//! written by them. Whether the operations fit their fields is not looked at.

use super::cover::Cover;
use super::pattern::Pattern;
use super::{MapRules, RuleIx};
use crate::schema::{NodeIx, Schema};

/// Rules without their operations.
#[derive(Debug)]
pub struct RecordedRules {
    node_rules: Vec<Option<RuleIx>>,
    map_rules: Vec<MapRules>,
}

impl RecordedRules {
    /// Finds the rule of each field. `rules`: the path of each rule, and whether it drops what it covers.
    ///
    /// # Errors
    ///
    /// The index of the first rule whose path names no field.
    pub fn new<'p>(
        rules: impl Iterator<Item = (&'p str, bool)>,
        schema: &Schema,
    ) -> Result<RecordedRules, RuleIx> {
        let patterns = rules.enumerate().map(|(number, (path, drops))| {
            let pattern = Pattern::of(path, schema).map_err(|_no_field| number)?;
            Ok::<_, RuleIx>((number, drops, pattern))
        });
        let patterns: Vec<_> = patterns.collect::<Result<_, _>>()?;
        let Cover { node_rules, map_rules } = Cover::of_patterns(&patterns, schema);
        Ok(RecordedRules { node_rules, map_rules })
    }

    /// The rule of a node; `None` if no rule covers it.
    pub fn of_node(&self, node: NodeIx) -> Option<RuleIx> {
        self.node_rules.get(node).copied().flatten()
    }

    /// The rules of the names in a map, which is an index into [`Schema::maps`].
    pub fn of_map(&self, map: usize) -> impl Iterator<Item = RuleIx> {
        let rules = self.map_rules.get(map).into_iter();
        rules.flat_map(|rules| rules.exact.iter().chain(&rules.prefixes)).map(|(_, rule)| *rule)
    }

    /// The rule of a name in a map, which is an index into [`Schema::maps`]; `None` if no rule covers it.
    pub fn of_name(&self, map: usize, name: &str) -> Option<RuleIx> {
        self.map_rules.get(map)?.find(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_rule_wins_as_in_a_definition() {
        let schema = Schema::shipped("pinpoint").expect("it is shipped");
        let rules = [
            ("*", true),
            ("Address", false),
            ("User.*", false),
            ("Attributes.*", false),
            ("Attributes.crm.*", true),
            ("Attributes.crm.Plan", false),
        ];
        let recorded = RecordedRules::new(rules.into_iter(), &schema).expect("fields");
        let of = |path: &str| match schema.map_and_name(path) {
            Some((map, name, _)) => recorded.of_name(map, name),
            None => recorded.of_node(schema.node(path).expect("a field")),
        };
        let cases = [
            ("Address", Some(1)),
            ("User.UserId", Some(2)),
            ("User.UserAttributes.Mood", Some(2)),
            ("Attributes.Plan", Some(3)),
            ("Attributes.crm.Tier", Some(4)),
            ("Attributes.crm.Plan", Some(5)),
            ("Location.City", Some(0)),
            ("OptOut", None), // a wildcard never drops it
        ];
        for (path, expected) in cases {
            assert_eq!(of(path), expected, "{path}");
        }
        for path in ["Address2", "Attributes", "A*c", "CreationDate"] {
            let rules = [("*", true), (path, false)];
            assert_eq!(RecordedRules::new(rules.into_iter(), &schema).err(), Some(1), "{path}");
        }
    }
}
