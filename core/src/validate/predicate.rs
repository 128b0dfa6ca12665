//! What the schema requires of one value: a test of the schema, compiled to compare bytes.

use crate::record::{Code, Detail};
use crate::schema::{Format, FormatLimits, Test, is_in_numbering_plan};
use crate::simd::Span;

/// A requirement for one value.
#[derive(Debug)]
pub(super) enum Predicate {
    Enum(Words),
    Format(Format),
    /// A telephone number of valid form is in its country's numbering plan.
    NumberingPlan,
    Pattern(regex::Regex),
    Range {
        min: f64,
        max: f64,
    },
    NotEmpty,
}

impl Predicate {
    pub(super) fn new(test: &Test) -> Predicate {
        match test {
            Test::Enum(values) => Predicate::Enum(Words::new(values)),
            Test::Format(format) => Predicate::Format(*format),
            Test::Pattern(pattern) => Predicate::Pattern(pattern.clone()),
            Test::Range { min, max } => Predicate::Range { min: *min, max: *max },
            Test::NotEmpty => Predicate::NotEmpty,
        }
    }

    #[inline]
    pub(super) fn holds(&self, value: Span<'_>, formats: &FormatLimits) -> bool {
        match self {
            Predicate::Enum(words) => words.contains(value),
            Predicate::Format(format) => format.check(value.bytes(), formats),
            Predicate::NumberingPlan => {
                let has_form = Format::Phone.check(value.bytes(), formats);
                !has_form || is_in_numbering_plan(value.bytes())
            }
            Predicate::Pattern(pattern) => {
                str::from_utf8(value.bytes()).is_ok_and(|text| pattern.is_match(text))
            }
            Predicate::Range { min, max } => {
                parse_number(value.bytes()).is_some_and(|n| *min <= n && n <= *max)
            }
            Predicate::NotEmpty => value.len != 0,
        }
    }

    /// Whether it is one of phone numbers.
    pub(super) fn is_phone(&self) -> bool {
        matches!(self, Predicate::NumberingPlan | Predicate::Format(Format::Phone))
    }

    /// More about what is wrong with a value that does not meet it.
    pub(super) fn fault(&self, value: &[u8], formats: &FormatLimits) -> Detail {
        match self {
            Predicate::Format(format) => format.fault(value, formats),
            Predicate::Enum(_)
            | Predicate::NumberingPlan
            | Predicate::Pattern(_)
            | Predicate::Range { .. }
            | Predicate::NotEmpty => Detail::None,
        }
    }

    /// The code of the problem if the value does not meet it.
    pub(super) fn code(&self) -> Code {
        match self {
            Predicate::Enum(_) => Code::Enum,
            Predicate::Format(format) => format.code(),
            Predicate::NumberingPlan => Code::Phone,
            Predicate::Pattern(_) => Code::Pattern,
            Predicate::Range { .. } => Code::Range,
            Predicate::NotEmpty => Code::Empty,
        }
    }
}

/// A small set of words. Words of up to 15 bytes are compared as numbers.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// The short words, packed.
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
    pub(super) fn contains(&self, value: Span<'_>) -> bool {
        match value.packed() {
            Some(packed) => self.short.contains(&packed),
            None => self.long.iter().any(|word| **word == *value.bytes()),
        }
    }
}

/// The largest absolute value of a number, just below the largest double. Readers lose larger ones.
const NUMBER_MAX: f64 = 1e308;

/// A number with at most this many characters and no exponent is always within bounds.
const ALWAYS_BOUNDED_LEN: usize = 300;

pub(super) fn is_out_of_bounds(number: &[u8]) -> bool {
    let is_short = number.len() <= ALWAYS_BOUNDED_LEN;
    if is_short && !number.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return false;
    }
    parse_number(number).is_none_or(|number| NUMBER_MAX < number.abs())
}

pub(super) fn parse_number(text: &[u8]) -> Option<f64> {
    str::from_utf8(text).ok()?.parse().ok()
}
