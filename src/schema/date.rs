//! Reads dates of ISO 8601 in its extended form: `1988-02-09`, alone or with time and zone.
//!
//! - The day is one of the calendar (proleptic Gregorian, years 0000 to 9999).
//! - A time has a zone; without one it is no instant. There is no leap second and no hour 24.
//! - Letters are capitals, and the parts are joined by `T`, as the standard has them.

use std::fmt;

/// A day, and the time of it if there is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DateParts {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    pub time: Option<TimeParts>,
}

/// A time of day in a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TimeParts {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Below 10⁹.
    pub nanosecond: u32,
    /// How far the clock is ahead of UTC, −1439 to 1439 minutes: less this, it is UTC.
    pub offset_minutes: i16,
}

/// Reads `YYYY-MM-DD`, or that with `THH:MM[:SS[.digits]]` and `Z`, `±HH:MM`, `±HHMM` or `±HH`.
///
/// A fraction has one to nine digits. None for anything else.
pub fn parse_date(value: &[u8]) -> Option<DateParts> {
    let (date, rest) = value.split_first_chunk::<10>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = u16::from(two_digits(y1, y2)?) * 100 + u16::from(two_digits(y3, y4)?);
    let month = two_digits(m1, m2)?;
    let day = two_digits(d1, d2)?;
    if day == 0 || days_in_month(year, month) < day {
        return None;
    }
    let time = match rest {
        [] => None,
        [b'T', time @ ..] => Some(parse_time(time)?),
        _ => return None,
    };
    Some(DateParts { year, month, day, time })
}

impl DateParts {
    /// Milliseconds from 1970-01-01T00:00Z to the instant, and to the beginning of the day where
    /// there is no time; what is below a millisecond is cut off.
    pub fn unix_millis(&self) -> i64 {
        let days = days_before(self.year, self.month) + i64::from(self.day) - 1;
        let Some(time) = &self.time else { return days * 86_400_000 };
        let minutes =
            i64::from(time.hour) * 60 + i64::from(time.minute) - i64::from(time.offset_minutes);
        let seconds = (days * 1440 + minutes) * 60 + i64::from(time.second);
        seconds * 1000 + i64::from(time.nanosecond / 1_000_000)
    }
}

/// Days from 1970-01-01 to the beginning of the month.
fn days_before(year: u16, month: u8) -> i64 {
    // Years that begin in March end with the leap day; see https://howardhinnant.github.io/date_algorithms.html
    let (year, month) = (i64::from(year), i64::from(month));
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 - 719_468
}

fn parse_time(text: &[u8]) -> Option<TimeParts> {
    let (clock, rest) = text.split_first_chunk::<5>()?;
    let [h1, h2, b':', m1, m2] = *clock else { return None };
    let (second, nanosecond, zone) = parse_seconds(rest)?;
    Some(TimeParts {
        hour: two_digits_to(23, h1, h2)?,
        minute: two_digits_to(59, m1, m2)?,
        second,
        nanosecond,
        offset_minutes: parse_offset(zone)?,
    })
}

/// Seconds, nanoseconds, and what is left; no seconds are none.
fn parse_seconds(text: &[u8]) -> Option<(u8, u32, &[u8])> {
    match text {
        [b':', s1, s2, b'.', rest @ ..] => {
            let (nanosecond, rest) = parse_fraction(rest)?;
            Some((two_digits_to(59, *s1, *s2)?, nanosecond, rest))
        }
        [b':', s1, s2, rest @ ..] => Some((two_digits_to(59, *s1, *s2)?, 0, rest)),
        _ => Some((0, 0, text)),
    }
}

fn parse_fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    const DIGITS_MAX: usize = 9;
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 || DIGITS_MAX < len {
        return None;
    }
    let (digits, rest) = text.split_at(len);
    let zeros = b"00000000".iter().take(DIGITS_MAX - len);
    let nanosecond =
        digits.iter().chain(zeros).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((nanosecond, rest))
}

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

/// 0 where there is no such month.
fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn two_digits_to(max: u8, tens: u8, ones: u8) -> Option<u8> {
    two_digits(tens, ones).filter(|number| *number <= max)
}

fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}

/// A date may be somebody's birthday, so it is not shown.
impl fmt::Debug for DateParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateParts(…)")
    }
}

impl fmt::Debug for TimeParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimeParts(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, day: (u16, u8, u8), time: Option<(u8, u8, u8, u32, i16)>) {
        let parts = parse_date(text.as_bytes()).expect(text);
        assert_eq!((parts.year, parts.month, parts.day), day, "{text}");
        let found =
            parts.time.map(|t| (t.hour, t.minute, t.second, t.nanosecond, t.offset_minutes));
        assert_eq!(found, time, "{text}");
    }

    #[test]
    fn parts_are_what_the_text_says() {
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
    fn an_instant_is_counted_from_1970() {
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
        let mut days = parse_date(b"0000-01-01").expect("a date").unix_millis() / 86_400_000;
        for year in 0..=9999_u16 {
            for month in 1..=12_u8 {
                assert_eq!(days_before(year, month), days, "{year}-{month}");
                days += i64::from(days_in_month(year, month));
            }
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for year in 0..=9999_u16 {
            let february =
                if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 { 29 } else { 28 };
            let days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, days) in (1..).zip(days) {
                let date = |day: u8| format!("{year:04}-{month:02}-{day:02}");
                assert!(parse_date(date(days).as_bytes()).is_some());
                assert!(parse_date(date(days + 1).as_bytes()).is_none());
            }
        }
        assert!(parse_date(b"2020-00-01").is_none());
        assert!(parse_date(b"2020-13-01").is_none());
        assert!(parse_date(b"2020-01-00").is_none());
    }

    #[test]
    fn no_part_is_shown() {
        let shown = format!("{:?}", parse_date(b"1988-02-09T10:54Z"));
        assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
    }
}
