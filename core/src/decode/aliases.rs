//! Names that fields have in the exports of other programs, from `schemas/headers.toml`. Those of the
//! opt-out are never dropped silently (`lookalike.rs`); the others only suggest a field in a message.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::record::{is_dash, is_invisible};

const FILE: &str = include_str!("../../schemas/headers.toml");

/// All known aliases.
#[derive(Debug)]
pub struct Aliases {
    all: Vec<Alias>,
    /// The index of the alias for each folded name.
    by_name: HashMap<String, usize>,
    /// The same for folded names that end with `*`, without it: beginnings of names.
    by_start: Vec<(String, usize)>,
    /// The same for those that also begin with `*`: parts of names.
    by_part: Vec<(String, usize)>,
    /// Names under which APIs return records.
    wrappers: Vec<String>,
}

/// How names of links end, such as `unsubscribe_url`: they are no answer to what a part of them says.
const LINK_ENDS: [&str; 6] = ["link", "url", "uri", "token", "hash", "page"];

/// A field, and its names in other programs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    pub field: String,
    /// Fields that a column with such a name implies, each with its value.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
    #[serde(default)]
    pub sense: Sense,
    names: Vec<String>,
}

/// What a column with a name from another program says of the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sense {
    #[default]
    Same,
    /// The opposite, such as `accepts marketing` of the opt-out.
    Opposite,
    /// Either: only its words tell.
    Words,
    /// When, why or how it came about: its values are no words for the field.
    Details,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasFile {
    wrappers: Vec<String>,
    alias: Vec<Alias>,
}

/// The shortest name that may differ from an alias by one character. With one letter changed, many
/// shorter ones are names of people.
const NEAR_CHARS_MIN: usize = 7;
/// No alias is that long.
const CHARS_MAX: usize = 64;

impl Aliases {
    pub fn shipped() -> Aliases {
        let AliasFile { wrappers, alias: aliases } =
            toml::from_str(FILE).expect("a test reads the shipped file");
        let (mut by_name, mut by_start, mut by_part) = (HashMap::new(), Vec::new(), Vec::new());
        for (index, alias) in aliases.iter().enumerate() {
            for name in &alias.names {
                match (name.strip_suffix('*'), name.starts_with('*')) {
                    (Some(part), true) => {
                        by_part.push((folded(part.trim_start_matches('*')), index));
                    }
                    (Some(start), false) => by_start.push((folded(start), index)),
                    (None, _) => drop(by_name.insert(folded(name), index)),
                }
            }
        }
        Aliases { all: aliases, by_name, by_start, by_part, wrappers }
    }

    /// Whether names of other programs stand for this field.
    pub fn has_field(&self, path: &str) -> bool {
        self.all.iter().any(|alias| alias.field == path)
    }

    /// Whether APIs return records under this name, in upper or lower case.
    pub fn is_wrapper(&self, name: &str) -> bool {
        self.wrappers.iter().any(|wrapper| wrapper.eq_ignore_ascii_case(name))
    }

    /// The alias with this name, except for case and punctuation.
    pub fn of(&self, name: &str) -> Option<&Alias> {
        self.by_name.get(&folded(name)).and_then(|index| self.all.get(*index))
    }

    /// Whether other programs call a field so.
    pub(super) fn is_of(&self, name: &str, field: &str) -> bool {
        self.of(name).or_else(|| self.part(name)).is_some_and(|alias| alias.field == field)
    }

    /// The alias of which the name has the beginning, or a part. The rest may be data, so such a name is not known.
    pub(super) fn part(&self, name: &str) -> Option<&Alias> {
        let name = folded(name);
        let start = self.by_start.iter().find(|(start, _)| name.starts_with(start));
        let is_link = || LINK_ENDS.iter().any(|end| name.ends_with(end));
        let part = || self.by_part.iter().find(|(part, _)| name.contains(part) && !is_link());
        let (_, index) = start.or_else(part)?;
        self.all.get(*index)
    }

    /// The alias with a name that differs from this one in at most one character, if both are long
    /// enough.
    pub(super) fn near(&self, name: &str) -> Option<&Alias> {
        let chars = name.chars().count();
        if !(NEAR_CHARS_MIN..=CHARS_MAX).contains(&chars) {
            return None;
        }
        let name = folded(name);
        let is_near = |known: &&String| {
            NEAR_CHARS_MIN <= known.chars().count()
                && strsim::damerau_levenshtein(&name, known) <= 1
        };
        let known = self.by_name.keys().filter(is_near).min()?;
        self.by_name.get(known).and_then(|index| self.all.get(*index))
    }
}

/// The name in lower case, without `_`, dots, dashes, white space and invisible characters.
pub fn folded(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    if name.is_ascii() {
        let shown = name.bytes().filter(|byte| !is_ignored_ascii(*byte));
        folded.extend(shown.map(|byte| char::from(byte.to_ascii_lowercase())));
    } else {
        folded.extend(name.chars().flat_map(folded_char));
    }
    folded
}

pub(super) fn folded_char(char: char) -> impl Iterator<Item = char> {
    char.to_lowercase().filter(move |_| !is_ignored(char))
}

/// Whether the character stands between the words of a name and says nothing: what a web page or a word
/// processor writes there looks like a blank or a hyphen, or like nothing.
fn is_ignored(char: char) -> bool {
    match u8::try_from(char) {
        Ok(byte) if byte.is_ascii() => is_ignored_ascii(byte),
        Ok(_) | Err(_) => char.is_whitespace() || is_dash(char) || is_invisible(char),
    }
}

fn is_ignored_ascii(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b' ' | b'.' | b'\t'..=b'\r')
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
    fn names_from_other_programs_are_known() {
        check("E-mail", Some("Address"));
        check("Phone Number", Some("Address"));
        check("first_name", Some("User.UserAttributes.FirstName"));
        check("VORNAME", Some("User.UserAttributes.FirstName"));
        check("Posta code", Some("Location.PostalCode"));
        check("Opted out of email: ana@example.com", None);
        check("CLEAN_TIME", Some("OptOut"));
        check("Email\u{a0}Opt\u{2011}Out\u{200b}", Some("OptOut"));
        check("ana@example.com", None);
        check("Gail", None);
        check("", None);
    }

    #[test]
    fn every_alias_names_a_column_and_no_name_names_two() {
        let schema = Schema::shipped("pinpoint").expect("it is shipped");
        let Aliases { all: aliases, by_name, by_start, by_part, .. } = Aliases::shipped();
        let mut field_of: HashMap<String, &str> = HashMap::new();
        for alias in &aliases {
            assert!(is_column(&schema, &alias.field), "{}", alias.field);
            for field in alias.constants.keys() {
                assert!(is_column(&schema, field), "{field}");
            }
            for name in &alias.names {
                let key = format!("{}{}", folded(name), name.starts_with('*'));
                let earlier = field_of.insert(key, &alias.field);
                assert!(earlier.is_none_or(|field| field == alias.field), "{name}");
            }
        }
        assert_eq!(by_name.len() + by_start.len() + by_part.len(), field_of.len());
    }
}
