//! Personal data in what is kept as it came in: `[validate] pii`.
//!
//! It is about what would be written, after the rules were applied: the values of kept attributes, and the
//! names of attributes and metrics. Only what a detector tells by the value alone counts, and only if it is
//! likely.
//!
//! One look at the bytes of a value rules out nearly all of them (`detect::is_quiet`), and fields under other
//! rules than `keep` cost nothing.

use super::{NameVerdicts, RuleNames};
use crate::detect::{Detectors, Finder, Likelihood, is_quiet};
use crate::record::{Batch, Code, Detail, Field, NameId, Names, Note, Problem, Text};

/// What becomes of a record in which personal data would be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pii {
    /// It is rejected.
    Reject,
    /// It is written and counted.
    #[default]
    Warn,
    Off,
}

/// Finds personal data in kept values, compiled for one plan.
#[derive(Debug)]
pub struct PiiCheck {
    action: Pii,
    /// Each map in which something is kept, and whether it is one of lists. Numbers are not judged, but their names.
    maps: Vec<(usize, bool)>,
    /// The number of the check.
    rule: u16,
}

/// What one worker knows about names, by the number of the name.
#[derive(Debug, Default)]
pub struct PiiNames {
    /// The detectors that a name rules out, once it was asked for.
    ruled_out: Vec<Option<u32>>,
}

/// The detectors that are asked, and how likely a hit must be.
fn finder() -> &'static Finder {
    static FINDER: std::sync::OnceLock<Finder> = std::sync::OnceLock::new();
    FINDER.get_or_init(|| Finder::new(Detectors::shared().by_value(), Likelihood::Likely))
}

/// The detectors that find personal data in the name of an attribute or a metric, as bits.
pub fn personal_in_name(name: &str) -> u32 {
    if is_quiet(name.as_bytes()) { 0 } else { finder().hits(name) }
}

/// The name of a detector, by the number that [`Note::Personal`] has.
pub fn detector_name(number: u8) -> &'static str {
    let detector = Detectors::shared().all().get(usize::from(number));
    detector.map_or("", |detector| detector.name.as_str())
}

impl PiiCheck {
    /// `maps`: each map in which something is kept, and whether it is one of lists.
    pub fn new(action: Pii, maps: Vec<(usize, bool)>, rules: &mut RuleNames) -> PiiCheck {
        let maps = if action == Pii::Off { Vec::new() } else { maps };
        PiiCheck { action, maps, rule: rules.add("validate.pii") }
    }

    /// The same check, as far as it rejects records: what it would only note is left out.
    #[must_use]
    pub fn without_notes(self) -> PiiCheck {
        match self.action {
            Pii::Reject => self,
            Pii::Warn | Pii::Off => PiiCheck { maps: Vec::new(), ..self },
        }
    }

    /// Judges the rows of a batch that are neither broken nor dropped.
    pub fn check(
        &self,
        chunk: &[u8],
        batch: &mut Batch,
        verdicts: NameVerdicts<'_>,
        names: &Names,
        known: &mut PiiNames,
    ) {
        if self.maps.is_empty() {
            return;
        }
        let mut found: Vec<(usize, NameId, u32)> = Vec::new();
        let text = Text { chunk, arena: &batch.arena };
        for row in batch.live_rows() {
            for (map, is_lists) in &self.maps {
                for entry in batch.map_entries(row, *map) {
                    let verdict = verdicts.of(entry.name);
                    if verdict.personal != 0 && !entry.is_removed() {
                        found.push((row, entry.name, verdict.personal));
                    }
                    if !is_lists || !verdict.is_kept {
                        continue;
                    }
                    for value in batch.entry_values(*entry).iter().filter(|value| value.is_text()) {
                        let value = text.of(*value);
                        if !is_quiet(value) {
                            let ruled_out = || known.ruled_out(entry.name, names);
                            let by = personal_in(value, ruled_out);
                            found.extend((by != 0).then_some((row, entry.name, by)));
                        }
                    }
                }
            }
        }
        self.add(found, batch);
    }

    /// Adds what was found to the notes or the problems of the batch.
    fn add(&self, found: Vec<(usize, NameId, u32)>, batch: &mut Batch) {
        let mut last = None;
        for (row, name, by) in found {
            let field = Field::Named(name);
            let seen = match last {
                Some((place, seen)) if place == (row, name) => seen,
                _ => 0,
            };
            for number in bits(by) {
                match self.action {
                    Pii::Off => {}
                    Pii::Warn => batch.note(row, field, Note::Personal(number)),
                    // Once for each detector, however many values the field has.
                    Pii::Reject if seen & (1 << number) != 0 => {}
                    Pii::Reject => {
                        let detail = detail_of(detector_name(number));
                        let code = Code::PiiFound;
                        batch.add_problem(row, Problem { field, code, rule: self.rule, detail });
                    }
                }
            }
            last = Some(((row, name), seen | by));
        }
    }
}

impl PiiNames {
    /// Forgets all names.
    pub fn clear(&mut self) {
        self.ruled_out.clear();
    }

    fn ruled_out(&mut self, name: NameId, names: &Names) -> u32 {
        let index = name.index();
        if self.ruled_out.len() <= index {
            self.ruled_out.resize(index + 1, None);
        }
        let Some(place) = self.ruled_out.get_mut(index) else { return 0 };
        *place.get_or_insert_with(|| Detectors::shared().ruled_out([names.get(name).1]))
    }
}

/// The detectors that find something in a value, as bits, but for those that its name rules out.
#[cold]
fn personal_in(value: &[u8], ruled_out: impl FnOnce() -> u32) -> u32 {
    let Ok(value) = str::from_utf8(value) else { return 0 };
    match finder().hits(value) {
        0 => 0,
        found => found & !ruled_out(),
    }
}

/// The detail that names a detector.
fn detail_of(detector: &str) -> Detail {
    let detail = Detail::ALL.iter().find(|detail| detail.as_str() == detector);
    detail.copied().unwrap_or(Detail::None)
}

/// The numbers of the bits that are set, the lowest first.
fn bits(mut bits: u32) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let number = u8::try_from(bits.trailing_zeros()).ok().filter(|_| bits != 0)?;
        bits &= bits - 1;
        Some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_detector_of_values_is_a_detail() {
        let detectors = Detectors::shared().all();
        let by_value = detectors.iter().filter(|detector| detector.judges_by_value());
        let named = by_value.inspect(|detector| {
            assert_ne!(detail_of(&detector.name), Detail::None, "{}", detector.name);
        });
        assert!(8 < named.count());
    }

    #[test]
    fn only_likely_hits_count() {
        let found = |value: &str| {
            bits(personal_in(value.as_bytes(), || 0)).map(detector_name).collect::<Vec<_>>()
        };
        assert_eq!(found("ask ada@example.com or +12025550191"), ["email", "phone"]);
        assert_eq!(found("202-555-0191"), Vec::<&str>::new());
        assert_eq!(found("Ada Lovelace, 12 St James's Square"), Vec::<&str>::new());
        assert_eq!(found(&format!("hmac:k1:{}", "0123456789abcdef".repeat(4))), Vec::<&str>::new());
    }

    #[test]
    fn names_rule_detectors_out() {
        let mut known = PiiNames::default();
        let mut names = Names::default();
        let version = names.intern(crate::record::Scope::ROOT, "AppVersion");
        let host = names.intern(crate::record::Scope::ROOT, "Host");
        let mut found = |name| personal_in(b"203.0.113.9", || known.ruled_out(name, &names));
        assert_eq!(found(version), 0);
        assert_ne!(found(host), 0);
    }
}
