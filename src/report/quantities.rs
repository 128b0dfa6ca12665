//! Numbers for people: `1,204,332`, `412 MB`, `0.3%`, `3 min 12 s`.

use std::time::Duration;

/// A count, in groups of three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 file`, `2,000 files`.
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

/// Bytes in decimal units, rounded; below ten of a unit with one decimal: `812 bytes`, `1.0 GB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if number < 1000 {
        return counted(number, "byte");
    }
    let (number, mut size) = (u128::from(number), 1000);
    for name in UNITS {
        let (tenths, whole) = ((number * 10 + size / 2) / size, (number + size / 2) / size);
        if tenths < 100 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        if whole < 1000 || name == "TB" {
            return format!("{whole} {name}");
        }
        size *= 1000;
    }
    unreachable!("the last unit takes all")
}

/// A share with one decimal. `0.0%` means none and `100.0%` means all.
pub fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0.0%".to_owned();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    match (part * 1000 + whole / 2) / whole {
        0 => "<0.1%".to_owned(),
        1000.. if part < whole => ">99.9%".to_owned(),
        permille => format!("{}.{}%", permille / 10, permille % 10),
    }
}

/// `12 ms`, `12.4 s`, `3 min 12 s`, `1 h 04 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64().min(59.9)),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The nearest whole number; 0 for a negative number or NaN.
pub fn whole(number: f64) -> u64 {
    // Going through text cannot truncate or wrap silently.
    format!("{number:.0}").parse().unwrap_or(0)
}

/// The rate per second; `None` if the time is below a millisecond.
pub fn per_second(number: u64, time: Duration) -> Option<u64> {
    let per_second = u128::from(number) * 1000 / Some(time.as_millis()).filter(|ms| 0 < *ms)?;
    u64::try_from(per_second).ok()
}

/// A count as a number of a format that has no others.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_204_332, "1,204,332")];
        for (number, expected) in cases {
            assert_eq!(count(number), expected);
        }
        assert_eq!(
            (counted(1, "file"), counted(0, "file")),
            ("1 file".to_owned(), "0 files".to_owned())
        );
    }

    #[test]
    fn bytes_take_the_unit_that_fits() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (9_940_000, "9.9 MB"),
            (9_950_000, "10 MB"),
            (56_730, "57 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_000_000_000, "1.0 GB"),
            (u64::MAX, "18446744 TB"),
        ];
        for (number, expected) in cases {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn small_shares_are_not_zero_and_large_ones_not_all() {
        let cases = [
            (0, 0, "0.0%"),
            (0, 5, "0.0%"),
            (5, 5, "100.0%"),
            (1, 100_000, "<0.1%"),
            (99_999, 100_000, ">99.9%"),
            (1, 3, "33.3%"),
            (u64::MAX, u64::MAX, "100.0%"),
        ];
        for (part, whole, expected) in cases {
            assert_eq!(percent(part, whole), expected);
        }
    }

    #[test]
    fn times_are_short() {
        let cases = [
            (0, "0 ms"),
            (999, "999 ms"),
            (12_440, "12.4 s"),
            (59_990, "59.9 s"),
            (192_000, "3 min 12 s"),
            (3_840_000, "1 h 04 min"),
        ];
        for (millis, expected) in cases {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        assert_eq!(per_second(500, Duration::from_millis(250)), Some(2000));
        assert_eq!(per_second(500, Duration::ZERO), None);
        assert_eq!((whole(166.6), whole(f64::NAN), whole(-1.0)), (167, 0, 0));
    }
}
