//! Dates in the extended form of ISO 8601: `1988-02-09`, alone or with a time and a UTC offset.
//!
//! Everything that reads or moves a date does it here: one parser, and the calendar of [`jiff`].
//!
//! - Dates are in the proleptic Gregorian calendar, years 0000 to 9999.
//! - A time must have an offset; without one it is not an instant. Leap seconds (`:60`) and hour 24
//!   are refused.
//! - Letters are upper case, and `T` separates date and time.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// A date, and the time of day if the text has one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IsoDate {
    pub date: Date,
    pub time: Option<IsoTime>,
}

/// A time of day and its offset from UTC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IsoTime {
    pub clock: Time,
    /// How far the clock is ahead of UTC, −1439 to 1439 minutes.
    pub offset_minutes: i16,
}

/// Parses `YYYY-MM-DD`, optionally followed by `THH:MM[:SS[.digits]]` and `Z`, `±HH:MM`, `±HHMM`
/// or `±HH`.
///
/// A fraction has one to nine digits. Returns `None` for anything else.
pub fn parse_date(value: &[u8]) -> Option<IsoDate> {
    let (date, rest) = value.split_first_chunk::<10>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = i16::from(two_digits(y1, y2)?) * 100 + i16::from(two_digits(y3, y4)?);
    let date = calendar_date(year, two_digits(m1, m2)?, two_digits(d1, d2)?)?;
    let time = match rest {
        [] => None,
        [b'T', time @ ..] => Some(parse_time(time)?),
        _ => return None,
    };
    Some(IsoDate { date, time })
}

/// Parses a date as attributes have it, and returns it as written: `YYYY-MM-DD`, optionally followed
/// by `T` or a blank and `HH:MM[:SS[.digits]]`, with or without an offset.
///
/// Returns `None` for anything else.
pub fn parse_attribute_date(value: &[u8]) -> Option<Date> {
    let (date, rest) = value.split_first_chunk::<10>()?;
    if let [b'T' | b' ', time @ ..] = rest {
        let has_offset = parse_time(time).is_some();
        if !has_offset && !is_local_time(time) {
            return None;
        }
        return parse_date(date).map(|parsed| parsed.date);
    }
    parse_date(value).map(|parsed| parsed.date)
}

/// A time zone of the tz database, for times without an offset.
#[derive(Clone)]
pub struct DateZone(TimeZone);

impl DateZone {
    /// The zone with this name; `None` if there is none.
    pub fn new(name: &str) -> Option<DateZone> {
        TimeZone::get(name).ok().map(DateZone)
    }

    /// The instant of a local time, as a time in UTC. `None` if the zone has it twice or not at all, as
    /// when clocks are changed.
    pub fn in_utc(&self, local: DateTime) -> Option<DateTime> {
        let instant = self.0.to_ambiguous_timestamp(local).unambiguous().ok()?;
        let utc = TimeZone::UTC.to_datetime(instant);
        (0..=9999).contains(&utc.year()).then_some(utc)
    }
}

impl fmt::Debug for DateZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("DateZone"))
    }
}

/// Parses `YYYY-MM-DDTHH:MM[:SS[.digits]]`, without an offset. Returns `None` for anything else.
pub fn parse_local_time(value: &[u8]) -> Option<DateTime> {
    let (date, rest) = value.split_first_chunk::<10>()?;
    let [b'T', time @ ..] = rest else { return None };
    if !is_local_time(time) {
        return None;
    }
    // With an offset of zero, it is read like any other.
    let with_offset = [time, b"Z"].concat();
    let time = parse_time(&with_offset)?;
    Some(parse_date(date)?.date.to_datetime(time.clock))
}

/// Whether a text is `HH:MM[:SS[.digits]]` without an offset.
fn is_local_time(text: &[u8]) -> bool {
    let Some((clock, rest)) = text.split_first_chunk::<5>() else { return false };
    let [h1, h2, b':', m1, m2] = *clock else { return false };
    let is_clock = two_digits_to(23, h1, h2).is_some() && two_digits_to(59, m1, m2).is_some();
    is_clock && parse_seconds(rest).is_some_and(|(_, _, rest)| rest.is_empty())
}

/// Appends a date of the years 0000 to 9999 as `YYYY-MM-DD`.
pub fn write_date(date: Date, out: &mut Vec<u8>) {
    let [y1, y2] = digits_of(date.year() / 100);
    let [y3, y4] = digits_of(date.year() % 100);
    let [m1, m2] = digits_of(date.month().into());
    let [d1, d2] = digits_of(date.day().into());
    out.extend_from_slice(&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]);
}

/// The digits of a number from 0 to 99.
fn digits_of(number: i16) -> [u8; 2] {
    let digit = |digit: i16| b'0' + u8::try_from(digit).expect("a number from 0 to 99");
    [digit(number / 10), digit(number % 10)]
}

impl IsoDate {
    /// Returns the date in UTC, or `None` if its year is not 0000 to 9999.
    ///
    /// A date without a time is returned as it is.
    pub fn date_in_utc(self) -> Option<Date> {
        let minute = self.time.map_or(0, IsoTime::utc_minute);
        let date = match minute.div_euclid(DAY_MINUTES) {
            0 => self.date,
            ..0 => self.date.yesterday().ok()?,
            1.. => self.date.tomorrow().ok()?,
        };
        (date.year() >= 0).then_some(date)
    }

    /// Returns the date and time in UTC, or `None` if its year is not 0000 to 9999.
    ///
    /// A date without a time is midnight in UTC.
    pub fn in_utc(self) -> Option<DateTime> {
        let date = self.date_in_utc()?;
        let Some(time) = self.time else { return Some(date.to_datetime(Time::midnight())) };
        let minute = time.utc_minute().rem_euclid(DAY_MINUTES);
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let clock = time.clock.with().hour(hour).minute(minute).build().ok()?;
        Some(date.to_datetime(clock))
    }

    /// Returns the seconds from 1970-01-01T00:00Z to the instant, or to midnight in UTC if there is no
    /// time, and the nanoseconds that it is later.
    pub fn unix_time(&self) -> (i64, u32) {
        let midnight = self.date.duration_since(Date::constant(1970, 1, 1)).as_secs();
        let Some(time) = self.time else { return (midnight, 0) };
        let seconds = midnight + i64::from(time.utc_minute()) * 60 + i64::from(time.clock.second());
        (seconds, time.clock.subsec_nanosecond().unsigned_abs())
    }

    /// Returns the milliseconds from 1970-01-01T00:00Z to the instant, or to midnight in UTC if
    /// there is no time. Fractions of a millisecond are cut off.
    pub fn unix_millis(&self) -> i64 {
        let (seconds, nanoseconds) = self.unix_time();
        seconds * 1000 + i64::from(nanoseconds / 1_000_000)
    }
}

const DAY_MINUTES: i16 = 24 * 60;

impl IsoTime {
    /// The minutes in UTC since midnight of the local date: negative on the day before, and from
    /// [`DAY_MINUTES`] on the day after.
    fn utc_minute(self) -> i16 {
        i16::from(self.clock.hour()) * 60 + i16::from(self.clock.minute()) - self.offset_minutes
    }
}

/// As [`Date::new`], which allocates its errors: that is left to days such as February 30.
fn calendar_date(year: i16, month: i8, day: i8) -> Option<Date> {
    let is_plausible = (1..=12).contains(&month) && (1..=31).contains(&day);
    if is_plausible { Date::new(year, month, day).ok() } else { None }
}

fn parse_time(text: &[u8]) -> Option<IsoTime> {
    let (clock, rest) = text.split_first_chunk::<5>()?;
    let [h1, h2, b':', m1, m2] = *clock else { return None };
    let (hour, minute) = (two_digits_to(23, h1, h2)?, two_digits_to(59, m1, m2)?);
    let (second, nanosecond, offset) = parse_seconds(rest)?;
    Some(IsoTime {
        clock: Time::new(hour, minute, second, nanosecond).ok()?,
        offset_minutes: parse_offset(offset)?,
    })
}

/// Returns the seconds, the nanoseconds and the rest of the text. The seconds are optional.
fn parse_seconds(text: &[u8]) -> Option<(i8, i32, &[u8])> {
    match text {
        [b':', s1, s2, b'.', rest @ ..] => {
            let (nanosecond, rest) = parse_fraction(rest)?;
            Some((two_digits_to(59, *s1, *s2)?, nanosecond, rest))
        }
        [b':', s1, s2, rest @ ..] => Some((two_digits_to(59, *s1, *s2)?, 0, rest)),
        _ => Some((0, 0, text)),
    }
}

/// The nanoseconds of the last digit of a fraction, by the number of digits less one.
const FRACTION_UNITS: [i32; 9] =
    [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000, 100, 10, 1];

/// Returns the nanoseconds and the rest of the text.
fn parse_fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit = FRACTION_UNITS.get(len.checked_sub(1)?)?;
    let (digits, rest) = text.split_at(len);
    let number = digits.iter().fold(0, |number, digit| number * 10 + i32::from(digit - b'0'));
    Some((number * unit, rest))
}

/// Returns the minutes ahead of UTC.
fn parse_offset(text: &[u8]) -> Option<i16> {
    let (sign, hours, minutes) = match *text {
        [b'Z'] => return Some(0),
        [sign, h1, h2] => (sign, two_digits_to(23, h1, h2)?, 0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => {
            (sign, two_digits_to(23, h1, h2)?, two_digits_to(59, m1, m2)?)
        }
        _ => return None,
    };
    let offset = i16::from(hours) * 60 + i16::from(minutes);
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

fn two_digits_to(max: i8, tens: u8, ones: u8) -> Option<i8> {
    two_digits(tens, ones).filter(|number| *number <= max)
}

fn two_digits(tens: u8, ones: u8) -> Option<i8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| (tens * 10 + ones).cast_signed())
}

/// Shows no part of the date, which may be a birthday.
impl fmt::Debug for IsoDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IsoDate(…)")
    }
}

/// Shows no part of the time.
impl fmt::Debug for IsoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IsoTime(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, day: (i16, i8, i8), time: Option<(i8, i8, i8, i32, i16)>) {
        let IsoDate { date, time: found } = parse_date(text.as_bytes()).expect(text);
        assert_eq!((date.year(), date.month(), date.day()), day, "{text}");
        let found = found.map(|IsoTime { clock, offset_minutes }| {
            let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
            (hour, minute, second, clock.subsec_nanosecond(), offset_minutes)
        });
        assert_eq!(found, time, "{text}");
    }

    #[test]
    fn dates_and_times_are_parsed() {
        let day = (1988, 2, 9);
        check("1988-02-09", day, None);
        check("1988-02-09T00:00Z", day, Some((0, 0, 0, 0, 0)));
        check("1988-02-09T23:59:58Z", day, Some((23, 59, 58, 0, 0)));
        check("1988-02-09T10:54:35.220Z", day, Some((10, 54, 35, 220_000_000, 0)));
        check("1988-02-09T10:54:35.000000001Z", day, Some((10, 54, 35, 1, 0)));
        check("1988-02-09T10:54:35.999999999Z", day, Some((10, 54, 35, 999_999_999, 0)));
        check("1988-02-09T10:54:35.5+05:30", day, Some((10, 54, 35, 500_000_000, 330)));
        check("1988-02-09T10:54-0930", day, Some((10, 54, 0, 0, -570)));
        check("1988-02-09T10:54:00+14", day, Some((10, 54, 0, 0, 840)));
        check("1988-02-09T10:54-00:00", day, Some((10, 54, 0, 0, 0)));
        check("0000-02-29", (0, 2, 29), None);
        check("9999-12-31T00:00-23:59", (9999, 12, 31), Some((0, 0, 0, 0, -1439)));
    }

    #[test]
    fn instants_are_counted_from_1970() {
        #[track_caller]
        fn check(text: &str, millis: i64) {
            assert_eq!(parse_date(text.as_bytes()).expect(text).unix_millis(), millis, "{text}");
        }
        check("1970-01-01", 0);
        check("1970-01-01T00:00Z", 0);
        check("1969-12-31T23:59:59.999Z", -1);
        check("1969-12-31T23:59:59.9999Z", -1);
        check("2000-03-01T00:00+01:00", 951_865_200_000);
        check("2019-08-23T10:54:35.2209Z", 1_566_557_675_220);
        check("0000-01-01", -62_167_219_200_000);
        check("9999-12-31T23:59:59Z", 253_402_300_799_000);
    }

    #[test]
    fn days_are_counted_one_by_one() {
        let mut millis = parse_date(b"0000-01-01").expect("a date").unix_millis();
        for year in 0..=9999_u16 {
            for (month, days) in (1..).zip(days_of_months(year)) {
                let first = format!("{year:04}-{month:02}-01");
                let date = parse_date(first.as_bytes()).expect("a date");
                assert_eq!(date.unix_millis(), millis, "{first}");
                millis += i64::from(days) * 86_400_000;
            }
        }
    }

    fn days_of_months(year: u16) -> [u8; 12] {
        let is_leap =
            (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
        let february = if is_leap { 29 } else { 28 };
        [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for year in 0..=9999_u16 {
            for (month, days) in (1..).zip(days_of_months(year)) {
                let date = |day: u8| format!("{year:04}-{month:02}-{day:02}");
                let last = parse_date(date(days).as_bytes()).expect("a date");
                assert!(parse_date(date(days + 1).as_bytes()).is_none());
                let mut written = Vec::new();
                write_date(last.date, &mut written);
                assert_eq!(String::from_utf8(written).expect("ASCII"), date(days));
            }
        }
        assert!(parse_date(b"2020-00-01").is_none());
        assert!(parse_date(b"2020-13-01").is_none());
        assert!(parse_date(b"2020-01-00").is_none());
    }

    #[test]
    fn dates_are_converted_to_utc() {
        #[track_caller]
        fn check(text: &str, utc: Option<&str>) {
            let date = parse_date(text.as_bytes()).expect(text);
            assert_eq!(date.in_utc().map(|utc| utc.to_string()).as_deref(), utc, "{text}");
            assert_eq!(date.date_in_utc(), date.in_utc().map(DateTime::date), "{text}");
        }
        check("2024-02-29", Some("2024-02-29T00:00:00"));
        check("2024-02-29T10:54:35.5Z", Some("2024-02-29T10:54:35.5"));
        check("2024-03-01T00:30+01:00", Some("2024-02-29T23:30:00"));
        check("2023-12-31T23:59:59-00:01", Some("2024-01-01T00:00:59"));
        check("2024-01-01T00:00+23:59", Some("2023-12-31T00:01:00"));
        check("2024-01-01T00:00-23:59", Some("2024-01-01T23:59:00"));
        check("0000-01-01T00:00Z", Some("0000-01-01T00:00:00"));
        check("0000-01-01T00:00+00:01", None);
        check("9999-12-31T23:59-00:01", None);
    }

    #[test]
    fn no_part_is_shown() {
        let shown = format!("{:?}", parse_date(b"1988-02-09T10:54Z"));
        assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            parse_date(&value);
        }

        #[test]
        fn anything_like_a_date_is_read_or_refused(
            value in "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{0,12}[-+Z][0-9:]{0,5})?",
        ) {
            parse_date(value.as_bytes());
        }
    }
}
