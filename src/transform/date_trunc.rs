//! `date_trunc`: a date becomes the year, quarter, month or day that it lies in.
//!
//! - In an attribute the date is cut as it stands: `1988-02-09T23:30:00-05:00` is `1988-02-09`
//!   by day, since that is the date its writer meant.
//! - In a date field the value is an instant: it is taken to UTC first and then cut.
//!
//! A date is `YYYY-MM-DD`, alone or with time and zone (ISO 8601), and stands in the calendar.

use std::io::Write;

use super::Outcome;

/// The `date_trunc` operation.
#[derive(Clone, Copy, Debug)]
pub struct DateTrunc {
    pub unit: Unit,
    pub form: DateForm,
}

/// What is left of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Year,
    Quarter,
    Month,
    Day,
}

/// What a field takes for a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// Text: the beginning of the date as it stands, `1988`, `1988-Q1`, `1988-02`, `1988-02-09`.
    Prefix,
    /// An instant: where the unit begins in UTC, `2019-08-01T00:00:00Z`.
    Instant,
}

impl DateTrunc {
    /// Appends the cut date to `out`; fails where the value is no date, and for an instant
    /// also where it has no time and zone or leaves the years 0000 to 9999 in UTC.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> Outcome {
        if value.is_empty() {
            return Outcome::PLAIN;
        }
        let Some(parts) = parse(value) else { return Outcome::Failed };
        match self.form {
            DateForm::Prefix => self.write_prefix(parts.date, out),
            DateForm::Instant => match parts.date_in_utc() {
                Some(date) => self.write_instant(date, out),
                None => return Outcome::Failed,
            },
        }
        Outcome::PLAIN
    }

    fn write_prefix(self, date: Date, out: &mut Vec<u8>) {
        let Date { year, month, day } = date;
        match self.unit {
            Unit::Year => write!(out, "{year:04}"),
            Unit::Quarter => write!(out, "{year:04}-Q{}", month.div_ceil(3)),
            Unit::Month => write!(out, "{year:04}-{month:02}"),
            Unit::Day => write!(out, "{year:04}-{month:02}-{day:02}"),
        }
        .expect("a vector takes all that is written");
    }

    fn write_instant(self, date: Date, out: &mut Vec<u8>) {
        let year = date.year;
        let (month, day) = match self.unit {
            Unit::Year => (1, 1),
            Unit::Quarter => (date.month.div_ceil(3) * 3 - 2, 1),
            Unit::Month => (date.month, 1),
            Unit::Day => (date.month, date.day),
        };
        write!(out, "{year:04}-{month:02}-{day:02}T00:00:00Z")
            .expect("a vector takes all that is written");
    }
}

const MINUTES_A_DAY: i16 = 24 * 60;

/// A day of the proleptic Gregorian calendar, in the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: u16,
    month: u16,
    day: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    date: Date,
    clock: Option<Clock>,
}

/// A time of day and its zone, in minutes: no unit is cut finer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    minute: i16,
    /// East of UTC.
    offset: i16,
}

impl Parts {
    /// The date in UTC; none where there is no time and zone.
    fn date_in_utc(self) -> Option<Date> {
        let clock = self.clock?;
        let minute = clock.minute - clock.offset;
        if minute < 0 {
            self.date.before()
        } else if minute >= MINUTES_A_DAY {
            self.date.after()
        } else {
            Some(self.date)
        }
    }
}

impl Date {
    fn new(year: u16, month: u16, day: u16) -> Option<Date> {
        let real = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        real.then_some(Date { year, month, day })
    }

    fn before(self) -> Option<Date> {
        match self {
            Date { year, month: 1, day: 1 } => Date::new(year.checked_sub(1)?, 12, 31),
            Date { year, month, day: 1 } => Date::new(year, month - 1, days_in(year, month - 1)),
            Date { year, month, day } => Date::new(year, month, day - 1),
        }
    }

    fn after(self) -> Option<Date> {
        let Date { year, month, day } = self;
        if day < days_in(year, month) {
            Date::new(year, month, day + 1)
        } else if month < 12 {
            Date::new(year, month + 1, 1)
        } else {
            (year < 9999).then_some(Date { year: year + 1, month: 1, day: 1 })
        }
    }
}

fn days_in(year: u16, month: u16) -> u16 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Reads `YYYY-MM-DD[THH:MM[:SS[.d{1,9}]](Z|±HH:MM|±HHMM|±HH)]`; None for anything else.
fn parse(value: &[u8]) -> Option<Parts> {
    let mut rest = value;
    let date = take_date(&mut rest)?;
    let clock = if rest.is_empty() { None } else { Some(take_clock(&mut rest)?) };
    rest.is_empty().then_some(Parts { date, clock })
}

fn take_date(rest: &mut &[u8]) -> Option<Date> {
    let century = take_two_digits(rest)?;
    let year = century * 100 + take_two_digits(rest)?;
    take(rest, b'-')?;
    let month = take_two_digits(rest)?;
    take(rest, b'-')?;
    Date::new(year, month, take_two_digits(rest)?)
}

fn take_clock(rest: &mut &[u8]) -> Option<Clock> {
    take(rest, b'T')?;
    let hour = take_two_digits(rest)?;
    take(rest, b':')?;
    let minute = minutes(hour, take_two_digits(rest)?)?;
    if take(rest, b':').is_some() {
        (take_two_digits(rest)? < 60).then_some(())?;
        if take(rest, b'.').is_some() {
            take_fraction(rest)?;
        }
    }
    Some(Clock { minute, offset: take_offset(rest)? })
}

fn take_fraction(rest: &mut &[u8]) -> Option<()> {
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *rest = rest.get(len..)?;
    (1..=9).contains(&len).then_some(())
}

fn take_offset(rest: &mut &[u8]) -> Option<i16> {
    if take(rest, b'Z').is_some() {
        return Some(0);
    }
    let west = take(rest, b'-').is_some();
    if !west {
        take(rest, b'+')?;
    }
    let hour = take_two_digits(rest)?;
    let minute = match **rest {
        [] => 0,
        [b':', ..] => {
            take(rest, b':')?;
            take_two_digits(rest)?
        }
        _ => take_two_digits(rest)?,
    };
    let offset = minutes(hour, minute)?;
    Some(if west { -offset } else { offset })
}

/// Minutes since midnight; none where the hour or the minute is no such.
fn minutes(hour: u16, minute: u16) -> Option<i16> {
    (hour < 24 && minute < 60).then(|| i16::try_from(hour * 60 + minute).ok())?
}

fn take(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn take_two_digits(rest: &mut &[u8]) -> Option<u16> {
    let ([tens, ones], after) = rest.split_first_chunk()?;
    let number = (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))?;
    *rest = after;
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transform::vectors;

    #[test]
    fn holds_to_the_vectors() {
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

    #[test]
    fn the_day_before_and_the_day_after_undo_each_other() {
        let mut date = Date::new(1899, 12, 31).unwrap();
        for _ in 0..366 * 201 {
            let after = date.after().unwrap();
            assert_eq!(after.before(), Some(date));
            date = after;
        }
        assert_eq!(Date::new(0, 1, 1).unwrap().before(), None);
        assert_eq!(Date::new(9999, 12, 31).unwrap().after(), None);
    }

    /// `0001-01-01T00:00:00Z` and `9999-12-30T00:00:00Z`.
    const FIRST_SECOND: i64 = -62_135_596_800;
    const LAST_SECOND: i64 = 253_402_128_000;

    proptest! {
        /// The instant that a unit begins is at or before the instant itself, and cutting it
        /// again changes nothing.
        #[test]
        fn a_cut_instant_stays_where_it_is(
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

        #[test]
        fn any_bytes_are_read_or_refused(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            parse(&value);
        }

        #[test]
        fn anything_like_a_date_is_read_or_refused(
            value in "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{0,12}[-+Z][0-9:]{0,5})?",
        ) {
            parse(value.as_bytes());
        }
    }
}
