//! `[users]`: how many records a user may have. `src/group` counts them.

use super::document::{Diagnostics, Section, Value, push_wrong_type};

/// The largest `max_endpoints`: as many records of a user may have to be held at once.
const ENDPOINTS_MAX: u64 = 100_000;

/// `[users]`. By default, records beyond what the target allows are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Users {
    pub max_endpoints: MaxEndpoints,
    pub over: OverLimit,
}

/// The most records of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxEndpoints {
    /// As many as the target allows.
    Target,
    Number(u64),
}

/// What becomes of the records beyond that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// The later ones are rejected.
    Reject,
    /// The newest stay, and the others are dropped.
    Newest,
}

impl OverLimit {
    /// The value of `over`.
    pub fn name(self) -> &'static str {
        match self {
            OverLimit::Reject => "reject",
            OverLimit::Newest => "newest",
        }
    }
}

const HELP: &str = "write `max_endpoints = \"target\"`, or a number such as `max_endpoints = 10`";

/// `None`: the definition has no such section.
pub(super) fn read(root: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Users> {
    let mut section = root.section("users", diagnostics)?;
    let max_endpoints = read_max(&mut section, diagnostics);
    let choices = [OverLimit::Reject, OverLimit::Newest].map(|over| (over.name(), over));
    let over = section.choice("over", &choices, &[], diagnostics);
    section.finish(diagnostics);
    Some(Users {
        max_endpoints: max_endpoints.unwrap_or(MaxEndpoints::Target),
        over: over.unwrap_or(OverLimit::Reject),
    })
}

fn read_max(section: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<MaxEndpoints> {
    let item = section.item("max_endpoints")?;
    match &item.value {
        Value::Text(text) if text == "target" => Some(MaxEndpoints::Target),
        Value::Integer(_) => {
            section.whole("max_endpoints", 1..=ENDPOINTS_MAX, diagnostics).map(MaxEndpoints::Number)
        }
        Value::Text(_) => {
            diagnostics.push(item.at, "`max_endpoints` is a text other than \"target\"", "", HELP);
            None
        }
        Value::Float(_) | Value::Boolean(_) | Value::Date | Value::List(_) | Value::Table(_) => {
            push_wrong_type("max_endpoints", item, "`\"target\"` or a whole number", diagnostics);
            None
        }
    }
}
