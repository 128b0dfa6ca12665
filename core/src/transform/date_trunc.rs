//! `date_trunc`: replaces a date by the year, quarter, month or day that it is in.
//!
//! - In an attribute, the date is truncated as written: `1988-02-09T23:30:00-05:00` by day is
//!   `1988-02-09`, the date that its writer meant.
//! - In a date field, the value is an instant: it is converted to UTC first.

use jiff::civil::Date;

use super::Outcome;
use crate::schema::{IsoDate, parse_attribute_date, parse_date, write_date};

/// The `date_trunc` operation.
#[derive(Clone, Copy, Debug)]
pub struct DateTrunc {
    pub unit: Unit,
    pub form: DateForm,
}

/// The precision that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Year,
    Quarter,
    Month,
    Day,
}

/// How the truncated date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// As the beginning of the date: `1988`, `1988-Q1`, `1988-02` or `1988-02-09`.
    Prefix,
    /// As the instant at which the unit begins in UTC: `2019-08-01T00:00:00Z`.
    Instant,
}

impl DateTrunc {
    /// Appends the truncated date to `out`.
    ///
    /// [`DateForm::Prefix`] takes dates as attributes have them ([`parse_attribute_date`]) and
    /// its own results. [`DateForm::Instant`] takes dates of ISO 8601 with a time and an offset,
    /// whose year in UTC is 0000 to 9999. The operation fails for anything else.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        match self.form {
            DateForm::Prefix => self.apply_to_attribute(value, out),
            DateForm::Instant => self.apply_to_instant(value, out),
        }
    }

    fn apply_to_attribute(self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if let Some(date) = parse_attribute_date(value) {
            self.write_prefix(date, out);
        } else if self.is_result(value) {
            out.extend_from_slice(value);
        } else {
            return Outcome::Failed;
        }
        Outcome::PLAIN
    }

    fn apply_to_instant(self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        let parsed = parse_date(value).filter(|parsed| parsed.time.is_some());
        match parsed.and_then(IsoDate::date_in_utc) {
            Some(date) => self.write_instant(date, out),
            None => return Outcome::Failed,
        }
        Outcome::PLAIN
    }

    /// Whether a value is what this operation writes for an attribute, so that a file can be
    /// processed again.
    fn is_result(self, value: &[u8]) -> bool {
        let is_year = |year: &[u8]| year.iter().all(u8::is_ascii_digit);
        match (self.unit, value) {
            (Unit::Year, [_, _, _, _]) => is_year(value),
            (Unit::Quarter, [year @ .., b'-', b'Q', b'1'..=b'4']) => {
                year.len() == 4 && is_year(year)
            }
            (Unit::Month, _) => parse_date(&[value, b"-01"].concat()).is_some(),
            (Unit::Year | Unit::Quarter | Unit::Day, _) => false,
        }
    }

    fn write_prefix(self, date: Date, out: &mut Vec<u8>) {
        write_date(date, out);
        let cut = match self.unit {
            Unit::Year | Unit::Quarter => "-MM-DD".len(),
            Unit::Month => "-DD".len(),
            Unit::Day => 0,
        };
        out.truncate(out.len() - cut);
        if self.unit == Unit::Quarter {
            out.extend_from_slice(match date.month() {
                ..=3 => b"-Q1",
                4..=6 => b"-Q2",
                7..=9 => b"-Q3",
                10.. => b"-Q4",
            });
        }
    }

    fn write_instant(self, date: Date, out: &mut Vec<u8>) {
        let begin = match self.unit {
            Unit::Year => date.first_of_year(),
            Unit::Quarter => first_of_quarter(date),
            Unit::Month => date.first_of_month(),
            Unit::Day => date,
        };
        write_date(begin, out);
        out.extend_from_slice(b"T00:00:00Z");
    }
}

fn first_of_quarter(date: Date) -> Date {
    let month = (date.month() - 1) / 3 * 3 + 1;
    Date::new(date.year(), month, 1).expect("every month has a first day")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/date_trunc.json");
        vectors::check(file, |params, value, out| {
            let unit = match vectors::text(params, "unit").unwrap() {
                "year" => Unit::Year,
                "quarter" => Unit::Quarter,
                "month" => Unit::Month,
                _ => Unit::Day,
            };
            let form = match vectors::text(params, "form").unwrap() {
                "prefix" => DateForm::Prefix,
                _ => DateForm::Instant,
            };
            DateTrunc { unit, form }.apply(value, out)
        });
    }

    /// `0001-01-01T00:00:00Z` and `9999-12-30T00:00:00Z`.
    const FIRST_SECOND: i64 = -62_135_596_800;
    const LAST_SECOND: i64 = 253_402_128_000;

    proptest! {
        /// The beginning of the unit is not after the instant, and truncating it again changes
        /// nothing.
        #[test]
        fn truncation_is_idempotent(
            second in FIRST_SECOND..=LAST_SECOND,
            unit in proptest::sample::select(vec![
                Unit::Year,
                Unit::Quarter,
                Unit::Month,
                Unit::Day,
            ]),
        ) {
            let instant = jiff::Timestamp::from_second(second).unwrap();
            let cut = DateTrunc { unit, form: DateForm::Instant };
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            cut.apply(instant.to_string().as_bytes(), &mut once);
            cut.apply(&once, &mut twice);
            prop_assert_eq!(&once, &twice);
            let begin: jiff::Timestamp = String::from_utf8(once).unwrap().parse().unwrap();
            prop_assert!(begin <= instant);
        }
    }
}
