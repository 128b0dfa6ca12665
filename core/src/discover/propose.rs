//! Which operation a scan proposes for a field, and why. It errs on the safe side: what a detector hits, and
//! what it cannot tell, is not kept.

use super::meaning::{By, Knowledge};
use crate::detect::{Likelihood, Verdict};
use crate::schema::{Class, Role};

/// Values of an attribute describe groups and not people if on average so many records share one.
const GROUP_RECORDS_MIN: u64 = 10;

/// What is known about a field.
pub(super) struct Evidence<'a> {
    pub(super) field: Option<&'a str>,
    pub(super) by: Option<By>,
    pub(super) verdicts: &'a [Verdict<'a>],
    pub(super) present: u64,
    pub(super) distinct: u64,
}

/// The operation's name, and the reason.
pub(super) fn propose(evidence: &Evidence<'_>, knowledge: &Knowledge) -> (&'static str, String) {
    let hit = |names: &[&str]| {
        let is_named = |verdict: &&Verdict<'_>| names.contains(&verdict.detector);
        evidence.verdicts.iter().find(is_named)
    };
    let role = by_role(evidence, knowledge);
    let secret = hit(&["secret", "credential_url", "card", "iban", "us_ssn"]);
    match (role, secret) {
        // Chance hits are no reason to lose what a record is for.
        (Some(decided), secret) if is_identifier(evidence, knowledge) || secret.is_none() => {
            return decided;
        }
        (_, Some(verdict)) => return ("drop", because(verdict)),
        (_, None) => {}
    }
    if let Some(verdict) = hit(&["own_token", "own_mask"])
        && evidence.verdicts.len() == 1
        && evidence.present <= verdict.hits
    {
        return ("keep", format!("every value was made by segprep (`{}`)", verdict.detector));
    }
    let by_detector: [(&str, &[&str]); 5] = [
        ("hmac", &["email", "phone", "device_id", "push_token", "mac"]),
        ("date_trunc", &["birth_date"]),
        ("mask", &["person_name"]),
        ("geo", &["coordinates"]),
        ("drop", &["street", "ip"]),
    ];
    // `Default Address Country Code` is called like a street, and is none.
    let is_place = evidence.field.is_some_and(|field| field.starts_with("Location."));
    let hit = |names: &[&str]| hit(names).filter(|found| !(is_place && found.detector == "street"));
    let is_degrees = evidence.field.is_some_and(|field| field.ends_with("itude"));
    for (op, names) in by_detector {
        if let Some(verdict) = hit(names) {
            let is_sure = verdict.likelihood == Likelihood::Likely && (op != "geo" || is_degrees);
            return (if is_sure { op } else { "drop" }, because(verdict));
        }
    }
    without_hits(evidence, knowledge)
}

/// Whether the record is about this field.
fn is_identifier(evidence: &Evidence<'_>, knowledge: &Knowledge) -> bool {
    evidence.field.is_some_and(|field| knowledge.class(field) == Class::Identifier)
}

fn because(verdict: &Verdict<'_>) -> String {
    let likelihood = match verdict.likelihood {
        Likelihood::Likely => "likely",
        Likelihood::Possible => "possible",
    };
    format!("{likelihood} `{}`, {} values", verdict.detector, verdict.hits)
}

/// Fields whose use decides.
fn by_role(evidence: &Evidence<'_>, knowledge: &Knowledge) -> Option<(&'static str, String)> {
    let field = evidence.field?;
    let is_guess = evidence.by == Some(By::Values);
    let is = |role| field == knowledge.role_path(role);
    let (op, reason) = if knowledge.is_export_only(field) {
        ("drop", "only exports have it, and a run leaves it out")
    } else if is(Role::Address) && is_guess {
        ("keep", "messages go to it, if it is the address")
    } else if is(Role::Address) {
        ("keep", "messages go to it")
    } else if is(Role::Id) {
        ("keep", "it names the endpoint to update")
    } else if field == "User.UserId" {
        ("hmac", "it identifies a person, and tokens still join")
    } else if knowledge.class(field) == Class::Technical {
        ("keep", "a technical field")
    } else {
        return None;
    };
    Some((op, reason.to_owned()))
}

fn without_hits(evidence: &Evidence<'_>, knowledge: &Knowledge) -> (&'static str, String) {
    let Some(field) = evidence.field else {
        return ("drop", "not a field of the schema".to_owned());
    };
    match field {
        "Location.PostalCode" => {
            return ("mask", "its first characters tell the region".to_owned());
        }
        "Location.Latitude" | "Location.Longitude" => {
            return ("geo", "one decimal tells the town".to_owned());
        }
        _ => {}
    }
    let distinct = evidence.distinct;
    let is_of_groups = distinct.saturating_mul(GROUP_RECORDS_MIN) <= evidence.present;
    if knowledge.schema.node(field).is_some() {
        ("keep", "a field of the schema, and no detector hits".to_owned())
    } else if 0 < distinct && is_of_groups {
        let records = evidence.present / distinct;
        ("keep", format!("{records} records share a value on average, and no detector hits"))
    } else {
        ("drop", format!("{distinct} different values may tell people apart"))
    }
}
