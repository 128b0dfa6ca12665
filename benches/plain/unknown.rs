//! Names in a record that are no field: each is counted, and one that looks like a field is a
//! problem, since it may be an opt-out with a slip of the pen in its name.

use std::collections::{HashMap, HashSet};

use serde_ignored::Path;

use super::check::Problem;

/// All that a record can have, but for what stands in its maps.
const FIELDS: &[&str] = &[
    "Id",
    "ChannelType",
    "Address",
    "OptOut",
    "EndpointStatus",
    "EffectiveDate",
    "RequestId",
    "Attributes",
    "Metrics",
    "Demographic",
    "Demographic.AppVersion",
    "Demographic.Locale",
    "Demographic.Make",
    "Demographic.Model",
    "Demographic.ModelVersion",
    "Demographic.Platform",
    "Demographic.PlatformVersion",
    "Demographic.Timezone",
    "Location",
    "Location.City",
    "Location.Country",
    "Location.Latitude",
    "Location.Longitude",
    "Location.PostalCode",
    "Location.Region",
    "User",
    "User.UserId",
    "User.UserAttributes",
];

pub(super) struct Unknown {
    fields: HashSet<String>,
    counts: HashMap<String, u64>,
    /// Of the record being read: the last name that looks like a field.
    look_alike: Option<String>,
}

impl Unknown {
    pub(super) fn new() -> Unknown {
        let fields = FIELDS.iter().map(|field| squashed(field)).collect();
        Unknown { fields, counts: HashMap::new(), look_alike: None }
    }

    pub(super) fn note(&mut self, path: &Path<'_>) {
        // A question mark stands for an object that may be absent.
        let name = path.to_string().replace("?.", "");
        if self.fields.contains(&squashed(&name)) {
            self.look_alike = Some(name.clone());
        }
        *self.counts.entry(name).or_default() += 1;
    }

    /// What is wrong with the names of the record that was just read.
    pub(super) fn take_problem(&mut self) -> Option<Problem> {
        self.look_alike.take().map(|name| Problem::new(name, "unknown_field"))
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.values().sum()
    }
}

fn squashed(name: &str) -> String {
    let name = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.'));
    name.flat_map(char::to_lowercase).collect()
}
