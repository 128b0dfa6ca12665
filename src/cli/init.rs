//! `segprep init`: proposes a definition for files, and its tests.

use segprep::definition::Purpose;
use segprep::report::quantities::counted;
use segprep::run::{InitOptions, Proposed, ScanOptions};

use super::arguments::{Common, InitArguments, InitPurpose};
use super::sheet::escape;

/// The longest name of a definition.
const NAME_CHARS_MAX: usize = 40;

/// The name of a definition, as on a command line.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 40 lower-case letters, digits and `-`".to_owned())
    }
}

pub(crate) fn options(arguments: InitArguments, common: Common) -> InitOptions {
    let InitArguments { from, name, purpose, out, test } = arguments;
    let purpose = match purpose {
        InitPurpose::Messaging => Purpose::Messaging,
        InitPurpose::Analytics => Purpose::Analytics,
    };
    let scan = ScanOptions { from, sets: common.sets, ..ScanOptions::default() };
    InitOptions { scan, name, purpose, out, with_test: test }
}

/// What was written, and what comes next.
pub(crate) fn notes(proposed: &Proposed) -> Vec<String> {
    let mut notes = Vec::new();
    for file in &proposed.written {
        notes.push(format!("wrote {}", escape(file.display())));
    }
    if !proposed.excluded.is_empty() {
        let count = u64::try_from(proposed.excluded.len()).unwrap_or(u64::MAX);
        notes.push(format!(
            "{} cannot be read with the others: see `exclude`",
            counted(count, "input")
        ));
    }
    if proposed.is_open {
        notes.push("somebody has to decide who has opted out: see `[input.values]`".to_owned());
    }
    if proposed.has_no_opt_out {
        let what = "no field was found that says who has opted out: see the list under `unknown`";
        notes.push(what.to_owned());
    }
    let silent = proposed.without_opt_out.as_slice();
    if let [first, others @ ..] = silent {
        let more = match u64::try_from(others.len()).unwrap_or(u64::MAX) {
            0 => String::new(),
            more => format!(" and {}", counted(more, "other input")),
        };
        let name = escape(first);
        notes.push(format!(
            "nothing in `{name}`{more} says who has opted out, and other inputs have a field for it"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_definitions() {
        assert_eq!(name("kunden-2026").as_deref(), Ok("kunden-2026"));
        for text in ["", "A", "a_b", "ä", &"a".repeat(41)] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
