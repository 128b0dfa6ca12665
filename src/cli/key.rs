//! `segprep key`: new keys and check values.

use segprep::run::{self, Failure, KeyCheck, RunOptions};

use super::events::Event;
use super::render::Screen;

/// Prints a new key.
pub(crate) fn make(screen: Screen) -> Result<(), Failure> {
    let key = run::new_key()?;
    screen.result(&Event::Key { key: &key }, || format!("{}\n", *key))
}

/// Prints the id and check value of each key that a definition names.
pub(crate) fn check_definition(screen: Screen, options: &RunOptions) -> Result<(), Failure> {
    run::check_keys(options)?.iter().try_for_each(|KeyCheck { id, check }| {
        screen.result(&Event::KeyCheck { id: Some(id), check }, || format!("{id}  {check}\n"))
    })
}

/// Prints the check value of the key at `from`.
pub(crate) fn check_one(screen: Screen, from: &str) -> Result<(), Failure> {
    let check = run::check_key(from)?;
    screen.result(&Event::KeyCheck { id: None, check: &check }, || format!("{check}\n"))
}
