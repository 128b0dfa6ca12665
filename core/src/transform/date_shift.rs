//! `date_shift`: moves all dates of a person by the same number of days, which depends on the key.
//!
//! - The days between two dates of one person stay the same. Other people's dates move by other
//!   numbers of days.
//! - Only the date moves; the time and the offset stay as written.
//! - A date moves by −days to −1 or by 1 to days, never by 0, so no date is written unchanged.
//!
//! One field of the record identifies the person. Its value is read before its own operation
//! replaces it.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::Outcome;
use crate::crypto::MacKey;
use crate::record::{Batch, Text};
use crate::schema::{NodeIx, parse_attribute_date, write_date};

/// The most days by which a definition may move dates.
pub const DAYS_MAX: u32 = 36_500;

/// The `date_shift` operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateShift {
    /// The index of its [`ShiftKey`] in the plan.
    pub shift: usize,
}

impl DateShift {
    /// Appends the date moved by `days`.
    ///
    /// Fails if the value is not a date ([`parse_attribute_date`]), if `days` is `None` because the person is not
    /// known, or if the new date is not in the years 0001 to 9999.
    pub fn apply(self, value: &[u8], days: Option<i32>, out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        let (Some(date), Some(days)) = (parse_attribute_date(value), days) else {
            return Outcome::Failed;
        };
        let Some(date) = add_days(date, days) else { return Outcome::Failed };
        write_date(date, out);
        out.extend_from_slice(value.get(DATE_BYTES..).unwrap_or(&[]));
        Outcome::PLAIN
    }
}

const DATE_BYTES: usize = "YYYY-MM-DD".len();

fn add_days(date: Date, days: i32) -> Option<Date> {
    let date = date.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()?;
    (date.year() >= 1).then_some(date)
}

/// One way to move dates: for whom, how far, and with which key.
#[derive(Debug)]
pub struct ShiftKey {
    /// The field that identifies the person.
    pub by: NodeIx,
    /// The most days that a date moves: 1 to [`DAYS_MAX`].
    pub days: u32,
    pub key: MacKey,
}

impl ShiftKey {
    /// Returns the number of days that the dates of a person move by. It is never 0.
    fn days_of(&self, person: &[u8]) -> i32 {
        let mac = self.key.mac(person);
        let first = mac.first_chunk::<8>().expect("it has 32 bytes");
        let days = u64::from(self.days);
        let place = u64::from_be_bytes(*first) % (2 * days);
        let (place, days) = (i32::try_from(place), i32::try_from(days));
        let (place, days) = (place.expect("at most 73,000"), days.expect("at most 36,500"));
        if place < days { place - days } else { place - days + 1 }
    }
}

/// The days that the dates of each row of a batch move by, for each [`ShiftKey`] of a plan.
#[derive(Debug, Default)]
pub struct Shifts {
    /// By shift and row; 0 if the person is not known.
    days: Vec<Vec<i32>>,
}

impl Shifts {
    /// Computes the days of all rows.
    ///
    /// To be called before any operation, since those may replace what identifies the person.
    pub fn learn(&mut self, keys: &[ShiftKey], chunk: &[u8], batch: &Batch) {
        self.days.resize_with(keys.len(), Vec::new);
        let text = Text { chunk, arena: &batch.arena };
        for (days, key) in self.days.iter_mut().zip(keys) {
            days.clear();
            days.extend((0..batch.rows.len()).map(|row| {
                let slot = batch.slot(row, key.by);
                let is_known = slot.is_text() && !slot.is_empty();
                if is_known { key.days_of(text.of(slot)) } else { 0 }
            }));
        }
    }

    /// Returns the days that the dates of a row move by, or `None` if the person is not known.
    pub(super) fn days(&self, shift: DateShift, row: usize) -> Option<i32> {
        self.days.get(shift.shift)?.get(row).copied().filter(|days| *days != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::MasterKey;
    use crate::transform::vectors;

    #[test]
    fn matches_the_vectors() {
        let file = include_str!("../../schemas/vectors/date_shift.json");
        vectors::check(file, |params, value, out| {
            let text = |name| vectors::text(params, name).unwrap();
            let key = ShiftKey {
                by: 0,
                days: vectors::count(params, "days").unwrap().try_into().unwrap(),
                key: MasterKey::parse(text("key")).unwrap().derive_shift(text("join")),
            };
            let person = text("person");
            let days = (!person.is_empty()).then(|| key.days_of(person.as_bytes()));
            DateShift { shift: 0 }.apply(value, days, out)
        });
    }

    /// Days since 0000-03-01. A year that begins with March ends with its leap day.
    /// See <https://howardhinnant.github.io/date_algorithms.html>.
    fn day_number(date: &str) -> i64 {
        let mut numbers = date.split('-').map(|number| number.parse::<i64>().unwrap());
        let (year, month, day) =
            (numbers.next().unwrap(), numbers.next().unwrap(), numbers.next().unwrap());
        let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap_days + (153 * month + 2) / 5 + day - 1
    }

    #[track_caller]
    fn check(date: &str, days: i32) {
        let mut made = Vec::new();
        let outcome = DateShift { shift: 0 }.apply(date.as_bytes(), Some(days), &mut made);
        assert_eq!(outcome, Outcome::PLAIN, "{date} {days}");
        let made = String::from_utf8(made).unwrap();
        assert_eq!(day_number(&made), day_number(date) + i64::from(days), "{date} {days}");
    }

    #[test]
    fn every_date_moves_to_the_next() {
        for (year, month, day) in (1..9999_u32)
            .flat_map(|year| (1..=12_u32).map(move |month| (year, month)))
            .flat_map(|(year, month)| [28, 29, 30, 31].map(move |day| (year, month, day)))
        {
            let date = format!("{year:04}-{month:02}-{day:02}");
            if parse_attribute_date(date.as_bytes()).is_some() {
                check(&date, 1);
            }
        }
    }

    proptest! {
        /// As computed by another algorithm.
        #[test]
        fn a_date_moves_by_its_days(
            year in 101..=9899_u32,
            month in 1..=12_u32,
            day in 1..=28_u32,
            days in -36_500..=36_500_i32,
        ) {
            check(&format!("{year:04}-{month:02}-{day:02}"), days);
        }

        /// Never by 0, and never too far.
        #[test]
        fn shifts_are_in_their_range(days in 1_u32..=DAYS_MAX, person in ".{1,40}") {
            let key = MasterKey::demo().derive_shift("person");
            let shift = ShiftKey { by: 0, days, key }.days_of(person.as_bytes());
            prop_assert!(shift != 0 && shift.unsigned_abs() <= days);
        }
    }

    #[test]
    fn every_shift_occurs() {
        let shift = ShiftKey { by: 0, days: 3, key: MasterKey::demo().derive_shift("person") };
        let met: std::collections::BTreeSet<i32> =
            (0..200).map(|n: u32| shift.days_of(&n.to_be_bytes())).collect();
        assert_eq!(met.into_iter().collect::<Vec<_>>(), [-3, -2, -1, 1, 2, 3]);
    }
}
