//! Unknown names that look like known fields.
//!
//! Dropping an opt-out because of a typo would be the worst kind of silent error. So a name that
//! differs from a known field only in case, `_`, dots, dashes, white space or invisible characters is
//! never dropped silently, and neither is one that the opt-out has in other programs (`Unsubscribed`).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::aliases::{Aliases, folded, folded_char};
use crate::record::join;
use crate::schema::{Role, Schema, Shape};

/// The known fields, in the form in which names are compared.
#[derive(Debug)]
pub struct Lookalikes {
    /// The folded path and the path of everything that can be imported.
    known: Vec<(String, String)>,
    /// The same by folded path.
    by_folded: HashMap<String, String>,
    /// The folded path and the path of each map. A name that starts with one and a dot is a
    /// look-alike as well.
    maps: Vec<(String, String)>,
    /// The path of the opt-out.
    opt_out: String,
    aliases: Aliases,
}

/// The largest edit distance at which one name is near another.
const NEAR_CHANGES_MAX: usize = 2;

/// The aliases, for those who ask about few names.
static ALIASES: LazyLock<Aliases> = LazyLock::new(Aliases::shipped);

/// Whether a name is that of the opt-out, here or in another program, except for case and punctuation.
pub(super) fn is_of_opt_out(name: &str, opt_out: &str) -> bool {
    says_opt_out(&ALIASES, name, opt_out)
}

fn says_opt_out(aliases: &Aliases, name: &str, opt_out: &str) -> bool {
    folded(name) == folded(opt_out) || aliases.is_of(name, opt_out)
}

impl Lookalikes {
    pub fn new(schema: &Schema) -> Self {
        let fold_path = |path: &String| (folded(path), path.clone());
        let importable = schema.nodes.iter().filter(|node| node.shape != Shape::ExportOnly);
        let maps = schema.maps.iter().filter_map(|map| schema.nodes.get(*map));
        let opt_out = schema.role_path(Role::OptOut);
        let known: Vec<_> = importable.map(|node| fold_path(&node.path)).collect();
        Lookalikes {
            by_folded: known.iter().rev().cloned().collect(),
            known,
            maps: maps.map(|node| fold_path(&node.path)).collect(),
            opt_out: opt_out.to_owned(),
            aliases: Aliases::shipped(),
        }
    }

    /// The known field that an unknown name looks like. `within`: the path of the object that
    /// contains it, or empty for the record itself.
    pub fn of(&self, within: &str, name: &str) -> Option<String> {
        let alias = || self.is_opt_out(name).then(|| self.opt_out.clone());
        self.field(within, name).or_else(alias)
    }

    /// The known field that an unknown name is another spelling of. Unlike [`Lookalikes::of`], not what
    /// the opt-out is called elsewhere: its values mean something else there.
    pub fn field(&self, within: &str, name: &str) -> Option<String> {
        // A record may have a hundred thousand unknown names, so each is folded once.
        let inside = || {
            let whole = (!within.is_empty()).then(|| format!("{within}.{name}"))?;
            self.of_path(&whole, &folded(&whole))
        };
        inside().or_else(|| self.of_path(name, &folded(name)))
    }

    /// Whether the name is that of a field, except for case and punctuation. `within` as in
    /// [`Lookalikes::of`].
    pub fn is_field(&self, within: &str, name: &str) -> bool {
        let (alone, whole) = (folded(name), folded(&join(within, name)));
        self.known.iter().any(|(known, _)| *known == alone || *known == whole)
    }

    /// Whether other programs call the opt-out so. Of a path to a name inside of an object that nobody knows, its last
    /// name decides.
    pub fn is_opt_out(&self, name: &str) -> bool {
        let last = name.rsplit_once('.').map(|(_, last)| last);
        let inside = || last.is_some_and(|last| says_opt_out(&self.aliases, last, &self.opt_out));
        self.aliases.is_of(name, &self.opt_out) || inside()
    }

    fn of_path(&self, path: &str, folded_path: &str) -> Option<String> {
        if let Some(known) = self.by_folded.get(folded_path) {
            return Some(known.clone());
        }
        // `attributes.Plan`: the path of a map and a name in it. Stops once the start is longer
        // than the path of any map, since a hostile name may consist of a million dots.
        if !path.contains('.') {
            return None;
        }
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

    /// The known field with the smallest edit distance to a name, if it is near.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let name = folded(name);
        let chars = name.chars().count();
        let (changes, path) = self
            .known
            .iter()
            .filter(|(known, _)| known.chars().count().abs_diff(chars) <= NEAR_CHANGES_MAX)
            .map(|(known, path)| (strsim::damerau_levenshtein(&name, known), path))
            .min_by_key(|(changes, _)| *changes)?;
        let is_near = changes <= NEAR_CHANGES_MAX && changes * 3 <= chars;
        is_near.then_some(path.as_str())
    }
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
    fn names_that_differ_in_case_and_punctuation_look_alike() {
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
    fn all_blanks_dashes_and_invisible_characters_are_punctuation() {
        let unseen = "\t\n\u{85}\u{a0}\u{3000}\u{ad}\u{200b}\u{200d}\u{2060}\u{feff}";
        for char in format!("{unseen}-\u{2010}\u{2011}\u{2013}\u{2014}\u{2212}\u{ff0d}").chars() {
            check("", &format!("Opt{char}Out"), Some("OptOut"));
            check("", &format!("{char}Do{char}Not{char}Call{char}"), Some("OptOut"));
            check("User", &format!("UserId{char}"), Some("User.UserId"));
            check("", &format!("Attri{char}butes.Plan"), Some("Attributes.Plan"));
        }
        check("", "Opt\u{e9}Out", None);
    }

    #[test]
    fn names_of_the_opt_out_in_other_programs_look_like_it() {
        for name in [
            "Unsubscribed",
            "Email Opt Out",
            "opted_out",
            "Opt-Out Status",
            "UNSUB_TIME",
            "hs_email_optout",
            "Unsubscribed from all email",
            "HasOptedOutOfEmail",
            "Accepts Email Marketing",
            "accepts_marketing",
            "email_marketing_consent",
            "Do Not Call",
            "DoNotContact",
            "Abgemeldet",
            "Portal Unsubscribe",
            "Opted out of email: Book club",
            "hs_email_optout_214365",
            "CLEAN_TIME",
            "email_disabled",
            "Newsletter abbestellt",
            "Newsletter-Abmeldung",
            "Werbewiderspruch",
            "Bitte keine Werbung",
            "Date de désabonnement",
            "Subscribed To Emails",
            "DoNotBulkEMail",
            "Email Permission Status",
        ] {
            check("", name, Some("OptOut"));
            check("User", name, Some("OptOut"));
        }
    }

    #[test]
    fn other_names_do_not() {
        check("", "nickname", None);
        check("", "applicationid", None);
        check("", "UserId", None);
        check("Location", "Street", None);
        check("", "crm.id", None);
        check("", "unsubscribe_url", None);
        check("", "Abmeldelink", None);
        check("", "Newsletter", None);
    }

    #[test]
    fn a_name_of_a_million_dots_takes_linear_time() {
        check("", &"a.".repeat(500_000), None);
    }

    #[test]
    fn the_nearest_field_is_returned_only_if_it_is_near() {
        let schema = Schema::shipped("pinpoint").unwrap();
        let known = Lookalikes::new(&schema);
        assert_eq!(known.nearest("Adress"), Some("Address"));
        assert_eq!(known.nearest("Locaton.City"), Some("Location.City"));
        assert_eq!(known.nearest("ana@example.com"), None);
        assert_eq!(known.nearest("x"), None);
    }
}
