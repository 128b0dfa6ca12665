//! `redact`: replaces every value by a fixed text.

use super::Outcome;
use crate::record::Slot;

/// The `redact` operation.
#[derive(Debug)]
pub struct Redact {
    text: String,
    plain: bool,
}

impl Redact {
    /// Replaces every value by `text`.
    pub fn new(text: impl Into<String>) -> Redact {
        let text = text.into();
        let plain = super::is_plain(text.as_bytes());
        Redact { text, plain }
    }

    /// The text, if it already is at the end of the arena: one copy serves many values.
    pub(super) fn last_made(&self, arena: &[u8]) -> Option<Slot> {
        let len = self.text.len();
        arena
            .ends_with(self.text.as_bytes())
            .then(|| Slot::new_text(arena.len() - len, len, self.plain))
    }

    /// Appends the text to `out`.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        out.extend_from_slice(self.text.as_bytes());
        Outcome::Made { plain: self.plain }
    }
}

impl Default for Redact {
    fn default() -> Redact {
        Redact::new("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/redact.json");
        vectors::check(file, |params, value, out| {
            vectors::text(params, "text")
                .map_or_else(Redact::default, Redact::new)
                .apply(value, out)
        });
    }
}
