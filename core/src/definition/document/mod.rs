//! The text of a definition: its tables and values with their locations, and the diagnostics.
//!
//! From the bottom up: `origin` is a span of the text, `quote` and `nearest` serve messages, and
//! `secrets` finds what no message may show. `source` holds the texts and collects diagnostics.
//! `tree` parses TOML, `set` applies `--set`, `settings` digests what results, `section` reads the settings of a table, and
//! `location` reads paths.

mod diagnostic;
pub(super) mod location;
mod nearest;
mod origin;
mod quote;
mod secrets;
mod section;
pub(super) mod set;
pub(super) mod settings;
pub(crate) mod size;
mod source;
pub(super) mod tree;

pub use diagnostic::Diagnostic;
pub use location::{Location, STANDARD_OUTPUT};
pub use origin::{Origin, Spanned};
pub use size::parse as parse_size;

pub(crate) use nearest::{advice, expected_one_of, guess, listed, nearest};
pub(crate) use quote::{escape, quoted};
pub use secrets::has_credentials;
pub(crate) use secrets::hide_keys;
pub(crate) use source::{DefinitionText, Diagnostics, PlacedDiagnostic};

pub(super) use secrets::{
    contains_key, has_signature, is_bare_key, may_be_key, names_key_source, secret_in_set,
    secrets_in_lines,
};
pub(super) use section::{Section, choose, push_wrong_type, text};
pub(super) use tree::{Entry, Item, Table, Value};
