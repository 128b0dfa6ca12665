//! What a profile of Customer Profiles may hold, read from `schemas/targets/customer-profiles.toml`. All
//! numbers and names of its fields are there, and none in the code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::crypto::sha256;

/// The name of the target's file.
const FILE: &str = "customer-profiles.toml";
const TEXT: &str = include_str!("../../schemas/targets/customer-profiles.toml");

static SHIPPED: LazyLock<ProfileTarget> =
    LazyLock::new(|| toml::from_str(TEXT).expect("a test parses the shipped file"));

/// The limits of profiles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileTarget {
    pub standard: StandardFields,
    pub limits: ProfileLimits,
    pub files: ProfileFiles,
    /// What the names of other columns begin with, by the path of the object or map that a value comes from;
    /// under `*` for everything else.
    prefixes: BTreeMap<String, String>,
}

/// The fields that every profile may have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardFields {
    /// The field that tells profiles apart.
    pub key: String,
    /// The fields for phone numbers, in the order in which they are filled.
    pub phones: Vec<String>,
    /// The same for email addresses.
    pub emails: Vec<String>,
    /// Paths of a record, and the members of a profile's address that they become.
    pub address: Vec<(String, String)>,
}

/// The limits of one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileLimits {
    /// The most code points in a value.
    pub value_length: usize,
    /// The most characters in the name of a column.
    pub field_length: usize,
    /// The most bytes of a profile.
    pub profile_size: usize,
    /// The most columns, unless the definition says more.
    pub columns: usize,
}

/// The limits of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFiles {
    /// The most bytes of a part.
    pub bytes: u64,
    /// The most lines of a list.
    pub list_lines: u64,
}

impl ProfileTarget {
    /// The name in definitions and manifests.
    pub const NAME: &'static str = "customer-profiles";

    pub fn shipped() -> &'static ProfileTarget {
        &SHIPPED
    }

    /// The name of its file, and the SHA-256 of that in lower hex.
    pub fn file() -> (String, String) {
        (FILE.to_owned(), data_encoding::HEXLOWER.encode(&sha256(TEXT.as_bytes())))
    }

    /// The name of a limit as a rule: `customer-profiles.toml#value_length`.
    pub fn rule(key: &str) -> String {
        format!("{FILE}#{key}")
    }

    /// What the name of a column begins with whose value comes from this object or map.
    pub fn prefix(&self, path: &str) -> &str {
        let prefix = self.prefixes.get(path).or_else(|| self.prefixes.get("*"));
        prefix.map_or("", String::as_str)
    }

    /// The member of a profile's address that a field of a record becomes.
    pub fn address_member(&self, path: &str) -> Option<usize> {
        self.standard.address.iter().position(|(from, _)| from == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_numbers_of_its_pages() {
        let target = ProfileTarget::shipped();
        assert_eq!((target.standard.phones.len(), target.standard.emails.len()), (4, 3));
        assert_eq!(target.standard.address.len(), 4);
        assert_eq!(target.address_member("Location.Region"), Some(1));
        assert_eq!(target.prefix("User.UserAttributes"), "User_");
        assert_eq!(target.prefix("Location"), "Attributes_");
        let limits = ProfileLimits {
            value_length: 255,
            field_length: 64,
            profile_size: 250_000,
            columns: 25,
        };
        assert_eq!(target.limits, limits);
        assert_eq!(target.files, ProfileFiles { bytes: 125_000_000, list_lines: 100_000 });
        assert_eq!(ProfileTarget::file().0, format!("{}.toml", ProfileTarget::NAME));
    }
}
