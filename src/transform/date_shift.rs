//! `date_shift`: all dates of one person move by the same number of days, which the key decides.
//!
//! - Days between the dates of one person stay what they are; other people move otherwise.
//! - The day moves in the calendar; time and zone stay as they stand.
//! - It moves by −days…−1 or 1…days, never by 0, so no date is written through.
//!
//! Whose the record is stands in one of its fields, as that is before its own operation.

use std::io::Write;

use super::Outcome;
use crate::crypto::MacKey;
use crate::record::{Batch, Text};
use crate::schema::{DateParts, NodeIx, parse_date};

/// The most days that a date may move.
pub const DAYS_MAX: u32 = 36_500;

/// The `date_shift` operation: which of the shifts of a plan it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateShift {
    pub shift: usize,
}

impl DateShift {
    /// Appends the date, moved by so many days; fails where the value is no date, where it is
    /// not known by how much, and where the date leaves the years 0001 to 9999.
    pub fn apply(self, value: &[u8], days: Option<i32>, out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        let (Some(parts), Some(days)) = (parse_date(value), days) else { return Outcome::Failed };
        let Some((year, month, day)) = moved(parts, days) else { return Outcome::Failed };
        write!(out, "{year:04}-{month:02}-{day:02}").expect("a vector takes all that is written");
        out.extend_from_slice(value.get(DATE_BYTES..).unwrap_or(&[]));
        Outcome::PLAIN
    }
}

/// `YYYY-MM-DD`.
const DATE_BYTES: usize = 10;

fn moved(parts: DateParts, days: i32) -> Option<(i32, i32, i32)> {
    let day = day_number(parts.year.into(), parts.month.into(), parts.day.into());
    Some(date_of(day + days)).filter(|(year, _, _)| (1..=9999).contains(year))
}

const DAYS_IN_400_YEARS: i32 = 146_097;

/// Days since the 1st of March of the year 0, in the proleptic Gregorian calendar: a year that
/// begins with March ends with its leap day.
fn day_number(year: i32, month: i32, day: i32) -> i32 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * DAYS_IN_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year
}

/// The year, month and day of a day's number.
fn date_of(number: i32) -> (i32, i32, i32) {
    let (era, of_era) =
        (number.div_euclid(DAYS_IN_400_YEARS), number.rem_euclid(DAYS_IN_400_YEARS));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i32::from(month < 3);
    (year, month, day)
}

/// One way to move dates: by whom, how far, and with which key.
#[derive(Debug)]
pub struct ShiftKey {
    /// The field that says whose a record is.
    pub by: NodeIx,
    /// The most days: 1 to [`DAYS_MAX`].
    pub days: u32,
    pub key: MacKey,
}

impl ShiftKey {
    /// By how many days the dates of a person move: not 0.
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

/// By how much the dates of each row move, for each shift of a plan.
#[derive(Debug, Default)]
pub struct Shifts {
    /// 0 where it is not known.
    days: Vec<Vec<i32>>,
}

impl Shifts {
    /// Reads whose the rows are. It has to be called before an operation changes that.
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

    /// By how much the dates of a row move; none where it is not known whose it is.
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
    fn holds_to_the_vectors() {
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

    #[test]
    fn days_are_numbered_in_the_order_of_the_calendar() {
        let mut number = day_number(0, 1, 1);
        for year in 0..=9999 {
            for month in 1..=12 {
                let next = if month == 12 {
                    day_number(year + 1, 1, 1)
                } else {
                    day_number(year, month + 1, 1)
                };
                for day in 1..=next - number {
                    assert_eq!(day_number(year, month, day), number);
                    assert_eq!(date_of(number), (year, month, day));
                    number += 1;
                }
            }
        }
    }

    proptest! {
        /// As another calendar reckons.
        #[test]
        fn a_date_moves_by_its_days(second in -60_000_000_000_i64..200_000_000_000, days in 1..36_500) {
            let date = jiff::Timestamp::from_second(second).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
            let expected = date.checked_add(jiff::Span::new().days(days)).unwrap().to_string();
            let mut made = Vec::new();
            DateShift { shift: 0 }.apply(date.to_string().as_bytes(), Some(days), &mut made);
            prop_assert_eq!(String::from_utf8(made).unwrap(), expected);
        }

        /// Never by nothing, never too far, and by all that is between.
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
