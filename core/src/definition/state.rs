//! `[state]`: the list of inputs that published runs have taken.

use super::document::location::{self, Use};
use super::document::{Diagnostics, Location, Section};
use super::environment::Environment;
use super::input::Input;
use super::output::{Account, Output};
use super::storing::{self, Encryption};
use super::vocabulary::OnChange;

/// `[state]`.
#[derive(Clone, Debug)]
pub struct State {
    /// The folder of the list.
    pub to: Location,
    /// What becomes of an input that has changed since a run took it.
    pub on_change: OnChange,
    /// The encryption of a state in a bucket.
    pub encryption: Option<Encryption>,
}

/// `None`: the definition has no such section.
pub(super) fn read(
    root: &mut Section<'_>,
    environment: &Environment<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<State> {
    let mut section = root.section("state", diagnostics)?;
    let help = "name a folder for the list alone, such as `to = \"out/NAME/state/\"`";
    let to = section.required_text("to", help, diagnostics);
    let to = to.and_then(|to| location::read("to", to, Use::State, environment, diagnostics));
    let changes = [("fail", OnChange::Fail), ("take", OnChange::Take), ("skip", OnChange::Skip)];
    let on_change = section.choice("changed", &changes, &[], diagnostics);
    let state = State {
        to: to.unwrap_or_default(),
        on_change: on_change.unwrap_or(OnChange::Fail),
        encryption: storing::read_encryption(&mut section, diagnostics),
    };
    section.finish(diagnostics);
    Some(state)
}

/// Checks that each run has places of its own, and that inputs can be recognised.
pub(super) fn check(
    input: &Input,
    account: &Account,
    outputs: &[Output],
    diagnostics: &mut Diagnostics<'_>,
) {
    for from in input.from.iter().filter(|from| from.written == "-") {
        let message = "standard input can't be used with `[state]`";
        let help = "name files, folders or objects: only these can be on the list";
        diagnostics.push(from.at, message, "", help);
    }
    let outputs = outputs.iter().map(|output| &output.to);
    for to in outputs.chain([&account.to]).filter(|to| !to.written.is_empty()) {
        if to.is_standard_output() {
            let message = "standard output can't be used with `[state]`";
            let help = "name a folder, such as `to = \"out/NAME/{run}/import/\"`";
            diagnostics.push(to.at, message, "", help);
        } else if !to.has_run && !to.has_date {
            let message = "with `[state]`, this place needs `{run}` or `{date}`";
            let help = "each run writes what is new to a place of its own, such as \
                        `to = \"out/NAME/{run}/import/\"`";
            diagnostics.push(to.at, message, "", help);
        }
    }
}
