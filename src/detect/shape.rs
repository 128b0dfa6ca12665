//! One shape of a detector: a pattern, and a check of what it finds.

use std::ops::Range;

use regex::Regex;
use serde::Deserialize;

use super::Likelihood;
use super::checks::Check;
use super::needs::Needs;

/// Cheap tests before any pattern is tried.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gate {
    /// The fewest digits.
    #[serde(default)]
    digits: usize,
    /// One of these is in the text; if there are none, any text passes.
    #[serde(default)]
    any: Vec<String>,
}

impl Gate {
    /// `digits` is the number of digits in `text`.
    pub(super) fn lets_pass(&self, text: &str, digits: usize) -> bool {
        self.digits <= digits
            && (self.any.is_empty() || self.any.iter().any(|part| text.contains(part.as_str())))
    }
}

#[derive(Debug)]
pub(super) struct Shape {
    pub(super) pattern: Regex,
    /// What a text must have to match the pattern.
    pub(super) needs: Needs,
    pub(super) check: Option<Check>,
    /// What must not be before it, to the end of a text, and after it, from the start of one.
    pub(super) not_after: Option<Regex>,
    pub(super) not_before: Option<Regex>,
    /// The likelihood if the field's name says nothing. `None`: the name must be evidence.
    pub(super) alone: Option<Likelihood>,
}

impl Shape {
    /// The first place in a plain text that this shape accepts and that is none of `ignore`.
    pub(super) fn find(&self, text: &str, ignore: &[String]) -> Option<Range<usize>> {
        self.pattern.find_iter(text).find_map(|found| {
            let part = match self.check {
                Some(check) => check.accepted(found.as_str())?,
                None => 0..found.len(),
            };
            let place = found.start() + part.start..found.start() + part.end;
            let meant = text.get(place.clone())?;
            let is_ignored = ignore.iter().any(|example| example == meant);
            let is_meant = !is_ignored && is_free(text, &place) && self.fits_between(text, &place);
            is_meant.then_some(place)
        })
    }

    /// Whether the texts beside a place allow it.
    fn fits_between(&self, text: &str, place: &Range<usize>) -> bool {
        let is_in = |pattern: &Option<Regex>, part: Option<&str>| {
            pattern.as_ref().zip(part).is_some_and(|(pattern, part)| pattern.is_match(part))
        };
        !is_in(&self.not_after, text.get(..place.start))
            && !is_in(&self.not_before, text.get(place.end..))
    }
}

/// Whether no letter or digit is beside this place, and no digit after a `.` or `-` beside a digit. In scripts
/// without blanks between words, letters may be anywhere.
fn is_free(text: &str, place: &Range<usize>) -> bool {
    let inside = text.get(place.clone()).unwrap_or_default();
    let before = text.get(..place.start).unwrap_or_default().chars().rev();
    let after = text.get(place.end..).unwrap_or_default().chars();
    is_end(inside.chars().next(), before) && is_end(inside.chars().next_back(), after)
}

/// Whether what is found ends here: `edge` is its last character, `beside` what follows.
fn is_end(edge: Option<char>, mut beside: impl Iterator<Item = char>) -> bool {
    const FIRST_WITHOUT_BLANKS: char = '\u{2e80}';
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let joins = |c: char| c.is_alphanumeric() && c < FIRST_WITHOUT_BLANKS;
    let edge_joins = edge.is_some_and(joins);
    match beside.next() {
        Some('.' | '-') => !(is_digit(edge) && is_digit(beside.next())),
        Some(c) => !(edge_joins && joins(c)),
        None => true,
    }
}
