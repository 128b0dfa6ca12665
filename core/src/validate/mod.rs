//! Validation: the schema's checks on values as they came in, and the target's limits on what goes
//! out.
//!
//! Checks are compiled to flat lists once. A field that the rules drop is not checked. The stages
//! here add problems to the batch and change nothing else, except where `[validate.on_invalid]` has invalid
//! values removed.

mod limits;
mod personal;
mod predicate;
mod profiles;
mod removal;
mod values;

pub use limits::LimitChecks;
pub use personal::{Pii, PiiCheck, PiiNames, detector_name, personal_in_name};
pub use profiles::ProfileChecks;
pub use removal::Removable;
pub use values::{Strictness, ValueChecks};

use crate::record::{Code, Detail, JsonType, NameId, Slot, SlotKind};

/// The names of the checks that problems refer to, by number. Number 0 is no check.
#[derive(Debug)]
pub struct RuleNames(Vec<String>);

impl Default for RuleNames {
    fn default() -> Self {
        RuleNames(vec![String::new()])
    }
}

impl RuleNames {
    /// Adds a name. Returns its number.
    pub fn add(&mut self, name: impl Into<String>) -> u16 {
        self.0.push(name.into());
        u16::try_from(self.0.len() - 1).expect("a schema has fewer than 2^16 rules")
    }

    pub fn get(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or("", String::as_str)
    }
}

/// What is wrong with the length of a name, and with its characters.
pub type NameProblems = [Option<(Code, Detail)>; 2];

/// What is known about a name from the data; decided once for each name.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is decided on its own")]
pub struct NameVerdict {
    /// The rules drop its value.
    pub dropped: bool,
    /// What is wrong with the name itself.
    pub problems: NameProblems,
    /// The name is not a field, but looks like one.
    pub looks_like_a_field: bool,
    /// The definition drops the name on purpose.
    pub ignored: bool,
    /// An invalid value of the name is removed.
    pub removable: bool,
    /// The rules keep its value as it comes in.
    pub is_kept: bool,
    /// The detectors that find personal data in the name itself, as bits; 0 if nothing of it is written.
    pub personal: u32,
}

/// The verdicts on the names of one worker, by the number of the name.
#[derive(Clone, Copy, Debug)]
pub struct NameVerdicts<'a>(pub &'a [NameVerdict]);

impl NameVerdicts<'_> {
    /// The verdict on a name.
    #[inline]
    pub fn of(self, name: NameId) -> NameVerdict {
        self.0.get(name.index()).copied().unwrap_or_default()
    }
}

/// The detail that says of which type a value is.
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
