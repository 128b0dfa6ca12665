//! The text of a definition: its tables and values with where they are, and the diagnostics.
//!
//! From the bottom up: `origin` is a span of the text, `quote` and `nearest` help messages, and
//! `secrets` finds what no message may show. `source` holds the texts and collects diagnostics.
//! `tree` parses TOML, `set` applies `--set`, `section` reads the settings of one table, and
//! `location` reads paths.

mod diagnostic;
pub(super) mod location;
mod nearest;
mod origin;
mod quote;
mod secrets;
mod section;
pub(super) mod set;
pub(crate) mod size;
mod source;
pub(super) mod tree;

pub use diagnostic::Diagnostic;
pub use location::Location;
pub(crate) use nearest::{advice, listed, nearest};
pub use origin::{Origin, Spanned};
pub(crate) use quote::{escape, quoted};
pub(crate) use secrets::hide_keys;
pub(super) use secrets::{
    has_credentials, is_bare_key, is_harmless_key_text, secret_in_set, secrets_in_lines,
};
pub(super) use section::{Section, choose, push_wrong_type, text};
pub(crate) use source::{DefinitionText, Diagnostics, PlacedDiagnostic};
pub(super) use tree::{Entry, Item, Table, Value};
