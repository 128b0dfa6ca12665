//! `scrub`: replaces what detectors find in a text, and leaves the rest as it is.
//!
//! ```text
//! Call Ada (+1 202 555 0191) or ada@example.com.
//! Call Ada ([redacted]) or [redacted].
//! ```
//!
//! - Places that overlap are replaced as one. What was beside a place may be found only once that is gone,
//!   so the result is searched again until nothing is found outside of what was made.
//! - What was made never holds a hit itself: a mask that still does hides everything.
//! - A token is that of the plain form of what was found, so that full-width letters and invisible characters
//!   make no other token.

use std::ops::Range;

use super::{Hmac, Mask, Outcome, Redact};
use crate::detect::{Finder, Hit, plain_text};

/// How often the result is searched again. Then everything is replaced.
const PASSES_MAX: usize = 8;
/// The longest value that is searched, in bytes: far more than any target accepts. Memory for what is found
/// depends on it. A longer value is removed.
const BYTES_MAX: usize = 64 << 10;

/// The `scrub` operation.
#[derive(Debug)]
pub struct Scrub {
    finder: Finder,
    by: Replacement,
    /// Hides every character, where `by` is a mask.
    hides_all: Mask,
}

/// What is written for what is found.
#[derive(Debug)]
pub enum Replacement {
    Redact(Redact),
    Mask(Mask),
    Hmac(Hmac),
}

/// A text in which something was replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    pub text: String,
    /// The places of `text` that were made, in their order.
    pub made: Vec<Range<usize>>,
    /// The detectors that found something, as bits.
    pub by: u32,
}

/// Why a text could not be scrubbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotReplace;

impl Scrub {
    /// Replaces what `finder` finds. `hidden` is the masking character.
    pub fn new(finder: Finder, by: Replacement, hidden: char) -> Scrub {
        Scrub { finder, by, hides_all: Mask::new(0, 0, hidden, "") }
    }

    /// Appends the scrubbed text to `out`; [`Outcome::Kept`] if there is nothing to replace. Fails if something
    /// found has no replacement since it has no normal form, or if the value is too long.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        match self.scrub(value) {
            Ok(None) => Outcome::Kept,
            Ok(Some(scrubbed)) => {
                out.extend_from_slice(scrubbed.text.as_bytes());
                Outcome::Made { plain: super::is_plain(scrubbed.text.as_bytes()) }
            }
            Err(CannotReplace) => Outcome::Failed,
        }
    }

    /// The scrubbed text; `None` if there is nothing to replace.
    ///
    /// # Errors
    ///
    /// If something found has no replacement, or the value is too long.
    pub fn scrub(&self, value: &[u8]) -> Result<Option<Scrubbed>, CannotReplace> {
        if BYTES_MAX < value.len() {
            return Err(CannotReplace);
        }
        let value = str::from_utf8(value).map_err(|_not_text| CannotReplace)?;
        let mut hits = Vec::new();
        self.finder.find(value, &mut hits);
        if hits.is_empty() {
            return Ok(None);
        }
        let mut scrubbed = Scrubbed { text: value.to_owned(), ..Scrubbed::default() };
        let mut passes = 0;
        while !hits.is_empty() {
            passes += 1;
            if PASSES_MAX < passes {
                let by = hits.iter().fold(0, |by, hit| by | hit.by);
                hits = vec![Hit { place: 0..scrubbed.text.len(), by }];
            }
            scrubbed = self.replaced(&scrubbed, &hits)?;
            if PASSES_MAX < passes {
                break;
            }
            hits.clear();
            self.finder.find(&scrubbed.text, &mut hits);
            hits.retain(|hit| !is_within(&hit.place, &scrubbed.made));
        }
        Ok(Some(scrubbed))
    }

    /// The text with each hit replaced, together with what was made before and is beside it.
    fn replaced(&self, before: &Scrubbed, hits: &[Hit]) -> Result<Scrubbed, CannotReplace> {
        let mut after = Scrubbed { by: before.by, ..Scrubbed::default() };
        let mut copied = 0;
        for (place, by) in united(&before.made, hits) {
            let text = |part: Range<usize>| before.text.get(part).unwrap_or_default();
            after.text.push_str(text(copied..place.start));
            let start = after.text.len();
            if by == 0 {
                after.text.push_str(text(place.clone()));
            } else {
                self.replace(text(place.clone()), &mut after.text)?;
            }
            copied = place.end;
            after.by |= by;
            after.made.push(start..after.text.len());
        }
        after.text.push_str(before.text.get(copied..).unwrap_or_default());
        Ok(after)
    }

    /// Appends what is written for a text that was found.
    fn replace(&self, found: &str, out: &mut String) -> Result<(), CannotReplace> {
        let mut made = Vec::new();
        let outcome = match &self.by {
            Replacement::Redact(redact) => redact.apply(found.as_bytes(), &mut made),
            Replacement::Mask(mask) => mask.apply(found.as_bytes(), &mut made),
            Replacement::Hmac(hmac) => hmac.apply(plain_text(found).as_bytes(), &mut made),
        };
        match outcome {
            Outcome::Made { .. } => {}
            // Nothing of what was found remains.
            Outcome::Failed | Outcome::Dropped | Outcome::Kept | Outcome::AlreadyToken { .. } => {
                return Err(CannotReplace);
            }
        }
        let is_mask = matches!(self.by, Replacement::Mask(_));
        if is_mask && str::from_utf8(&made).is_ok_and(|made| self.finder.hits(made) != 0) {
            made.clear();
            self.hides_all.apply(found.as_bytes(), &mut made);
        }
        out.push_str(str::from_utf8(&made).map_err(|_not_text| CannotReplace)?);
        Ok(())
    }
}

fn is_within(place: &Range<usize>, made: &[Range<usize>]) -> bool {
    let next = made.partition_point(|other| other.end <= place.start);
    made.get(next).is_some_and(|other| other.start <= place.start && place.end <= other.end)
}

/// The places of hits, and of what was made before, in their order. Those that overlap are one, and have the
/// detectors of all; what was made alone has none.
fn united(made: &[Range<usize>], hits: &[Hit]) -> Vec<(Range<usize>, u32)> {
    let made = made.iter().map(|place| (place.clone(), 0));
    let mut all: Vec<(Range<usize>, u32)> =
        made.chain(hits.iter().map(|hit| (hit.place.clone(), hit.by))).collect();
    all.sort_by_key(|(place, _)| place.start);
    let mut united: Vec<(Range<usize>, u32)> = Vec::new();
    for (place, by) in all {
        match united.last_mut() {
            Some((last, last_by)) if place.start < last.end => {
                last.end = last.end.max(place.end);
                *last_by |= by;
            }
            _ => united.push((place, by)),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::detect::{Detectors, Likelihood};
    use crate::transform::vectors;

    fn finder(names: Option<&[&str]>) -> Finder {
        let detectors = Detectors::shared();
        let numbered = detectors.all().iter().enumerate();
        let is_used = |name: &str| names.is_none_or(|names| names.contains(&name));
        let which = numbered.filter(|(_, detector)| is_used(&detector.name));
        Finder::new(which.fold(0, |which, (index, _)| which | 1 << index), Likelihood::Possible)
    }

    fn operation(params: &Value) -> Scrub {
        let names = params.get("detectors").map(|names| {
            names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>()
        });
        let text = |name, default| vectors::text(params, name).unwrap_or(default);
        let hidden = text("char", "*").chars().next().unwrap();
        let by = match text("with", "redact") {
            "mask" => {
                let count = |name| vectors::count(params, name).unwrap_or(0);
                let (first, last) = (count("keep_first"), count("keep_last"));
                Replacement::Mask(Mask::new(first, last, hidden, text("skip", "")))
            }
            "hmac" => Replacement::Hmac(crate::transform::hmac::tests::operation(params)),
            _ => Replacement::Redact(Redact::new(text("text", "[redacted]"))),
        };
        Scrub::new(finder(names.as_deref()), by, hidden)
    }

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/scrub.json");
        vectors::check(file, |params, value, out| operation(params).apply(value, out));
    }

    #[test]
    fn places_are_those_of_what_was_made() {
        let scrub = Scrub::new(finder(None), Replacement::Redact(Redact::default()), '*');
        let scrubbed = scrub.scrub(b"a ada@example.com, +12025550191!").unwrap().unwrap();
        assert_eq!(scrubbed.text, "a [redacted], [redacted]!");
        assert_eq!(scrubbed.made, [2..12, 14..24]);
        assert_eq!(scrubbed.by.count_ones(), 2);
    }

    #[test]
    fn the_whole_address_is_found() {
        let scrub = Scrub::new(finder(None), Replacement::Redact(Redact::default()), '*');
        for (text, expected) in [
            ("mary.o'neil@x.example", "[redacted]"),
            ("x{y}@x.example", "[redacted]"),
            ("'ada@x.example' and {ada@x.example}", "'[redacted]' and {[redacted]}"),
            ("it's ada@x.example's", "it's [redacted]'s"),
            ("?mail=ada@x.example&b=1", "?mail=[redacted]&b=1"),
        ] {
            assert_eq!(scrub.scrub(text.as_bytes()).unwrap().unwrap().text, expected, "{text}");
        }
    }

    #[test]
    fn a_mask_that_shows_what_it_hides_hides_all() {
        let mask = Mask::new(15, 0, '*', "");
        let scrub = Scrub::new(finder(None), Replacement::Mask(mask), '*');
        let scrubbed = scrub.scrub(b"ask ada@example.com.au.example").unwrap().unwrap();
        assert_eq!(scrubbed.text, format!("ask {}", "*".repeat(26)));
    }

    #[test]
    fn a_value_that_is_too_long_fails() {
        let scrub = Scrub::new(finder(None), Replacement::Redact(Redact::default()), '*');
        let mut out = Vec::new();
        assert_eq!(scrub.apply("a ".repeat(BYTES_MAX / 2).as_bytes(), &mut out), Outcome::Kept);
        assert_eq!(scrub.apply("a".repeat(BYTES_MAX + 1).as_bytes(), &mut out), Outcome::Failed);
    }

    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("ada@example.com"),
            Just("+12025550191"),
            Just("+1 202 555 0142"),
            Just("(202) 555-0142"),
            Just("4111 1111 1111 1111"),
            Just("536-90-4399"),
            Just("203.0.113.9"),
            Just("2001:db8::7"),
            Just("password: hunter22"),
            Just("https://u:p@db.example.com"),
            Just("ａｄａ＠example．com"),
            Just("a\u{200b}da@example.com"),
            Just("[redacted]"),
            Just("****"),
            Just("word"),
            Just("12"),
            Just(" "),
            Just(", "),
            Just(". "),
            Just("-"),
            Just("("),
            Just("@"),
            Just("日本"),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Nothing is found in the result, a second run changes nothing, and what is around is as it was.
        #[test]
        fn nothing_is_left_and_nothing_else_changes(text in texts(), masks in any::<bool>()) {
            let by = if masks {
                Replacement::Mask(Mask::new(1, 0, '*', ""))
            } else {
                Replacement::Redact(Redact::default())
            };
            let scrub = Scrub::new(finder(None), by, '*');
            let Some(scrubbed) = scrub.scrub(text.as_bytes()).unwrap() else { return Ok(()) };
            prop_assert_eq!(scrub.scrub(scrubbed.text.as_bytes()), Ok(None), "{}", scrubbed.text);
            let (mut at, mut rest) = (0, text.as_str());
            for made in &scrubbed.made {
                let kept = scrubbed.text.get(at..made.start).unwrap_or("?");
                let found = if at == 0 { rest.strip_prefix(kept).map(|_| 0) } else { rest.find(kept) };
                prop_assert!(found.is_some(), "{} in {}", kept, text);
                rest = rest.get(found.unwrap_or(0) + kept.len()..).unwrap_or("?");
                at = made.end;
            }
            prop_assert!(rest.ends_with(scrubbed.text.get(at..).unwrap_or("?")));
        }
    }
}
