//! `[unique]`: which of several records with the same values stays. `src/group` finds them.

use super::document::{Diagnostics, Section, Spanned};
use crate::transform::Normalize;

/// `[unique]`.
#[derive(Clone, Debug)]
pub struct Unique {
    /// The paths of the fields whose values are compared.
    pub by: Vec<Spanned<String>>,
    /// By default the first.
    pub keep: Keep,
    /// By default the input.
    pub on: Compared,
    /// The form in which addresses are compared, if it is set.
    pub normalize: Option<Spanned<Normalize>>,
}

/// Which of several records stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    First,
    Last,
    /// By `EffectiveDate`; of several with the same date, the last.
    Newest,
}

impl Keep {
    pub const ALL: [Keep; 3] = [Keep::First, Keep::Last, Keep::Newest];

    /// The value of `keep`.
    pub fn name(self) -> &'static str {
        match self {
            Keep::First => "first",
            Keep::Last => "last",
            Keep::Newest => "newest",
        }
    }
}

/// Which values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Those that came in, after repair.
    Input,
    /// Those that would be written.
    Output,
}

impl Compared {
    /// The value of `on`.
    pub fn name(self) -> &'static str {
        match self {
            Compared::Input => "input",
            Compared::Output => "output",
        }
    }
}

/// `None`: the definition has no such section.
pub(super) fn read(root: &mut Section<'_>, diagnostics: &mut Diagnostics<'_>) -> Option<Unique> {
    let mut section = root.section("unique", diagnostics)?;
    let help =
        "name the fields that tell records apart, such as `by = [\"ChannelType\", \"Address\"]`";
    section.require("by", "by", help, diagnostics);
    let by = section.owned_texts("by", diagnostics).unwrap_or_default();
    let keep = section.choice("keep", &Keep::ALL.map(|keep| (keep.name(), keep)), &[], diagnostics);
    let on = [Compared::Input, Compared::Output].map(|on| (on.name(), on));
    let on = section.choice("on", &on, &[], diagnostics);
    let at = section.entry("normalize").map_or(section.at(), |entry| entry.item.at);
    let forms = Normalize::ALL.map(|form| (form.name(), form));
    let normalize = section.choice("normalize", &forms, &[], diagnostics);
    section.finish(diagnostics);
    Some(Unique {
        by,
        keep: keep.unwrap_or(Keep::First),
        on: on.unwrap_or(Compared::Input),
        normalize: normalize.map(|value| Spanned { value, at }),
    })
}
