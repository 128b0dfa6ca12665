//! Names that are nearly those of known fields.
//!
//! Dropping an opt-out by a typo is the worst silent error there is. So a name that differs
//! from a known field only in case, `_`, `-`, spaces or dots is never dropped quietly.

use crate::schema::{Schema, Shape};

/// The known fields, folded for comparison.
#[derive(Debug)]
pub struct Lookalikes {
    /// Folded path and the path itself, of everything that can be imported.
    known: Vec<(String, String)>,
    /// Folded paths of the maps: what goes on after them with a dot is a look-alike as well.
    maps: Vec<(String, String)>,
}

/// At most so many single changes make a name "near" to another.
const NEAR_CHANGES_MAX: usize = 2;

impl Lookalikes {
    pub fn new(schema: &Schema) -> Self {
        let fold_path = |path: &String| (folded(path), path.clone());
        let importable = schema.nodes.iter().filter(|node| node.shape != Shape::ExportOnly);
        let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map));
        Lookalikes {
            known: importable.map(|node| fold_path(&node.path)).collect(),
            maps: maps.map(|node| fold_path(&node.path)).collect(),
        }
    }

    /// The known field that an unknown name looks like. `within`: the path of the object it
    /// stands in; empty for the record itself.
    pub fn of(&self, within: &str, name: &str) -> Option<String> {
        let whole = if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") };
        self.of_path(&whole).or_else(|| self.of_path(name))
    }

    fn of_path(&self, path: &str) -> Option<String> {
        let folded_path = folded(path);
        let whole = self.known.iter().find(|(known, _)| *known == folded_path);
        if let Some((_, known)) = whole {
            return Some(known.clone());
        }
        // `attributes.Plan`: a map's path and a name below it. What is longer than any map's path
        // goes on with no name of one: names come from others, and may be all dots.
        let longest = self.maps.iter().map(|(known, _)| known.len()).max()?;
        let mut start = String::new();
        for (place, char) in path.char_indices() {
            if char == '.'
                && let Some((_, map)) = self.maps.iter().find(|(known, _)| *known == start)
            {
                return Some(format!("{map}.{}", path.get(place + 1..)?));
            }
            start.extend(folded_char(char));
            if longest < start.len() {
                return None;
            }
        }
        None
    }

    /// The known field nearest to a name that does not even look like one, if it is near.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let wanted = folded(name);
        let chars = wanted.chars().count();
        let (changes, path) = self
            .known
            .iter()
            .filter(|(known, _)| known.chars().count().abs_diff(chars) <= NEAR_CHANGES_MAX)
            .map(|(known, path)| (strsim::damerau_levenshtein(&wanted, known), path))
            .min_by_key(|(changes, _)| *changes)?;
        let is_near = changes <= NEAR_CHANGES_MAX && changes * 3 <= chars;
        is_near.then_some(path.as_str())
    }
}

/// The name without what may differ.
pub(super) fn folded(name: &str) -> String {
    name.chars().flat_map(folded_char).collect()
}

fn folded_char(char: char) -> impl Iterator<Item = char> {
    let is_left_out = matches!(char, '_' | '-' | ' ' | '.');
    char.to_lowercase().filter(move |_| !is_left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(within: &str, name: &str, expected: Option<&str>) {
        let schema = Schema::shipped("pinpoint").unwrap();
        assert_eq!(Lookalikes::new(&schema).of(within, name).as_deref(), expected, "{name}");
    }

    #[test]
    fn names_that_differ_in_case_and_marks_look_alike() {
        check("", "optOut", Some("OptOut"));
        check("", "opt_out", Some("OptOut"));
        check("", "Opt Out", Some("OptOut"));
        check("", "attributes", Some("Attributes"));
        check("", "User.UserId", Some("User.UserId"));
        check("", "Attributes.Plan", Some("Attributes.Plan"));
        check("", "user.userattributes.Plan", Some("User.UserAttributes.Plan"));
        check("User", "userId", Some("User.UserId"));
        check("Location", "country", Some("Location.Country"));
        check("Location", "Location.City", Some("Location.City"));
    }

    #[test]
    fn other_names_do_not() {
        check("", "nickname", None);
        check("", "applicationid", None);
        check("", "UserId", None);
        check("Location", "Street", None);
        check("", "crm.id", None);
    }

    #[test]
    fn a_name_of_a_million_dots_is_looked_at_once() {
        check("", &"a.".repeat(500_000), None);
    }

    #[test]
    fn the_nearest_field_is_named_only_if_it_is_near() {
        let schema = Schema::shipped("pinpoint").unwrap();
        let known = Lookalikes::new(&schema);
        assert_eq!(known.nearest("Adress"), Some("Address"));
        assert_eq!(known.nearest("Locaton.City"), Some("Location.City"));
        assert_eq!(known.nearest("ana@example.com"), None);
        assert_eq!(known.nearest("x"), None);
    }
}
