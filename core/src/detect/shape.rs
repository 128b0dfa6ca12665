//! One shape of a detector: a pattern, and a check of what it finds.

use std::ops::{ControlFlow, Range};
use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;

use super::alike;
use super::checks::Check;
use super::needs::Needs;
use super::plain::FIRST_WITHOUT_BLANKS;
use super::usual::Usual;
use super::{Likelihood, Look};

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
        self.allows(digits) && self.has_any(text)
    }

    /// Whether so many digits are enough.
    pub(super) fn allows(&self, digits: usize) -> bool {
        self.digits <= digits
    }

    /// Whether one of the texts is there that must be.
    pub(super) fn has_any(&self, text: &str) -> bool {
        self.any.is_empty() || self.any.iter().any(|part| text.contains(part.as_str()))
    }
}

/// A pattern, compiled when a text first needs it: most runs meet few of them.
#[derive(Debug)]
pub(super) struct Pattern {
    source: String,
    /// The fewest bytes of a match.
    shortest: usize,
    compiled: OnceLock<Regex>,
    /// The same of texts that are like a match but for letters and digits.
    of_alike: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// # Errors
    ///
    /// If the pattern is no regular expression.
    pub(super) fn new(source: String) -> Result<Pattern, regex::Error> {
        let hir = regex_syntax::parse(&source)
            .map_err(|error| regex::Error::Syntax(error.to_string()))?;
        let shortest = hir.properties().minimum_len().unwrap_or(0);
        Ok(Pattern { source, shortest, compiled: OnceLock::new(), of_alike: OnceLock::new() })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.shortest <= text.len() && self.regex().is_match(text)
    }

    /// Whether a text that has other letters and digits than this one may match.
    fn may_match_alike(&self, text: &str) -> bool {
        let compile = || Regex::new(&alike::pattern(&self.source)?).ok();
        let pattern = self.of_alike.get_or_init(compile);
        pattern.as_ref().is_none_or(|pattern| pattern.is_match(&alike::text(text)))
    }

    fn regex(&self) -> &Regex {
        let compile = || Regex::new(&self.source).expect("a test compiles the shipped patterns");
        self.compiled.get_or_init(compile)
    }
}

#[derive(Debug)]
pub(super) struct Shape {
    pub(super) pattern: Pattern,
    /// What a text must have to match the pattern.
    pub(super) needs: Needs,
    pub(super) check: Option<Check>,
    /// A form of texts for which the pattern need not be tried.
    pub(super) usual: Option<Usual>,
    /// What must not be before it, to the end of a text, and after it, from the start of one.
    pub(super) not_after: Option<Pattern>,
    pub(super) not_before: Option<Pattern>,
    /// The likelihood if the field's name says nothing. `None`: the name must be evidence.
    pub(super) alone: Option<Likelihood>,
}

/// How often a match that is no hit is tried again from its next character: `a@b@example.com` has an address.
/// The number is bounded, so that the time grows with the length of a text and no faster.
const RETRIES_MAX: usize = 80;
/// How many bytes beside a place are looked at.
const BESIDE_MAX: usize = 256;

impl Shape {
    /// Whether the check may accept something in a text, by its punctuation.
    pub(super) fn may_accept(&self, look: Look<'_>) -> bool {
        self.check.is_none_or(|check| check.may_accept(look.text, look.colons()))
    }

    /// Whether the pattern may match a text that differs from this one in letters and digits alone.
    pub(super) fn may_match_alike(&self, text: &str) -> bool {
        self.pattern.may_match_alike(text)
    }

    /// Whether a text has the usual form, and is none of `ignore`.
    pub(super) fn is_usual(&self, text: &str, ignore: &[String]) -> bool {
        self.usual.is_some_and(|usual| usual.is(text.as_bytes()))
            && !ignore.iter().any(|example| example == text)
    }

    /// Whether a plain text has a place that this shape accepts and that is none of `ignore`.
    pub(super) fn is_in(&self, text: &str, ignore: &[String]) -> bool {
        self.is_usual(text, ignore)
            || self.each(text, ignore, &mut |_| ControlFlow::Break(())).is_break()
    }

    /// Calls `visit` with each such place, in their order, until it breaks off. No two of them overlap.
    pub(super) fn each(
        &self,
        text: &str,
        ignore: &[String],
        visit: &mut dyn FnMut(Range<usize>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut from, mut tried_end, mut tries) = (0, 0, 0);
        let mut parts = Vec::new();
        while let Some(found) = self.pattern.regex().find_at(text, from) {
            parts.clear();
            match self.check {
                Some(check) => check.parts(found.as_str(), &mut parts),
                None => parts.push(0..found.len()),
            }
            let places =
                parts.iter().map(|part| found.start() + part.start..found.start() + part.end);
            let mut last = None;
            for place in places.filter(|place| self.is_hit(text, place, ignore)) {
                last = Some(place.end);
                visit(place)?;
            }
            if tried_end < found.end() {
                (tried_end, tries) = (found.end(), 0);
            }
            tries += 1;
            let may_retry =
                tries <= RETRIES_MAX && self.check.is_some_and(Check::is_worth_retrying);
            from = match last {
                Some(end) => end.max(found.start() + 1),
                None if may_retry => next_char(text, found.start()),
                None => found.end().max(next_char(text, found.start())),
            };
            if text.len() < from {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    /// Compiles all patterns.
    #[cfg(test)]
    pub(super) fn compile(&self) {
        let beside = self.not_after.iter().chain(&self.not_before);
        beside.chain([&self.pattern]).for_each(|pattern| {
            pattern.regex();
        });
    }

    fn is_hit(&self, text: &str, place: &Range<usize>, ignore: &[String]) -> bool {
        let Some(meant) = text.get(place.clone()) else { return false };
        !ignore.iter().any(|example| example == meant)
            && is_free(text, place)
            && self.fits_between(text, place)
    }

    /// Whether the texts beside a place allow it.
    fn fits_between(&self, text: &str, place: &Range<usize>) -> bool {
        let is_in = |pattern: &Option<Pattern>, part: &str| {
            pattern.as_ref().is_some_and(|pattern| pattern.is_in(part))
        };
        let mut start = place.start.saturating_sub(BESIDE_MAX);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let mut end = (place.end + BESIDE_MAX).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        !is_in(&self.not_after, text.get(start..place.start).unwrap_or_default())
            && !is_in(&self.not_before, text.get(place.end..end).unwrap_or_default())
    }
}

/// Where the character after the one at `at` begins.
fn next_char(text: &str, at: usize) -> usize {
    let char = text.get(at..).and_then(|rest| rest.chars().next());
    at + char.map_or(1, char::len_utf8)
}

/// Whether no letter or digit is beside this place, and no digit after a `.` or `-` beside a digit. In scripts
/// without blanks between words, letters may be anywhere, and so they may after a number that begins with `+`.
fn is_free(text: &str, place: &Range<usize>) -> bool {
    let inside = text.get(place.clone()).unwrap_or_default();
    let before = text.get(..place.start).unwrap_or_default().chars().rev();
    let mut after = text.get(place.end..).unwrap_or_default().chars().peekable();
    let is_before_word = inside.starts_with('+') && after.peek().is_some_and(|c| c.is_alphabetic());
    is_end(inside.chars().next(), before)
        && (is_before_word || is_end(inside.chars().next_back(), after))
}

/// Whether what is found ends here: `edge` is its last character, `beside` what follows.
fn is_end(edge: Option<char>, mut beside: impl Iterator<Item = char>) -> bool {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let joins = |c: char| c.is_alphanumeric() && c < FIRST_WITHOUT_BLANKS;
    let edge_joins = edge.is_some_and(joins);
    match beside.next() {
        Some('.' | '-') => !(is_digit(edge) && is_digit(beside.next())),
        Some(c) => !(edge_joins && joins(c)),
        None => true,
    }
}
