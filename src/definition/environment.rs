//! What a definition may ask of its environment.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What a definition may ask of the world around it. The pipeline itself looks at nothing.
pub struct Environment<'a> {
    /// The value of an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The run's UTC date, as `2026-11-23`.
    pub date: &'a str,
    /// The path as the system would find it: absolute, with the links of what exists of it resolved.
    pub real_path: &'a dyn Fn(&Path) -> PathBuf,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({})", self.date)
    }
}
