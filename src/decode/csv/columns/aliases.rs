//! What columns of other programs may mean: data in `schemas/headers.toml`, and only ever a guess
//! that a message makes.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::decode::lookalike::folded;

const FILE: &str = include_str!("../../../../schemas/headers.toml");

/// Names of columns elsewhere.
#[derive(Debug)]
pub(super) struct Aliases {
    aliases: Vec<Alias>,
    /// By folded name.
    places: HashMap<String, usize>,
}

/// A field, and the names that it has elsewhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alias {
    pub(super) field: String,
    /// What a column of such a name says beside its values.
    #[serde(default)]
    pub(super) constants: BTreeMap<String, String>,
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasFile {
    alias: Vec<Alias>,
}

/// Shorter names are taken only as they are: one letter changed, many are somebody's name.
const NEAR_CHARS_MIN: usize = 7;
/// No alias is as long.
const CHARS_MAX: usize = 64;

impl Aliases {
    pub(super) fn shipped() -> Aliases {
        let AliasFile { alias: aliases } =
            toml::from_str(FILE).expect("a test reads the shipped file");
        let names = aliases.iter().enumerate();
        let places = names
            .flat_map(|(place, alias)| alias.names.iter().map(move |name| (folded(name), place)))
            .collect();
        Aliases { aliases, places }
    }

    /// The alias of that name.
    pub(super) fn of(&self, name: &str) -> Option<&Alias> {
        self.places.get(&folded(name)).and_then(|place| self.aliases.get(*place))
    }

    /// The alias with a name that differs in one character, of a name long enough to be one.
    pub(super) fn near(&self, name: &str) -> Option<&Alias> {
        let chars = name.chars().count();
        if !(NEAR_CHARS_MIN..=CHARS_MAX).contains(&chars) {
            return None;
        }
        let wanted = folded(name);
        let is_near = |known: &&String| {
            NEAR_CHARS_MIN <= known.chars().count()
                && strsim::damerau_levenshtein(&wanted, known) <= 1
        };
        let known = self.places.keys().filter(is_near).min()?;
        self.places.get(known).and_then(|place| self.aliases.get(*place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::is_column;
    use crate::schema::Schema;

    #[track_caller]
    fn check(name: &str, field: Option<&str>) {
        let aliases = Aliases::shipped();
        let found = aliases.of(name).or_else(|| aliases.near(name));
        assert_eq!(found.map(|alias| alias.field.as_str()), field, "{name}");
    }

    #[test]
    fn names_of_other_programs_are_known() {
        check("E-mail", Some("Address"));
        check("Phone Number", Some("Address"));
        check("first_name", Some("User.UserAttributes.FirstName"));
        check("VORNAME", Some("User.UserAttributes.FirstName"));
        check("Posta code", Some("Location.PostalCode"));
        check("ana@example.com", None);
        check("Gail", None);
        check("", None);
    }

    #[test]
    fn every_alias_leads_to_a_column_and_no_name_to_two() {
        let schema = Schema::shipped("pinpoint").expect("it is shipped");
        let Aliases { aliases, places } = Aliases::shipped();
        let mut leads_to: HashMap<String, &str> = HashMap::new();
        for alias in &aliases {
            assert!(is_column(&schema, &alias.field), "{}", alias.field);
            for field in alias.constants.keys() {
                assert!(is_column(&schema, field), "{field}");
            }
            for name in &alias.names {
                let earlier = leads_to.insert(folded(name), &alias.field);
                assert!(earlier.is_none_or(|field| field == alias.field), "{name}");
            }
        }
        assert_eq!(places.len(), leads_to.len());
    }
}
