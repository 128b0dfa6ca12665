//! What a schema asks of one value, compiled from the schema's tests.

use crate::record::Code;
use crate::schema::{Format, FormatLimits, Test, is_in_numbering_plan};
use crate::simd::Span;

/// A test with its text as bytes.
#[derive(Debug)]
pub(super) enum TestOf {
    Enum(Words),
    Format(Format),
    /// That a telephone number in the right form is one of its numbering plan.
    NumberingPlan,
    Pattern(regex::Regex),
    Range {
        min: f64,
        max: f64,
    },
    NotEmpty,
}

impl TestOf {
    pub(super) fn from(test: &Test) -> TestOf {
        match test {
            Test::Enum(values) => TestOf::Enum(Words::new(values)),
            Test::Format(format) => TestOf::Format(*format),
            Test::Pattern(pattern) => TestOf::Pattern(pattern.clone()),
            Test::Range { min, max } => TestOf::Range { min: *min, max: *max },
            Test::NotEmpty => TestOf::NotEmpty,
        }
    }

    #[inline]
    pub(super) fn holds(&self, value: Span<'_>, formats: &FormatLimits) -> bool {
        match self {
            TestOf::Enum(words) => words.has(value),
            TestOf::Format(format) => format.check(value.bytes(), formats),
            TestOf::NumberingPlan => {
                let has_form = Format::Phone.check(value.bytes(), formats);
                !has_form || is_in_numbering_plan(value.bytes())
            }
            TestOf::Pattern(pattern) => {
                str::from_utf8(value.bytes()).is_ok_and(|text| pattern.is_match(text))
            }
            TestOf::Range { min, max } => {
                number(value.bytes()).is_some_and(|n| *min <= n && n <= *max)
            }
            TestOf::NotEmpty => value.len != 0,
        }
    }

    /// The code of what a value breaks for which it does not hold.
    pub(super) fn code(&self) -> Code {
        match self {
            TestOf::Enum(_) => Code::Enum,
            TestOf::Format(format) => format.code(),
            TestOf::NumberingPlan => Code::Phone,
            TestOf::Pattern(_) => Code::Pattern,
            TestOf::Range { .. } => Code::Range,
            TestOf::NotEmpty => Code::Empty,
        }
    }
}

/// A few words, of which a value may be one.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// Those that are short enough, each as one number.
    short: Vec<u128>,
    long: Vec<Box<[u8]>>,
}

impl Words {
    pub(super) fn new(words: &[String]) -> Words {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for word in words {
            match Span::whole(word.as_bytes()).packed() {
                Some(packed) => short.push(packed),
                None => long.push(word.as_bytes().into()),
            }
        }
        Words { short, long }
    }

    #[inline]
    pub(super) fn has(&self, value: Span<'_>) -> bool {
        match value.packed() {
            Some(packed) => self.short.contains(&packed),
            None => self.long.iter().any(|word| **word == *value.bytes()),
        }
    }
}

/// The most that a number may be in size; beyond it readers lose it. (The contract's bound, just
/// below the largest double.)
const NUMBER_MAX: f64 = 1e308;

/// Numbers of so few digits without an exponent are within bounds for certain.
const SURELY_BOUNDED_DIGITS: usize = 300;

pub(super) fn is_out_of_bounds(number_text: &[u8]) -> bool {
    let is_short = number_text.len() <= SURELY_BOUNDED_DIGITS;
    if is_short && !number_text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    number(number_text).is_none_or(|number| NUMBER_MAX < number.abs())
}

pub(super) fn number(text: &[u8]) -> Option<f64> {
    str::from_utf8(text).ok()?.parse().ok()
}
