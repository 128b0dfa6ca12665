//! Judges rows: the schema's checks on what came in, and the target's limits on what goes out.
//!
//! All checks are compiled to flat lists once. A field that the policy drops is not judged.
//! A stage here adds problems to the batch and changes nothing else.

mod limits;
mod value_check;
mod values;

pub use limits::LimitChecks;
pub use values::{Strictness, ValueChecks};

use crate::record::{Code, Detail, JsonType, NameId, Slot, SlotKind};

/// The names of the rules that problems point to, by number. Number 0 is no rule.
#[derive(Debug)]
pub struct RuleNames(Vec<String>);

impl Default for RuleNames {
    fn default() -> Self {
        RuleNames(vec![String::new()])
    }
}

impl RuleNames {
    /// Adds a rule's name; gives its number.
    pub fn add(&mut self, name: impl Into<String>) -> u16 {
        self.0.push(name.into());
        u16::try_from(self.0.len() - 1).expect("a schema has fewer than 2^16 rules")
    }

    pub fn get(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or("", String::as_str)
    }
}

/// What is known of a name from the data, decided once for each name.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameVerdict {
    /// The policy drops what stands under it.
    pub dropped: bool,
    /// The name itself breaks a limit.
    pub problem: Option<(Code, Detail)>,
    /// It is no field, but looks like one.
    pub looks_like_a_field: bool,
}

/// The verdicts of one worker's names, by their number.
#[derive(Clone, Copy, Debug)]
pub struct NameVerdicts<'a>(pub &'a [NameVerdict]);

impl NameVerdicts<'_> {
    /// What is known of a name.
    #[inline]
    pub fn of(self, name: NameId) -> NameVerdict {
        self.0.get(name.index()).copied().unwrap_or_default()
    }
}

fn found(slot: Slot) -> Detail {
    match slot.kind() {
        SlotKind::Absent => Detail::None,
        SlotKind::Text => Detail::FoundText,
        SlotKind::Number => Detail::FoundNumber,
        SlotKind::Other(JsonType::Boolean) => Detail::FoundBoolean,
        SlotKind::Other(JsonType::Object) => Detail::FoundObject,
        SlotKind::Other(JsonType::Array) => Detail::FoundArray,
        SlotKind::Other(JsonType::Null) => Detail::FoundNull,
    }
}
