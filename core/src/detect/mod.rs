//! What a value looks like: personal data, secrets, and what segprep has made of them.
//!
//! The detectors are data, `schemas/detectors.toml`. A value is made plain (`plain`). One look at its bytes
//! rules out most shapes of all detectors (`candidates`, by what `needs` reads off their patterns). The rest
//! are tried in three steps: the gate of the detector, the pattern (`shape`), and its check (`checks`). Each
//! step costs more than the one before, and fewer values reach it. Most texts that are hit have a form that is
//! told without their pattern (`usual`), and of texts of one form the first one tells what may be found in all
//! (`alike`). The name of a field is judged once (`names`).
//!
//! Nothing here keeps a value, and no error or `Debug` shows one.

mod alike;
mod candidates;
mod catalogue;
mod checks;
mod column;
mod email;
mod find;
mod names;
mod needs;
mod numbers;
mod plain;
mod quiet;
mod shape;
mod usual;

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub use catalogue::{DetectError, Detector};
pub use column::{ColumnFindings, Verdict};
pub use find::{Finder, Hit};
pub use quiet::is_quiet;

use candidates::{Candidate, Candidates, Shapes};
use names::Name;
use shape::Shape;

/// The plain form of a text, in which detectors look: full-width letters as ASCII, nothing invisible.
pub fn plain_text(text: &str) -> Cow<'_, str> {
    plain::plain(text)
}

/// The shipped file.
pub const FILE: &str = include_str!("../../schemas/detectors.toml");

/// How likely a value, or a field, is what a detector looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    Possible,
    Likely,
}

/// All detectors, compiled. There are at most 32.
#[derive(Debug)]
pub struct Detectors {
    all: Vec<Detector>,
    candidates: Candidates,
    /// The shapes that find what segprep made, and the others that need no name as evidence.
    clean: Shapes,
    alone: Shapes,
}

/// Which detectors the name of a field speaks for, and which it rules out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    named: u32,
    ruled_out: u32,
    /// The shapes of these detectors.
    named_shapes: Shapes,
    ruled_out_shapes: Shapes,
}

/// Which detectors hit a value, and how likely each is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    all: u32,
    likely: u32,
}

impl Detectors {
    /// The detectors that are shipped.
    ///
    /// # Errors
    ///
    /// None: a test compiles the shipped file.
    pub fn shipped() -> Result<Detectors, DetectError> {
        Detectors::compile(FILE)
    }

    /// The detectors that are shipped, compiled once for the whole process.
    ///
    /// # Panics
    ///
    /// Never: a test compiles the shipped file.
    pub fn shared() -> &'static Detectors {
        static SHARED: OnceLock<Detectors> = OnceLock::new();
        SHARED.get_or_init(|| Detectors::shipped().expect("a test compiles the shipped file"))
    }

    /// The detectors that judge a value by itself, as bits: all but those that need the field's name, and
    /// those that find what segprep made.
    pub fn by_value(&self) -> u32 {
        bits(self.all.iter().map(Detector::judges_by_value))
    }

    /// The detectors that the names on the way to a value rule out, as bits.
    pub fn ruled_out<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> u32 {
        self.evidence(names).ruled_out
    }

    /// The detectors of a file.
    pub fn compile(file: &str) -> Result<Detectors, DetectError> {
        let mut all = catalogue::compile(file)?;
        assert!(all.len() <= 32, "a detector is a bit of 32");
        let candidates = Candidates::new(&mut all);
        let is_clean =
            |shape: &Candidate| all.get(shape.detector).is_some_and(|detector| detector.is_clean);
        let clean = candidates.which(is_clean);
        let alone = candidates.which(|shape| shape.alone.is_some()) & !clean;
        Ok(Detectors { all, candidates, clean, alone })
    }

    /// In the order of the file, which is that of all indices.
    pub fn all(&self) -> &[Detector] {
        &self.all
    }

    /// What the names on the way to a value say, from the outermost to its own.
    pub fn evidence<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Evidence {
        let names: Vec<Name> = names.into_iter().map(Name::new).collect();
        let is_named = |detector: &Detector| names.iter().any(|name| detector.is_named_by(name));
        let is_ruled_out =
            |detector: &Detector| names.iter().any(|name| detector.is_ruled_out_by(name));
        let speaks_for = bits(self.all.iter().map(is_named));
        let ruled_out = bits(self.all.iter().map(is_ruled_out));
        let of = |detectors: u32| {
            self.candidates.which(|shape| detectors & (1 << shape.detector) != 0) & !self.clean
        };
        Evidence {
            named: speaks_for,
            ruled_out,
            named_shapes: of(speaks_for),
            ruled_out_shapes: of(ruled_out),
        }
    }

    /// What a value looks like, given what its field's name says.
    pub fn judge(&self, value: &str, evidence: Evidence) -> Findings {
        let plain = plain::plain(value);
        let text = plain.trim();
        if text.is_empty() {
            return Findings::default();
        }
        let look = self.candidates.look(text);
        let clean = self.ask(self.clean, look, 0);
        if !clean.is_empty() {
            return clean;
        }
        self.ask(self.asked(evidence), look, evidence.named)
    }

    /// What may be found in a text of ASCII, and in any other that differs from it in letters and digits alone: a
    /// capital for a capital, a digit for a digit.
    pub fn possible_in_alike(&self, text: &str, evidence: Evidence) -> Possible {
        let look = self.candidates.look_at_alike(text.trim());
        let all = self.clean | self.asked(evidence);
        if !text.is_ascii() {
            return Possible(all);
        }
        let may_match = |candidate: &&Candidate| {
            self.shape(candidate).is_some_and(|(detector, shape)| {
                detector.gate.allows(look.digits())
                    && shape.may_accept(look)
                    && shape.may_match_alike(look.text)
            })
        };
        let possible = self.candidates.possible(all, look).filter(may_match);
        Possible(possible.fold(0, |all, candidate| all | self.candidates.only(candidate)))
    }

    /// What [`Detectors::judge`] says of a text of ASCII, of which is known what may be found in it.
    pub fn judge_alike(&self, text: &str, possible: Possible, evidence: Evidence) -> Findings {
        let Possible(possible) = possible;
        let text = text.trim();
        if possible == 0 || text.is_empty() {
            return Findings::default();
        }
        let ask = |which: Shapes, named: u32| {
            let candidates = self.candidates.of(which & possible);
            findings_of(candidates, named, |candidate| {
                self.shape(candidate).is_some_and(|(detector, shape)| {
                    shape.is_usual(text, &detector.ignore)
                        || (detector.gate.has_any(text) && shape.is_in(text, &detector.ignore))
                })
            })
        };
        let clean = ask(self.clean, 0);
        if clean.is_empty() { ask(!self.clean, evidence.named) } else { clean }
    }

    /// The shapes that are tried, given what a field's name says, but for those of what segprep made.
    fn asked(&self, evidence: Evidence) -> Shapes {
        let Evidence { named_shapes, ruled_out_shapes, .. } = evidence;
        (self.alone | named_shapes) & !ruled_out_shapes
    }

    /// Which of some shapes a plain text has. `named`: the detectors that the field's name speaks for.
    fn ask(&self, which: Shapes, look: Look<'_>, named: u32) -> Findings {
        let possible = self.candidates.possible(which, look);
        findings_of(possible, named, |candidate| {
            self.shape(candidate).is_some_and(|(detector, shape)| {
                shape.may_accept(look)
                    && detector.gate.lets_pass(look.text, look.digits())
                    && shape.is_in(look.text, &detector.ignore)
            })
        })
    }

    fn shape(&self, candidate: &Candidate) -> Option<(&Detector, &Shape)> {
        let detector = self.all.get(candidate.detector)?;
        Some((detector, detector.shapes.get(candidate.shape)?))
    }
}

/// What those of some shapes find that are in a text. `named`: the detectors that the field's name speaks for.
fn findings_of<'s>(
    shapes: impl Iterator<Item = &'s Candidate>,
    named: u32,
    is_in: impl Fn(&Candidate) -> bool,
) -> Findings {
    let mut findings = Findings::default();
    for candidate in shapes {
        let bit = 1 << candidate.detector;
        let is_likely = named & bit != 0 || candidate.alone == Some(Likelihood::Likely);
        let known = if is_likely { findings.likely } else { findings.all };
        if known & bit == 0 && is_in(candidate) {
            findings.all |= bit;
            findings.likely |= if is_likely { bit } else { 0 };
        }
    }
    findings
}

/// The shapes that some texts may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Possible(Shapes);

/// A plain text, and what a look at its bytes says.
#[derive(Clone, Copy)]
struct Look<'a> {
    text: &'a str,
    /// The sets of bytes that it has one of.
    sets: u128,
    /// How many digits, hyphens, colons and dots it has.
    counts: [usize; 4],
    /// The most digits in a stretch of characters of numbers; all of them if there are few.
    stretch: usize,
}

impl Look<'_> {
    fn digits(&self) -> usize {
        let [digits, ..] = self.counts;
        digits
    }

    fn colons(&self) -> usize {
        let [_, _, colons, _] = self.counts;
        colons
    }
}

impl Detector {
    /// Whether it judges a value by itself, whatever its field is called.
    pub fn judges_by_value(&self) -> bool {
        !self.needs_name && !self.is_clean
    }
}

impl Findings {
    pub fn is_empty(self) -> bool {
        self.all == 0
    }

    /// The index of each detector that hit, and its likelihood.
    pub fn iter(self) -> impl Iterator<Item = (usize, Likelihood)> {
        let mut left = self.all;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros();
            // `None` after the last one: the bit would be the 33rd.
            let bit = 1_u32.checked_shl(index)?;
            left &= !bit;
            let is_likely = self.likely & bit != 0;
            let likelihood = if is_likely { Likelihood::Likely } else { Likelihood::Possible };
            Some((usize::try_from(index).ok()?, likelihood))
        })
    }
}

/// The first flag becomes the lowest bit.
fn bits(flags: impl Iterator<Item = bool>) -> u32 {
    (0..).zip(flags).fold(0, |bits, (index, flag)| bits | u32::from(flag) << index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Vec<String> {
        let detectors = Detectors::shipped().expect("the shipped file compiles");
        let findings = detectors.judge(value, detectors.evidence([name]));
        let shown = |(index, likelihood): (usize, Likelihood)| {
            let name = detectors.all().get(index).map_or("", |detector| detector.name.as_str());
            format!(
                "{name} {}",
                if likelihood == Likelihood::Likely { "likely" } else { "possible" }
            )
        };
        findings.iter().map(shown).collect()
    }

    #[test]
    fn all_patterns_compile() {
        let detectors = Detectors::shipped().expect("the shipped file compiles");
        let shapes = detectors.all().iter().flat_map(|detector| &detector.shapes);
        assert!(30 < shapes.inspect(|shape| shape.compile()).count());
    }

    #[test]
    fn names_are_evidence() {
        assert_eq!(found("mobile", "0151 23456789"), ["phone likely"]);
        assert_eq!(found("order", "0151 23456789"), Vec::<String>::new());
        assert_eq!(found("vorname", "Zoë"), ["person_name likely"]);
        assert_eq!(found("productName", "Zoë"), Vec::<String>::new());
    }

    #[test]
    fn what_segprep_made_is_clean() {
        let token = format!("hmac:k1:{}", "0123456789abcdef".repeat(4));
        assert_eq!(found("email", &token), ["own_token likely"]);
        assert_eq!(found("first name", "Z**"), ["own_mask likely"]);
        assert_eq!(found("first name", "[redacted]"), ["own_mask likely"]);
        assert_eq!(found("birthday", "1993"), Vec::<String>::new());
    }

    #[test]
    fn fields_are_likely_by_their_share_of_hits() {
        let detectors = Detectors::shipped().expect("the shipped file compiles");
        let count = |hits: usize| {
            let mut parts = [ColumnFindings::default(), ColumnFindings::default()];
            for number in 0..100 {
                let value = if number < hits { "ask ada@example.com" } else { "nothing" };
                parts[number % 2].add(detectors.judge(value, Evidence::default()), 1);
            }
            let [mut one, other] = parts;
            one.merge(&other);
            let verdicts = one.verdicts(&detectors).into_iter();
            verdicts.map(|verdict| (verdict.hits, verdict.likelihood)).collect::<Vec<_>>()
        };
        assert_eq!(count(0), []);
        assert_eq!(count(9), [(9, Likelihood::Possible)]);
        assert_eq!(count(10), [(10, Likelihood::Likely)]);
    }
}
