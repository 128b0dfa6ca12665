//! What a run is called in its log: from the first message to the last, as in its manifest.
//!
//! The id may depend on what is in the places of the run (`…Z-2`), so the first message waits until the run knows it,
//! but no longer than [`WAIT_MAX`]: a bucket may take its time.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The longest time for which the first message of a run waits for its id.
pub(crate) const WAIT_MAX: Duration = Duration::from_millis(500);

/// A run that has begun, and its definition.
#[derive(Debug)]
pub(crate) struct RunName {
    /// What it is called until it says otherwise.
    start: String,
    id: OnceLock<String>,
    pub(crate) definition: String,
    is_announced: AtomicBool,
}

impl RunName {
    /// `id`: the one that the user chose.
    pub(crate) fn new(id: Option<&str>, definition: &Path) -> RunName {
        let start = || jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        RunName {
            start: id.map_or_else(start, str::to_owned),
            id: OnceLock::new(),
            definition: definition.display().to_string(),
            is_announced: AtomicBool::new(false),
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.id.get().unwrap_or(&self.start)
    }

    /// The run says what it is called.
    pub(crate) fn is_called(&self, id: &str) {
        self.id.get_or_init(|| id.to_owned());
    }

    /// Whether nobody has said yet that it has begun. The caller does.
    pub(crate) fn must_be_announced(&self) -> bool {
        !self.is_announced.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_knows_best_and_says_it_once() {
        let name = RunName::new(None, Path::new("a.toml"));
        assert!(segprep::run::is_run_id(name.id()), "{}", name.id());
        assert_eq!(RunName::new(Some("night-1"), Path::new("a.toml")).id(), "night-1");
        name.is_called("20261129T020000Z-2");
        name.is_called("another");
        assert_eq!(name.id(), "20261129T020000Z-2");
        assert!(name.must_be_announced());
        assert!(!name.must_be_announced());
    }
}
