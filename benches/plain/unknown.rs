//! Unknown names in a record: each is counted, and one that resembles a field is a problem, since it may
//! be a misspelt opt-out.

use std::collections::{HashMap, HashSet};

use serde_ignored::Path;

use super::check::Problem;

/// All names that a record can have, except those in its maps.
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
    /// The last name of the current record that resembles a field.
    look_alike: Option<String>,
}

impl Unknown {
    pub(super) fn new() -> Unknown {
        let fields = FIELDS.iter().map(|field| squashed(field)).collect();
        Unknown { fields, counts: HashMap::new(), look_alike: None }
    }

    pub(super) fn note(&mut self, path: &Path<'_>) {
        // A question mark marks an object that may be absent.
        let name = path.to_string().replace("?.", "");
        if self.fields.contains(&squashed(&name)) {
            self.look_alike = Some(name.clone());
        }
        *self.counts.entry(name).or_default() += 1;
    }

    /// The problem of the names of the record that was just read.
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
