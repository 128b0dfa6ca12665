//! Which repairs a proposed definition may have.

/// Repairs that need no more than to be named.
const SWITCHES: [&str; 12] = [
    "names",
    "scalars",
    "trim",
    "spreadsheet",
    "lists",
    "channel",
    "optout",
    "country",
    "locale",
    "timezone",
    "dates",
    "email",
];

/// Whether a definition may have the repairs that a report names together: `repair.country, repair.phone.region`.
pub(super) fn may_repair(settings: &str) -> bool {
    let names = settings.split(", ").map(|setting| setting.strip_prefix("repair."));
    names.flatten().all(|name| name.starts_with("phone") || SWITCHES.contains(&name))
}

/// Whether a repair needs no more than to be named.
pub(super) fn is_switch(name: &str) -> bool {
    SWITCHES.contains(&name)
}
