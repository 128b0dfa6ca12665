//! What reading a definition needs of the system, as functions that the caller passes: variables,
//! the date, the real paths of places.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Access to the system for reading a definition, which uses nothing else of it.
pub struct Environment<'a> {
    /// Returns the value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The UTC date of the run, such as `2026-11-23`.
    pub date: &'a str,
    /// The id of the run, such as `20261123T020000Z`.
    pub run: &'a str,
    /// Returns the absolute path, with the links of the part that exists resolved.
    pub real_path: &'a dyn Fn(&Path) -> PathBuf,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({})", self.date)
    }
}
